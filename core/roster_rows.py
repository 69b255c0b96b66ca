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
    delete,
    insert,
    select,
    update,
)

from mentorai.core.database import Instant, metadata
from mentorai.core.identifiers import new_id
from mentorai.core.people import identities, people
from mentorai.core.values import Group, Member

ACTIVE, INACTIVE, LEFT = "active", "inactive", "left"
# Complete reads in which somebody must be missing before they count as gone.
MISSES = 2
ID_LENGTH = 255

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

roster_groups = Table(
    "roster_groups",
    metadata,
    Column("context_id", ForeignKey("contexts.id", ondelete="CASCADE"), primary_key=True),
    Column("lms_group_id", String(ID_LENGTH), primary_key=True),
    Column("name", Text, nullable=False),
    Column("set_name", Text, nullable=False),
)

roster_group_members = Table(
    "roster_group_members",
    metadata,
    Column("context_id", ForeignKey("contexts.id", ondelete="CASCADE"), primary_key=True),
    Column("person_id", ForeignKey("people.id", ondelete="CASCADE"), primary_key=True, index=True),
    Column("lms_group_id", String(ID_LENGTH), primary_key=True),
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
            connection.execute(
                update(roster_members).where(*where).values(**facts, **_seen(reading))
            )
    if unchanged:
        where = (mine, roster_members.c.person_id.in_(unchanged))
        connection.execute(update(roster_members).where(*where).values(**_seen(reading)))
    if new:
        place = {"context_id": reading.context_id, "organization_id": reading.organization_id}
        made = [{**each, **place, **_seen(reading)} for each in new]
        connection.execute(insert(roster_members), made)
    return len(new) + changed + _put_group_members(connection, reading, by_person)


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
        .values(status=LEFT, left_at=reading.began_at)
    )
    return gone.rowcount


def has_members(connection: Connection, context_id: str) -> bool:
    """Whether anybody is on the roster and has not left."""
    query = select(roster_members.c.person_id).where(
        roster_members.c.context_id == context_id, roster_members.c.status != LEFT
    )
    return connection.execute(query.limit(1)).first() is not None


def keep_groups(connection: Connection, context_id: str, groups: Iterable[Group]) -> None:
    """Put the groups of a context in the place of those that were there."""
    found = {group.lms_id: group for group in groups}
    connection.execute(delete(roster_groups).where(roster_groups.c.context_id == context_id))
    if found:
        rows = [
            {
                "context_id": context_id,
                "lms_group_id": group.lms_id,
                "name": group.name,
                "set_name": group.set_name,
            }
            for group in found.values()
        ]
        connection.execute(insert(roster_groups), rows)


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


def _put_group_members(
    connection: Connection, reading: Reading, by_person: Mapping[str, Member]
) -> int:
    """Put down who is in which group, for those of whom the platform said it; how many changed."""
    said = {p: set(m.group_ids) for p, m in by_person.items() if m.group_ids is not None}
    if not said:
        return 0
    table = roster_group_members
    where = (table.c.context_id == reading.context_id, table.c.person_id.in_(said))
    known: dict[str, set[str]] = {}
    for row in connection.execute(select(table.c.person_id, table.c.lms_group_id).where(*where)):
        known.setdefault(row.person_id, set()).add(row.lms_group_id)
    changed = [person_id for person_id in said if said[person_id] != known.get(person_id, set())]
    if not changed:
        return 0
    place = table.c.context_id == reading.context_id
    connection.execute(delete(table).where(place, table.c.person_id.in_(changed)))
    rows = [
        {"context_id": reading.context_id, "person_id": person_id, "lms_group_id": group_id}
        for person_id in changed
        for group_id in sorted(said[person_id])
        if len(group_id) <= ID_LENGTH
    ]
    if rows:
        connection.execute(insert(table), rows)
    return len(changed)


def _status(member: Member) -> str:
    # Taken out, says a list of differences; only complete reads make somebody leave.
    return ACTIVE if member.active and not member.is_gone else INACTIVE


def _seen(reading: Reading) -> dict[str, Any]:
    return {"misses": 0, "reading": reading.id, "seen_at": reading.began_at, "left_at": None}
