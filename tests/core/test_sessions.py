from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
import time_machine
from sqlalchemy import select

from mentorai.core.clock import now
from mentorai.core.errors import SessionEnded, SessionExpired, SessionRejected
from mentorai.core.sessions import handoffs, sessions
from mentorai.core.values import Role
from tests.fakes.visitor import BINDING, open_session


@pytest.fixture
def session(engine, mentor):
    return open_session(engine, mentor, Role.INSTRUCTOR)


def test_session_opens_for_the_browser_it_was_opened_in(engine, session):
    assert engine.sessions.check(session.id, BINDING) == session
    assert session.role is Role.INSTRUCTOR


@pytest.mark.parametrize("binding", ["", "x", "c" * 64])
def test_session_is_refused_to_another_browser(engine, session, binding):
    with pytest.raises(SessionRejected) as caught:
        engine.sessions.check(session.id, binding)

    assert caught.value.code == "session_invalid"


def test_unknown_session_is_refused_like_another_browsers(engine):
    with pytest.raises(SessionRejected) as caught:
        engine.sessions.check("no such session", BINDING)

    assert caught.value.code == "session_invalid"


def test_session_without_binding_opens_for_nobody(engine, mentor):
    session = open_session(engine, mentor, binding="")

    with pytest.raises(SessionRejected):
        engine.sessions.check(session.id, "")


def test_session_is_refused_after_it_ran_out(engine, session):
    with time_machine.travel(now() + timedelta(hours=8, seconds=1)), pytest.raises(SessionExpired):
        engine.sessions.check(session.id, BINDING)


def test_session_is_refused_after_it_was_ended(engine, session):
    engine.sessions.end(session.id)
    engine.sessions.end(session.id)

    with pytest.raises(SessionEnded):
        engine.sessions.check(session.id, BINDING)


def test_session_is_found_in_its_own_organization_only(engine, organization, session):
    other = engine.organizations.put("other", "Other")

    assert engine.sessions.find(organization.id, session.id) == session
    assert engine.sessions.find(other.id, session.id) is None


def test_handoff_gives_the_session_once(engine, session):
    code = engine.sessions.issue_handoff(session.id)

    assert engine.sessions.take_handoff(code) == session
    with pytest.raises(SessionRejected):
        engine.sessions.take_handoff(code)


def test_handoff_is_refused_when_it_is_too_old(engine, session):
    code = engine.sessions.issue_handoff(session.id)

    with time_machine.travel(now() + timedelta(seconds=121)), pytest.raises(SessionRejected):
        engine.sessions.take_handoff(code)


def test_handoff_is_refused_when_the_session_was_ended(engine, session):
    code = engine.sessions.issue_handoff(session.id)
    engine.sessions.end(session.id)

    with pytest.raises(SessionEnded):
        engine.sessions.take_handoff(code)


def test_of_many_takers_of_a_handoff_one_gets_it(engine, session):
    code = engine.sessions.issue_handoff(session.id)

    def take(_):
        try:
            return engine.sessions.take_handoff(code)
        except SessionRejected:
            return None

    with ThreadPoolExecutor(6) as pool:
        taken = [found for found in pool.map(take, range(6)) if found]

    assert taken == [session]


def test_bound_session_belongs_to_the_new_browser_alone(engine, session):
    engine.sessions.bind(session.id, "new browser", "new_tab")

    assert engine.sessions.check(session.id, "new browser").way == "new_tab"
    with pytest.raises(SessionRejected):
        engine.sessions.check(session.id, BINDING)


def test_session_cannot_be_bound_to_nothing(engine, session):
    with pytest.raises(SessionRejected):
        engine.sessions.bind(session.id, "", "new_tab")


def test_neither_binding_nor_handoff_is_stored_in_clear(engine, session):
    code = engine.sessions.issue_handoff(session.id)

    with engine.database.read() as connection:
        kept = [connection.execute(select(table)).all() for table in (sessions, handoffs)]

    dump = repr(kept)
    assert session.id in dump
    assert BINDING not in dump
    assert code not in dump
