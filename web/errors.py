"""Errors as answers: the only place that knows statuses.

Under /api, and for any caller that does not want HTML, an answer is application/problem+json
(RFC 9457) with `code` and `request_id`; other readers get a page with the same two.
What ends a launch is explained to three readers (core/explanations.py). A view that is part of a
launch says so by `g.is_launch = True`, and may name in `g.way_back` the address in the course that
the page offers, in `g.lms_family` whose screens it tells of, and in
`g.is_for_staff` that the LMS says its reader teaches.
"""

import json
from collections.abc import Mapping
from http import HTTPStatus
from typing import Any

import structlog
from flask import Flask, Response, current_app, g, make_response, render_template, request
from flask_wtf.csrf import CSRFError
from werkzeug.exceptions import BadRequest, HTTPException, UnsupportedMediaType

from mentorai.core import errors as e
from mentorai.core.explanations import EXPLANATIONS, Explanation, find_explanation, read_screens
from mentorai.web.auth import get_engine
from mentorai.web.requests import REQUEST_ID
from mentorai.web.written import find_written

log = structlog.get_logger(__name__)

STATUSES: Mapping[type[e.MentorAIError], int] = {
    e.MentorAIError: 500,
    e.ConfigurationError: 500,
    e.NotFound: 404,
    e.MentorNotChosen: 404,
    e.Conflict: 409,
    e.InputRejected: 422,
    e.TooManyStreams: 503,
    e.DatabaseUnavailable: 503,
    e.KeyRejected: 401,
    e.KeyMissing: 401,
    e.KeyUnknown: 401,
    e.KeyExpired: 401,
    e.KeyInactive: 401,
    e.KeyScopeTooSmall: 403,
    e.KeyAddressRefused: 403,
    e.AdminNeeded: 403,
    e.RateLimited: 429,
    e.LaunchRejected: 400,
    e.UnknownRegistration: 400,
    e.UnknownDeployment: 400,
    e.DeploymentHeld: 403,
    e.DeploymentRefused: 403,
    e.StateMismatch: 400,
    e.NonceReused: 400,
    e.TokenInvalid: 400,
    e.TokenExpired: 400,
    e.SigningKeyUnknown: 400,
    e.SignatureInvalid: 400,
    e.TokenOutOfTime: 400,
    e.KeysetUnavailable: 400,
    e.ClaimMissing: 400,
    e.MessageUnsupported: 400,
    e.LaunchDenied: 403,
    e.PlatformDeclined: 400,
    e.RegistrationRejected: 400,
    e.InvitationInvalid: 410,
    # Not 401: there is nothing that a browser could send again; the way in is the course.
    e.SessionRejected: 403,
    e.SessionExpired: 403,
    e.SessionEnded: 403,
    e.SessionDenied: 403,
    e.TurnDenied: 403,
    e.TicketInvalid: 410,
    e.SignOnRejected: 403,
    e.SignInExpired: 403,
    e.ScoreRejected: 422,
    e.ScoreOutOfRange: 422,
    e.ScoreStale: 409,
    e.NoLineItem: 409,
    e.TeacherGradeStands: 409,
    e.NotGradable: 409,
    e.PersonIsStaff: 409,
    e.PersonNotInCourse: 409,
    e.GradeLocked: 409,
    e.GradeMaybeLocked: 409,
    e.CourseConcluded: 409,
    e.AttemptsExhausted: 409,
    e.DocumentRejected: 422,
    e.DocumentTooLarge: 413,
    e.DocumentUnreadable: 422,
    e.DocumentUnsupported: 415,
    e.PlatformError: 502,
    e.PlatformUnavailable: 503,
    e.PlatformThrottled: 503,
    e.PlatformRefused: 502,
    e.PlatformReplyInvalid: 502,
    e.ScopeNotGranted: 502,
    e.SignInNeeded: 502,
    e.ModelError: 502,
    e.ModelUnavailable: 503,
    e.ModelReplyInvalid: 502,
    e.PluginError: 500,
    e.PluginFailed: 500,
    e.PluginConflict: 500,
}

CODES = {
    400: "bad_request",
    401: "unauthorized",
    403: "forbidden",
    404: "not_found",
    405: "method_not_allowed",
    406: "not_acceptable",
    409: "conflict",
    410: "gone",
    412: "precondition_failed",
    413: "too_large",
    414: "uri_too_long",
    415: "media_type_unsupported",
    421: "misdirected",
    422: "validation_failed",
    428: "precondition_required",
    429: "rate_limited",
    431: "headers_too_large",
    503: "unavailable",
}

# Where the framework refuses; its own sentences sometimes repeat what was sent.
DETAILS = {
    400: "The request could not be understood.",
    404: "There is no such page or thing here.",
    405: "This address does not take this method.",
    412: "It was changed in the meantime; read it again first.",
    413: "This is larger than what is taken here.",
    415: "This kind of content is not taken here.",
    500: "Something went wrong here. It was noted; please try again later.",
}

RETRY_SECONDS = 5
PROGRAMS = {"application/json", "application/problem+json", "text/event-stream"}


class Unreadable(BadRequest):
    """A body that is no body of its kind; its description is ours and repeats nothing of it."""


class KindNotTaken(UnsupportedMediaType):
    """A body of a kind that is not taken there; its description names those that are."""

    def __init__(self, *kinds: str) -> None:
        super().__init__(f"Send the body with `Content-Type: {'` or `'.join(kinds)}`.")


def register_errors(app: Flask) -> None:
    """Answer every error of this app, whatever it is."""
    app.register_error_handler(e.MentorAIError, _answer_ours)
    app.register_error_handler(HTTPException, _answer_http)
    app.register_error_handler(Exception, _answer_unknown)


def status_of(error: e.MentorAIError) -> int:
    """The status for an error of ours; a plugin's own subclass takes its parent's."""
    for kind in type(error).__mro__:
        if kind in STATUSES:
            return STATUSES[kind]
    return 500


def wants_problem() -> bool:
    """Whether this request's reader is a program rather than a person."""
    view = current_app.view_functions.get(request.endpoint or "")
    if request.path.startswith("/api/") or getattr(view, "speaks_json", False):
        return True
    wanted = {kind for kind, _ in request.accept_mimetypes}
    return "text/html" not in wanted and bool(wanted & PROGRAMS)


def make_problem(
    status: int, code: str, detail: str, errors: Mapping[str, list[str]] | None = None
) -> Response:
    """An RFC 9457 answer. errors: field -> sentences, never the value that was sent."""
    body = write_problem(status, code, detail, request.environ.get(REQUEST_ID, ""), errors)
    return Response(body, status, mimetype="application/problem+json")


def write_problem(
    status: int,
    code: str,
    detail: str,
    request_id: str,
    errors: Mapping[str, list[str]] | None = None,
) -> str:
    """The body of an RFC 9457 answer."""
    problem: dict[str, Any] = {
        "type": f"urn:mentorai:error:{code}",
        "title": HTTPStatus(status).phrase,
        "status": status,
        "detail": detail,
        "code": code,
        "request_id": request_id,
    }
    if errors:
        problem["errors"] = errors
    return json.dumps(problem, ensure_ascii=False, separators=(",", ":"))


def name_refusal(status: int) -> tuple[str, str]:
    """The code and the sentence of what is refused before anything of ours looks at it."""
    code = CODES.get(status, "request_refused" if status < 500 else "internal_error")
    return code, DETAILS.get(status) or HTTPStatus(status).phrase + "."


def _answer_ours(error: e.MentorAIError) -> Response:
    status = status_of(error)
    detail = error.message
    if status == 500:
        log.exception("request_failed", code=error.code)
        detail = DETAILS[500]
    fields = error.errors if isinstance(error, e.InputRejected) else None
    if wants_problem() or not _ends_launch(error):
        response = _answer(status, error.code, detail, fields)
    else:
        response = _explain_error(status, error, detail)
    if isinstance(error, e.KeyRejected) and status == 401:
        response.headers["WWW-Authenticate"] = _challenge(error)
    if status in (429, 503):
        response.headers["Retry-After"] = str(_retry_seconds(error))
    return response


def _answer_http(error: HTTPException) -> Response:
    response = error.get_response()
    status = error.code or response.status_code
    if status < 400 or error.response is not None:
        return make_response(response)
    code, detail = name_refusal(status)
    if isinstance(error, (Unreadable, KindNotTaken)):
        detail = error.description or detail
    if isinstance(error, CSRFError):
        code, detail = "csrf_failed", "This form is too old; open the page again and send it again."
    answer = _answer(status, code, detail)
    for name in ("Allow", "Retry-After", "WWW-Authenticate", "Content-Range"):
        if name in response.headers:
            answer.headers[name] = response.headers[name]
    return answer


def _answer_unknown(error: Exception) -> Response:
    log.error("request_failed", exc_info=error)
    return _answer(500, "internal_error", DETAILS[500])


def _answer(
    status: int, code: str, detail: str, errors: Mapping[str, list[str]] | None = None
) -> Response:
    if wants_problem():
        return make_problem(status, code, detail, errors)
    if g.get("is_launch"):
        return _explain(status, code, detail, EXPLANATIONS.get(code))
    return _show(status, code, detail, {"errors": errors or {}})


def _ends_launch(error: e.MentorAIError) -> bool:
    return isinstance(error, (e.LaunchRejected, e.MentorNotChosen)) or bool(g.get("is_launch"))


def _explain_error(status: int, error: e.MentorAIError, detail: str) -> Response:
    held = error if isinstance(error, e.DeploymentHeld) and error.facts else None
    clause = getattr(error, "clause", "")
    return _explain(status, error.code, detail, find_explanation(error), clause, held)


def _explain(
    status: int,
    code: str,
    detail: str,
    explanation: Explanation | None,
    clause: str = "",
    held: e.DeploymentHeld | None = None,
) -> Response:
    """The page for whoever launched: a student first, then staff and campus IT.

    held: a deployment that waits, when the person is one to do something about it.
    """
    if explanation is None:
        return _show(status, code, detail, {"errors": {}})
    facts = {
        "explanation": explanation,
        "screen": _find_screens()[explanation.screen],
        "clause": clause or explanation.clause,
        "way_back": g.get("way_back", ""),
        "held": held,
        "is_for_staff": g.get("is_for_staff", False),
    }
    return _show(status, code, detail, facts)


def _find_screens() -> Mapping[str, str]:
    """Where things are changed in the LMS that launched, in its own words if it is known."""
    profile = get_engine().plugins.find_profile(g.get("lms_family", ""))
    return read_screens([profile] if profile else [], profile.family if profile else "")


def _show(status: int, code: str, detail: str, more: Mapping[str, Any]) -> Response:
    facts = {
        "status": status,
        "title": HTTPStatus(status).phrase,
        "code": code,
        "message": detail,
        "reference": request.environ.get(REQUEST_ID, ""),
        "written": find_written(),
    }
    return make_response(render_template("error.html", **facts, **more), status)


def _challenge(error: e.KeyRejected) -> str:
    if isinstance(error, e.KeyMissing):
        return 'Bearer realm="mentorai", Api-Token realm="mentorai"'
    return (
        'Bearer realm="mentorai", error="invalid_token", '
        'Api-Token realm="mentorai", error="invalid_token"'
    )


def _retry_seconds(error: e.MentorAIError) -> int:
    if isinstance(error, e.RateLimited):
        return error.retry_after_seconds
    if isinstance(error, e.PlatformThrottled) and error.retry_after_seconds is not None:
        return max(1, round(error.retry_after_seconds))
    return RETRY_SECONDS
