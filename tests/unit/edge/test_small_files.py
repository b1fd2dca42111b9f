"""Files appear whole, with their mode, and never over another unless told."""

from __future__ import annotations

import os
import stat
from pathlib import Path

import pytest

from gauger.edge.small_files import PUBLIC, check_new, read_small, write_new
from gauger.errors import ConfigError, InputError


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def test_a_private_file_is_its_owners_only(tmp_path: Path) -> None:
    before = os.umask(0)
    try:
        write_new(tmp_path / "a", b"x")
        write_new(tmp_path / "b", b"x", mode=PUBLIC)
    finally:
        os.umask(before)
    assert (mode(tmp_path / "a"), mode(tmp_path / "b")) == (0o600, 0o644)


def test_nothing_is_overwritten_unless_told(tmp_path: Path) -> None:
    path = tmp_path / "a"
    path.write_bytes(b"old")
    with pytest.raises(ConfigError, match=r"a exists: .*--overwrite"):
        write_new(path, b"new")
    assert path.read_bytes() == b"old"
    write_new(path, b"new", overwrite=True)
    assert path.read_bytes() == b"new"
    assert mode(path) == 0o600
    assert os.listdir(tmp_path) == ["a"]


def test_a_dangling_link_is_a_name_that_is_taken(tmp_path: Path) -> None:
    (tmp_path / "a").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(ConfigError, match="exists"):
        write_new(tmp_path / "a", b"secret")
    assert not (tmp_path / "elsewhere").exists()


@pytest.mark.parametrize("overwrite", [False, True])
def test_a_failure_leaves_what_was_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, overwrite: bool) -> None:
    def fails(fd: int) -> None:
        raise OSError(28, "No space left on device")

    (tmp_path / "old").write_bytes(b"old")
    monkeypatch.setattr(os, "fsync", fails)
    path = tmp_path / "old" if overwrite else tmp_path / "new"
    with pytest.raises(OSError, match="No space") as caught:
        write_new(path, b"new", overwrite=overwrite)
    assert caught.value.filename == str(path)
    assert os.listdir(tmp_path) == ["old"]
    assert (tmp_path / "old").read_bytes() == b"old"


@pytest.mark.parametrize("overwrite", [False, True])
def test_a_file_that_cannot_be_written_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, overwrite: bool
) -> None:
    (tmp_path / "file").write_text("")
    for folder in ("none", "file"):
        path = tmp_path / folder / "a"
        for refuses in (check_new, lambda path, **more: write_new(path, b"x", **more)):
            with pytest.raises(ConfigError, match=f"^{path} cannot be written: there is no folder"):
                refuses(path, overwrite=overwrite)
    with pytest.raises(ConfigError, match="exists" if not overwrite else "no file that can be replaced"):
        check_new(tmp_path, overwrite=overwrite)
    check_new(tmp_path / "a", overwrite=overwrite)
    monkeypatch.setattr(os, "access", lambda path, mode: False)  # root may write everywhere
    with pytest.raises(ConfigError, match="a cannot be written: its folder may not be written to"):
        check_new(tmp_path / "a", overwrite=overwrite)


def test_reading_is_bounded(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"12345")
    assert read_small(tmp_path / "a", 5) == b"12345"
    with pytest.raises(InputError, match="more than 4 bytes"):
        read_small(tmp_path / "a", 4)
    with pytest.raises(InputError, match="cannot be read: No such file"):
        read_small(tmp_path / "b", 4)
    with pytest.raises(InputError, match="more than 9 bytes"):
        read_small(Path("/dev/zero"), 9)
