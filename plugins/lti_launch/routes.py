"""The addresses under /lti/: login, launch, and the ways on without cookies."""

import secrets
from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, Any

from flask import Blueprint, Response, jsonify, render_template, request, url_for
from werkzeug.datastructures import Headers
from werkzeug.wrappers import Response as AnyResponse

from mentorai.core.engine import Engine
from mentorai.core.errors import (
    NonceReused,
    SessionRejected,
    TokenExpired,
)
from mentorai.core.values import Launch, Session
from mentorai.lti.data_privacy import PrivacyRequest
from mentorai.lti.deep_linking import DeepLinkingSettings
from mentorai.lti.launch import FinishedLaunch, finish_launch, name_opened, settle
from mentorai.lti.login import begin_login, storage_key
from mentorai.lti.origins import find_origin
from mentorai.lti.tickets import StoredProof
from mentorai.lti.tool import Tool
from mentorai.plugins.lti_launch.routes_binding import (
    find_binding,
    find_bindings,
    put_binding,
    put_login_binding,
)
from mentorai.plugins.lti_launch.routes_keys import add_key_routes
from mentorai.plugins.lti_launch.routes_log import keep_log, note_admitted
from mentorai.plugins.lti_launch.routes_notices import add_notices
from mentorai.plugins.lti_launch.routes_picker import PickerPages
from mentorai.plugins.lti_launch.routes_privacy import PrivacyPages
from mentorai.plugins.lti_launch.routes_registration import add_registration_routes

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIEnvironment

Answer = str | Response | AnyResponse
FORM_BYTES = 200_000


def make_routes(engine: Engine) -> Blueprint:
    """The blueprint of this plugin for one engine."""
    routes = Blueprint(
        "lti_launch",
        __name__,
        template_folder="templates",
        static_folder="static",
        static_url_path="/lti/static",
    )
    pages = LaunchPages(engine)
    picker = PickerPages(engine)
    logged = partial(keep_log, engine.room(Tool))
    # These are posted by another site, which has no token of ours; the ticket guards them.
    _without_token(routes, "/lti/login", logged(pages.login), ["GET", "POST"])
    _without_token(
        routes, "/lti/login/<registration_id>", logged(pages.login_named), ["GET", "POST"]
    )
    _without_token(routes, "/lti/launch", logged(pages.launch), ["GET", "POST"])
    # And this one by a page in a browser that keeps no cookie to hold a token against.
    _without_token(routes, "/lti/resume", logged(pages.resume), ["POST"])
    add_key_routes(routes, engine)
    add_registration_routes(routes, engine)
    routes.add_url_rule("/lti/icon.png", "icon", picker.icon)
    add_notices(routes, engine)
    PrivacyPages(engine, find_binding).route(routes)
    routes.add_url_rule("/lti/continue", "continue", logged(pages.go_on))
    routes.add_url_rule(
        "/lti/deep-linking/<uuid:request_id>", "picker", logged(picker.show), methods=["GET"]
    )
    routes.add_url_rule(
        "/lti/deep-linking/<uuid:request_id>", "pick", logged(picker.answer), methods=["POST"]
    )
    return routes


class LaunchPages:
    """Login and launch, and what a launch can lead to.

    Three ways in, each tried when the one before fails: the browser's cookie comes back; the
    platform's storage gives back the proof that the login put there; the person opens a tab.
    """

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._tool = engine.room(Tool)

    def login(self) -> Answer:
        """Send the browser on to the platform that began this launch."""
        return self._log_in(None)

    def login_named(self, registration_id: str) -> Answer:
        """The same at the address of one registration, whose platform does not name it."""
        return self._log_in(registration_id)

    def _log_in(self, registration_id: str | None) -> Answer:
        request.max_content_length = FORM_BYTES
        params = request.form if request.method == "POST" else request.args
        binding, is_new = put_login_binding()
        begun = begin_login(
            self._tool, params.to_dict(), binding, is_new=is_new, registration_id=registration_id
        )
        if begun.to_store is None:
            return send_to(begun.auth_url)
        return render_template(
            "lti_launch/storing.html", auth_url=begun.auth_url, to_store=begun.to_store
        )

    def launch(self) -> Answer:
        """Let the person in, or offer the way on if the browser kept no cookie in the frame."""
        if request.method != "POST":
            # Platforms look at a link without launching it when a teacher saves it.
            return render_template("lti_launch/closed.html")
        request.max_content_length = FORM_BYTES
        form = request.form.to_dict()
        try:
            finished = finish_launch(self._tool, form, find_bindings())
        except (NonceReused, TokenExpired):
            # Back and Reload post a launch again: this browser has what it opened already.
            opened = self._find_opened(form.get("id_token", ""))
            if opened is None:
                raise
            return send_to(find_start(opened))
        if finished.deep_linking is not None:
            return self._pick(finished, finished.deep_linking)
        if finished.privacy is not None:
            return self._tell(finished, finished.privacy)
        launch = settle(self._tool, finished)
        if not finished.bound:
            session = self._engine.admit(launch, way="new_tab", session_id=finished.opens_id)
            note_admitted(self._tool, finished, "new_tab")
            return self._offer_ways(finished, form["state"], session.id)
        session = self._engine.admit(launch, binding=put_binding(), session_id=finished.opens_id)
        note_admitted(self._tool, finished, "cookie")
        return send_to(find_start(session))

    def resume(self) -> Answer:
        """Let in the page that read the launch's proof from the platform's storage."""
        request.max_content_length = FORM_BYTES
        code, proof = request.form.get("code", ""), request.form.get("proof", "")
        session = self._engine.sessions.take_handoff(code, proof)
        return jsonify({"location": self._enter(session, "storage")})

    def go_on(self) -> Answer:
        """Take the session over into this tab, once."""
        if request.method == "HEAD":
            # Whoever only looks does not use up the code.
            return Response(status=204)
        code, binding = request.args.get("code", ""), put_binding()
        picking = self._tool.deep_linking_requests.take_handoff(code, binding)
        if picking is not None:
            return send_to(f"/lti/deep-linking/{picking}")
        telling = self._tool.privacy_visits.take_handoff(code, binding)
        if telling is not None:
            return send_to(url_for("lti_launch.privacy", visit_id=telling))
        session = self._engine.sessions.take_handoff(code)
        return send_to(self._enter(session, "new_tab"))

    def _enter(self, session: Session, way: str) -> str:
        """Bind the session to this browser; where it starts, with a code in case that the
        browser does not keep the cookie that comes with this answer."""
        self._engine.sessions.bind(session.id, put_binding(), way)
        code = self._engine.sessions.issue_handoff(session.id)
        return f"{find_start(session)}?code={code}"

    def _find_opened(self, id_token: str) -> Session | None:
        try:
            return self._engine.sessions.check(name_opened(id_token), find_binding())
        except SessionRejected:
            return None

    def _offer_ways(self, finished: FinishedLaunch, state: str, session_id: str) -> str:
        sessions, launch, stored = self._engine.sessions, finished.launch, finished.stored
        to_read = None
        if stored is not None:
            code = sessions.issue_handoff(session_id, stored.proof_hash)
            to_read = self._describe_storage(launch, stored, state) | {"code": code}
        return _offer_tab(launch, sessions.issue_handoff(session_id), to_read)

    def _describe_storage(self, launch: Launch, stored: StoredProof, state: str) -> dict[str, Any]:
        registration = self._tool.registrations.get(launch.organization_id, launch.registration_id)
        return {
            "origin": find_origin(registration.auth_url),
            "target": stored.target,
            "key": storage_key(state),
        }

    def _tell(self, finished: FinishedLaunch, asked: PrivacyRequest) -> Answer:
        launch = self._engine.judge(finished.launch)
        kept = self._tool.privacy_visits
        visit_id = kept.put(
            launch, asked, put_binding() if finished.bound else secrets.token_hex(32)
        )
        note_admitted(self._tool, finished, "cookie" if finished.bound else "new_tab")
        if finished.bound:
            return send_to(url_for("lti_launch.privacy", visit_id=visit_id))
        return _offer_tab(launch, kept.issue_handoff(visit_id))

    def _pick(self, finished: FinishedLaunch, settings: DeepLinkingSettings) -> Answer:
        launch = self._engine.judge(finished.launch)
        kept = self._tool.deep_linking_requests
        held_by = put_binding() if finished.bound else secrets.token_hex(32)
        request_id = kept.put(launch, settings, held_by)
        note_admitted(self._tool, finished, "cookie" if finished.bound else "new_tab")
        if finished.bound:
            return send_to(f"/lti/deep-linking/{request_id}")
        return _offer_tab(launch, kept.issue_handoff(request_id))


class _Redirect(Response):
    """A redirect whose address needs no mending when it is plain ASCII."""

    def get_wsgi_headers(self, environ: "WSGIEnvironment") -> Headers:
        plain = self.headers["Location"].isascii()
        return self.headers if plain else super().get_wsgi_headers(environ)


def send_to(address: str) -> Response:
    """A redirect to GET an address. Without the page that Flask writes beside it: no browser
    shows it, and it costs more than all the rest of the answer."""
    return _Redirect(status=303, headers={"Location": address, "Content-Length": "0"})


def find_start(session: Session) -> str:
    """Where a person lands: where the launch said, else staff in the mentor's admin, and others
    in the quiz or the mentor.
    """
    if session.start:
        return f"/s/{session.id}/{session.start}"
    if session.role.is_staff:
        return f"/s/{session.id}/admin/"
    return f"/s/{session.id}/quiz/" if session.quiz_id else f"/s/{session.id}/"


def _offer_tab(launch: Launch, code: str, to_read: dict[str, Any] | None = None) -> str:
    return render_template(
        "lti_launch/new_tab.html",
        code=code,
        to_read=to_read,
        name=launch.name,
        course=(launch.context.title or launch.context.label) if launch.context else "",
    )


def _without_token(
    routes: Blueprint, rule: str, view: Callable[..., Answer], methods: list[str]
) -> None:
    view.csrf_exempt = True  # type: ignore[attr-defined]
    routes.add_url_rule(rule, view.__name__, view, methods=methods)
