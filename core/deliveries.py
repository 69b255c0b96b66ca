"""One delivery of a score: where it goes, with which second, and what its answer means.

outbox.py leases the rows and settles them; here they are made ready and pushed, alone or, where a
plugin can take them so, many of one column at once.
"""

import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

import structlog
from sqlalchemy import Connection, Row, bindparam, exists, select

from mentorai.core.attempts import attempts
from mentorai.core.clock import now
from mentorai.core.destinations import Destination, Wanted, find_destinations
from mentorai.core.errors import (
    MentorAIError,
    NoLineItem,
    PluginFailed,
    ScoreStale,
    TeacherGradeStands,
)
from mentorai.core.grades import grades
from mentorai.core.held_results import find_taken, is_same
from mentorai.core.line_items import LineItems, find_known
from mentorai.core.outbox_rows import Outcome
from mentorai.core.outbox_table import outbox
from mentorai.core.prepared import Prepared, read_rows
from mentorai.core.retries import Decision, decide
from mentorai.core.score_clocks import Arrival, read_arrival, take_seconds
from mentorai.core.values import LineItem, Receipt, Result, Score

if TYPE_CHECKING:
    from mentorai.core.engine import Engine

COLUMN_WAIT = timedelta(seconds=3)
# A second that was taken longer ago is taken anew before its score goes.
FRESH = timedelta(seconds=2)
# The most scores of one column that a plugin is given at once.
TOGETHER = 50
# A platform whose plugin takes no scores together is asked again after this.
ALONE_SECONDS = 600.0
NOBODY_SERVES = "No plugin here serves the gradebook of this LMS."
# It was leased and not sent: as if nothing had been.
UNTOUCHED = Decision("waiting", counts=False)
log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Errand:
    """A leased row, and what the database knows of where it goes.

    line_item: None if its column is not found yet. at: the second to send, if that was taken.
    is_teachers: the gradebook held what a teacher put there when somebody compared.
    """

    row: Row[Any]
    destination: Destination
    line_item: LineItem | None
    at: datetime | None
    is_teachers: bool
    started_at: datetime | None
    submitted_at: datetime | None
    is_hand_in: bool


@dataclass(frozen=True, slots=True)
class Ready:
    """A leased row and all that a push of it needs."""

    row: Row[Any]
    destination: Destination
    line_item: LineItem
    score: Score


Answer = Receipt | Exception
# A leased row: to be sent, or only to be settled.
Leased = Errand | Outcome


class Deliveries:
    """How scores leave this process."""

    def __init__(self, engine: "Engine") -> None:
        self._engine = engine
        self._line_items = LineItems(engine.database)
        self._alone_until: dict[object, float] = {}

    def prepare(
        self, connection: Connection, rows: Sequence[Row[Any]]
    ) -> tuple[list[Errand], list[Outcome]]:
        """What leased rows need, as far as the database knows it; and what becomes of those that
        go nowhere, or not yet.
        """
        facts = {"grade_ids": [row.grade_id for row in rows]}
        known = {row.id: row for row in read_rows(connection, _GRADES, facts)}
        rows = [row for row in rows if row.grade_id in known]
        wanted = [
            Wanted(row.person_id, row.resource_link_id, row.quiz_id, row.maximum) for row in rows
        ]
        destinations = find_destinations(connection, wanted)
        items = {column: find_known(connection, *column) for column in set(map(column_of, rows))}
        errands, outcomes = list[Errand](), list[Outcome]()
        for row, to in zip(rows, destinations, strict=True):
            if not isinstance(to, Destination):
                gone = Decision("not_linked", None, to.code, to.message)
                outcomes.append(Outcome(row, gone))
                continue
            of_grade = known[row.grade_id]
            errand = Errand(
                row,
                to,
                items[column_of(row)],
                at=None,
                is_teachers=of_grade.sync_overridden and not row.replaces_teacher,
                started_at=of_grade.started_at if of_grade.submitted_at else None,
                submitted_at=of_grade.submitted_at,
                is_hand_in=of_grade.submitted_at is not None and of_grade.is_hand_in,
            )
            errands.append(errand)
        return self._take_seconds(connection, errands, outcomes)

    def _take_seconds(
        self, connection: Connection, errands: Sequence[Errand], outcomes: list[Outcome]
    ) -> tuple[list[Errand], list[Outcome]]:
        """The same, with a second for each whose column is known and whom no teacher graded."""
        ready = [each for each in errands if each.line_item and not each.is_teachers]
        seconds = dict[str, datetime | timedelta]()
        for url in sorted({each.line_item.url for each in ready if each.line_item}):
            mine = [each for each in ready if each.line_item and each.line_item.url == url]
            people = {each.row.id: each.row.person_id for each in mine}
            seconds |= take_seconds(connection, url, people)
        found = []
        for each in errands:
            at = seconds.get(each.row.id)
            if isinstance(at, timedelta):
                later = Decision("waiting", at, counts=False)
                outcomes.append(Outcome(each.row, later))
            else:
                found.append(replace(each, at=at))
        return found, outcomes

    def complete(self, errand: Errand) -> Ready | Decision:
        """All that a push needs, with what only the platform can say; or what becomes of the row
        without one.

        Raises what finding its column raises.
        """
        row, to, line_item, at = errand.row, errand.destination, errand.line_item, errand.at
        if line_item is None:
            line_item = self._line_items.find_or_ask(self._engine, to.place)
        if line_item is None:
            return Decision("waiting", COLUMN_WAIT, counts=False)
        if errand.is_teachers and self._find_teachers(row, to, line_item):
            stands = TeacherGradeStands()
            return Decision("superseded", None, stands.code, stands.message)
        if at is None or at <= now() - FRESH:
            with self._engine.database.write() as connection:
                taken = take_seconds(connection, line_item.url, {row.id: row.person_id})[row.id]
            if isinstance(taken, timedelta):
                return Decision("waiting", taken, counts=False)
            at = taken
        score = Score(
            to.subject,
            row.given,
            row.maximum,
            at,
            row.comment,
            started_at=errand.started_at,
            submitted_at=errand.submitted_at,
            is_hand_in=errand.is_hand_in,
            replaces_teacher=row.replaces_teacher,
        )
        return Ready(row, to, line_item, score)

    def _find_teachers(self, row: Row[Any], to: Destination, line_item: LineItem) -> bool:
        """Whether the gradebook still holds what a teacher put there.

        Looked at anew, since they may have taken it back. Raises what reading the results raises.
        """
        with self._engine.database.read() as connection:
            mine = row.organization_id, [row.grade_id]
            taken = find_taken(connection, *mine).get(row.grade_id)
        try:
            found: Sequence[Result] | None = self._engine.plugins.ask_first(
                "read_results",
                engine=self._engine,
                platform=to.place.platform,
                line_item=line_item,
            )
        except NoLineItem:
            # It went with its column; the push finds that out as for any other grade.
            return False
        held = next((each for each in found or () if each.subject == to.subject), None)
        if held is not None and held.overridden:
            return True
        if held is None or held.given is None:
            return False
        return taken is None or not is_same(held, *taken)

    def push(self, ready: Ready) -> Answer:
        """Bring one score to its platform; the receipt, or what was raised instead."""
        try:
            receipt: Receipt | None = self._engine.plugins.ask_first(
                "push_score",
                engine=self._engine,
                platform=ready.destination.place.platform,
                line_item=ready.line_item,
                score=ready.score,
            )
        except Exception as error:
            return error
        return NoLineItem(NOBODY_SERVES) if receipt is None else receipt

    def may_go_together(self, row: Row[Any]) -> bool:
        """Whether it is worth asking a plugin to take scores of this row's platform together."""
        if not self._engine.plugins.has("push_scores"):
            return False
        moment = time.monotonic()
        names = (row.registration_id, column_of(row))
        return all(moment >= self._alone_until.get(name, 0.0) for name in names)

    def may_lane_go_together(self, lane: str | None) -> bool:
        """Whether it is worth leasing so many rows of a platform that they can go together."""
        alone = self._alone_until.get(lane, 0.0)
        return self._engine.plugins.has("push_scores") and time.monotonic() >= alone

    def group(self, leased: Sequence[Leased]) -> list[list[Leased]]:
        """Each by itself, or with others of its column where a plugin may take them together.

        What is only to be settled is in one list, the first.
        """
        decided = list[Leased](each for each in leased if isinstance(each, Outcome))
        groups = [decided] if decided else []
        together = dict[object, list[Leased]]()
        for errand in leased:
            if isinstance(errand, Outcome):
                continue
            column = column_of(errand.row)
            group = together.get(column)
            if group is None or len(group) >= TOGETHER:
                group = [errand]
                groups.append(group)
                if self.may_go_together(errand.row):
                    together[column] = group
            else:
                group.append(errand)
        return groups

    def push_together(self, batch: Sequence[Ready]) -> Sequence[Answer] | None:
        """Bring many scores of one column at once: an answer each. None: one by one, please."""
        first = batch[0]
        try:
            answers: Sequence[Answer] | None = self._engine.plugins.ask_first(
                "push_scores",
                engine=self._engine,
                platform=first.destination.place.platform,
                line_item=first.line_item,
                scores=[ready.score for ready in batch],
            )
        except PluginFailed:
            # One score may be what it broke at, and that shall not hold up the others.
            answers = []
        except Exception as error:
            return [error] * len(batch)
        if not answers:
            name = first.row.registration_id if answers is None else column_of(first.row)
            self._alone_until[name] = time.monotonic() + ALONE_SECONDS
            return None
        if len(answers) != len(batch):
            log.error("scores_answered_wrongly", asked=len(batch), answered=len(answers))
            return [Unexpected()] * len(batch)
        return answers

    def judge(self, ready: Ready, answer: Answer) -> Outcome:
        """What becomes of a row after its platform's answer."""
        row, who = ready.row, (ready.line_item.url, ready.row.person_id)
        if isinstance(answer, Receipt):
            decision = Decision("sent", sent_at=answer.received_at)
            arrival = read_arrival(*who, answer.received_at, answer.platform_at)
            is_later = arrival.second > ready.score.at
            return Outcome(row, decision, answer, arrival if is_later else None)
        error = read_error(answer, row)
        late: Arrival | None = None
        if isinstance(error, ScoreStale) and error.platform_at:
            # Its clock is ahead of ours: the next second must be later by that clock.
            late = read_arrival(*who, now(), error.platform_at)
        if isinstance(error, NoLineItem):
            # The column was deleted: ask for it once more, and then believe it.
            self._line_items.forget(ready.destination.place, ready.line_item.url)
            if row.last_error_code != error.code:
                again = Decision("waiting", timedelta(), error.code, error.message)
                return Outcome(row, again, answer)
        return Outcome(row, judge_error(error, row), answer, late)


def column_of(row: Row[Any]) -> tuple[str | None, str | None]:
    """What the rows of one column have in common."""
    return row.resource_link_id, row.quiz_id


class Unexpected(MentorAIError):
    """Something unforeseen went wrong here; the log has the details."""

    code = "internal_error"
    retryable = True


def read_error(answer: object, row: Row[Any]) -> MentorAIError:
    """What was raised, as one of our errors; anything else is logged and becomes Unexpected."""
    if isinstance(answer, MentorAIError):
        return answer
    found = answer if isinstance(answer, BaseException) else None
    log.error("score_delivery_failed", row=row.id, exc_info=found)
    return Unexpected()


def judge_error(error: MentorAIError, row: Row[Any]) -> Decision:
    """What becomes of a row after an error, by the facts of the row."""
    return decide(
        error,
        attempts=row.attempts,
        stale_attempts=row.stale_attempts,
        last_code=row.last_error_code,
        first_tried_at=row.first_tried_at,
        moment=now(),
    )


_IS_TAKEN = (
    exists()
    .where(outbox.c.grade_id == grades.c.id, outbox.c.sent_at > attempts.c.submitted_at)
    .correlate(grades, attempts)
)
_GRADES = Prepared(
    select(grades.c.id, grades.c.sync_overridden, attempts.c.started_at, attempts.c.submitted_at)
    .add_columns((~_IS_TAKEN).label("is_hand_in"))
    .outerjoin(attempts, attempts.c.id == grades.c.attempt_id)
    .where(grades.c.id.in_(bindparam("grade_ids", expanding=True)))
)
