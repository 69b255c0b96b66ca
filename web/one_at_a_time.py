"""The threads of a process answer one after the other, as long as each answer is quick.

Python runs one of them at a time anyway. Where four begin at once, each statement and each
signature hands over to another, and all four end late: the slowest of a hundred launches took
three times as long as the middle one. A request that takes longer than PATIENCE_SECONDS, because
it waits for somebody else, holds up nobody: the others go ahead beside it. What only reads by the
API goes beside them too: to wait for its turn would cost it more than all that it reads.
"""

import threading
import time
from collections.abc import Iterable
from typing import TYPE_CHECKING

from mentorai.web.requests import API

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

PATIENCE_SECONDS = 0.01


class OneAtATime:
    """An application that answers one request at a time; what an answer streams comes later."""

    def __init__(self, application: "WSGIApplication") -> None:
        self._application = application
        self._lock = threading.Lock()
        self._since = 0.0

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
                self._lock.release()

    def _wait(self) -> bool:
        """Whether nobody else answers now; if not, whoever does takes too long."""
        patience = self._since + PATIENCE_SECONDS - time.monotonic()
        is_alone = self._lock.acquire(blocking=False) or (
            patience > 0 and self._lock.acquire(timeout=patience)
        )
        if is_alone:
            self._since = time.monotonic()
        return is_alone
