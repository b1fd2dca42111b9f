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


def read(path: Path, prompt: Any, model: Any, output: Any, **more: Any) -> Responses:
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
    pq.write_table(pa.table({"prompt_id": [1], "model": ["m"]}), tmp_path / "r.parquet")
    with pytest.raises(InputError, match="columns prompt_id, model, output"):
        read_responses(tmp_path / "r.parquet")
    for prompt, output in (([[1]], ["x"]), ([1], [["x"]])):
        with pytest.raises(InputError, match="columns prompt_id, model, output"):
            read(tmp_path, prompt, ["m"], output)
    with pytest.raises(InputError, match=r"parquet:2: no prompt_id"):
        read(tmp_path, [1, None], ["m", "m"], ["x", "y"])
