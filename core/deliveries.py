"""One delivery of a score: where it goes, with which second, and what its answer means.

outbox.py leases the rows and settles them; here they are made ready and pushed, alone or, where a
plugin can take them so, many of one column at once.
"""

import time
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import structlog
from sqlalchemy import Connection, Row, bindparam, exists, select

from mentorai.core.attempts import attempts
from mentorai.core.clock import now
from mentorai.core.destinations import Destination, find_destination
from mentorai.core.errors import (
    MentorAIError,
    NoLineItem,
    NotGradable,
    ScoreStale,
    TeacherGradeStands,
)
from mentorai.core.grades import grades
from mentorai.core.held_results import find_taken, is_same
from mentorai.core.line_items import LineItems, ScoreClocks
from mentorai.core.outbox_rows import outbox
from mentorai.core.retries import Decision, decide
from mentorai.core.values import LineItem, Receipt, Result, Score

if TYPE_CHECKING:
    from mentorai.core.engine import Engine

COLUMN_WAIT = timedelta(seconds=3)
# A platform whose plugin takes no scores together is asked again after this.
ALONE_SECONDS = 600.0
NOBODY_SERVES = "No plugin here serves the gradebook of this LMS."
log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Ready:
    """A leased row and all that a push of it needs."""

    row: Row[Any]
    destination: Destination
    line_item: LineItem
    score: Score


Answer = Receipt | Exception


class Deliveries:
    """How scores leave this process."""

    def __init__(self, engine: "Engine") -> None:
        self._engine = engine
        self._line_items = LineItems(engine.database)
        self._clocks = ScoreClocks(engine.database)
        self._alone_until: dict[object, float] = {}

    def prepare(self, row: Row[Any]) -> Ready | Decision:
        """What a row's push needs, or what becomes of the row without one.

        Raises what finding its column raises.
        """
        with self._engine.database.read() as connection:
            try:
                destination = find_destination(
                    connection,
                    person_id=row.person_id,
                    resource_link_id=row.resource_link_id,
                    quiz_id=row.quiz_id,
                    maximum=row.maximum,
                )
            except (NoLineItem, NotGradable) as error:
                return Decision("not_linked", None, error.code, error.message)
            work = _find_work(connection, row.grade_id)
        line_item = self._line_items.find_or_ask(self._engine, destination.place)
        if line_item is None:
            return Decision("waiting", now() + COLUMN_WAIT, counts=False)
        if self._find_teachers(row, destination, line_item):
            stands = TeacherGradeStands()
            return Decision("superseded", None, stands.code, stands.message)
        at = self._clocks.take(line_item, row.person_id)
        if isinstance(at, timedelta):
            return Decision("waiting", now() + at, counts=False)
        score = Score(
            destination.subject,
            row.given,
            row.maximum,
            at,
            row.comment,
            **work,
            replaces_teacher=row.replaces_teacher,
        )
        return Ready(row, destination, line_item, score)

    def _find_teachers(self, row: Row[Any], to: Destination, line_item: LineItem) -> bool:
        """Whether the gradebook holds what a teacher put there, of a grade where it was seen so.

        Looked at anew, since they may have taken it back. Raises what reading the results raises.
        """
        if row.replaces_teacher:
            return False
        with self._engine.database.read() as connection:
            seen = connection.execute(_SEEN, {"grade_id": row.grade_id}).scalar()
            if not seen:
                return False
            mine = row.organization_id, [row.grade_id]
            taken = find_taken(connection, *mine).get(row.grade_id)
        found: Sequence[Result] | None = self._engine.plugins.ask_first(
            "read_results",
            engine=self._engine,
            platform=to.place.platform,
            line_item=line_item,
        )
        held = next((each for each in found or () if each.subject == to.subject), None)
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
        names = (row.registration_id, _column_of(row))
        return all(moment >= self._alone_until.get(name, 0.0) for name in names)

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
        except Exception as error:
            return [error] * len(batch)
        if not answers:
            name = first.row.registration_id if answers is None else _column_of(first.row)
            self._alone_until[name] = time.monotonic() + ALONE_SECONDS
            return None
        if len(answers) != len(batch):
            log.error("scores_answered_wrongly", asked=len(batch), answered=len(answers))
            return [Unexpected()] * len(batch)
        return answers

    def judge(self, ready: Ready, answer: Answer) -> Decision:
        """What becomes of a row after its platform's answer."""
        row = ready.row
        if isinstance(answer, Receipt):
            shown = answer.platform_at or answer.received_at
            if max(answer.received_at, shown).replace(microsecond=0) > ready.score.at:
                who = (ready.line_item, row.person_id)
                self._clocks.note(*who, answer.received_at, answer.platform_at)
            return Decision("sent", sent_at=answer.received_at)
        error = read_error(answer, row)
        if isinstance(error, ScoreStale) and error.platform_at:
            # Its clock is ahead of ours: the next second must be later by that clock.
            self._clocks.note(ready.line_item, row.person_id, now(), error.platform_at)
        if isinstance(error, NoLineItem):
            # The column was deleted: ask for it once more, and then believe it.
            self._line_items.forget(ready.destination.place, ready.line_item.url)
            if row.last_error_code != error.code:
                return Decision("waiting", now(), error.code, error.message)
        return judge_error(error, row)


def _column_of(row: Row[Any]) -> tuple[str, str | None]:
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
    found = answer if isinstance(answer, Exception) else None
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


_SEEN = select(grades.c.sync_overridden).where(grades.c.id == bindparam("grade_id"))
_IS_TAKEN = (
    exists()
    .where(outbox.c.grade_id == grades.c.id, outbox.c.sent_at > attempts.c.submitted_at)
    .correlate(grades, attempts)
)
_WORK = (
    select(attempts.c.started_at, attempts.c.submitted_at, (~_IS_TAKEN).label("is_hand_in"))
    .join(grades, grades.c.attempt_id == attempts.c.id)
    .where(grades.c.id == bindparam("grade_id"), attempts.c.submitted_at.is_not(None))
)


def _find_work(connection: Connection, grade_id: str) -> dict[str, Any]:
    """What a Score says of the attempt behind a grade; nothing for a grade without one."""
    row = connection.execute(_WORK, {"grade_id": grade_id}).one_or_none()
    return dict(row._mapping) if row else {}
