"""What can be read once only: standard input, and pipes that have a name."""

from __future__ import annotations

import io
import os
import sys

import pytest

from gauger.edge.inputs import kind_of, pieces
from gauger.errors import InputError


def test_standard_input_is_read_for_one_file_only(monkeypatch: pytest.MonkeyPatch) -> None:
    for _ in range(2):  # another stream is another input
        monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(b"a\n")))
        assert b"".join(pieces("-")) == b"a\n"
    with pytest.raises(InputError, match="-: standard input can be read once only"):
        list(pieces("-"))


def test_a_pipe_with_a_name_is_refused_with_a_way_out() -> None:
    read, write = os.pipe()
    try:
        os.write(write, b"a,b\n")
        for reader in (kind_of, lambda source: list(pieces(source))):
            with pytest.raises(InputError, match=r"is a pipe, .* standard input, and name -"):
                reader(f"/dev/fd/{read}")
    finally:
        os.close(read)
        os.close(write)
