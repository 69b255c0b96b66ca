"""Scores on their way to a platform: due, leased, sent, or given up.

A row is written in the transaction that takes the grade, and sent at least once. What keeps
that harmless: a grade has one row in flight at most (a partial unique index holds it), a newer
value supersedes those that wait, and a score's second, later each time, is kept before it is
sent. So a process that dies between sending and settling sends the same value again, later.
"""

from datetime import timedelta
from typing import TYPE_CHECKING, Any

import structlog
from sqlalchemy import Connection, Row, and_, func, insert, select, update
from sqlalchemy.exc import IntegrityError

from mentorai.core.attempts import attempts
from mentorai.core.clock import now
from mentorai.core.destinations import IS_STAFF, Destination, find_destination
from mentorai.core.errors import MentorAIError, NoLineItem, NotGradable, ScoreStale
from mentorai.core.grades import grades
from mentorai.core.identifiers import new_id
from mentorai.core.line_items import LineItems, ScoreClocks
from mentorai.core.outbox_rows import is_due, outbox, postpone_rows, settle_row, take_row
from mentorai.core.people import resource_links
from mentorai.core.retries import Decision, asked_seconds, decide
from mentorai.core.values import Receipt, Score

if TYPE_CHECKING:
    from mentorai.core.engine import Engine
    from mentorai.core.grades import Grade

# Longer than a push may take with its token, its column and its retries.
LEASE_SECONDS = 90.0
# A row handed to the queue is not handed again before this, or a backlog would grow by itself.
HANDED_SECONDS = 15.0
# A new row is handed by `wake`; if its process died before that, the sweep finds it after this.
WAKE_SECONDS = 3.0
COLUMN_WAIT = timedelta(seconds=3)
log = structlog.get_logger(__name__)


class Outbox:
    """The scores of one installation that are on their way."""

    def __init__(self, engine: "Engine") -> None:
        self._engine = engine
        self._line_items = LineItems(engine.database)
        self._clocks = ScoreClocks(engine.database)
        self.lease_seconds = LEASE_SECONDS

    def put(self, connection: Connection, grade: "Grade") -> str:
        """Queue a grade in the transaction that took it; give the row to `wake` after the commit.

        Older values that wait are superseded. A score that can go nowhere is settled at once
        as not_linked, with the reason.
        """
        moment = now()
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
            "status": "not_linked" if reason else "waiting",
            "attempts": 0,
            "stale_attempts": 0,
            "due_at": moment,
            "handed_until": moment + timedelta(seconds=WAKE_SECONDS),
            "last_error_code": reason.code if reason else "",
            "last_error_message": reason.message if reason else "",
            "created_at": moment,
            "updated_at": moment,
        }
        connection.execute(
            update(outbox)
            .where(outbox.c.grade_id == grade.id, outbox.c.status == "waiting")
            .values(status="superseded", updated_at=moment)
        )
        connection.execute(insert(outbox).values(row))
        connection.execute(
            update(grades)
            .where(grades.c.id == grade.id)
            .values(
                sync_row_id=row["id"],
                sync_status=row["status"],
                sync_attempts=0,
                sync_error_code=row["last_error_code"],
                sync_error_message=row["last_error_message"],
                sync_sent_at=None,
                sync_next_try_at=None if reason else moment,
                updated_at=moment,
            )
        )
        return str(row["id"])

    def wake(self, row_id: str | None = None) -> None:
        """Hand a row to the workers, or all that are due. Call it after the commit.

        If the queue cannot be reached the worker's next sweep finds the row.
        """
        if row_id is None:
            self.hand_out()
            return
        with self._engine.database.read() as connection:
            row = connection.execute(select(outbox).where(outbox.c.id == row_id)).one_or_none()
        if row is None:
            return
        if row.status == "waiting":
            self._hand([row_id])
        else:
            self._tell(row.grade_id, row.status)

    def hand_out(self, limit: int = 100) -> int:
        """Hand the due rows that nobody was handed lately to the workers; how many."""
        moment = now()
        unhanded = and_(is_due(moment), outbox.c.handed_until <= moment)
        query = select(outbox.c.id).where(unhanded).order_by(outbox.c.due_at).limit(limit)
        with self._engine.database.read() as connection:
            row_ids = list(connection.execute(query).scalars())
        if not row_ids:
            return 0
        with self._engine.database.write() as connection:
            connection.execute(
                update(outbox)
                .where(outbox.c.id.in_(row_ids))
                .values(handed_until=moment + timedelta(seconds=HANDED_SECONDS))
            )
        self._hand(row_ids)
        return len(row_ids)

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
        """Send one row, if it is due and nobody else is at its grade; settle it either way."""
        try:
            with self._engine.database.write() as connection:
                row = take_row(connection, row_id, self.lease_seconds)
        except IntegrityError:
            return
        if row is None:
            return
        asked = 0.0
        stale = False
        try:
            decision = self._send(row)
        except Exception as error:
            known = error if isinstance(error, MentorAIError) else _Unexpected()
            if known is not error:
                log.exception("score_delivery_failed", row=row.id)
            asked, stale = asked_seconds(known), isinstance(known, ScoreStale)
            decision = decide(
                known,
                attempts=row.attempts,
                stale_attempts=row.stale_attempts,
                first_tried_at=row.first_tried_at,
                moment=now(),
            )
        self._settle(row, decision, asked=asked, stale=stale)

    def resend(self, grade: "Grade") -> None:
        """Send a grade's present value once more, as if it were new."""
        with self._engine.database.write() as connection:
            row_id = self.put(connection, grade)
        self.wake(row_id)

    def waiting(self, organization_id: str | None = None) -> int:
        """How many scores are on their way, of one organization or of all."""
        query = select(func.count()).where(outbox.c.status.in_(("waiting", "leased")))
        if organization_id is not None:
            query = query.where(outbox.c.organization_id == organization_id)
        with self._engine.database.read() as connection:
            return int(connection.execute(query).scalar_one())

    def _send(self, row: Row[Any]) -> Decision:
        try:
            destination = self._find_destination(row)
        except (NoLineItem, NotGradable) as error:
            return Decision("not_linked", None, error.code, error.message)
        line_item = self._line_items.find_or_ask(self._engine, destination.place)
        if line_item is None:
            return Decision("waiting", now() + COLUMN_WAIT, counts=False)
        at = self._clocks.take(line_item, row.person_id)
        if isinstance(at, timedelta):
            return Decision("waiting", now() + at, counts=False)
        score = Score(destination.subject, row.given, row.maximum, at, row.comment)
        try:
            receipt: Receipt | None = self._engine.plugins.ask_first(
                "push_score",
                engine=self._engine,
                platform=destination.place.platform,
                line_item=line_item,
                score=score,
            )
        except NoLineItem as error:
            # The column was deleted: ask for it once more, and then believe it.
            self._line_items.forget(destination.place)
            if row.last_error_code == error.code:
                raise
            return Decision("waiting", now(), error.code, error.message)
        if receipt is None:
            raise NoLineItem("No plugin here serves the gradebook of this LMS.")
        if receipt.received_at.replace(microsecond=0) > at:
            self._clocks.note(line_item, row.person_id, receipt.received_at)
        return Decision("sent", sent_at=receipt.received_at)

    def _find_destination(self, row: Row[Any]) -> Destination:
        with self._engine.database.read() as connection:
            return find_destination(
                connection,
                person_id=row.person_id,
                resource_link_id=row.resource_link_id,
                quiz_id=row.quiz_id,
                maximum=row.maximum,
            )

    def _settle(self, row: Row[Any], decision: Decision, *, asked: float, stale: bool) -> None:
        newer = select(outbox.c.id).where(
            outbox.c.grade_id == row.grade_id,
            outbox.c.status == "waiting",
            outbox.c.id != row.id,
        )
        with self._engine.database.write() as connection:
            status = settle_row(connection, row, decision, stale=stale)
            if asked:
                until = now() + timedelta(seconds=asked)
                postpone_rows(connection, row.registration_id, until)
            newer_id = connection.execute(newer).scalar()
        if status is None:
            log.warning("score_lease_lost", row=row.id)
            return
        log.info("score_settled", row=row.id, status=status, code=decision.code)
        if status != "waiting":
            self._tell(row.grade_id, status)
        if newer_id:
            self.wake(newer_id)

    def _hand(self, row_ids: list[str]) -> None:
        from mentorai.core.jobs import Jobs

        self._engine.room(Jobs).hand(row_ids)

    def _tell(self, grade_id: str, status: str) -> None:
        self._engine.plugins.tell("score_settled", grade_id=grade_id, status=status)


class _Unexpected(MentorAIError):
    """Something unforeseen went wrong here; the log has the details."""

    code = "internal_error"
    retryable = True


def _find_obstacle(connection: Connection, grade: "Grade") -> MentorAIError | None:
    try:
        find_destination(
            connection,
            person_id=grade.person_id,
            resource_link_id=grade.resource_link_id,
            quiz_id=grade.quiz_id,
            maximum=grade.maximum,
        )
    except (NoLineItem, NotGradable) as error:
        return error
    by_staff = select(attempts.c.staff).where(attempts.c.id == grade.attempt_id)
    return NotGradable(IS_STAFF) if connection.execute(by_staff).scalar() else None


def _find_registration(connection: Connection, resource_link_id: str | None) -> str | None:
    query = select(resource_links.c.registration_id).where(resource_links.c.id == resource_link_id)
    registration_id: str | None = connection.execute(query).scalar_one_or_none()
    return registration_id
