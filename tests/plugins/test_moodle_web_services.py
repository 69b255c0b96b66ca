"""Moodle's web services over the wire: what they bring, and what becomes of their refusals."""

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest
import structlog

from mentorai.core.clock import now
from mentorai.core.connections import Connections
from mentorai.core.engine import Engine
from mentorai.core.errors import (
    GradeLocked,
    NoLineItem,
    PersonNotInCourse,
    PlatformRefused,
    PlatformUnavailable,
    TeacherGradeStands,
)
from mentorai.core.line_items import LineItems
from mentorai.core.mentors import Mentor
from mentorai.core.settings import Settings
from mentorai.core.values import (
    Connection,
    Context,
    GradePlace,
    GradeService,
    Launch,
    LineItem,
    Member,
    Platform,
    Receipt,
    ResourceLink,
    Role,
    Score,
    Session,
)
from mentorai.lti.tool import Tool
from mentorai.plugins import lti_launch, moodle
from mentorai.plugins.moodle import web_service_rosters
from mentorai.plugins.sandbox.personalities import moodle_api
from mentorai.plugins.sandbox.personalities.moodle_api import TOKEN, WebServices
from mentorai.plugins.sandbox.platform import Options, SandboxPlatform
from mentorai.plugins.sandbox.routes import create_platform
from mentorai.plugins.sandbox.school import find_course, find_person
from mentorai.plugins.sandbox.told_ids import tell_of_the_college
from tests.fakes.platforms import free_port, running_app

COURSE = find_course("tidal-pools")
assert COURSE is not None
QUIZ = next(item for item in COURSE.items if item.id == "shore-quiz")
# As this Moodle calls them.
COURSE_ID = tell_of_the_college(COURSE.context_id, "numbers")
QUIZ_LINK = tell_of_the_college(QUIZ.resource_link_id, "numbers")


class School:
    """A Moodle whose web services are connected, and the tool that calls them."""

    def __init__(self, engine: Engine, lms: SandboxPlatform, site: WebServices, url: str) -> None:
        self.engine, self.lms, self.site, self.url = engine, lms, site, url
        organization = engine.organizations.get()
        registration = engine.room(Tool).registrations.add(
            organization.id,
            issuer=url,
            client_id="tool",
            auth_url=f"{url}/lti/auth",
            token_url=f"{url}/lti/token",
            keyset_url=f"{url}/lti/jwks.json",
            deployment_ids=["1"],
        )
        self.platform = Platform(registration.id, organization.id, "moodle", url, "tool")
        self.connection = self.connect(TOKEN)

    def connect(self, token: str) -> Connection:
        connections = self.engine.room(Connections)
        where = (self.platform.organization_id, self.platform.registration_id)
        made = connections.put(
            *where,
            "moodle_web_services",
            base_url=self.url,
            account="",
            secret=token,
            scopes=(),
            author="it",
        )
        connections.note(made, "ready")
        self.connection = connections.get(where[0], made.id)
        return self.connection

    def state(self) -> tuple[str, str]:
        found = self.engine.room(Connections).get(
            self.connection.organization_id, self.connection.id
        )
        return found.state, found.reason

    def ask(self, hook: str, **facts: Any) -> Any:
        return self.engine.plugins.ask_first(hook, engine=self.engine, **facts)

    def open(self, person: str, role: Role = Role.LEARNER) -> Session:
        """A launch that offers neither grades nor a roster."""
        assert COURSE is not None
        return self.engine.admit(
            Launch(
                organization_id=self.platform.organization_id,
                registration_id=self.platform.registration_id,
                deployment_id="1",
                issuer=self.url,
                client_id="tool",
                family_code="moodle",
                message_type="LtiResourceLinkRequest",
                subject=sub(person),
                role=role,
                target="/",
                name=person.capitalize(),
                context=Context(COURSE_ID, COURSE.label, COURSE.title),
                resource_link=ResourceLink(QUIZ_LINK, QUIZ.title),
            )
        )

    def open_with_column(self, person: str) -> LineItem:
        """A launch at a place whose column by LTI was found."""
        (record,) = self.lms.shelf.list("line_item")
        columns = f"{self.url}/mod/lti/services.php/{record['course']}/lineitems"
        place = GradePlace(
            platform=self.platform,
            resource_link_id=self.open(person).resource_link_id or "",
            lms_resource_link_id=QUIZ.resource_link_id,
            title="Quiz 1",
            service=GradeService(line_item_url=f"{columns}/{record['id']}/lineitem"),
        )
        found = LineItems(self.engine.database).find_or_ask(self.engine, place)
        assert found is not None
        return found

    def column(self) -> LineItem:
        place = GradePlace(
            platform=self.platform,
            resource_link_id="ours",
            lms_resource_link_id=QUIZ_LINK,
            title="Quiz 1",
            service=GradeService(),
        )
        found: LineItem = self.ask("find_line_item", place=place)
        return found

    def push(self, *scores: Score) -> list[Any]:
        found: list[Any] = self.ask(
            "push_scores", platform=self.platform, line_item=self.column(), scores=scores
        )
        return found

    def gradebook(self) -> dict[str, float]:
        results = self.lms.shelf.list("result")
        return {self.lms.ids.tell(each["user_id"]): each["given"] for each in results}

    def change_column(self, **facts: Any) -> None:
        (record,) = [
            each
            for each in self.lms.shelf.list("line_item")
            if each.get("resourceLinkId") == QUIZ.resource_link_id
        ]
        self.lms.shelf.put("line_item", record["id"], record | facts)


def sub(person: str) -> str:
    found = find_person(person)
    assert found is not None
    return str(tell_of_the_college(found.sub, "numbers"))


def score(person: str, given: float, **facts: Any) -> Score:
    return Score(sub(person), given, 20.0, now().replace(microsecond=0), **facts)


@pytest.fixture
def engine(settings: Settings) -> Iterator[Engine]:
    plugins = [("lti_launch", lti_launch), ("moodle", moodle)]
    engine = Engine.open(settings, plugins=plugins)
    yield engine
    engine.close()


@pytest.fixture
def school(engine: Engine, mentor: Mentor) -> Iterator[School]:
    port = free_port()
    url = f"http://127.0.0.1:{port}"
    app = create_platform(Options(url, "http://localhost:9", personality="moodle"))
    lms = app.extensions["sandbox"].platform
    site = app.blueprints["moodle_api"].web_services  # type: ignore[attr-defined]
    with running_app(app, port=port):
        yield School(engine, lms, site, url)
    lms.close()


def test_form_names_the_functions_and_capabilities_to_give(school: School) -> None:
    form = school.ask("connection_form", platform=school.platform)

    functions, capabilities = (value.splitlines() for _, value in form.gives)
    assert set(functions) >= {moodle_api.SITE_INFO, web_service_rosters.FUNCTION}
    assert len(functions) == 5
    assert {"webservice/rest:use", "moodle/grade:edit"} <= set(capabilities)
    assert len(capabilities) == len(set(capabilities))


def test_check_names_what_the_token_may_and_what_it_may_not(school: School) -> None:
    school.open("maya")
    school.site.functions = (moodle_api.SITE_INFO, web_service_rosters.FUNCTION)

    report = school.engine.room(Connections).check(school.platform, school.connection)

    assert (report.account_name, report.lms_version[:5]) == ("mentorai-service", "4.5.5")
    assert [(each.is_allowed, each.missing) for each in report.abilities] == [
        (True, ""),
        (False, "gradereport_user_get_grade_items"),
        (
            False,
            "core_course_get_course_module_by_instance, core_grades_update_grades, "
            "gradereport_user_get_grade_items",
        ),
    ]
    assert "External services" in report.abilities[1].screen


@pytest.mark.parametrize(
    ("function", "capability", "lost"),
    [
        ("core_enrol_get_enrolled_users", "moodle/course:viewparticipants", [0]),
        ("gradereport_user_get_grade_items", "moodle/grade:viewall", [1, 2]),
        ("core_course_get_course_module_by_instance", "moodle/course:view", [2]),
        ("core_grades_update_grades", "moodle/grade:edit", [2]),
    ],
)
def test_check_names_each_function_that_is_open_and_refuses(
    school: School, function: str, capability: str, lost: list[int]
) -> None:
    school.open("maya")
    school.site.lacking = (function,)

    report = school.engine.room(Connections).check(school.platform, school.connection)

    missing = {n: each for n, each in enumerate(report.abilities) if not each.is_allowed}
    assert list(missing) == lost
    for each in missing.values():
        assert f"{function} (nopermissions)" in each.missing
        assert capability in each.missing
        assert "Define roles" in each.screen


def test_check_tells_when_moodle_leaves_our_columns_out(school: School) -> None:
    school.open_with_column("maya")
    school.site.sees_activities = False

    report = school.engine.room(Connections).check(school.platform, school.connection)

    assert [each.is_allowed for each in report.abilities] == [True, False, False]
    assert "mod/lti:view" in report.abilities[1].missing
    assert "none of our columns is shown" in report.abilities[1].missing


def test_check_says_what_could_not_be_tried_before_a_course_opened_a_mentor(
    school: School,
) -> None:
    school.site.functions = (moodle_api.SITE_INFO, web_service_rosters.FUNCTION)

    report = school.engine.room(Connections).check(school.platform, school.connection)

    assert [(each.is_allowed, each.is_tried) for each in report.abilities] == [
        (True, False),
        (False, True),
        (False, True),
    ]


def test_check_that_finds_nothing_amiss_has_changed_no_grade(school: School) -> None:
    school.open("maya")

    report = school.engine.room(Connections).check(school.platform, school.connection)

    assert all(each.is_allowed for each in report.abilities)
    assert school.lms.shelf.list("result") == []


def test_token_that_moodle_does_not_take_makes_the_connection_refused(school: School) -> None:
    connection = school.connect("f" * 32)

    with pytest.raises(PlatformRefused, match="Manage tokens"):
        school.engine.room(Connections).check(school.platform, connection)

    assert school.state()[0] == "refused"
    assert school.ask("list_sections", platform=school.platform, context=Context("1")) is None


def test_ids_that_are_numbers_are_the_same_in_web_services(school: School) -> None:
    school.lms.behave({"ids": "numbers"})
    place = GradePlace(
        platform=school.platform,
        resource_link_id="ours",
        lms_resource_link_id="2",
        title="Quiz 1",
        service=GradeService(),
    )

    listed = school.ask("list_sections", platform=school.platform, context=Context("2"))
    people = {each.subject for each in listed if isinstance(each, Member)}
    column = school.ask("find_line_item", place=place)
    sent = [replace(score("maya", 14), subject="3")]
    school.ask("push_scores", platform=school.platform, line_item=column, scores=sent)

    assert people == {"3", "4", "5", "6", "7"}
    assert list(school.gradebook()) == [sub("maya")]


def test_token_is_in_no_address_and_no_log(school: School) -> None:
    with structlog.testing.capture_logs() as logs:
        school.engine.room(Connections).check(school.platform, school.connection)

    assert TOKEN not in str(logs)
    assert TOKEN not in repr(school.connection)


def test_moodle_without_rest_says_where_it_is_switched_on(school: School) -> None:
    school.site.is_off = True

    with pytest.raises(PlatformRefused, match="Manage protocols"):
        school.engine.room(Connections).check(school.platform, school.connection)


def test_maintenance_says_nothing_of_the_connection(school: School) -> None:
    school.site.trouble = "sitemaintenance"

    with pytest.raises(PlatformUnavailable):
        school.engine.room(Connections).check(school.platform, school.connection)

    assert school.state() == ("ready", "")


def test_answer_that_is_a_page_is_not_understood(school: School) -> None:
    where = (school.platform.organization_id, school.platform.registration_id)
    connection = school.engine.room(Connections).put(
        *where,
        "moodle_web_services",
        base_url=f"{school.url}/as/maya",
        account="",
        secret=TOKEN,
        scopes=(),
        author="it",
    )

    with pytest.raises(PlatformRefused, match="front page"):
        school.engine.room(Connections).check(school.platform, connection)


def test_roster_without_lti_is_read_page_by_page_with_groups(
    school: School, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(web_service_rosters, "PAGE", 2)
    session = school.open("ruth", Role.INSTRUCTOR)
    where = (school.platform.organization_id, session.context_id)

    count = school.engine.rosters.sync(*where)

    course = school.engine.course_people.find_course(*where)
    people = school.engine.course_people.list_people(course)
    assert count == 5
    assert school.site.calls == [web_service_rosters.FUNCTION] * 3
    assert {p.name: (p.role.value, p.groups) for p in people} == {
        "Ruth Adeyemi": ("instructor", ()),
        "Jonas Petrov": ("assistant", ("Field trip",)),
        "Maya Lindqvist": ("learner", ("Field trip", "Limpets")),
        "Tomás Ōta-Ferreira": ("learner", ("Barnacles", "Field trip")),
        "Student without a name": ("learner", ()),
    }


def test_score_reaches_the_gradebook_without_the_grade_service(school: School) -> None:
    session = school.open("maya")
    school.engine.report_score(
        organization_id=session.organization_id,
        mentor_id=session.mentor_id,
        person_id=session.person_id,
        resource_link_id=session.resource_link_id,
        given=15,
        maximum=20,
    )

    school.engine.outbox.deliver_due()

    assert school.gradebook() == {sub("maya"): 7.5}


def test_scores_are_brought_at_once_and_each_is_looked_after(school: School) -> None:
    answers = school.push(score("maya", 10), score("ruth", 10), score("tomas", 20))

    assert [type(each) for each in answers] == [Receipt, PersonNotInCourse, Receipt]
    assert school.site.calls.count("core_grades_update_grades") == 1
    assert school.gradebook()[sub("maya")] == 5.0
    assert school.gradebook()[sub("tomas")] == 10.0


def test_grade_that_a_teacher_changed_stays_and_is_told(school: School) -> None:
    school.push(score("maya", 10))
    (result,) = school.lms.shelf.list("result")
    key = f"{result['line_item']}/{result['user_id']}"
    school.lms.shelf.put("result", key, result | {"given": 9.0, "overridden": True})

    (answer,) = school.push(score("maya", 20))

    assert isinstance(answer, Receipt)
    found = school.ask("read_results", platform=school.platform, line_item=school.column())
    mine = {each.subject: each for each in found}[sub("maya")]
    assert (mine.given, mine.overridden, mine.locked) == (9.0, True, False)
    (kept,) = school.push(score("maya", 20, replaces_teacher=True))
    assert isinstance(kept, TeacherGradeStands)


def test_locked_column_refuses(school: School) -> None:
    school.change_column(locked=True)

    with pytest.raises(GradeLocked):
        school.push(score("maya", 10))
    assert school.gradebook() == {}


def test_maximum_that_changed_is_followed(school: School) -> None:
    column = school.column()
    school.push(score("maya", 10))
    school.change_column(scoreMaximum=50.0)

    school.ask(
        "push_scores", platform=school.platform, line_item=column, scores=[score("maya", 10)]
    )

    assert school.gradebook()[sub("maya")] == 25.0


def test_activity_that_is_gone_has_no_column(school: School) -> None:
    place = GradePlace(
        platform=school.platform,
        resource_link_id="ours",
        lms_resource_link_id="nothing",
        title="Quiz",
        service=GradeService(),
    )

    with pytest.raises(NoLineItem):
        school.ask("find_line_item", place=place)


def test_launch_that_offers_the_grade_service_is_left_to_lti(school: School) -> None:
    place = GradePlace(
        platform=school.platform,
        resource_link_id="ours",
        lms_resource_link_id=QUIZ_LINK,
        title="Quiz",
        service=GradeService(line_item_url=f"{school.url}/columns/1"),
    )

    found = school.ask("find_line_item", place=place)

    assert found.url == f"{school.url}/columns/1"
    assert school.site.calls == []


def test_column_of_a_connection_that_is_gone_is_not_asked_by_lti(school: School) -> None:
    column = school.column()
    school.engine.room(Connections).delete(school.connection, author="it")

    with pytest.raises(PlatformRefused, match="not connected any more"):
        school.ask(
            "push_score", platform=school.platform, line_item=column, score=score("maya", 10)
        )
