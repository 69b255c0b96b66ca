"""Calls that are sent again by a caller who did not see the answer, and happen once."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from sqlalchemy import (
    Column,
    Integer,
    LargeBinary,
    Row,
    String,
    Table,
    Text,
    and_,
    delete,
    insert,
    or_,
    select,
)
from sqlalchemy import update as update_table
from sqlalchemy.exc import IntegrityError

from mentorai.core.clock import now
from mentorai.core.database import Database, Instant, metadata
from mentorai.core.errors import Conflict, InputRejected
from mentorai.core.lease_holders import is_holder_gone, issue_lease
from mentorai.core.row_locks import delete_old

KEPT = timedelta(hours=24)
# A call that has not answered by then died with its process, whether or not that can be seen.
GIVEN_UP = timedelta(minutes=10)

repeatable_calls = Table(
    "repeatable_calls",
    metadata,
    # The SHA-256 of who called and the name they gave the call.
    Column("id", String(64), primary_key=True),
    Column("fingerprint", String(64), nullable=False),
    Column("started_at", Instant, nullable=False, index=True),
    # NULL while the call is being answered.
    Column("status", Integer),
    # Of the process that answers it (lease_holders.py); NULL for one of before there were any.
    Column("lease", String(36)),
    Column("media_type", Text),
    Column("body", LargeBinary),
)


@dataclass(frozen=True, slots=True)
class KeptAnswer:
    """What a call was answered the first time."""

    status: int
    media_type: str
    body: bytes


class RepeatableCalls:
    """The calls of the last 24 hours that their callers gave a name."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def begin(self, key_id: str, name: str, fingerprint: str) -> KeptAnswer | None:
        """Take the name for this call, or give the answer that it had before.

        A name is free again when the process that was answering is certainly dead.
        fingerprint: the SHA-256 of all that makes the call what it is.
        Raises Conflict while the first is being answered; InputRejected if the name was given
        to another call.
        """
        moment, call_id = now(), _name(key_id, name)
        row = {
            "id": call_id,
            "fingerprint": fingerprint,
            "started_at": moment,
            "lease": issue_lease(),
        }
        try:
            with self._database.write() as connection:
                is_old = repeatable_calls.c.started_at < moment - KEPT
                is_given_up = and_(
                    repeatable_calls.c.status.is_(None),
                    repeatable_calls.c.started_at < moment - GIVEN_UP,
                )
                connection.execute(
                    delete(repeatable_calls).where(
                        repeatable_calls.c.id == call_id, or_(is_old, is_given_up)
                    )
                )
                connection.execute(insert(repeatable_calls).values(row))
                delete_old(connection, repeatable_calls, is_old)
        except IntegrityError:
            held = self._find(call_id)
            if held is not None and _is_orphan(held):
                if self._take_over(held, row):
                    return None
                held = self._find(call_id)
            return _read_answer(held, fingerprint)
        return None

    def finish(self, key_id: str, name: str, answer: KeptAnswer) -> None:
        """Keep the answer for whoever sends the call again."""
        with self._database.write() as connection:
            connection.execute(
                update_table(repeatable_calls)
                .where(repeatable_calls.c.id == _name(key_id, name))
                .values(status=answer.status, media_type=answer.media_type, body=answer.body)
            )

    def forget(self, key_id: str, name: str) -> None:
        """The call failed: sending it again tries it again."""
        with self._database.write() as connection:
            connection.execute(
                delete(repeatable_calls).where(
                    repeatable_calls.c.id == _name(key_id, name),
                    repeatable_calls.c.status.is_(None),
                )
            )

    def _find(self, call_id: str) -> Row[Any] | None:
        query = select(repeatable_calls).where(repeatable_calls.c.id == call_id)
        with self._database.read() as connection:
            return connection.execute(query).first()

    def _take_over(self, held: Row[Any], row: Mapping[str, Any]) -> bool:
        """Give the name of a call that a dead process was answering to this one; False if another
        was first.
        """
        with self._database.write() as connection:
            taken = connection.execute(
                update_table(repeatable_calls)
                .where(repeatable_calls.c.id == held.id, repeatable_calls.c.lease == held.lease)
                .values(dict(row))
            )
            return taken.rowcount == 1


def _is_orphan(held: Row[Any]) -> bool:
    return held.status is None and bool(held.lease) and is_holder_gone(held.lease)


def _read_answer(held: Row[Any] | None, fingerprint: str) -> KeptAnswer:
    if held is None or (held.status is None and held.fingerprint == fingerprint):
        raise Conflict("This call is being answered at this moment; ask again in a second.")
    if held.fingerprint != fingerprint:
        sentence = "This Idempotency-Key was used for another call; give each call its own."
        raise InputRejected({"Idempotency-Key": [sentence]})
    return KeptAnswer(held.status, held.media_type, held.body)


def _name(key_id: str, name: str) -> str:
    return hashlib.sha256(f"{key_id}\n{name}".encode()).hexdigest()
