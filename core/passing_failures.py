"""What a database refuses for the moment only: the same may go well a little later.

Of two transactions that wait for each other PostgreSQL ends one, a server that is restarted ends
all, a file that somebody else writes is not free, and a full disk is made free again. None of that
is the caller's fault, and nothing of the transaction is kept: it may be asked for again.
"""

import sqlite3
import time
from collections.abc import Callable
from typing import TypeVar

import structlog
from sqlalchemy.exc import DBAPIError
from sqlalchemy.exc import TimeoutError as PoolTimeout

from mentorai.core.errors import DatabaseUnavailable

FAILURES = (DBAPIError, PoolTimeout, sqlite3.Error)
# By PostgreSQL's list of codes, appendix A: the connection is lost or was never made, a deadlock
# or a clash of transactions, and too little of anything.
PASSING_CLASSES = ("08", "40", "53")
# Not within its `lock_timeout`; ended by an administrator or a crash; not up yet.
PASSING_CODES = ("55P03", "57P01", "57P02", "57P03")
# What SQLite says of a full disk is one of the last two, by what it was to write.
PASSING_KINDS = (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_FULL, sqlite3.SQLITE_IOERR)
# A server that is restarted is up again by then.
KEEP_SECONDS, AGAIN_SECONDS = 60.0, 0.5
Answer = TypeVar("Answer")
log = structlog.get_logger(__name__)


def check_passing(error: Exception) -> None:
    """Raise DatabaseUnavailable from what a driver or the pool raised, if it passes by itself."""
    cause = error.orig if isinstance(error, DBAPIError) else error
    if _is_passing(error, cause):
        state = getattr(cause, "sqlstate", None) or getattr(cause, "sqlite_errorname", None)
        log.warning("database_unavailable", reason=type(cause).__name__, state=state)
        raise DatabaseUnavailable from error


def _is_passing(error: Exception, cause: BaseException | None) -> bool:
    if isinstance(cause, sqlite3.Error):
        # One that a callback raised has no code. The lower byte is the kind.
        return getattr(cause, "sqlite_errorcode", 0) & 0xFF in PASSING_KINDS
    if isinstance(error, PoolTimeout):
        return True
    state = getattr(cause, "sqlstate", None)
    if state is None:
        # The server did not say anything: it is not there, or is gone. What that is called in
        # every driver, PEP 249 says.
        return any(kind.__name__ == "OperationalError" for kind in type(cause).__mro__)
    return str(state).startswith(PASSING_CLASSES) or state in PASSING_CODES


def keep_trying(act: Callable[[], Answer], seconds: float = KEEP_SECONDS) -> Answer:
    """What `act` gives, asked again while the database is away, for so long at most.

    For what cannot be done again, or only at a price: what has to be written down afterwards.
    Raises DatabaseUnavailable when the time is over.
    """
    deadline = time.monotonic() + seconds
    while True:
        try:
            return act()
        except DatabaseUnavailable:
            if time.monotonic() > deadline:
                raise
        time.sleep(AGAIN_SECONDS)
