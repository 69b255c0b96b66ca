"""Old ids of an LTI 1.1 connection: believed when signed, or once IT approved."""

from collections.abc import Callable

import pytest

from mentorai.core.clock import now
from mentorai.core.engine import Engine
from mentorai.core.identifiers import new_id
from mentorai.core.people import people
from mentorai.lti.legacy_tables import import_people
from mentorai.lti.tool import Tool
from mentorai.plugins.sandbox.messages import OLD_KEY, OLD_SECRET
from tests.fakes.browserless import Browser
from tests.fakes.journeys import (
    COURSE,
    MENTOR_ITEM,
)
from tests.fakes.platforms import RunningSandbox


def test_person_of_an_old_connection_is_the_same_when_the_old_id_is_signed(
    engine: Engine,
    sandbox: RunningSandbox,
    registration_id: str,
    browsers: Callable[[], Browser],
) -> None:
    old = make_old_person(engine)
    sandbox.platform.behave({"old_ids": "signed"})

    browsers().launch(sandbox.url, "maya", COURSE, MENTOR_ITEM)

    assert person_of(engine, sandbox, registration_id, "maya") == old


@pytest.mark.parametrize("habit", ["unsigned", "stale"])
def test_old_id_without_proof_waits_for_it_and_is_believed_once_approved(
    engine: Engine,
    sandbox: RunningSandbox,
    registration_id: str,
    browsers: Callable[[], Browser],
    habit: str,
) -> None:
    old = make_old_person(engine)
    sandbox.platform.behave({"old_ids": habit})
    migrations, organization_id = engine.room(Tool).migrations, engine.organizations.get().id

    for _ in range(2):
        assert browsers().launch(sandbox.url, "maya", COURSE, MENTOR_ITEM).status_code == 200

    assert person_of(engine, sandbox, registration_id, "maya") != old
    (request,) = migrations.list(organization_id)
    migrations.approve(organization_id, request.id)
    browsers().launch(sandbox.url, "maya", COURSE, MENTOR_ITEM)
    assert person_of(engine, sandbox, registration_id, "maya") == old
    assert migrations.list(organization_id) == []


def test_request_says_what_is_wrong_with_the_latest_claim(
    engine: Engine,
    sandbox: RunningSandbox,
    registration_id: str,
    browsers: Callable[[], Browser],
) -> None:
    old = make_old_person(engine)
    migrations, organization_id = engine.room(Tool).migrations, engine.organizations.get().id
    sandbox.platform.behave({"old_ids": "unsigned"})
    browsers().launch(sandbox.url, "maya", COURSE, MENTOR_ITEM)

    sandbox.platform.behave({"old_ids": "signed"})
    browsers().launch(sandbox.url, "maya", COURSE, MENTOR_ITEM)

    (request,) = migrations.list(organization_id)
    assert request.reason == "conflict"
    assert person_of(engine, sandbox, registration_id, "maya") != old


def make_old_person(engine: Engine) -> str:
    """A person of an earlier registration, whose old id IT imported; their id."""
    organization_id = engine.organizations.get().id
    key = engine.room(Tool).consumer_keys.add(organization_id, OLD_KEY, OLD_SECRET)
    person_id = new_id()
    with engine.database.write() as connection:
        connection.execute(
            people.insert().values(id=person_id, organization_id=organization_id, created_at=now())
        )
    assert import_people(engine, key, ["user_id,person_id\n", f"old-maya,{person_id}\n"]) == 1
    return person_id


def person_of(
    engine: Engine, sandbox: RunningSandbox, registration_id: str, person: str
) -> str | None:
    subs = {p["id"]: p["sub"] for p in sandbox.description["people"]}
    with engine.database.read() as connection:
        found = engine.people.find_identity(
            connection, engine.organizations.get().id, f"lti:{registration_id}", subs[person]
        )
    return found.id if found else None
