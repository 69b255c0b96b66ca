"""Campus IT goes to Canvas to sign in for its API, and comes back."""

from functools import partial
from typing import Any

from authlib.common.security import generate_token
from flask import Blueprint, g, redirect, render_template, request, session, url_for
from werkzeug.wrappers import Response

from mentorai.core.admins import Admin
from mentorai.core.clock import now
from mentorai.core.connections import Connections
from mentorai.core.engine import Engine
from mentorai.core.errors import MentorAIError, NotFound, SignOnRejected
from mentorai.core.values import Connection
from mentorai.plugins.canvas.api_tokens import KIND, CanvasTokens

KEPT = "canvas_sign_ins"
# Sign-ins that one browser may have begun and not finished, and for how long.
BEGUN, BEGUN_SECONDS = 4, 600
STATE_LENGTH = 40
NOT_BEGUN = "This sign-in did not begin in this browser, or too long ago. Begin it again."


def make_routes(engine: Engine) -> Blueprint:
    """The blueprint of this plugin for one engine."""
    routes = Blueprint(
        "canvas", __name__, url_prefix=f"/connections/{KIND}", template_folder="templates"
    )
    pages = SignInPages(engine)
    routes.add_url_rule("/<connection_id>/sign-in", "begin", pages.begin)
    routes.add_url_rule("/callback", "finish", pages.finish)
    return routes


class SignInPages:
    """To Canvas, and back with its consent."""

    def __init__(self, engine: Engine) -> None:
        self._connections = engine.room(Connections)
        self._tokens = engine.room(CanvasTokens)

    def begin(self, connection_id: str) -> Response:
        """On to Canvas; this browser keeps what it must show when it comes back."""
        admin: Admin | None = g.find_admin()
        if admin is None:
            return redirect(url_for("admin.sign_in"), 303)
        connection = self._get(admin, connection_id)
        state = generate_token(STATE_LENGTH)
        kept = _read_kept()
        kept[state] = {
            "connection": connection.id,
            "admin": admin.id,
            "at": int(now().timestamp()),
        }
        session[KEPT] = dict(list(kept.items())[-BEGUN:])
        return redirect(self._tokens.begin(connection, state), 303)

    def finish(self) -> Response | str | tuple[str, int]:
        """Back from Canvas: keep what it gave, and say whether it works."""
        admin: Admin | None = g.find_admin()
        kept = _read_kept()
        # Taken before anything else can fail: a state is good for one answer.
        begun = kept.pop(request.args.get("state", ""), None)
        session[KEPT] = kept
        if admin is None or begun is None or begun["admin"] != admin.id:
            raise SignOnRejected(NOT_BEGUN)
        connection = self._get(admin, begun["connection"])
        page = partial(render_template, "canvas/signed_in.html", connection=connection)
        try:
            tokens = self._tokens.finish(connection, request.args.to_dict())
        except MentorAIError as error:
            return page(reason=error.message), 502
        return page(owner=tokens.owner)

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
