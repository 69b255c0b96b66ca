"""The way into a session's pages: the browser shows its binding, plugins may still refuse.

Both the student's pages and the embedded admin live under /s/<session_id>/ and come through here.
"""

from flask import g, request

from mentorai.core.engine import Engine
from mentorai.core.errors import SessionDenied
from mentorai.core.sessions import BINDING_COOKIE
from mentorai.core.values import RequestFacts, Session


def enter(engine: Engine, session_id: str) -> Session:
    """Let this request use the session, and keep it as `g.session` (headers.py reads it).

    Raises SessionRejected, SessionEnded, SessionExpired, SessionDenied.
    """
    session = engine.sessions.check(session_id, request.cookies.get(BINDING_COOKIE, ""))
    facts = RequestFacts(request.method, request.path, request.remote_addr or "")
    denial = engine.plugins.judge("judge_session", session=session, request_facts=facts)
    if denial:
        raise SessionDenied(denial.reason)
    g.session = session
    return session


def visitor() -> Session:
    """The session that this request came in with."""
    session: Session = g.session
    return session


def find_visitor() -> Session | None:
    """The session of this request, or None outside /s/<session_id>/ or when it was refused."""
    found: Session | None = g.get("session")
    return found
