"""Course copies: a place in a copied course is answered by whoever answered in the original.

A platform says what was copied in two ways: a launch's history of its resource link and its
context, and a notice that a course was copied. Either is believed within the registration that
said it and nowhere else. What is taken over is who answers, once, when the place is new: no
conversation, grade or enrolment is ever copied, and a place that has an answer of its own keeps it.
Source: LTI Core 1.3, appendix B (ResourceLink.id.history, Context.id.history); LTI Platform
Notification Service 1.0 (context copy notice).
"""

from collections.abc import Iterable, Sequence
from typing import Any

from sqlalchemy import (
    Column,
    ColumnElement,
    Connection,
    ForeignKey,
    Integer,
    Row,
    Select,
    String,
    Table,
    UniqueConstraint,
    and_,
    delete,
    insert,
    select,
)

from mentorai.core.clock import now
from mentorai.core.database import Database, Instant, metadata
from mentorai.core.identifiers import new_id
from mentorai.core.mentors import placements
from mentorai.core.places import contexts, resource_links
from mentorai.core.values import FormerIds, Launch, MentorRef, ResourceLink

# A course that was copied every term for a decade has as many; a loop ends here too.
ORIGINS = 50

# ordinal: 0 is the nearest origin.
context_copies = Table(
    "context_copies",
    metadata,
    Column("id", String(36), primary_key=True),
    Column("organization_id", ForeignKey("organizations.id"), nullable=False),
    Column("registration_id", String(36), nullable=False),
    Column("lms_context_id", String(255), nullable=False),
    Column("origin_context_id", String(255), nullable=False),
    Column("ordinal", Integer, nullable=False),
    Column("created_at", Instant, nullable=False),
    UniqueConstraint(
        "registration_id", "lms_context_id", "origin_context_id", name="uq_context_copies_pair"
    ),
)

# What IT said of places that an older tool connection knew by other ids.
former_places = Table(
    "former_places",
    metadata,
    Column("id", String(36), primary_key=True),
    Column("organization_id", ForeignKey("organizations.id"), nullable=False),
    Column("authority", String(200), nullable=False),
    Column("lms_resource_link_id", String(255), nullable=False),
    Column("mentor_id", ForeignKey("mentors.id", ondelete="CASCADE"), nullable=False),
    Column("quiz_id", String(36)),
    Column("created_at", Instant, nullable=False),
    UniqueConstraint(
        "organization_id", "authority", "lms_resource_link_id", name="uq_former_places_place"
    ),
)


class CourseCopies:
    """Where courses and places came from, for every registration."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def note(
        self,
        connection: Connection,
        organization_id: str,
        registration_id: str,
        lms_context_id: str,
        origins: Sequence[str],
    ) -> None:
        """Keep what a notice said a context was copied from, nearest first; telling it again
        changes nothing.
        """
        key = {
            "organization_id": organization_id,
            "registration_id": registration_id,
            "lms_context_id": lms_context_id,
        }
        known = set(_read_noted(connection, registration_id, lms_context_id))
        others = [each for each in dict.fromkeys(origins) if each not in known | {lms_context_id}]
        for ordinal, origin in enumerate(others[: ORIGINS - len(known)], start=len(known)):
            connection.execute(
                insert(context_copies).values(
                    id=new_id(),
                    origin_context_id=origin,
                    ordinal=ordinal,
                    created_at=now(),
                    **key,
                )
            )

    def put_former_place(
        self,
        connection: Connection,
        organization_id: str,
        authority: str,
        lms_resource_link_id: str,
        ref: MentorRef,
    ) -> None:
        """Keep who answers in a place that `authority` knew by this id; the newest word counts."""
        key = {
            "organization_id": organization_id,
            "authority": authority,
            "lms_resource_link_id": lms_resource_link_id,
        }
        connection.execute(delete(former_places).where(_equals(former_places, key)))
        connection.execute(
            insert(former_places).values(
                id=new_id(), mentor_id=ref.mentor_id, quiz_id=ref.quiz_id, created_at=now(), **key
            )
        )

    def has_former_place(
        self, organization_id: str, authority: str, lms_resource_link_id: str
    ) -> bool:
        """Whether somebody answers in a place that `authority` knew by this id."""
        key = {
            "organization_id": organization_id,
            "authority": authority,
            "lms_resource_link_id": lms_resource_link_id,
        }
        query = select(former_places.c.id).where(_equals(former_places, key))
        with self._database.read() as connection:
            return connection.execute(query).first() is not None

    def find_inherited(self, launch: Launch) -> MentorRef | None:
        """Who answers in the place that the launch's place was copied or moved from, or None.

        The link's own history first; then what IT said of its older ids; then the courses that
        its course was copied from, where the place of the same title decides.
        """
        link, context = launch.resource_link, launch.context
        if link is None:
            return None
        with self._database.read() as connection:
            found = _find_by_link(connection, launch, launch.link_history)
            if found is None and launch.former is not None:
                found = _find_former(connection, launch, launch.former, link)
            if found is None and context is not None:
                for origin in _find_origins(connection, launch, context.lms_id):
                    found = _find_by_context(connection, launch, origin, link)
                    if found is not None:
                        break
        return found


def _find_by_link(
    connection: Connection, launch: Launch, history: Iterable[str]
) -> MentorRef | None:
    wanted = list(history)[:ORIGINS]
    if not wanted:
        return None
    rows = connection.execute(
        _select_placed(launch)
        .add_columns(resource_links.c.lms_resource_link_id, resource_links.c.deployment_id)
        .where(resource_links.c.lms_resource_link_id.in_(wanted))
    ).all()
    for lms_id in wanted:
        named = [row for row in rows if row.lms_resource_link_id == lms_id]
        # Ids of links are unique within a deployment; another one's counts if it is the only one.
        own = [row for row in named if row.deployment_id == launch.deployment_id]
        found = _only(own or named)
        if found is not None:
            return found
    return None


def _find_former(
    connection: Connection, launch: Launch, former: FormerIds, link: ResourceLink
) -> MentorRef | None:
    key = {
        "organization_id": launch.organization_id,
        "authority": former.authority,
        "lms_resource_link_id": former.resource_link_id or link.lms_id,
    }
    row = connection.execute(select(former_places).where(_equals(former_places, key))).first()
    return MentorRef(row.mentor_id, row.quiz_id) if row else None


def _find_origins(connection: Connection, launch: Launch, lms_context_id: str) -> list[str]:
    """The contexts that this one was copied from, nearest first, each once."""
    found: dict[str, None] = {}
    waiting = [lms_context_id]
    told = {lms_context_id: launch.context_history}
    while waiting and len(found) < ORIGINS:
        present = waiting.pop(0)
        noted = _read_noted(connection, launch.registration_id, present)
        for origin in (*told.get(present, ()), *noted):
            if origin not in found and origin != lms_context_id:
                found[origin] = None
                waiting.append(origin)
    return list(found)[:ORIGINS]


def _find_by_context(
    connection: Connection, launch: Launch, lms_context_id: str, link: ResourceLink
) -> MentorRef | None:
    """Who answers in that course in a place of the same title, or in all of its places."""
    rows = connection.execute(
        _select_placed(launch)
        .add_columns(resource_links.c.title)
        .join(contexts, contexts.c.id == resource_links.c.context_id)
        .where(
            contexts.c.registration_id == launch.registration_id,
            contexts.c.lms_context_id == lms_context_id,
        )
    ).all()
    found = _only([row for row in rows if link.title and row.title == link.title])
    if found is not None:
        return found
    answering = {row.mentor_id for row in rows}
    # Which quiz it was for nobody can tell.
    return MentorRef(answering.pop()) if len(answering) == 1 else None


def _only(rows: Sequence[Row[Any]]) -> MentorRef | None:
    refs = {MentorRef(row.mentor_id, row.quiz_id) for row in rows}
    return refs.pop() if len(refs) == 1 else None


def _select_placed(launch: Launch) -> Select[Any]:
    return (
        select(placements.c.mentor_id, placements.c.quiz_id)
        .join(resource_links, resource_links.c.id == placements.c.resource_link_id)
        .where(
            resource_links.c.organization_id == launch.organization_id,
            resource_links.c.registration_id == launch.registration_id,
        )
    )


def _read_noted(connection: Connection, registration_id: str, lms_context_id: str) -> Sequence[str]:
    query = (
        select(context_copies.c.origin_context_id)
        .where(
            context_copies.c.registration_id == registration_id,
            context_copies.c.lms_context_id == lms_context_id,
        )
        .order_by(context_copies.c.ordinal)
    )
    return connection.execute(query).scalars().all()


def _equals(table: Table, key: dict[str, str]) -> ColumnElement[bool]:
    return and_(*(table.c[name] == value for name, value in key.items()))
