"""Canvas, by Instructure, as an LTI platform."""

from typing import TYPE_CHECKING

from mentorai.plugins.sandbox.personalities.canvas_submissions import read_submission
from mentorai.plugins.sandbox.personalities.traits import (
    Addresses,
    ColumnTraits,
    Links,
    Personality,
    ResultTraits,
    ScoreTraits,
)
from mentorai.plugins.sandbox.wire import Call, Media, Refused, Reply

if TYPE_CHECKING:
    from flask import Blueprint

    from mentorai.plugins.sandbox.platform import SandboxPlatform

PAGE = Links(relations=("current", "next", "prev", "first", "last"))
# Its service answers name the kind of an error by the status.
SYMBOLS = {
    400: "bad_request",
    401: "unauthorized",
    404: "not_found",
    412: "precondition_failed",
    422: "unprocessable_entity",
}
WORDS = {
    "no_token": (401, "Invalid access token"),
    "scope": (401, "Insufficient permissions"),
    "no_course": (404, "Context not found"),
    "concluded": (404, "Context not found"),
    "no_column": (404, "The specified resource does not exist."),
    "column_link": (404, "The specified resource does not exist."),
    "coupled": (401, ""),
    "score_older": (400, "Result.updated_at is later than the timestamp of the score"),
    "score_time": (400, "Provided timestamp not a valid timestamp"),
    "score_person": (422, "User not found in course or is not a student"),
    "score_maximum": (422, "ScoreMaximum must be supplied with scoreGiven and be above 0"),
    "score_given": (422, "ScoreGiven must be greater than or equal to 0"),
}


def show_refusal(refusal: Refused, _call: Call) -> Reply:
    """An object under `errors` in the LTI services; its REST API has an array there."""
    if refusal.rule == "coupled":
        return Reply(refusal.status)
    kind = SYMBOLS.get(refusal.status, "internal_server_error")
    body = {"errors": {"type": kind, "message": refusal.message}}
    return Reply.of(body, status=refusal.status)


def make_api(platform: "SandboxPlatform") -> "Blueprint":
    """Its own API; its modules know the platform, which knows this one."""
    from mentorai.plugins.sandbox.personalities.canvas_api import CanvasServer

    return CanvasServer(platform).make_routes()


CANVAS = Personality(
    name="canvas",
    title="Canvas",
    about="LTI services as Canvas answers them: grades that each score may clear, a new attempt "
    "for each score that does not say otherwise, comments that are added each time.",
    habits={"score_times": "sent", "storage": "frame", "page_size": 50},
    addresses=Addresses(
        line_items="/api/lti/courses/{course}/line_items",
        line_item="/api/lti/courses/{course}/line_items/{column}",
        members="/api/lti/courses/{course}/names_and_roles",
    ),
    media=Media(any_content=True, any_accept=True),
    scores=ScoreTraits(
        equal_times=True,
        graded=frozenset({"FullyGraded", "PendingManual"}),
        clears="ungraded",
        keeps_attempts=True,
        keeps_overridden=False,
        locks=False,
        read_submission=read_submission,
    ),
    columns=ColumnTraits(keeps_coupled=True, links=PAGE),
    results=ResultTraits(links=PAGE),
    words=WORDS,
    envelope=show_refusal,
    make_api=make_api,
)
