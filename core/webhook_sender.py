"""How deliveries leave: leased webhook by webhook, tried, tried again, given up.

A webhook is leased by one worker at a time, which sends what is due, the oldest first. Each event's
first try is therefore in the order of the events; one that the receiver refuses is tried again
later, after younger ones, while a receiver that cannot be reached is left alone as a whole. A
process that dies while it sends leaves the delivery waiting: it is sent once more, under the same
id, as soon as that is seen, or else after the lease.
"""

import time
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from typing import TYPE_CHECKING, Any

import structlog
from sqlalchemy import Row, Update, and_, or_, select, update

from mentorai.core.clock import now
from mentorai.core.errors import (
    DatabaseUnavailable,
    MentorAIError,
    PlatformThrottled,
    PlatformUnavailable,
)
from mentorai.core.lease_holders import issue_lease
from mentorai.core.orphans import Hold, free_orphans
from mentorai.core.passing_failures import keep_trying
from mentorai.core.retries import GIVE_UP_AFTER, asked_seconds, backoff_seconds
from mentorai.core.row_locks import delete_old, hold_rows
from mentorai.core.webhook_rows import webhook_deliveries, webhooks
from mentorai.core.webhook_signing import sign_delivery

if TYPE_CHECKING:
    from mentorai.core.engine import Engine

# Longer than one call may take.
LEASE_SECONDS = 60.0
HANDED_SECONDS = 15.0
# A worker's thread goes on to something else after this.
TURN_SECONDS = 30.0
# A webhook that failed for so long, and so often, without a success is stopped.
STOP_AFTER = timedelta(days=3)
STOP_FAILURES = 10
KEPT = timedelta(days=30)
GONE = 410
SENDING = Hold(webhooks.c.lease, webhooks.c.lease_until)
log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of one try. is_away: the receiver as a whole is to be left alone for a while."""

    status: int | None
    code: str = ""
    message: str = ""
    is_away: bool = False
    asked_seconds: float = 0.0

    @property
    def is_taken(self) -> bool:
        """Whether the receiver took it."""
        return self.status is not None and 200 <= self.status < 300


class WebhookSender:
    """How one process sends deliveries. Made once: `engine.room(WebhookSender)`."""

    def __init__(self, engine: "Engine") -> None:
        self._engine = engine
        self._database = engine.database
        self.lease_seconds = LEASE_SECONDS

    def hand_out(self, limit: int = 50) -> int:
        """Hand the webhooks that have something due to the workers; how many."""
        from mentorai.core.jobs import Jobs

        free_orphans(self._database, SENDING)
        moment = now()
        query = (
            select(webhooks.c.id)
            .join(webhook_deliveries, webhook_deliveries.c.webhook_id == webhooks.c.id)
            .where(
                webhook_deliveries.c.status == "waiting",
                webhook_deliveries.c.due_at <= moment,
                webhooks.c.handed_until <= moment,
                _may_send(moment),
            )
            .distinct()
            .limit(limit)
        )
        with self._database.read() as connection:
            found = list(connection.execute(query).scalars())
        if not found:
            return 0
        mine = webhooks.c.id.in_(found)
        with self._database.write() as connection:
            hold_rows(connection, webhooks, mine)
            connection.execute(
                update(webhooks)
                .where(mine)
                .values(handed_until=moment + timedelta(seconds=HANDED_SECONDS))
            )
        self._engine.room(Jobs).hand_webhooks(found)
        return len(found)

    def send_due(self, webhook_id: str) -> int:
        """Send what is due of one webhook, unless another worker is at it; how many were tried."""
        lease = self._take(webhook_id)
        if lease is None:
            return 0
        tried = 0
        # Whatever else is raised, the lease lapses: nothing is sent over and over at once.
        with suppress(DatabaseUnavailable):
            tried = self._send(webhook_id, lease)
        keep_trying(partial(self._let_go, lease))
        return tried

    def _send(self, webhook_id: str, lease: str) -> int:
        tried, until = 0, time.monotonic() + TURN_SECONDS
        while time.monotonic() < until:
            found = self._next(webhook_id, lease)
            if found is None:
                break
            tried += 1
            webhook, delivery = found
            outcome = self._push(webhook, delivery)
            # The receiver would get it once more.
            if not keep_trying(partial(self._settle, webhook, delivery, outcome)):
                break
        return tried

    def _let_go(self, lease: str) -> None:
        free = {"lease": None, "lease_until": None, "handed_until": now()}
        with self._database.write() as connection:
            connection.execute(update(webhooks).where(webhooks.c.lease == lease).values(free))

    def forget_old(self) -> None:
        """Delete deliveries that are settled and older than 30 days."""
        with self._database.write() as connection:
            is_old = webhook_deliveries.c.created_at < now() - KEPT
            is_settled = webhook_deliveries.c.status != "waiting"
            delete_old(connection, webhook_deliveries, is_old, is_settled)

    def _take(self, webhook_id: str) -> str | None:
        moment, lease = now(), issue_lease()
        with self._database.write() as connection:
            taken = connection.execute(
                update(webhooks)
                .where(webhooks.c.id == webhook_id, _may_send(moment))
                .values(lease=lease, lease_until=moment + timedelta(seconds=self.lease_seconds))
            )
        return lease if taken.rowcount else None

    def _next(self, webhook_id: str, lease: str) -> tuple[Row[Any], Row[Any]] | None:
        """The oldest delivery that is due, with its webhook, counted as tried."""
        moment = now()
        due = (
            select(webhook_deliveries)
            .where(
                webhook_deliveries.c.webhook_id == webhook_id,
                webhook_deliveries.c.status == "waiting",
                webhook_deliveries.c.due_at <= moment,
            )
            .order_by(webhook_deliveries.c.number)
            .limit(1)
        )
        with self._database.write() as connection:
            renewed = connection.execute(
                update(webhooks)
                .where(
                    webhooks.c.id == webhook_id,
                    webhooks.c.lease == lease,
                    webhooks.c.status == "active",
                    webhooks.c.quiet_until <= moment,
                )
                .values(lease_until=moment + timedelta(seconds=self.lease_seconds))
            )
            delivery = connection.execute(due).one_or_none() if renewed.rowcount else None
            if delivery is None:
                return None
            connection.execute(
                update(webhook_deliveries)
                .where(webhook_deliveries.c.id == delivery.id)
                .values(
                    attempts=delivery.attempts + 1,
                    first_tried_at=delivery.first_tried_at or moment,
                )
            )
            mine = select(webhooks).where(webhooks.c.id == webhook_id)
            webhook = connection.execute(mine).one()
            tried = webhook_deliveries.c.id == delivery.id
            return webhook, connection.execute(select(webhook_deliveries).where(tried)).one()

    def _push(self, webhook: Row[Any], delivery: Row[Any]) -> Outcome:
        body, moment = delivery.body.encode(), now()
        try:
            texts = self._engine.webhooks.read_secrets(webhook, moment)
            status: int | None = self._engine.plugins.ask_first(
                "push_event",
                engine=self._engine,
                url=webhook.url,
                headers=sign_delivery(delivery.id, body, moment, texts),
                body=body,
            )
        except MentorAIError as error:
            is_away = isinstance(error, (PlatformUnavailable, PlatformThrottled))
            return Outcome(None, error.code, error.message, is_away, asked_seconds(error))
        if status is None:
            return Outcome(None, "plugin_missing", "No plugin here sends events.", is_away=True)
        if 200 <= status < 300:
            return Outcome(status)
        return Outcome(status, "answer_refused", f"The receiver answered {status}.")

    def _settle(self, webhook: Row[Any], delivery: Row[Any], outcome: Outcome) -> bool:
        """Write down what came of a try; whether the lease is still ours."""
        with self._database.write() as connection:
            # Not before: the clock may be set while others write.
            moment = now()
            stopped_reason = _find_stop(webhook, outcome, moment)
            changes = _judge_webhook(webhook, delivery, outcome, moment)
            if stopped_reason:
                changes |= {
                    "status": "stopped",
                    "stopped_reason": stopped_reason,
                    "stopped_at": moment,
                }
            held = connection.execute(
                update(webhooks)
                .where(webhooks.c.id == webhook.id, webhooks.c.lease == webhook.lease)
                .values(changes)
            )
            if held.rowcount == 0:
                log.warning("webhook_lease_lost", webhook=webhook.id)
                return False
            connection.execute(
                update(webhook_deliveries)
                .where(webhook_deliveries.c.id == delivery.id)
                .values(_judge_delivery(delivery, outcome, moment))
            )
            if stopped_reason:
                connection.execute(_fail_waiting(webhook.id))
        log.info(
            "webhook_tried",
            webhook=webhook.id,
            delivery=delivery.id,
            status=outcome.status,
            code=outcome.code,
        )
        if stopped_reason:
            log.warning("webhook_stopped", webhook=webhook.id)
        return not stopped_reason


def _fail_waiting(webhook_id: str) -> Update:
    """Nothing that waits for a webhook is sent once it was stopped."""
    return (
        update(webhook_deliveries)
        .where(
            webhook_deliveries.c.webhook_id == webhook_id,
            webhook_deliveries.c.status == "waiting",
        )
        .values(
            status="failed",
            error_code="webhook_stopped",
            error_message="The webhook was stopped before this was taken.",
        )
    )


def _may_send(moment: datetime) -> Any:
    """The condition that a webhook runs, is not left alone, and nobody is at it."""
    return and_(
        webhooks.c.status == "active",
        webhooks.c.quiet_until <= moment,
        or_(webhooks.c.lease_until.is_(None), webhooks.c.lease_until <= moment),
    )


def _judge_delivery(delivery: Row[Any], outcome: Outcome, moment: datetime) -> dict[str, Any]:
    told = {
        "answer_status": outcome.status,
        "error_code": outcome.code,
        "error_message": outcome.message,
    }
    if outcome.is_taken:
        return told | {"status": "sent", "sent_at": moment}
    if moment - delivery.first_tried_at >= GIVE_UP_AFTER:
        return told | {"status": "failed"}
    wait = max(backoff_seconds(delivery.attempts), outcome.asked_seconds)
    return told | {"due_at": moment + timedelta(seconds=wait)}


def _judge_webhook(
    webhook: Row[Any], delivery: Row[Any], outcome: Outcome, moment: datetime
) -> dict[str, Any]:
    if outcome.is_taken:
        return {"failures": 0, "failing_since": None}
    # As the delivery counts its days, so that both end with the same try.
    began_at = delivery.first_tried_at if delivery.attempts == 1 else moment
    changes: dict[str, Any] = {
        "failures": webhook.failures + 1,
        "failing_since": webhook.failing_since or began_at,
    }
    if outcome.is_away:
        wait = max(backoff_seconds(delivery.attempts), outcome.asked_seconds)
        changes["quiet_until"] = moment + timedelta(seconds=wait)
    return changes


def _find_stop(webhook: Row[Any], outcome: Outcome, moment: datetime) -> str:
    """Why a webhook is to be stopped after this try, or an empty text."""
    if outcome.status == GONE:
        return "The receiver answered 410: it is gone for good."
    if outcome.is_taken or webhook.failing_since is None:
        return ""
    is_long = moment - webhook.failing_since >= STOP_AFTER
    if is_long and webhook.failures + 1 >= STOP_FAILURES:
        return f"Nothing was taken for {STOP_AFTER.days} days. {outcome.message}"
    return ""
