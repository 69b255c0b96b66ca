"""The rows of rosters: what a read found is put down a batch at a time; rosters.py has the doors.

Each function works in its caller's transaction.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import (
    Column,
    Connection,
    Float,
    ForeignKey,
    Integer,
    String,
    Table,
    Text,
    insert,
    select,
    update,
)

from mentorai.core.clock import now
from mentorai.core.database import Instant, metadata
from mentorai.core.identifiers import new_id
from mentorai.core.people import identities, people
from mentorai.core.roster_parts import GROUPS, SECTIONS, keep_who_is_in
from mentorai.core.values import Member

ACTIVE, INACTIVE, LEFT = "active", "inactive", "left"
# Complete reads in which somebody must be missing before they count as gone.
MISSES = 2

# reading, reading_until: the read that is under way. due_at: NULL when none is to come by itself.
rosters = Table(
    "rosters",
    metadata,
    Column("context_id", ForeignKey("contexts.id", ondelete="CASCADE"), primary_key=True),
    Column("organization_id", ForeignKey("organizations.id"), nullable=False),
    Column("wanted_at", Instant, nullable=False),
    Column("due_at", Instant, index=True),
    Column("interval_seconds", Float, nullable=False),
    Column("reading", String(36)),
    Column("reading_until", Instant),
    Column("complete_at", Instant),
    Column("read_at", Instant),
    Column("failures", Integer, nullable=False),
    Column("error_code", String(64), nullable=False),
    Column("error_message", Text, nullable=False),
    Column("differences_url", Text),
)

# misses: complete reads in a row without this person. reading: the read that saw them last.
# seen_at, left_at: of the transaction that said so, which held the organization: they grow in the
# order of the commits.
roster_members = Table(
    "roster_members",
    metadata,
    Column("context_id", ForeignKey("contexts.id", ondelete="CASCADE"), primary_key=True),
    Column("person_id", ForeignKey("people.id", ondelete="CASCADE"), primary_key=True, index=True),
    Column("organization_id", ForeignKey("organizations.id"), nullable=False),
    Column("role", String(16), nullable=False),
    Column("status", String(16), nullable=False),
    Column("misses", Integer, nullable=False),
    Column("reading", String(36), nullable=False),
    Column("seen_at", Instant, nullable=False),
    Column("left_at", Instant),
)


@dataclass(frozen=True, slots=True)
class Reading:
    """One read of one roster: its id, what it reads, and when it began."""

    id: str
    organization_id: str
    context_id: str
    registration_id: str
    began_at: datetime

    @property
    def authority(self) -> str:
        """Whose subjects the roster names."""
        return f"lti:{self.registration_id}"


def keep_members(connection: Connection, reading: Reading, members: Sequence[Member]) -> int:
    """Put down a batch of members, with persons and identities made where they are new.

    How many of them say something new. Raises IntegrityError when a launch makes one of the same
    persons at this moment: then the batch is to be put down again.
    """
    by_subject = {member.subject: member for member in members}
    person_ids = _put_people(connection, reading, by_subject)
    by_person = {person_ids[subject]: member for subject, member in by_subject.items()}
    mine = roster_members.c.context_id == reading.context_id
    query = select(roster_members).where(mine, roster_members.c.person_id.in_(by_person))
    rows = {row.person_id: row for row in connection.execute(query)}
    seen = _seen(reading)
    new, unchanged = [], []
    changed = 0
    for person_id, member in by_person.items():
        facts = {"role": member.role.value, "status": _status(member)}
        row = rows.get(person_id)
        if row is None:
            new.append({"person_id": person_id, **facts})
        elif (row.role, row.status) == (facts["role"], facts["status"]):
            unchanged.append(person_id)
        else:
            changed += 1
            where = (mine, roster_members.c.person_id == person_id)
            connection.execute(update(roster_members).where(*where).values(**facts, **seen))
    if unchanged:
        where = (mine, roster_members.c.person_id.in_(unchanged))
        connection.execute(update(roster_members).where(*where).values(**seen))
    if new:
        place = {"context_id": reading.context_id, "organization_id": reading.organization_id}
        made = [{**each, **place, **seen} for each in new]
        connection.execute(insert(roster_members), made)
    return len(new) + changed + _keep_parts(connection, reading, by_person)


def keep_parts(connection: Connection, reading: Reading, members: Iterable[Member]) -> int:
    """Put down in which groups and sections members are, if they are known; how many changed."""
    by_subject = {member.subject: member for member in members}
    query = select(identities.c.subject, identities.c.person_id).where(
        identities.c.organization_id == reading.organization_id,
        identities.c.authority == reading.authority,
        identities.c.subject.in_(by_subject),
    )
    rows = connection.execute(query).all()
    by_person = {row.person_id: by_subject[row.subject] for row in rows}
    return _keep_parts(connection, reading, by_person)


def find_what_is_shared(connection: Connection, reading: Reading) -> frozenset[str]:
    """Which of a person's `name` and `email` this platform has ever given of anybody."""
    known = (
        select(people.c.id)
        .join(identities, identities.c.person_id == people.c.id)
        .where(
            identities.c.organization_id == reading.organization_id,
            identities.c.authority == reading.authority,
        )
        .limit(1)
    )
    names = ("name", "email")
    return frozenset(
        name
        for name in names
        if connection.execute(known.where(people.c[name].is_not(None))).first() is not None
    )


def count_missing(connection: Connection, reading: Reading) -> int:
    """After a complete read: count it against those who were not in it; how many left by that."""
    missing = (
        roster_members.c.context_id == reading.context_id,
        roster_members.c.reading != reading.id,
        roster_members.c.status != LEFT,
    )
    connection.execute(
        update(roster_members).where(*missing).values(misses=roster_members.c.misses + 1)
    )
    gone = connection.execute(
        update(roster_members)
        .where(*missing, roster_members.c.misses >= MISSES)
        .values(status=LEFT, left_at=now())
    )
    return gone.rowcount


def has_members(connection: Connection, context_id: str) -> bool:
    """Whether anybody is on the roster and has not left."""
    query = select(roster_members.c.person_id).where(
        roster_members.c.context_id == context_id, roster_members.c.status != LEFT
    )
    return connection.execute(query.limit(1)).first() is not None


def _put_people(
    connection: Connection, reading: Reading, by_subject: Mapping[str, Member]
) -> dict[str, str]:
    """The person behind each subject, made if need be."""
    query = (
        select(identities.c.subject, people.c.id, people.c.name, people.c.email)
        .join(people, people.c.id == identities.c.person_id)
        .where(
            identities.c.organization_id == reading.organization_id,
            identities.c.authority == reading.authority,
            identities.c.subject.in_(by_subject),
        )
    )
    person_ids: dict[str, str] = {}
    for row in connection.execute(query):
        person_ids[row.subject] = row.id
        member = by_subject[row.subject]
        # As with launches: who withholds a name today does not take back an earlier one.
        name, email = member.name or row.name, member.email or row.email
        if (name, email) != (row.name, row.email):
            connection.execute(
                update(people).where(people.c.id == row.id).values(name=name, email=email)
            )
    new = [member for subject, member in by_subject.items() if subject not in person_ids]
    if new:
        person_ids |= {member.subject: new_id() for member in new}
        _add_people(connection, reading, new, person_ids)
    return person_ids


def _add_people(
    connection: Connection,
    reading: Reading,
    members: Sequence[Member],
    person_ids: Mapping[str, str],
) -> None:
    made = [
        {
            "id": person_ids[member.subject],
            "organization_id": reading.organization_id,
            "name": member.name,
            "email": member.email,
            "created_at": reading.began_at,
        }
        for member in members
    ]
    connection.execute(insert(people), made)
    known = [
        {
            "id": new_id(),
            "organization_id": reading.organization_id,
            "person_id": person_ids[member.subject],
            "authority": reading.authority,
            "subject": member.subject,
        }
        for member in members
    ]
    connection.execute(insert(identities), known)


def _keep_parts(connection: Connection, reading: Reading, by_person: Mapping[str, Member]) -> int:
    """The same for persons; of whom the platform said nothing, they stay where they were."""
    changed = 0
    for kind in (GROUPS, SECTIONS):
        facts = {person_id: getattr(member, kind.fact) for person_id, member in by_person.items()}
        said = {person_id: ids for person_id, ids in facts.items() if ids is not None}
        changed += keep_who_is_in(connection, reading.context_id, kind, said)
    return changed


def _status(member: Member) -> str:
    # Taken out, says a list of differences; only complete reads make somebody leave.
    return ACTIVE if member.active and not member.is_gone else INACTIVE


def _seen(reading: Reading) -> dict[str, Any]:
    # Not when the read began: meanwhile another course's may have been read to its end, and who
    # asks for what changed since would never see the rest of this one.
    return {"misses": 0, "reading": reading.id, "seen_at": now(), "left_at": None}
