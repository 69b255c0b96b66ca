from dataclasses import replace
from typing import Any

import pytest
from sqlalchemy import insert

from mentorai.core.arrivals import find_arrival
from mentorai.core.engine import Engine
from mentorai.core.identifiers import new_id
from mentorai.core.line_items import LineItems, line_items
from mentorai.core.mentors import Mentor
from mentorai.core.organizations import Organization
from mentorai.core.values import Context, GradeService, Launch, MentorRef, ResourceLink, Role

GRADES = GradeService("https://lms.example/items/1", None, frozenset({"score"}))


@pytest.fixture
def launch(organization: Organization) -> Launch:
    return Launch(
        organization_id=organization.id,
        registration_id="registration-1",
        deployment_id="1",
        issuer="https://lms.example",
        client_id="client",
        family_code="lti",
        message_type="LtiResourceLinkRequest",
        subject="user-1",
        role=Role.LEARNER,
        target="/",
        name="Ada",
        email="ada@example.edu",
        context=Context("course-1", "BIO", "Biology"),
        resource_link=ResourceLink("link-1", "Week 1"),
    )


@pytest.fixture
def ref(engine: Engine, mentor: Mentor, launch: Launch) -> MentorRef:
    """Who answers in the launch's place, where its person has been before."""
    engine.admit(launch, binding="b" * 64)
    return MentorRef(mentor.id)


def test_same_launch_again_finds_the_same_rows(
    engine: Engine, launch: Launch, ref: MentorRef
) -> None:
    found = find_arrival(engine.database, launch)

    assert found is not None
    with engine.database.write() as connection:
        written = engine.people.put_arrival(connection, launch)
    assert (found.person, found.session_facts) == (written.person, written.session_facts)
    assert found.ref == ref


def test_withheld_name_and_email_are_nothing_new(
    engine: Engine, launch: Launch, ref: MentorRef
) -> None:
    found = find_arrival(engine.database, replace(launch, name=None, email=None))

    assert found is not None
    assert (found.person.name, found.person.email) == ("Ada", "ada@example.edu")


@pytest.mark.parametrize(
    "change",
    [
        {"subject": "user-2"},
        {"subject": None},
        {"registration_id": "registration-2"},
        {"deployment_id": "2"},
        {"name": "Ada L."},
        {"email": "a@example.edu"},
        {"role": Role.INSTRUCTOR},
        {"issuer": "https://other.example"},
        {"client_id": "other"},
        {"family_code": "moodle"},
        {"context": None},
        {"context": Context("course-2", "BIO", "Biology")},
        {"context": Context("course-1", "BIO", "Biology II")},
        {"memberships_url": "https://lms.example/members"},
        {"resource_link": None},
        {"resource_link": ResourceLink("link-2", "Week 1")},
        {"resource_link": ResourceLink("link-1", "Week 2")},
        {"grade_service": GRADES},
    ],
)
def test_whatever_is_new_has_to_be_written(
    engine: Engine, launch: Launch, ref: MentorRef, change: dict[str, Any]
) -> None:
    assert find_arrival(engine.database, replace(launch, **change)) is None


def test_another_mentor_in_the_place_is_written_down(
    engine: Engine, organization: Organization, launch: Launch, ref: MentorRef
) -> None:
    other = engine.mentors.add(organization.id, "Algae")

    engine.admit(replace(launch, custom={"mentor": other.id, "quiz": "quiz-1"}), binding="d" * 64)

    found = find_arrival(engine.database, launch)
    assert found is not None
    assert found.ref == MentorRef(other.id, "quiz-1")


def test_role_of_a_person_who_comes_back_is_that_of_the_session(
    engine: Engine, launch: Launch, ref: MentorRef
) -> None:
    session = engine.admit(replace(launch, role=Role.INSTRUCTOR), binding="c" * 64)

    assert session.role is Role.INSTRUCTOR
    assert find_arrival(engine.database, launch) is None


@pytest.mark.parametrize(("is_anothers", "kept"), [(False, "items/2"), (True, "items/1")])
def test_column_that_a_launch_calls_otherwise_stays_that_of_its_quiz(
    engine: Engine, launch: Launch, ref: MentorRef, is_anothers: bool, kept: str
) -> None:
    """Unless it is another quiz's already."""
    with engine.database.write() as connection:
        link_id = engine.people.put_arrival(
            connection, replace(launch, grade_service=GRADES)
        ).resource_link_id
        facts = {"organization_id": launch.organization_id, "resource_link_id": link_id}
        found = {"quiz-1": "items/1"} | ({"quiz-2": "items/2"} if is_anothers else {})
        for quiz, path in found.items():
            row = {"id": new_id(), "activity_id": quiz, "label": "", **facts}
            connection.execute(insert(line_items).values(url=f"https://lms.example/{path}", **row))

        again = GradeService("https://lms.example/items/2", None, frozenset({"score"}))
        engine.people.put_arrival(connection, replace(launch, grade_service=again))

    column = LineItems(engine.database).find(link_id, "quiz-1")
    assert column is not None
    assert column.url == f"https://lms.example/{kept}"
