"""Webhooks: where a mentor's, or an organization's, events are sent. webhook_sender.py sends them.

The secret is given once, when it is made, and kept sealed.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from sqlalchemy import Connection, Row, delete, func, insert, select, update

from mentorai.core.clock import now
from mentorai.core.errors import Conflict, InputRejected, NotFound
from mentorai.core.identifiers import new_id
from mentorai.core.sealing import Seal
from mentorai.core.webhook_events import EVENTS, TEST, add_delivery
from mentorai.core.webhook_rows import (
    Delivery,
    Webhook,
    of_owner,
    read_delivery,
    read_webhook,
    webhook_deliveries,
    webhooks,
)
from mentorai.core.webhook_signing import make_secret

if TYPE_CHECKING:
    from mentorai.core.engine import Engine

MOST = 20
DESCRIPTION_LENGTH = 200
OVERLAP_HOURS = 24
NOT_RUNNING = "This webhook does not run; start it first."


@dataclass(frozen=True, slots=True)
class IssuedWebhook:
    """A webhook with the one sight of its secret."""

    webhook: Webhook
    secret: str

    def __repr__(self) -> str:
        return f"IssuedWebhook({self.webhook.id})"


class Webhooks:
    """The webhooks of every mentor and organization; each call names whose it means.

    mentor_id None: the organization's own, which are told what happens in all of its mentors.
    """

    def __init__(self, engine: "Engine") -> None:
        self._database = engine.database
        self._audit = engine.audit
        self._seal = Seal(engine.settings)

    def add(
        self,
        organization_id: str,
        mentor_id: str | None,
        *,
        url: str,
        events: Sequence[str],
        description: str = "",
        author: str,
    ) -> IssuedWebhook:
        """Make a webhook. Whether the address may be called is seen anew at each call.

        Raises InputRejected (events, description); Conflict if there are many already.
        """
        moment, secret = now(), make_secret()
        row = {
            "id": new_id(),
            "organization_id": organization_id,
            "mentor_id": mentor_id,
            "url": url,
            "events": _check_events(events),
            "description": _check_description(description),
            "status": "active",
            "sealed_secret": self._seal.close(secret),
            "author": author,
            "last_number": 0,
            "failures": 0,
            "quiet_until": moment,
            "handed_until": moment,
            "stopped_reason": "",
            "created_at": moment,
            "updated_at": moment,
        }
        counted = select(func.count()).where(of_owner(organization_id, mentor_id))
        with self._database.write() as connection:
            if connection.execute(counted).scalar_one() >= MOST:
                raise Conflict(f"There are {MOST} webhooks here already; delete one first.")
            connection.execute(insert(webhooks).values(row))
            made = connection.execute(select(webhooks).where(webhooks.c.id == row["id"])).one()
            self._note(connection, made, "webhook_made", author)
        return IssuedWebhook(read_webhook(made), secret)

    def list(self, organization_id: str, mentor_id: str | None) -> Sequence[Webhook]:
        """Whoever's webhooks, the newest first."""
        query = select(webhooks).where(of_owner(organization_id, mentor_id))
        newest = (webhooks.c.created_at.desc(), webhooks.c.id)
        with self._database.read() as connection:
            return [read_webhook(row) for row in connection.execute(query.order_by(*newest))]

    def count_stopped(self, organization_id: str, mentor_id: str | None) -> int:
        """How many were stopped because they failed for long."""
        query = select(func.count()).where(
            of_owner(organization_id, mentor_id), webhooks.c.status == "stopped"
        )
        with self._database.read() as connection:
            return int(connection.execute(query).scalar_one())

    def get(self, organization_id: str, mentor_id: str | None, webhook_id: str) -> Webhook:
        """One webhook. Raises NotFound."""
        with self._database.read() as connection:
            return read_webhook(_find(connection, organization_id, mentor_id, webhook_id))

    def change(self, seen: Webhook, changes: Mapping[str, Any], *, author: str) -> Webhook:
        """Change url, events, description or status (active, paused); what is left out stays.

        One that is started again begins with what happens from then on; what failed meanwhile
        may be replayed. Raises InputRejected, NotFound.
        """
        values: dict[str, Any] = dict(changes)
        if "events" in values:
            values["events"] = _check_events(values["events"])
        if "description" in values:
            _check_description(values["description"])
        moment = now()
        if values.get("status") == "active":
            values |= {"failures": 0, "failing_since": None, "quiet_until": moment}
            values |= {"stopped_reason": "", "stopped_at": None}
        return self._update(
            seen, values | {"updated_at": moment}, "webhook_changed", author, sorted(changes)
        )

    def rotate(
        self, seen: Webhook, *, author: str, overlap_hours: int = OVERLAP_HOURS
    ) -> IssuedWebhook:
        """Give a webhook a new secret; for a while what is sent is signed with the old one too.

        Raises NotFound.
        """
        moment, secret = now(), make_secret()
        values = {
            "sealed_secret": self._seal.close(secret),
            "sealed_old_secret": webhooks.c.sealed_secret if overlap_hours else None,
            "old_secret_until": moment + timedelta(hours=overlap_hours) if overlap_hours else None,
            "updated_at": moment,
        }
        return IssuedWebhook(self._update(seen, values, "webhook_secret_rotated", author), secret)

    def delete(self, seen: Webhook, *, author: str) -> None:
        """Remove a webhook and its deliveries. Raises NotFound."""
        with self._database.write() as connection:
            row = _find(connection, seen.organization_id, seen.mentor_id, seen.id)
            connection.execute(delete(webhooks).where(webhooks.c.id == seen.id))
            self._note(connection, row, "webhook_deleted", author)

    def read_secrets(self, row: Row[Any], moment: datetime) -> Sequence[str]:
        """The secrets to sign with at a moment: the present one, and the old one for a while."""
        sealed = [row.sealed_secret]
        if row.sealed_old_secret and row.old_secret_until and row.old_secret_until > moment:
            sealed.append(row.sealed_old_secret)
        return [self._seal.open(each) for each in sealed]

    def test(self, webhook: Webhook) -> Delivery:
        """Queue a delivery that says nothing. Raises Conflict if the webhook does not run."""
        data = {"message": "It works."}
        with self._database.write() as connection:
            delivery_id = add_delivery(
                connection, webhook.id, TEST, data, mentor_id=webhook.mentor_id
            )
        if delivery_id is None:
            raise Conflict(NOT_RUNNING)
        return self.get_delivery(webhook, delivery_id)

    def list_deliveries(
        self, webhook: Webhook, *, status: str | None = None, page: int = 1, page_size: int = 50
    ) -> tuple[int, Sequence[Delivery]]:
        """How many deliveries there are, and one page of them, the newest first."""
        wanted = [webhook_deliveries.c.webhook_id == webhook.id]
        if status is not None:
            wanted.append(webhook_deliveries.c.status == status)
        query = select(webhook_deliveries).where(*wanted)
        query = query.order_by(webhook_deliveries.c.number.desc())
        query = query.limit(page_size).offset((page - 1) * page_size)
        with self._database.read() as connection:
            counted = select(func.count()).where(*wanted)
            count = int(connection.execute(counted).scalar_one())
            return count, [read_delivery(row) for row in connection.execute(query)]

    def get_delivery(self, webhook: Webhook, delivery_id: str) -> Delivery:
        """One delivery. Raises NotFound."""
        query = select(webhook_deliveries).where(_is_delivery(webhook, delivery_id))
        with self._database.read() as connection:
            row = connection.execute(query).one_or_none()
        if row is None:
            raise NotFound("There is no such delivery.")
        return read_delivery(row)

    def replay(self, webhook: Webhook, delivery_id: str) -> Delivery:
        """Send a delivery again, as it was, under its own id.

        Raises NotFound; Conflict if the webhook does not run.
        """
        self.get_delivery(webhook, delivery_id)
        moment = now()
        with self._database.write() as connection:
            # Held until the commit: nobody stops it meanwhile.
            running = connection.execute(
                update(webhooks)
                .where(webhooks.c.id == webhook.id, webhooks.c.status == "active")
                .values(quiet_until=moment)
            )
            if running.rowcount == 0:
                raise Conflict(NOT_RUNNING)
            connection.execute(
                update(webhook_deliveries)
                .where(_is_delivery(webhook, delivery_id))
                .values(status="waiting", attempts=0, first_tried_at=None, due_at=moment)
            )
        return self.get_delivery(webhook, delivery_id)

    def _update(
        self,
        seen: Webhook,
        values: Mapping[str, Any],
        action: str,
        author: str,
        changed: Sequence[str] = (),
    ) -> Webhook:
        with self._database.write() as connection:
            _find(connection, seen.organization_id, seen.mentor_id, seen.id)
            connection.execute(update(webhooks).where(webhooks.c.id == seen.id).values(values))
            row = _find(connection, seen.organization_id, seen.mentor_id, seen.id)
            self._note(connection, row, action, author, changed)
        return read_webhook(row)

    def _note(
        self,
        connection: Connection,
        row: Row[Any],
        action: str,
        author: str,
        changed: Sequence[str] = (),
    ) -> None:
        self._audit.write(
            connection,
            organization_id=row.organization_id,
            mentor_id=row.mentor_id,
            actor=author,
            action=action,
            subject=row.id,
            facts={"changed": changed} if changed else {},
        )


def _find(
    connection: Connection, organization_id: str, mentor_id: str | None, webhook_id: str
) -> Row[Any]:
    query = select(webhooks).where(
        of_owner(organization_id, mentor_id), webhooks.c.id == webhook_id
    )
    row = connection.execute(query).one_or_none()
    if row is None:
        raise NotFound("There is no such webhook.")
    return row


def _is_delivery(webhook: Webhook, delivery_id: str) -> Any:
    return (webhook_deliveries.c.webhook_id == webhook.id) & (
        webhook_deliveries.c.id == delivery_id
    )


def _check_events(events: Sequence[str]) -> str:
    unknown = sorted(set(events) - set(EVENTS))
    if unknown or not events:
        names = ", ".join(EVENTS)
        raise InputRejected({"events": [f"One or more of these, please: {names}."]})
    return " ".join(event for event in EVENTS if event in events)


def _check_description(description: str) -> str:
    if len(description) > DESCRIPTION_LENGTH or not (description or "x").isprintable():
        sentence = f"At most {DESCRIPTION_LENGTH} printable characters, please."
        raise InputRejected({"description": [sentence]})
    return description
