"""Rosters: read whole or by differences, and nobody taken off because a read went wrong."""

import threading
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta

import pytest
import time_machine
from sqlalchemy import update

from mentorai.core import hookimpl, jobs
from mentorai.core.clock import now
from mentorai.core.connections import Connections
from mentorai.core.course_people import Course, CoursePerson
from mentorai.core.engine import Engine
from mentorai.core.errors import (
    Conflict,
    NotFound,
    PlatformReplyInvalid,
    PlatformThrottled,
    PlatformUnavailable,
)
from mentorai.core.jobs import Jobs, run_worker
from mentorai.core.launch_facts import GroupService, LaunchDetails
from mentorai.core.mentors import Mentor
from mentorai.core.organizations import Organization
from mentorai.core.orphans import ECHO_SECONDS
from mentorai.core.roster_rows import rosters
from mentorai.core.settings import Settings
from mentorai.core.values import (
    Context,
    CourseSection,
    Group,
    Launch,
    Member,
    Platform,
    ResourceLink,
    Role,
    RosterEnd,
    Session,
)
from mentorai.lti.registration_rows import registrations
from tests.fakes.workers import dead_lease

MEMBERS_URL = "https://lms.example/members"
START = datetime(2026, 11, 24, 9, 0, tzinfo=UTC)


class Details(LaunchDetails):
    """A launch that names the service of groups."""

    @property
    def group_service(self) -> GroupService:
        return GroupService("https://lms.example/groups")


class Registry:
    """A plugin that lists the members of its courses."""

    def __init__(self) -> None:
        self.members: list[Member] = []
        self.changed: list[Member] = []
        self.breaks_after: int | None = None
        self.error: Exception = PlatformUnavailable()
        self.later_url: str | None = None
        self.groups: list[Group] | Exception = []
        self.names_sections: list[Member | CourseSection | Group] = []
        self.sections_error: Exception | None = None
        self.lists_by_itself = False
        self.asked: list[str] = []
        self.platforms: list[Platform] = []
        self.meanwhile: Callable[[], None] = lambda: None

    @hookimpl
    def list_members(
        self, platform: Platform, memberships_url: str, context: Context
    ) -> Iterator[Member | CourseSection | Group | RosterEnd] | None:
        if not memberships_url and not self.lists_by_itself:
            return None
        self.asked.append(memberships_url)
        self.platforms.append(platform)
        if not memberships_url:
            return iter([*self.members, *self.names_sections])
        return self._list(self.changed if memberships_url != MEMBERS_URL else self.members)

    @hookimpl
    def list_sections(self, context: Context) -> Iterator[Member | CourseSection | Group] | None:
        return self._name_sections(context) if self.names_sections else None

    def _name_sections(self, context: Context) -> Iterator[Member | CourseSection | Group]:
        assert context == Context("course-1", "TP1", "Tide pools")
        yield from self.names_sections
        if self.sections_error:
            raise self.sections_error

    @hookimpl
    def list_groups(self, service: GroupService) -> Iterator[Group]:
        if isinstance(self.groups, Exception):
            raise self.groups
        return iter(self.groups)

    def _list(self, members: list[Member]) -> Iterator[Member | RosterEnd]:
        for number, member in enumerate(members):
            if number == self.breaks_after:
                raise self.error
            yield member
        self.meanwhile()
        if self.later_url:
            yield RosterEnd(self.later_url)


@pytest.fixture
def registry() -> Registry:
    return Registry()


@pytest.fixture
def engine(settings: Settings, registry: Registry) -> Iterator[Engine]:
    engine = Engine.open(settings, plugins=[("registry", registry)])
    yield engine
    engine.close()


@pytest.fixture
def clock() -> Iterator[object]:
    with time_machine.travel(START, tick=False) as traveller:
        yield traveller


def open_course(
    engine: Engine,
    organization: Organization,
    subject: str = "teacher",
    role: Role = Role.INSTRUCTOR,
    memberships_url: str | None = MEMBERS_URL,
    name: str | None = "Grace",
    course: str = "course-1",
) -> Session:
    return engine.admit(
        Launch(
            organization_id=organization.id,
            registration_id="registration-1",
            deployment_id="1",
            issuer="https://lms.example",
            client_id="tool",
            family_code="",
            message_type="LtiResourceLinkRequest",
            subject=subject,
            role=role,
            target="/",
            name=name,
            context=Context(course, "TP1", "Tide pools"),
            resource_link=ResourceLink(f"link of {course}"),
            memberships_url=memberships_url,
            details=Details(),
        )
    )


@pytest.fixture
def course(engine: Engine, organization: Organization, mentor: Mentor) -> Course:
    session = open_course(engine, organization)
    found = engine.course_people.find_course(organization.id, session.context_id)
    assert found is not None
    return found


def people(engine: Engine, course: Course) -> dict[str | None, CoursePerson]:
    return {person.name: person for person in engine.course_people.list_people(course)}


def sync(engine: Engine, course: Course, *, whole: bool = True) -> int:
    return engine.rosters.sync(course.organization_id, course.id, whole=whole)


def refreshed(engine: Engine, course: Course) -> Course:
    found = engine.course_people.find_course(course.organization_id, course.id)
    assert found is not None
    return found


def learner(number: int, **facts: object) -> Member:
    return Member(f"s-{number}", Role.LEARNER, name=f"Student {number:05}", **facts)  # type: ignore[arg-type]


def test_roster_brings_people_who_never_came(engine, registry, course):
    registry.members = [learner(1, email="one@example.edu"), learner(2, active=False)]

    count = sync(engine, course)

    found = people(engine, course)
    assert count == 2
    assert {name: (p.role, p.status) for name, p in found.items()} == {
        "Grace": (Role.INSTRUCTOR, ""),
        "Student 00001": (Role.LEARNER, "active"),
        "Student 00002": (Role.LEARNER, "inactive"),
    }
    assert registry.platforms[0].issuer == "https://lms.example"
    assert refreshed(engine, course).complete_at is not None


def test_member_who_launches_later_is_the_same_person(engine, registry, course, organization):
    registry.members = [learner(1)]
    sync(engine, course)
    listed = people(engine, course)["Student 00001"]

    session = open_course(engine, organization, "s-1", Role.LEARNER)

    assert session.person_id == listed.id


def test_role_of_the_launch_is_believed_rather_than_the_list(engine, registry, course):
    """Moodle lists a teacher who may not edit as a learner."""
    registry.members = [Member("teacher", Role.LEARNER)]

    sync(engine, course)

    (grace,) = engine.course_people.list_people(course)
    assert (grace.name, grace.role, grace.status) == ("Grace", Role.INSTRUCTOR, "active")


def test_name_that_is_withheld_later_is_kept(engine, registry, course):
    registry.members = [learner(1)]
    sync(engine, course)
    registry.members = [Member("s-1", Role.LEARNER)]

    sync(engine, course)

    assert "Student 00001" in people(engine, course)


def test_person_leaves_after_two_complete_reads_without_them(engine, registry, course):
    registry.members = [learner(1), learner(2)]
    sync(engine, course)
    registry.members = [learner(1)]

    sync(engine, course)
    after_one = people(engine, course)["Student 00002"].status
    sync(engine, course)

    assert after_one == "active"
    assert people(engine, course)["Student 00002"].status == "left"
    assert people(engine, course)["Student 00001"].status == "active"


def test_absences_count_only_in_a_row(engine, registry, course):
    both = [learner(1), learner(2)]
    for members in (both, both[:1], both, both[:1]):
        registry.members = members
        sync(engine, course)

    assert people(engine, course)["Student 00002"].status == "active"


def test_person_who_left_and_is_listed_again_is_back(engine, registry, course):
    both = [learner(1), learner(2)]
    for members in (both, both[:1], both[:1], both):
        registry.members = members
        sync(engine, course)

    assert people(engine, course)["Student 00002"].status == "active"


def test_read_that_breaks_off_removes_nobody_and_is_told(engine, registry, course):
    registry.members = [learner(number) for number in range(5)]
    sync(engine, course)
    complete_at = refreshed(engine, course).complete_at
    registry.breaks_after = 1

    for _ in range(3):
        with pytest.raises(PlatformUnavailable):
            sync(engine, course)

    assert {p.status for n, p in people(engine, course).items() if n != "Grace"} == {"active"}
    assert refreshed(engine, course).complete_at == complete_at
    assert refreshed(engine, course).error == PlatformUnavailable().message


def test_nobody_is_missed_whose_list_is_read_while_another_ones_is(
    engine, registry, course, organization, mentor
):
    """Who asks for what changed since the last one that they have, with the other at its end."""
    other = open_course(engine, organization, course="course-2")
    listed = engine.listed_enrolments
    seen = []

    def read_the_other() -> None:
        registry.meanwhile, registry.members = lambda: None, [learner(9)]
        engine.rosters.sync(organization.id, other.context_id)
        seen.extend(listed.list(organization.id, mentor.id))

    registry.members, registry.meanwhile = [learner(1)], read_the_other

    sync(engine, course)

    newer = listed.list(organization.id, mentor.id, since=seen[-1].changed_at)
    assert [one.user for one in seen] == ["s-9"]
    assert {one.user for one in newer} == {"s-9", "s-1"}


def test_empty_list_of_a_full_course_removes_nobody(engine, registry, course):
    registry.members = [learner(1)]
    sync(engine, course)
    registry.members = []

    for _ in range(3):
        with pytest.raises(PlatformReplyInvalid, match="empty"):
            sync(engine, course)

    assert people(engine, course)["Student 00001"].status == "active"


def test_broken_plugin_leaves_the_roster_as_it_was_and_free(engine, registry, course):
    registry.members = [learner(1), learner(2)]
    registry.breaks_after, registry.error = 1, KeyError("secret")
    with pytest.raises(KeyError):
        sync(engine, course)
    assert "secret" not in refreshed(engine, course).error
    registry.breaks_after = None

    assert sync(engine, course) == 2


def test_differences_are_read_where_offered_and_remove_nobody(engine, registry, course):
    registry.members = [learner(1), learner(2)]
    registry.later_url = "https://lms.example/members?since=1"
    sync(engine, course)
    registry.changed = [learner(3), learner(2, active=False, is_gone=True)]

    for _ in range(3):
        sync(engine, course, whole=False)

    assert registry.asked == [MEMBERS_URL, *["https://lms.example/members?since=1"] * 3]
    found = people(engine, course)
    assert found["Student 00001"].status == "active"
    assert found["Student 00002"].status == "inactive"
    assert found["Student 00003"].status == "active"


def test_whole_is_read_when_differences_are_refused(engine, registry, course):
    registry.members = [learner(1)]
    registry.later_url = "https://lms.example/members?since=1"
    sync(engine, course)

    class Expired(Registry):
        @hookimpl
        def list_members(self, memberships_url: str) -> Iterator[Member] | None:
            from mentorai.core.errors import PlatformRefused

            if memberships_url != MEMBERS_URL:
                raise PlatformRefused
            return None

    engine.plugins.add(Expired(), "expired")

    assert sync(engine, course, whole=False) == 1


def test_groups_are_shown_with_their_sets(engine, registry, course):
    registry.groups = [Group("g-1", "Limpets", "Lab teams"), Group("g-2", "Field trip")]
    registry.members = [learner(1, group_ids=("g-1", "g-2")), learner(2, group_ids=("unknown",))]
    sync(engine, course)

    found = people(engine, course)
    assert found["Student 00001"].groups == ("Field trip", "Lab teams: Limpets")
    assert found["Student 00002"].groups == ()


def test_groups_change_with_the_next_read(engine, registry, course):
    registry.groups = [Group("g-1", "Limpets"), Group("g-2", "Barnacles")]
    registry.members = [learner(1, group_ids=("g-1",))]
    sync(engine, course)
    registry.members = [learner(1, group_ids=("g-2",))]

    sync(engine, course)

    assert people(engine, course)["Student 00001"].groups == ("Barnacles",)


def test_roster_is_read_without_groups_when_their_service_fails(engine, registry, course):
    registry.groups = PlatformUnavailable()
    registry.members = [learner(1)]

    assert sync(engine, course) == 1


def sections(engine: Engine, course: Course) -> dict[str | None, tuple[str, ...]]:
    return {name: person.sections for name, person in people(engine, course).items()}


def test_sections_are_shown_where_the_lms_names_them(engine, registry, course):
    registry.members = [learner(1), learner(2)]
    registry.names_sections = [
        CourseSection("1", "Monday"),
        CourseSection("2", "Tuesday"),
        Member("s-1", Role.LEARNER, section_ids=("2", "1")),
        Member("s-2", Role.LEARNER, section_ids=("2",)),
        Member("stranger", Role.LEARNER, section_ids=("1",)),
    ]

    count = sync(engine, course)

    assert count == 2
    assert sections(engine, course) == {
        "Grace": (),
        "Student 00001": ("Monday", "Tuesday"),
        "Student 00002": ("Tuesday",),
    }


def test_person_moves_to_another_section_with_the_next_read(engine, registry, course):
    registry.members = [learner(1)]
    moved = Member("s-1", Role.LEARNER, section_ids=("2",))
    names = [CourseSection("1", "Monday"), CourseSection("2", "Tuesday")]
    registry.names_sections = [*names, Member("s-1", Role.LEARNER, section_ids=("1",))]
    sync(engine, course)

    registry.names_sections = [*names, moved]
    sync(engine, course)

    assert sections(engine, course)["Student 00001"] == ("Tuesday",)


def test_roster_is_read_and_sections_stay_when_they_cannot_be_read(engine, registry, course):
    registry.members = [learner(1)]
    registry.names_sections = [
        CourseSection("1", "Monday"),
        Member("s-1", Role.LEARNER, section_ids=("1",)),
    ]
    sync(engine, course)
    registry.names_sections = [CourseSection("2", "Tuesday")]
    registry.sections_error = PlatformUnavailable()

    sync(engine, course)

    assert sections(engine, course)["Student 00001"] == ("Monday",)
    assert refreshed(engine, course).error == ""


def test_groups_of_the_lti_service_are_not_overwritten_by_the_api(engine, registry, course):
    registry.members = [learner(1, group_ids=("g1",))]
    registry.groups = [Group("g1", "Limpets")]
    registry.names_sections = [
        Group("9", "Limpets again"),
        Member("s-1", Role.LEARNER, group_ids=("9",)),
    ]

    sync(engine, course)

    assert people(engine, course)["Student 00001"].groups == ("Limpets",)


def test_groups_that_lti_names_without_their_people_come_by_the_api(engine, registry, course):
    registry.members = [learner(1)]
    registry.groups = [Group("g1", "Limpets")]
    registry.names_sections = [
        Group("9", "Limpets again"),
        Member("s-1", Role.LEARNER, group_ids=("9",)),
    ]

    sync(engine, course)

    assert people(engine, course)["Student 00001"].groups == ("Limpets again",)
    assert [part.name for part in engine.course_people.list_parts(course)[1]] == ["Limpets again"]


def test_group_that_nobody_is_in_is_no_choice(engine, registry, course):
    registry.members = [learner(1, group_ids=("g1",)), learner(2)]
    registry.groups = [Group("g1", "Limpets"), Group("g2", "Barnacles")]

    sync(engine, course)

    assert [part.name for part in engine.course_people.list_parts(course)[1]] == ["Limpets"]


@pytest.mark.parametrize("name", ["Grace", None])
def test_list_by_the_lms_own_api_names_people_only_where_launches_do(
    engine, registry, organization, mentor, name
):
    registry.lists_by_itself = True
    registry.members = [learner(1, email="one@example.edu", section_ids=("1",))]
    registry.names_sections = [CourseSection("1", "Monday")]
    session = open_course(engine, organization, memberships_url=None, name=name)

    assert engine.rosters.is_readable(organization.id, session.context_id)
    engine.rosters.sync(organization.id, session.context_id)

    course = engine.course_people.find_course(organization.id, session.context_id)
    (listed,) = [p for p in engine.course_people.list_people(course) if p.status]
    assert listed.name == (name and "Student 00001")
    assert listed.sections == ("Monday",)


def test_person_listed_twice_is_one_person(engine, registry, course):
    registry.members = [learner(1), learner(1, active=False)]

    sync(engine, course)

    assert people(engine, course)["Student 00001"].status == "inactive"


def test_large_course_is_read_in_batches_and_paged_by_name(engine, registry, course):
    registry.members = [learner(number) for number in range(1_050)]

    assert sync(engine, course) == 1_050
    assert engine.course_people.count(course) == 1_051
    page = engine.course_people.list_people(course, page=3, page_size=500)
    assert [person.name for person in page] == [f"Student {n:05}" for n in range(999, 1_050)]


def test_roster_is_read_by_one_at_a_time(engine, registry, course):
    registry.members = [learner(1)]
    refused = []

    def again() -> None:
        registry.meanwhile = lambda: None
        try:
            sync(engine, course)
        except Conflict as error:
            refused.append(error.message)

    registry.meanwhile = again

    assert sync(engine, course) == 1
    assert len(refused) == 1


def test_read_whose_process_died_is_taken_over(engine, registry, course, clock):
    registry.members = [learner(1)]

    def die() -> None:
        registry.meanwhile = lambda: None
        raise KeyboardInterrupt

    registry.meanwhile = die
    with pytest.raises(KeyboardInterrupt):
        sync(engine, course)
    with pytest.raises(Conflict):
        sync(engine, course)
    clock.shift(timedelta(minutes=4))

    assert sync(engine, course) == 1


def test_launches_at_the_same_moment_do_no_harm(engine, registry, course, organization):
    registry.members = [learner(number) for number in range(150)]

    def launch() -> None:
        for number in range(0, 150, 10):
            open_course(engine, organization, f"s-{number}", Role.LEARNER)

    thread = threading.Thread(target=launch)
    thread.start()
    sync(engine, course)
    thread.join()
    sync(engine, course)

    assert engine.course_people.count(course) == 151


def test_course_of_another_organization_is_not_found(engine, course):
    other = engine.organizations.put("other", "Other")

    with pytest.raises(NotFound):
        engine.rosters.sync(other.id, course.id)
    with pytest.raises(NotFound):
        engine.rosters.want(other.id, course.id)
    assert engine.course_people.find_course(other.id, course.id) is None
    assert engine.course_people.list_courses(other.id) == []


def test_course_without_the_service_says_so(engine, organization, mentor):
    session = open_course(engine, organization, memberships_url=None)

    with pytest.raises(Conflict, match="does not show"):
        engine.rosters.want(organization.id, session.context_id)
    assert not engine.rosters.is_readable(organization.id, session.context_id)


def hand_out(engine: Engine) -> list[str]:
    """The rosters that the worker is given now."""
    handed: list[str] = []
    engine.room(Jobs).hand_roster = handed.append  # type: ignore[method-assign]
    engine.rosters.hand_out()
    return handed


def test_first_read_comes_by_itself_after_a_launch_that_names_the_list(engine, registry, course):
    registry.members = [learner(1)]
    assert (registry.asked, refreshed(engine, course).is_waiting) == ([], False)

    handed = hand_out(engine)
    waiting = refreshed(engine, course).is_waiting
    engine.rosters.sync_due(course.id)

    assert (handed, waiting) == ([course.id], True)
    assert people(engine, course)["Student 00001"].status == "active"
    assert hand_out(engine) == []


def test_course_whose_launch_names_no_list_is_not_read(engine, organization, mentor):
    open_course(engine, organization, memberships_url=None)

    assert hand_out(engine) == []


@pytest.mark.parametrize("lists_by_itself", [True, False])
def test_list_by_the_lms_own_api_is_read_by_itself_once_that_is_connected(
    engine, registry, organization, mentor, lists_by_itself
):
    registry.lists_by_itself = lists_by_itself
    session = open_course(engine, organization, memberships_url=None)
    before = hand_out(engine)

    connect_api(engine, organization)

    assert (before, hand_out(engine)) == ([], [session.context_id] if lists_by_itself else [])
    if not lists_by_itself:
        assert refreshed_error(engine, organization, session) == ""


def connect_api(engine: Engine, organization: Organization) -> None:
    """The LMS's own API, connected and tried."""
    moment, connections = datetime.now(UTC), engine.room(Connections)
    row: dict[str, object] = dict.fromkeys(("name", "token_audience", "family"), "")
    row |= dict.fromkeys(("auth_url", "token_url", "keyset_url"), "https://lms.example/x")
    row |= {"issuer": "https://lms.example", "client_id": "tool", "status": "active"}
    row |= {"frame_origins": [], "role_overrides": {}, "deployment_policy": "hold"}
    row |= {"id": "registration-1", "organization_id": organization.id}
    with engine.database.write() as connection:
        connection.execute(
            registrations.insert().values(**row, created_at=moment, updated_at=moment)
        )
    given = {"base_url": "https://lms.example", "account": "", "secret": "", "scopes": ()}
    made = connections.put(organization.id, "registration-1", "api", **given, author="it")  # type: ignore[arg-type]
    connections.note(made, "ready")


def refreshed_error(engine: Engine, organization: Organization, session: Session) -> str:
    course = engine.course_people.find_course(organization.id, session.context_id)
    assert course is not None
    return course.error


def test_list_that_is_no_longer_offered_stands_in_nobodys_way(engine, organization, course):
    engine.rosters.want(organization.id, course.id)
    open_course(engine, organization, memberships_url=None)

    engine.rosters.sync_due(course.id)

    assert hand_out(engine) == []
    assert "does not show" in refreshed(engine, course).error


def test_roster_comes_sooner_after_news_and_later_without(engine, registry, course, clock):
    registry.members = [learner(1)]
    sync(engine, course)
    clock.shift(timedelta(hours=2, minutes=59))
    early = hand_out(engine)
    clock.shift(timedelta(minutes=2))
    due = hand_out(engine)
    engine.rosters.sync_due(course.id)
    clock.shift(timedelta(hours=5, minutes=59))

    assert (early, due) == ([], [course.id])
    assert hand_out(engine) == []
    clock.shift(timedelta(minutes=2))
    assert hand_out(engine) == [course.id]


def test_failing_roster_is_tried_less_and_less_often(engine, registry, course, clock):
    registry.members, registry.breaks_after = [learner(1)], 0
    with pytest.raises(PlatformUnavailable):
        sync(engine, course)

    clock.shift(timedelta(minutes=16))
    assert hand_out(engine) == [course.id]
    engine.rosters.sync_due(course.id)
    clock.shift(timedelta(minutes=16))
    assert hand_out(engine) == []


def test_roster_waits_as_long_as_the_platform_asked(engine, registry, course, clock):
    registry.members, registry.breaks_after = [learner(1)], 0
    registry.error = PlatformThrottled(retry_after_seconds=7_200)
    with pytest.raises(PlatformThrottled):
        sync(engine, course)

    clock.shift(timedelta(minutes=119))
    assert hand_out(engine) == []
    clock.shift(timedelta(minutes=2))
    assert hand_out(engine) == [course.id]


def test_roster_that_nobody_looks_at_is_read_no_more(engine, registry, course, clock):
    registry.members = [learner(1)]
    sync(engine, course)
    for _ in range(40):
        clock.shift(timedelta(hours=49))
        engine.rosters.sync_due(course.id)
    reads = len(registry.asked)
    assert reads < 30

    engine.rosters.note_look(course.organization_id, course.id)
    engine.rosters.sync_due(course.id)

    assert len(registry.asked) == reads + 1


def test_worker_reads_what_was_asked_for(engine, registry, course):
    registry.members = [learner(1)]
    stop = threading.Event()
    worker = threading.Thread(target=run_worker, args=(engine,), kwargs={"stop": stop})
    worker.start()

    engine.rosters.want(course.organization_id, course.id)
    deadline = time.monotonic() + 20
    while refreshed(engine, course).complete_at is None and time.monotonic() < deadline:
        time.sleep(0.05)
    stop.set()
    worker.join()

    assert people(engine, course)["Student 00001"].status == "active"


def is_read_by_a_worker(engine: Engine, course: Course) -> bool:
    """Whether a worker that begins now soon reads the whole roster."""
    stop = threading.Event()
    worker = threading.Thread(target=run_worker, args=(engine,), kwargs={"stop": stop})
    worker.start()
    deadline = time.monotonic() + 20
    while refreshed(engine, course).complete_at is None and time.monotonic() < deadline:
        time.sleep(0.05)
    stop.set()
    worker.join()
    return refreshed(engine, course).complete_at is not None


def test_worker_finds_a_roster_that_the_queue_lost(
    engine, registry, course, monkeypatch: pytest.MonkeyPatch
):
    registry.members = [learner(1)]
    monkeypatch.setattr(jobs, "ROSTER_SECONDS", 0.1)
    with monkeypatch.context() as lost:
        lost.setattr(Jobs, "hand_roster", lambda *_: None)
        engine.rosters.want(course.organization_id, course.id)

    assert is_read_by_a_worker(engine, course)


def test_roster_of_a_process_that_died_is_handed_out_long_before_its_lease_ends(
    engine, registry, course
):
    engine.rosters.want(course.organization_id, course.id)
    held = {"reading": dead_lease(), "reading_until": now() + timedelta(minutes=3)}
    with engine.database.write() as connection:
        connection.execute(update(rosters).values(held))

    seen = [engine.rosters.hand_out()]
    with time_machine.travel(now() + timedelta(seconds=ECHO_SECONDS + 1)):
        seen.append(engine.rosters.hand_out())

    assert seen == [False, True]


@pytest.mark.parametrize("has_failed", [True, False], ids=["failed", "wanted"])
def test_roster_that_waits_is_read_when_the_clock_is_set_back(
    engine, registry, course, monkeypatch: pytest.MonkeyPatch, has_failed
):
    monkeypatch.setattr(jobs, "ROSTER_SECONDS", 0.1)
    monkeypatch.setattr(jobs, "SWEEP_SECONDS", 0.1)
    registry.members, registry.breaks_after = [learner(1), learner(2)], 1
    monkeypatch.setattr(Jobs, "hand_roster", lambda jobs, each: engine.rosters.sync_due(each))
    with time_machine.travel(now(), tick=True) as clock:
        with monkeypatch.context() as lost:
            if not has_failed:
                lost.setattr(Jobs, "hand_roster", lambda *_: None)
            engine.rosters.want(course.organization_id, course.id)
        registry.breaks_after = None

        clock.shift(timedelta(hours=-1))

        assert is_read_by_a_worker(engine, course)


def test_worker_reads_the_whole_once_a_day_and_differences_between(engine, registry, course, clock):
    registry.members = [learner(1)]
    registry.later_url = "https://lms.example/members?since=1"
    sync(engine, course)
    registry.asked.clear()
    for _ in range(2):
        clock.shift(timedelta(hours=13))
        engine.rosters.sync_due(course.id)

    assert registry.asked == ["https://lms.example/members?since=1", MEMBERS_URL]
