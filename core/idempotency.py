"""Calls that are sent again by a caller who did not see the answer, and happen once."""

import hashlib
from dataclasses import dataclass
from datetime import timedelta

from sqlalchemy import Column, Integer, LargeBinary, String, Table, Text, delete, insert, select
from sqlalchemy import update as update_table
from sqlalchemy.exc import IntegrityError

from mentorai.core.clock import now
from mentorai.core.database import Database, Instant, metadata
from mentorai.core.errors import Conflict, InputRejected

KEPT = timedelta(hours=24)
# A call that has not answered by then died with its process.
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

        fingerprint: the SHA-256 of all that makes the call what it is.
        Raises Conflict while the first is being answered; InputRejected if the name was given
        to another call.
        """
        moment, call_id = now(), _name(key_id, name)
        row = {"id": call_id, "fingerprint": fingerprint, "started_at": moment}
        try:
            with self._database.write() as connection:
                connection.execute(
                    delete(repeatable_calls).where(repeatable_calls.c.started_at < moment - KEPT)
                )
                connection.execute(
                    delete(repeatable_calls).where(
                        repeatable_calls.c.id == call_id,
                        repeatable_calls.c.status.is_(None),
                        repeatable_calls.c.started_at < moment - GIVEN_UP,
                    )
                )
                connection.execute(insert(repeatable_calls).values(row))
        except IntegrityError:
            return self._find(call_id, fingerprint)
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

    def _find(self, call_id: str, fingerprint: str) -> KeptAnswer | None:
        query = select(repeatable_calls).where(repeatable_calls.c.id == call_id)
        with self._database.read() as connection:
            row = connection.execute(query).first()
        if row is None or (row.status is None and row.fingerprint == fingerprint):
            raise Conflict("This call is being answered at this moment; ask again in a second.")
        if row.fingerprint != fingerprint:
            sentence = "This Idempotency-Key was used for another call; give each call its own."
            raise InputRejected({"Idempotency-Key": [sentence]})
        return KeptAnswer(row.status, row.media_type, row.body)


def _name(key_id: str, name: str) -> str:
    return hashlib.sha256(f"{key_id}\n{name}".encode()).hexdigest()
