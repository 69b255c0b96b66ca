"""Signs of life: who has a turn that others wait for shows again and again that they are at it.

Nobody can tell a process that died on another machine from one that is slow. So who has a turn
leaves a new sign of it every SIGN_SECONDS, and who waits watches that by a clock of its own,
whatever the other's shows: after SILENT_SECONDS without a new one the turn is another's. A process
that was stopped in its turn and goes on finds that out too late; what no two may do needs a check
too.
"""

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress

from sqlalchemy import Connection

from mentorai.core.database import Database
from mentorai.core.errors import DatabaseUnavailable

SIGN_SECONDS, SILENT_SECONDS = 0.5, 2.0


class Watch:
    """The signs of somebody else, as one that waits for them sees them."""

    def __init__(self) -> None:
        self._sign: object = None
        self._seen_at = 0.0

    def is_silent(self, sign: object) -> bool:
        """Whether nothing new came for too long. sign: the last one, whatever it is made of."""
        if sign != self._sign:
            self._sign, self._seen_at = sign, time.monotonic()
        return time.monotonic() - self._seen_at >= SILENT_SECONDS

    def start_anew(self) -> None:
        """Forget how long nothing came: nothing could."""
        self._sign = None


@contextmanager
def showing_life(database: Database, show: Callable[[Connection], object]) -> Iterator[None]:
    """Let others know, while the block lasts, that this process is still at it.

    show: writes a sign that differs from the one before.
    """
    is_over = threading.Event()

    def keep_showing() -> None:
        while not is_over.wait(SIGN_SECONDS):
            with suppress(DatabaseUnavailable), database.write() as connection:
                show(connection)

    shower = threading.Thread(target=keep_showing, name="signs-of-life", daemon=True)
    shower.start()
    try:
        yield
    finally:
        is_over.set()
        shower.join()
