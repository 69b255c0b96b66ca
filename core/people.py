"""Persons, the identities that are theirs, and what they are in a context.

A person is found by identity (authority, subject) alone, never by name or e-mail: for a launch
the authority is the registration, for campus sign-on the provider.
"""

from dataclasses import dataclass
from typing import Any

from sqlalchemy import (
    Column,
    Connection,
    ForeignKey,
    String,
    Table,
    Text,
    UniqueConstraint,
    and_,
    bindparam,
    insert,
    select,
    update,
)

from mentorai.core.clock import now
from mentorai.core.database import Database, Instant, metadata
from mentorai.core.errors import NotFound
from mentorai.core.identifiers import is_id, new_id
from mentorai.core.line_items import rename_column
from mentorai.core.places import make_finder, put_context, put_resource_link
from mentorai.core.values import FormerIds, Launch, Person

people = Table(
    "people",
    metadata,
    Column("id", String(36), primary_key=True),
    Column("organization_id", ForeignKey("organizations.id"), nullable=False, index=True),
    Column("name", Text),
    Column("email", Text),
    Column("created_at", Instant, nullable=False),
)

identities = Table(
    "identities",
    metadata,
    Column("id", String(36), primary_key=True),
    Column("organization_id", ForeignKey("organizations.id"), nullable=False),
    Column("person_id", ForeignKey("people.id", ondelete="CASCADE"), nullable=False, index=True),
    Column("authority", String(200), nullable=False),
    Column("subject", String(255), nullable=False),
    UniqueConstraint("organization_id", "authority", "subject"),
)

enrolments = Table(
    "enrolments",
    metadata,
    Column("id", String(36), primary_key=True),
    Column("organization_id", ForeignKey("organizations.id"), nullable=False),
    Column("context_id", ForeignKey("contexts.id", ondelete="CASCADE"), nullable=False),
    Column("person_id", ForeignKey("people.id", ondelete="CASCADE"), nullable=False, index=True),
    Column("role", String(16), nullable=False),
    Column("updated_at", Instant, nullable=False),
    UniqueConstraint("context_id", "person_id"),
)


@dataclass(frozen=True, slots=True)
class Arrival:
    """Our rows for who came and from where.

    is_graded_now: the place was known, and has a gradebook that it did not have.
    """

    person: Person
    context_id: str | None
    resource_link_id: str | None
    is_graded_now: bool = False

    @property
    def session_facts(self) -> dict[str, Any]:
        """What a session keeps of it."""
        return {
            "person_id": self.person.id,
            "context_id": self.context_id,
            "resource_link_id": self.resource_link_id,
        }


class People:
    """Who is known here, and from which courses."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def put_arrival(self, connection: Connection, launch: Launch) -> Arrival:
        """Keep the person, context, resource link and role of a launch; rows change only if
        the facts did. An anonymous launch gets a person of its own.
        """
        person = self._put_person(connection, launch)
        context_id = put_context(connection, launch)
        link = put_resource_link(connection, launch, context_id)
        if link.id and link.column_url and link.former_url:
            rename_column(connection, link.id, link.former_url, link.column_url)
        if context_id:
            _put_enrolment(connection, launch, context_id, person.id)
        return Arrival(person, context_id, link.id, link.is_graded_now)

    def put_visitor(self, connection: Connection, launch: Launch, context_id: str) -> Person:
        """Keep who came, and their role in a context of ours; place and course stay as they are."""
        person = self._put_person(connection, launch)
        _put_enrolment(connection, launch, context_id, person.id)
        return person

    def find_identity(
        self, connection: Connection, organization_id: str, authority: str, subject: str
    ) -> Person | None:
        """Whose identity this is, or None."""
        key = {"organization_id": organization_id, "authority": authority, "subject": subject}
        row = connection.execute(_FIND_PERSON, key).one_or_none()
        return Person(row.id, row.name, row.email) if row else None

    def put_identity(
        self,
        connection: Connection,
        organization_id: str,
        authority: str,
        subject: str,
        person_id: str,
    ) -> None:
        """Say whose identity this is from now on; nothing else that the person has moves.

        Raises NotFound for a person of another organization.
        """
        mine = select(people.c.id).where(
            people.c.organization_id == organization_id, people.c.id == person_id
        )
        if not is_id(person_id) or connection.execute(mine).first() is None:
            raise NotFound("There is no such person.")
        key = {"organization_id": organization_id, "authority": authority, "subject": subject}
        same = and_(*(identities.c[name] == value for name, value in key.items()))
        moved = connection.execute(update(identities).where(same).values(person_id=person_id))
        if not moved.rowcount:
            connection.execute(insert(identities).values(id=new_id(), person_id=person_id, **key))

    def find_member(self, context_id: str, person_id: str) -> Person | None:
        """The person, if they are or were in this context."""
        query = (
            select(people)
            .join(enrolments, enrolments.c.person_id == people.c.id)
            .where(enrolments.c.context_id == context_id, people.c.id == person_id)
        )
        if not is_id(person_id):
            return None
        with self._database.read() as connection:
            row = connection.execute(query).one_or_none()
        return Person(row.id, row.name, row.email) if row else None

    def find(self, organization_id: str, person_id: str) -> Person | None:
        """The person, or None."""
        query = select(people).where(
            people.c.organization_id == organization_id, people.c.id == person_id
        )
        with self._database.read() as connection:
            row = connection.execute(query).one_or_none()
        return Person(row.id, row.name, row.email) if row else None

    def put_known(
        self,
        connection: Connection,
        organization_id: str,
        authority: str,
        subject: str,
        name: str | None,
        email: str | None,
    ) -> Person:
        """Whose identity this is, with what is said of them now; a new person if nobody's."""
        person = self.find_identity(connection, organization_id, authority, subject)
        if person is not None:
            return _mend_person(connection, organization_id, person, name, email)
        return _add_person(connection, organization_id, (authority, subject), name, email)

    def _put_person(self, connection: Connection, launch: Launch) -> Person:
        organization_id, subject = launch.organization_id, launch.subject
        if not subject:
            return _add_person(connection, organization_id, None, launch.name, launch.email)
        authority = f"lti:{launch.registration_id}"
        if launch.former is not None:
            self._take_over(connection, launch, launch.former, authority)
        return self.put_known(
            connection, organization_id, authority, subject, launch.name, launch.email
        )

    def _take_over(
        self, connection: Connection, launch: Launch, former: FormerIds, authority: str
    ) -> None:
        """Have whom we know by what they were called before be known by both names, if nobody
        is known by the new one.
        """
        before, subject = former.subject, launch.subject
        if before is None or subject is None:
            return
        organization_id = launch.organization_id
        if self.find_identity(connection, organization_id, authority, subject) is not None:
            return
        person = self.find_identity(connection, organization_id, former.authority, before)
        if person is not None:
            self.put_identity(connection, organization_id, authority, subject, person.id)


_FIND_PERSON = (
    select(people)
    .join(identities, identities.c.person_id == people.c.id)
    .where(*(identities.c[n] == bindparam(n) for n in ("organization_id", "authority", "subject")))
)

_FIND_ENROLMENT = make_finder(enrolments, "context_id", "person_id")


def _mend_person(
    connection: Connection,
    organization_id: str,
    person: Person,
    name: str | None,
    email: str | None,
) -> Person:
    # Who withholds a name today does not take back the one that was given before.
    mended = Person(person.id, name or person.name, email or person.email)
    if mended != person:
        connection.execute(
            update(people)
            .where(people.c.organization_id == organization_id, people.c.id == person.id)
            .values(name=mended.name, email=mended.email)
        )
    return mended


def _add_person(
    connection: Connection,
    organization_id: str,
    identity: tuple[str, str] | None,
    name: str | None,
    email: str | None,
) -> Person:
    """A new person. identity: authority and subject; None for an anonymous one."""
    person = Person(new_id(), name, email)
    connection.execute(
        insert(people).values(
            id=person.id,
            organization_id=organization_id,
            name=name,
            email=email,
            created_at=now(),
        )
    )
    if identity is not None:
        authority, subject = identity
        connection.execute(
            insert(identities).values(
                id=new_id(),
                organization_id=organization_id,
                person_id=person.id,
                authority=authority,
                subject=subject,
            )
        )
    return person


def _put_enrolment(connection: Connection, launch: Launch, context_id: str, person_id: str) -> None:
    key = {"context_id": context_id, "person_id": person_id}
    row = connection.execute(_FIND_ENROLMENT, key).one_or_none()
    if row is None:
        values = {"id": new_id(), "organization_id": launch.organization_id}
        connection.execute(
            insert(enrolments).values(**key, **values, role=launch.role.value, updated_at=now())
        )
    elif row.role != launch.role.value:
        connection.execute(
            update(enrolments)
            .where(enrolments.c.id == row.id)
            .values(role=launch.role.value, updated_at=now())
        )
