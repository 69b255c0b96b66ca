"""Whose turn it is to renew the tokens of a connection: of all processes one's at a time.

Nobody waits for one that died: on the same machine that is seen at once (lease_holders.py), and
elsewhere no sign of life comes any more (signs_of_life.py).
"""

import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import timedelta

from sqlalchemy import select, update

from mentorai.core.clock import now
from mentorai.core.connection_rows import is_that, platform_connections
from mentorai.core.database import Database
from mentorai.core.errors import DatabaseUnavailable, NotFound, PlatformUnavailable
from mentorai.core.lease_holders import is_holder_gone, issue_lease
from mentorai.core.signs_of_life import SIGN_SECONDS, Watch, showing_life
from mentorai.core.values import Connection

# How long a turn is said to last; a new end, again and again, is the sign that its process lives.
LEASE = timedelta(seconds=60)
WAIT_SECONDS, POLL_SECONDS = 25.0, 0.05


@contextmanager
def turn_to_renew(database: Database, connection: Connection) -> Iterator[None]:
    """Be the only one who renews the tokens of a connection, while the block lasts.

    Raises PlatformUnavailable if others are at it all the time; NotFound if it is not there.
    """
    name, holder = issue_lease(), Watch()
    deadline = time.monotonic() + WAIT_SECONDS
    while not _take(database, connection, name, holder):
        if time.monotonic() > deadline:
            raise PlatformUnavailable("Another process is signing in at the LMS; try again.")
        time.sleep(POLL_SECONDS)
    is_mine = (*is_that(connection), platform_connections.c.renewing_by == name)
    mine = update(platform_connections).where(*is_mine)
    try:
        with showing_life(
            database, lambda each: each.execute(mine.values(renewing_until=now() + LEASE))
        ):
            yield
    finally:
        # If that cannot be written down now, the others see that no sign comes any more.
        with suppress(DatabaseUnavailable), database.write() as transaction:
            transaction.execute(mine.values(renewing_by=None, renewing_until=None))


def _take(database: Database, connection: Connection, name: str, holder: Watch) -> bool:
    """Whether the turn is ours now. holder: whoever has it, as seen so far."""
    by, until = platform_connections.c.renewing_by, platform_connections.c.renewing_until
    with database.read() as transaction:
        row = transaction.execute(select(by, until).where(*is_that(connection))).one_or_none()
    if row is None:
        raise NotFound("This connection is no longer there.")
    sign = row.renewing_by, row.renewing_until
    if row.renewing_by and not (is_holder_gone(row.renewing_by) or holder.is_silent(sign)):
        return False
    as_seen = by.is_not_distinct_from(sign[0]), until.is_not_distinct_from(sign[1])
    change = update(platform_connections).where(*is_that(connection), *as_seen)
    asked_at = time.monotonic()
    with database.write() as transaction:
        if time.monotonic() - asked_at > SIGN_SECONDS:
            # Nobody could write meanwhile, and so no sign of life could come.
            holder.start_anew()
            return False
        taken = transaction.execute(change.values(renewing_by=name, renewing_until=now() + LEASE))
    return bool(taken.rowcount)
