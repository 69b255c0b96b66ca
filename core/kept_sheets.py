"""Sheets that campus IT has looked at in the admin and not yet applied, for an hour.

A sheet holds names and addresses of people, so it is gone as soon as it is applied or put away,
and otherwise with the next sheet that comes after its hour.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import (
    Column,
    ColumnElement,
    ForeignKey,
    LargeBinary,
    String,
    Table,
    Text,
    delete,
    insert,
    select,
)

from mentorai.core.clock import now
from mentorai.core.database import Database, Instant, metadata
from mentorai.core.errors import NotFound
from mentorai.core.identifiers import is_id, new_id
from mentorai.core.row_locks import delete_old

KEPT = timedelta(hours=1)
NAME_LENGTH = 200

kept_sheets = Table(
    "kept_sheets",
    metadata,
    Column("id", String(36), primary_key=True),
    Column("organization_id", ForeignKey("organizations.id"), nullable=False, index=True),
    Column("author", String(64), nullable=False),
    Column("name", Text, nullable=False),
    Column("data", LargeBinary, nullable=False),
    Column("expires_at", Instant, nullable=False),
)


@dataclass(frozen=True, slots=True)
class KeptSheet:
    """One sheet. name: of the file. Its repr shows nothing of what is in it."""

    id: str
    name: str
    data: bytes
    expires_at: datetime

    def __repr__(self) -> str:
        return f"KeptSheet({self.id})"


class KeptSheets:
    """The sheets of every organization; each belongs to the person who brought it."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def put(self, organization_id: str, author: str, name: str, data: bytes) -> KeptSheet:
        """Keep a sheet for an hour, in the place of the one that its author brought before."""
        moment = now()
        kept = KeptSheet(new_id(), name[:NAME_LENGTH], data, moment + KEPT)
        row = {
            "id": kept.id,
            "organization_id": organization_id,
            "author": author,
            "name": kept.name,
            "data": kept.data,
            "expires_at": kept.expires_at,
        }
        own = (
            kept_sheets.c.organization_id == organization_id,
            kept_sheets.c.author == author,
        )
        with self._database.write() as connection:
            connection.execute(delete(kept_sheets).where(*own))
            connection.execute(insert(kept_sheets).values(row))
            delete_old(connection, kept_sheets, kept_sheets.c.expires_at <= moment)
        return kept

    def get(self, organization_id: str, author: str, sheet_id: str) -> KeptSheet:
        """A sheet of this author's that is kept still. Raises NotFound."""
        row = None
        if is_id(sheet_id):
            query = select(kept_sheets).where(
                *_of(organization_id, author, sheet_id), kept_sheets.c.expires_at > now()
            )
            with self._database.read() as connection:
                row = connection.execute(query).first()
        if row is None:
            raise NotFound("This file is not kept any more; upload it again.")
        return KeptSheet(row.id, row.name, row.data, row.expires_at)

    def discard(self, organization_id: str, author: str, sheet_id: str) -> None:
        """Put a sheet away; one that is gone changes nothing."""
        if not is_id(sheet_id):
            return
        with self._database.write() as connection:
            connection.execute(delete(kept_sheets).where(*_of(organization_id, author, sheet_id)))


def _of(organization_id: str, author: str, sheet_id: str) -> tuple[ColumnElement[bool], ...]:
    return (
        kept_sheets.c.id == sheet_id,
        kept_sheets.c.organization_id == organization_id,
        kept_sheets.c.author == author,
    )
