"""The guard finds what it is there for, and has no exception that nothing needs."""

from importlib import import_module
from pkgutil import iter_modules

import pytest
from flask import g
from sqlalchemy import delete, exists, func, insert, select, text, update

from mentorai import core, lti
from mentorai.core import database
from mentorai.core.conversation_rows import conversations, turns
from mentorai.core.dataset_rows import datasets, passages
from mentorai.core.grade_rows import grades
from mentorai.core.key_rows import CheckedKey
from mentorai.core.organizations import organizations
from mentorai.core.people import people
from tests.web.data_guard import (
    EXCEPTIONS,
    NOBODYS,
    DataGuard,
    UnscopedStatement,
    find_problem,
    is_owned,
)

OURS = grades.c.mentor_id == "ours"
KEY = CheckedKey("key", "campus", "ours", frozenset(), "", "mentor", None)


@pytest.mark.parametrize(
    "statement",
    [
        select(grades).where(OURS),
        select(grades).where(grades.c.organization_id == "campus", grades.c.id == "x"),
        select(func.count()).select_from(select(grades).where(OURS).subquery()),
        select(turns).where(turns.c.conversation_id == "x"),
        select(grades, people.c.name).join(people, people.c.id == grades.c.person_id).where(OURS),
        select(grades).where(OURS, exists().where(people.c.id == grades.c.person_id)),
        update(conversations).where(conversations.c.mentor_id == "ours").values(title=""),
        delete(passages).where(passages.c.dataset_id.in_(["x", "y"])),
        insert(conversations).values(id="x", organization_id="campus", mentor_id="ours"),
        select(organizations),
    ],
    ids=range(10),
)
def test_statement_that_names_an_owner_passes(statement):
    assert find_problem(statement, [{}], KEY) is None


@pytest.mark.parametrize(
    "statement",
    [
        select(grades),
        select(grades).where(grades.c.id == "x"),
        select(grades).where((grades.c.id == "x") | OURS),
        select(grades).where(grades.c.mentor_id != "theirs"),
        select(turns).where(turns.c.id == "x"),
        select(grades, people.c.name).where(OURS),
        select(grades).join(people, people.c.id == grades.c.person_id),
        select(people).where(people.c.id.in_(select(grades.c.person_id))),
        select(grades).where(OURS, grades.c.person_id.in_(select(people.c.id))),
        select(func.count()).select_from(select(grades).subquery()),
        select(grades).where(OURS).union(select(grades)),
        update(conversations).where(conversations.c.id == "x").values(title=""),
        delete(datasets),
        text("SELECT * FROM grades WHERE mentor_id = 'ours'"),
    ],
    ids=range(14),
)
def test_statement_that_names_no_owner_is_found(statement):
    assert find_problem(statement, [{}], KEY)


@pytest.mark.parametrize(
    "statement",
    [
        select(grades).where(grades.c.mentor_id == "theirs"),
        select(grades).where(OURS, grades.c.organization_id == "elsewhere"),
        select(grades).where(grades.c.mentor_id.in_(["ours", "theirs"])),
        insert(conversations).values(id="x", organization_id="campus", mentor_id="theirs"),
    ],
    ids=range(4),
)
def test_owner_who_is_not_the_keys_is_found(statement):
    assert "another" in str(find_problem(statement, [{}], KEY))


def test_forgotten_filter_fails_the_call_that_runs_it(app, engine, data_guard):
    with app.test_request_context("/api/v1/grades"), engine.database.read() as connection:
        g.api_key = KEY

        with pytest.raises(UnscopedStatement, match="grades is not held to an owner"):
            connection.execute(select(grades).where(grades.c.id == "x"))

    assert len(data_guard.problems) == 1
    data_guard.problems.clear()


def test_guard_looks_at_what_the_api_runs(api, dataset, data_guard):
    api.get("/api/v1/datasets/latest")

    assert data_guard.seen > 0


def test_statement_outside_of_the_api_is_left_alone(engine):
    with DataGuard(engine.database) as guard, engine.database.read() as connection:
        connection.execute(select(grades))

    assert guard.seen == 0


def test_every_table_is_somebodys_or_says_why_it_is_nobodys(app):
    """A new table of a school's data: give it `organization_id`, or a foreign key to its parent."""
    for package in (core, lti):
        for module in iter_modules(package.__path__, f"{package.__name__}."):
            import_module(module.name)

    kept = {table.name for table in database.metadata.sorted_tables if not is_owned(table)}

    assert kept == set(NOBODYS)


@pytest.mark.parametrize("place", EXCEPTIONS)
def test_every_exception_names_a_function_and_a_reason(place):
    module, *names = place.split(".")[1:]
    found = import_module(f"mentorai.{place.split('.')[0]}.{module}")
    for name in names:
        found = getattr(found, name)

    assert callable(found)
    assert len(EXCEPTIONS[place]) > 20
