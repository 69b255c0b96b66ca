"""What a gradebook holds against what we hold: one quiz's grades, compared column by column.

A grade and a result of other maxima are compared by their share, since platforms scale.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from sqlalchemy import select

from mentorai.core.errors import MentorAIError, NoLineItem
from mentorai.core.grade_rows import Grade, of_mentor, read_grade, select_grades
from mentorai.core.grades import grades
from mentorai.core.line_items import LineItems
from mentorai.core.people import contexts, read_platform, resource_links
from mentorai.core.values import LineItem, Platform, Result

if TYPE_CHECKING:
    from mentorai.core.engine import Engine

Verdict = Literal["same", "differs", "missing", "unknown"]
# Platforms round to two places, often of their own maximum.
TOLERANCE = 0.005
# One call or more a column, while a person waits for the page.
COLUMNS = 20
ORDER: Sequence[Verdict] = ("differs", "missing", "unknown", "same")
NOT_COMPARED = f"Only the first {COLUMNS} places are compared at once."
NO_COLUMN = "No score has been sent from this place yet, so it has no gradebook column."


@dataclass(frozen=True, slots=True)
class Comparison:
    """One grade of ours and what the gradebook holds for it.

    verdict: missing when it holds none; unknown when it could not be read, for `reason`.
    """

    grade: Grade
    verdict: Verdict
    result: Result | None = None
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Reconciliation:
    """Every grade of a quiz, compared, those that are not the same first.

    others: results of people for whom we have no grade.
    """

    rows: Sequence[Comparison]
    others: int

    def count(self, verdict: Verdict) -> int:
        """How many rows have this verdict."""
        return sum(row.verdict == verdict for row in self.rows)


def reconcile(
    engine: "Engine", organization_id: str, mentor_id: str, quiz_id: str
) -> Reconciliation:
    """Read what the gradebooks hold at this moment for a quiz's grades, and compare.

    A gradebook that cannot be read makes its rows `unknown`; nothing is raised for it.
    """
    by_place: dict[str | None, list[Grade]] = {}
    for grade in _list_grades(engine, organization_id, mentor_id, quiz_id):
        by_place.setdefault(grade.resource_link_id, []).append(grade)
    rows: list[Comparison] = []
    others = 0
    for number, (link_id, ours) in enumerate(by_place.items()):
        if number >= COLUMNS:
            rows += [Comparison(grade, "unknown", reason=NOT_COMPARED) for grade in ours]
            continue
        try:
            theirs = _read_results(engine, organization_id, link_id, quiz_id)
        except MentorAIError as error:
            rows += [Comparison(grade, "unknown", reason=error.message) for grade in ours]
            continue
        rows += [_compare(grade, theirs) for grade in ours]
        known = {grade.lms_user_id for grade in ours}
        others += sum(r.given is not None for s, r in theirs.items() if s not in known)
    rows.sort(key=lambda row: ORDER.index(row.verdict))
    return Reconciliation(rows, others)


def _list_grades(
    engine: "Engine", organization_id: str, mentor_id: str, quiz_id: str
) -> list[Grade]:
    query = select_grades().where(
        of_mentor(organization_id, mentor_id), grades.c.quiz_id == quiz_id
    )
    query = query.order_by(contexts.c.title, grades.c.resource_link_id, grades.c.id)
    with engine.database.read() as connection:
        return [read_grade(row) for row in connection.execute(query)]


def _read_results(
    engine: "Engine", organization_id: str, link_id: str | None, quiz_id: str
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
    engine: "Engine", organization_id: str, link_id: str | None, quiz_id: str
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


def _compare(grade: Grade, theirs: Mapping[str, Result]) -> Comparison:
    result = theirs.get(grade.lms_user_id or "")
    if result is None or result.given is None:
        return Comparison(grade, "missing", result)
    maximum = result.maximum or grade.maximum
    apart = abs(result.given / maximum - grade.given / grade.maximum)
    is_same = apart * maximum <= TOLERANCE + 1e-9 or apart * grade.maximum <= TOLERANCE + 1e-9
    return Comparison(grade, "same" if is_same else "differs", result)
