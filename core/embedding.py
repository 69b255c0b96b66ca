"""Embedding: how a portal's server lets one person into one mentor, inside its own page.

The server asks with its key for an address, writes it into its page, and the person's browser
opens it within a minute, once. What comes in this way is a learner, always: a key makes no staff,
since staff make keys.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from sqlalchemy.exc import IntegrityError

from mentorai.core.clock import now
from mentorai.core.errors import InputRejected, SessionRejected, TicketInvalid
from mentorai.core.sessions import TICKET_SECONDS
from mentorai.core.values import Identity, Role, Session

if TYPE_CHECKING:
    from mentorai.core.engine import Engine

WAY = "ticket"


@dataclass(frozen=True, slots=True)
class Guest:
    """A person as a portal names them: by its own id, which means nothing elsewhere."""

    id: str
    name: str | None = None
    email: str | None = None


@dataclass(frozen=True, slots=True)
class Ticket:
    """A way in: the code that opens the session, once, until `expires_at`."""

    code: str
    expires_at: datetime
    session: Session


def issue_ticket(
    engine: "Engine",
    organization_id: str,
    mentor_id: str,
    who: Guest | Identity,
    *,
    frame_origins: Sequence[str],
    quiz_id: str | None = None,
    locale: str | None = None,
) -> Ticket:
    """A ticket for one person and one mentor.

    who: a Guest is known within this mentor alone, whatever their id is elsewhere. An Identity
    is whom a sign-on plugin vouches for; its session ends when the campus ends the sign-on.
    frame_origins: whose pages may frame the session. quiz_id: the published quiz to open.
    Raises NotFound for a quiz that is not this mentor's.
    """
    if quiz_id is not None:
        engine.quizzes.get(organization_id, mentor_id, quiz_id)
    moment = now()
    facts = {
        "organization_id": organization_id,
        "mentor_id": mentor_id,
        "role": Role.LEARNER,
        "expires_at": moment + timedelta(hours=engine.settings.session_hours),
        "quiz_id": quiz_id,
        "locale": locale,
        "way": WAY,
        "frame_origins": frame_origins,
    }
    try:
        session = _open(engine, who, facts)
    except IntegrityError:
        # Another frame of the same page made the same person at this moment.
        session = _open(engine, who, facts)
    code = engine.sessions.issue_handoff(session.id, seconds=TICKET_SECONDS)
    return Ticket(code, moment + timedelta(seconds=TICKET_SECONDS), session)


def _open(engine: "Engine", who: Guest | Identity, facts: dict[str, Any]) -> Session:
    organization_id = facts["organization_id"]
    with engine.database.write() as connection:
        if isinstance(who, Guest):
            authority = f"portal:{facts['mentor_id']}"
            person = engine.people.put_known(
                connection, organization_id, authority, who.id, who.name, who.email
            )
            return engine.sessions.open(connection, person_id=person.id, **facts)
        person = engine.sign_ons.put_person(connection, organization_id, who)
        session = engine.sessions.open(connection, person_id=person.id, **facts)
        engine.sign_ons.note(
            connection,
            organization_id,
            who,
            session_id=session.id,
            expires_at=facts["expires_at"],
        )
        return session


def take_ticket(engine: "Engine", code: str, binding: str) -> Session:
    """The session behind a ticket, which belongs to the browser that shows `binding` from now on.

    Raises TicketInvalid for one that is unknown, used or too old.
    """
    try:
        session = engine.sessions.take_handoff(code)
    except SessionRejected as error:
        raise TicketInvalid from error
    engine.sessions.bind(session.id, binding, WAY)
    return session


def find_identity(engine: "Engine", organization_id: str, credential: str) -> Identity:
    """Whose campus credential this is. Raises InputRejected (credential) when it is not good."""
    identity: Identity | None = engine.plugins.ask_first(
        "validate_credential",
        engine=engine,
        organization_id=organization_id,
        credential=credential,
    )
    if identity is None:
        raise InputRejected({"credential": ["No campus sign-on here vouches for this."]})
    return identity
