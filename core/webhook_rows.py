"""The rows of webhooks and their deliveries, and how they are read; webhooks.py has the doors."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

from sqlalchemy import (
    BindParameter,
    Column,
    ColumnElement,
    ForeignKey,
    Index,
    Integer,
    Row,
    String,
    Table,
    Text,
    UniqueConstraint,
    and_,
    or_,
)

from mentorai.core.database import Instant, metadata

Status = Literal["active", "paused", "stopped"]
DeliveryStatus = Literal["waiting", "sent", "failed"]

# mentor_id is NULL for a webhook of the whole organization. last_number counts its deliveries;
# whoever adds one holds the row until the commit, so that numbers grow in the order of commits.
webhooks = Table(
    "webhooks",
    metadata,
    Column("id", String(36), primary_key=True),
    Column("organization_id", ForeignKey("organizations.id"), nullable=False, index=True),
    Column("mentor_id", ForeignKey("mentors.id", ondelete="CASCADE"), index=True),
    Column("url", Text, nullable=False),
    Column("description", Text, nullable=False),
    # Names of events, space-separated.
    Column("events", Text, nullable=False),
    Column("status", String(16), nullable=False),
    Column("sealed_secret", Text, nullable=False),
    Column("sealed_old_secret", Text),
    Column("old_secret_until", Instant),
    Column("author", Text, nullable=False),
    Column("last_number", Integer, nullable=False),
    # Tries that failed since the last that succeeded, and when the first of them did.
    Column("failures", Integer, nullable=False),
    Column("failing_since", Instant),
    Column("quiet_until", Instant, nullable=False),
    Column("handed_until", Instant, nullable=False),
    Column("lease", String(36)),
    Column("lease_until", Instant),
    Column("stopped_reason", Text, nullable=False),
    Column("stopped_at", Instant),
    Column("created_at", Instant, nullable=False),
    Column("updated_at", Instant, nullable=False),
)

# once: names the event where the same one may be noted again, as a reminder is.
webhook_deliveries = Table(
    "webhook_deliveries",
    metadata,
    Column("id", String(36), primary_key=True),
    Column("webhook_id", ForeignKey("webhooks.id", ondelete="CASCADE"), nullable=False),
    Column("number", Integer, nullable=False),
    Column("event", String(40), nullable=False),
    Column("once", String(100)),
    Column("body", Text, nullable=False),
    Column("status", String(16), nullable=False),
    Column("attempts", Integer, nullable=False),
    Column("first_tried_at", Instant),
    Column("due_at", Instant, nullable=False),
    Column("answer_status", Integer),
    Column("error_code", String(64), nullable=False),
    Column("error_message", Text, nullable=False),
    Column("sent_at", Instant),
    Column("created_at", Instant, nullable=False, index=True),
    UniqueConstraint("webhook_id", "number"),
    UniqueConstraint("webhook_id", "once"),
)
Index("ix_webhook_deliveries_due", webhook_deliveries.c.status, webhook_deliveries.c.due_at)


@dataclass(frozen=True, slots=True)
class Webhook:
    """Where a mentor's events go, or an organization's (mentor_id None); not the secret.

    status: paused by a person, or stopped by ourselves for stopped_reason.
    """

    id: str
    organization_id: str
    mentor_id: str | None
    url: str
    description: str
    events: tuple[str, ...]
    status: Status
    author: str
    failures: int
    failing_since: datetime | None
    stopped_reason: str
    stopped_at: datetime | None
    created_at: datetime
    updated_at: datetime


@dataclass(frozen=True, slots=True)
class Delivery:
    """One event on its way to one webhook.

    number: 1 for the webhook's first, then one more each time. answer_status: of the last try.
    """

    id: str
    webhook_id: str
    number: int
    event: str
    body: str
    status: DeliveryStatus
    attempts: int
    due_at: datetime
    answer_status: int | None
    error_code: str
    error_message: str
    sent_at: datetime | None
    created_at: datetime


def of_owner(organization_id: str, mentor_id: str | None) -> ColumnElement[bool]:
    """The condition that a webhook is this mentor's, or the organization's own."""
    return and_(
        webhooks.c.organization_id == organization_id,
        webhooks.c.mentor_id.is_not_distinct_from(mentor_id),
    )


def hears(
    organization_id: str | BindParameter[str], mentor_id: str | BindParameter[str] | None
) -> ColumnElement[bool]:
    """The condition that a webhook is to be told what happens in this mentor."""
    own = webhooks.c.mentor_id.is_(None)
    return and_(
        webhooks.c.organization_id == organization_id,
        own if mentor_id is None else or_(own, webhooks.c.mentor_id == mentor_id),
    )


def read_webhook(row: Row[Any]) -> Webhook:
    """The webhook in a row of the table."""
    return Webhook(
        id=row.id,
        organization_id=row.organization_id,
        mentor_id=row.mentor_id,
        url=row.url,
        description=row.description,
        events=tuple(row.events.split()),
        status=row.status,
        author=row.author,
        failures=row.failures,
        failing_since=row.failing_since,
        stopped_reason=row.stopped_reason,
        stopped_at=row.stopped_at,
        created_at=row.created_at,
        updated_at=row.updated_at,
    )


def read_delivery(row: Row[Any]) -> Delivery:
    """The delivery in a row of the table."""
    return Delivery(
        id=row.id,
        webhook_id=row.webhook_id,
        number=row.number,
        event=row.event,
        body=row.body,
        status=row.status,
        attempts=row.attempts,
        due_at=row.due_at,
        answer_status=row.answer_status,
        error_code=row.error_code,
        error_message=row.error_message,
        sent_at=row.sent_at,
        created_at=row.created_at,
    )
