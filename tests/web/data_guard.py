"""Every statement that the API and the pages run names whose rows it means.

A guard listens to SQLAlchemy while they answer. A SELECT, UPDATE or DELETE must hold each table
that belongs to somebody (it has `organization_id` or `mentor_id`, or a foreign key to a table that
has) to an owner: by a condition on one of these columns, or by what it is joined to. Owners that
are named, also by an INSERT, must be the calling key's own; whoever opens a page has none. A
forgotten filter therefore fails whichever test comes past it first, whether or not that test looks
for a leak.

What it does not see: SQL given straight to the driver (`Database.run`, the check of a key).
"""

import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from flask import has_request_context, request
from sqlalchemy import Column, Table, event
from sqlalchemy.sql import operators, visitors
from sqlalchemy.sql.dml import Delete, Insert, Update
from sqlalchemy.sql.elements import (
    BinaryExpression,
    BindParameter,
    BooleanClauseList,
    Grouping,
    TextClause,
)
from sqlalchemy.sql.selectable import CTE, CompoundSelect, FromClause, Join, Select, Subquery

from mentorai.core.database import Database
from mentorai.web.auth import Caller, find_caller

OWNERS = ("organization_id", "mentor_id")
GUARDED = ("/api/", "/admin/", "/s/")

_SIGN_IN = "An e-mail address is one admin's in the whole installation, who names the organization."
_SETUP_CODE = "By the hash of a secret that names the organization; others are taken for their age."
_REGISTRATION = "By the id of a registration that was read by its owner in the same transaction."
_AGE = "Takes away rows, whosoever, that are too old to use."
_GRADE = "By ids of a grade that was read by its owner in the same transaction."
# Where a statement is right without an owner: the function (the innermost of ours) -> why.
EXCEPTIONS: Mapping[str, str] = {
    "core.admins.Admins.get": "The signed cookie names the admin, and the admin the organization.",
    "core.admins.Admins.any": "Only whether anybody has set up the installation yet.",
    "core.admins.Admins.sign_in": _SIGN_IN,
    "core.admins.Admins.check_setup_code": _SETUP_CODE,
    "core.admins.Admins._change": "By the id of the admin who signs in or out.",
    "core.admins._take": _SETUP_CODE,
    "core.admins._put": _SIGN_IN,
    "core.index.find_entries": "Full text; the query is held to the mentor (tests/core).",
    "core.index.replace_entries": "Full text; the ids are of passages that the caller read.",
    "core.quizzes._insert": "An id must be free in every organization; nothing more is asked.",
    "core.grades._put_row": _GRADE,
    "core.grades.Grades.override": _GRADE,
    "core.grades.Grades.put": _GRADE,
    "core.grades._check_reach": "Asks whether a person was ever the mentor's: a union of ways.",
    "core.key_uses.KeyUses._write": "Counts by the ids of keys that were checked.",
    "core.kept_sheets.KeptSheets.put": _AGE,
    "core.line_items.find_known": _GRADE,
    "core.outbox.Outbox.put": _GRADE,
    "core.outbox.Outbox.resend": _GRADE,
    "core.outbox_rows.find_brief": "By the id of a row that the caller has just put in.",
    "core.outbox_rows.is_next": "Only whether that row is the next of its platform's, whosoever.",
    "core.outbox._find_registration": _GRADE,
    "core.outbox._find_obstacle": _GRADE,
    "core.destinations.find_destinations": _GRADE,
    "core.destinations._find_in_link": _GRADE,
    "core.destinations._find_own_column": _GRADE,
    "core.destinations._find_staff": _GRADE,
    "core.destinations._find_title": _GRADE,
    "core.webhook_events.note_settled_grade": _GRADE,
    "core.webhook_events.add_delivery": "By the id of a webhook that was read by its owner.",
    "core.sessions.Sessions.check": "By an id in the address; whose it is, the cookie has to show.",
    "core.sessions.Sessions.issue_handoff": _AGE,
    "core.sessions.Sessions.take_handoff": "By the hash of a secret, which is taken once.",
    "core.sessions.Sessions._end": "By ids that a browser showed to be its own, or by age.",
    "lti.deployments.find_state": _REGISTRATION,
    "lti.deployments.set_state": _REGISTRATION,
    "lti.invitations.Invitations.issue": _AGE,
    "lti.launch_log.LaunchLog._tidy": _AGE,
    "lti.launch_log_rows._find_owner": "Finds the organization that an attempt belongs to.",
    "lti.registrations.Registrations._change": _REGISTRATION,
    "lti.registrations.Registrations.find": "A launch says no organization but by this.",
}


# Tables that the guard does not look for, since no row of theirs has an owner -> why.
NOBODYS: Mapping[str, str] = {
    "organizations": "The owners themselves.",
    "key_uses": "Counts by the id of a key; whoever asks for them read the key by its owner.",
    "repeatable_calls": "Found by a SHA-256 of the key's id and the name that its owner gave.",
    "tool_keys": "The tool signs with the same for all.",
    "key_peppers": "Of the installation: which secrets keys were kept under.",
    "launch_tickets": "Of browsers that nobody knows yet.",
    "keysets": "What platforms publish, by its address.",
    "keyset_fetches": "When a published address was asked last.",
    "call_budgets": "How many calls a platform takes.",
    "api_ids": "Of a registration that was read by its owner, and gone with it.",
    "api_grades": "Of a registration that was read by its owner, and gone with it.",
    "platform_rests": "Since when a platform is left alone.",
}


DOORS = ("mentorai.core.prepared", "mentorai.core.database", "mentorai.core.row_locks")


class UnscopedStatement(AssertionError):
    """A statement reaches rows without saying whose they are, or names somebody else."""


class DataGuard:
    """Watches one database while the API or a page answers.

    seen: how many statements were looked at. problems: what was refused; a call that ran into it
    was answered with 500, so whoever opened the guard looks here as well.
    """

    def __init__(self, database: Database, exceptions: Mapping[str, str] = EXCEPTIONS) -> None:
        self.seen = 0
        self.problems: list[str] = []
        self._engine = database.engine
        self._exceptions = exceptions

    def __enter__(self) -> "DataGuard":
        event.listen(self._engine, "before_execute", self._look)
        return self

    def __exit__(self, *_: object) -> None:
        event.remove(self._engine, "before_execute", self._look)

    def _look(
        self, _connection: Any, statement: Any, multi: Any, parameters: Any, _options: Any
    ) -> None:
        if not has_request_context() or not request.path.startswith(GUARDED):
            return
        self.seen += 1
        problem = find_problem(statement, list(multi) or [parameters], find_caller())
        if problem is not None and _find_place() not in self._exceptions:
            self.problems.append(f"{_find_place()}: {problem}\n{statement}")
            raise UnscopedStatement(self.problems[-1])


def _find_place() -> str:
    """Who asked: not the doors through which prepared statements and locks go."""
    frame: Any = sys._getframe()
    while frame is not None:
        module = frame.f_globals.get("__name__", "")
        is_ours = module.startswith(("mentorai.core.", "mentorai.lti."))
        if is_ours and module not in DOORS:
            return f"{module.removeprefix('mentorai.')}.{frame.f_code.co_qualname}"
        frame = frame.f_back
    return "elsewhere"


def find_problem(
    statement: Any, rows: Sequence[Mapping[str, Any]], key: Caller | None
) -> str | None:
    """What is wrong with a statement; None if it holds every table to an owner.

    rows: the parameters it is executed with. key: who calls, if that is known.
    """
    if isinstance(statement, TextClause):
        return "it is text, which the guard cannot read"
    named = _inserted_owners(statement, rows) if isinstance(statement, Insert) else set()
    for part, outer in _parts(statement):
        conditions = list(_conditions(part))
        tables = [one for one in _tables(part) if is_owned(_table(one)) and one not in outer]
        held = _hold(tables, conditions)
        for one in tables:
            if one not in held:
                return f"{_table(one).name} is not held to an owner"
        for condition in conditions:
            named |= _named_owners(condition, rows)
    for column, owner in named:
        if not _may_name(key, column, owner):
            return f"it names another {column} than the key's"
    return None


def is_owned(table: Table) -> bool:
    """Whether rows of a table belong to an organization or a mentor, by themselves or by parent."""
    if any(name in table.c for name in OWNERS):
        return True
    parents = {key.column.table for key in table.foreign_keys} - {table}
    return any(is_owned(parent) for parent in parents)


def _may_name(key: Caller | None, column: str, owner: object) -> bool:
    bound = None if key is None else getattr(key, column)
    return bound is None or owner in (bound, None)


def _parts(statement: Any) -> Iterator[tuple[Any, Sequence[FromClause]]]:
    """The statement and every SELECT inside it, each with the outer tables it may refer to."""
    outer: list[FromClause] = []
    whole: set[Any] = set()
    for element in visitors.iterate(statement):
        if isinstance(element, (Subquery, CTE)):
            whole.add(element.element)
        elif isinstance(element, CompoundSelect):
            whole |= set(element.selects)
        elif isinstance(element, (Select, Update, Delete)):
            yield element, [] if element in whole else outer
            outer = outer or list(_tables(element))


def _tables(part: Any) -> Iterator[FromClause]:
    """The tables, or aliases of tables, whose rows a part reads or changes."""
    waiting: list[Any] = _sources(part)
    while waiting:
        one = waiting.pop()
        if isinstance(one, Join):
            waiting += [one.left, one.right]
        elif isinstance(one, Table) or isinstance(getattr(one, "element", None), Table):
            yield one


def _sources(part: Any) -> list[Any]:
    return list(part.get_final_froms()) if isinstance(part, Select) else [part.table]


def _table(source: Any) -> Table:
    found: Table = source if isinstance(source, Table) else source.element
    return found


def _conditions(part: Any) -> Iterator[Any]:
    """What must all be true of a row: the AND-ed parts of WHERE and of ON."""
    waiting = [part.whereclause] if part.whereclause is not None else []
    sources = _sources(part)
    while sources:
        one = sources.pop()
        if isinstance(one, Join):
            sources += [one.left, one.right]
            waiting.append(one.onclause)
    while waiting:
        one = waiting.pop()
        if isinstance(one, Grouping):
            waiting.append(one.element)
        elif isinstance(one, BooleanClauseList) and one.operator is operators.and_:
            waiting += list(one.clauses)
        else:
            yield one


def _hold(tables: Sequence[Any], conditions: Iterable[Any]) -> set[Any]:
    """The sources that are held to an owner, by themselves or by what they are joined to."""
    held: set[Any] = set()
    pairs: list[tuple[Any, Any]] = []
    for condition in conditions:
        if not isinstance(condition, BinaryExpression):
            continue
        left, right = condition.left, condition.right
        if isinstance(left, Column) and isinstance(right, Column):
            pairs += [(left, right), (right, left)]
        elif condition.operator in (operators.eq, operators.in_op):
            held |= {one.table for one in (left, right) if _names_owner(one)}
    return _spread(held, pairs, tables)


def _spread(held: set[Any], pairs: list[tuple[Any, Any]], tables: Sequence[Any]) -> set[Any]:
    grown = True
    while grown:
        # A source that is none of this part's is an outer SELECT's, and is looked at there.
        found = {
            other.table
            for one, other in pairs
            if (one.table in held or one.table not in tables) and _belong_together(one, other)
        }
        grown = not found <= held
        held = held | found
    return held


def _names_owner(column: Any) -> bool:
    """Whether a column says whose a row is: by an owner's id, or by its parent's."""
    if not isinstance(column, Column):
        return False
    table = _table(column.table)
    if column.name in OWNERS or any(name in table.c for name in OWNERS):
        return column.name in OWNERS
    return any(is_owned(key.column.table) for key in table.c[column.name].foreign_keys)


def _belong_together(left: Any, right: Any) -> bool:
    """Whether both mean the same owner or the same parent, or one is the id the other holds."""
    if left.name in OWNERS and right.name in OWNERS:
        return left.name == right.name
    ours, theirs = (_table(one.table).c[one.name] for one in (left, right))
    parents = [{key.column for key in one.foreign_keys} for one in (ours, theirs)]
    return ours.primary_key or theirs.primary_key or bool(parents[0] & parents[1])


def _named_owners(condition: Any, rows: Sequence[Mapping[str, Any]]) -> set[tuple[str, object]]:
    """The owners that a condition compares with: column and id."""
    if not isinstance(condition, BinaryExpression):
        return set()
    column, value = condition.left, condition.right
    if getattr(column, "name", "") not in OWNERS or not isinstance(value, BindParameter):
        return set()
    given = [row[value.key] for row in rows if value.key in row] or [value.effective_value]
    owners = [each for one in given for each in (one if isinstance(one, (list, tuple)) else [one])]
    return {(str(column.name), owner) for owner in owners}


def _inserted_owners(
    statement: Insert, rows: Sequence[Mapping[str, Any]]
) -> set[tuple[str, object]]:
    """The owners that new rows are given to: column and id."""
    written = statement.compile().params
    return {
        (name, owner)
        for row in rows
        for name in OWNERS
        if isinstance(owner := {**written, **row}.get(name), str)
    }
