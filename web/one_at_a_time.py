"""The threads of a process answer one after the other, as long as each answer is quick.

Python runs one of them at a time anyway. Where four begin at once, each statement and each
signature hands over to another, and all four end late: the slowest of a hundred launches took
three times as long as the middle one. A request that takes longer than PATIENCE_SECONDS, because
it waits for somebody else, holds up nobody: the others go ahead beside it. What only reads by the
API goes beside them too: to wait for its turn would cost it more than all that it reads.
"""

import threading
import time
from collections import deque
from collections.abc import Iterable
from typing import TYPE_CHECKING

from mentorai.web.requests import API

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

PATIENCE_SECONDS = 0.01


class OneAtATime:
    """An application that answers one request at a time, in the order in which they came.

    What an answer streams comes later. A plain lock goes to whoever asks when it is free, which is
    seldom who waits: that one has to wake up first. Where others want the processor as well, one
    launch in ten was overtaken, or out of patience, and the slowest took twice as long.
    """

    def __init__(self, application: "WSGIApplication") -> None:
        self._application = application
        # Guards all that follows, and is never held for long.
        self._lock = threading.Lock()
        self._is_busy = False
        self._since = 0.0
        self._queue: deque[threading.Lock] = deque()

    def __call__(
        self, environ: "WSGIEnvironment", start_response: "StartResponse"
    ) -> Iterable[bytes]:
        if environ["REQUEST_METHOD"] == "GET" and environ["PATH_INFO"].startswith(API):
            return self._application(environ, start_response)
        is_alone = self._wait()
        try:
            return self._application(environ, start_response)
        finally:
            if is_alone:
                self._call_next()

    def _wait(self) -> bool:
        """Whether nobody else answers now; if not, whoever does takes too long."""
        with self._lock:
            if not self._is_busy:
                self._is_busy, self._since = True, time.monotonic()
                return True
            mine = threading.Lock()
            mine.acquire()
            self._queue.append(mine)
        # Each who goes first has as much time.
        while (patience := self._since + PATIENCE_SECONDS - time.monotonic()) > 0:
            if mine.acquire(timeout=patience):
                return True
        with self._lock:
            if mine not in self._queue:
                # Called at the last moment.
                return True
            self._queue.remove(mine)
            return False

    def _call_next(self) -> None:
        with self._lock:
            if not self._queue:
                self._is_busy = False
                return
            self._since = time.monotonic()
            self._queue.popleft().release()
