"""What Canvas reads of the work behind a score: its extension, and the standard's own part.

A score is another attempt unless it says otherwise, or names the instant that the last one named.
"""

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from mentorai.plugins.sandbox.personalities.traits import Submission
from mentorai.plugins.sandbox.wire import Refused

EXTENSION = "https://canvas.instructure.com/lti/submission"
TYPES = (
    "none",
    "basic_lti_launch",
    "online_text_entry",
    "online_url",
    "external_tool",
    "online_upload",
)
# How far ahead of its clock a submission may lie.
AHEAD = timedelta(minutes=1)


def read_submission(body: Mapping[str, Any], moment: datetime) -> Submission:
    """The submission of a score, at `moment`. Raises Refused: 422, or 400 for its time."""
    own = _read_object(body, EXTENSION)
    kind = own.get("submission_type", "external_tool")
    if kind not in TYPES:
        raise Refused(422, "Invalid submission_type", rule="submission")
    files = own.get("content_items", [])
    if kind == "online_upload" and not files:
        raise Refused(422, "content_items must be provided for online_upload", rule="submission")
    # The standard's own member wins over the two older ones.
    given = _read_object(body, "submission").get("submittedAt")
    submitted_at = given or body.get("submittedAt") or own.get("submitted_at") or ""
    _check_time(submitted_at, moment)
    return Submission(
        is_new=own.get("new_submission", True) is not False,
        preserves=own.get("preserve_score") is True,
        yields=own.get("prioritize_non_tool_grade") is True,
        submitted_at=str(submitted_at),
        has_files=bool(files),
        shown={EXTENSION: {"content_items": files}} if files else {},
    )


def _read_object(body: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    found = body.get(name)
    return found if isinstance(found, Mapping) else {}


def _check_time(text: object, moment: datetime) -> None:
    if not text:
        return
    try:
        at = datetime.fromisoformat(str(text))
        is_late = at > moment + AHEAD
    except (ValueError, TypeError) as error:
        raise Refused(400, "Provided submitted_at is not a valid timestamp") from error
    if is_late:
        raise Refused(400, "Provided submitted_at timestamp is in the future")
