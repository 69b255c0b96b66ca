"""/grades: what people have, and how far it is on its way to the gradebook."""

from collections.abc import Sequence
from datetime import datetime
from functools import partial
from typing import Any, Literal

from flask import Response
from pydantic import BaseModel, ConfigDict, Field, StrictFloat
from werkzeug.exceptions import PreconditionFailed

from mentorai.core.errors import Conflict, NotFound
from mentorai.core.grade_advice import GradeAdvice
from mentorai.core.grades import Grade, Release
from mentorai.core.outside_grades import OutsideGrade, take_outside_grade
from mentorai.web.api.replies import (
    check_if_match,
    make_etag,
    read_part,
    reply_part,
    reply_tagged,
)
from mentorai.web.api.resource import Resource
from mentorai.web.api.shapes import LATEST, Changes, Id, Instant, Page, PartQuery, Shape
from mentorai.web.auth import author, bound_mentor, get_engine

api = Resource("grades", "Grades and their way to the gradebook.")

SyncStatus = Literal["waiting", "sent", "superseded", "failed", "not_linked"]


class UserFacts(BaseModel):
    """Whose grade it is."""

    id: str
    lms_user_id: str | None = Field(description="As the platform calls them.")
    name: str | None


class SyncError(BaseModel):
    """Why the last attempt to send failed."""

    code: str
    message: str
    advice: str = Field(description="What somebody who teaches the course can do about it.")


class SyncFacts(BaseModel):
    """How far a grade is on its way to the gradebook."""

    status: str = Field(description="waiting, sent, superseded, failed or not_linked")
    attempts: int
    last_error: SyncError | None
    sent_at: datetime | None
    next_try_at: datetime | None
    overridden: bool = Field(
        description="Whether that was what a teacher put there, in the place of ours."
    )
    platform_result: float | None = Field(
        description="What the gradebook held when it was last compared, in points of "
        "`score_maximum`; empty before that, and once a newer value is on its way."
    )


class GradeFacts(BaseModel):
    """What one person has for one activity."""

    id: str
    mentor: str
    user: UserFacts
    context_id: str | None
    resource_link_id: str | None
    quiz: str | None
    attempt: str | None
    score_given: float
    score_maximum: float
    comment: str
    source: str = Field(description="quiz, api or instructor")
    release: str = Field(description="held or released")
    submitted_at: datetime
    updated_at: datetime
    sync: SyncFacts


class GradeQuery(PartQuery):
    """Which grades."""

    since: Instant | None = Field(
        default=None,
        description="Changed at this instant or later: the `updated_at` of the last one that you "
        "have, not the time of your own clock.",
        examples=["2026-01-01T00:00:00Z"],
    )
    user: str | None = Field(default=None, max_length=255, description="Our id or the platform's.")
    quiz: str | None = Field(default=None, max_length=100)
    sync_status: SyncStatus | None = None


class GradePath(Shape):
    """Which grade."""

    grade_id: Id


class GradeChanges(Changes):
    """A grade put right by hand; what is left out stays."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {"score_given": 1, "comment": "Half a point for the idea.", "release": "released"}
            ]
        }
    )

    score_given: StrictFloat | None = Field(default=None, ge=0, le=1e9, allow_inf_nan=False)
    score_maximum: StrictFloat | None = Field(default=None, gt=0, le=1e9, allow_inf_nan=False)
    comment: str | None = Field(default=None, max_length=2_000)
    release: Release | None = Field(
        default=None, description="`held` keeps it back; `released` sends it to the gradebook."
    )


class NewGrade(Shape):
    """A grade that another system gives."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {"user": "latest", "score_given": 8, "score_maximum": 10, "release": "held"}
            ]
        }
    )

    user: str = Field(
        min_length=1,
        max_length=255,
        description="Our id or the platform's; `latest`: the learner who came last, newest place.",
    )
    score_given: StrictFloat = Field(ge=0, le=1e9, allow_inf_nan=False)
    score_maximum: StrictFloat = Field(gt=0, le=1e9, allow_inf_nan=False)
    quiz: str | None = Field(default=None, max_length=100)
    context_id: str | None = Field(
        default=None, max_length=255, description="Our id or the platform's."
    )
    resource_link_id: str | None = Field(
        default=None,
        max_length=255,
        description="Our id or the platform's; needed where the person is in several places.",
    )
    comment: str = Field(default="", max_length=2_000)
    release: Release | None = Field(
        default=None, description="`held` keeps it back from the gradebook; usually `released`."
    )


class GradePage(Page):
    """Grades, the one that changed longest ago first."""

    results: list[GradeFacts]


@api.operation("get", "/grades", scope="grades:read", summary="See the grades", returns=GradePage)
def list_grades(query: GradeQuery) -> Response:
    """Grades, the one that changed longest ago first.

    Follow `next` to the end, and no grade is missed, whatever changes meanwhile: one that does
    comes (again) at the end, as it is then. To pull changes later, ask with the last `updated_at`
    as `since`.
    """
    grades, where = get_engine().grades, bound_mentor()
    wanted = query.model_dump(include={"since", "user", "quiz", "sync_status"})
    count = grades.count(*where, **wanted)
    shown, last = read_part(partial(grades.list, *where, **wanted), count, query)
    advice = _find_advice(shown)
    return reply_part(GradePage, [_read_facts(grade, advice) for grade in shown], count, last)


@api.operation(
    "post",
    "/grades",
    scope="grades:write",
    summary="Give a grade from outside",
    returns=GradeFacts,
    status=201,
    also={200: GradeFacts},
)
def add_grade(body: NewGrade) -> Response:
    """Takes a grade that another system gives to somebody in a course of this mentor.

    It is sent to the gradebook of that course, in a column that is made if there is none. A person
    has one grade for a quiz (or none) in a place: 201 if this is the first, 200 if it replaces one
    or is the same again, which changes and sends nothing.
    """
    asked = OutsideGrade(
        user=body.user,
        given=body.score_given,
        maximum=body.score_maximum,
        quiz=body.quiz,
        context=body.context_id,
        resource_link=body.resource_link_id,
        comment=body.comment,
        release=body.release,
    )
    taken = take_outside_grade(get_engine(), *bound_mentor(), asked)
    return _reply(taken.grade, 201 if taken.is_new else 200)


@api.operation(
    "get", "/grades/<grade_id>", scope="grades:read", summary="See a grade", returns=GradeFacts
)
def get_grade(path: GradePath) -> Response:
    """One grade. ETag names its state."""
    return _reply(_get(path.grade_id))


@api.operation(
    "patch",
    "/grades/<grade_id>",
    scope="grades:write",
    summary="Override a grade",
    returns=GradeFacts,
)
def change_grade(path: GradePath, body: GradeChanges) -> Response:
    """Puts a grade right by hand, and sends it to the gradebook unless it is held. What the body
    does not name stays; nothing is set to null.

    Its `source` is `instructor` from then on. With If-Match, only if nobody changed it since.
    """
    grade = _get(path.grade_id)
    is_named = check_if_match(_etag(grade))
    names = {"score_given": "given", "score_maximum": "maximum"}
    changes = {names.get(k, k): v for k, v in body.model_dump(exclude_none=True).items()}
    if not changes:
        return _reply(grade)
    try:
        changed = get_engine().override_grade(
            grade, changes, author=author(), only_as_seen=is_named
        )
    except Conflict as error:
        raise PreconditionFailed from error
    return _reply(changed)


@api.operation(
    "post",
    "/grades/<grade_id>/sync",
    scope="grades:write",
    summary="Send a grade again",
    returns=GradeFacts,
    status=202,
    reads_json=False,
    problems=(409,),
)
def resend_grade(path: GradePath) -> Response:
    """Sends the present grade to the gradebook once more, also one that was given up.

    Not one that is held: 409.
    """
    grade = _get(path.grade_id)
    get_engine().outbox.resend(grade)
    return _reply(_get(grade.id), 202)


def _get(grade_id: str) -> Grade:
    grades, where = get_engine().grades, bound_mentor()
    if grade_id != LATEST:
        return grades.get(*where, grade_id)
    count = grades.count(*where)
    if count == 0:
        raise NotFound
    return grades.list(*where, page=count, page_size=1)[0]


def _reply(grade: Grade, status: int = 200) -> Response:
    return reply_tagged(describe_grade(grade), _etag(grade), status)


def _etag(grade: Grade) -> str:
    return make_etag(grade.id, grade.revision, grade.updated_at)


def describe_grade(grade: Grade) -> GradeFacts:
    """A grade as the API gives it."""
    return describe_grades([grade])[0]


def describe_grades(grades: Sequence[Grade]) -> list[GradeFacts]:
    """Grades as the API gives them."""
    advice = _find_advice(grades)
    return [GradeFacts.model_validate(_read_facts(grade, advice)) for grade in grades]


def _find_advice(grades: Sequence[Grade]) -> GradeAdvice:
    return GradeAdvice(get_engine(), [each for each in grades if each.sync.last_error_code])


def _read_facts(grade: Grade, advice: GradeAdvice) -> dict[str, Any]:
    """The facts of a GradeFacts: a page of them is checked and written as a whole."""
    sync = grade.sync
    return {
        "id": grade.id,
        "mentor": grade.mentor_id,
        "user": {
            "id": grade.person_id,
            "lms_user_id": grade.lms_user_id,
            "name": grade.person_name,
        },
        "context_id": grade.context_id,
        "resource_link_id": grade.resource_link_id,
        "quiz": grade.quiz_id,
        "attempt": grade.attempt_id,
        "score_given": grade.given,
        "score_maximum": grade.maximum,
        "comment": grade.comment,
        "source": grade.source,
        "release": grade.release,
        "submitted_at": grade.submitted_at,
        "updated_at": grade.updated_at,
        "sync": {
            "status": sync.status,
            "attempts": sync.attempts,
            "last_error": _read_error(grade, advice) if sync.last_error_code else None,
            "sent_at": sync.sent_at,
            "next_try_at": sync.next_try_at,
            "overridden": sync.is_overridden,
            "platform_result": sync.result,
        },
    }


def _read_error(grade: Grade, advice: GradeAdvice) -> dict[str, str]:
    code = grade.sync.last_error_code
    return {
        "code": code,
        "message": grade.sync.last_error_message,
        "advice": advice.find(grade, code),
    }
