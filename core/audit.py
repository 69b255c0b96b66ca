"""Who did what, and when: rows are added and never changed."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import (
    JSON,
    BigInteger,
    Column,
    Connection,
    ForeignKey,
    Index,
    Integer,
    String,
    Table,
    Text,
    func,
    insert,
    select,
)

from mentorai.core.clock import now
from mentorai.core.database import Database, Instant, metadata

audit_entries = Table(
    "audit_entries",
    metadata,
    # Counts up, so that entries of one instant keep their order.
    Column("id", BigInteger().with_variant(Integer, "sqlite"), primary_key=True),
    Column("organization_id", ForeignKey("organizations.id"), nullable=False),
    # No foreign key: the entry outlives the mentor.
    Column("mentor_id", String(36)),
    Column("at", Instant, nullable=False),
    Column("actor", Text, nullable=False),
    Column("action", String(64), nullable=False),
    Column("subject", Text, nullable=False),
    Column("facts", JSON, nullable=False),
    Index("ix_audit_entries_organization_id_id", "organization_id", "id"),
)


@dataclass(frozen=True, slots=True)
class AuditEntry:
    """One thing that was done.

    actor: who (a person's, admin's or key's id, or a word such as "command line").
    action: a past participle, `key_issued`. subject: the id of what it was done to.
    facts: what else a reader needs; never a secret.
    """

    id: int
    organization_id: str
    mentor_id: str | None
    at: datetime
    actor: str
    action: str
    subject: str
    facts: Mapping[str, Any]


class Audit:
    """The log of every organization."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def write(
        self,
        connection: Connection,
        *,
        organization_id: str,
        actor: str,
        action: str,
        subject: str,
        mentor_id: str | None = None,
        facts: Mapping[str, Any] | None = None,
    ) -> None:
        """Add an entry in the caller's transaction: it stands if the act itself stands."""
        connection.execute(
            insert(audit_entries).values(
                organization_id=organization_id,
                mentor_id=mentor_id,
                at=now(),
                actor=actor,
                action=action,
                subject=subject,
                facts=dict(facts or {}),
            )
        )

    def list(
        self,
        organization_id: str,
        mentor_id: str | None = None,
        *,
        since: datetime | None = None,
        topic: str = "",
        page: int = 1,
        page_size: int = 50,
    ) -> tuple[int, Sequence[AuditEntry]]:
        """How many entries there are, and one page of them, newest first.

        mentor_id: only what was done in this mentor. since: only from this instant on.
        topic: how the action begins, such as `key_`.
        """
        wanted = [audit_entries.c.organization_id == organization_id]
        if mentor_id is not None:
            wanted.append(audit_entries.c.mentor_id == mentor_id)
        if since is not None:
            wanted.append(audit_entries.c.at >= since)
        if topic:
            wanted.append(audit_entries.c.action.startswith(topic, autoescape=True))
        rows = (
            select(audit_entries)
            .where(*wanted)
            .order_by(audit_entries.c.id.desc())
            .limit(page_size)
            .offset((page - 1) * page_size)
        )
        with self._database.read() as connection:
            count = connection.execute(
                select(func.count()).select_from(audit_entries).where(*wanted)
            ).scalar_one()
            entries = [AuditEntry(**row) for row in connection.execute(rows).mappings()]
        return count, entries
