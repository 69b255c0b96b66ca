"""Grades by Moodle's web services, where LTI's own grade service is off; and what teachers did.

core_grades_update_grades answers 0 for nearly everything, so each score is read back before it
counts as taken. It does not rescale and shows no comment; both were seen on a running Moodle.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

import structlog

from mentorai.core.clock import now
from mentorai.core.errors import (
    GradeLocked,
    MentorAIError,
    NoLineItem,
    PersonNotInCourse,
    PlatformReplyInvalid,
    ScoreRejected,
    TeacherGradeStands,
)
from mentorai.core.values import GradePlace, LineItem, Receipt, Result, Score
from mentorai.plugins.moodle.scores import OVERRIDDEN
from mentorai.plugins.moodle.web_service_rosters import read_id
from mentorai.plugins.moodle.web_services import WebServiceRefused, WebServices

MODULE = "core_course_get_course_module_by_instance"
GRADES = "core_grades_update_grades"
REPORT = "gradereport_user_get_grade_items"
ANOTHER = "Moodle holds another grade than it took."
SOURCE, COMPONENT = "mentorai", "mod_lti"
# A report of a large course has every item of every student.
REPORT_BYTES = 32_000_000
# So many people are asked about one by one: that report takes Moodle a second for each dozen of a
# course, whoever has a grade.
FEW = 20
# Moodle keeps five places of a grade and may show fewer.
TOLERANCE = 0.005
TAKEN, FAILED, SEVERAL, LOCKED = 0, 1, 2, 4
# These are about what the token may do, and not about the person that was asked about.
NOT_ALLOWED = frozenset({"accessexception", "nopermissions", "nopermissiontoviewgrades",
                         "required_capability_exception", "invalidparameter"})  # fmt: skip
_COLUMN = re.compile(r"/mod/lti/view\.php\?id=([^&]+)&course=([^&]+)$")
_AGS = re.compile(r"/mod/lti/services\.php/([^/]+)/lineitems/([^/]+)/lineitem")
log = structlog.get_logger(__name__)
Answer = Receipt | Exception


@dataclass(frozen=True, slots=True)
class _Item:
    """What the gradebook says of one person's grade."""

    subject: str
    maximum: float
    given: float | None
    is_overridden: bool
    is_locked: bool


def find_column(services: WebServices, place: GradePlace) -> LineItem:
    """The activity's own column. Raises NoLineItem if Moodle knows no such activity."""
    try:
        found = services.call(MODULE, module="lti", instance=place.lms_resource_link_id)
    except WebServiceRefused as error:
        if error.error_code in NOT_ALLOWED:
            raise
        raise NoLineItem() from error
    module = found.get("cm") if isinstance(found, dict) else None
    ids = [read_id(module.get(name)) for name in ("id", "course")] if module else []
    if not ids or not all(ids):
        raise PlatformReplyInvalid("Moodle did not say which activity this is.")
    return LineItem(
        url=f"{services.base_url}/mod/lti/view.php?id={ids[0]}&course={ids[1]}",
        label=place.title,
        resource_link_id=place.lms_resource_link_id,
    )


def is_column(line_item: LineItem) -> bool:
    """Whether this is a column as find_column names them, and none of LTI's."""
    return _COLUMN.search(line_item.url) is not None


def push(services: WebServices, line_item: LineItem, scores: Sequence[Score]) -> list[Answer]:
    """Bring scores of different people to a column; for each a receipt or what is wrong.

    Raises PlatformError when Moodle answers nothing of use to any of them.
    """
    column = _Column.of(services, line_item)
    maximum = column.find_maximum([score.subject for score in scores])
    column.write(scores, maximum)
    answers = [column.verify(score, maximum) for score in scores]
    return [
        column.push_again(score, answer) if isinstance(answer, float) else answer
        for score, answer in zip(scores, answers, strict=True)
    ]


def read_column(services: WebServices, line_item: LineItem) -> list[Result]:
    """What a column holds for each student. Raises PlatformError."""
    items = _Column.of(services, line_item).read_all()
    return [
        Result(
            item.subject,
            item.given,
            item.maximum,
            overridden=item.is_overridden,
            locked=item.is_locked,
        )
        for item in items
    ]


def find_marks(
    services: WebServices, line_item: LineItem, subjects: Sequence[str]
) -> Mapping[str, tuple[bool, bool]]:
    """By person, whether a teacher overrode or locked what a column of LTI's holds.

    Empty if Moodle does not say: results are of use without it.
    """
    column = _Column.of_lti(services, line_item)
    if column is None:
        return {}
    try:
        items = column.read_few(subjects) if len(subjects) <= FEW else column.read_all()
        return {item.subject: (item.is_overridden, item.is_locked) for item in items}
    except MentorAIError as error:
        log.warning("grade_marks_not_read", code=error.code)
        return {}


def shows_none(report: object, line_item_urls: Sequence[str]) -> bool:
    """Whether a person's report has none of these columns of LTI's, and is one."""
    ids = {named[2] for url in line_item_urls if (named := _AGS.search(url))}
    people = report.get("usergrades") if isinstance(report, dict) else None
    if not ids or not isinstance(people, list) or not people or not isinstance(people[0], dict):
        return False
    items = people[0].get("gradeitems")
    shown = {read_id(each.get("id")) for each in items or () if isinstance(each, dict)}
    return not ids & shown


def is_locked(services: WebServices, line_item: LineItem, subject: str) -> bool | None:
    """Whether a teacher locked a person's grade in a column of LTI's; None: nobody says."""
    column = _Column.of_lti(services, line_item)
    try:
        return column.read(subject).is_locked if column else None
    except MentorAIError as error:
        log.warning("grade_marks_not_read", code=error.code)
        return None


@dataclass(frozen=True, slots=True)
class _Column:
    """A column of a course: the grade item whose `field` is `value`."""

    services: WebServices
    course: str
    field: str
    value: str

    @classmethod
    def of(cls, services: WebServices, line_item: LineItem) -> "_Column":
        named = _COLUMN.search(line_item.url)
        if named is None or not line_item.url.startswith(f"{services.base_url}/"):
            raise NoLineItem("This column belongs to another Moodle.")
        return cls(services, course=named[2], field="cmid", value=named[1])

    @classmethod
    def of_lti(cls, services: WebServices, line_item: LineItem) -> "_Column | None":
        named = _AGS.search(line_item.url)
        if named is None:
            return None
        return cls(services, course=named[1], field="id", value=named[2])

    def find_maximum(self, subjects: Sequence[str]) -> float:
        """The most points of the column, as the first says who can be asked about."""
        error: ScoreRejected = PersonNotInCourse()
        for subject in subjects:
            try:
                return self.read(subject).maximum
            except PersonNotInCourse as refusal:
                error = refusal
        raise error

    def write(self, scores: Sequence[Score], maximum: float) -> None:
        """Tell Moodle the grades; its answer says little. Raises what it does say."""
        grades = [
            {"studentid": score.subject, "grade": score.given / score.maximum * maximum}
            for score in scores
            if score.given is not None
        ]
        answer = self.services.call(
            GRADES,
            source=SOURCE,
            courseid=self.course,
            component=COMPONENT,
            activityid=self.value,
            itemnumber=0,
            grades=grades,
        )
        if answer == LOCKED:
            raise GradeLocked()
        if answer == SEVERAL:
            raise NoLineItem("The activity has more than one gradebook column.")
        if answer != TAKEN:
            raise PlatformReplyInvalid("Moodle did not take the grades.")

    def push_again(self, score: Score, maximum: float) -> Answer:
        """Once more, by a maximum that changed at this moment."""
        self.write([score], maximum)
        answer = self.verify(score, maximum)
        return PlatformReplyInvalid(ANOTHER) if isinstance(answer, float) else answer

    def verify(self, score: Score, maximum: float) -> Answer | float:
        """Look whether a grade arrived; the column's maximum if that is no longer `maximum`."""
        try:
            item = self.read(score.subject)
        except MentorAIError as error:
            return error
        wanted = (score.given or 0.0) / score.maximum * maximum
        if item.given is not None and abs(item.given - wanted) <= TOLERANCE:
            return Receipt(now())
        if item.is_locked:
            return GradeLocked()
        if item.is_overridden and score.replaces_teacher:
            return TeacherGradeStands(OVERRIDDEN)
        if item.is_overridden:
            # It was taken, and the teacher's word stands over it.
            return Receipt(now())
        if item.maximum != maximum:
            return item.maximum
        return PlatformReplyInvalid(ANOTHER)

    def read(self, subject: str) -> _Item:
        """One person's grade. Raises PersonNotInCourse, NoLineItem, PlatformError."""
        try:
            items = self._report(subject)
        except WebServiceRefused as error:
            if error.error_code in NOT_ALLOWED:
                raise
            raise PersonNotInCourse() from error
        return next(items)

    def read_few(self, subjects: Sequence[str]) -> list[_Item]:
        """The grades of these people, as far as they are in the course. Raises PlatformError."""
        items = list[_Item]()
        for subject in subjects:
            with suppress(PersonNotInCourse):
                items.append(self.read(subject))
        return items

    def read_all(self) -> list[_Item]:
        """Everybody's grade. Raises PlatformError."""
        return list(self._report(""))

    def _report(self, subject: str) -> Iterator[_Item]:
        asked = {"userid": subject} if subject else {}
        answer = self.services.call(REPORT, limit_bytes=REPORT_BYTES, courseid=self.course, **asked)
        people = answer.get("usergrades") if isinstance(answer, dict) else None
        if not isinstance(people, list):
            raise PlatformReplyInvalid("Moodle sent grades that cannot be read.")
        if subject and not people:
            raise PersonNotInCourse()
        found = [item for each in people if (item := self._read(each)) is not None]
        if subject and not found:
            raise NoLineItem("The activity has no column in Moodle's gradebook.")
        return iter(found)

    def _read(self, person: object) -> _Item | None:
        items = person.get("gradeitems") if isinstance(person, dict) else None
        if not isinstance(person, dict) or not isinstance(items, list):
            return None
        for row in items:
            if not isinstance(row, dict) or read_id(row.get(self.field)) != self.value:
                continue
            # The first item of an activity; others were made beside it.
            if self.field == "cmid" and row.get("itemnumber") not in (None, 0):
                continue
            maximum = _number(row, "grademax")
            if maximum is None or maximum <= 0:
                continue
            return _Item(
                read_id(person.get("userid")),
                maximum,
                _number(row, "graderaw"),
                row.get("gradeisoverridden") is True,
                row.get("gradeislocked") is True,
            )
        return None


def _number(row: Mapping[str, Any], name: str) -> float | None:
    found = row.get(name)
    return float(found) if isinstance(found, int | float) and not isinstance(found, bool) else None
