"""Kept data: what this installation keeps of a person, as counts, as an export, and taken away.

Scores and what led to them belong to the course and stay with it; conversations are the person's
own to take away.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Select, Table, delete, func, select

from mentorai.core.attempts import attempts
from mentorai.core.audit import Audit
from mentorai.core.conversation_rows import conversations, turns
from mentorai.core.database import Database
from mentorai.core.enrolment_rows import campus_enrolments
from mentorai.core.errors import NotFound
from mentorai.core.grade_rows import grades
from mentorai.core.mentors import mentors
from mentorai.core.people import enrolments, identities, people
from mentorai.core.places import contexts
from mentorai.core.row_locks import hold_rows

VERSION = 1


@dataclass(frozen=True, slots=True)
class PersonalData:
    """How much is kept of one person. since: when they first came."""

    name: str | None
    email: str | None
    since: datetime
    identities: int
    courses: int
    conversations: int
    messages: int
    attempts: int
    scores: int


@dataclass(frozen=True, slots=True)
class OrganizationData:
    """How much is kept in one organization."""

    people: int
    courses: int
    conversations: int
    messages: int
    attempts: int
    scores: int


class KeptData:
    """What is kept, of people and of organizations."""

    def __init__(self, database: Database, audit: Audit) -> None:
        self._database = database
        self._audit = audit

    def read_person(self, organization_id: str, person_id: str) -> PersonalData:
        """How much is kept of this person. Raises NotFound."""
        with self._database.read() as connection:
            row = _get_person(connection, organization_id, person_id)
            return PersonalData(
                name=row.name,
                email=row.email,
                since=row.created_at,
                identities=_count(connection, identities, person_id=person_id),
                courses=_count(connection, enrolments, person_id=person_id),
                conversations=_count(connection, conversations, person_id=person_id),
                messages=_count_turns(connection, conversations.c.person_id == person_id),
                attempts=_count(connection, attempts, person_id=person_id),
                scores=_count(connection, grades, person_id=person_id),
            )

    def read_organization(self, organization_id: str) -> OrganizationData:
        """How much is kept in this organization."""
        with self._database.read() as connection:
            return OrganizationData(
                people=_count(connection, people, organization_id=organization_id),
                courses=_count(connection, contexts, organization_id=organization_id),
                conversations=_count(connection, conversations, organization_id=organization_id),
                messages=_count_turns(
                    connection, conversations.c.organization_id == organization_id
                ),
                attempts=_count(connection, attempts, organization_id=organization_id),
                scores=_count(connection, grades, organization_id=organization_id),
            )

    def export(self, organization_id: str, person_id: str) -> dict[str, Any]:
        """All that is kept of this person, ready for JSON: person, courses, enrolments by the
        campus, conversations with their turns, attempts with answers and marks (not the right
        answers), scores.

        Raises NotFound.
        """
        with self._database.read() as connection:
            person = _get_person(connection, organization_id, person_id)
            return {
                "version": VERSION,
                "person": {
                    "id": person.id,
                    "name": person.name,
                    "email": person.email,
                    "first_seen_at": _moment(person.created_at),
                    "known_to_platforms_as": _rows(connection, _select_identities(person_id)),
                },
                "courses": _rows(connection, _select_courses(person_id)),
                "enrolled_by_the_campus": _rows(connection, _select_enrolments(person_id)),
                "conversations": _read_conversations(connection, person_id),
                "attempts": _read_attempts(connection, person_id),
                "scores": _rows(connection, _select_scores(person_id)),
            }

    def delete_conversations(self, organization_id: str, person_id: str) -> int:
        """Take away every conversation of this person with any mentor; how many there were.

        They did it themselves, and the audit says so. Raises NotFound.
        """
        with self._database.write() as connection:
            _get_person(connection, organization_id, person_id)
            mine = (
                conversations.c.organization_id == organization_id,
                conversations.c.person_id == person_id,
            )
            hold_rows(connection, conversations, *mine, to_delete=True)
            count = connection.execute(delete(conversations).where(*mine)).rowcount
            if count:
                self._audit.write(
                    connection,
                    organization_id=organization_id,
                    actor=person_id,
                    action="conversations_deleted",
                    subject=person_id,
                    facts={"count": count},
                )
        return count


def _get_person(connection: Connection, organization_id: str, person_id: str) -> Any:
    query = select(people).where(
        people.c.organization_id == organization_id, people.c.id == person_id
    )
    row = connection.execute(query).first()
    if row is None:
        raise NotFound("There is no such person.")
    return row


def _count(connection: Connection, table: Table, **columns: str) -> int:
    query = select(func.count()).select_from(table)
    for name, value in columns.items():
        query = query.where(table.c[name] == value)
    return int(connection.execute(query).scalar_one())


def _count_turns(connection: Connection, whose: Any) -> int:
    joined = turns.join(conversations, conversations.c.id == turns.c.conversation_id)
    query = select(func.count()).select_from(joined).where(whose)
    return int(connection.execute(query).scalar_one())


def _select_identities(person_id: str) -> Select[Any]:
    return (
        select(identities.c.authority, identities.c.subject)
        .where(identities.c.person_id == person_id)
        .order_by(identities.c.authority, identities.c.subject)
    )


def _select_courses(person_id: str) -> Select[Any]:
    return (
        select(contexts.c.label, contexts.c.title, enrolments.c.role)
        .join(enrolments, enrolments.c.context_id == contexts.c.id)
        .where(enrolments.c.person_id == person_id)
        .order_by(contexts.c.title, contexts.c.id)
    )


def _select_enrolments(person_id: str) -> Select[Any]:
    table = campus_enrolments
    return (
        select(
            mentors.c.display_name.label("mentor"),
            *(table.c[name] for name in ("section", "role", "name", "email", "created_at")),
        )
        .join(mentors, mentors.c.id == table.c.mentor_id)
        .join(identities, identities.c.id == table.c.identity_id)
        .where(identities.c.person_id == person_id)
        .order_by(table.c.section, table.c.id)
    )


def _select_scores(person_id: str) -> Select[Any]:
    return (
        select(
            mentors.c.display_name.label("mentor"),
            *(grades.c[name] for name in ("quiz_id", "given", "maximum", "comment", "source")),
            grades.c.submitted_at,
            grades.c.sync_status,
        )
        .join(mentors, mentors.c.id == grades.c.mentor_id)
        .where(grades.c.person_id == person_id)
        .order_by(grades.c.submitted_at, grades.c.id)
    )


def _read_conversations(connection: Connection, person_id: str) -> list[dict[str, Any]]:
    query = (
        select(conversations, mentors.c.display_name)
        .join(mentors, mentors.c.id == conversations.c.mentor_id)
        .where(conversations.c.person_id == person_id)
        .order_by(conversations.c.created_at, conversations.c.id)
    )
    said: dict[str, list[dict[str, Any]]] = {}
    spoken = (
        select(turns)
        .join(conversations, conversations.c.id == turns.c.conversation_id)
        .where(conversations.c.person_id == person_id)
        .order_by(turns.c.conversation_id, turns.c.ordinal)
    )
    for row in connection.execute(spoken):
        said.setdefault(row.conversation_id, []).append(
            {
                "at": _moment(row.created_at),
                "message": row.message,
                "reply": row.reply,
                "status": row.status,
                "citations": row.citations,
            }
        )
    return [
        {
            "id": row.id,
            "mentor": row.display_name,
            "title": row.title,
            "began_at": _moment(row.created_at),
            "turns": said.get(row.id, []),
        }
        for row in connection.execute(query)
    ]


def _read_attempts(connection: Connection, person_id: str) -> list[dict[str, Any]]:
    query = (
        select(attempts)
        .where(attempts.c.person_id == person_id)
        .order_by(attempts.c.started_at, attempts.c.id)
    )
    return [
        {
            "quiz": row.quiz_title,
            "number": row.number,
            "status": row.status,
            "started_at": _moment(row.started_at),
            "submitted_at": _moment(row.submitted_at),
            "given": row.given,
            "maximum": row.maximum,
            "answers": _read_answers(row.questions, row.answers),
        }
        for row in connection.execute(query)
    ]


def _read_answers(
    questions: Sequence[Mapping[str, Any]], given: Mapping[str, Any]
) -> list[dict[str, Any]]:
    """What was asked and what was answered; the right answers are the course's."""
    return [
        {
            "question": question["prompt"],
            "options": list(question.get("options", ())),
            "answer": given.get(question["id"]),
        }
        for question in questions
    ]


def _rows(connection: Connection, query: Select[Any]) -> list[dict[str, Any]]:
    return [
        {name: _moment(value) for name, value in row._mapping.items()}
        for row in connection.execute(query)
    ]


def _moment(value: Any) -> Any:
    return value.isoformat() if isinstance(value, datetime) else value
