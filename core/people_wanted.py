"""Some of the people of a course: by a part of their name, role, section, group, or state."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, Connection, Table, func, or_, select

from mentorai.core.people import enrolments, people
from mentorai.core.roster_parts import (
    roster_group_members,
    roster_groups,
    roster_section_members,
    roster_sections,
)
from mentorai.core.roster_rows import roster_members

# Of who is on no roster and came by a launch.
VISIT = "visit"


@dataclass(frozen=True, slots=True)
class PeopleWanted:
    """What is empty sets no limit. name: a part of it, in any case. section, group: the platform's
    ids. status: active, inactive, left, or VISIT.
    """

    name: str = ""
    role: str = ""
    section: str = ""
    group: str = ""
    status: str = ""

    def list_conditions(self, context_id: str) -> list[ColumnElement[bool]]:
        """For a query that joins people with the enrolments and the roster of one context."""
        found: list[ColumnElement[bool]] = []
        if self.name:
            lower = func.lower(people.c.name).contains(self.name.lower(), autoescape=True)
            # SQLite makes only ASCII letters small.
            found.append(or_(lower, people.c.name.contains(self.name, autoescape=True)))
        if self.role:
            found.append(func.coalesce(enrolments.c.role, roster_members.c.role) == self.role)
        if self.status == VISIT:
            found.append(roster_members.c.status.is_(None))
        elif self.status:
            found.append(roster_members.c.status == self.status)
        for table, column, wanted in (
            (roster_section_members, "lms_section_id", self.section),
            (roster_group_members, "lms_group_id", self.group),
        ):
            if wanted:
                found.append(people.c.id.in_(_select_in(table, column, context_id, wanted)))
        return found


@dataclass(frozen=True, slots=True)
class Part:
    """A section or a group of a course, to choose it by. id: the platform's."""

    id: str
    name: str


def list_sections(connection: Connection, context_id: str) -> Sequence[Part]:
    """The sections of a context, by name."""
    table = roster_sections.c
    query = select(table.lms_section_id, table.name).where(table.context_id == context_id)
    return [Part(*row) for row in connection.execute(query.order_by(table.name))]


def list_groups(connection: Connection, context_id: str) -> Sequence[Part]:
    """The groups of a context that somebody is known to be in, by set and name."""
    table, member = roster_groups.c, roster_group_members.c
    taken = select(member.lms_group_id).where(member.context_id == context_id)
    query = select(table.lms_group_id, table.name, table.set_name)
    rows: Iterable[Any] = connection.execute(
        query.where(table.context_id == context_id, table.lms_group_id.in_(taken)).order_by(
            table.set_name, table.name
        )
    )
    return [
        Part(row.lms_group_id, f"{row.set_name}: {row.name}" if row.set_name else row.name)
        for row in rows
    ]


def _select_in(table: Table, column: str, context_id: str, wanted: str) -> Any:
    return select(table.c.person_id).where(
        table.c.context_id == context_id, table.c[column] == wanted
    )
