from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from mentorai.core.clock import now
from mentorai.core.engine import Engine
from mentorai.core.errors import (
    ConfigurationError,
    LaunchDenied,
    NotFound,
    PluginConflict,
    SessionRejected,
    TurnDenied,
)
from mentorai.core.hookspecs import hookimpl
from mentorai.core.mentors import Mentor
from mentorai.core.organizations import Organization
from mentorai.core.settings import Settings
from mentorai.core.values import (
    Context,
    Denial,
    Launch,
    MentorRef,
    Platform,
    ResourceLink,
    Role,
    Session,
)


class Watching:
    """A plugin that sees everything and changes what it is told to."""

    def __init__(self) -> None:
        self.engines: list[Engine] = []
        self.launches: list[Launch] = []
        self.sessions: list[Session] = []
        self.platforms: list[Platform] = []
        self.denial: Denial | None = None
        self.ref: MentorRef | None = None

    @hookimpl
    def engine_started(self, engine: Engine) -> None:
        self.engines.append(engine)

    @hookimpl
    def recognise_platform(self, issuer: str) -> str | None:
        return "lyceum" if issuer == "https://lms.example" else None

    @hookimpl
    def refine_launch(self, platform: Platform, launch: Launch) -> Launch | None:
        self.platforms.append(platform)
        return replace(launch, name="Refined") if platform.family == "lyceum" else None

    @hookimpl
    def judge_launch(self, launch: Launch) -> Denial | None:
        self.launches.append(launch)
        return self.denial

    @hookimpl
    def choose_mentor(self) -> MentorRef | None:
        return self.ref

    @hookimpl
    def judge_turn(self) -> Denial | None:
        return self.denial

    @hookimpl
    def launch_admitted(self, session: Session) -> None:
        self.sessions.append(session)


@pytest.fixture
def watching() -> Watching:
    return Watching()


@pytest.fixture
def engine(settings: Settings, watching: Watching) -> Any:
    engine = Engine.open(settings, plugins=[("watching", watching)])
    yield engine
    engine.close()


@pytest.fixture
def launch(organization: Organization) -> Launch:
    return Launch(
        organization_id=organization.id,
        registration_id="registration-1",
        deployment_id="1",
        issuer="https://lms.example",
        client_id="client",
        family_code="",
        message_type="LtiResourceLinkRequest",
        subject="user-1",
        role=Role.LEARNER,
        target="/",
        context=Context("course-1"),
        resource_link=ResourceLink("link-1", "Week 1"),
        locale="de",
    )


def test_plugins_are_told_that_the_engine_started(engine: Engine, watching: Watching) -> None:
    assert watching.engines == [engine]


def test_engine_does_not_start_with_a_misspelt_hook(settings: Settings) -> None:
    class Misspelt:
        @hookimpl
        def launch_admited(self) -> None:
            pass

    with pytest.raises(ConfigurationError, match="launch_admited"):
        Engine.open(settings, plugins=[("careless", Misspelt())])


def test_engine_does_not_start_with_two_plugins_of_one_name(settings: Settings) -> None:
    with pytest.raises(PluginConflict):
        Engine.open(settings, plugins=[("one", Watching()), ("one", Watching())])


def test_room_is_made_once(engine: Engine) -> None:
    class Room:
        def __init__(self, engine: Engine) -> None:
            self.engine = engine

    assert engine.room(Room) is engine.room(Room)
    assert engine.room(Room).engine is engine


def test_admitted_launch_opens_a_session(engine: Engine, mentor: Mentor, launch: Launch) -> None:
    session = engine.admit(launch, binding="browser")

    assert session.mentor_id == mentor.id
    assert session.role is Role.LEARNER
    assert session.locale == "de"
    assert engine.sessions.check(session.id, "browser") == session


def test_session_lasts_as_long_as_the_settings_say(
    engine: Engine, mentor: Mentor, launch: Launch
) -> None:
    session = engine.admit(launch, binding="browser")

    lasts = session.expires_at - now()
    assert timedelta(hours=7, minutes=59) < lasts <= timedelta(hours=8)


def test_session_is_of_no_use_to_another_browser(
    engine: Engine, mentor: Mentor, launch: Launch
) -> None:
    session = engine.admit(launch, binding="browser")

    with pytest.raises(SessionRejected):
        engine.sessions.check(session.id, "another")


def test_launch_is_recognised_and_refined_before_it_is_judged(
    engine: Engine, mentor: Mentor, launch: Launch, watching: Watching
) -> None:
    engine.admit(launch, binding="browser")

    assert watching.platforms[0].family == "lyceum"
    assert [(each.family_code, each.name) for each in watching.launches] == [("lyceum", "Refined")]


def test_unrecognised_platform_is_plain_lti(
    engine: Engine, mentor: Mentor, launch: Launch, watching: Watching
) -> None:
    engine.admit(replace(launch, issuer="https://other.example"), binding="browser")

    assert watching.launches[0].family_code == "lti"


def test_denied_launch_gives_the_reason_and_leaves_nothing(
    engine: Engine, mentor: Mentor, launch: Launch, watching: Watching
) -> None:
    watching.denial = Denial("The term is over.")

    with pytest.raises(LaunchDenied, match="The term is over"):
        engine.admit(launch, binding="browser")

    assert watching.sessions == []
    assert engine.mentors.find_placement(launch) is None


def test_plugins_are_told_of_an_admitted_launch(
    engine: Engine, mentor: Mentor, launch: Launch, watching: Watching
) -> None:
    session = engine.admit(launch, binding="browser")

    assert watching.sessions == [session]


def test_nobody_answers_where_there_is_no_mentor(engine: Engine, launch: Launch) -> None:
    with pytest.raises(NotFound, match="No mentor has been chosen"):
        engine.admit(launch, binding="browser")


def test_only_mentor_answers_everywhere(engine: Engine, mentor: Mentor, launch: Launch) -> None:
    assert engine.choose_mentor(launch) == MentorRef(mentor.id)


def test_nobody_is_guessed_among_several_mentors(
    engine: Engine, organization: Organization, mentor: Mentor, launch: Launch
) -> None:
    engine.mentors.add(organization.id, "Algae")

    with pytest.raises(NotFound):
        engine.choose_mentor(launch)


def test_custom_parameter_names_the_mentor(
    engine: Engine, organization: Organization, mentor: Mentor, launch: Launch
) -> None:
    algae = engine.mentors.add(organization.id, "Algae")

    named = replace(launch, custom={"mentor": "algae", "quiz": "quiz-7"})

    assert engine.choose_mentor(named) == MentorRef(algae.id, "quiz-7")


def test_custom_parameter_cannot_name_another_organizations_mentor(
    engine: Engine, mentor: Mentor, launch: Launch
) -> None:
    other = engine.organizations.put("other", "Other")
    foreign = engine.mentors.add(other.id, "Foreign")

    named = replace(launch, custom={"mentor": foreign.id})

    with pytest.raises(NotFound):
        engine.choose_mentor(named)


def test_place_remembers_its_mentor(
    engine: Engine, organization: Organization, mentor: Mentor, launch: Launch
) -> None:
    engine.admit(launch, binding="browser")

    engine.mentors.add(organization.id, "Algae")

    assert engine.choose_mentor(launch) == MentorRef(mentor.id)


def test_plugin_chooses_before_the_core(
    engine: Engine, organization: Organization, mentor: Mentor, launch: Launch, watching: Watching
) -> None:
    algae = engine.mentors.add(organization.id, "Algae")
    watching.ref = MentorRef(algae.id)

    assert engine.admit(launch, binding="browser").mentor_id == algae.id


def test_denied_message_is_not_answered(
    engine: Engine, mentor: Mentor, launch: Launch, watching: Watching
) -> None:
    session = engine.admit(launch, binding="browser")
    watching.denial = Denial("Not during the exam.")

    with pytest.raises(TurnDenied, match="Not during the exam"):
        engine.ask(session, "What is a limpet?")
