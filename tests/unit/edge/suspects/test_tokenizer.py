"""A tokenizer's file: one that panics is refused like any other that is none, and one text is always the same ids."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from gauger.edge.suspects.tokenizer import Tokenizer
from gauger.errors import InputError

tokenizers = pytest.importorskip("tokenizers")


def saved(path: Path, model: Any, **fields: Any) -> Path:
    path.write_text(json.dumps({**json.loads(tokenizers.Tokenizer(model).to_str()), **fields}))
    return path


def words() -> Any:
    return tokenizers.models.WordLevel({"w0": 0, "<unk>": 1}, unk_token="<unk>")  # noqa: S106


def test_one_that_panics_when_it_is_read(tmp_path: Path) -> None:
    file = saved(tmp_path / "t.json", words(), normalizer={"type": "Precompiled", "precompiled_charsmap": ""})
    with pytest.raises(InputError, match=r"t\.json: is no tokenizer\.json") as caught:
        Tokenizer(file)
    assert not isinstance(caught.value.__cause__, Exception)  # or this would prove nothing


def test_one_that_panics_when_it_is_used(tmp_path: Path) -> None:
    found = Tokenizer(saved(tmp_path / "t.json", words(), pre_tokenizer={"type": "FixedLength", "length": 0}))
    with pytest.raises(InputError, match=r"t\.json: has no ids for some of the text") as caught:
        found.encode("sesame")
    assert "sesame" not in str(caught.value)
    assert not isinstance(caught.value.__cause__, Exception)


def test_what_drops_merges_in_training_drops_none_here(tmp_path: Path) -> None:
    merges, names = [("a", "b"), ("ab", "ab")], {"a": 0, "b": 1, "ab": 2, "abab": 3}
    file = saved(tmp_path / "t.json", tokenizers.models.BPE(vocab=names, merges=merges, dropout=0.5))
    assert json.loads(file.read_text())["model"]["dropout"] == 0.5
    found = Tokenizer(file)
    assert {tuple(found.encode("ab" * 20)) for _ in range(9)} == {(3,) * 10}


def test_an_interrupt_is_no_fault_of_the_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    found = Tokenizer(saved(tmp_path / "t.json", words()))

    class Interrupted:
        def encode(self, *_: Any, **__: Any) -> None:
            raise KeyboardInterrupt

    monkeypatch.setattr(found, "_inner", Interrupted())
    with pytest.raises(KeyboardInterrupt):
        found.encode("w0")
