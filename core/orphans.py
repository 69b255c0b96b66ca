"""Rows of the outbox whose process died while it held them: nobody waits for their leases to end.

Only a death that is certain counts (lease_holders.py), so that no two processes ever send one
person's score at once. What the dead one sent may be in the platform's hands still, and so its rows
wait a little longer.
"""

from datetime import timedelta

import structlog
from sqlalchemy import bindparam, select, update

from mentorai.core.clock import now
from mentorai.core.database import Database, Instant
from mentorai.core.lease_holders import is_holder_gone
from mentorai.core.outbox_table import outbox

# How long a platform may go on with what a process sent that died.
ECHO_SECONDS = 5.0
log = structlog.get_logger(__name__)

_LATER = bindparam("later", type_=Instant())
_HELD = (
    select(outbox.c.lease).where(outbox.c.status == "leased", outbox.c.lease_until > _LATER)
).distinct()
# Of several workers each takes others.
_ORPHANED = (
    select(outbox.c.id)
    .where(
        outbox.c.status == "leased",
        outbox.c.lease_until > _LATER,
        outbox.c.lease.in_(bindparam("leases", expanding=True)),
    )
    .order_by(outbox.c.id)
    .with_for_update(skip_locked=True)
)


def free_orphans(database: Database) -> int:
    """Have the leases of processes that are certainly dead end soon; how many rows that frees."""
    later = now() + timedelta(seconds=ECHO_SECONDS)
    with database.read() as connection:
        held = list(connection.scalars(_HELD, {"later": later}))
    gone = [lease for lease in held if lease and is_holder_gone(lease)]
    if not gone:
        return 0
    with database.write() as connection:
        row_ids = list(connection.scalars(_ORPHANED, {"later": later, "leases": gone}))
        connection.execute(update(outbox).where(outbox.c.id.in_(row_ids)).values(lease_until=later))
    log.warning("scores_orphaned", rows=len(row_ids), leases=len(gone))
    return len(row_ids)
