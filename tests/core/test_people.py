from dataclasses import replace

import pytest
from sqlalchemy import Table, func, select

from mentorai.core.engine import Engine
from mentorai.core.organizations import Organization
from mentorai.core.people import Arrival, enrolments, people
from mentorai.core.places import contexts, resource_links
from mentorai.core.values import Context, GradeService, Launch, Person, ResourceLink, Role

LAUNCH = Launch(
    organization_id="",
    registration_id="registration-1",
    deployment_id="1",
    issuer="https://lms.example",
    client_id="client",
    family_code="",
    message_type="LtiResourceLinkRequest",
    subject="user-1",
    role=Role.LEARNER,
    target="/",
    name="Ada Byron",
    email="ada@example.edu",
    context=Context("course-1", "BIO 101", "Biology"),
    resource_link=ResourceLink("link-1", "Week 1"),
    grade_service=GradeService(
        line_items_url="https://lms.example/items", scopes=frozenset({"score", "lineitem"})
    ),
)


@pytest.fixture
def launch(organization: Organization) -> Launch:
    return replace(LAUNCH, organization_id=organization.id)


def _arrive(engine: Engine, launch: Launch) -> Arrival:
    with engine.database.write() as connection:
        return engine.people.put_arrival(connection, launch)


def _count(engine: Engine, table: Table) -> int:
    with engine.database.read() as connection:
        return connection.execute(select(func.count()).select_from(table)).scalar_one()


def test_person_is_known_again_by_subject(engine: Engine, launch: Launch) -> None:
    assert _arrive(engine, launch) == _arrive(engine, launch)
    assert _count(engine, people) == 1


def test_same_name_and_email_do_not_make_the_same_person(engine: Engine, launch: Launch) -> None:
    first = _arrive(engine, launch)

    other = _arrive(engine, replace(launch, subject="user-2"))

    assert other.person.id != first.person.id


def test_subject_of_another_platform_is_another_person(engine: Engine, launch: Launch) -> None:
    first = _arrive(engine, launch)

    other = _arrive(engine, replace(launch, registration_id="registration-2"))

    assert other.person.id != first.person.id
    assert other.context_id != first.context_id


def test_anonymous_launches_are_persons_of_their_own(engine: Engine, launch: Launch) -> None:
    anonymous = replace(launch, subject=None, name=None, email=None)

    assert _arrive(engine, anonymous).person != _arrive(engine, anonymous).person


def test_changed_name_is_mended(engine: Engine, launch: Launch) -> None:
    first = _arrive(engine, launch)

    _arrive(engine, replace(launch, name="Ada Lovelace"))

    assert engine.people.find(launch.organization_id, first.person.id) == Person(
        first.person.id, "Ada Lovelace", "ada@example.edu"
    )


def test_withheld_name_does_not_take_back_the_one_given_before(
    engine: Engine, launch: Launch
) -> None:
    first = _arrive(engine, launch)

    again = _arrive(engine, replace(launch, name=None, email=None))

    assert again.person == first.person


def test_person_of_another_organization_is_not_found(engine: Engine, launch: Launch) -> None:
    arrival = _arrive(engine, launch)
    other = engine.organizations.put("other", "Other")

    assert engine.people.find(other.id, arrival.person.id) is None


def test_changed_title_of_a_course_is_mended(engine: Engine, launch: Launch) -> None:
    _arrive(engine, launch)

    _arrive(engine, replace(launch, context=Context("course-1", "BIO 102", "Biology II")))

    with engine.database.read() as connection:
        rows = connection.execute(select(contexts.c.label, contexts.c.title)).all()
    assert [tuple(row) for row in rows] == [("BIO 102", "Biology II")]


def test_grade_service_of_a_link_is_kept(engine: Engine, launch: Launch) -> None:
    _arrive(engine, launch)

    with engine.database.read() as connection:
        row = connection.execute(select(resource_links)).one()
    assert row.line_items_url == "https://lms.example/items"
    assert row.grade_scopes == "lineitem score"


def test_same_link_id_in_another_deployment_is_another_link(engine: Engine, launch: Launch) -> None:
    first = _arrive(engine, launch)

    other = _arrive(engine, replace(launch, deployment_id="2"))

    assert other.resource_link_id != first.resource_link_id


def test_role_is_that_of_the_latest_launch(engine: Engine, launch: Launch) -> None:
    _arrive(engine, launch)

    _arrive(engine, replace(launch, role=Role.INSTRUCTOR))

    with engine.database.read() as connection:
        roles = list(connection.execute(select(enrolments.c.role)).scalars())
    assert roles == ["instructor"]


def test_launch_outside_a_course_enrols_nobody(engine: Engine, launch: Launch) -> None:
    arrival = _arrive(engine, replace(launch, context=None, resource_link=None))

    assert (arrival.context_id, arrival.resource_link_id) == (None, None)
    assert _count(engine, enrolments) == 0
