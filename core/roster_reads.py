"""One read of one roster: what the plugins list of a course, put down a batch at a time."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace
from datetime import timedelta
from itertools import islice
from typing import TYPE_CHECKING, Any

import structlog
from sqlalchemy import Connection, Row, and_, update
from sqlalchemy.exc import IntegrityError

from mentorai.core.clock import now
from mentorai.core.errors import Conflict, PlatformError
from mentorai.core.organizations import organizations
from mentorai.core.places import read_group_service, read_platform
from mentorai.core.roster_parts import keep_groups, keep_sections
from mentorai.core.roster_rows import (
    Reading,
    find_what_is_shared,
    keep_members,
    keep_parts,
    rosters,
)
from mentorai.core.row_locks import hold_rows
from mentorai.core.values import Context, CourseSection, Group, Member, RosterEnd

if TYPE_CHECKING:
    from mentorai.core.engine import Engine

BATCH = 200
# Each batch takes the lease anew; a read whose process died is free again after this.
LEASE = timedelta(minutes=3)
# The names of groups and sections are kept until the end of a read: so many, and no more.
PARTS = 10_000
TAKEN_OVER = "Another read of this list has begun."
log = structlog.get_logger(__name__)

Listed = Member | CourseSection | Group | RosterEnd


@dataclass
class Found:
    """What a read brought. changed: how many rows said something new.

    later_url: where only what changes from now on can be read.
    """

    count: int = 0
    changed: int = 0
    later_url: str | None = None


@dataclass
class _Names:
    """The names of groups and sections that came among the members."""

    groups: list[Group] = field(default_factory=list)
    sections: list[CourseSection] = field(default_factory=list)

    def take(self, listed: Iterable[Listed]) -> None:
        for each in listed:
            if isinstance(each, Group) and len(self.groups) < PARTS:
                self.groups.append(each)
            elif isinstance(each, CourseSection) and len(self.sections) < PARTS:
                self.sections.append(each)


def ask_for_members(engine: "Engine", place: Row[Any], url: str) -> Iterator[Listed] | None:
    """What the plugins list of the course in a row of contexts and resource links; None: nothing.

    url: where the platform lists them, or empty if it offered no such address.
    """
    found: Iterator[Listed] | None = engine.plugins.ask_first(
        "list_members",
        engine=engine,
        platform=read_platform(place),
        memberships_url=url,
        context=_read_context(place),
    )
    return found


class RosterRead:
    """One read, by one process, of the roster of the course in `place`."""

    def __init__(self, engine: "Engine", place: Row[Any], reading: Reading) -> None:
        self._engine = engine
        self._database = engine.database
        self._place = place
        self._reading = reading
        # Whether the members came with groups; a platform may name groups and not who is in them.
        self._tells_groups = False
        # What LTI keeps back of people is not to come in by the LMS's own API.
        self._shared: frozenset[str] | None = None

    def run(self, differences_url: str | None) -> Found:
        """Read the members, and with the whole of them who is in which group and section.

        differences_url: read only what changed, there. Raises Conflict if no plugin lists them, or
        another read has begun; what the plugin raises.
        """
        found, names = Found(), _Names()
        if not self._place.memberships_url:
            with self._database.read() as connection:
                self._shared = find_what_is_shared(connection, self._reading)
        url = differences_url or self._place.memberships_url or ""
        listed = ask_for_members(self._engine, self._place, url)
        if listed is None:
            raise Conflict("No plugin here reads the rosters of this LMS.")
        for batch in _batches(listed):
            members = [self._mask(each) for each in batch if isinstance(each, Member)]
            ends = [each.differences_url for each in batch if isinstance(each, RosterEnd)]
            names.take(batch)
            self._tells_groups |= any(member.group_ids is not None for member in members)
            found.later_url = ends[-1] if ends else found.later_url
            found.changed += self._keep(members)
            found.count += len(members)
        self._keep_names(names)
        self._read_groups()
        if differences_url is None and self._place.memberships_url:
            found.changed += self._read_sections()
        return found

    def _mask(self, member: Member) -> Member:
        if self._shared is None:
            return member
        return replace(
            member,
            name=member.name if "name" in self._shared else None,
            email=member.email if "email" in self._shared else None,
        )

    def _keep(self, members: list[Member]) -> int:
        """Put a batch down; in halves where a launch makes one of the same persons meanwhile."""
        try:
            return self._keep_once(members)
        except IntegrityError:
            half = len(members) // 2
            if half == 0:
                # The person is there by now.
                return self._keep_once(members)
        return self._keep(members[:half]) + self._keep(members[half:])

    def _keep_once(self, members: list[Member]) -> int:
        mine = organizations.c.id == self._reading.organization_id
        with self._database.write() as connection:
            # Lists of two courses, or a sheet, may name the same new people in another order.
            hold_rows(connection, organizations, mine)
            self._hold(connection)
            return keep_members(connection, self._reading, members)

    def _hold(self, connection: Connection) -> None:
        """Take the lease anew. Raises Conflict if it is somebody else's by now."""
        held = connection.execute(
            update(rosters).where(leased(self._reading)).values(reading_until=now() + LEASE)
        )
        if held.rowcount == 0:
            raise Conflict(TAKEN_OVER)

    def _read_groups(self) -> None:
        """The names of the groups. Without them the roster is still a roster."""
        service = read_group_service(self._place)
        if service is None:
            return
        try:
            found = self._engine.plugins.ask_first(
                "list_groups",
                engine=self._engine,
                platform=read_platform(self._place),
                service=service,
            )
            groups = None if found is None else list(found)
        except PlatformError as error:
            log.warning("groups_not_read", context=self._reading.context_id, code=error.code)
            return
        if groups is not None:
            with self._database.write() as connection:
                keep_groups(connection, self._reading.context_id, groups)

    def _read_sections(self) -> int:
        """Who is in which section, where the LMS's own API says so; how many moved.

        Without it the roster is still a roster, and everybody stays where they were.
        """
        names, changed = _Names(), 0
        has_groups = self._tells_groups and read_group_service(self._place) is not None
        try:
            listed: Iterator[Listed] | None = self._engine.plugins.ask_first(
                "list_sections",
                engine=self._engine,
                platform=read_platform(self._place),
                context=_read_context(self._place),
            )
            for batch in _batches(listed or ()):
                names.take(batch)
                members = [each for each in batch if isinstance(each, Member)]
                if has_groups:
                    # The service of LTI told the groups, and by ids of its own.
                    members = [replace(each, group_ids=None) for each in members]
                with self._database.write() as connection:
                    self._hold(connection)
                    changed += keep_parts(connection, self._reading, members)
        except PlatformError as error:
            log.warning("sections_not_read", context=self._reading.context_id, code=error.code)
            return changed
        if has_groups:
            names.groups.clear()
        self._keep_names(names)
        return changed

    def _keep_names(self, names: _Names) -> None:
        with self._database.write() as connection:
            if names.groups:
                keep_groups(connection, self._reading.context_id, names.groups)
            if names.sections:
                keep_sections(connection, self._reading.context_id, names.sections)


def leased(reading: Reading) -> Any:
    """The row of a roster that this read still has."""
    return and_(rosters.c.context_id == reading.context_id, rosters.c.reading == reading.id)


def _read_context(place: Row[Any]) -> Context:
    return Context(place.lms_context_id, place.label, place.title)


def _batches(found: Iterable[Listed]) -> Iterator[list[Listed]]:
    rows = iter(found)
    while batch := list(islice(rows, BATCH)):
        yield batch
