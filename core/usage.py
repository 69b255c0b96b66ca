"""Usage: what happened in one mentor, fact by fact, as the rows of the other rooms tell it."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Select, select

from mentorai.core.attempts import attempts
from mentorai.core.conversation_rows import conversations, turns
from mentorai.core.periods import Period
from mentorai.core.places import resource_links
from mentorai.core.sessions import sessions

READ_AT_ONCE = 1_000
NOT_COVERED = "Not covered by the material"


@dataclass(frozen=True, slots=True)
class Fact:
    """One thing that happened. person_id: None if it came by API key. counts: what it adds to.

    places: kind of group -> (key, label) of each that it belongs to, besides time, course and
    person.
    """

    at: datetime
    person_id: str | None
    context_id: str | None
    counts: Mapping[str, float]
    places: Mapping[str, tuple[tuple[str, str], ...]] = field(default_factory=dict)


Where = tuple[str, str]
Reader = Callable[[Connection, Where, Period], Iterator[Fact]]


def read_visits(connection: Connection, where: Where, period: Period) -> Iterator[Fact]:
    """People coming from a course."""
    at = sessions.c.created_at
    query = select(at, sessions.c.person_id, sessions.c.context_id)
    for row in _rows(connection, query, sessions, where, at, period):
        yield Fact(row.created_at, row.person_id, row.context_id, {"visits": 1})


def read_conversations(connection: Connection, where: Where, period: Period) -> Iterator[Fact]:
    """Conversations begun."""
    table = conversations
    query = select(table.c.created_at, table.c.person_id, table.c.context_id)
    for row in _rows(connection, query, table, where, table.c.created_at, period):
        yield Fact(row.created_at, row.person_id, row.context_id, {"conversations": 1})


def read_messages(connection: Connection, where: Where, period: Period) -> Iterator[Fact]:
    """Messages asked, also those that were never answered."""
    for row in _messages(connection, where, period):
        counts = {"messages": 1} | ({"weak_matches": 1} if row.weak_match else {})
        yield Fact(row.created_at, row.person_id, row.context_id, counts)


def read_topics(connection: Connection, where: Where, period: Period) -> Iterator[Fact]:
    """Messages, by what of the material their answers cite."""
    for row in _messages(connection, where, period, turns.c.citations):
        documents = {(one["document_id"], one["document_name"]) for one in row.citations}
        headings = {
            (f"{one['document_id']} {one['heading']}", f"{one['document_name']}: {one['heading']}")
            for one in row.citations
        }
        places = {
            "document": tuple(sorted(documents)) or (("", NOT_COVERED),),
            "heading": tuple(sorted(headings)) or (("", NOT_COVERED),),
        }
        yield Fact(row.created_at, row.person_id, row.context_id, {"messages": 1}, places)


def read_uses(connection: Connection, where: Where, period: Period) -> Iterator[Fact]:
    """Every use of a tool: the chat in the course, the chat by API, quizzes."""
    for row in _messages(connection, where, period, conversations.c.key_id):
        tool = ("chat_by_api", "Chat by API") if row.key_id else ("chat", "Chat")
        yield Fact(row.created_at, row.person_id, row.context_id, {"uses": 1}, {"tool": (tool,)})
    for fact in read_attempts(connection, where, period):
        tool = ("quiz", "Quiz")
        yield Fact(fact.at, fact.person_id, fact.context_id, {"uses": 1}, {"tool": (tool,)})


def read_attempts(connection: Connection, where: Where, period: Period) -> Iterator[Fact]:
    """Attempts begun by students; `percent` adds up over the submitted ones."""
    table = attempts
    query = (
        select(
            *(table.c[n] for n in ("started_at", "person_id", "quiz_id", "quiz_title")),
            *(table.c[n] for n in ("status", "given", "maximum")),
            resource_links.c.context_id,
        )
        .outerjoin(resource_links, resource_links.c.id == table.c.resource_link_id)
        .where(table.c.staff.is_(False))
    )
    for row in _rows(connection, query, table, where, table.c.started_at, period):
        counts: dict[str, float] = {"attempts": 1}
        if row.status == "submitted":
            share = row.given / row.maximum if row.given is not None and row.maximum else 0
            counts |= {"submitted": 1, "percent": 100 * share}
        places = {"quiz": ((row.quiz_id, row.quiz_title),)}
        yield Fact(row.started_at, row.person_id, row.context_id, counts, places)


def _messages(connection: Connection, where: Where, period: Period, *more: Any) -> Iterator[Any]:
    table = conversations
    query = select(
        turns.c.created_at, turns.c.weak_match, table.c.person_id, table.c.context_id, *more
    ).join(table, table.c.id == turns.c.conversation_id)
    return _rows(connection, query, table, where, turns.c.created_at, period)


def _rows(
    connection: Connection, query: Select[Any], table: Any, where: Where, at: Any, period: Period
) -> Iterator[Any]:
    organization_id, mentor_id = where
    query = query.where(
        table.c.organization_id == organization_id,
        table.c.mentor_id == mentor_id,
        at >= period.start,
        at < period.end,
    )
    return iter(connection.execution_options(yield_per=READ_AT_ONCE).execute(query))
