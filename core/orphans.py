"""Rows whose process died while it held them: nobody waits for their leases to end.

Only a death that is certain counts (lease_holders.py), so that no two processes ever send one
person's score at once. What the dead one sent may be in the receiver's hands still, and so its rows
wait a little longer.
"""

from datetime import timedelta
from typing import Any, NamedTuple

import structlog
from sqlalchemy import Column, ColumnElement, bindparam, select, true, update

from mentorai.core.clock import now
from mentorai.core.database import Database, Instant
from mentorai.core.lease_holders import is_holder_gone
from mentorai.core.outbox_table import outbox

# How long a receiver may go on with what a process sent that died.
ECHO_SECONDS = 5.0
log = structlog.get_logger(__name__)

_LATER = bindparam("later", type_=Instant())


class Hold(NamedTuple):
    """How the rows of a table are held: the lease (issue_lease gave it), and when it ends.

    which: the rows that may be held, where an index tells.
    """

    lease: Column[Any]
    until: Column[Any]
    which: ColumnElement[bool] = true()


SCORES = Hold(outbox.c.lease, outbox.c.lease_until, outbox.c.status == "leased")


def free_orphans(database: Database, hold: Hold = SCORES) -> int:
    """Have the leases of processes that are certainly dead end soon; how many rows that frees."""
    facts = {"later": now() + timedelta(seconds=ECHO_SECONDS)}
    held = hold.which, hold.until > _LATER
    with database.read() as connection:
        leases = list(connection.scalars(select(hold.lease).where(*held).distinct(), facts))
    gone = [lease for lease in leases if lease and is_holder_gone(lease)]
    if not gone:
        return 0
    (key,) = hold.lease.table.primary_key.columns
    # Of several workers each takes others.
    orphaned = select(key).where(*held, hold.lease.in_(gone)).order_by(key)
    with database.write() as connection:
        rows = list(connection.scalars(orphaned.with_for_update(skip_locked=True), facts))
        change = update(hold.lease.table).where(key.in_(rows))
        connection.execute(change.values({hold.until.name: facts["later"]}))
    log.warning("rows_orphaned", of=hold.lease.table.name, rows=len(rows), leases=len(gone))
    return len(rows)
