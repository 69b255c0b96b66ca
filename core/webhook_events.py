"""What webhooks are told: an event is kept in the transaction that it tells of.

So an event is there exactly when what it tells of is, whatever dies afterwards.
"""

import json
from collections.abc import Collection, Mapping, Sequence
from types import MappingProxyType
from typing import Any

from sqlalchemy import Connection, String, bindparam, insert, select, update

from mentorai.core.clock import now
from mentorai.core.grade_rows import Grade, grades, read_grade, select_grades
from mentorai.core.identifiers import new_id
from mentorai.core.mentors import placements
from mentorai.core.places import resource_links
from mentorai.core.prepared import Prepared, read_rows
from mentorai.core.row_locks import hold_rows
from mentorai.core.webhook_rows import hears, webhook_deliveries, webhooks

GRADE_SETTLED = "grade.settled"
DATASET_TRAINED = "dataset.trained"
KEY_EXPIRING = "key.expiring"
LAUNCH_REFUSED = "launch.refused"
TEST = "webhook.test"

EVENTS: Mapping[str, str] = MappingProxyType(
    {
        GRADE_SETTLED: "A grade reached the gradebook, or finally did not",
        DATASET_TRAINED: "A document was taken into the course material",
        KEY_EXPIRING: "An API key ends in 14, 7 or 1 days",
        LAUNCH_REFUSED: "An LMS's launch was refused",
    }
)
"""The events that a webhook may ask for, each in plain words."""


def note_event(
    connection: Connection,
    event: str,
    data: Mapping[str, Any],
    *,
    organization_id: str,
    mentor_id: str | None,
    once: str | None = None,
) -> None:
    """Keep an event for every webhook that asked for it. Let it be the transaction's last act:
    a webhook is held until the commit, so that its deliveries are numbered in the order of commits.

    data: what the receiver is told; never a secret or a name of a person.
    mentor_id: None: only the organization's own webhooks are told.
    once: names the event where the same one may be noted again; the second time it is not kept.
    """
    for webhook_id in _list_listeners(connection, event, organization_id, mentor_id):
        add_delivery(connection, webhook_id, event, data, mentor_id=mentor_id, once=once)


def hold_listeners(connection: Connection, event: str, owners: Collection[tuple[str, str]]) -> None:
    """Hold the webhooks that hear of an event of several mentors, before the first of them is
    noted: one of the organization's hears of each, and there is no order that fits them all.

    owners: the organization and the mentor of each.
    """
    if len(owners) < 2 or connection.dialect.name == "sqlite":
        return
    found = {each for owner in owners for each in _list_listeners(connection, event, *owner)}
    if found:
        hold_rows(connection, webhooks, webhooks.c.id.in_(found))


def note_settled_grade(
    connection: Connection, organization_id: str, mentor_id: str, grade_id: str
) -> None:
    """Keep the event that a grade's way to the gradebook has ended."""
    note_settled_grades(connection, organization_id, mentor_id, [grade_id])


def note_settled_grades(
    connection: Connection, organization_id: str, mentor_id: str, grade_ids: Sequence[str]
) -> None:
    """The same for several grades of one mentor."""
    if not _list_listeners(connection, GRADE_SETTLED, organization_id, mentor_id):
        return
    mine = {"organization_id": organization_id, "mentor_id": mentor_id}
    for row in connection.execute(select_grades().where(grades.c.id.in_(grade_ids))).all():
        note_event(connection, GRADE_SETTLED, _describe(read_grade(row)), **mine)


def note_refused_launch(
    connection: Connection, refused: Mapping[str, Any], lms_resource_link_id: str | None
) -> None:
    """Keep the event that a login or launch was refused, from an entry of the launch log.

    lms_resource_link_id: where it was to lead, if the platform surely said so: the webhooks of
    the mentor that was placed there are told too. Of what anybody may have sent, one a minute is
    told for each registration and code.
    """
    organization_id, registration_id = refused["organization_id"], refused["registration_id"]
    data = {
        "code": refused["outcome"],
        "reference": refused["reference"],
        "registration": registration_id,
        "deployment_id": refused["deployment_id"] or None,
    }
    once = None
    if not refused["is_verified"]:
        once = f"{refused['outcome'][:30]}:{registration_id or '-'}:{refused['at']:%Y%m%d%H%M}"
    mentor_id: str | None = None
    if refused["is_verified"] and lms_resource_link_id:
        placed = (
            select(placements.c.mentor_id)
            .join(resource_links, resource_links.c.id == placements.c.resource_link_id)
            .where(
                resource_links.c.registration_id == registration_id,
                resource_links.c.deployment_id == refused["deployment_id"],
                resource_links.c.lms_resource_link_id == lms_resource_link_id,
            )
        )
        mentor_id = connection.execute(placed).scalar()
    note_event(
        connection,
        LAUNCH_REFUSED,
        data,
        organization_id=organization_id,
        mentor_id=mentor_id,
        once=once,
    )


def add_delivery(
    connection: Connection,
    webhook_id: str,
    event: str,
    data: Mapping[str, Any],
    *,
    mentor_id: str | None,
    once: str | None = None,
) -> str | None:
    """Queue an event for one webhook; its delivery's id. None if it does not run, or had it."""
    mine = webhooks.c.id == webhook_id
    last = connection.execute(
        select(webhooks.c.last_number).where(mine, webhooks.c.status == "active").with_for_update()
    ).scalar_one_or_none()
    if last is None or (once is not None and _had(connection, webhook_id, once)):
        return None
    number = last + 1
    connection.execute(update(webhooks).where(mine).values(last_number=number))
    delivery_id, moment = new_id(), now()
    told = {
        "id": delivery_id,
        "type": event,
        "timestamp": moment.isoformat(timespec="milliseconds").replace("+00:00", "Z"),
        "number": number,
        "mentor": mentor_id,
        "data": dict(data),
    }
    connection.execute(
        insert(webhook_deliveries).values(
            id=delivery_id,
            webhook_id=webhook_id,
            number=number,
            event=event,
            once=once,
            body=json.dumps(told, ensure_ascii=False, separators=(",", ":")),
            status="waiting",
            attempts=0,
            due_at=moment,
            error_code="",
            error_message="",
            created_at=moment,
        )
    )
    return delivery_id


def _had(connection: Connection, webhook_id: str, once: str) -> bool:
    query = select(webhook_deliveries.c.id).where(
        webhook_deliveries.c.webhook_id == webhook_id, webhook_deliveries.c.once == once
    )
    return connection.execute(query).first() is not None


# Made once: making a statement costs more than running it. Of a mentor that is NULL it finds the
# organization's own.
_LISTENERS = Prepared(
    select(webhooks.c.id, webhooks.c.events)
    .where(
        hears(bindparam("organization"), bindparam("mentor", type_=String)),
        webhooks.c.status == "active",
    )
    # Always in one order, so that two transactions never wait for each other.
    .order_by(webhooks.c.id)
)


def _list_listeners(
    connection: Connection, event: str, organization_id: str, mentor_id: str | None
) -> Sequence[str]:
    facts = {"organization": organization_id, "mentor": mentor_id}
    found = read_rows(connection, _LISTENERS, facts)
    return [row.id for row in found if event in row.events.split()]


def _describe(grade: Grade) -> Mapping[str, Any]:
    return {
        "grade": grade.id,
        "user": {"id": grade.person_id, "lms_user_id": grade.lms_user_id},
        "context_id": grade.context_id,
        "resource_link_id": grade.resource_link_id,
        "quiz": grade.quiz_id,
        "score_given": grade.given,
        "score_maximum": grade.maximum,
        "source": grade.source,
        "sync_status": grade.sync.status,
        "error_code": grade.sync.last_error_code or None,
    }
