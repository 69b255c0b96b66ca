"""Answers that have come by a moment, from the first byte of the head to the last of the body.

A socket's own timeout begins anew with every byte. A host that drips its status line, its headers
or what stands between two chunks, or says "100 Continue" for ever, would hold a thread for hours.
"""

import io
import math
import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from http.client import HTTPResponse
from typing import Any

_latest: ContextVar[float] = ContextVar("latest", default=math.inf)


@contextmanager
def answered_within(seconds: float) -> Iterator[None]:
    """Let no answer that is read in the block come later: what does raises TimeoutError there.

    Inside another such block the sooner end counts.
    """
    token = _latest.set(min(time.monotonic() + seconds, _latest.get()))
    try:
        yield
    finally:
        _latest.reset(token)


def limit_seconds(seconds: float) -> float:
    """So many seconds, or what is left of the block. Raises TimeoutError when that is nothing."""
    left = _latest.get() - time.monotonic()
    if left <= 0:
        raise TimeoutError("the answer took too long")
    return min(seconds, left)


class TimedAnswer(HTTPResponse):
    """An answer of which every byte is waited for no longer than the block allows."""

    def __init__(self, sock: socket.socket, *facts: Any, **named: Any) -> None:
        super().__init__(_Source(sock), *facts, **named)  # type: ignore[arg-type]


class _Source:
    """What http.client asks a socket for."""

    def __init__(self, sock: socket.socket) -> None:
        self._socket = sock

    def makefile(self, _mode: str) -> io.BufferedReader:
        return io.BufferedReader(_Bytes(self._socket))


class _Bytes(io.RawIOBase):
    def __init__(self, sock: socket.socket) -> None:
        self._socket = sock
        self._patience = sock.gettimeout() or math.inf
        # The file counts as a user of the socket, which closes with the last of them.
        self._file = sock.makefile("rb", buffering=0)

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int | None:
        seconds = limit_seconds(self._patience)
        if seconds < self._patience:
            self._socket.settimeout(seconds)
        return self._file.readinto(buffer)

    def close(self) -> None:
        self._file.close()
        super().close()
