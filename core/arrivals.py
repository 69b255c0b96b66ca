"""Arrivals that bring nothing new: most launches, told by one look at the database."""

from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import Label, Table, and_, bindparam, select

from mentorai.core.database import Database
from mentorai.core.mentors import placements
from mentorai.core.people import Arrival, enrolments, identities, people
from mentorai.core.places import context_facts, contexts, link_facts, resource_links
from mentorai.core.prepared import Prepared
from mentorai.core.values import Launch, MentorRef, Person


@dataclass(frozen=True, slots=True)
class KnownArrival(Arrival):
    """Our rows for a launch. ref: who is placed there."""

    ref: MentorRef = field(kw_only=True)


def find_arrival(database: Database, launch: Launch) -> KnownArrival | None:
    """Our rows for a launch, if all are there and say what it says."""
    context, link = launch.context, launch.resource_link
    if launch.subject is None or context is None or link is None:
        return None
    row = database.run(
        _ARRIVAL,
        {
            "organization_id": launch.organization_id,
            "authority": f"lti:{launch.registration_id}",
            "subject": launch.subject,
            "registration_id": launch.registration_id,
            "deployment_id": launch.deployment_id,
            "lms_context_id": context.lms_id,
            "lms_resource_link_id": link.lms_id,
        },
    )
    if row is None:
        return None
    said = {
        **{f"context_{name}": value for name, value in context_facts(launch, context).items()},
        **{
            f"link_{name}": value
            for name, value in link_facts(launch, link, row.context_id).items()
        },
        # A platform that withholds a name today does not take back the one it gave before.
        "name": launch.name or row.name,
        "email": launch.email or row.email,
        "role": launch.role.value,
    }
    if any(getattr(row, name) != value for name, value in said.items()):
        return None
    person, ref = Person(row.id, row.name, row.email), MentorRef(row.mentor_id, row.quiz_id)
    return KnownArrival(person, row.context_id, row.link_id, ref=ref)


def _label(table: Table, prefix: str) -> list[Label[Any]]:
    return [
        column.label(f"{prefix}_{column.name}")
        for column in table.columns
        if column.name != "created_at"
    ]


_ARRIVAL = Prepared(
    select(people.c.id, people.c.name, people.c.email, enrolments.c.role)
    .add_columns(placements.c.mentor_id, placements.c.quiz_id)
    .add_columns(*_label(contexts, "context"), *_label(resource_links, "link"))
    .select_from(identities)
    .join(people, identities.c.person_id == people.c.id)
    .join(
        contexts,
        and_(
            contexts.c.registration_id == bindparam("registration_id"),
            contexts.c.lms_context_id == bindparam("lms_context_id"),
        ),
    )
    .join(
        resource_links,
        and_(
            resource_links.c.registration_id == bindparam("registration_id"),
            resource_links.c.deployment_id == bindparam("deployment_id"),
            resource_links.c.lms_resource_link_id == bindparam("lms_resource_link_id"),
        ),
    )
    .join(
        enrolments,
        and_(enrolments.c.context_id == contexts.c.id, enrolments.c.person_id == people.c.id),
    )
    .join(placements, placements.c.resource_link_id == resource_links.c.id)
    .where(*(identities.c[n] == bindparam(n) for n in ("organization_id", "authority", "subject")))
)
