"""The groups and sections of courses, as their platforms tell them: names, and who is in which.

Each function works in its caller's transaction.
"""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Column, Connection, ForeignKey, String, Table, Text, delete, insert, select

from mentorai.core.database import metadata
from mentorai.core.values import CourseSection, Group

ID_LENGTH = 255

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

roster_sections = Table(
    "roster_sections",
    metadata,
    Column("context_id", ForeignKey("contexts.id", ondelete="CASCADE"), primary_key=True),
    Column("lms_section_id", String(ID_LENGTH), primary_key=True),
    Column("name", Text, nullable=False),
)

roster_section_members = Table(
    "roster_section_members",
    metadata,
    Column("context_id", ForeignKey("contexts.id", ondelete="CASCADE"), primary_key=True),
    Column("person_id", ForeignKey("people.id", ondelete="CASCADE"), primary_key=True, index=True),
    Column("lms_section_id", String(ID_LENGTH), primary_key=True),
)


@dataclass(frozen=True, slots=True)
class Kind:
    """Groups or sections: the table of those who are in them, and its column of the platform's id.

    fact: the field of a Member that names them.
    """

    table: Table
    column: str
    fact: str


GROUPS = Kind(roster_group_members, "lms_group_id", "group_ids")
SECTIONS = Kind(roster_section_members, "lms_section_id", "section_ids")


def keep_groups(connection: Connection, context_id: str, groups: Iterable[Group]) -> None:
    """Put the groups of a context in the place of those that were there."""
    rows = {
        group.lms_id: {
            "context_id": context_id,
            "lms_group_id": group.lms_id,
            "name": group.name,
            "set_name": group.set_name,
        }
        for group in groups
        if _is_id(group.lms_id)
    }
    _replace(connection, roster_groups, context_id, rows.values())


def keep_sections(
    connection: Connection, context_id: str, sections: Iterable[CourseSection]
) -> None:
    """Put the sections of a context in the place of those that were there."""
    rows = {
        section.lms_id: {
            "context_id": context_id,
            "lms_section_id": section.lms_id,
            "name": section.name,
        }
        for section in sections
        if _is_id(section.lms_id)
    }
    _replace(connection, roster_sections, context_id, rows.values())


def keep_who_is_in(
    connection: Connection, context_id: str, kind: Kind, said: Mapping[str, Iterable[str]]
) -> int:
    """Put down in which groups or sections these persons are; how many of them changed.

    said: the platform's ids, by person. Who is not in it stays where they were.
    """
    wanted = {person_id: {i for i in ids if _is_id(i)} for person_id, ids in said.items()}
    if not wanted:
        return 0
    table, theirs = kind.table, kind.table.c[kind.column]
    here = table.c.context_id == context_id
    known: dict[str, set[str]] = {}
    query = select(table.c.person_id, theirs).where(here, table.c.person_id.in_(wanted))
    for person_id, lms_id in connection.execute(query):
        known.setdefault(person_id, set()).add(lms_id)
    changed = [each for each in wanted if wanted[each] != known.get(each, set())]
    if not changed:
        return 0
    connection.execute(delete(table).where(here, table.c.person_id.in_(changed)))
    rows = [
        {"context_id": context_id, "person_id": person_id, kind.column: lms_id}
        for person_id in changed
        for lms_id in sorted(wanted[person_id])
    ]
    if rows:
        connection.execute(insert(table), rows)
    return len(changed)


def _replace(
    connection: Connection, table: Table, context_id: str, rows: Collection[dict[str, Any]]
) -> None:
    connection.execute(delete(table).where(table.c.context_id == context_id))
    if rows:
        connection.execute(insert(table), list(rows))


def _is_id(text: str) -> bool:
    return 0 < len(text) <= ID_LENGTH
