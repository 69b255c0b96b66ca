"""/grades: what people have, and how far it is on its way to the gradebook."""

from datetime import datetime
from typing import Any, Literal

from flask import Response
from pydantic import AwareDatetime, BaseModel, ConfigDict, Field

from mentorai.core.errors import NotFound
from mentorai.core.grades import Grade
from mentorai.web.api.replies import check_if_match, make_etag, reply_page, reply_tagged
from mentorai.web.api.resource import Resource
from mentorai.web.api.shapes import LATEST, Id, Page, PageQuery, Shape
from mentorai.web.auth import bound_mentor, get_engine

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


class SyncFacts(BaseModel):
    """How far a grade is on its way to the gradebook."""

    status: str = Field(description="waiting, sent, superseded, failed or not_linked")
    attempts: int
    last_error: SyncError | None
    sent_at: datetime | None
    next_try_at: datetime | None
    platform_result: float | None = Field(description="What the gradebook holds, once it was read.")


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


class GradeQuery(PageQuery):
    """Which grades."""

    since: AwareDatetime | None = Field(
        default=None,
        description="Changed at this instant or later.",
        examples=["2026-01-01T00:00:00Z"],
    )
    user: str | None = Field(default=None, max_length=255, description="Our id or the platform's.")
    quiz: str | None = Field(default=None, max_length=100)
    sync_status: SyncStatus | None = None


class GradePath(Shape):
    """Which grade."""

    grade_id: Id


class GradeChanges(Shape):
    """A grade put right by hand; what is left out stays."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [{"score_given": 1, "comment": "Half a point for the idea."}]
        }
    )

    score_given: float | None = Field(default=None, ge=0, le=1e9, allow_inf_nan=False)
    score_maximum: float | None = Field(default=None, gt=0, le=1e9, allow_inf_nan=False)
    comment: str | None = Field(default=None, max_length=2_000)


class GradePage(Page):
    """Grades, the one that changed longest ago first."""

    results: list[GradeFacts]


@api.operation("get", "/grades", scope="grades:read", summary="See the grades", returns=GradePage)
def list_grades(query: GradeQuery) -> Response:
    """Grades, the one that changed longest ago first.

    To pull changes, ask again with the last `updated_at` as `since`.
    """
    grades, where = get_engine().grades, bound_mentor()
    wanted = query.model_dump(include={"since", "user", "quiz", "sync_status"})
    some = grades.list(*where, **wanted, page=query.page, page_size=query.page_size)
    count = grades.count(*where, **wanted)
    results = [_describe(grade) for grade in some]
    return reply_page(GradePage, results, count, query.page, query.page_size)


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
    """Puts a grade right by hand and sends it to the gradebook.

    With If-Match, only if nobody changed it since.
    """
    grade = _get(path.grade_id)
    check_if_match(_etag(grade))
    changes = body.model_dump(exclude_none=True)
    changed = get_engine().report_score(
        organization_id=grade.organization_id,
        mentor_id=grade.mentor_id,
        person_id=grade.person_id,
        quiz_id=grade.quiz_id,
        attempt_id=grade.attempt_id,
        context_id=grade.context_id,
        resource_link_id=grade.resource_link_id,
        given=changes.get("score_given", grade.given),
        maximum=changes.get("score_maximum", grade.maximum),
        comment=changes.get("comment", grade.comment),
        source="api",
    )
    return _reply(changed)


@api.operation(
    "post",
    "/grades/<grade_id>/sync",
    scope="grades:write",
    summary="Send a grade again",
    returns=GradeFacts,
    status=202,
    reads_json=False,
)
def resend_grade(path: GradePath) -> Response:
    """Sends the present grade to the gradebook once more, also one that was given up."""
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
    return reply_tagged(_describe(grade), _etag(grade), status)


def _etag(grade: Grade) -> str:
    return make_etag(grade.id, grade.revision, grade.updated_at)


def _describe(grade: Grade) -> GradeFacts:
    return GradeFacts(
        id=grade.id,
        mentor=grade.mentor_id,
        user=UserFacts(id=grade.person_id, lms_user_id=grade.lms_user_id, name=grade.person_name),
        context_id=grade.context_id,
        resource_link_id=grade.resource_link_id,
        quiz=grade.quiz_id,
        attempt=grade.attempt_id,
        score_given=grade.given,
        score_maximum=grade.maximum,
        comment=grade.comment,
        source=grade.source,
        release=grade.release,
        submitted_at=grade.submitted_at,
        updated_at=grade.updated_at,
        sync=_describe_sync(grade),
    )


def _describe_sync(grade: Grade) -> SyncFacts:
    sync = grade.sync
    error: Any = None
    if sync.last_error_code:
        error = SyncError(code=sync.last_error_code, message=sync.last_error_message)
    return SyncFacts(
        status=sync.status,
        attempts=sync.attempts,
        last_error=error,
        sent_at=sync.sent_at,
        next_try_at=sync.next_try_at,
        platform_result=None,
    )
