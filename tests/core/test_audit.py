from contextlib import suppress
from datetime import timedelta

import pytest
import time_machine

from mentorai.core.audit import Audit
from mentorai.core.clock import now
from mentorai.core.engine import Engine
from mentorai.core.organizations import Organization


@pytest.fixture
def audit(engine: Engine) -> Audit:
    return engine.audit


def write(engine: Engine, organization: Organization, action: str, **facts) -> None:
    with engine.database.write() as connection:
        engine.audit.write(
            connection,
            organization_id=organization.id,
            actor="ada",
            action=action,
            subject="thing",
            **facts,
        )


def test_entry_is_kept_with_all_that_was_said(engine, audit, organization):
    write(engine, organization, "key_issued", mentor_id="m", facts={"name": "LMS"})

    count, (entry,) = audit.list(organization.id)

    assert count == 1
    assert (entry.actor, entry.action, entry.subject) == ("ada", "key_issued", "thing")
    assert (entry.mentor_id, entry.facts) == ("m", {"name": "LMS"})
    assert entry.at.tzinfo is not None


def test_entry_is_not_kept_when_the_act_itself_failed(engine, audit, organization):
    with suppress(RuntimeError), engine.database.write() as connection:
        audit.write(connection, organization_id=organization.id, actor="a", action="b", subject="c")
        raise RuntimeError

    assert audit.list(organization.id) == (0, [])


def test_list_is_newest_first_and_paged(engine, audit, organization):
    for number in range(5):
        write(engine, organization, f"act_{number}")

    count, entries = audit.list(organization.id, page=2, page_size=2)

    assert count == 5
    assert [entry.action for entry in entries] == ["act_2", "act_1"]


def test_list_can_be_of_one_mentor_and_since_an_instant(engine, audit, organization):
    with time_machine.travel(now() - timedelta(days=1), tick=False):
        write(engine, organization, "old", mentor_id="m")
    write(engine, organization, "elsewhere", mentor_id="other")
    write(engine, organization, "new", mentor_id="m")

    _, entries = audit.list(organization.id, "m", since=now() - timedelta(hours=1))

    assert [entry.action for entry in entries] == ["new"]


def test_another_organizations_entries_are_not_listed(engine, audit, organization):
    other = engine.organizations.put("other", "Other")
    write(engine, other, "secret")

    assert audit.list(organization.id) == (0, [])
