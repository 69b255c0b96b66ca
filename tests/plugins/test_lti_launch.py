"""The addresses under /lti/, through the whole application, with the platform at the wire."""

import html
import json
import re
import threading
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import responses
import time_machine
from flask.testing import FlaskClient
from joserfc import jwt
from joserfc.jwk import KeySet

from mentorai.core import hookimpl
from mentorai.core.engine import Engine
from mentorai.core.mentors import Mentor
from mentorai.core.quizzes import QuizDraft
from mentorai.core.sessions import BINDING_COOKIE
from mentorai.core.settings import Settings
from mentorai.core.values import Context, Denial, Launch, Platform
from mentorai.lti import history, tickets
from mentorai.lti.registrations import Registration, School
from mentorai.lti.tool import Tool
from mentorai.plugins import lti_launch
from mentorai.web.app import create_app
from tests.fakes.signing_platform import MEMBERSHIP, SigningPlatform, read_query
from tests.rivals import rival

DL = "https://purl.imsglobal.org/spec/lti-dl/claim/"
CLAIM = "https://purl.imsglobal.org/spec/lti/claim/"


class Policy:
    """A plugin that refuses whom it is told to, and may take its time."""

    reason = ""

    def __init__(self) -> None:
        self.asked, self.decided = threading.Event(), threading.Event()
        self.decided.set()

    @hookimpl
    def judge_launch(self) -> Denial | None:
        self.asked.set()
        self.decided.wait(20)
        return Denial(self.reason) if self.reason else None


@pytest.fixture
def policy() -> Policy:
    return Policy()


@pytest.fixture
def engine(settings: Settings, policy: Policy) -> Iterator[Engine]:
    engine = Engine.open(settings, plugins=[("lti_launch", lti_launch), ("policy", policy)])
    yield engine
    engine.close()


@pytest.fixture
def platform(engine: Engine) -> Iterator[Any]:
    with responses.RequestsMock(assert_all_requests_are_fired=False) as wire:
        platform = SigningPlatform(wire, engine.settings.public_url)
        platform.publish()
        yield platform


@pytest.fixture
def registration(engine: Engine, platform: Any) -> Registration:
    organization = engine.organizations.get()
    return engine.room(Tool).registrations.add(organization.id, **platform.facts())


class Browser:
    """A browser in the platform's page."""

    def __init__(self, engine: Engine, platform: Any) -> None:
        self.platform = platform
        self.app = create_app(engine)
        self.client = self.app.test_client()

    def login(self, method: str = "POST", client: FlaskClient | None = None) -> dict[str, str]:
        """Begin a launch; what the platform gets asked."""
        where = {"query_string" if method == "GET" else "data": self._params()}
        answer = (client or self.client).open("/lti/login", method=method, **where)
        assert answer.status_code == 303
        asked: dict[str, str] = read_query(answer.location)
        return asked

    def begin(self, client: FlaskClient | None = None, **params: str) -> Any:
        """A login initiation with more parameters; the answer to it."""
        return (client or self.client).post("/lti/login", data=self._params() | params)

    def _params(self) -> dict[str, str]:
        return {
            "iss": self.platform.issuer,
            "client_id": self.platform.client_id,
            "login_hint": "6",
            "target_link_uri": self.platform.public_url,
        }

    def launch(self, client: FlaskClient | None = None, **changes: Any) -> Any:
        """A whole launch; the answer to the form post."""
        return self.post(self.login(), self.platform.claims, client, **changes)

    def pick(self, client: FlaskClient | None = None, **changes: Any) -> Any:
        """A whole deep linking launch of staff; the answer to the form post."""
        return self.post(self.login(), self.platform.deep_linking_claims, client, **changes)

    def post(
        self, asked: dict[str, str], make: Any, client: FlaskClient | None = None, **changes: Any
    ) -> Any:
        token = self.platform.sign(make(asked["nonce"], **changes))
        form = {"state": asked["state"], "id_token": token}
        return (client or self.client).post("/lti/launch", data=form)


@pytest.fixture
def browser(engine: Engine, platform: Any, registration: Registration) -> Browser:
    return Browser(engine, platform)


def find_field(page: str, name: str) -> str:
    found = re.search(rf'name="{name}" value="([^"]*)"', page)
    assert found is not None
    return found.group(1)


@pytest.mark.parametrize("method", ["GET", "POST"])
def test_login_gives_a_partitioned_cookie_and_goes_on(browser: Browser, method: str) -> None:
    browser.login(method)

    cookie = browser.client.get_cookie(BINDING_COOKIE)
    assert cookie is not None
    assert cookie.secure
    assert cookie.http_only


@pytest.mark.parametrize("method", ["GET", "POST"])
def test_login_at_the_registrations_own_address_goes_on(
    browser: Browser, registration: Registration, platform: Any, method: str
) -> None:
    params = {"iss": platform.issuer, "login_hint": "6"}
    where = {"query_string": params} if method == "GET" else {"data": params}

    answer = browser.client.open(f"/lti/login/{registration.id}", method=method, **where)

    assert answer.status_code == 303
    assert read_query(answer.location)["client_id"] == registration.client_id


@pytest.mark.parametrize("name", ["nothing", "%00", "0" * 36, "x" * 5_000])
def test_login_at_an_address_of_nobody_is_refused(
    browser: Browser, platform: Any, name: str
) -> None:
    params = {"iss": platform.issuer, "login_hint": "6"}

    answer = browser.client.post(f"/lti/login/{name}", data=params)

    assert answer.status_code == 400
    assert "unknown_registration" in answer.text


def test_launch_of_a_held_deployment_says_who_decides(
    browser: Browser, engine: Engine, registration: Registration
) -> None:
    place = (registration.organization_id, registration.id)
    engine.room(Tool).registrations.put_policy(*place, "hold")

    answer = browser.launch(deployment_id="2")

    assert answer.status_code == 403
    assert "<h1>The mentor waits for approval</h1>" in answer.text
    assert "deployment_held" in answer.text
    assert "Ada" not in answer.text


@pytest.mark.parametrize(("role", "is_told"), [("Instructor", True), ("Learner", False)])
def test_staff_are_told_what_to_pass_on_when_a_deployment_is_held(
    browser: Browser, engine: Engine, registration: Registration, role: str, is_told: bool
) -> None:
    place = (registration.organization_id, registration.id)
    engine.room(Tool).registrations.put_policy(*place, "hold")
    school = {"guid": "g-1", "name": "Tide <College>", "url": "https://tide.example"}

    answer = browser.launch(
        deployment_id="d-2", roles=[f"{MEMBERSHIP}#{role}"], tool_platform=school
    )

    told = ("Tide &lt;College&gt;", "d-2", "g-1", f"/admin/platforms/{registration.id}#deployments")
    assert [text in answer.text for text in told] == [is_told] * len(told)
    held = engine.room(Tool).deployments.list(*place)[-1]
    assert held.school == School("g-1", "Tide <College>", "https://tide.example")


@pytest.mark.usefixtures("mentor")
def test_two_launches_at_once_in_a_new_browser_both_arrive(browser: Browser) -> None:
    first, second = browser.app.test_client(), browser.app.test_client()
    asked = [browser.login(client=client) for client in (first, second)]
    # The browser sent both logins before it had a cookie, and keeps what came last.
    for client in (first, second):
        for cookie in client._cookies.values():
            browser.client.set_cookie(cookie.key, cookie.value, secure=True)

    answers = [browser.post(each, browser.platform.claims) for each in asked]

    assert [answer.status_code for answer in answers] == [303, 303]
    for answer in answers:
        assert browser.client.get(answer.location).status_code == 200


def test_learner_lands_in_the_mentor(browser: Browser, mentor: Mentor, engine: Engine) -> None:
    answer = browser.launch()

    assert answer.status_code == 303
    found = re.fullmatch(r"/s/([0-9a-f-]{36})/", answer.location)
    assert found is not None
    session = engine.sessions.find(mentor.organization_id, found.group(1))
    assert session is not None
    assert (session.mentor_id, session.way) == (mentor.id, "cookie")
    assert browser.client.get(answer.location).status_code == 200


@pytest.mark.usefixtures("mentor")
def test_staff_lands_in_the_admin(browser: Browser) -> None:
    answer = browser.launch(roles=["Instructor"])

    assert re.fullmatch(r"/s/[0-9a-f-]{36}/admin/", answer.location)


def test_learner_lands_in_the_quiz_of_the_place(browser: Browser, mentor: Mentor) -> None:
    answer = browser.launch(custom={"mentor": mentor.slug, "quiz": "q-1"})

    assert re.fullmatch(r"/s/[0-9a-f-]{36}/quiz/", answer.location)


@pytest.mark.usefixtures("mentor")
def test_launch_without_the_cookie_offers_a_tab_that_works_once(browser: Browser) -> None:
    asked = browser.login()
    page = browser.post(asked, browser.platform.claims, browser.app.test_client())

    assert page.status_code == 200
    assert "Ada Lovelace" in page.text
    assert "Shore life" in page.text
    assert 'target="_blank"' in page.text
    assert "<script" not in page.text
    link = re.search(r'href="(/lti/continue\?code=[^"]+)"', page.text)
    assert link is not None
    tab, other = browser.app.test_client(), browser.app.test_client()
    assert tab.head(link.group(1)).status_code == 204
    start = tab.get(link.group(1))
    assert start.status_code == 303
    # The cookie is kept here, so the code in the address leads on to the address by itself.
    page = tab.get(start.location)
    assert page.status_code == 303
    assert "code" not in page.location
    assert tab.get(page.location).status_code == 200
    assert other.get(link.group(1)).status_code == 403
    assert other.get(start.location).status_code == 403
    assert other.get(page.location).status_code == 403
    assert browser.client.get(page.location).status_code == 403


@pytest.mark.usefixtures("mentor")
def test_launch_in_a_window_of_its_own_goes_on_there(browser: Browser) -> None:
    asked = browser.login()
    window = {f"{CLAIM}launch_presentation": {"document_target": "window"}}

    client = browser.app.test_client()
    page = browser.post(asked, browser.platform.claims, client, **window)

    assert "/lti/continue?code=" in page.text
    assert "new tab" not in page.text
    assert 'target="_blank"' not in page.text


@pytest.mark.usefixtures("mentor")
def test_launch_in_another_browser_is_refused(browser: Browser) -> None:
    other = browser.app.test_client()
    asked = browser.login()
    other.set_cookie(BINDING_COOKIE, "c" * 64)

    answer = browser.post(asked, browser.platform.claims, other)

    assert answer.status_code == 400
    assert "this browser" in answer.text


@pytest.mark.usefixtures("mentor")
def test_launch_posted_again_leads_its_browser_to_the_session_it_has(browser: Browser) -> None:
    asked = browser.login()
    token = browser.platform.sign(browser.platform.claims(asked["nonce"]))
    form = {"state": asked["state"], "id_token": token}
    first = browser.client.post("/lti/launch", data=form)

    answer = browser.client.post("/lti/launch", data=form)

    assert answer.status_code == 303
    assert answer.location == first.location


@pytest.mark.parametrize("kind", ["launch", "picker"])
@pytest.mark.usefixtures("mentor")
def test_launch_posted_again_while_it_is_being_opened_leads_there_too(
    browser: Browser, policy: Policy, kind: str
) -> None:
    asked, answers, policy.asked = browser.login(), list[Any](), threading.Event()
    platform = browser.platform
    make = platform.claims if kind == "launch" else platform.deep_linking_claims
    form = {"state": asked["state"], "id_token": platform.sign(make(asked["nonce"]))}
    binding = browser.client.get_cookie(BINDING_COOKIE)
    policy.decided.clear()

    def post() -> None:
        client = browser.app.test_client()
        client.set_cookie(BINDING_COOKIE, binding.value if binding else "", secure=True)
        answers.append(client.post("/lti/launch", data=form))

    threads = [threading.Thread(target=post) for _ in range(2)]
    threads[0].start()
    assert policy.asked.wait(20)
    threads[1].start()
    time.sleep(0.3)
    policy.decided.set()
    for thread in threads:
        thread.join(20)

    assert [answer.status_code for answer in answers] == [303, 303]
    assert answers[0].location == answers[1].location


@pytest.mark.usefixtures("mentor")
def test_launch_posted_again_is_refused_when_the_first_opened_nothing(
    browser: Browser, policy: Policy, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tickets, "OPENING", timedelta(seconds=0.1))
    policy.reason = "Not on a Sunday."
    asked = browser.login()

    first, second = (browser.post(asked, browser.platform.claims) for _ in range(2))

    assert (first.status_code, second.status_code) == (403, 400)
    assert "used already" in second.text


@pytest.mark.usefixtures("mentor")
def test_expired_launch_posted_again_leads_its_browser_to_the_session_it_has(
    browser: Browser,
) -> None:
    asked = browser.login()
    token = browser.platform.sign(browser.platform.claims(asked["nonce"]))
    form = {"state": asked["state"], "id_token": token}
    first = browser.client.post("/lti/launch", data=form)

    with time_machine.travel(datetime.now(UTC) + timedelta(minutes=30)):
        answer = browser.client.post("/lti/launch", data=form)

    assert answer.location == first.location


@pytest.mark.usefixtures("mentor")
def test_launch_posted_again_is_refused_when_its_session_has_ended(
    browser: Browser, engine: Engine
) -> None:
    asked = browser.login()
    first = browser.post(asked, browser.platform.claims)
    engine.sessions.end(first.location.split("/")[2])

    answer = browser.post(asked, browser.platform.claims)

    assert answer.status_code == 400
    assert "used already" in answer.text


@pytest.mark.usefixtures("mentor")
def test_launch_posted_by_another_browser_is_refused_with_a_reference(browser: Browser) -> None:
    asked = browser.login()
    token = browser.platform.sign(browser.platform.claims(asked["nonce"]))
    form = {"state": asked["state"], "id_token": token}
    browser.client.post("/lti/launch", data=form)

    answer = browser.app.test_client().post("/lti/launch", data=form)

    assert answer.status_code == 400
    assert "used already" in answer.text
    assert answer.headers["X-Request-Id"] in answer.text
    assert token not in answer.text


@pytest.mark.usefixtures("mentor")
def test_login_stores_a_proof_when_nobody_knows_whether_cookies_are_kept(
    browser: Browser,
) -> None:
    asked = browser.begin(lti_storage_target="post_message_forwarding")

    page = asked.get_data(as_text=True)
    assert asked.status_code == 200
    assert 'data-target="post_message_forwarding"' in page
    assert f'data-origin="{browser.platform.issuer}"' in page
    assert re.search(r'data-proof="[\w-]{43}"', page)


@pytest.mark.usefixtures("mentor")
def test_login_goes_on_at_once_when_the_browser_shows_a_cookie(browser: Browser) -> None:
    browser.login()

    assert browser.begin(lti_storage_target="_parent").status_code == 303


@pytest.mark.parametrize("target", ["", "x" * 300, "two\nlines"])
def test_login_goes_on_at_once_when_no_frame_can_have_that_name(
    browser: Browser, target: str
) -> None:
    assert browser.begin(lti_storage_target=target).status_code == 303


def test_name_of_a_frame_cannot_break_out_of_the_page(browser: Browser) -> None:
    page = browser.begin(lti_storage_target='"><script>alert(1)</script>').text

    assert "<script>alert" not in page


def store(browser: Browser, make_claims: Any) -> dict[str, str]:
    """A launch without a cookie whose proof the platform keeps: its code and its proof."""
    stranger = browser.app.test_client()
    page = browser.begin(stranger, lti_storage_target="_parent").text
    found = re.search(r'href="([^"]+)"[^>]*data-proof="([^"]+)"', page)
    assert found is not None
    asked = read_query(html.unescape(found.group(1)))
    ready = browser.post(asked, make_claims, browser.app.test_client()).text
    code = re.search(r'data-code="([^"]+)"', ready)
    assert code is not None
    return {"code": code.group(1), "proof": found.group(2)}


@pytest.fixture
def stored(browser: Browser, mentor: Mentor) -> dict[str, str]:
    return store(browser, browser.platform.claims)


def test_proof_opens_the_session_once(browser: Browser, stored: dict[str, str]) -> None:
    frame, other = browser.app.test_client(), browser.app.test_client()

    answer = frame.post("/lti/resume", data=stored)

    assert answer.status_code == 200
    assert answer.json is not None
    # A client that keeps no cookie: only the code in the address can open the page.
    assert other.get(answer.json["location"]).status_code == 200
    assert other.get(answer.json["location"]).status_code == 403
    assert frame.post("/lti/resume", data=stored).status_code == 403


@pytest.mark.parametrize("proof", ["", "made up", "x" * 5_000])
def test_wrong_proof_opens_nothing_and_uses_nothing_up(
    browser: Browser, stored: dict[str, str], proof: str
) -> None:
    frame = browser.app.test_client()

    assert frame.post("/lti/resume", data=stored | {"proof": proof}).status_code == 403

    assert frame.get("/lti/continue", query_string={"code": stored["code"]}).status_code == 403
    assert frame.post("/lti/resume", data=stored).status_code == 200


@pytest.mark.usefixtures("mentor")
def test_refused_launch_is_a_problem_for_a_program(browser: Browser) -> None:
    answer = browser.client.post(
        "/lti/launch", data={"state": "x"}, headers={"Accept": "application/json"}
    )

    assert answer.mimetype == "application/problem+json"
    assert answer.json is not None
    assert answer.json["code"] == "claim_missing"


@pytest.mark.usefixtures("mentor")
def test_launch_is_refused_by_a_policy(browser: Browser, policy: Policy) -> None:
    policy.reason = "Not during exams."

    assert browser.launch().status_code == 403
    assert browser.pick().status_code == 403


def test_launch_that_the_platform_declined_says_so(browser: Browser) -> None:
    form = {"error": "login_required", "error_description": "<b>x</b>", "state": "y"}

    answer = browser.client.post("/lti/launch", data=form)

    assert answer.status_code == 400
    assert "sign in" in answer.text
    assert "<b>" not in answer.text


@pytest.mark.parametrize(
    ("data", "status"),
    [
        ({}, 400),
        ({"id_token": "x" * 90_000, "state": "y"}, 400),
        ({"id_token": "x" * 5_000_000, "state": "y"}, 413),
        ({"id_token": "x", "state": "\0"}, 400),
    ],
    ids=["nothing", "large token", "huge form", "NUL"],
)
def test_launch_of_a_bad_form_is_refused(
    browser: Browser, data: dict[str, str], status: int
) -> None:
    assert browser.client.post("/lti/launch", data=data).status_code == status


def test_launch_address_answers_a_look_harmlessly(browser: Browser) -> None:
    for method in ("GET", "HEAD"):
        assert browser.client.open("/lti/launch", method=method).status_code == 200


def test_keyset_holds_only_public_parts_and_stays_the_same(browser: Browser) -> None:
    first, second = (browser.client.get("/lti/jwks.json") for _ in range(2))

    assert first.json == second.json
    assert first.json is not None
    (key,) = first.json["keys"]
    assert set(key) == {"kty", "n", "e", "kid", "use", "alg"}


# --- deep linking ---------------------------------------------------------------------------


@pytest.fixture
def quiz(engine: Engine, mentor: Mentor) -> Any:
    draft = QuizDraft.model_validate(
        {
            "title": "Tides",
            "published": True,
            "questions": [
                {"kind": "true_false", "prompt": "Wet?", "points": 4, "answer": True},
            ],
        }
    )
    return engine.quizzes.put(mentor.organization_id, mentor.id, draft)


def read_answer(browser: Browser, page: str) -> dict[str, Any]:
    keys = KeySet.import_key_set(browser.client.get("/lti/jwks.json").json)
    token = jwt.decode(find_field(page, "JWT"), keys, algorithms=["RS256"])
    return token.claims


def choose(browser: Browser, url: str, choices: list[str], **form: str) -> Any:
    page = browser.client.get(url).text
    token = find_field(page, "csrf_token")
    return browser.client.post(url, data={"csrf_token": token, "choice": choices} | form)


def test_picked_quiz_goes_to_the_platform_signed(
    browser: Browser, mentor: Mentor, quiz: Any
) -> None:
    shown = browser.pick()
    answer = choose(browser, shown.location, [f"{mentor.id}/{quiz.id}", mentor.id])

    claims = read_answer(browser, answer.text)
    assert answer.status_code == 200
    assert 'action="https://lms.example.edu/dl-return?course=2"' in answer.text
    assert "form-action https://lms.example.edu;" in (answer.headers["Content-Security-Policy"])
    assert "script-src 'nonce-" in answer.headers["Content-Security-Policy"]
    assert (claims["iss"], claims["aud"]) == ("mentor-tool", "https://lms.example.edu")
    assert claims["exp"] - claims["iat"] == 300
    assert len(claims["nonce"]) > 20
    assert claims[f"{CLAIM}message_type"] == "LtiDeepLinkingResponse"
    assert claims[f"{CLAIM}version"] == "1.3.0"
    assert claims[f"{CLAIM}deployment_id"] == "1"
    assert claims[f"{DL}data"] == "opaque <&> data"
    public_url = browser.platform.public_url
    shared = {
        "type": "ltiResourceLink",
        "url": f"{public_url}/lti/launch",
        "icon": {"url": f"{public_url}/lti/icon.png", "width": 128, "height": 128},
        "thumbnail": {"url": f"{public_url}/lti/icon.png", "width": 128, "height": 128},
    }
    review = {
        "reviewableStatus": ["InProgress", "Submitted", "Completed"],
        "label": "Open the attempt and the conversation",
        "custom": {"quiz": quiz.id},
    }
    column = {"scoreMaximum": 4, "label": "Tides", "resourceId": quiz.id, "tag": "quiz"}
    assert claims[f"{DL}content_items"] == [
        shared | {"title": mentor.display_name, "custom": {"mentor": mentor.id, **history.CUSTOM}},
        shared
        | {
            "title": "Tides",
            "custom": {"mentor": mentor.id, "quiz": quiz.id, **history.CUSTOM},
            "lineItem": column | {"submissionReview": review},
        },
    ]


def test_answer_leaves_out_data_that_did_not_come(browser: Browser, mentor: Mentor) -> None:
    settings = {
        "deep_link_return_url": "https://lms.example.edu/r",
        "accept_types": ["link", "ltiResourceLink"],
    }
    shown = browser.pick(**{f"{DL}deep_linking_settings": settings})

    claims = read_answer(browser, choose(browser, shown.location, [mentor.id]).text)

    assert f"{DL}data" not in claims


def test_answer_holds_one_item_when_the_platform_takes_one(
    browser: Browser, mentor: Mentor, quiz: Any
) -> None:
    settings = {
        "deep_link_return_url": "https://lms.example.edu/r",
        "accept_types": ["ltiResourceLink"],
        "accept_multiple": False,
        "accept_lineitem": False,
    }
    shown = browser.pick(**{f"{DL}deep_linking_settings": settings})
    chosen = [f"{mentor.id}/{quiz.id}"]

    claims = read_answer(browser, choose(browser, shown.location, chosen).text)

    (item,) = claims[f"{DL}content_items"]
    assert "lineItem" not in item


def test_answer_is_given_once(browser: Browser, mentor: Mentor) -> None:
    shown = browser.pick()
    token = find_field(browser.client.get(shown.location).text, "csrf_token")
    form = {"csrf_token": token, "choice": mentor.id}
    browser.client.post(shown.location, data=form)

    assert browser.client.post(shown.location, data=form).status_code == 400


@pytest.mark.parametrize("choice", [[], ["no-such-mentor"], ["'; drop table mentors"]])
@pytest.mark.usefixtures("mentor")
def test_answer_of_a_bad_choice_is_refused(browser: Browser, choice: list[str]) -> None:
    shown = browser.pick()

    assert choose(browser, shown.location, choice).status_code == 422


def test_answer_without_the_forms_token_is_refused(browser: Browser, mentor: Mentor) -> None:
    shown = browser.pick()

    answer = browser.client.post(shown.location, data={"choice": mentor.id})

    assert answer.status_code == 400
    assert 'name="JWT"' not in answer.text


@pytest.mark.usefixtures("mentor")
def test_picker_is_closed_to_learners_and_other_browsers(browser: Browser) -> None:
    shown = browser.pick()

    assert browser.app.test_client().get(shown.location).status_code == 400
    assert browser.pick(roles=["Learner"]).status_code == 403


@pytest.mark.usefixtures("mentor")
def test_picker_opens_in_a_tab_of_its_own_without_the_cookie(browser: Browser) -> None:
    page = browser.pick(browser.app.test_client())

    link = re.search(r'href="(/lti/continue\?code=[^"]+)"', page.text)
    assert link is not None
    tab = browser.app.test_client()
    shown = tab.get(link.group(1), follow_redirects=True)
    assert shown.status_code == 200
    assert shown.request.query_string == b""
    assert browser.app.test_client().get(link.group(1)).status_code == 403


@pytest.fixture
def stored_pick(browser: Browser, mentor: Mentor) -> dict[str, str]:
    """A deep linking launch without a cookie whose proof the platform keeps."""
    return store(browser, browser.platform.deep_linking_claims)


def test_proof_opens_a_picker_that_holds_its_own_secret(
    browser: Browser, mentor: Mentor, stored_pick: dict[str, str]
) -> None:
    answer = browser.app.test_client().post("/lti/deep-linking/resume", data=stored_pick)
    location = answer.json["location"]
    page = browser.app.test_client().get(location)
    form = {"held": find_field(page.text, "held"), "choice": mentor.id}
    address = location.partition("?")[0] + "/held"

    placed = browser.app.test_client().post(address, data=form)

    assert "csrf_token" not in page.text
    assert len(read_answer(browser, placed.text)[f"{DL}content_items"]) == 1
    assert browser.app.test_client().get(location).status_code == 400
    again = browser.app.test_client().post("/lti/deep-linking/resume", data=stored_pick)
    assert again.status_code == 400


@pytest.mark.parametrize("proof", ["", "made up", "x" * 5_000])
def test_wrong_proof_opens_no_picker_and_uses_nothing_up(
    browser: Browser, stored_pick: dict[str, str], proof: str
) -> None:
    client = browser.app.test_client()

    answer = client.post("/lti/deep-linking/resume", data=stored_pick | {"proof": proof})

    assert answer.status_code == 400
    assert client.post("/lti/deep-linking/resume", data=stored_pick).status_code == 200


@pytest.mark.parametrize("held", ["", "f" * 64, "x" * 5_000])
def test_cookie_counts_for_nothing_where_a_picker_says_to_hold_a_secret(
    browser: Browser, mentor: Mentor, held: str
) -> None:
    shown = browser.pick()

    answer = browser.client.post(f"{shown.location}/held", data={"held": held, "choice": mentor.id})

    assert answer.status_code == 400
    assert 'name="JWT"' not in answer.text


@pytest.mark.usefixtures("mentor")
def test_look_at_a_code_does_not_use_it_up(browser: Browser, stored_pick: dict[str, str]) -> None:
    answer = browser.app.test_client().post("/lti/deep-linking/resume", data=stored_pick)
    location, client = answer.json["location"], browser.app.test_client()

    assert client.head(location).status_code == 204

    assert client.get(location).status_code == 200


@pytest.mark.parametrize(
    ("wanted", "status"),
    [
        (None, 400),
        ({"accept_types": ["ltiResourceLink"]}, 400),
        ({"deep_link_return_url": "javascript:x", "accept_types": ["ltiResourceLink"]}, 400),
        ({"deep_link_return_url": "https://lms.example.edu/", "accept_types": "x"}, 400),
    ],
)
def test_picker_is_refused_for_bad_settings(
    browser: Browser, wanted: dict[str, Any] | None, status: int
) -> None:
    assert browser.pick(**{f"{DL}deep_linking_settings": wanted}).status_code == status


# --- the other hooks ------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("code", "family"), [("Moodle ", "moodle"), ("", "lti"), ("\0", "lti"), ("canvas", "canvas")]
)
def test_platform_is_recognised_by_what_it_calls_itself(
    engine: Engine, code: str, family: str
) -> None:
    assert (
        engine.plugins.ask_first("recognise_platform", issuer="https://x", family_code=code)
        == family
    )


@pytest.mark.usefixtures("mentor")
def test_session_may_be_framed_by_its_platform_only(browser: Browser) -> None:
    answer = browser.launch()

    policy = browser.client.get(answer.location).headers["Content-Security-Policy"]

    assert "frame-ancestors 'self' https://lms.example.edu" in policy


def test_services_are_not_ours_for_an_unknown_registration(engine: Engine) -> None:
    organization = engine.organizations.get()
    platform = Platform("nobody", organization.id, "lti", "https://x", "y")

    facts: dict[str, Any] = {"engine": engine, "platform": platform}
    facts |= {"memberships_url": "https://x", "context": Context("c")}
    assert engine.plugins.ask_first("list_members", **facts) is None


def test_members_are_listed_through_the_hook(
    engine: Engine, platform: Any, registration: Registration
) -> None:
    platform.grant()
    platform.wire.add("GET", platform.members_url, json={"members": [{"user_id": "6"}]})
    asked = Platform(
        registration.id, registration.organization_id, "lti", registration.issuer, "mentor-tool"
    )

    found = engine.plugins.ask_first(
        "list_members",
        engine=engine,
        platform=asked,
        memberships_url=platform.members_url,
        context=Context("c"),
    )

    assert [member.subject for member in found] == ["6"]


def test_launch_tells_the_other_plugins(browser: Browser, engine: Engine, mentor: Mentor) -> None:
    told: list[Launch] = []

    class Listener:
        @hookimpl
        def launch_admitted(self, launch: Launch) -> None:
            told.append(launch)

    engine.plugins.add(Listener(), "listener")
    browser.launch()

    assert [(launch.family_code, launch.subject) for launch in told] == [("moodle", "6")]
    assert json.dumps(told[0].custom) == '{"chapter": "3"}'


@pytest.mark.parametrize("name", ["%00", "x", "../admin", "0" * 300])
def test_picker_of_a_name_that_is_none_is_not_found(browser: Browser, name: str) -> None:
    assert browser.client.get(f"/lti/deep-linking/{name}").status_code == 404


def test_launch_that_ends_in_a_deadlock_is_explained_and_the_next_one_arrives(
    browser: Browser, mentor: Mentor, engine: Engine
) -> None:
    def launch(name: str) -> Any:
        return browser.launch(**{"name": name, f"{CLAIM}context": {"id": "c", "title": name}})

    first, answers = launch("Ada Byron"), list[Any]()
    thread = threading.Thread(target=lambda: answers.append(launch("Ada King")))
    with rival(engine.database) as other:
        other.lock("contexts")
        thread.start()
        other.wait_for()
        other.lock("people")
        thread.join(20)

    assert (first.status_code, answers[0].status_code) == (303, 503)
    assert int(answers[0].headers["Retry-After"]) > 0
    assert "Open the activity again from the course page in a few seconds." in answers[0].text
    assert launch("Ada King").status_code == 303
