"""What a platform's launches leave, counted and removed."""

from dataclasses import replace

import pytest
from sqlalchemy import select

from mentorai.core.clock import now
from mentorai.core.engine import Engine
from mentorai.core.mentors import Mentor
from mentorai.core.places import contexts
from mentorai.core.roster_rows import Reading, keep_members
from mentorai.core.traces import Traces, count_traces, is_known, remove_traces
from mentorai.core.values import Launch, Member, Role
from tests.fakes.visitor import open_session

NOTHING = Traces(persons=0, enrolments=0, links=0, sessions=0)
PLATFORM = "registration"


@pytest.fixture
def launch(mentor: Mentor) -> Launch:
    return Launch(
        organization_id=mentor.organization_id,
        registration_id="other",
        deployment_id="1",
        issuer="https://other.example",
        client_id="client",
        family_code="lti",
        message_type="LtiResourceLinkRequest",
        subject="ana",
        role=Role.LEARNER,
        target="/",
    )


def test_traces_of_a_platform_are_counted(engine: Engine, mentor: Mentor) -> None:
    open_session(engine, mentor, subject="ana")
    open_session(engine, mentor, subject="ana")
    open_session(engine, mentor, subject="bo")

    counted = count_traces(engine.database, PLATFORM)

    assert counted == Traces(persons=2, enrolments=2, links=1, sessions=3)
    assert count_traces(engine.database, "other") == NOTHING
    assert is_known(engine.database, PLATFORM, "ana")
    assert not is_known(engine.database, PLATFORM, "cleo")
    assert not is_known(engine.database, "other", "ana")


def test_whom_a_roster_alone_tells_of_is_no_trace_of_a_launch(
    engine: Engine, mentor: Mentor
) -> None:
    open_session(engine, mentor, subject="ana")
    before = count_traces(engine.database, PLATFORM)
    with engine.database.write() as connection:
        context_id = connection.execute(select(contexts.c.id)).scalar_one()
        reading = Reading("r", mentor.organization_id, context_id, PLATFORM, now())
        # The worker reads it whenever it has the time.
        keep_members(connection, reading, [Member("ana", Role.LEARNER), Member("bo", Role.LEARNER)])

    assert is_known(engine.database, PLATFORM, "bo")
    assert count_traces(engine.database, PLATFORM) == before
    remove_traces(engine.database, PLATFORM)
    assert not is_known(engine.database, PLATFORM, "bo")


def test_traces_are_removed_with_grades_and_sessions(engine: Engine, mentor: Mentor) -> None:
    session = open_session(engine, mentor)
    engine.report_score(
        organization_id=mentor.organization_id,
        mentor_id=mentor.id,
        person_id=session.person_id,
        resource_link_id=session.resource_link_id,
        given=1.0,
        maximum=2.0,
    )

    remove_traces(engine.database, PLATFORM)

    assert count_traces(engine.database, PLATFORM) == NOTHING
    assert engine.sessions.find(mentor.organization_id, session.id) is None
    assert engine.people.find(mentor.organization_id, session.person_id) is None
    assert engine.grades.count(mentor.organization_id, mentor.id) == 0


def test_traces_of_nobody_in_particular_are_removed_too(
    engine: Engine, mentor: Mentor, launch: Launch
) -> None:
    launch = replace(launch, subject=None)
    with engine.database.write() as connection:
        person = engine.people.put_arrival(connection, launch).person
    session = engine.admit(launch)

    remove_traces(engine.database, "other")

    assert engine.people.find(mentor.organization_id, session.person_id) is None
    # Without a session nothing says which platform a nameless person came from.
    assert engine.people.find(mentor.organization_id, person.id) is not None


def test_traces_of_other_platforms_are_left(engine: Engine, mentor: Mentor, launch: Launch) -> None:
    open_session(engine, mentor)
    kept = engine.admit(launch)

    remove_traces(engine.database, PLATFORM)

    assert engine.people.find(mentor.organization_id, kept.person_id) is not None
    assert engine.sessions.find(mentor.organization_id, kept.id) is not None


def test_mentor_is_removed_with_all_that_is_its_own(engine: Engine, mentor: Mentor) -> None:
    session = open_session(engine, mentor)

    engine.mentors.remove(mentor.organization_id, mentor.id)

    assert engine.mentors.list(mentor.organization_id) == []
    assert engine.sessions.find(mentor.organization_id, session.id) is None
    assert engine.people.find(mentor.organization_id, session.person_id) is not None
