"""The gradebook columns we found.

A column is found or made once per resource link and quiz: whoever takes the row's lease first
does it, so that two workers never make two columns.
"""

import threading
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from sqlalchemy import (
    Column,
    ColumnElement,
    Connection,
    Float,
    ForeignKey,
    Row,
    String,
    Table,
    Text,
    UniqueConstraint,
    and_,
    bindparam,
    delete,
    insert,
    or_,
    select,
    update,
)
from sqlalchemy.exc import IntegrityError

from mentorai.core.clock import now
from mentorai.core.database import Database, Instant, metadata
from mentorai.core.errors import NoLineItem
from mentorai.core.identifiers import new_id
from mentorai.core.places import resource_links
from mentorai.core.prepared import Prepared, read_row
from mentorai.core.values import GradePlace, LineItem

if TYPE_CHECKING:
    from mentorai.core.course_people import Course
    from mentorai.core.engine import Engine

# Longer than a platform may take to list its columns and make one.
FINDING = timedelta(seconds=60)
# How long a thread waits for another that is asking.
HEAR_SECONDS = 2.0
ANOTHERS = "This activity has one gradebook column in the LMS, which is that of another quiz."

# activity_id: the quiz, or "". url is NULL until the column was found.
line_items = Table(
    "line_items",
    metadata,
    Column("id", String(36), primary_key=True),
    Column("organization_id", ForeignKey("organizations.id"), nullable=False),
    Column("resource_link_id", ForeignKey("resource_links.id", ondelete="CASCADE"), nullable=False),
    Column("activity_id", String(36), nullable=False),
    Column("url", Text),
    Column("label", Text, nullable=False),
    Column("score_maximum", Float),
    Column("resource_id", Text),
    Column("tag", Text),
    Column("lms_resource_link_id", Text),
    Column("finder", String(36)),
    Column("finder_until", Instant),
    Column("found_at", Instant),
    UniqueConstraint("resource_link_id", "activity_id"),
)

# Made once: for a statement that runs with every score, making it costs more than running it.
_FIND = Prepared(
    select(line_items).where(
        line_items.c.resource_link_id == bindparam("link_id"),
        line_items.c.activity_id == bindparam("activity"),
        line_items.c.url.is_not(None),
    )
)


class LineItems:
    """The columns of every platform that scores go to."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._lock = threading.Lock()
        self._asking: dict[object, threading.Event] = {}

    def find_or_ask(self, engine: "Engine", place: GradePlace) -> LineItem | None:
        """The column of a place: the one remembered, or else what the plugins find or make.

        None while another worker is asking: come back in a moment. Of this process's threads one
        asks and the others wait a little for what it hears.
        Raises NoLineItem when nobody serves this platform, and what the plugin raises.
        """
        key = (place.resource_link_id, place.activity_id)
        known = self.find(*key)
        if known is not None:
            return known
        with self._lock:
            others = self._asking.get(key)
            mine = self._asking.setdefault(key, threading.Event())
        if others is not None:
            others.wait(HEAR_SECONDS)
            return self.find(*key)
        try:
            return self._ask(engine, place)
        finally:
            with self._lock:
                del self._asking[key]
            mine.set()

    def _ask(self, engine: "Engine", place: GradePlace) -> LineItem | None:
        finder = new_id()
        with self._database.write() as connection:
            row = self._put_row(connection, place)
            if row.url:
                return _line_item(row)
            if not _take(connection, row.id, finder):
                return None
        try:
            found: LineItem | None = engine.plugins.ask_first(
                "find_line_item", engine=engine, place=place
            )
        except BaseException:
            self._let_go(finder)
            raise
        if found is None:
            self._let_go(finder)
            raise NoLineItem("No plugin here serves the gradebook of this LMS.")
        if self._is_anothers(place, found):
            self._let_go(finder)
            raise NoLineItem(ANOTHERS)
        return found if self._keep(finder, found) else None

    def find(self, resource_link_id: str | None, activity_id: str | None) -> LineItem | None:
        """The column that is remembered for a place, or None; nobody is asked."""
        with self._database.read() as connection:
            return find_known(connection, resource_link_id, activity_id)

    def list_urls(self, course: "Course") -> list[str]:
        """The columns that are remembered of a course."""
        query = (
            select(line_items.c.url)
            .join(resource_links, resource_links.c.id == line_items.c.resource_link_id)
            .where(
                line_items.c.organization_id == course.organization_id,
                resource_links.c.context_id == course.id,
                line_items.c.url.is_not(None),
            )
        )
        with self._database.read() as connection:
            return list(connection.execute(query).scalars())

    def forget(self, place: GradePlace, url: str) -> None:
        """Forget a column that the platform no longer has; another found since is kept.

        A launch that named it is not believed again: the next one may name its successor.
        """
        named = (resource_links.c.id == place.resource_link_id, resource_links.c.line_item_url)
        with self._database.write() as connection:
            connection.execute(delete(line_items).where(_at(place), line_items.c.url == url))
            connection.execute(
                update(resource_links).where(named[0], named[1] == url).values(line_item_url=None)
            )

    def _put_row(self, connection: Connection, place: GradePlace) -> Row[Any]:
        query = select(line_items).where(_at(place))
        row = connection.execute(query).one_or_none()
        if row is None:
            made = {
                "id": new_id(),
                "organization_id": place.platform.organization_id,
                "resource_link_id": place.resource_link_id,
                "activity_id": place.activity_id or "",
                "label": "",
            }
            try:
                with connection.begin_nested():
                    connection.execute(insert(line_items).values(made))
            except IntegrityError:
                pass  # Another worker made it at this moment.
            row = connection.execute(query).one()
        return row

    def _is_anothers(self, place: GradePlace, found: LineItem) -> bool:
        """Whether the scores of another quiz of this place go to this column already."""
        query = select(line_items.c.id).where(
            line_items.c.resource_link_id == place.resource_link_id,
            line_items.c.activity_id != (place.activity_id or ""),
            line_items.c.url == found.url,
        )
        with self._database.read() as connection:
            return connection.execute(query).first() is not None

    def _keep(self, finder: str, found: LineItem) -> bool:
        with self._database.write() as connection:
            kept = connection.execute(
                update(line_items)
                .where(line_items.c.finder == finder, line_items.c.url.is_(None))
                .values(
                    url=found.url,
                    label=found.label,
                    score_maximum=found.score_maximum,
                    resource_id=found.resource_id,
                    tag=found.tag,
                    lms_resource_link_id=found.resource_link_id,
                    finder=None,
                    finder_until=None,
                    found_at=now(),
                )
            )
        return kept.rowcount == 1

    def _let_go(self, finder: str) -> None:
        with self._database.write() as connection:
            connection.execute(
                update(line_items)
                .where(line_items.c.finder == finder)
                .values(finder=None, finder_until=None)
            )


def rename_column(connection: Connection, link_id: str, former_url: str, url: str) -> None:
    """Let the quiz that had a link's own column keep it: a launch calls it by another address now,
    and no other quiz has a column there.

    Some platforms name one by which the first score makes the column, and then the column's own.
    """
    of_link = line_items.c.resource_link_id == link_id
    taken = select(line_items.c.id).where(of_link, line_items.c.url == url)
    if connection.execute(taken).first() is None:
        known = of_link, line_items.c.url == former_url
        connection.execute(update(line_items).where(*known).values(url=url))


def find_known(
    connection: Connection, resource_link_id: str | None, activity_id: str | None
) -> LineItem | None:
    """The column that is remembered for a place, or None."""
    facts = {"link_id": resource_link_id, "activity": activity_id or ""}
    row = read_row(connection, _FIND, facts)
    return _line_item(row) if row else None


def _take(connection: Connection, row_id: str, finder: str) -> bool:
    moment = now()
    taken = connection.execute(
        update(line_items)
        .where(
            line_items.c.id == row_id,
            line_items.c.url.is_(None),
            or_(line_items.c.finder_until.is_(None), line_items.c.finder_until <= moment),
        )
        .values(finder=finder, finder_until=moment + FINDING)
    )
    return taken.rowcount == 1


def _at(place: GradePlace) -> ColumnElement[bool]:
    return and_(
        line_items.c.resource_link_id == place.resource_link_id,
        line_items.c.activity_id == (place.activity_id or ""),
    )


def _line_item(row: Row[Any]) -> LineItem:
    return LineItem(
        url=row.url,
        label=row.label,
        score_maximum=row.score_maximum,
        resource_id=row.resource_id,
        tag=row.tag,
        resource_link_id=row.lms_resource_link_id,
    )
