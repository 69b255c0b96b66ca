"""Plugins hear that a session ended: once, with the reason, whoever ended it."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import timedelta

import pytest
import time_machine
from sqlalchemy import select

from mentorai.core.clock import now
from mentorai.core.embedding import Guest, issue_ticket, take_ticket
from mentorai.core.engine import Engine
from mentorai.core.errors import SessionEnded, SessionExpired
from mentorai.core.hookspecs import hookimpl
from mentorai.core.mentors import Mentor
from mentorai.core.settings import Settings
from mentorai.core.sign_ons import SignOff, sign_ons
from mentorai.core.values import Identity, Session
from tests.fakes.visitor import BINDING, open_session

PORTAL = "https://portal.example.edu"


class Listener:
    def __init__(self) -> None:
        self.told: list[tuple[str, str]] = []

    @hookimpl
    def session_ended(self, session: Session, reason: str) -> None:
        self.told.append((session.id, reason))


class Broken:
    @hookimpl
    def session_ended(self) -> None:
        raise RuntimeError


@pytest.fixture
def listener() -> Listener:
    return Listener()


@pytest.fixture
def engine(settings: Settings, listener: Listener) -> Iterator[Engine]:
    engine = Engine.open(settings, plugins=[("listener", listener), ("broken", Broken())])
    yield engine
    engine.close()


@pytest.fixture
def ada() -> Identity:
    hour = now() + timedelta(hours=1)
    return Identity("oidc:campus", "ada", hour, name="Ada", sign_on_id="sid-1")


def enter(engine: Engine, mentor: Mentor, who: Identity | Guest) -> Session:
    """A session that a browser has entered with a ticket."""
    where = (mentor.organization_id, mentor.id)
    return take_ticket(engine, issue_ticket(engine, *where, who, frame_origins=[PORTAL]).code, "b")


def test_plugins_hear_once_that_a_person_signed_out(engine, mentor, listener):
    session = open_session(engine, mentor)

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(lambda _: engine.end_session(session, "signed_out"), range(4)))

    assert listener.told == [(session.id, "signed_out")]
    with pytest.raises(SessionEnded):
        engine.sessions.check(session.id, BINDING)


def test_plugins_hear_once_that_a_session_ran_out(engine, mentor, listener):
    session = open_session(engine, mentor, hours=1)
    lasting = open_session(engine, mentor, hours=8, subject="ben")

    with time_machine.travel(now() + timedelta(hours=2), tick=False):
        engine.end_expired_sessions()
        engine.end_expired_sessions()
        with pytest.raises(SessionExpired):
            engine.sessions.check(session.id, BINDING)
        assert engine.sessions.check(lasting.id, BINDING) == lasting

    assert listener.told == [(session.id, "expired")]


def test_plugins_hear_nothing_of_a_ticket_that_nobody_used(engine, mentor, listener):
    where = (mentor.organization_id, mentor.id)
    issue_ticket(engine, *where, Guest("ada"), frame_origins=[PORTAL])

    with time_machine.travel(now() + timedelta(hours=9), tick=False):
        engine.end_expired_sessions()

    assert listener.told == []


@pytest.mark.parametrize(
    ("subject", "sign_on_id", "ends"),
    [
        ("ada", None, {"first", "second"}),
        ("ada", "sid-1", {"first"}),
        ("", "sid-2", {"second"}),
        ("", "sid-9", set()),
        ("ben", "sid-1", set()),
        ("", None, set()),
    ],
)
def test_campus_ends_what_it_names_and_nothing_else(
    engine, mentor, listener, ada, subject, sign_on_id, ends
):
    opened = {
        "first": enter(engine, mentor, ada).id,
        "second": enter(
            engine, mentor, Identity("oidc:campus", "ada", ada.expires_at, sign_on_id="sid-2")
        ).id,
    }
    enter(engine, mentor, Identity("oidc:other", "ada", ada.expires_at, sign_on_id="sid-1"))
    enter(engine, mentor, Guest("ada"))
    open_session(engine, mentor, subject="ada")

    for _ in range(2):
        engine.end_sign_on(
            SignOff(mentor.organization_id, "oidc:campus", "word-1", subject, sign_on_id)
        )

    assert {id_ for id_, _ in listener.told} == {opened[name] for name in ends}
    assert len(listener.told) == len(ends)
    assert {reason for _, reason in listener.told} <= {"logged_out"}


def test_word_that_is_repeated_ends_nothing_that_began_after_it(engine, mentor, listener, ada):
    word = SignOff(mentor.organization_id, "oidc:campus", "word-1", "ada")
    engine.end_sign_on(word)
    session = enter(engine, mentor, ada)

    engine.end_sign_on(word)
    assert listener.told == []
    engine.end_sign_on(replace(word, id="word-2"))

    assert listener.told == [(session.id, "logged_out")]


@pytest.mark.parametrize(
    ("word", "seconds", "over"),
    [
        ({"subject": "ada"}, -1, True),
        ({"subject": "ada"}, 1, False),
        ({"subject": "ada", "sign_on_id": "sid-1"}, -1, True),
        ({"subject": "ada", "sign_on_id": "sid-2"}, -1, False),
        ({"sign_on_id": "sid-1"}, -1, True),
        ({"subject": "ben"}, -1, False),
    ],
    ids=str,
)
def test_token_from_before_the_campus_signed_its_person_out_is_over(
    engine, organization, ada, word, seconds, over
):
    engine.end_sign_on(SignOff(organization.id, "oidc:campus", "word-1", **word))

    issued_at = now() + timedelta(seconds=seconds)
    assert engine.sign_ons.is_over(organization.id, ada, issued_at) is over


def test_campus_of_another_organization_ends_nothing(engine, mentor, listener, ada):
    other = engine.organizations.put("other", "Other")
    enter(engine, mentor, ada)

    engine.end_sign_on(SignOff(other.id, "oidc:campus", "word-1", "ada"))

    assert listener.told == []


def test_campus_signs_an_administrator_out_of_every_browser(engine, organization, ada):
    admin = engine.admin_identities.put(organization.id, ada)
    with engine.database.write() as connection:
        engine.sign_ons.note(
            connection, organization.id, ada, admin_id=admin.id, expires_at=ada.expires_at
        )

    engine.end_sign_on(SignOff(organization.id, "oidc:campus", "word-1", sign_on_id="sid-1"))

    assert engine.admins.get(admin.id).stamp != admin.stamp


def test_sign_ons_that_ran_out_are_forgotten(engine, mentor, ada):
    enter(engine, mentor, ada)

    with time_machine.travel(now() + timedelta(hours=9), tick=False):
        enter(engine, mentor, ada)

    with engine.database.read() as connection:
        assert len(connection.execute(select(sign_ons)).all()) == 1
