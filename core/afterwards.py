"""What is done a moment after something happened, once for all that happens meanwhile.

A timer would do it as well, but each is a thread, and to begin a thread is to wait until it runs:
where others want the processor, whoever did so once a second was the slowest of all.
"""

import os
import threading
import time
from collections.abc import Callable

import structlog

# A thread that nobody asked for so long ends; the next who asks begins another.
IDLE_SECONDS = 5.0
log = structlog.get_logger(__name__)


class Afterwards:
    """Does one thing so many seconds after it is asked to, in a thread of its own."""

    def __init__(self, act: Callable[[], None], seconds: float) -> None:
        self._act = act
        self._seconds = seconds
        self._lock = threading.Lock()
        self._asked: threading.Event | None = None
        # A fork has no thread of its parent's.
        self._process = 0

    def ask(self) -> None:
        """Have it done. What happened before this call is not too late for it."""
        with self._lock:
            if self._asked is not None and self._process == os.getpid():
                # To set it is to take a lock, and those who write ask often.
                if not self._asked.is_set():
                    self._asked.set()
                return
            self._asked, self._process = threading.Event(), os.getpid()
            asked = self._asked
            asked.set()
        threading.Thread(target=self._work, args=(asked,), daemon=True).start()

    def _work(self, asked: threading.Event) -> None:
        while self._is_asked(asked):
            time.sleep(self._seconds)
            # First, so that what happens from here on is not forgotten.
            asked.clear()
            try:
                self._act()
            except Exception as error:
                log.error("not_done_afterwards", exc_info=error)

    def _is_asked(self, asked: threading.Event) -> bool:
        if asked.wait(IDLE_SECONDS):
            return True
        with self._lock:
            if not asked.is_set():
                self._asked = None
            return asked.is_set()
