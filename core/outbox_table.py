"""The table of the outbox, and which of its rows may go."""

from datetime import datetime

from sqlalchemy import (
    Boolean,
    Column,
    ColumnElement,
    Float,
    ForeignKey,
    Index,
    Integer,
    String,
    Table,
    Text,
    and_,
    false,
    or_,
)

from mentorai.core.database import Instant, metadata
from mentorai.core.platform_rests import is_resting

outbox = Table(
    "outbox",
    metadata,
    Column("id", String(36), primary_key=True),
    Column("organization_id", ForeignKey("organizations.id"), nullable=False),
    Column("grade_id", ForeignKey("grades.id", ondelete="CASCADE"), nullable=False, index=True),
    Column("person_id", String(36), nullable=False),
    Column("resource_link_id", String(36)),
    Column("registration_id", String(36)),
    Column("quiz_id", String(36)),
    Column("given", Float, nullable=False),
    Column("maximum", Float, nullable=False),
    Column("comment", Text, nullable=False),
    Column("status", String(16), nullable=False),
    Column("attempts", Integer, nullable=False),
    Column("stale_attempts", Integer, nullable=False),
    Column("first_tried_at", Instant),
    Column("due_at", Instant, nullable=False),
    Column("lease", String(36)),
    Column("lease_until", Instant),
    Column("last_error_code", String(64), nullable=False),
    Column("last_error_message", Text, nullable=False),
    Column("sent_at", Instant),
    # An instructor said so: it goes over what a teacher put into the gradebook.
    Column("replaces_teacher", Boolean, nullable=False, server_default=false()),
    Column("created_at", Instant, nullable=False),
    Column("updated_at", Instant, nullable=False),
)
Index("ix_outbox_due", outbox.c.status, outbox.c.due_at)
Index("ix_outbox_lane", outbox.c.registration_id, outbox.c.status, outbox.c.due_at)
Index(
    "uq_outbox_in_flight",
    outbox.c.grade_id,
    unique=True,
    sqlite_where=outbox.c.status == "leased",
    postgresql_where=outbox.c.status == "leased",
)


def is_due(moment: datetime) -> ColumnElement[bool]:
    """The condition that a row may be sent: it waits long enough, or its lease lapsed, and its
    platform does not rest.
    """
    is_time = or_(
        and_(outbox.c.status == "waiting", outbox.c.due_at <= moment),
        and_(outbox.c.status == "leased", outbox.c.lease_until <= moment),
    )
    return and_(is_time, ~is_resting(outbox.c.registration_id, moment))
