"""The rows of the campus's own enrolments, and how a sheet is compared with them.

They are apart from what LMSs say: the roster of an LMS never takes one away, and taking one away
here leaves what an LMS lists as it is. Each names a person by an id that the campus or one of its
LMSs gave, so that it is kept when two identities turn out to be one person's.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import (
    Column as TableColumn,
)
from sqlalchemy import (
    Connection,
    ForeignKey,
    Index,
    Row,
    Select,
    String,
    Table,
    Text,
    UniqueConstraint,
    delete,
    func,
    insert,
    or_,
    select,
    update,
)

from mentorai.core.bulk import Planned, RowChange, Seen, refuse
from mentorai.core.clock import now
from mentorai.core.database import Instant, metadata
from mentorai.core.identifiers import new_id
from mentorai.core.mentors import mentors
from mentorai.core.people import identities, people
from mentorai.core.sheets import Column, SheetRow
from mentorai.core.values import Role

# The authority of the ids that the campus itself gives, in its student information system.
CAMPUS = "campus"
ACTIVE, REMOVED = "active", "removed"
TICK = timedelta(microseconds=1)
ROLES = tuple(role.value for role in Role)
COLUMNS = (
    Column("mentor", 100),
    Column("user", 255, is_needed=True),
    Column("platform", 36),
    Column("section", 255),
    Column("role", 16, choices=ROLES),
    Column("name", 200),
    Column("email", 254),
    Column("status", 16, choices=(ACTIVE, REMOVED)),
)

# name, email: as the sheet has them. A person's own come from their LMS, once they came.
campus_enrolments = Table(
    "campus_enrolments",
    metadata,
    TableColumn("id", String(36), primary_key=True),
    TableColumn("organization_id", ForeignKey("organizations.id"), nullable=False),
    TableColumn("mentor_id", ForeignKey("mentors.id", ondelete="CASCADE"), nullable=False),
    TableColumn("identity_id", ForeignKey("identities.id", ondelete="CASCADE"), nullable=False),
    TableColumn("section", String(255), nullable=False),
    TableColumn("role", String(16), nullable=False),
    TableColumn("name", Text, nullable=False),
    TableColumn("email", Text, nullable=False),
    TableColumn("created_at", Instant, nullable=False),
    TableColumn("updated_at", Instant, nullable=False),
    UniqueConstraint("identity_id", "mentor_id", "section"),
    Index("ix_campus_enrolments_changes", "mentor_id", "updated_at", "id"),
    Index("ix_campus_enrolments_organization_id", "organization_id"),
)


@dataclass(frozen=True, slots=True)
class Enrolment:
    """One person who is to work with one mentor, by the campus's own list.

    user: the person's id as the campus gave it or, if platform (a registration) is named, as that
    LMS did. section: the campus's name of the course section, or empty.
    """

    id: str
    mentor_id: str
    person_id: str
    user: str
    platform: str
    section: str
    role: Role
    name: str
    email: str
    created_at: datetime
    updated_at: datetime


@dataclass(frozen=True, slots=True)
class _Wanted:
    """What a row asks for, by our ids."""

    mentor_id: str
    authority: str
    user: str
    section: str
    facts: Mapping[str, str]
    identity_id: str | None
    existing_id: str | None


class EnrolmentSheet:
    """Rows of enrolments in one organization.

    mentor_id: the only mentor they may name; None: any. platforms: the registrations there are.
    """

    def __init__(
        self, organization_id: str, mentor_id: str | None, platforms: frozenset[str]
    ) -> None:
        self._organization_id = organization_id
        self._mentor_id = mentor_id
        self._platforms = platforms
        self._mentors: dict[str, str | None] = {"": mentor_id}
        self._seen = Seen()

    def plan(self, connection: Connection, rows: Sequence[SheetRow]) -> list[SheetRow | Planned]:
        """For each row what is to be done, or the row with what is wrong with it."""
        # What is wrong already may be no text that a database takes.
        named = {row.cells.get("mentor", "") for row in rows if not row.problems}
        self._learn_mentors(connection, named)
        checked = [self._check(row) for row in rows]
        good = [row for row in checked if not row.problems]
        known = self._find_identities(connection, good)
        existing = self._find_existing(connection, set(known.values()))
        return [row if row.problems else self._compare(row, known, existing) for row in checked]

    def write(self, connection: Connection, planned: Sequence[Planned]) -> None:
        """Make, change and take away what the rows ask for.

        The organization's sheets are written one after the other (bulk.py), so the instants of
        their changes grow in the order of the commits: who asks for what changed since the last
        one they have misses none, whatever the clocks of several machines say.
        """
        doing = [(one.change.action, one.facts) for one in planned]
        gone = [wanted.existing_id for action, wanted in doing if action == "removed"]
        mine = campus_enrolments.c.organization_id == self._organization_id
        if gone:
            connection.execute(
                delete(campus_enrolments).where(mine, campus_enrolments.c.id.in_(gone))
            )
        moment = self._take_moment(connection)
        for action, wanted in doing:
            if action == "changed":
                connection.execute(
                    update(campus_enrolments)
                    .where(mine, campus_enrolments.c.id == wanted.existing_id)
                    .values(**wanted.facts, updated_at=moment)
                )
        new = [wanted for action, wanted in doing if action == "created"]
        if new:
            self._insert(connection, new, moment)

    def _take_moment(self, connection: Connection) -> datetime:
        """Now, or just after the newest change in the organization."""
        # Of each mentor by the index; over all its enrolments it would be a walk through them.
        newest = (
            select(func.max(campus_enrolments.c.updated_at))
            .where(campus_enrolments.c.mentor_id == mentors.c.id)
            .scalar_subquery()
        )
        mine = mentors.c.organization_id == self._organization_id
        last: datetime | None = connection.execute(select(func.max(newest)).where(mine)).scalar()
        return now() if last is None else max(now(), last + TICK)

    def _learn_mentors(self, connection: Connection, names: set[str]) -> None:
        unknown = names - self._mentors.keys()
        if not unknown:
            return
        self._mentors |= dict.fromkeys(unknown)
        query = select(mentors.c.id, mentors.c.slug).where(
            mentors.c.organization_id == self._organization_id,
            or_(mentors.c.id.in_(unknown), mentors.c.slug.in_(unknown)),
        )
        for row in connection.execute(query):
            if self._mentor_id in (None, row.id):
                self._mentors |= {name: row.id for name in (row.id, row.slug) if name in unknown}

    def _check(self, row: SheetRow) -> SheetRow:
        """The row with what only the organization's own facts show to be wrong."""
        cells = row.cells
        if row.problems:
            return row
        mentor_id = self._mentors[cells["mentor"]]
        if mentor_id is None:
            sentence = "There is no such mentor." if cells["mentor"] else "This is needed."
            return refuse(row, "mentor", sentence)
        if cells["platform"] and cells["platform"] not in self._platforms:
            return refuse(row, "platform", "There is no such registration.")
        key = (mentor_id, cells["platform"], cells["user"], cells["section"])
        earlier = self._seen.find_earlier(row.line, *key)
        if earlier is not None:
            return refuse(row, "", f"This names the same enrollment as line {earlier}.")
        return row

    def _find_identities(
        self, connection: Connection, rows: Sequence[SheetRow]
    ) -> dict[tuple[str, str], str]:
        """(authority, subject) -> the identity's id, of those that are there."""
        subjects: dict[str, set[str]] = {}
        for row in rows:
            subjects.setdefault(_authority(row.cells), set()).add(row.cells["user"])
        found: dict[tuple[str, str], str] = {}
        for authority, wanted in subjects.items():
            query = select(identities.c.id, identities.c.subject).where(
                identities.c.organization_id == self._organization_id,
                identities.c.authority == authority,
                identities.c.subject.in_(wanted),
            )
            found |= {(authority, row.subject): row.id for row in connection.execute(query)}
        return found

    def _find_existing(
        self, connection: Connection, identity_ids: set[str]
    ) -> dict[tuple[str, str, str], Row[Any]]:
        query = select(campus_enrolments).where(
            campus_enrolments.c.organization_id == self._organization_id,
            campus_enrolments.c.identity_id.in_(identity_ids),
        )
        return {
            (row.mentor_id, row.identity_id, row.section): row for row in connection.execute(query)
        }

    def _compare(
        self,
        row: SheetRow,
        known: Mapping[tuple[str, str], str],
        existing: Mapping[tuple[str, str, str], Row[Any]],
    ) -> Planned:
        cells = row.cells
        mentor_id = self._mentors[cells["mentor"]] or ""
        identity_id = known.get((_authority(cells), cells["user"]))
        found = existing.get((mentor_id, identity_id or "", cells["section"]))
        facts = {"role": cells["role"] or (found.role if found else Role.LEARNER.value)}
        # What a sheet leaves out, it does not take back.
        facts |= {n: cells[n] or (getattr(found, n) if found else "") for n in ("name", "email")}
        before = {n: getattr(found, n) if found else "" for n in facts}
        fields = {n: (before[n], facts[n]) for n in facts if before[n] != facts[n]}
        is_removal = cells["status"] == REMOVED
        wanted = _Wanted(
            mentor_id=mentor_id,
            authority=_authority(cells),
            user=cells["user"],
            section=cells["section"],
            facts=facts,
            identity_id=identity_id,
            existing_id=found.id if found else None,
        )
        key = {n: cells[n] for n in ("mentor", "user", "platform", "section") if cells[n]}
        if is_removal:
            fields = {}
        if found is None:
            change = RowChange(row.line, "unchanged" if is_removal else "created", key, fields)
        elif is_removal:
            change = RowChange(row.line, "removed", key, {})
        else:
            change = RowChange(row.line, "changed" if fields else "unchanged", key, fields)
        return Planned(change, wanted)

    def _insert(self, connection: Connection, new: Sequence[_Wanted], moment: datetime) -> None:
        strangers: dict[tuple[str, str], _Wanted] = {}
        for wanted in new:
            if wanted.identity_id is None:
                strangers.setdefault((wanted.authority, wanted.user), wanted)
        made = self._add_people(connection, strangers) if strangers else {}
        rows = [
            {
                "id": new_id(),
                "organization_id": self._organization_id,
                "mentor_id": wanted.mentor_id,
                "identity_id": wanted.identity_id or made[wanted.authority, wanted.user],
                "section": wanted.section,
                "created_at": moment,
                "updated_at": moment,
                **wanted.facts,
            }
            for wanted in new
        ]
        connection.execute(insert(campus_enrolments), rows)

    def _add_people(
        self, connection: Connection, strangers: Mapping[tuple[str, str], _Wanted]
    ) -> dict[tuple[str, str], str]:
        """Persons whom nobody knew, each with the identity by which they are known now."""
        ids = {key: (new_id(), new_id()) for key in strangers}
        place, moment = {"organization_id": self._organization_id}, now()
        persons = [
            {
                "id": ids[key][0],
                "name": wanted.facts["name"] or None,
                "email": wanted.facts["email"] or None,
                "created_at": moment,
                **place,
            }
            for key, wanted in strangers.items()
        ]
        connection.execute(insert(people), persons)
        known = [
            {"id": ids[key][1], "person_id": ids[key][0], "authority": key[0], "subject": key[1]}
            | place
            for key in strangers
        ]
        connection.execute(insert(identities), known)
        return {key: identity_id for key, (_, identity_id) in ids.items()}


def select_enrolments(organization_id: str, mentor_id: str | None) -> Select[Any]:
    """Enrolments of an organization, or of one of its mentors, with whom they name."""
    query = (
        select(
            campus_enrolments,
            identities.c.person_id,
            identities.c.authority,
            identities.c.subject,
        )
        .join(identities, identities.c.id == campus_enrolments.c.identity_id)
        .where(campus_enrolments.c.organization_id == organization_id)
    )
    return query if mentor_id is None else query.where(campus_enrolments.c.mentor_id == mentor_id)


def read_enrolment(row: Row[Any]) -> Enrolment:
    """Read a row of `select_enrolments`."""
    return Enrolment(
        id=row.id,
        mentor_id=row.mentor_id,
        person_id=row.person_id,
        user=row.subject,
        platform=row.authority.removeprefix("lti:") if row.authority != CAMPUS else "",
        section=row.section,
        role=Role(row.role),
        name=row.name,
        email=row.email,
        created_at=row.created_at,
        updated_at=row.updated_at,
    )


def _authority(cells: Mapping[str, str]) -> str:
    return f"lti:{cells['platform']}" if cells["platform"] else CAMPUS
