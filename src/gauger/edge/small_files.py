"""Small files of ours, and of hostile strangers: written whole or not at all, read up to a bound.

What is written never takes another's name without being told.
"""

from __future__ import annotations

import contextlib
import os
import secrets
from collections.abc import Iterator
from pathlib import Path

from gauger.errors import ConfigError, InputError

PRIVATE, PUBLIC = 0o600, 0o644


def write_new(path: Path, data: bytes, *, mode: int = PRIVATE, overwrite: bool = False) -> None:
    """Write under a temporary name in the same folder, flush to the disk, then give it its name.

    Args:
        mode: ``PRIVATE`` (its owner only, from the first byte on) or ``PUBLIC`` (less the umask).

    Raises:
        ConfigError: as ``check_new``. OSError: the disk refuses it.
    """
    check_new(path, overwrite=overwrite)
    temporary = path.with_name(f".{path.name}.{secrets.token_hex(8)}")
    try:
        with os.fdopen(os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode), "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        if overwrite:
            temporary.replace(path)
        else:
            os.link(temporary, path)  # unlike a rename, this fails if the name is taken
    except FileExistsError:
        raise exists(path) from None
    except OSError as error:
        raise OSError(error.errno, error.strerror, str(path)) from None  # not the temporary name
    finally:
        with contextlib.suppress(OSError):
            temporary.unlink()


def check_new(path: Path, *, overwrite: bool = False) -> None:
    """Refuse a file that ``write_new`` could not write; also before long work, whose result would be lost.

    Raises:
        ConfigError: ``path`` exists and ``overwrite`` is off or it is no file, or its folder cannot be written to.
    """
    if path.exists() and not overwrite:
        raise exists(path)
    if path.exists() and not path.is_file():
        raise ConfigError(f"{path} is no file that can be replaced: it is a folder or a device")
    if not path.parent.is_dir():
        raise ConfigError(f"{path} cannot be written: there is no folder {path.parent}")
    if not os.access(path.parent, os.W_OK | os.X_OK):
        raise ConfigError(f"{path} cannot be written: its folder may not be written to")


@contextlib.contextmanager
def locked(path: Path) -> Iterator[None]:
    """Wait until no other process is in here for the same file; what the file holds does not matter."""
    import fcntl  # noqa: PLC0415

    descriptor = os.open(path, os.O_RDWR | os.O_CREAT, PRIVATE)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


def exists(path: Path) -> ConfigError:
    """The error for a name that is taken."""
    return ConfigError(f"{path} exists: name another file, or say --overwrite if it may be lost")


def read_small(path: Path, limit: int) -> bytes:
    """All bytes of a file.

    Raises:
        InputError: it cannot be read, or has more than ``limit`` bytes.
    """
    try:
        with path.open("rb") as file:
            data = file.read(limit + 1)
    except OSError as error:
        raise InputError(f"cannot be read: {error.strerror}", source=str(path)) from None
    if len(data) > limit:
        raise InputError(f"is not what it should be: it has more than {limit:,} bytes", source=str(path))
    return data
