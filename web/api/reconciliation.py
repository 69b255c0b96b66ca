"""/grades/reconcile: ours against what the gradebooks hold, repaired on request."""

from typing import Literal

from flask import Response
from pydantic import BaseModel, ConfigDict, Field, StrictBool

from mentorai.core.reconciliation import Reconciliation, reconcile, repair
from mentorai.web.api.grades import GradeFacts, describe_grades
from mentorai.web.api.replies import reply
from mentorai.web.api.resource import Resource
from mentorai.web.api.shapes import Shape
from mentorai.web.auth import bound_mentor, get_engine

api = Resource("reconciliation", "Grades compared with the gradebook.")

ROWS = 1_000


class ReconcileQuery(Shape):
    """Which grades."""

    quiz: str | None = Field(
        default=None, max_length=100, description="Of this quiz alone; usually of all."
    )
    include_same: bool = Field(default=False, description="Whether to list also what agrees.")


class Repair(Shape):
    """What to put right."""

    model_config = ConfigDict(json_schema_extra={"examples": [{}]})

    quiz: str | None = Field(default=None, max_length=100)
    replace_teacher_grades: StrictBool = Field(
        default=False,
        description="Whether to send ours also in the place of what a teacher changed there.",
    )


class Compared(BaseModel):
    """One grade and what the gradebook holds for it."""

    grade: GradeFacts
    verdict: Literal["same", "overridden", "differs", "missing", "unknown"] = Field(
        description="overridden: it holds what a teacher put there; missing: it holds none; "
        "unknown: it could not be read, for `reason`"
    )
    platform_result: float | None = Field(
        description="What the gradebook holds, in points of `score_maximum`."
    )
    reason: str


class Counts(BaseModel):
    """How many grades have each verdict."""

    same: int
    overridden: int
    differs: int
    missing: int
    unknown: int


class ReconciliationFacts(BaseModel):
    """Grades, compared at this moment."""

    counts: Counts
    others: int = Field(description="Results in the gradebook of people without a grade here.")
    results: list[Compared] = Field(
        description=f"What is not the same first, at most {ROWS:,} of them."
    )
    resent: int = Field(description="How many grades are on their way again.")


@api.operation(
    "get",
    "/grades/reconcile",
    scope="grades:read",
    summary="Compare grades with the gradebook",
    returns=ReconciliationFacts,
)
def compare_grades(query: ReconcileQuery) -> Response:
    """Reads what the LMS gradebooks hold at this moment, and compares it with the grades here.

    It asks the LMS, for at most 20 gradebook columns at once, and may take a while.
    """
    found = _compare(query.quiz)
    return _reply(found, 0, include_same=query.include_same)


@api.operation(
    "post",
    "/grades/reconcile",
    scope="grades:write",
    summary="Send again what the gradebook lacks",
    returns=ReconciliationFacts,
    waits=True,
)
def repair_grades(body: Repair) -> Response:
    """Compares, and sends each grade again that the gradebook lacks or holds otherwise.

    Not what is held back or on its way already. A grade that a teacher changed in the gradebook
    stays, unless `replace_teacher_grades` says otherwise.
    """
    found = _compare(body.quiz)
    replaces = body.replace_teacher_grades
    resent = repair(get_engine(), found, replaces_teacher=replaces)
    return _reply(found, resent, include_same=False)


def _compare(quiz_id: str | None) -> Reconciliation:
    engine, where = get_engine(), bound_mentor()
    if quiz_id is not None:
        engine.quizzes.get(*where, quiz_id)
    return reconcile(engine, *where, quiz_id)


def _reply(found: Reconciliation, resent: int, *, include_same: bool) -> Response:
    shown = [row for row in found.rows if include_same or row.verdict != "same"][:ROWS]
    grades = describe_grades([row.grade for row in shown])
    facts = ReconciliationFacts(
        counts=Counts(
            same=found.count("same"),
            overridden=found.count("overridden"),
            differs=found.count("differs"),
            missing=found.count("missing"),
            unknown=found.count("unknown"),
        ),
        others=found.others,
        results=[
            Compared(
                grade=grade,
                verdict=row.verdict,
                platform_result=row.theirs,
                reason=row.reason,
            )
            for row, grade in zip(shown, grades, strict=True)
        ],
        resent=resent,
    )
    return reply(facts)
