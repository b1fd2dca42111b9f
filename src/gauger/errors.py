"""The six errors. A message says what failed, where, and what to do about it.

Libraries raise these and never print or exit; only ``gauger.app`` maps them to exit codes.
"""

from __future__ import annotations


class GaugerError(Exception):
    """The root: ``except GaugerError`` catches everything that Gauger raises on purpose."""


class InputError(GaugerError):
    """Data from outside that cannot be read.

    Attributes:
        source: the file or stream, as the user named it.
        line: 1-based line (or record) number, or None where the whole source is at fault.
    """

    def __init__(self, message: str, *, source: str = "", line: int | None = None) -> None:
        where = f"{source}:{line}: " if source and line is not None else f"{source}: " if source else ""
        super().__init__(where + message)
        self.source = source
        self.line = line


class ConfigError(GaugerError):
    """An option, mapping or environment that cannot work as given."""


class UnsupportedError(GaugerError):
    """Something well-formed that this version or this installation cannot do."""


class VerifyError(GaugerError):
    """A signature, digest or proof that does not hold."""


class ExchangeError(GaugerError):
    """A failure of something outside: a model endpoint, a peer, an engine.

    Attributes:
        retry: True where the same call may succeed later.
    """

    def __init__(self, message: str, *, retry: bool = False) -> None:
        super().__init__(message)
        self.retry = retry
