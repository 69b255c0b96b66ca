"""The addresses under /lti/: login, launch, and the ways on without cookies."""

import secrets
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from functools import partial
from typing import TYPE_CHECKING, Any

from flask import Blueprint, Response, jsonify, render_template, request, url_for
from werkzeug.datastructures import Headers

from mentorai.core.engine import Engine
from mentorai.core.errors import (
    NonceReused,
    SessionRejected,
    StateMismatch,
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
from mentorai.plugins.lti_launch.routes_files import add_file_routes
from mentorai.plugins.lti_launch.routes_form import read_form
from mentorai.plugins.lti_launch.routes_held import Answer, HeldPages
from mentorai.plugins.lti_launch.routes_keys import add_key_routes
from mentorai.plugins.lti_launch.routes_log import keep_log, note_admitted
from mentorai.plugins.lti_launch.routes_notices import add_notices
from mentorai.plugins.lti_launch.routes_picker import PickerPages
from mentorai.plugins.lti_launch.routes_privacy import PrivacyPages
from mentorai.plugins.lti_launch.routes_registration import add_registration_routes

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIEnvironment

POLL_SECONDS = 0.05


def make_routes(engine: Engine) -> Blueprint:
    """The blueprint of this plugin for one engine."""
    routes = Blueprint(
        "lti_launch",
        __name__,
        template_folder="templates",
        static_folder="static",
        static_url_path="/lti/static",
    )
    picker, privacy = PickerPages(engine), PrivacyPages(engine)
    pages = LaunchPages(engine, picker.held, privacy.held)
    logged = partial(keep_log, engine.room(Tool))
    # These are posted by another site, which has no token of ours; the ticket guards them.
    _without_token(routes, "/lti/login", logged(pages.login), ["GET", "POST"])
    _without_token(
        routes, "/lti/login/<registration_id>", logged(pages.login_named), ["GET", "POST"]
    )
    _without_token(routes, "/lti/launch", logged(pages.launch), ["GET", "POST"])
    # And these by pages in a browser that keeps no cookie to hold a token against.
    post = ["POST"]
    _without_token(routes, "/lti/resume", logged(pages.resume), post)
    _without_token(routes, picker.held.resume_url, logged(picker.held.resume), post, "pick_resume")
    _without_token(
        routes, privacy.held.resume_url, logged(privacy.held.resume), post, "privacy_resume"
    )
    _without_token(
        routes, "/lti/deep-linking/<uuid:request_id>/held", logged(picker.answer_held), post
    )
    add_key_routes(routes, engine)
    add_registration_routes(routes, engine)
    routes.add_url_rule("/lti/icon.png", "icon", picker.icon)
    add_file_routes(routes, engine)
    add_notices(routes, engine)
    privacy.route(routes)
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

    def __init__(self, engine: Engine, picker: HeldPages, privacy: HeldPages) -> None:
        self._engine = engine
        self._tool = engine.room(Tool)
        self._picker = picker
        self._privacy = privacy

    def login(self) -> Answer:
        """Send the browser on to the platform that began this launch."""
        return self._log_in(None)

    def login_named(self, registration_id: str) -> Answer:
        """The same at the address of one registration, whose platform does not name it."""
        return self._log_in(registration_id)

    def _log_in(self, registration_id: str | None) -> Answer:
        params = read_form() if request.method == "POST" else request.args.to_dict()
        binding, is_new = put_login_binding()
        begun = begin_login(
            self._tool, params, binding, is_new=is_new, registration_id=registration_id
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
        form = read_form()
        try:
            finished = finish_launch(self._tool, form, find_bindings())
        except (NonceReused, TokenExpired):
            # Back and Reload post a launch again: this browser has what it opened already.
            opened = self._await_opened(form)
            if opened is None:
                raise
            return send_to(opened)
        if finished.deep_linking is not None:
            return self._pick(finished, form["state"], finished.deep_linking)
        if finished.privacy is not None:
            return self._tell(finished, form["state"], finished.privacy)
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
        form = read_form()
        code, proof = form.get("code", ""), form.get("proof", "")
        session = self._engine.sessions.take_handoff(code, proof)
        return jsonify({"location": self._enter(session, "storage")})

    def go_on(self) -> Answer:
        """Take the session over into this tab, once."""
        if request.method == "HEAD":
            # Whoever only looks does not use up the code.
            return Response(status=204)
        code = request.args.get("code", "")
        way_on = self._picker.find_way_on(code) or self._privacy.find_way_on(code)
        if way_on:
            return send_to(way_on)
        session = self._engine.sessions.take_handoff(code)
        return send_to(self._enter(session, "new_tab"))

    def _enter(self, session: Session, way: str) -> str:
        """Bind the session to this browser; where it starts, with a code in case that the
        browser does not keep the cookie that comes with this answer."""
        self._engine.sessions.bind(session.id, put_binding(), way)
        code = self._engine.sessions.issue_handoff(session.id)
        return f"{find_start(session)}?code={code}"

    def _await_opened(self, form: Mapping[str, str]) -> str | None:
        """Where what a launch opened for this browser is; None if it opened nothing.

        Who is impatient posts it again while it is being opened, by whichever process.
        """
        opened_id, binding = name_opened(form.get("id_token", "")), find_binding()
        while True:
            may_come = binding and self._tool.tickets.was_just_taken(form.get("state", ""))
            opened = self._find_opened(opened_id, binding)
            if opened or not may_come:
                return opened
            time.sleep(POLL_SECONDS)

    def _find_opened(self, opened_id: str, binding: str) -> str | None:
        with suppress(SessionRejected):
            return find_start(self._engine.sessions.check(opened_id, binding))
        with suppress(StateMismatch, NonceReused):
            self._tool.deep_linking_requests.check(opened_id, binding)
            return f"/lti/deep-linking/{opened_id}"
        with suppress(StateMismatch):
            self._tool.privacy_visits.check(opened_id, binding)
            return url_for("lti_launch.privacy", visit_id=opened_id)
        return None

    def _offer_ways(self, finished: FinishedLaunch, state: str, session_id: str) -> str:
        sessions, stored = self._engine.sessions, finished.stored
        to_read = None
        if stored is not None:
            code = sessions.issue_handoff(session_id, stored.proof_hash)
            to_read = self._describe_storage(finished.launch, stored, state)
            to_read |= {"code": code, "resume": url_for("lti_launch.resume")}
        return _offer_tab(finished.launch, sessions.issue_handoff(session_id), to_read)

    def _offer_held(
        self, finished: FinishedLaunch, state: str, held: HeldPages, page_id: str
    ) -> str:
        """The same for a page that is no session's: one code serves both ways on."""
        stored = finished.stored
        code = held.handoffs.issue(page_id, stored.proof_hash if stored else None)
        to_read = None
        if stored is not None:
            to_read = self._describe_storage(finished.launch, stored, state)
            to_read |= {"code": code, "resume": held.resume_url}
        return _offer_tab(finished.launch, code, to_read)

    def _describe_storage(self, launch: Launch, stored: StoredProof, state: str) -> dict[str, Any]:
        registration = self._tool.registrations.get(launch.organization_id, launch.registration_id)
        return {
            "origin": find_origin(registration.auth_url),
            "target": stored.target,
            "key": storage_key(state),
        }

    def _tell(self, finished: FinishedLaunch, state: str, asked: PrivacyRequest) -> Answer:
        launch = self._engine.judge(finished.launch)
        visit_id = self._tool.privacy_visits.put(
            launch, asked, _find_holder(finished), visit_id=finished.opens_id
        )
        note_admitted(self._tool, finished, "cookie" if finished.bound else "new_tab")
        if finished.bound:
            return send_to(url_for("lti_launch.privacy", visit_id=visit_id))
        return self._offer_held(finished, state, self._privacy, visit_id)

    def _pick(self, finished: FinishedLaunch, state: str, settings: DeepLinkingSettings) -> Answer:
        launch = self._engine.judge(finished.launch)
        request_id = self._tool.deep_linking_requests.put(
            launch, settings, _find_holder(finished), request_id=finished.opens_id
        )
        note_admitted(self._tool, finished, "cookie" if finished.bound else "new_tab")
        if finished.bound:
            return send_to(f"/lti/deep-linking/{request_id}")
        return self._offer_held(finished, state, self._picker, request_id)


def _find_holder(finished: FinishedLaunch) -> str:
    """Whom a page is held for: this browser, or nobody yet."""
    return put_binding() if finished.bound else secrets.token_hex(32)


class _Redirect(Response):
    """A redirect whose address needs no mending when it is plain ASCII."""

    def get_wsgi_headers(self, environ: "WSGIEnvironment") -> Headers:
        plain = self.headers["Location"].isascii()
        return self.headers if plain else super().get_wsgi_headers(environ)


def send_to(address: str) -> Response:
    """A redirect to GET an address. Without the page that Flask writes beside it: no browser
    shows it, and it costs more than all the rest of the answer."""
    headers = {"Location": address, "Content-Length": "0"}
    # The type that it would have anyway: to find out costs an exception.
    return _Redirect(status=303, headers=headers, content_type="text/html; charset=utf-8")


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
        # What has a window already needs no tab beside it (LTI Core 1.3, section 5.4.4).
        in_window=launch.document_target == "window",
        name=launch.name,
        course=(launch.context.title or launch.context.label) if launch.context else "",
    )


def _without_token(
    routes: Blueprint, rule: str, view: Callable[..., Answer], methods: list[str], name: str = ""
) -> None:
    view.csrf_exempt = True  # type: ignore[attr-defined]
    routes.add_url_rule(rule, name or view.__name__, view, methods=methods)
