"""Where the lines of the log go: to standard error, each at once or a few together.

While one thread writes, another takes the processor, and both then wait for each other: a line
costs a quick answer a tenth of all its work. A web process therefore gathers its lines for a
moment. What tells of trouble never waits, nor does what was said before it.
"""

import atexit
import logging
import sys
import threading
import time
from collections import deque
from contextlib import suppress

GATHER_SECONDS = 0.1
# So many wait at most. Where nobody takes them away, whoever says more waits himself.
GATHERED_LINES = 5_000
# What several processes write into one pipe is mixed in the midst of lines beyond this (POSIX).
PIECE_BYTES = 4_096


class LogLines:
    """Writes whole lines to whatever sys.stderr is at that moment."""

    level = logging.INFO

    def __init__(self) -> None:
        self._gathered: deque[str] = deque()
        self._some: threading.Event | None = None
        # A signal may come while a line is written, and have something to say.
        self._writing = threading.RLock()

    def __call__(self, *_: object) -> "LogLines":
        return self

    def gather(self) -> None:
        """From now on write lines that tell of no trouble at most GATHER_SECONDS later, together.

        To be called once, in the process that is to gather: a fork has no thread that writes.
        """
        # Made here: where greenlets take the place of threads, they do so from the fork on.
        self._some, self._writing = threading.Event(), threading.RLock()
        writer = threading.Thread(target=self._write_now_and_then, args=(self._some,), daemon=True)
        writer.start()
        atexit.register(self.write)

    def msg(self, line: str) -> None:
        """Write one line, or gather it."""
        self._gathered.append(line)
        if self._some is None or len(self._gathered) > GATHERED_LINES:
            self.write()
        elif not self._some.is_set():
            self._some.set()

    def tell(self, line: str) -> None:
        """Write one line at once, after those that were gathered."""
        self._gathered.append(line)
        self.write()

    debug = info = msg
    warning = error = critical = exception = tell

    def write(self) -> None:
        """Write all that was gathered."""
        with self._writing:
            pieces: list[str] = []
            size = 0
            # Others may go on adding.
            for _ in range(len(self._gathered)):
                line = self._gathered.popleft() + "\n"
                size += len(line.encode(errors="replace"))
                if size > PIECE_BYTES:
                    _write(pieces)
                    pieces, size = [], len(line.encode(errors="replace"))
                pieces.append(line)
            _write(pieces)

    def _write_now_and_then(self, some: threading.Event) -> None:
        while some.wait():
            time.sleep(GATHER_SECONDS)
            # Before writing: who adds a line from here on sets it again.
            some.clear()
            # Nobody is left who could be told that the log is closed.
            with suppress(OSError, ValueError):
                self.write()


def _write(lines: list[str]) -> None:
    if lines:
        stream = sys.stderr
        stream.write("".join(lines))
        stream.flush()
