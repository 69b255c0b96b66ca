"""Campus IT goes to Learn to let this tool act as a person there, and comes back."""

from functools import partial
from typing import Any

from flask import Blueprint, g, redirect, render_template, request, session, url_for
from werkzeug.wrappers import Response

from mentorai.core.admins import Admin
from mentorai.core.clock import now
from mentorai.core.connections import Connections
from mentorai.core.engine import Engine
from mentorai.core.errors import MentorAIError, NotFound, SignOnRejected
from mentorai.core.values import Connection
from mentorai.plugins.blackboard.rest_tokens import KIND, BlackboardTokens

KEPT = "blackboard_sign_ins"
# Sign-ins that one browser may have begun and not finished, and for how long.
BEGUN, BEGUN_SECONDS = 4, 600
NOT_BEGUN = "This sign-in did not begin in this browser, or too long ago. Begin it again."


def make_routes(engine: Engine) -> Blueprint:
    """The blueprint of this plugin for one engine."""
    routes = Blueprint(
        "blackboard", __name__, url_prefix=f"/connections/{KIND}", template_folder="templates"
    )
    pages = SignInPages(engine)
    routes.add_url_rule("/<connection_id>/sign-in", "begin", pages.begin)
    routes.add_url_rule("/callback", "finish", pages.finish)
    return routes


class SignInPages:
    """To Learn, and back with somebody's consent."""

    def __init__(self, engine: Engine) -> None:
        self._connections = engine.room(Connections)
        self._tokens = engine.room(BlackboardTokens)

    def begin(self, connection_id: str) -> Response:
        """On to Learn; this browser keeps what it must show when it comes back."""
        admin: Admin | None = g.find_admin()
        if admin is None:
            return redirect(url_for("admin.sign_in"), 303)
        connection = self._get(admin, connection_id)
        begun = self._tokens.begin(connection)
        kept = _read_kept()
        kept[begun.state] = {
            "connection": connection.id,
            "admin": admin.id,
            "verifier": begun.verifier,
            "at": int(now().timestamp()),
        }
        session[KEPT] = dict(list(kept.items())[-BEGUN:])
        return redirect(begun.url, 303)

    def finish(self) -> Response | str | tuple[str, int]:
        """Back from Learn: keep what it gave, and say whether it works."""
        admin: Admin | None = g.find_admin()
        kept = _read_kept()
        # Taken before anything else can fail: a state is good for one answer.
        begun = kept.pop(request.args.get("state", ""), None)
        session[KEPT] = kept
        if admin is None or begun is None or begun["admin"] != admin.id:
            raise SignOnRejected(NOT_BEGUN)
        connection = self._get(admin, begun["connection"])
        page = partial(render_template, "blackboard/signed_in.html", connection=connection)
        try:
            self._tokens.finish(connection, request.args.to_dict(), begun["verifier"])
        except MentorAIError as error:
            return page(reason=error.message), 502
        return page()

    def _get(self, admin: Admin, connection_id: str) -> Connection:
        connection = self._connections.get(admin.organization_id, connection_id)
        if connection.kind != KIND:
            raise NotFound
        return connection


def _read_kept() -> dict[str, Any]:
    """The sign-ins that this browser began, those that are not too old."""
    since = now().timestamp() - BEGUN_SECONDS
    kept = session.get(KEPT)
    if not isinstance(kept, dict):
        return {}
    return {state: begun for state, begun in kept.items() if begun["at"] > since}
