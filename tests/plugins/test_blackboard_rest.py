"""Blackboard's REST API over the wire: access of two and three legs, quota, sections, grades."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
import requests
import structlog
import time_machine
from flask.testing import FlaskClient

from mentorai.core.clock import now
from mentorai.core.connections import Connections
from mentorai.core.engine import Engine
from mentorai.core.errors import (
    MentorAIError,
    NoLineItem,
    PersonIsStaff,
    PersonNotInCourse,
    PlatformRefused,
    PlatformThrottled,
    SignInNeeded,
)
from mentorai.core.mentors import Mentor
from mentorai.core.settings import Settings
from mentorai.core.values import (
    Connection,
    Context,
    GradePlace,
    GradeService,
    Launch,
    LineItem,
    Platform,
    ResourceLink,
    Role,
    Score,
    Session,
)
from mentorai.lti.tool import Tool
from mentorai.plugins import blackboard, lti_launch
from mentorai.plugins.blackboard import rest_client
from mentorai.plugins.blackboard.rest_tokens import BlackboardTokens
from mentorai.plugins.sandbox.grades import columns_url
from mentorai.plugins.sandbox.personalities.blackboard_api import (
    KEY,
    SECRET,
    VIEW_USERS,
    RestSite,
)
from mentorai.plugins.sandbox.platform import Options, SandboxPlatform
from mentorai.plugins.sandbox.routes import create_platform
from mentorai.plugins.sandbox.school import find_course, find_person
from mentorai.plugins.sandbox.told_ids import tell_of_the_college
from mentorai.web.app import create_app
from tests.fakes.platforms import free_port, running_app

COURSE = find_course("tidal-pools")
assert COURSE is not None
COLUMN = {"id", "name", "displayName", "externalGrade", "created", "score", "availability"}
COLUMN |= {"grading", "gradebookCategoryId"}
GRADE = {"userId", "columnId", "status", "displayGrade", "text", "score", "overridden", "exempt"}
GRADE |= {"corrupt", "changeIndex"}
CONTEXT = Context(tell_of_the_college(COURSE.context_id, "keys"), COURSE.label, COURSE.title)


def sub(person: str) -> str:
    found = find_person(person)
    assert found is not None
    told: str = tell_of_the_college(found.sub, "keys")
    return told


class School:
    """A Learn whose REST API is connected, and the tool that calls it."""

    def __init__(self, engine: Engine, lms: SandboxPlatform, site: RestSite, url: str) -> None:
        self.engine, self.lms, self.site, self.url = engine, lms, site, url
        self.connections = engine.room(Connections)
        organization = engine.organizations.get()
        registration = engine.room(Tool).registrations.add(
            organization.id,
            issuer="https://blackboard.com",
            client_id="tool",
            auth_url=f"{url}/lti/auth",
            token_url=f"{url}/lti/token",
            keyset_url=f"{url}/lti/jwks.json",
            deployment_ids=["1"],
        )
        where = (registration.id, organization.id)
        self.platform = Platform(*where, "blackboard", "https://blackboard.com", "tool")
        self.made = self.connect()

    def connect(self, account: str = KEY, secret: str = SECRET) -> Connection:
        made = self.connections.put(
            self.platform.organization_id,
            self.platform.registration_id,
            "blackboard_rest",
            base_url=self.url,
            account=account,
            secret=secret,
            scopes=(),
            author="it",
        )
        self.connections.note(made, "ready")
        return made

    @property
    def connection(self) -> Connection:
        return self.connections.get(self.platform.organization_id, self.made.id)

    def check(self) -> Any:
        return self.connections.check(self.platform, self.connection)

    def ask(self, hook: str, **facts: Any) -> Any:
        return self.engine.plugins.ask_first(
            hook, engine=self.engine, platform=self.platform, **facts
        )

    def open(self, person: str, role: Role = Role.LEARNER) -> Session:
        """A launch that offers neither grades nor a roster."""
        return self.engine.admit(
            Launch(
                organization_id=self.platform.organization_id,
                registration_id=self.platform.registration_id,
                deployment_id="1",
                issuer="https://blackboard.com",
                client_id="tool",
                family_code="blackboard",
                message_type="LtiResourceLinkRequest",
                subject=sub(person),
                role=role,
                target="/",
                name=person.capitalize(),
                context=CONTEXT,
                resource_link=ResourceLink("_44_1", "Quiz 1"),
            )
        )

    def column(self) -> LineItem:
        place = GradePlace(
            platform=self.platform,
            resource_link_id="ours",
            lms_resource_link_id="_44_1",
            title="Quiz 1",
            service=GradeService(),
            score_maximum=20.0,
            lms_context_id=CONTEXT.lms_id,
        )
        found: LineItem = self.engine.plugins.ask_first(
            "find_line_item", engine=self.engine, place=place
        )
        return found

    def push(self, person: str, given: float, comment: str = "") -> None:
        score = Score(sub(person), given, 20.0, now().replace(microsecond=0), comment)
        self.ask("push_score", line_item=self.column(), score=score)

    def sign_in(self) -> None:
        """Somebody goes to Learn, consents, and comes back."""
        begun = self.connections.begin(self.connection, "state")
        self.connections.finish(self.connection, follow(begun.url), begun.kept)


def caller(school: School) -> Callable[[str], Any]:
    """Calls of the API as such, with a token of two legs."""
    token = requests.post(
        f"{school.url}/learn/api/public/v1/oauth2/token",
        data={"grant_type": "client_credentials"},
        auth=(KEY, SECRET),
        timeout=10,
    ).json()["access_token"]

    def ask(path: str) -> Any:
        url, bearer = f"{school.url}/learn/api/public{path}", {"Authorization": f"Bearer {token}"}
        return requests.get(url, headers=bearer, timeout=10).json()

    return ask


def follow(url: str) -> dict[str, str]:
    """What the browser brings back from Learn."""
    answer = requests.get(url, allow_redirects=False, timeout=10)
    query = parse_qs(urlsplit(answer.headers["Location"]).query)
    return {name: values[0] for name, values in query.items()}


@pytest.fixture
def engine(settings: Settings) -> Iterator[Engine]:
    plugins = [("lti_launch", lti_launch), ("blackboard", blackboard)]
    engine = Engine.open(settings, plugins=plugins)
    yield engine
    engine.close()


@pytest.fixture
def school(engine: Engine, mentor: Mentor) -> Iterator[School]:
    port = free_port()
    url = f"http://127.0.0.1:{port}"
    app = create_platform(Options(url, "http://localhost:9", personality="blackboard"))
    lms = app.extensions["sandbox"].platform
    site = app.blueprints["blackboard_api"].rest  # type: ignore[attr-defined]
    with running_app(app, port=port):
        yield School(engine, lms, site, url)
    lms.close()


def test_check_says_what_the_integration_lacks(school: School) -> None:
    school.open("maya")
    school.site.entitlements = {VIEW_USERS}

    report = school.check()

    assert (report.account_name, report.lms_version) == (
        "the integration's own user",
        "3900.98.0",
    )
    assert [(each.is_allowed, each.missing) for each in report.abilities] == [
        (True, ""),
        (False, "course.gradebook.MODIFY"),
    ]
    assert "System Roles" in report.abilities[1].screen
    assert school.connection.state == "ready"


def test_check_says_that_nothing_could_be_tried_before_a_course_opened_a_mentor(
    school: School,
) -> None:
    school.site.entitlements = set()

    report = school.check()

    assert [(each.is_allowed, each.is_tried) for each in report.abilities] == [(True, False)] * 2


def test_key_that_learn_does_not_know_makes_the_connection_refused(school: School) -> None:
    school.made = school.connect(secret="wrong")

    with pytest.raises(PlatformRefused, match="Manage Keys"):
        school.check()

    assert school.connection.state == "refused"
    assert school.ask("list_sections", context=CONTEXT) is None


def test_token_is_asked_for_once_and_again_when_it_is_taken_no_more(school: School) -> None:
    school.check()
    school.check()
    first = list(school.site.grants)

    school.site.tokens.clear()
    school.check()

    assert first == ["client_credentials"]
    assert school.site.grants == ["client_credentials"] * 2


def test_secret_and_tokens_are_in_no_log(school: School) -> None:
    with structlog.testing.capture_logs() as logs:
        school.check()

    assert SECRET not in str(logs)
    assert not any(token in str(logs) for token in school.site.tokens)


def test_person_who_signed_in_is_whom_we_act_as(school: School) -> None:
    school.sign_in()

    assert school.check().account_name == "ruth"


def test_sign_in_is_renewed_by_the_newest_refresh_token(school: School) -> None:
    school.sign_in()

    for _ in range(2):
        with time_machine.travel(now().timestamp() + 4_000, tick=False):
            school.site.tokens.clear()
            assert school.check().account_name == "ruth"

    assert school.site.grants == ["authorization_code", "refresh_token", "refresh_token"]


def test_sign_in_that_was_taken_back_is_asked_for_again(school: School) -> None:
    school.sign_in()
    school.site.tokens.clear()
    school.site.refresh_tokens.clear()

    with pytest.raises(SignInNeeded):
        school.check()

    assert school.connection.state == "needs_sign_in"


def test_code_of_another_browser_is_worth_nothing(school: School) -> None:
    tokens = school.engine.room(BlackboardTokens)
    stolen = follow(tokens.begin(school.connection, "state").url)

    with pytest.raises(SignInNeeded):
        tokens.finish(school.connection, stolen, tokens.begin(school.connection, "state").kept)


@pytest.fixture
def browser(engine: Engine) -> FlaskClient:
    """Campus IT, signed in to the admin."""
    code = engine.admins.issue_setup_code()
    admin = engine.admins.take_setup_code(code, "it@campus.edu", "correct horse battery")
    client = create_app(engine).test_client()
    with client.session_transaction() as kept:
        kept["admin_id"], kept["admin_stamp"] = admin.id, admin.stamp
        kept["admin_at"] = int(now().timestamp())
    return client


def test_campus_it_signs_in_from_the_admin(school: School, browser: FlaskClient) -> None:
    away = browser.get(f"/connections/blackboard_rest/{school.made.id}/sign-in")

    back = browser.get("/connections/blackboard_rest/callback", query_string=follow(away.location))
    again = browser.get("/connections/blackboard_rest/callback", query_string=follow(away.location))

    assert "The LMS is connected" in back.text
    assert again.status_code == 403
    assert school.check().account_name == "ruth"


def test_declined_consent_is_told(school: School, browser: FlaskClient) -> None:
    school.site.person = None
    away = browser.get(f"/connections/blackboard_rest/{school.made.id}/sign-in")

    back = browser.get("/connections/blackboard_rest/callback", query_string=follow(away.location))

    assert (back.status_code, "choose Allow" in back.text) == (502, True)


def test_nobody_else_begins_a_sign_in(school: School) -> None:
    visitor = create_app(school.engine).test_client()

    answer = visitor.get(f"/connections/blackboard_rest/{school.made.id}/sign-in")

    assert (answer.status_code, answer.location) == (303, "/admin/sign-in")


def test_roster_without_lti_is_read_in_pages_with_sections(
    school: School, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rest_client, "PAGE", 2)
    session = school.open("ruth", Role.INSTRUCTOR)
    where = (school.platform.organization_id, session.context_id)

    count = school.engine.rosters.sync(*where)

    course = school.engine.course_people.find_course(*where)
    people = school.engine.course_people.list_people(course)
    assert count == 5
    assert {p.name: (p.role.value, p.sections) for p in people} == {
        "Ruth Adeyemi": ("instructor", ()),
        "Jonas Petrov": ("assistant", ()),
        "Maya Lindqvist": ("learner", ("Monday",)),
        "Tomás Ōta-Ferreira": ("learner", ("Tuesday",)),
        None: ("learner", ()),
    }


def test_score_reaches_a_column_of_its_own_once_made(school: School) -> None:
    session = school.open("maya")
    for given in (10, 15):
        school.engine.report_score(
            organization_id=session.organization_id,
            mentor_id=session.mentor_id,
            person_id=session.person_id,
            resource_link_id=session.resource_link_id,
            given=given,
            maximum=20,
        )
        with time_machine.travel(now().timestamp() + given, tick=False):
            school.engine.outbox.deliver_due()

    (column,) = school.lms.shelf.list("rest_column")
    (grade,) = school.lms.shelf.list("rest_grade")
    assert column["score"] == {"possible": 20.0}
    assert (grade["score"], grade["changeIndex"]) == (15.0, 2)


def test_column_and_grade_have_the_members_of_learns_own(school: School) -> None:
    school.push("maya", 15.0)
    ask = caller(school)

    columns = f"/v2/courses/uuid:{CONTEXT.lms_id}/gradebook/columns"
    (column,) = ask(columns)["results"]
    (grade,) = ask(f"{columns}/{column['id']}/users")["results"]

    assert set(column) >= COLUMN
    assert set(grade) >= GRADE
    assert (grade["text"], grade["displayGrade"]["text"]) == ("15", "15")


@pytest.mark.parametrize("name", [f"uuid:{CONTEXT.lms_id}", "_4_1"])
def test_course_has_the_key_of_its_lti_services(school: School, name: str) -> None:
    school.column()
    ask = caller(school)

    members = ask(f"/v1/courses/{name}/users")["results"]
    maya = next(each for each in members if each["user"]["uuid"] == sub("maya"))
    (made,) = ask(f"/v2/courses/{name}/gradebook/columns")["results"]

    assert {each["courseId"] for each in members} == {"_4_1"}
    assert maya["userId"] == maya["user"]["id"] == "_7_1"
    assert ask(f"/v1/courses/{name}/users/_7_1") == maya
    assert ask("/v1/users/_7_1") == ask(f"/v1/users/uuid:{sub('maya')}") == maya["user"]
    assert ask(f"/v2/courses/{name}/gradebook/columns/{made['id']}") == made
    # That is the column of the first quiz, which LTI's services have.
    assert made["id"] != "_40_1"
    assert columns_url(school.lms, "tidal-pools").endswith("/courses/_4_1/lineItems")


def test_points_that_changed_in_the_gradebook_are_followed(school: School) -> None:
    column = school.column()
    (record,) = school.lms.shelf.list("rest_column")
    school.lms.shelf.put("rest_column", record["id"], record | {"score": {"possible": 50.0}})
    score = Score(sub("maya"), 10.0, 20.0, now().replace(microsecond=0), "Well\ndone")

    school.ask("push_score", line_item=column, score=score)

    (grade,) = school.lms.shelf.list("rest_grade")
    assert (grade["score"], grade["feedback"]) == (25.0, "Well<br/>done")


@pytest.mark.parametrize(
    ("person", "error"), [("ruth", PersonIsStaff), ("ines", PersonNotInCourse)]
)
def test_learn_is_asked_who_somebody_is_whose_score_it_does_not_take(
    school: School, person: str, error: type[MentorAIError]
) -> None:
    with pytest.raises(error):
        school.push(person, 10)


def test_column_that_was_deleted_is_no_column(school: School) -> None:
    column = school.column()
    (record,) = school.lms.shelf.list("rest_column")
    school.lms.shelf.remove("rest_column", record["id"])
    score = Score(sub("maya"), 10.0, 20.0, now().replace(microsecond=0))

    with pytest.raises(NoLineItem):
        school.ask("push_score", line_item=column, score=score)


def test_missing_entitlement_is_named(school: School) -> None:
    school.site.entitlements = set()

    with pytest.raises(PlatformRefused, match=r"course\.gradebook\.MODIFY"):
        school.column()


def test_results_are_read_again_only_when_something_changed(school: School) -> None:
    school.push("maya", 10)
    column = school.column()

    first = school.ask("read_results", line_item=column)
    school.site.calls.clear()
    second = school.ask("read_results", line_item=column)
    unchanged = len(school.site.calls)
    school.push("maya", 12)
    third = school.ask("read_results", line_item=column)

    assert [(r.subject, r.given, r.maximum) for r in first] == [(sub("maya"), 10.0, 20.0)]
    assert (second, unchanged) == (first, 1)
    assert third == [replace(first[0], given=12.0)]


def test_calls_that_can_wait_stop_before_the_quota_is_used_up(school: School) -> None:
    column = school.column()
    school.site.limit, school.site.used = 100, 89
    school.push("maya", 10)

    with pytest.raises(PlatformThrottled, match="almost used up"):
        list(school.ask("list_sections", context=CONTEXT))

    score = Score(sub("tomas"), 5.0, 20.0, now().replace(microsecond=0))
    school.ask("push_score", line_item=column, score=score)
    assert len(school.lms.shelf.list("rest_grade")) == 2


def test_nobody_is_asked_until_the_time_that_a_429_named(school: School) -> None:
    school.column()
    school.site.limit = school.site.used
    with pytest.raises(PlatformThrottled) as told:
        school.column()
    school.site.limit = 10_000
    used = school.site.used

    with pytest.raises(PlatformThrottled) as later:
        school.column()

    assert told.value.retry_after_seconds == 3_600
    assert (later.value.retry_after_seconds or 0) > 3_500
    assert school.site.used == used


def test_address_where_no_learn_is_says_so(school: School) -> None:
    school.url += "/elsewhere"
    school.made = school.connect()

    with pytest.raises(PlatformRefused, match="No Learn answers at this address"):
        school.check()


def test_next_page_elsewhere_is_not_followed(school: School) -> None:
    school.site.next_page = "https://evil.example/learn/api/public/v1/courses"

    with pytest.raises(MentorAIError, match="none of its API"):
        list(school.ask("list_sections", context=CONTEXT))


def test_launch_that_offers_the_grade_service_is_left_to_lti(school: School) -> None:
    service = GradeService(line_item_url=f"{school.url}/columns/1")
    place = GradePlace(school.platform, "ours", "_44_1", "Quiz 1", service)

    found = school.engine.plugins.ask_first("find_line_item", engine=school.engine, place=place)

    assert found.url == f"{school.url}/columns/1"
    assert school.site.calls == []


def test_column_of_a_connection_that_is_gone_is_not_asked_by_lti(school: School) -> None:
    column = school.column()
    school.connections.delete(school.connection, author="it")
    score = Score(sub("maya"), 10.0, 20.0, now().replace(microsecond=0))

    with pytest.raises(PlatformRefused, match="not connected any more"):
        school.ask("push_score", line_item=column, score=score)
    with pytest.raises(PlatformRefused, match="not connected any more"):
        school.ask("read_results", line_item=column)
