"""The grades of many at once, by Canvas' own API.

One request queues them, and Canvas works on them by itself (a Progress). What a teacher graded is
not touched, as by LTI; comments go by LTI, since Canvas adds one each time it is told, and so does
what a student handed in, since this way makes no submission. What is sent is written down first,
and asked about before anything else is sent for the same person, so that a try that broke off
neither sends twice nor is overtaken.
Source: Canvas' developer documentation, Submissions (update_grades) and Progress.
"""

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import structlog

from mentorai.core.api_grades import ApiGrade, ApiGrades
from mentorai.core.clock import now
from mentorai.core.errors import NoLineItem, PlatformRefused, PlatformUnavailable
from mentorai.core.values import LineItem, Platform, Receipt, Score
from mentorai.lti.platform_http import check_reply
from mentorai.plugins.canvas.api_client import CanvasApi
from mentorai.plugins.canvas.api_ids import find_assignment, find_users

if TYPE_CHECKING:
    from mentorai.core.engine import Engine

# Fewer are as quick by LTI: this way takes five calls, however many they are.
LEAST = 10
# A column's whole list is read to see what is there; larger courses go by LTI.
PAGES = 30
# Well within the lease of the outbox, with a call at the end that takes its time.
SECONDS = 40.0
PAUSES = (0.1, 0.3, 0.6, 1.0, 2.0)
# Canvas has lost a job that it has not ended by then.
JOB_LIFE = timedelta(hours=1)
NEAR = 0.005
STILL_AT_IT = "Canvas is still at work on this grade; it is looked at again in a while."
NUMERIC = frozenset({"points", "percent", "letter_grade", "gpa_scale"})
log = structlog.get_logger(__name__)
Answer = Receipt | Exception


@dataclass(frozen=True, slots=True)
class Column:
    """One assignment, by Canvas' numbers. points: its maximum, or 0 if it takes no numbers."""

    path: str
    points: float


class BulkGrades:
    """The grades of one column by the API of its Canvas."""

    def __init__(
        self, engine: "Engine", platform: Platform, line_item: LineItem, api: CanvasApi
    ) -> None:
        self._engine, self._platform, self._line_item = engine, platform, line_item
        self._api = api
        self._place = (platform.registration_id, line_item.url)
        self._grades = engine.room(ApiGrades)
        self._until = time.monotonic() + SECONDS

    def push(self, scores: Sequence[Score]) -> Sequence[Answer] | None:
        """An answer for each score. An empty one: this column goes one by one; None: all do.

        Raises PlatformUnavailable while Canvas is at work on an earlier grade of the same people,
        and when it cannot be asked; PlatformThrottled.
        """
        self.settle([score.subject for score in scores])
        if any(score.is_hand_in for score in scores) and sum(map(_is_bare, scores)) < LEAST:
            # A quiz is being taken: its submissions go side by side, not one after the other here.
            return ()
        try:
            found = self._find_column()
            if found is None or found.points <= 0:
                return ()
            held = self._read_held(found)
        except PlatformRefused as error:
            log.warning("grades_not_sent_together", code=error.code)
            return ()
        answers, sending = self._plan(scores, found, held)
        if len(sending) >= LEAST:
            answers |= self._send(found, sending)
        return [
            answers[score.subject] if score.subject in answers else self._push_alone(score)
            for score in scores
        ]

    def push_one(self, score: Score) -> Receipt | None:
        """One grade, if it may stand where it goes; None: by LTI. Raises as `push` does."""
        self.settle([score.subject])
        if not _is_bare(score):
            return None
        try:
            column = self._find_column()
            if column is None or column.points <= 0:
                return None
            answers, sending = self._plan([score], column, self._read_held(column))
        except PlatformRefused:
            return None
        answer = (answers | self._send(column, sending) if sending else answers).get(score.subject)
        if isinstance(answer, Exception):
            raise answer
        return answer

    def settle(self, subjects: Sequence[str]) -> None:
        """See how earlier work on these people's grades ended.

        Raises PlatformUnavailable while it has not.
        """
        sent = self._grades.find(*self._place, subjects)
        for job in {each.job for each in sent.values() if each.job}:
            mine = {s: each for s, each in sent.items() if each.job == job}
            try:
                is_over = self._is_over(job, mine)
            except PlatformRefused as error:
                raise PlatformUnavailable(STILL_AT_IT) from error
            if not is_over:
                raise PlatformUnavailable(STILL_AT_IT)
            self._grades.note_job(*self._place, mine, "")

    def _is_over(self, job: str, sent: Mapping[str, ApiGrade]) -> bool:
        if min(each.sent_at for each in sent.values()) < now() - JOB_LIFE:
            return True
        for pause in (*PAUSES, *[PAUSES[-1]] * 20):
            if self._has_ended(job):
                return True
            if time.monotonic() + pause > self._until:
                return False
            time.sleep(pause)
        return False

    def _has_ended(self, job: str) -> bool:
        reply = self._api.get(f"/api/v1/progress/{job}")
        if reply.status == 404:
            return True
        check_reply(reply, "a question about its work")
        found = reply.read_json()
        state = found.get("workflow_state") if isinstance(found, dict) else None
        return state in ("completed", "failed")

    def _find_column(self) -> Column | None:
        numbers = find_assignment(self._engine, self._platform, self._line_item)
        if numbers is None:
            return None
        path = f"/api/v1/courses/{numbers[0]}/assignments/{numbers[1]}"
        found = self._api.read(path, (), "a question about an assignment")
        points = found.get("points_possible")
        takes_points = found.get("grading_type") in NUMERIC and _is_number(points)
        return Column(path, float(points) if takes_points else 0.0)  # type: ignore[arg-type]

    def _read_held(self, column: Column) -> dict[str, Mapping[str, Any]]:
        """What the column holds, by Canvas' number of the person."""
        left = max(self._until - time.monotonic(), 1.0)
        rows = self._api.read_pages(
            f"{column.path}/submissions",
            (),
            "a question about what is graded",
            pages=PAGES,
            seconds=left,
        )
        return {str(row["user_id"]): row for row in rows if "user_id" in row}

    def _plan(
        self, scores: Sequence[Score], column: Column, held: Mapping[str, Mapping[str, Any]]
    ) -> tuple[dict[str, Answer], dict[str, tuple[str, float]]]:
        """What is answered already, and what to send: subject -> (number, points)."""
        subjects = [score.subject for score in scores]
        users = find_users(self._engine, self._platform, subjects)
        sent = self._grades.find(*self._place, subjects)
        answers: dict[str, Answer] = {}
        sending: dict[str, tuple[str, float]] = {}
        for score in scores:
            row = held.get(users.get(score.subject, ""))
            if row is None or score.given is None or not _is_bare(score):
                continue
            points = round(score.given * column.points / score.maximum, 4)
            if is_near(_read_points(row), points):
                answers[score.subject] = Receipt(received_at=now())
            elif _may_replace(row, sent.get(score.subject)):
                sending[score.subject] = (users[score.subject], points)
        return answers, sending

    def _send(self, column: Column, sending: Mapping[str, tuple[str, float]]) -> dict[str, Answer]:
        """Have Canvas take them, and see that it did; who is not in the answer goes alone."""
        self._grades.put(*self._place, {who: points for who, (_, points) in sending.items()})
        form = [
            (f"grade_data[{number}][posted_grade]", str(points))
            for number, points in sending.values()
        ]
        reply = self._api.post(f"{column.path}/submissions/update_grades", form)
        if not reply.is_ok and reply.status < 500:
            # It took none of them; a grade alone hears why.
            self._grades.forget(*self._place, sending)
            log.warning("grades_not_taken_together", status=reply.status)
            return {}
        check_reply(reply, "many grades")
        self._grades.note_job(*self._place, sending, _read_job(reply.read_json()))
        try:
            self.settle(list(sending))
        except PlatformUnavailable as error:
            return dict.fromkeys(sending, error)
        held = self._read_held(column)
        moment = now()
        taken: dict[str, Answer] = {
            who: Receipt(received_at=moment)
            for who, (number, points) in sending.items()
            if is_near(_read_points(held.get(number, {})), points)
        }
        refused = [who for who in sending if who not in taken]
        if refused:
            self._grades.forget(*self._place, refused)
        return taken

    def _push_alone(self, score: Score) -> Answer:
        """One by LTI, which also knows best why Canvas refuses it."""
        if time.monotonic() > self._until:
            return PlatformUnavailable("Canvas took long over others; this one comes next.")
        try:
            receipt: Receipt | None = self._engine.plugins.ask_first(
                "push_score",
                engine=self._engine,
                platform=self._platform,
                line_item=self._line_item,
                score=score,
            )
        except Exception as error:
            return error
        return receipt or NoLineItem()


def _is_bare(score: Score) -> bool:
    """Whether it is a grade and nothing besides: no comment, and no submission."""
    return score.is_final and not score.comment and not score.is_hand_in


def _may_replace(row: Mapping[str, Any], sent: ApiGrade | None) -> bool:
    """Whether a grade is none, a tool's, or what we sent: not one that a teacher gave."""
    points, grader = _read_points(row), row.get("grader_id")
    if points is None or (isinstance(grader, int) and grader < 0):
        return True
    return sent is not None and is_near(points, sent.points)


def _read_points(row: Mapping[str, Any]) -> float | None:
    """The grade before any deduction for being late."""
    for name in ("entered_score", "score"):
        if _is_number(row.get(name)):
            return float(row[name])
    return None


def is_near(points: float | None, wanted: float) -> bool:
    """Whether these are the same points, as far as an LMS rounds them."""
    return points is not None and abs(points - wanted) <= NEAR


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _read_job(found: object) -> str:
    """Canvas' number of the work; `0` if it named none, which nobody knows of later."""
    number = str(found.get("id")) if isinstance(found, dict) else ""
    return number if number.isascii() and number.isdigit() and len(number) <= 20 else "0"
