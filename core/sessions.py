"""Sessions: one person admitted to one mentor, in the browser that can show the binding.

A session's id is no secret. What opens it is the binding, a random text that the browser keeps;
here only its hash is kept. When the browser could not keep it inside a frame, a handoff code
carries the session over to a tab of its own, once. A portal's ticket is such a code too.
"""

import hashlib
import hmac
import secrets
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import (
    Column,
    ColumnElement,
    Connection,
    ForeignKey,
    Index,
    Row,
    String,
    Table,
    Text,
    bindparam,
    delete,
    insert,
    select,
    update,
)

from mentorai.core.clock import now
from mentorai.core.database import Database, Instant, metadata
from mentorai.core.errors import SessionEnded, SessionExpired, SessionRejected
from mentorai.core.identifiers import new_id
from mentorai.core.prepared import Prepared
from mentorai.core.row_locks import delete_old, hold_rows
from mentorai.core.values import Role, Session

HANDOFF_SECONDS = 120
TICKET_SECONDS = 60
# The cookie in which a browser keeps its binding.
BINDING_COOKIE = "__Host-mentorai-browser"

sessions = Table(
    "sessions",
    metadata,
    Column("id", String(36), primary_key=True),
    Column("organization_id", ForeignKey("organizations.id"), nullable=False),
    Column("mentor_id", ForeignKey("mentors.id", ondelete="CASCADE"), nullable=False, index=True),
    Column("person_id", ForeignKey("people.id", ondelete="CASCADE"), nullable=False, index=True),
    Column("role", String(16), nullable=False),
    Column("context_id", ForeignKey("contexts.id")),
    Column("resource_link_id", ForeignKey("resource_links.id")),
    Column("registration_id", String(36)),
    Column("quiz_id", String(36)),
    Column("locale", String(64)),
    Column("return_url", Text),
    Column("way", String(16), nullable=False),
    Column("start", Text),
    Column("frame_origins", Text, nullable=False, server_default=""),
    Column("binding_hash", String(64), nullable=False),
    Column("created_at", Instant, nullable=False),
    Column("expires_at", Instant, nullable=False),
    Column("ended_at", Instant),
)
# What the sweep looks for, and nothing else: it stays as small as the sessions that are open.
Index(
    "ix_sessions_open",
    sessions.c.expires_at,
    sqlite_where=sessions.c.ended_at.is_(None),
    postgresql_where=sessions.c.ended_at.is_(None),
)

handoffs = Table(
    "handoffs",
    metadata,
    Column("code_hash", String(64), primary_key=True),
    Column("session_id", ForeignKey("sessions.id", ondelete="CASCADE"), nullable=False),
    Column("expires_at", Instant, nullable=False, index=True),
    Column("proof_hash", String(64)),
)


_OPEN = Prepared(
    insert(sessions), [column.name for column in sessions.columns if column.name != "ended_at"]
)
_FIND = Prepared(select(sessions).where(sessions.c.id == bindparam("id")))


class Sessions:
    """The sessions of every organization."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def open(
        self,
        connection: Connection | None,
        *,
        organization_id: str,
        mentor_id: str,
        person_id: str,
        role: Role,
        expires_at: datetime,
        context_id: str | None = None,
        resource_link_id: str | None = None,
        registration_id: str | None = None,
        quiz_id: str | None = None,
        locale: str | None = None,
        return_url: str | None = None,
        way: str = "cookie",
        start: str | None = None,
        frame_origins: Sequence[str] = (),
        binding: str = "",
        session_id: str | None = None,
    ) -> Session:
        """Open a session, in the caller's transaction or, given None, by itself.

        session_id: the id it is to have; a new one otherwise. binding: what the browser must
        show. With an empty one nobody can use the session until a handoff was taken and `bind`
        called.
        """
        session = Session(
            id=session_id or new_id(),
            organization_id=organization_id,
            mentor_id=mentor_id,
            person_id=person_id,
            role=role,
            expires_at=expires_at,
            context_id=context_id,
            resource_link_id=resource_link_id,
            registration_id=registration_id,
            quiz_id=quiz_id,
            locale=locale[:64] if locale else None,
            return_url=return_url,
            way=way,
            start=start,
            frame_origins=tuple(frame_origins),
        )
        row = {name: getattr(session, name) for name in Session.__dataclass_fields__}
        row |= {
            "role": role.value,
            "frame_origins": " ".join(frame_origins),
            "binding_hash": _digest(binding) if binding else "",
            "created_at": now(),
        }
        if connection is None:
            self._database.run(_OPEN, row)
        else:
            connection.execute(_OPEN.statement, row)
        return session

    def check(self, session_id: str, binding: str) -> Session:
        """The open session that this browser may use.

        Raises SessionRejected for an unknown session or another browser's; SessionEnded;
        SessionExpired.
        """
        row = self._database.run(_FIND, {"id": session_id})
        kept = row.binding_hash if row else ""
        same = hmac.compare_digest(_digest(binding), kept or _digest(secrets.token_hex(8)))
        if row is None or not kept or not same:
            raise SessionRejected
        return _alive(row)

    def end(self, *session_ids: str) -> Sequence[Session]:
        """End sessions: those that this call ended. Ending one again changes nothing.

        Of several at once one ends a session. What nobody has entered yet ends too, unnamed.
        """
        return self._end(sessions.c.id.in_(session_ids), now())

    def end_expired(self) -> Sequence[Session]:
        """Note that sessions ran out: those that this call found first."""
        return self._end(sessions.c.expires_at <= now(), sessions.c.expires_at)

    def _end(
        self, which: ColumnElement[bool], ended_at: datetime | Column[datetime]
    ) -> Sequence[Session]:
        mine = (which, sessions.c.ended_at.is_(None))
        ending = update(sessions).where(*mine).values(ended_at=ended_at).returning(*sessions.c)
        with self._database.write() as connection:
            hold_rows(connection, sessions, *mine)
            rows = connection.execute(ending).all()
        return [_session(row) for row in rows if row.binding_hash]

    def find(self, organization_id: str, session_id: str) -> Session | None:
        """The session, open or not, or None."""
        query = select(sessions).where(
            sessions.c.organization_id == organization_id, sessions.c.id == session_id
        )
        with self._database.read() as connection:
            row = connection.execute(query).first()
        return _session(row) if row else None

    def get_open(self, session_id: str) -> Session:
        """The open session with this id, for a caller who has shown otherwise that it is theirs.

        Raises SessionRejected, SessionEnded, SessionExpired.
        """
        row = self._database.run(_FIND, {"id": session_id})
        if row is None:
            raise SessionRejected
        return _alive(row)

    def get_entered(self, organization_id: str, session_id: str) -> Session:
        """The open session with this id, once a browser has entered it. Raises as `get_open`."""
        query = select(sessions).where(
            sessions.c.organization_id == organization_id, sessions.c.id == session_id
        )
        with self._database.read() as connection:
            row = connection.execute(query).first()
        if row is None or not row.binding_hash:
            raise SessionRejected
        return _alive(row)

    def has_met(self, mentor_id: str, person_id: str) -> bool:
        """Whether this person ever had a session with this mentor."""
        query = select(sessions.c.id).where(
            sessions.c.person_id == person_id, sessions.c.mentor_id == mentor_id
        )
        with self._database.read() as connection:
            return connection.execute(query.limit(1)).first() is not None

    def issue_handoff(
        self, session_id: str, proof_hash: str | None = None, *, seconds: int = HANDOFF_SECONDS
    ) -> str:
        """A code that carries this session to another page: good once, for so many seconds.

        proof_hash: the SHA-256 of what must be shown beside the code, if anything.
        """
        code, moment = secrets.token_urlsafe(32), now()
        with self._database.write() as connection:
            connection.execute(
                insert(handoffs).values(
                    code_hash=_digest(code),
                    session_id=session_id,
                    expires_at=moment + timedelta(seconds=seconds),
                    proof_hash=proof_hash,
                )
            )
            delete_old(connection, handoffs, handoffs.c.expires_at <= moment)
        return code

    def take_handoff(self, code: str, proof: str | None = None) -> Session:
        """The session behind a handoff code; of two takers at once, one gets it.

        proof: what must be shown with a code that was issued so; a wrong one uses nothing up.
        Raises SessionRejected for a code that is unknown, used or too old; SessionEnded;
        SessionExpired.
        """
        wanted = handoffs.c.code_hash == _digest(code)
        proof_hash = _digest(proof) if proof else None
        with self._database.write() as connection:
            row = connection.execute(
                select(sessions, handoffs.c.expires_at.label("code_expires_at"))
                .join(handoffs, handoffs.c.session_id == sessions.c.id)
                .where(wanted, handoffs.c.proof_hash.is_not_distinct_from(proof_hash))
            ).first()
            # The deletion is the taking: only one transaction can see its one row go.
            taken = connection.execute(delete(handoffs).where(wanted)).rowcount if row else 0
        if row is None or taken != 1 or row.code_expires_at <= now():
            raise SessionRejected("This link was used already or is too old.")
        return _alive(row)

    def bind(self, session_id: str, binding: str, way: str) -> None:
        """From now on the session belongs to the browser that shows `binding`, and to no other."""
        if not binding:
            raise SessionRejected
        with self._database.write() as connection:
            connection.execute(
                update(sessions)
                .where(sessions.c.id == session_id)
                .values(binding_hash=_digest(binding), way=way)
            )


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def _alive(row: Row[Any]) -> Session:
    # The sweep writes the hour at which a session ran out.
    if row.expires_at <= now():
        raise SessionExpired
    if row.ended_at is not None:
        raise SessionEnded
    return _session(row)


def _session(row: Row[Any]) -> Session:
    facts = {name: getattr(row, name) for name in Session.__dataclass_fields__}
    origins = tuple(row.frame_origins.split())
    return Session(**facts | {"role": Role(row.role), "frame_origins": origins})
