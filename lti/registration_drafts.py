"""Drafts: registrations that campus IT has begun and that do not work yet.

A draft holds what was filled in, by the fields of its family's guide, and no secret; it is gone
when the LMS is registered.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import JSON, Column, ForeignKey, Row, String, Table, delete, insert, select, update

from mentorai.core.clock import now
from mentorai.core.database import Database, Instant, metadata
from mentorai.core.errors import NotFound
from mentorai.core.identifiers import is_id, new_id
from mentorai.core.row_locks import delete_old

# Further ones take the place of the oldest.
DRAFTS_LIMIT = 50

registration_drafts = Table(
    "registration_drafts",
    metadata,
    Column("id", String(36), primary_key=True),
    Column("organization_id", ForeignKey("organizations.id"), nullable=False, index=True),
    Column("family", String(64), nullable=False),
    Column("given", JSON, nullable=False),
    Column("author", String(64), nullable=False),
    Column("created_at", Instant, nullable=False),
    Column("updated_at", Instant, nullable=False),
)


@dataclass(frozen=True, slots=True)
class RegistrationDraft:
    """One draft. given: what was filled in, by field. author: who began it."""

    id: str
    organization_id: str
    family: str
    given: Mapping[str, str]
    author: str
    updated_at: datetime


class RegistrationDrafts:
    """The drafts of every organization."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def put(
        self,
        organization_id: str,
        family: str,
        given: Mapping[str, str],
        *,
        author: str,
        draft_id: str = "",
    ) -> RegistrationDraft:
        """Keep what was filled in. draft_id: in the place of what this draft held, if it exists."""
        moment = now()
        facts = {"family": family, "given": dict(given), "updated_at": moment}
        with self._database.write() as connection:
            known = is_id(draft_id) and connection.execute(
                update(registration_drafts).where(*_of(organization_id, draft_id)).values(facts)
            )
            if not (known and known.rowcount):
                draft_id = new_id()
                row = facts | {
                    "id": draft_id,
                    "organization_id": organization_id,
                    "author": author,
                    "created_at": moment,
                }
                connection.execute(insert(registration_drafts).values(row))
                _drop_oldest(connection, organization_id)
        return self.get(organization_id, draft_id)

    def list(self, organization_id: str) -> Sequence[RegistrationDraft]:
        """The drafts of an organization, the newest first."""
        query = (
            select(registration_drafts)
            .where(registration_drafts.c.organization_id == organization_id)
            .order_by(registration_drafts.c.updated_at.desc(), registration_drafts.c.id)
        )
        with self._database.read() as connection:
            return [_draft(row) for row in connection.execute(query)]

    def get(self, organization_id: str, draft_id: str) -> RegistrationDraft:
        """One draft. Raises NotFound."""
        row = None
        if is_id(draft_id):
            query = select(registration_drafts).where(*_of(organization_id, draft_id))
            with self._database.read() as connection:
                row = connection.execute(query).first()
        if row is None:
            raise NotFound("There is no such draft; it may be finished, or discarded.")
        return _draft(row)

    def discard(self, organization_id: str, draft_id: str) -> None:
        """Take a draft away; one that is gone changes nothing."""
        if not is_id(draft_id):
            return
        with self._database.write() as connection:
            connection.execute(delete(registration_drafts).where(*_of(organization_id, draft_id)))


def _drop_oldest(connection: Any, organization_id: str) -> None:
    mine = registration_drafts.c.organization_id == organization_id
    order = (registration_drafts.c.updated_at.desc(), registration_drafts.c.id)
    kept = select(registration_drafts.c.id).where(mine).order_by(*order).limit(DRAFTS_LIMIT)
    ids = connection.execute(kept).scalars().all()
    delete_old(connection, registration_drafts, mine, registration_drafts.c.id.not_in(ids))


def _of(organization_id: str, draft_id: str) -> tuple[Any, Any]:
    return (
        registration_drafts.c.organization_id == organization_id,
        registration_drafts.c.id == draft_id,
    )


def _draft(row: Row[Any]) -> RegistrationDraft:
    return RegistrationDraft(
        id=row.id,
        organization_id=row.organization_id,
        family=row.family,
        given=row.given,
        author=row.author,
        updated_at=row.updated_at,
    )
