"""Scores on their way to a platform: due, leased, sent, or given up.

A row is written in the transaction that takes the grade, and sent at least once. What keeps
that harmless: a grade has one row in flight at most (a partial unique index holds it), a newer
value supersedes those that wait, and a score's second, later each time, is kept before it is
sent. So a process that dies between sending and settling sends the same value again, later.
"""

from collections.abc import Callable, Sequence
from datetime import timedelta
from functools import partial
from typing import TYPE_CHECKING, Any

import structlog
from sqlalchemy import Connection, Row, bindparam, func, insert, select, update
from sqlalchemy.exc import DBAPIError, IntegrityError

from mentorai.core.attempts import attempts
from mentorai.core.clock import now
from mentorai.core.database import Instant
from mentorai.core.deliveries import (
    TOGETHER,
    UNTOUCHED,
    Answer,
    Deliveries,
    Errand,
    Leased,
    Ready,
    judge_error,
    read_error,
)
from mentorai.core.destinations import Wanted, find_destination
from mentorai.core.errors import (
    Conflict,
    DatabaseUnavailable,
    MentorAIError,
    NoLineItem,
    NotGradable,
    PersonIsStaff,
)
from mentorai.core.grade_clocks import take_moment
from mentorai.core.grade_rows import grades, read_grade, select_grades
from mentorai.core.identifiers import new_id
from mentorai.core.outbox_rows import (
    Outcome,
    find_brief,
    has_due,
    is_next,
    list_due,
    list_newer,
    settle_rows,
    take_due,
    take_rows,
)
from mentorai.core.outbox_table import is_due, outbox
from mentorai.core.places import resource_links
from mentorai.core.prepared import Prepared, count_changed, execute_each, read_row
from mentorai.core.retries import Decision
from mentorai.core.webhook_events import note_settled_grade

if TYPE_CHECKING:
    from mentorai.core.engine import Engine
    from mentorai.core.grades import Grade

# Longer than a push may take with its token, its column and its retries.
LEASE_SECONDS = 90.0
log = structlog.get_logger(__name__)

# Made once: for a statement that runs with every score, making it costs more than running it.
_MOMENT = bindparam("moment", type_=Instant())
_SUPERSEDE = Prepared(
    update(outbox)
    .where(outbox.c.grade_id == bindparam("grade"), outbox.c.status == "waiting")
    .values(status="superseded", updated_at=_MOMENT)
)
_INSERT = Prepared(
    insert(outbox),
    (
        *("id", "organization_id", "grade_id", "person_id", "resource_link_id", "registration_id"),
        *("quiz_id", "given", "maximum", "comment", "replaces_teacher", "status", "attempts"),
        *("stale_attempts", "due_at", "last_error_code", "last_error_message", "created_at"),
        "updated_at",
    ),
)
_NOTE = Prepared(
    update(grades)
    .where(grades.c.id == bindparam("grade"))
    .values(
        sync_row_id=bindparam("row"),
        sync_status=bindparam("status"),
        sync_attempts=0,
        sync_error_code=bindparam("code"),
        sync_error_message=bindparam("message"),
        sync_sent_at=None,
        sync_next_try_at=bindparam("next_try"),
        sync_result=None,
        updated_at=_MOMENT,
    )
)
_REGISTRATION = Prepared(
    select(resource_links.c.registration_id).where(resource_links.c.id == bindparam("link"))
)
_BY_STAFF = Prepared(select(attempts.c.staff).where(attempts.c.id == bindparam("attempt")))


class Outbox:
    """The scores of one installation that are on their way."""

    def __init__(self, engine: "Engine") -> None:
        self._engine = engine
        self._deliveries = Deliveries(engine)
        self.lease_seconds = LEASE_SECONDS

    def put(
        self, connection: Connection, grade: "Grade", *, replaces_teacher: bool = False
    ) -> str | None:
        """Queue a grade in the transaction that took it; give the row to `wake` after the commit.

        Older values that wait are superseded. A score that can go nowhere is settled at once
        as not_linked, with the reason. A held grade is not queued: None.
        replaces_teacher: it goes over what a teacher put into the gradebook, as a grade does that
        an instructor put right here.
        """
        changed_at, moment = take_moment(connection, grade.mentor_id), now()
        count_changed(connection, _SUPERSEDE, {"grade": grade.id, "moment": moment})
        if grade.release == "held":
            return None
        reason = _find_obstacle(connection, grade)
        row = {
            "id": new_id(),
            "organization_id": grade.organization_id,
            "grade_id": grade.id,
            "person_id": grade.person_id,
            "resource_link_id": grade.resource_link_id,
            "registration_id": _find_registration(connection, grade.resource_link_id),
            "quiz_id": grade.quiz_id,
            "given": grade.given,
            "maximum": grade.maximum,
            "comment": grade.comment,
            "replaces_teacher": replaces_teacher or grade.source == "instructor",
            "status": "not_linked" if reason else "waiting",
            "attempts": 0,
            "stale_attempts": 0,
            "due_at": moment,
            "last_error_code": reason.code if reason else "",
            "last_error_message": reason.message if reason else "",
            "created_at": moment,
            "updated_at": moment,
        }
        execute_each(connection, _INSERT, [row])
        note = {
            "grade": grade.id,
            "row": row["id"],
            "status": row["status"],
            "code": row["last_error_code"],
            "message": row["last_error_message"],
            "next_try": None if reason else moment,
            "moment": changed_at,
        }
        count_changed(connection, _NOTE, note)
        if reason:
            note_settled_grade(connection, grade.organization_id, grade.mentor_id, grade.id)
        return str(row["id"])

    def wake(self, row_id: str) -> None:
        """Hand a row to the workers. Call it after the commit.

        If the queue cannot be reached the worker's next sweep finds the row. One that is due after
        others of its lane is not handed: whoever takes those finds it as well.
        """
        self._engine.database.when_kept(partial(self._wake, row_id))

    def _wake(self, row_id: str) -> None:
        database = self._engine.database
        row = find_brief(database, row_id)
        if row is None:
            return
        if row.status != "waiting":
            self._tell(row.grade_id, row.status)
        elif is_next(database, row_id, row.registration_id):
            self._hand([row_id])

    def due(self, limit: int = 100) -> list[str]:
        """The rows that may be sent now, the one due longest first."""
        query = select(outbox.c.id).where(is_due(now())).order_by(outbox.c.due_at).limit(limit)
        with self._engine.database.read() as connection:
            return list(connection.execute(query).scalars())

    def deliver_due(self, limit: int = 100) -> int:
        """Send what is due, here and now, one after the other; how many were tried."""
        row_ids = self.due(limit)
        for row_id in row_ids:
            self.deliver(row_id)
        return len(row_ids)

    def deliver(self, row_id: str) -> None:
        """Send one row, if it is due and nobody else is at its grade; settle it either way.

        Where a plugin takes scores together, others of its column that are due go with it.
        """
        errands = self._begin([row_id])
        if errands and self._deliveries.may_go_together(errands[0].row):
            errands += self._begin(self._list_companions(errands[0].row))
        if not errands:
            return
        outcomes = self.send(errands)
        self.tell(self.settle(outcomes))
        with self._engine.database.read() as connection:
            newer = list_newer(connection, outcomes)
        for each in newer:
            self.wake(each)

    def has_due(self, lane: str | None) -> bool:
        """Whether a lane, the rows of one registration or of none, has something to send."""
        with self._engine.database.read() as connection:
            return has_due(connection, lane)

    def lease(self, lane: str | None, most: int) -> list[list[Leased]]:
        """Lease what is due in a lane: what is to be sent together is in one list.

        Each list is for `send`, and what that gives is for `settle`.
        """
        if self._deliveries.may_lane_go_together(lane):
            most = max(most, TOGETHER)
        try:
            leased = self._keep(lambda each: take_due(each, lane, most, self.lease_seconds))
        except IntegrityError:
            # Another worker is at one of these grades: the others go by themselves.
            leased = self._lease_each(lane, most)
        return self._deliveries.group(leased)

    def _lease_each(self, lane: str | None, most: int) -> list[Leased]:
        leased = list[Leased]()
        with self._engine.database.read() as connection:
            row_ids = list_due(connection, lane, most)
        try:
            for row_id in row_ids:
                leased += self._begin([row_id])
        except DatabaseUnavailable:
            # Those that are leased go all the same, and would else wait for their leases to end.
            if not leased:
                raise
        return leased

    def send(self, errands: Sequence[Leased]) -> list[Outcome]:
        """Bring scores of one column to their platform; what becomes of their rows."""
        if len(errands) == 1:
            return [self._send_alone(errands[0])]
        batch, people, outcomes = list[Ready](), set[str](), list[Outcome]()
        for errand in errands:
            ready = self._complete(errand)
            if isinstance(ready, Outcome):
                outcomes.append(ready)
            elif ready.row.person_id in people or (
                batch and ready.line_item.url != batch[0].line_item.url
            ):
                outcomes.append(Outcome(ready.row, UNTOUCHED))
            else:
                batch.append(ready)
                people.add(ready.row.person_id)
        return outcomes + self._push(batch)

    def _push(self, batch: Sequence[Ready]) -> list[Outcome]:
        """Push them together, or if that cannot be, the first alone."""
        answers = self._deliveries.push_together(batch) if len(batch) > 1 else None
        if answers is None:
            answers = [self._deliveries.push(ready) for ready in batch[:1]]
        judged = [self._judge(ready, answer) for ready, answer in zip(batch, answers, strict=False)]
        return judged + [Outcome(ready.row, UNTOUCHED) for ready in batch[len(judged) :]]

    def _send_alone(self, errand: Leased) -> Outcome:
        ready = self._complete(errand)
        if isinstance(ready, Outcome):
            return ready
        return self._judge(ready, self._deliveries.push(ready))

    def _judge(self, ready: Ready, answer: Answer) -> Outcome:
        try:
            return self._deliveries.judge(ready, answer)
        except Exception as error:
            return _fail(ready.row, error)

    def _complete(self, errand: Leased) -> Ready | Outcome:
        if isinstance(errand, Outcome):
            return errand
        row = errand.row
        # It waited for its turn so long that its lease might end before its answer comes.
        if row.lease_until - now() < timedelta(seconds=self.lease_seconds / 2):
            return Outcome(row, UNTOUCHED)
        try:
            ready = self._deliveries.complete(errand)
        except Exception as error:
            return _fail(row, error)
        return Outcome(row, ready) if isinstance(ready, Decision) else ready

    def give_back(self, errands: Sequence[Leased]) -> list[Outcome]:
        """What `settle` is to be told of leased rows that were not sent: as if nothing had been."""
        return [e if isinstance(e, Outcome) else Outcome(e.row, UNTOUCHED) for e in errands]

    def put_off(self, errands: Sequence[Leased], error: BaseException) -> list[Outcome]:
        """What `settle` is to be told of leased rows that `send` broke off at: they failed."""
        return [e if isinstance(e, Outcome) else _fail(e.row, error) for e in errands]

    def settle(self, outcomes: Sequence[Outcome]) -> list[tuple[str, str]]:
        """Write down what became of leased rows; those whose way has ended, for `tell`.

        Raises DatabaseUnavailable, and then nothing is written: try again while the leases last.
        """
        try:
            with self._engine.database.write() as connection:
                statuses = settle_rows(connection, outcomes)
        except DatabaseUnavailable:
            raise
        except Exception:
            if len(outcomes) == 1:
                raise
            # One that cannot be settled holds up no other.
            return [each for outcome in outcomes for each in self._settle_alone(outcome)]
        ended = []
        for outcome, status in zip(outcomes, statuses, strict=True):
            row = outcome.row
            if status is None:
                log.warning("score_lease_lost", row=row.id)
                continue
            log.info("score_settled", row=row.id, status=status, code=outcome.decision.code)
            if status != "waiting":
                ended.append((row.grade_id, status))
        return ended

    def _settle_alone(self, outcome: Outcome) -> list[tuple[str, str]]:
        try:
            return self.settle([outcome])
        except Exception:
            # Its lease lapses, and it is found again.
            log.exception("score_not_settled", row=outcome.row.id)
            return []

    def tell(self, ended: Sequence[tuple[str, str]]) -> None:
        """Tell the plugins of grades whose way has ended, and how."""
        for grade_id, status in ended:
            self._tell(grade_id, status)

    def _list_companions(self, row: Row[Any]) -> list[str]:
        """The rows that are due for the same place, the one due longest first."""
        query = select(outbox.c.id).where(
            is_due(now()),
            outbox.c.id != row.id,
            outbox.c.resource_link_id == row.resource_link_id,
            outbox.c.quiz_id.is_not_distinct_from(row.quiz_id),
        )
        with self._engine.database.read() as connection:
            found = connection.execute(query.order_by(outbox.c.due_at).limit(TOGETHER - 1))
            return list(found.scalars())

    def _begin(self, row_ids: Sequence[str]) -> list[Leased]:
        """Lease rows of one platform, those that are due and nobody else is at."""
        try:
            return self._keep(lambda each: take_rows(each, row_ids, self.lease_seconds))
        except IntegrityError:
            return [] if len(row_ids) == 1 else [e for each in row_ids for e in self._begin([each])]

    def _keep(self, take: Callable[[Connection], Sequence[Row[Any]]]) -> list[Leased]:
        """Lease rows and find what they need, or what becomes of those that go nowhere, or not yet.

        That is settled with what the others are answered: a transaction that fails after this one
        would leave all of them leased.
        """
        with self._engine.database.write() as connection:
            rows = take(connection)
            errands, outcomes = self._prepare(connection, rows) if rows else ([], [])
        return [*errands, *outcomes]

    def _prepare(
        self, connection: Connection, rows: Sequence[Row[Any]]
    ) -> tuple[list[Errand], list[Outcome]]:
        try:
            return self._deliveries.prepare(connection, rows)
        except DBAPIError:
            raise
        except Exception as error:
            if len(rows) == 1:
                return [], [_fail(rows[0], error)]
        # One that cannot be made ready holds up no other.
        parts = [self._prepare(connection, [row]) for row in rows]
        return [e for part in parts for e in part[0]], [o for part in parts for o in part[1]]

    def resend(self, grade: "Grade", *, replaces_teacher: bool = False) -> None:
        """Send a grade's present value once more, as if it were new.

        replaces_teacher: also over what a teacher put into the gradebook.
        Raises Conflict for a held one.
        """
        if grade.release == "held":
            raise Conflict("This grade is held; release it first.")
        mine = select_grades().where(grades.c.id == grade.id)
        with self._engine.database.write() as connection:
            # From here on nobody else changes it; it may have been changed since it was read.
            take_moment(connection, grade.mentor_id)
            present = connection.execute(mine).one_or_none()
            row_id = None
            if present is not None:
                grade = read_grade(present)
                row_id = self.put(connection, grade, replaces_teacher=replaces_teacher)
        if row_id:
            self.wake(row_id)

    def waiting(self, organization_id: str | None = None) -> int:
        """How many scores are on their way, of one organization or of all."""
        query = select(func.count()).where(outbox.c.status.in_(("waiting", "leased")))
        if organization_id is not None:
            query = query.where(outbox.c.organization_id == organization_id)
        with self._engine.database.read() as connection:
            return int(connection.execute(query).scalar_one())

    def _hand(self, row_ids: list[str]) -> None:
        from mentorai.core.jobs import Jobs

        self._engine.room(Jobs).hand(row_ids)

    def _tell(self, grade_id: str, status: str) -> None:
        self._engine.plugins.tell("score_settled", grade_id=grade_id, status=status)


def _fail(row: Row[Any], error: BaseException) -> Outcome:
    """A try that failed, whatever was raised."""
    known = read_error(error, row)
    return Outcome(row, judge_error(known, row), known)


def _find_obstacle(connection: Connection, grade: "Grade") -> MentorAIError | None:
    try:
        find_destination(
            connection,
            Wanted(grade.person_id, grade.resource_link_id, grade.quiz_id, grade.maximum),
        )
    except (NoLineItem, NotGradable) as error:
        return error
    attempt = read_row(connection, _BY_STAFF, {"attempt": grade.attempt_id})
    return PersonIsStaff() if attempt is not None and attempt.staff else None


def _find_registration(connection: Connection, resource_link_id: str | None) -> str | None:
    link = read_row(connection, _REGISTRATION, {"link": resource_link_id})
    return None if link is None else link.registration_id
