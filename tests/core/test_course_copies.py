"""Places in copied courses: who answers there the first time, and who keeps answering."""

from dataclasses import replace
from typing import Any

import pytest

from mentorai.core.engine import Engine
from mentorai.core.errors import NotFound
from mentorai.core.mentors import Mentor
from mentorai.core.values import Context, FormerIds, Launch, MentorRef, ResourceLink, Role


@pytest.fixture
def other(engine: Engine, mentor: Mentor) -> Mentor:
    """A second mentor, so that none is the only one."""
    return engine.mentors.add(mentor.organization_id, "Algae")


def make_launch(mentor: Mentor, link: str, context: str = "spring", **facts: Any) -> Launch:
    launch = Launch(
        organization_id=mentor.organization_id,
        registration_id="registration",
        deployment_id="1",
        issuer="https://lms.example",
        client_id="client",
        family_code="lti",
        message_type="LtiResourceLinkRequest",
        subject="ana",
        role=Role.LEARNER,
        target="/",
        context=Context(context),
        resource_link=ResourceLink(link, "Week 1"),
    )
    return replace(launch, **facts)


@pytest.fixture
def original(engine: Engine, mentor: Mentor, other: Mentor) -> Launch:
    """A place for a quiz, opened once."""
    launch = make_launch(mentor, "1", custom={"mentor": mentor.id, "quiz": "quiz-7"})
    engine.admit(launch)
    return launch


def note(engine: Engine, mentor: Mentor, context: str, *origins: str, **facts: str) -> None:
    where = {"organization_id": mentor.organization_id, "registration_id": "registration"}
    with engine.database.write() as connection:
        engine.course_copies.note(
            connection, **where | facts, lms_context_id=context, origins=origins
        )


def test_copied_place_is_answered_as_the_original_was(
    engine: Engine, mentor: Mentor, original: Launch
) -> None:
    session = engine.admit(make_launch(mentor, "2", "autumn", link_history=("9", "1")))

    assert (session.mentor_id, session.quiz_id) == (mentor.id, "quiz-7")


def test_copied_place_keeps_what_it_once_took_over(
    engine: Engine, mentor: Mentor, other: Mentor, original: Launch
) -> None:
    copied = make_launch(mentor, "2", "autumn", link_history=("1",))
    engine.admit(copied)
    engine.admit(replace(original, custom={"mentor": other.id}))

    assert engine.choose_mentor(copied) == MentorRef(mentor.id, "quiz-7")


def test_place_that_was_given_another_mentor_keeps_it(
    engine: Engine, mentor: Mentor, other: Mentor, original: Launch
) -> None:
    copied = make_launch(mentor, "2", "autumn", link_history=("1",))
    engine.admit(replace(copied, custom={"mentor": other.id}))

    assert engine.choose_mentor(copied) == MentorRef(other.id)


def test_place_is_not_taken_over_from_another_registration(
    engine: Engine, mentor: Mentor, original: Launch
) -> None:
    foreign = make_launch(
        mentor,
        "2",
        "autumn",
        registration_id="another",
        link_history=("1",),
        context_history=("spring",),
    )

    with pytest.raises(NotFound):
        engine.choose_mentor(foreign)


def test_place_is_not_taken_over_from_another_organization(
    engine: Engine, mentor: Mentor, original: Launch
) -> None:
    engine.organizations.put("other", "Other")
    foreign = make_launch(
        mentor, "2", organization_id=engine.organizations.get("other").id, link_history=("1",)
    )

    with pytest.raises(NotFound):
        engine.choose_mentor(foreign)


def test_place_of_the_own_deployment_goes_before_one_of_the_same_id_elsewhere(
    engine: Engine, mentor: Mentor, other: Mentor, original: Launch
) -> None:
    engine.admit(make_launch(mentor, "1", deployment_id="2", custom={"mentor": other.id}))

    copied = make_launch(mentor, "2", deployment_id="2", link_history=("1",))

    assert engine.choose_mentor(copied) == MentorRef(other.id)


def test_place_takes_nothing_over_where_two_deployments_share_the_id(
    engine: Engine, mentor: Mentor, other: Mentor, original: Launch
) -> None:
    engine.admit(make_launch(mentor, "1", deployment_id="2", custom={"mentor": other.id}))

    with pytest.raises(NotFound):
        engine.choose_mentor(make_launch(mentor, "2", deployment_id="3", link_history=("1",)))


def test_history_of_the_context_is_enough_for_a_place_of_the_same_title(
    engine: Engine, mentor: Mentor, original: Launch
) -> None:
    copied = make_launch(mentor, "2", "autumn", context_history=("spring",))

    assert engine.choose_mentor(copied) == MentorRef(mentor.id, "quiz-7")


def test_new_place_in_a_copied_course_has_the_mentor_of_all_its_places_and_no_quiz(
    engine: Engine, mentor: Mentor, original: Launch
) -> None:
    copied = make_launch(
        mentor,
        "2",
        "autumn",
        context_history=("spring",),
        resource_link=ResourceLink("2", "Week 9"),
    )

    assert engine.choose_mentor(copied) == MentorRef(mentor.id)


def test_new_place_has_nobody_where_several_answered_in_the_original_course(
    engine: Engine, mentor: Mentor, other: Mentor, original: Launch
) -> None:
    second = ResourceLink("5", "Week 2")
    engine.admit(make_launch(mentor, "5", resource_link=second, custom={"mentor": other.id}))
    copied = make_launch(
        mentor,
        "2",
        "autumn",
        context_history=("spring",),
        resource_link=ResourceLink("2", "Week 9"),
    )

    with pytest.raises(NotFound):
        engine.choose_mentor(copied)


def test_noticed_copies_are_followed_over_several_terms(
    engine: Engine, mentor: Mentor, original: Launch
) -> None:
    note(engine, mentor, "summer", "spring")
    note(engine, mentor, "autumn", "summer")

    assert engine.choose_mentor(make_launch(mentor, "2", "autumn")).quiz_id == "quiz-7"


def test_noticed_copy_of_another_registration_is_not_followed(
    engine: Engine, mentor: Mentor, original: Launch
) -> None:
    note(engine, mentor, "autumn", "spring", registration_id="another")

    with pytest.raises(NotFound):
        engine.choose_mentor(make_launch(mentor, "2", "autumn"))


def test_copies_that_go_round_in_a_circle_end(
    engine: Engine, mentor: Mentor, other: Mentor
) -> None:
    note(engine, mentor, "autumn", "summer", "autumn")
    note(engine, mentor, "summer", "autumn")

    with pytest.raises(NotFound):
        engine.choose_mentor(make_launch(mentor, "2", "autumn", context_history=("autumn",)))


def test_endless_copies_are_followed_for_a_while_and_no_longer(
    engine: Engine, mentor: Mentor, original: Launch
) -> None:
    note(engine, mentor, "autumn", *(f"term-{n}" for n in range(500)))
    history = tuple(f"old-{n}" for n in range(500))

    with pytest.raises(NotFound):
        engine.choose_mentor(
            make_launch(mentor, "2", "autumn", link_history=history, context_history=history)
        )


def test_place_of_an_old_connection_is_answered_as_it_said(
    engine: Engine, mentor: Mentor, other: Mentor
) -> None:
    with engine.database.write() as connection:
        engine.course_copies.put_former_place(
            connection, mentor.organization_id, "lti1p1:k", "old-2", MentorRef(other.id)
        )
    launch = make_launch(mentor, "2")

    former = FormerIds("lti1p1:k", resource_link_id="old-2")
    assert engine.choose_mentor(replace(launch, former=former)) == MentorRef(other.id)
    with pytest.raises(NotFound):
        engine.choose_mentor(replace(launch, former=replace(former, authority="lti1p1:x")))


def test_copied_place_starts_without_grades_and_conversations(
    engine: Engine, mentor: Mentor, original: Launch
) -> None:
    first = engine.admit(original)
    list(engine.ask(first, "What is a limpet?"))

    copied = engine.admit(make_launch(mentor, "2", "autumn", link_history=("1",)))

    latest = engine.conversations.latest(
        mentor.organization_id, mentor.id, copied.person_id, copied.context_id
    )
    assert copied.person_id == first.person_id
    assert latest is None
