"""What the launches of one platform leave behind here: counted, and taken away again.

For a platform that was only tried out; what a real one leaves is a course's record and stays.
"""

from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, Select, delete, func, or_, select

from mentorai.core.attempts import attempts
from mentorai.core.course_copies import context_copies
from mentorai.core.database import Database
from mentorai.core.grades import grades
from mentorai.core.people import enrolments, identities, people
from mentorai.core.places import contexts, resource_links
from mentorai.core.roster_rows import roster_members
from mentorai.core.sessions import sessions


@dataclass(frozen=True, slots=True)
class Traces:
    """How many rows there are of each kind."""

    persons: int
    enrolments: int
    links: int
    sessions: int


def count_traces(database: Database, registration_id: str) -> Traces:
    """What the launches of a registration have left; whom its rosters alone tell of is not."""
    persons, links = _persons(registration_id), _links(registration_id)
    launched = select(sessions.c.person_id).where(sessions.c.registration_id == registration_id)
    listed = select(roster_members.c.person_id).where(
        roster_members.c.context_id.in_(_contexts(registration_id))
    )
    counted: dict[str, Select[Any]] = {
        "persons": select(func.count()).where(
            people.c.id.in_(persons), or_(people.c.id.in_(launched), people.c.id.not_in(listed))
        ),
        "enrolments": select(func.count()).where(
            enrolments.c.context_id.in_(_contexts(registration_id))
        ),
        "links": select(func.count()).where(resource_links.c.id.in_(links)),
        "sessions": select(func.count()).where(sessions.c.registration_id == registration_id),
    }
    with database.read() as connection:
        return Traces(
            **{name: connection.execute(query).scalar_one() for name, query in counted.items()}
        )


def is_known(database: Database, registration_id: str, subject: str) -> bool:
    """Whether a platform's person is anybody here."""
    query = select(identities.c.id).where(
        identities.c.authority == f"lti:{registration_id}", identities.c.subject == subject
    )
    with database.read() as connection:
        return connection.execute(query).first() is not None


def remove_traces(database: Database, registration_id: str) -> None:
    """Take away the persons, courses, links, sessions and grades of a registration, all or none.

    Persons who have another identity too are left.
    """
    with database.write() as connection:
        _remove_traces(connection, registration_id)


def _remove_traces(connection: Connection, registration_id: str) -> None:
    found = connection.execute(_persons(registration_id)).scalars()
    persons = sorted(set(found))
    links, courses = _links(registration_id), _contexts(registration_id)
    for table in (attempts, grades):
        connection.execute(
            delete(table).where(
                or_(table.c.resource_link_id.in_(links), table.c.person_id.in_(persons))
            )
        )
    connection.execute(delete(sessions).where(sessions.c.registration_id == registration_id))
    connection.execute(delete(identities).where(identities.c.authority == f"lti:{registration_id}"))
    others = select(identities.c.person_id)
    connection.execute(delete(people).where(people.c.id.in_(persons), people.c.id.not_in(others)))
    connection.execute(delete(resource_links).where(resource_links.c.id.in_(links)))
    connection.execute(delete(contexts).where(contexts.c.id.in_(courses)))
    connection.execute(
        delete(context_copies).where(context_copies.c.registration_id == registration_id)
    )


def _persons(registration_id: str) -> Any:
    # An anonymous person has no identity, and is known by the session alone.
    return (
        select(identities.c.person_id)
        .where(identities.c.authority == f"lti:{registration_id}")
        .union(select(sessions.c.person_id).where(sessions.c.registration_id == registration_id))
    )


def _links(registration_id: str) -> Select[Any]:
    return select(resource_links.c.id).where(resource_links.c.registration_id == registration_id)


def _contexts(registration_id: str) -> Select[Any]:
    return select(contexts.c.id).where(contexts.c.registration_id == registration_id)
