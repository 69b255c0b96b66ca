"""What every launch leaves in the launch log, and what a refused one offers its reader."""

from collections.abc import Callable
from functools import wraps
from typing import Any, TypeVar

import structlog
from flask import g, request
from werkzeug.exceptions import HTTPException

from mentorai.core.errors import MentorAIError
from mentorai.core.explanations import find_explanation
from mentorai.core.logs import get_request_id
from mentorai.lti.launch import FinishedLaunch
from mentorai.lti.launch_log_rows import Sender, Visit
from mentorai.lti.refusals import build_way_back, read_refusal
from mentorai.lti.tool import Tool

Answer = TypeVar("Answer")
log = structlog.get_logger(__name__)


def keep_log(tool: Tool, view: Callable[..., Answer]) -> Callable[..., Answer]:
    """Note each refusal for campus IT, and offer a way back to the course where one is sure."""

    @wraps(view)
    def noted(**parts: Any) -> Answer:
        g.is_launch = True
        try:
            return view(**parts)
        except MentorAIError as error:
            _note_refused(tool, error)
            raise
        except HTTPException as error:
            code = "too_large" if error.code == 413 else "bad_request"
            _keep_refusal(tool, Sender(), code, "The form could not be taken.")
            raise
        except Exception as error:
            _keep_refusal(tool, Sender(), "internal_error", type(error).__name__)
            raise

    return noted


def note_admitted(tool: Tool, finished: FinishedLaunch, way: str) -> None:
    """Note a launch that was let in, and the way by which its browser was recognised."""
    tool.launch_log.note_admitted(
        finished.launch,
        claims=finished.claims,
        way=way,
        visit=_find_visit(),
        session_id=finished.opens_id,
    )


def _note_refused(tool: Tool, error: MentorAIError) -> None:
    form = (request.form if request.method == "POST" else request.args).to_dict()
    called = (request.view_args or {}).get("registration_id")
    refusal, explanation = read_refusal(tool, form, called), find_explanation(error)
    clause = getattr(error, "clause", "") or (explanation.clause if explanation else "")
    _keep_refusal(tool, refusal.sender, error.code, error.message, clause)
    registration = tool.registrations.find_named(refusal.sender.registration_id or "")
    g.lms_family = registration.family if registration else ""
    g.is_for_staff = refusal.is_staff
    if refusal.return_url and explanation:
        reference = _find_visit().reference
        message = f"{explanation.student} ({reference})"
        note = f"{error.code}; reference {reference}; {clause}"
        g.way_back = build_way_back(refusal.return_url, message, note)


def _keep_refusal(tool: Tool, sender: Sender, code: str, reason: str, clause: str = "") -> None:
    log.warning("launch_rejected", code=code, reason=reason, clause=clause)
    tool.launch_log.note_refused(
        sender, code=code, reason=reason, clause=clause, visit=_find_visit()
    )


def _find_visit() -> Visit:
    return Visit(get_request_id(), request.environ.get("HTTP_USER_AGENT", ""))
