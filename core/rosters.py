"""Rosters: the people of a course as its platform lists them, read whole or by what changed.

A roster is read by the worker: first when a launch has named where it is or somebody asks for it,
then sooner again where it changed, later where it did not, and no more when nobody has looked for
IDLE. One read of a roster is under way at a time, a batch of members a transaction
(roster_reads.py), so that a course of fifty thousand needs no more memory than one of fifty.

Nobody is taken off because a read went wrong: a person is marked as left only after two complete
reads without them. A read that breaks off is not complete, nor is one that is empty where there
were people, nor one of differences.
"""

from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

import structlog
from sqlalchemy import ColumnElement, Row, Table, and_, exists, insert, or_, select, update
from sqlalchemy.exc import IntegrityError

from mentorai.core.clock import now
from mentorai.core.connection_rows import platform_connections
from mentorai.core.errors import (
    Conflict,
    DatabaseUnavailable,
    MentorAIError,
    NotFound,
    PlatformRefused,
    PlatformReplyInvalid,
)
from mentorai.core.lease_holders import issue_lease
from mentorai.core.organizations import organizations
from mentorai.core.orphans import Hold, free_orphans
from mentorai.core.places import contexts, resource_links
from mentorai.core.retries import asked_seconds
from mentorai.core.roster_reads import (
    LEASE,
    TAKEN_OVER,
    Found,
    RosterRead,
    ask_for_members,
    leased,
)
from mentorai.core.roster_rows import Reading, count_missing, has_members, rosters
from mentorai.core.row_locks import hold_rows

if TYPE_CHECKING:
    from mentorai.core.engine import Engine

FIRST_INTERVAL = timedelta(hours=6)
SHORTEST_INTERVAL = timedelta(hours=1)
LONGEST_INTERVAL = timedelta(hours=48)
FIRST_RETRY = timedelta(minutes=15)
# However good the differences are, the whole is read again after this.
WHOLE_AFTER = timedelta(hours=24)
IDLE = timedelta(days=30)
WANTED_AGAIN = timedelta(days=1)
READING = Hold(rosters.c.reading, rosters.c.reading_until)
NO_SERVICE = "This LMS does not show the list of a course's people to this tool."
EMPTY = "The LMS sent an empty list for a course that had people."
log = structlog.get_logger(__name__)


class Rosters:
    """The rosters of every course."""

    def __init__(self, engine: "Engine") -> None:
        self._engine = engine
        self._database = engine.database

    def is_readable(self, organization_id: str, context_id: str) -> bool:
        """Whether the platform shows this course's list to the tool, in whatever way."""
        try:
            self._get_place(organization_id, context_id)
        except (NotFound, Conflict):
            return False
        return True

    def want(self, organization_id: str, context_id: str) -> None:
        """Have a roster read soon, by the worker. Raises NotFound; Conflict if there is none."""
        from mentorai.core.jobs import Jobs

        self._get_place(organization_id, context_id)
        self._put_row(organization_id, context_id, due_at=now())
        self._engine.room(Jobs).hand_roster(context_id)

    def note_look(self, organization_id: str, context_id: str) -> None:
        """Somebody looks at a roster: one that was ever begun is kept fresh for IDLE from now."""
        moment = now()
        with self._database.read() as connection:
            wanted_at = connection.execute(
                select(rosters.c.wanted_at).where(*_mine(organization_id, context_id))
            ).scalar_one_or_none()
        if wanted_at is None or wanted_at > moment - WANTED_AGAIN:
            return
        with self._database.write() as connection:
            connection.execute(
                update(rosters)
                .where(*_mine(organization_id, context_id))
                .values(wanted_at=moment, due_at=moment)
            )

    def sync(self, organization_id: str, context_id: str, *, whole: bool = True) -> int:
        """Read a roster here and now; how many rows of members came.

        whole: all of it, and not only what changed since the last read.
        Raises NotFound; Conflict if it is being read already or the platform offers no list;
        PlatformError and what the plugin raises, after writing down that the read failed.
        """
        place = self._get_place(organization_id, context_id)
        self._put_row(organization_id, context_id)
        return self._sync(place, whole=whole)

    def _sync(self, place: Row[Any], *, whole: bool) -> int:
        reading = self._take(place)
        try:
            return self._read(place, reading, whole=whole)
        except Exception as error:
            self._note_failure(reading, error)
            raise

    def sync_due(self, context_id: str) -> None:
        """Read a roster whose time has come; the worker's door. What goes wrong is written down."""
        with self._database.read() as connection:
            row = connection.execute(
                select(rosters).where(rosters.c.context_id == context_id)
            ).one_or_none()
        if row is None or row.due_at is None or row.due_at > now():
            return
        is_old = row.complete_at is None or row.complete_at < now() - WHOLE_AFTER
        try:
            place = self._get_place(row.organization_id, context_id)
        except DatabaseUnavailable:
            # It stays due, and is handed out again.
            return
        except MentorAIError as error:
            # The LMS shows it no more. It would stay the first that is due, before all others.
            self._stop(context_id, error)
            return
        try:
            self._sync(place, whole=is_old or not row.differences_url)
        except MentorAIError as error:
            log.warning("roster_not_read", context=context_id, code=error.code)
        except Exception:
            log.exception("roster_failed", context=context_id)

    def hand_out(self) -> bool:
        """Hand one roster that is due to the workers, unless one is being read; whether it did.

        Where none is due, one that a launch named and nobody has read yet.
        """
        from mentorai.core.jobs import Jobs

        free_orphans(self._database, READING)
        moment = now()
        running = select(rosters.c.context_id).where(rosters.c.reading_until > moment)
        due = select(rosters.c.context_id).where(rosters.c.due_at <= moment)
        with self._database.read() as connection:
            if connection.execute(running.limit(1)).first():
                return False
            context_id = connection.execute(due.order_by(rosters.c.due_at).limit(1)).scalar()
        context_id = context_id or self._begin_one()
        if context_id is None:
            return False
        self._engine.room(Jobs).hand_roster(context_id)
        return True

    def _begin_one(self) -> str | None:
        """Have the roster of the newest course read that has none yet; its context, or None.

        Where LTI offers no list, the LMS's own API may, once it is connected.
        """
        link = resource_links.c.registration_id
        is_connected = exists().where(
            platform_connections.c.registration_id == contexts.c.registration_id,
            platform_connections.c.state == "ready",
        )
        unread = (
            select(contexts.c.organization_id, contexts.c.id)
            .where(
                or_(contexts.c.memberships_url.is_not(None), is_connected),
                ~exists().where(rosters.c.context_id == contexts.c.id),
                exists().where(link == contexts.c.registration_id),
            )
            .order_by(contexts.c.created_at.desc())
        )
        with self._database.read() as connection:
            row = connection.execute(unread.limit(1)).first()
        if row is None:
            return None
        is_readable = self.is_readable(row.organization_id, row.id)
        # A row without a time keeps the same course from being looked at again and again.
        self._put_row(row.organization_id, row.id, due_at=now() if is_readable else None)
        return str(row.id) if is_readable else None

    def _stop(self, context_id: str, error: MentorAIError) -> None:
        """Read a roster no more by itself, until somebody looks at it again."""
        log.warning("roster_not_read", context=context_id, code=error.code)
        said = {"due_at": None, "error_code": error.code, "error_message": error.message}
        with self._database.write() as connection:
            connection.execute(
                update(rosters).where(rosters.c.context_id == context_id).values(**said)
            )

    def _get_place(self, organization_id: str, context_id: str) -> Row[Any]:
        """The context with a resource link's platform facts. Raises NotFound, Conflict."""
        link = resource_links
        query = (
            select(contexts, link.c.family, link.c.issuer, link.c.client_id)
            .join(link, _is_beside(link))
            .where(contexts.c.organization_id == organization_id, contexts.c.id == context_id)
            .order_by((link.c.context_id == contexts.c.id).desc(), link.c.created_at.desc())
        )
        with self._database.read() as connection:
            row = connection.execute(query.limit(1)).first()
        if row is None:
            raise NotFound("There is no such course.")
        # Without the service of LTI the LMS may still have an API of its own.
        if not row.memberships_url and ask_for_members(self._engine, row, "") is None:
            raise Conflict(NO_SERVICE)
        return row

    def _put_row(self, organization_id: str, context_id: str, **facts: datetime | None) -> None:
        moment = now()
        facts |= {"wanted_at": moment}
        for _ in range(2):
            with self._database.write() as connection:
                known = connection.execute(
                    update(rosters).where(*_mine(organization_id, context_id)).values(**facts)
                )
                if known.rowcount:
                    return
                try:
                    with connection.begin_nested():
                        connection.execute(
                            insert(rosters).values(
                                context_id=context_id,
                                organization_id=organization_id,
                                interval_seconds=FIRST_INTERVAL.total_seconds(),
                                failures=0,
                                error_code="",
                                error_message="",
                                **facts,
                            )
                        )
                    return
                except IntegrityError:
                    pass  # Another process made it at this moment; now there is one to change.

    def _take(self, place: Row[Any]) -> Reading:
        moment = now()
        reading = Reading(
            issue_lease(), place.organization_id, place.id, place.registration_id, moment
        )
        free = or_(rosters.c.reading.is_(None), rosters.c.reading_until <= moment)
        with self._database.write() as connection:
            taken = connection.execute(
                update(rosters)
                .where(rosters.c.context_id == place.id, free)
                .values(reading=reading.id, reading_until=moment + LEASE)
            )
        if taken.rowcount == 0:
            raise Conflict("The list of this course is being read at this moment.")
        return reading

    def _read(self, place: Row[Any], reading: Reading, *, whole: bool) -> int:
        differences_url = None if whole else self._get_row(reading).differences_url
        read = RosterRead(self._engine, place, reading)
        try:
            found = read.run(differences_url)
        except PlatformRefused:
            if differences_url is None:
                raise
            # Such addresses do not live for ever; the whole does.
            differences_url = None
            found = read.run(None)
        self._finish(reading, found, is_whole=differences_url is None)
        return found.count

    def _finish(self, reading: Reading, found: Found, *, is_whole: bool) -> None:
        moment = now()
        with self._database.write() as connection:
            # As with a batch: the instants at which people are noted as gone.
            hold_rows(connection, organizations, organizations.c.id == reading.organization_id)
            if is_whole and found.count == 0 and has_members(connection, reading.context_id):
                raise PlatformReplyInvalid(EMPTY)
            held = select(rosters).where(leased(reading)).with_for_update()
            row = connection.execute(held).one_or_none()
            if row is None:
                raise Conflict(TAKEN_OVER)
            gone = count_missing(connection, reading) if is_whole else 0
            interval = _next_interval(row.interval_seconds, bool(found.changed or gone))
            connection.execute(
                update(rosters)
                .where(leased(reading))
                .values(
                    reading=None,
                    reading_until=None,
                    read_at=moment,
                    complete_at=moment if is_whole else row.complete_at,
                    due_at=_due_at(row.wanted_at, interval),
                    interval_seconds=interval.total_seconds(),
                    failures=0,
                    error_code="",
                    error_message="",
                    differences_url=found.later_url,
                )
            )
        log.info("roster_read", context=reading.context_id, members=found.count, whole=is_whole)

    def _get_row(self, reading: Reading) -> Row[Any]:
        with self._database.read() as connection:
            return connection.execute(
                select(rosters).where(rosters.c.context_id == reading.context_id)
            ).one()

    def _note_failure(self, reading: Reading, error: Exception) -> None:
        known = error if isinstance(error, MentorAIError) else MentorAIError()
        row = self._get_row(reading)
        wait = max(
            min(FIRST_RETRY * 2 ** min(row.failures, 10), LONGEST_INTERVAL),
            timedelta(seconds=asked_seconds(known)),
        )
        with self._database.write() as connection:
            connection.execute(
                update(rosters)
                .where(leased(reading))
                .values(
                    reading=None,
                    reading_until=None,
                    due_at=_due_at(row.wanted_at, wait),
                    failures=row.failures + 1,
                    error_code=known.code,
                    error_message=known.message,
                )
            )


def _is_beside(link: Table) -> ColumnElement[bool]:
    """Whether a resource link is of the platform that a context is of."""
    return and_(
        link.c.organization_id == contexts.c.organization_id,
        link.c.registration_id == contexts.c.registration_id,
    )


def _mine(organization_id: str, context_id: str) -> tuple[Any, Any]:
    return rosters.c.organization_id == organization_id, rosters.c.context_id == context_id


def _next_interval(seconds: float, has_changed: bool) -> timedelta:
    """Twice as soon after a read that brought something new, half as soon after another."""
    wanted = timedelta(seconds=seconds / 2 if has_changed else seconds * 2)
    return min(max(wanted, SHORTEST_INTERVAL), LONGEST_INTERVAL)


def _due_at(wanted_at: datetime, wait: timedelta) -> datetime | None:
    due_at = now() + wait
    return due_at if due_at < wanted_at + IDLE else None
