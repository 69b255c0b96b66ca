"""What a gradebook holds against what we hold: a mentor's grades, compared column by column.

A grade and a result of other maxima are compared by their share, since platforms scale.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Literal

from sqlalchemy import select, update

from mentorai.core.errors import MentorAIError, NoLineItem
from mentorai.core.grade_clocks import take_moment
from mentorai.core.grade_rows import Grade, of_mentor, read_grade, select_grades
from mentorai.core.grades import grades
from mentorai.core.held_results import find_taken, is_same
from mentorai.core.line_items import LineItems
from mentorai.core.places import contexts, read_platform, resource_links
from mentorai.core.values import LineItem, Platform, Result

if TYPE_CHECKING:
    from mentorai.core.engine import Engine

Verdict = Literal["same", "overridden", "differs", "missing", "unknown"]
# One call or more a column, while a person waits for the page.
COLUMNS = 20
# Grades that are noted in one transaction, so that nobody waits long for their order.
TOGETHER = 100
ORDER: Sequence[Verdict] = ("overridden", "differs", "missing", "unknown", "same")
NOT_COMPARED = f"Only the first {COLUMNS} places are compared at once."
NO_COLUMN = "No score has been sent from this place yet, so it has no gradebook column."


@dataclass(frozen=True, slots=True)
class Comparison:
    """One grade of ours and what the gradebook holds for it.

    verdict: overridden when it holds what we did not send last, or says so itself, so that a
        teacher must have put it there; differs when ours that it should hold did not arrive;
        missing when it holds none; unknown when it could not be read, for `reason`, an error's
        sentence where there is its `code`.
    """

    grade: Grade
    verdict: Verdict
    result: Result | None = None
    reason: str = ""
    code: str = ""

    @property
    def theirs(self) -> float | None:
        """What the gradebook holds, in points of our grade's maximum; None if nothing."""
        result, maximum = self.result, self.grade.maximum
        if result is None or result.given is None:
            return None
        return result.given / (result.maximum or maximum) * maximum


@dataclass(frozen=True, slots=True)
class Reconciliation:
    """Grades, compared, those that are not the same first.

    others: results of people for whom we have no grade.
    """

    rows: Sequence[Comparison]
    others: int

    def count(self, verdict: Verdict) -> int:
        """How many rows have this verdict."""
        return sum(row.verdict == verdict for row in self.rows)


def reconcile(
    engine: "Engine", organization_id: str, mentor_id: str, quiz_id: str | None
) -> Reconciliation:
    """Read what the gradebooks hold at this moment for grades, compare, and note it on them.

    quiz_id: whose grades; None: all of the mentor's.
    A gradebook that cannot be read makes its rows `unknown`; nothing is raised for it.
    """
    by_place: dict[tuple[str | None, str | None], list[Grade]] = {}
    for grade in _list_grades(engine, organization_id, mentor_id, quiz_id):
        by_place.setdefault((grade.resource_link_id, grade.quiz_id), []).append(grade)
    rows: list[Comparison] = []
    others = 0
    for number, (place, ours) in enumerate(by_place.items()):
        if number >= COLUMNS:
            rows += [Comparison(grade, "unknown", reason=NOT_COMPARED) for grade in ours]
            continue
        try:
            theirs = _read_results(engine, organization_id, *place)
        except MentorAIError as error:
            unread = partial(Comparison, verdict="unknown", reason=error.message, code=error.code)
            rows += [unread(grade) for grade in ours]
            continue
        with engine.database.read() as connection:
            taken = find_taken(connection, organization_id, [grade.id for grade in ours])
        rows += [_compare(grade, theirs, taken.get(grade.id)) for grade in ours]
        known = {grade.lms_user_id for grade in ours}
        others += sum(r.given is not None for s, r in theirs.items() if s not in known)
    _note_results(engine, organization_id, mentor_id, rows)
    rows.sort(key=lambda row: ORDER.index(row.verdict))
    return Reconciliation(rows, others)


def repair(engine: "Engine", found: Reconciliation, *, replaces_teacher: bool = False) -> int:
    """Send again what the gradebooks lack or hold otherwise; how many grades.

    Not what is held back, nor what is on its way already. replaces_teacher: also what a teacher
    changed there, which is left alone otherwise.
    """
    verdicts = {"differs", "missing"} | ({"overridden"} if replaces_teacher else set())
    wanted = [row.grade for row in found.rows if row.verdict in verdicts]
    sendable = [
        grade for grade in wanted if grade.release != "held" and grade.sync.status != "waiting"
    ]
    for grade in sendable:
        engine.outbox.resend(grade, replaces_teacher=replaces_teacher)
    return len(sendable)


def _note_results(
    engine: "Engine", organization_id: str, mentor_id: str, rows: Sequence[Comparison]
) -> None:
    """Keep on each grade what its gradebook was found to hold, where that is news."""
    news = [
        (row.grade, row.theirs, row.verdict == "overridden")
        for row in rows
        if row.verdict != "unknown"
        and (row.theirs, row.verdict == "overridden")
        != (row.grade.sync.result, row.grade.sync.is_overridden)
    ]
    for first in range(0, len(news), TOGETHER):
        with engine.database.write() as connection:
            for grade, theirs, overridden in news[first : first + TOGETHER]:
                moment = take_moment(connection, mentor_id)
                connection.execute(
                    update(grades)
                    .where(
                        of_mentor(organization_id, mentor_id),
                        grades.c.id == grade.id,
                        # Reading took its time: what changed meanwhile was not compared.
                        grades.c.updated_at == grade.updated_at,
                    )
                    .values(sync_result=theirs, sync_overridden=overridden, updated_at=moment)
                )


def _list_grades(
    engine: "Engine", organization_id: str, mentor_id: str, quiz_id: str | None
) -> list[Grade]:
    query = select_grades().where(of_mentor(organization_id, mentor_id))
    if quiz_id is not None:
        query = query.where(grades.c.quiz_id == quiz_id)
    query = query.order_by(contexts.c.title, grades.c.resource_link_id, grades.c.id)
    with engine.database.read() as connection:
        return [read_grade(row) for row in connection.execute(query).all()]


def _read_results(
    engine: "Engine", organization_id: str, link_id: str | None, quiz_id: str | None
) -> Mapping[str, Result]:
    """What the column of a place holds, by the platform's ids. Raises MentorAIError."""
    line_item, platform = _find_column(engine, organization_id, link_id, quiz_id)
    found: Sequence[Result] | None = engine.plugins.ask_first(
        "read_results", engine=engine, platform=platform, line_item=line_item
    )
    if found is None:
        raise NoLineItem("No plugin here reads the gradebook of this LMS.")
    return {result.subject: result for result in found}


def _find_column(
    engine: "Engine", organization_id: str, link_id: str | None, quiz_id: str | None
) -> tuple[LineItem, Platform]:
    query = select(resource_links).where(
        resource_links.c.organization_id == organization_id, resource_links.c.id == link_id
    )
    with engine.database.read() as connection:
        link = connection.execute(query).one_or_none()
    found = LineItems(engine.database).find(link_id, quiz_id) if link else None
    if link is None or found is None:
        raise NoLineItem(NO_COLUMN)
    return found, read_platform(link)


def _compare(
    grade: Grade, theirs: Mapping[str, Result], taken: tuple[float, float] | None
) -> Comparison:
    result = theirs.get(grade.lms_user_id or "")
    if result is not None and result.may_be_zero and grade.given == 0:
        return Comparison(grade, "same", result)
    if result is not None and is_same(result, grade.given, grade.maximum):
        return Comparison(grade, "same", result)
    if result is not None and result.overridden:
        return Comparison(grade, "overridden", result)
    if result is None or result.given is None:
        return Comparison(grade, "missing", result)
    is_ours = taken is not None and is_same(result, *taken)
    return Comparison(grade, "differs" if is_ours else "overridden", result)
