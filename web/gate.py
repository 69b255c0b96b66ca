"""The way into a session's pages: by the browser's cookie, or by what the page itself holds.

Both the student's pages and the embedded admin live under /s/<session_id>/ and come through here.
A request that brings a token or a code is judged by that alone: its cookies count for nothing,
and so it needs no CSRF token either, since no other site can make a browser send one.
"""

from collections.abc import Sequence
from typing import Any
from urllib.parse import parse_qsl, urlencode, urlsplit, urlunsplit

from flask import Blueprint, Response, abort, g, redirect, request

from mentorai.core.engine import Engine
from mentorai.core.errors import SessionDenied, SessionRejected
from mentorai.core.sessions import BINDING_COOKIE
from mentorai.core.values import RequestFacts, Session
from mentorai.web.framework import this_request
from mentorai.web.page_tokens import HEADER, fits, issue_token

CODE = "code"
PLACES = "/s/"
GATED = ("embed", "embedded_admin")


def enter(engine: Engine, session_id: str) -> Session:
    """Let this request use the session, and keep it as `g.session` (headers.py reads it).

    Raises SessionRejected, SessionEnded, SessionExpired, SessionDenied.
    """
    if is_carried():
        session = _check_carried(engine, session_id)
    else:
        session = engine.sessions.check(session_id, find_binding())
    facts = RequestFacts(request.method, request.path, request.remote_addr or "")
    denial = engine.plugins.judge("judge_session", session=session, request_facts=facts)
    if denial:
        raise SessionDenied(denial.reason)
    g.session = session
    return session


def is_carried() -> bool:
    """Whether this request for a session's page brings what a page holds, not a cookie."""
    # First what is cheapest to see: launches and the API ask this too.
    asked = this_request()
    if not asked.path.startswith(PLACES):
        return False
    brings = HEADER in asked.headers or CODE in asked.args
    return brings and asked.blueprint in GATED


def visitor() -> Session:
    """The session that this request came in with."""
    session: Session = g.session
    return session


def find_visitor() -> Session | None:
    """The session of this request, or None outside /s/<session_id>/ or when it was refused."""
    found: Session | None = g.get("session")
    return found


def find_framers(engine: Engine, session: Session) -> Sequence[str]:
    """The origins whose pages may frame this session's, as the plugins and its portal name them."""
    if "framers" not in g:
        named = engine.plugins.ask_all("frame_ancestors", engine=engine, session=session)
        named.append(session.frame_origins)
        g.framers = list(dict.fromkeys(origin for some in named for origin in some))
    framers: Sequence[str] = g.framers
    return framers


def carry(engine: Engine, pages: Blueprint) -> None:
    """Have what these pages show and redirect to carry the session on, if they were carried."""

    @pages.context_processor
    def give_session() -> dict[str, Any]:
        session = find_visitor()
        if session is None:
            return {}
        facts = {"frame_origins": find_framers(engine, session), "locale": session.locale}
        if is_carried():
            facts |= {"page_token": issue_token(session.id), "page_base": f"/s/{session.id}/"}
        return facts

    @pages.after_request
    def add_code(response: Response) -> Response:
        session, target = find_visitor(), response.location
        if session and target and is_carried() and target.startswith(f"/s/{session.id}/"):
            response.location = _with_code(target, engine.sessions.issue_handoff(session.id))
        return response


def _check_carried(engine: Engine, session_id: str) -> Session:
    token = request.headers.get(HEADER)
    if token is not None:
        if not fits(token, session_id):
            raise SessionRejected
        return engine.sessions.get_open(session_id)
    session = engine.sessions.take_handoff(request.args[CODE])
    if session.id != session_id:
        raise SessionRejected
    if request.method == "GET" and _has_cookie(engine, session_id):
        # This browser keeps our cookie after all: on without the code, which is used up.
        abort(redirect(_with_code(request.full_path, None), 303))
    return session


def _has_cookie(engine: Engine, session_id: str) -> bool:
    try:
        engine.sessions.check(session_id, find_binding())
    except SessionRejected:
        return False
    return True


def find_binding() -> str:
    """What this browser shows to be known again: from its cookie, empty if it has none."""
    return request.cookies.get(BINDING_COOKIE, "")


def _with_code(address: str, code: str | None) -> str:
    parts = urlsplit(address)
    query = [(n, v) for n, v in parse_qsl(parts.query, keep_blank_values=True) if n != CODE]
    query += [(CODE, code)] if code else []
    return urlunsplit(parts._replace(query=urlencode(query)))
