"""Campus IT goes to an LMS to let this tool use its API as a person there, and comes back.

Which LMS, and by what protocol, plugins know: begin_connection and finish_connection.
"""

from typing import Any

from flask import Blueprint, g, redirect, render_template, request, session, url_for
from werkzeug.wrappers import Response

from mentorai.core.admins import Admin
from mentorai.core.clock import now
from mentorai.core.connections import Connections, new_state
from mentorai.core.engine import Engine
from mentorai.core.errors import MentorAIError, NotFound, SignOnRejected
from mentorai.core.values import Connection

KEPT = "connection_sign_ins"
# Sign-ins that one browser may have begun and not finished, and for how long.
BEGUN, BEGUN_SECONDS = 4, 600
NOT_BEGUN = "This sign-in did not begin in this browser, or too long ago. Begin it again."


def make_connection_pages(engine: Engine) -> Blueprint:
    """The addresses under /connections/, one pair for each kind of API."""
    routes = Blueprint("connections", __name__, url_prefix="/connections/<kind>")
    pages = SignInPages(engine)
    routes.add_url_rule("/<connection_id>/sign-in", "begin", pages.begin)
    routes.add_url_rule("/callback", "finish", pages.finish)
    return routes


class SignInPages:
    """To the LMS, and back with somebody's consent."""

    def __init__(self, engine: Engine) -> None:
        self._connections = engine.room(Connections)

    def begin(self, kind: str, connection_id: str) -> Response:
        """On to the LMS; this browser keeps what it must show when it comes back."""
        admin: Admin | None = g.find_admin()
        if admin is None:
            return redirect(url_for("admin.sign_in"), 303)
        connection = self._get(admin, kind, connection_id)
        state = new_state()
        begun = self._connections.begin(connection, state)
        kept = _read_kept()
        kept[state] = {
            "connection": connection.id,
            "admin": admin.id,
            "kept": begun.kept,
            "at": int(now().timestamp()),
        }
        session[KEPT] = dict(list(kept.items())[-BEGUN:])
        return redirect(begun.url, 303)

    def finish(self, kind: str) -> Response | str | tuple[str, int]:
        """Back from the LMS: keep what it gave, and say whether it works."""
        admin: Admin | None = g.find_admin()
        kept = _read_kept()
        # Taken before anything else can fail: a state is good for one answer.
        begun = kept.pop(request.args.get("state", ""), None)
        session[KEPT] = kept
        if admin is None or begun is None or begun["admin"] != admin.id:
            raise SignOnRejected(NOT_BEGUN)
        connection = self._get(admin, kind, begun["connection"])
        try:
            tokens = self._connections.finish(connection, request.args.to_dict(), begun["kept"])
        except MentorAIError as error:
            page = render_template("connected.html", connection=connection, reason=error.message)
            return page, 502
        return render_template("connected.html", connection=connection, owner=tokens.owner)

    def _get(self, admin: Admin, kind: str, connection_id: str) -> Connection:
        connection = self._connections.get(admin.organization_id, connection_id)
        if connection.kind != kind:
            raise NotFound
        return connection


def _read_kept() -> dict[str, Any]:
    """The sign-ins that this browser began, those that are not too old."""
    since = now().timestamp() - BEGUN_SECONDS
    kept = session.get(KEPT)
    if not isinstance(kept, dict):
        return {}
    return {state: begun for state, begun in kept.items() if begun["at"] > since}
