"""Introspection: whether a credential that somebody shows is good, and whose it is.

For a portal that asks before it shows or fetches anything. Our own sessions first; then whatever
a sign-on plugin vouches for. Nothing here is an error: what is not good is None.
"""

from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Literal

from mentorai.core.errors import SessionRejected
from mentorai.core.identifiers import is_id
from mentorai.core.values import Identity

if TYPE_CHECKING:
    from mentorai.core.engine import Engine

Kind = Literal["session", "lti_session", "campus"]


@dataclass(frozen=True, slots=True)
class Standing:
    """A credential that is good until `expires_at`.

    person_id: ours; None for somebody of the campus whom this mentor has not met. roles: in the
    course for a session, at the campus for the rest. mentor_id, context_id: of a session.
    """

    kind: Kind
    expires_at: datetime
    person_id: str | None
    name: str | None
    email: str | None
    roles: tuple[str, ...]
    mentor_id: str | None = None
    context_id: str | None = None


def find_standing(
    engine: "Engine",
    organization_id: str,
    mentor_id: str | None,
    *,
    session_id: str | None,
    credential: str,
) -> Standing | None:
    """What a credential is good for, or None.

    mentor_id: whose sessions count, and whose people are named; None: the whole organization's.
    session_id: the session that the credential stands for, if it stands for one.
    Raises PlatformUnavailable and its like when a provider could not be asked.
    """
    if session_id is not None and is_id(session_id):
        found = _find_session(engine, organization_id, mentor_id, session_id)
        if found is not None:
            return found
    identity: Identity | None = engine.plugins.ask_first(
        "validate_credential",
        engine=engine,
        organization_id=organization_id,
        credential=credential,
    )
    return _describe_identity(engine, organization_id, mentor_id, identity) if identity else None


def _find_session(
    engine: "Engine", organization_id: str, mentor_id: str | None, session_id: str
) -> Standing | None:
    try:
        session = engine.sessions.get_entered(organization_id, session_id)
    except SessionRejected:
        return None
    if mentor_id not in (None, session.mentor_id):
        return None
    person = engine.people.find(organization_id, session.person_id)
    return Standing(
        kind="lti_session" if session.registration_id else "session",
        expires_at=session.expires_at,
        person_id=session.person_id,
        name=person.name if person else None,
        email=person.email if person else None,
        roles=(session.role.value,),
        mentor_id=session.mentor_id,
        context_id=session.context_id,
    )


def _describe_identity(
    engine: "Engine", organization_id: str, mentor_id: str | None, identity: Identity
) -> Standing:
    who = (organization_id, identity.authority, identity.subject)
    with engine.database.read() as connection:
        person = engine.people.find_identity(connection, *who)
    is_known = person is not None and (
        mentor_id is None or engine.sessions.has_met(mentor_id, person.id)
    )
    return Standing(
        kind="campus",
        expires_at=identity.expires_at,
        person_id=person.id if person and is_known else None,
        name=identity.name,
        email=identity.email,
        roles=identity.roles,
    )
