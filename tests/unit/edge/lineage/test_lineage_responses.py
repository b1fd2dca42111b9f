"""Responses in whatever Arrow types a lab has them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from gauger.edge.lineage.responses import Responses, read_responses
from gauger.errors import InputError

TEXT = ["a b", "c — d", None, "A b.", "x"]


def read(path: Path, prompt: Any, model: Any, output: Any, /, **more: Any) -> Responses:
    pq.write_table(pa.table({"prompt_id": prompt, "model": model, "output": output, **more}), path / "r.parquet")
    return read_responses(path / "r.parquet")


@pytest.mark.parametrize(
    "kind", [pa.string(), pa.large_string(), pa.string_view(), pa.dictionary(pa.int32(), pa.string())], ids=str
)
def test_types_of_text_and_ids(tmp_path: Path, kind: pa.DataType) -> None:
    names = pa.array(["m", "n", "m", "n", "o"]).cast(kind)
    for ids in (pa.array([7, 7, 10, 10, 10], pa.int16()), pa.array(["7", "7", "x", "x", "x"]).cast(kind)):
        made = read(tmp_path, ids, names, pa.array(TEXT, pa.string()).cast(kind), more=[0] * 5)
        assert (made.models, len(made.prompts), made.repeats) == (("m", "n", "o"), 2, 0)
        texts = {
            (int(p), int(m)): made.answers.tokens.take(np.array([k])).word.tolist()
            for k, (p, m) in enumerate(zip(made.answers.prompt, made.answers.model, strict=True))
        }
        seven = 1 if ids.type == pa.int16() else 0  # names sort as text: "10" before "7"
        assert texts[seven, 1] == [True, False, True]
        assert texts[1 - seven, 0] == []
        assert texts[1 - seven, 1] == [True, True, False]


def test_rows_of_one_prompt_stand_together(tmp_path: Path) -> None:
    made = read(tmp_path, [2, 1, 2, 1], ["n", "n", "m", "m"], ["b", "a a", "d d d", "c"])
    assert made.answers.prompt.tolist() == [0, 0, 1, 1]
    assert made.answers.model.tolist() == [0, 1, 0, 1]
    assert np.diff(made.answers.tokens.starts).tolist() == [1, 2, 3, 1]


def test_files_of_another_shape(tmp_path: Path) -> None:
    path = tmp_path / "r.parquet"
    for table, said in (
        (pa.table({"prompt_id": [1], "model": ["m"]}), "no column output"),
        (pa.table([[1], ["m"], ["x"], ["x"]], names=["prompt_id", "model", "output", "output"]), "than one column out"),
    ):
        pq.write_table(table, path)
        with pytest.raises(InputError, match=said):
            read_responses(path)
    path.write_bytes(b"no Parquet")
    with pytest.raises(InputError, match="cannot be read as Parquet"):
        read_responses(path)
    for prompt, output, said in (
        ([[1]], ["x"], "column prompt_id is no text but list"),
        ([1], [["x"]], "column output is no text but list"),
    ):
        with pytest.raises(InputError, match=said):
            read(tmp_path, prompt, ["m"], output)
    with pytest.raises(InputError, match=r"parquet:2: no prompt_id"):
        read(tmp_path, [1, None], ["m", "m"], ["x", "y"])


@pytest.mark.parametrize("kind", [pa.binary(), pa.string()], ids=str)
def test_a_text_that_is_no_text_is_named(tmp_path: Path, kind: pa.DataType) -> None:
    output = pa.array([b"x", None, b"caf\xe9"], pa.binary()).view(kind)
    with pytest.raises(InputError, match=r"parquet:3: output is no UTF-8"):
        read(tmp_path, [1, 2, 3], ["m"] * 3, output)


def test_prompts_of_another_type_are_not_heeded(tmp_path: Path) -> None:
    made = read(tmp_path, [1, 2], ["m", "m"], ["x", "y"], prompt=[[{"role": "user"}]] * 2)
    assert made.asked == ("", "")
    assert "the column prompt is no text but list" in made.notes[0]
    made = read(tmp_path, [1, 2], ["m", "m"], ["x", "y"], prompt=["Why?\r\n", None])
    assert (made.asked, made.notes) == (("Why?\n", ""), ())


def test_blanks_around_a_models_name_are_none_of_it(tmp_path: Path) -> None:
    made = read(tmp_path, [1, 2, 1], ["m ", "m", "\tn"], ["x", "y", "z"])
    assert made.models == ("m", "n")


def test_what_is_compared_and_shown_is_free_of_escapes(tmp_path: Path) -> None:
    made = read(tmp_path, [1, 1, 2, 2], ["m", "n"] * 2, ['\\"a\\"\\nb', "c\r\nd", "e\\nf", "g"])
    assert [made.output(k) for k in range(4)] == ['"a"\nb', "c\nd", "e\nf", "g"]
    assert np.diff(made.answers.tokens.starts).tolist() == [5, 3, 3, 1]
