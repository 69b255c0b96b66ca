"""The addresses under /lti/: login, launch, our public keys, and the way on without cookies."""

import hashlib
import re
import secrets
from collections.abc import Callable
from functools import wraps
from typing import Any

import structlog
from flask import (
    Blueprint,
    Response,
    after_this_request,
    jsonify,
    render_template,
    request,
)
from werkzeug.wrappers import Response as AnyResponse

from mentorai.core.engine import Engine
from mentorai.core.errors import LaunchDenied, LaunchRejected
from mentorai.core.sessions import BINDING_COOKIE
from mentorai.core.values import Launch, Session
from mentorai.lti.deep_linking import DeepLinkingSettings
from mentorai.lti.launch import FinishedLaunch, finish_launch
from mentorai.lti.login import begin_login
from mentorai.lti.tool import Tool
from mentorai.plugins.lti_launch.routes_picker import PickerPages

Answer = str | Response | AnyResponse
KEYSET_SECONDS = 300
FORM_BYTES = 200_000
APART = "__Host-mentorai-login-"
APART_SECONDS = 600
BINDING_PATTERN = re.compile(r"[0-9a-f]{64}")
LOGINS = 20
log = structlog.get_logger(__name__)


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
    picker = PickerPages(engine, find_binding)
    # These two are posted by another site, which has no token of ours; the ticket guards them.
    _from_platform(routes, "/lti/login", pages.login, ["GET", "POST"])
    _from_platform(routes, "/lti/launch", pages.launch, ["GET", "POST"])
    routes.add_url_rule("/lti/jwks.json", "keyset", pages.keyset)
    routes.add_url_rule("/lti/continue", "continue", _logged(pages.go_on))
    routes.add_url_rule(
        "/lti/deep-linking/<uuid:request_id>", "picker", _logged(picker.show), methods=["GET"]
    )
    routes.add_url_rule(
        "/lti/deep-linking/<uuid:request_id>", "pick", _logged(picker.answer), methods=["POST"]
    )
    return routes


class LaunchPages:
    """Login and launch, and what a launch can lead to."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._tool = engine.room(Tool)

    def login(self) -> Answer:
        """Send the browser on to the platform that began this launch."""
        request.max_content_length = FORM_BYTES
        params = request.form if request.method == "POST" else request.args
        is_new = not find_binding()
        binding = put_binding()
        answer = send_to(begin_login(self._tool, params.to_dict(), binding))
        if is_new:
            _keep_apart(answer, binding)
        return answer

    def launch(self) -> Answer:
        """Let the person in, or offer the way on if the browser kept no cookie in the frame."""
        if request.method != "POST":
            # Platforms look at a link without launching it when a teacher saves it.
            return render_template("lti_launch/closed.html")
        request.max_content_length = FORM_BYTES
        finished = finish_launch(self._tool, request.form.to_dict(), find_bindings())
        binding = put_binding() if finished.bound else ""
        if finished.deep_linking is not None:
            return self._pick(finished, finished.deep_linking, binding)
        way = "cookie" if finished.bound else "new_tab"
        session = self._engine.admit(finished.launch, way=way, binding=binding)
        if finished.bound:
            return send_to(find_start(session))
        code = self._engine.sessions.issue_handoff(session.id)
        return _offer_tab(finished.launch, code)

    def keyset(self) -> Answer:
        """Our public keys, for platforms."""
        answer = jsonify(self._tool.tool_keys.read_keyset())
        answer.headers["Cache-Control"] = f"public, max-age={KEYSET_SECONDS}"
        return answer

    def go_on(self) -> Answer:
        """Take the session over into this tab, once."""
        if request.method == "HEAD":
            # Whoever only looks does not use up the code.
            return Response(status=204)
        code, binding = request.args.get("code", ""), put_binding()
        picking = self._tool.deep_linking_requests.take_handoff(code, binding)
        if picking is not None:
            return send_to(f"/lti/deep-linking/{picking}")
        session = self._engine.sessions.take_handoff(code)
        self._engine.sessions.bind(session.id, binding, "new_tab")
        return send_to(find_start(session))

    def _pick(
        self, finished: FinishedLaunch, settings: DeepLinkingSettings, binding: str
    ) -> Answer:
        launch = self._engine.refine(finished.launch)
        denial = self._engine.plugins.judge("judge_launch", launch=launch)
        if denial:
            raise LaunchDenied(denial.reason)
        kept = self._tool.deep_linking_requests
        held_by = binding if finished.bound else secrets.token_hex(32)
        request_id = kept.put(launch, settings, held_by)
        if finished.bound:
            return send_to(f"/lti/deep-linking/{request_id}")
        return _offer_tab(launch, kept.issue_handoff(request_id))


def find_binding() -> str:
    """What this browser shows to be known again: from its cookie, empty if it has none."""
    shown = request.cookies.get(BINDING_COOKIE, "")
    return shown if BINDING_PATTERN.fullmatch(shown) else ""


def put_binding() -> str:
    """What this browser shows, given to it with this answer if it has nothing to show."""
    shown = find_binding()
    return shown or _give_binding()


def find_bindings() -> list[str]:
    """All that this browser shows: its binding, and those of logins that it began at once."""
    apart = [value for name, value in request.cookies.items() if name.startswith(APART)]
    return [binding for binding in (find_binding(), *apart[:LOGINS]) if binding]


def _give_binding() -> str:
    binding = secrets.token_hex(32)

    @after_this_request
    def give(answer: Response) -> Response:
        _set_cookie(answer, BINDING_COOKIE, binding, None)
        return answer

    return binding


def _keep_apart(answer: AnyResponse, binding: str) -> None:
    # A page may frame two launches in a browser that has no cookie yet. Each login then makes
    # a binding of its own, and the last one's cookie is all that the browser would keep.
    name = APART + hashlib.sha256(binding.encode()).hexdigest()[:16]
    _set_cookie(answer, name, binding, APART_SECONDS)


def _set_cookie(answer: AnyResponse, name: str, value: str, max_age: int | None) -> None:
    # Not signed: it is a random text, and only its hash is kept here.
    answer.set_cookie(
        name,
        value,
        max_age=max_age,
        secure=True,
        httponly=True,
        samesite="None",
        partitioned=True,
    )


def send_to(address: str) -> Response:
    """A redirect to GET an address. Without the page that Flask writes beside it: no browser
    shows it, and it costs more than all the rest of the answer."""
    return Response(status=303, headers={"Location": address})


def find_start(session: Session) -> str:
    """Where a person lands: staff in the mentor's admin, others in the quiz or the mentor."""
    if session.role.is_staff:
        return f"/s/{session.id}/admin/"
    return f"/s/{session.id}/quiz/" if session.quiz_id else f"/s/{session.id}/"


def _offer_tab(launch: Launch, code: str) -> str:
    return render_template(
        "lti_launch/new_tab.html",
        code=code,
        name=launch.name,
        course=(launch.context.title or launch.context.label) if launch.context else "",
    )


def _from_platform(
    routes: Blueprint, rule: str, view: Callable[[], Answer], methods: list[str]
) -> None:
    view = _logged(view)
    view.csrf_exempt = True  # type: ignore[attr-defined]
    routes.add_url_rule(rule, view.__name__, view, methods=methods)


def _logged(view: Callable[..., Answer]) -> Callable[..., Answer]:
    """Note each refusal for campus IT: its code and clause, nothing of what was sent."""

    @wraps(view)
    def noted(**parts: Any) -> Answer:
        try:
            return view(**parts)
        except LaunchRejected as error:
            log.warning(
                "launch_rejected", code=error.code, reason=error.message, clause=error.clause
            )
            raise

    return noted
