"""A time by which one exchange over httpx is over, whatever the other side sends.

httpx bounds each read by itself. A head that comes a byte at a time, or interim responses without an end, would keep it
reading for ever; so a timer shuts the connection down.
"""

from __future__ import annotations

import contextlib
import socket
import threading
from collections.abc import Iterator
from typing import Any


class Deadline:
    """For a client that asks one thing at a time.

    Before there is a connection nothing can be shut down: looking a name up and connecting have bounds of their own.

    Args:
        seconds: from when an exchange begins.

    Attributes:
        over: whether the last exchange was ended.
    """

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._stream: Any = None  # a connection is kept for the next exchange, and this with it
        self.over = False

    @contextlib.contextmanager
    def kept(self) -> Iterator[dict[str, Any]]:
        """End what is done within when its time is up. Gives the extensions that the request must have."""
        self.over = False
        timer = threading.Timer(self._seconds, self._end)
        timer.daemon = True
        timer.start()
        try:
            yield {"trace": self._traced}
        finally:
            timer.cancel()
            timer.join()  # or it could end the next exchange in place of this one

    def _traced(self, _: str, info: dict[str, Any]) -> None:
        """Told of each step of an exchange, so of each stream that it goes over: plain, then within TLS."""
        made = info.get("return_value")
        if hasattr(made, "get_extra_info"):
            self._stream = made
            if self.over:
                self._end()

    def _end(self) -> None:
        self.over = True
        found = self._stream.get_extra_info("socket") if self._stream is not None else None
        if isinstance(found, socket.socket):
            with contextlib.suppress(OSError):  # it is closed by now
                # Not the method of TLS sockets, which takes their TLS away from under who reads.
                socket.socket.shutdown(found, socket.SHUT_RDWR)
