"""What a launch leaves in the log and what a refusal tells, with the sandbox LMS over real HTTP."""

import json
import re
import time
from collections.abc import Iterator
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import lxml.html
import pytest
import requests

from mentorai.core import hookimpl
from mentorai.core.engine import Engine
from mentorai.core.explanations import EXPLANATIONS
from mentorai.core.settings import Settings
from mentorai.core.values import Denial
from mentorai.lti.launch_log_rows import LaunchEntry
from mentorai.lti.registrations import Registration
from mentorai.lti.tool import Tool
from mentorai.plugins import lti_launch
from mentorai.plugins import sandbox as sandbox_plugin
from mentorai.web.app import create_app
from mentorai.web.commands.demo_course import register
from tests.fakes.browserless import Browser
from tests.fakes.platforms import RunningSandbox, free_port, running_app, running_sandbox

CLAIM = "https://purl.imsglobal.org/spec/lti/claim"
PHONE = (
    "Mozilla/5.0 (iPhone; CPU iPhone OS 18_1 like Mac OS X) AppleWebKit/605.1.15 "
    "(KHTML, like Gecko) Version/18.1 Mobile/15E148 Safari/604.1"
)


class Policy:
    """A plugin that refuses whom it is told to."""

    reason = ""

    @hookimpl
    def judge_launch(self) -> Denial | None:
        return Denial(self.reason) if self.reason else None


class House:
    """A tool with a mentor, registered at a sandbox, and a browser."""

    def __init__(self, engine: Engine, sandbox: RunningSandbox, browser: Browser) -> None:
        self.engine, self.sandbox, self.browser = engine, sandbox, browser
        self.policy = Policy()
        self.organization_id = engine.organizations.get().id

    @property
    def tool(self) -> Tool:
        return self.engine.room(Tool)

    @property
    def registration(self) -> Registration:
        return self.tool.registrations.list(self.organization_id)[0]

    def launch(self) -> requests.Response:
        return self.browser.launch(self.sandbox.url, "maya", "tidal-pools", "tides-mentor")

    def entries(self, **wanted: Any) -> list[LaunchEntry]:
        self.tool.launch_log.flush()
        return list(self.tool.launch_log.list(self.organization_id, **wanted)[1])

    def alter(self, **claims: Any) -> None:
        """Change claims of the launches to come; None leaves one out."""

        def change(given: dict[str, Any]) -> dict[str, Any]:
            whole = {f"{CLAIM}/{name}": value for name, value in claims.items()}
            return {k: v for k, v in (given | whole).items() if v is not None}

        self.sandbox.platform.alter_claims = change


@pytest.fixture
def house(data_dir: Path) -> Iterator[House]:
    port = free_port()
    settings = Settings(
        data_dir=data_dir, public_url=f"http://localhost:{port}", allow_loopback_platforms=True
    )
    policy = Policy()
    plugins = [("lti_launch", lti_launch), ("sandbox", sandbox_plugin), ("policy", policy)]
    engine = Engine.open(settings, plugins=plugins)
    engine.mentors.add(engine.organizations.get().id, "Tidal Pools")
    with running_sandbox(f"http://localhost:{port}") as sandbox, Browser() as browser:
        register(engine, sandbox.description["platform"])
        with running_app(create_app(engine), port=port):
            browser.session.headers["User-Agent"] = PHONE
            house = House(engine, sandbox, browser)
            house.policy = policy
            yield house
    engine.close()


def read_page(answer: requests.Response) -> tuple[str, Any]:
    """The text of a page with single spaces, and its way back to the course, if it has one."""
    document = lxml.html.fromstring(answer.content)
    links = document.xpath("//a[normalize-space()='Back to the course']/@href")
    return " ".join(document.text_content().split()), links[0] if links else None


# --- the log ------------------------------------------------------------------------------


def test_launch_leaves_an_entry_that_names_nobody(house: House) -> None:
    answer = house.launch()

    (entry,) = house.entries()
    assert answer.status_code == 200
    assert entry.outcome == "admitted"
    assert entry.is_verified
    assert entry.registration_id == house.registration.id
    assert entry.message_type == "LtiResourceLinkRequest"
    assert (entry.deployment_id, entry.way) == ("1", "cookie")
    assert entry.browser == "Safari 18 on iOS"
    assert entry.claims["values"]["tool_platform.product_family_code"]
    assert entry.claims["values"]["launch_presentation.document_target"] == "iframe"
    assert {"sub", "name", "email", "context.title", "launch_presentation.return_url"} <= set(
        entry.claims["names"]
    )
    person = next(p for p in house.sandbox.description["people"] if p["id"] == "maya")
    kept = json.dumps(asdict(entry), default=str)
    for secret in (person["sub"], person["name"], "Tidal", "?", "@", "605.1"):
        assert secret not in kept


def test_deep_linking_leaves_an_entry(house: House) -> None:
    house.browser.open_picker(house.sandbox.url, "ruth", "tidal-pools")

    (entry,) = house.entries()
    assert (entry.outcome, entry.message_type) == ("admitted", "LtiDeepLinkingRequest")


def test_launch_without_cookies_is_kept_with_its_way(house: House) -> None:
    login = house.browser.begin(house.sandbox.url, "maya", "tidal-pools", "tides-mentor")
    form = house.browser.authenticate(login)
    house.browser.session.cookies.clear()

    house.browser.submit(form)

    assert [entry.way for entry in house.entries()] == ["new_tab"]


def test_way_by_which_the_browser_came_in_at_last_is_shown(house: House) -> None:
    login = house.browser.begin(house.sandbox.url, "maya", "tidal-pools", "tides-mentor")
    form = house.browser.authenticate(login)
    house.browser.session.cookies.clear()
    page = house.browser.submit(form)
    code = re.search(r"continue\?code=([\w-]+)", page.text)
    assert code is not None

    sessions = house.engine.sessions
    sessions.bind(sessions.take_handoff(code[1]).id, "b" * 64, "storage")

    assert [entry.way for entry in house.entries()] == ["storage"]


def test_refusal_is_found_by_the_reference_on_the_page(house: House) -> None:
    house.alter(deployment_id="another")

    answer = house.launch()

    text, _ = read_page(answer)
    reference = answer.headers["X-Request-Id"]
    (entry,) = house.entries(reference=f" {reference.lower()} ")
    assert f"Reference number: {reference}" in text
    assert entry.outcome == "unknown_deployment"
    assert entry.deployment_id == "another"
    assert entry.registration_id == house.registration.id
    assert entry.is_verified
    assert entry.clause.startswith("LTI Core 1.3, section 5.3.3")


def test_login_of_an_unknown_lms_fits_no_registration(house: House) -> None:
    login = house.browser.begin(house.sandbox.url, "maya", "tidal-pools", "tides-mentor")

    answer = house.browser.submit(login.with_fields(client_id="someone-else"))

    (entry,) = house.entries(is_matched=False)
    assert answer.status_code == 400
    assert entry.outcome == "unknown_registration"
    assert (entry.issuer, entry.client_id) == (house.sandbox.url, "someone-else")
    assert not entry.is_verified


def test_refused_login_at_an_address_of_its_own_belongs_to_that_registration(house: House) -> None:
    login = house.browser.begin(house.sandbox.url, "maya", "tidal-pools", "tides-mentor")
    address = f"{house.engine.settings.public_url}/lti/login/{house.registration.id}"

    house.browser.submit(replace(login.with_fields(client_id="someone-else"), url=address))

    (entry,) = house.entries()
    assert entry.outcome == "unknown_registration"
    assert entry.registration_id == house.registration.id
    assert not entry.is_verified


def test_error_that_the_lms_posts_back_belongs_to_its_registration(house: House) -> None:
    house.sandbox.faults.add("auth", "error", error="login_required")

    house.launch()

    (entry,) = house.entries()
    assert (entry.outcome, entry.registration_id) == ("platform_declined", house.registration.id)


def test_refused_continuation_is_found_too(house: House) -> None:
    answer = house.browser.get(f"{house.engine.settings.public_url}/lti/continue?code=old")

    (entry,) = house.entries(reference=answer.headers["X-Request-Id"])
    assert answer.status_code == 403
    assert entry.outcome == "session_invalid"


@pytest.mark.parametrize(
    ("trouble", "outcome"),
    [
        ("clock", "token_out_of_time"),
        ("slow clock", "token_expired"),
        ("unpublished key", "signing_key_unknown"),
        ("no key set", "keyset_unavailable"),
        ("no mentor", "mentor_not_chosen"),
        ("policy", "launch_denied"),
        ("roles", "claim_missing"),
    ],
)
def test_trouble_has_a_code_of_its_own(house: House, trouble: str, outcome: str) -> None:
    if trouble == "clock":
        house.sandbox.platform.behave({"clock_offset_seconds": 500.0})
    if trouble == "slow clock":
        house.sandbox.platform.behave({"clock_offset_seconds": -500.0})
    if trouble == "unpublished key":
        house.sandbox.platform.keys.rotate(publish=False)
    if trouble == "no key set":
        house.sandbox.faults.add("jwks", "status", status=500)
    if trouble == "no mentor":
        house.engine.mentors.add(house.organization_id, "A second one")
        house.alter(custom=None)
    if trouble == "policy":
        house.policy.reason = "Not during exams."
    if trouble == "roles":
        house.alter(roles=None)

    text, _ = read_page(house.launch())

    (entry,) = house.entries()
    assert entry.outcome == outcome
    words = EXPLANATIONS[outcome]
    # What stands between backticks is shown as code.
    texts = [words.student, words.instructor, words.it.replace("`", "")]
    places = [text.index(each) for each in texts]
    assert places == sorted(places)
    assert outcome in text


def test_reader_who_teaches_is_spoken_to_as_such(house: House) -> None:
    house.alter(custom={"mentor": "gone"})

    student, _ = read_page(house.launch())
    staff, _ = read_page(
        house.browser.launch(house.sandbox.url, "ruth", "tidal-pools", "tides-mentor")
    )

    words = EXPLANATIONS["mentor_not_chosen"]
    assert (words.student in student, words.student in staff) == (True, False)
    assert (staff.count(words.instructor), "For teaching staff" in staff) == (1, False)
    assert "names a mentor that is not here" in staff


def test_refused_launch_names_the_screens_of_its_lms(house: House) -> None:
    house.tool.registrations.remove(house.organization_id, house.registration.id)
    described = house.sandbox.description["platform"]
    register(house.engine, described | {"family": sandbox_plugin.FAMILY})
    house.alter(deployment_id="another")

    refused, _ = read_page(house.launch())

    assert sandbox_plugin.SCREENS["deployments"].replace("`", "") in refused


def test_large_form_is_refused_and_kept(house: House) -> None:
    url = f"{house.engine.settings.public_url}/lti/launch"

    answer = house.browser.session.post(url, data={"id_token": "x" * 300_000}, timeout=10)

    (entry,) = house.entries()
    assert answer.status_code == 413
    assert entry.outcome == "too_large"
    assert EXPLANATIONS["too_large"].student in read_page(answer)[0]


def test_log_is_written_without_being_asked(house: House) -> None:
    house.launch()
    deadline = time.monotonic() + 10

    while time.monotonic() < deadline:
        if house.tool.launch_log.list(house.organization_id)[0]:
            break
        time.sleep(0.1)

    assert house.tool.launch_log.list(house.organization_id)[0] == 1


# --- the way back -------------------------------------------------------------------------


def test_verified_refusal_leads_back_to_the_course(house: House) -> None:
    house.alter(deployment_id="another")

    answer = house.launch()

    _, way_back = read_page(answer)
    told = parse_qs(urlsplit(way_back).query)
    reference = answer.headers["X-Request-Id"]
    assert way_back.startswith(f"{house.sandbox.url}/")
    assert told["lti_errormsg"] == [f"{EXPLANATIONS['unknown_deployment'].student} ({reference})"]
    assert told["lti_errorlog"][0].startswith(f"unknown_deployment; reference {reference};")
    back = house.browser.get(way_back)
    assert back.status_code == 200


@pytest.mark.parametrize(
    "return_url",
    [
        "https://evil.example.edu/return",
        "//evil.example.edu/return",
        "javascript:alert(1)",
        "{lms}@evil.example.edu/",
        "http://lms@127.0.0.1:{port}/",
        "/relative",
        7,
        None,
    ],
)
def test_way_back_never_leads_elsewhere(house: House, return_url: Any) -> None:
    if isinstance(return_url, str):
        port = urlsplit(house.sandbox.url).port
        return_url = return_url.format(lms=house.sandbox.url, port=port)
    house.alter(deployment_id="another", launch_presentation={"return_url": return_url})

    answer = house.launch()

    assert answer.status_code == 400
    assert read_page(answer)[1] is None


def test_way_back_keeps_the_query_and_replaces_old_messages(house: House) -> None:
    url = f"{house.sandbox.url}/as/maya/?course=2&lti_errormsg=old"
    house.alter(deployment_id="another", launch_presentation={"return_url": url})

    _, way_back = read_page(house.launch())

    told = parse_qs(urlsplit(way_back).query)
    assert told["course"] == ["2"]
    assert len(told["lti_errormsg"]) == 1
    assert told["lti_errormsg"] != ["old"]


def test_unverified_refusal_has_no_way_back(house: House) -> None:
    login = house.browser.begin(house.sandbox.url, "maya", "tidal-pools", "tides-mentor")
    form = house.browser.authenticate(login)
    head, body, signature = form.fields["id_token"].split(".")
    broken = f"{head}.{body}.{signature[:-8]}AAAAAAAA"

    answer = house.browser.submit(form.with_fields(id_token=broken))

    (entry,) = house.entries()
    assert entry.outcome == "signature_invalid"
    assert not entry.is_verified
    assert read_page(answer)[1] is None


def test_disabled_registration_has_no_way_back(house: House) -> None:
    login = house.browser.begin(house.sandbox.url, "maya", "tidal-pools", "tides-mentor")
    form = house.browser.authenticate(login)
    house.tool.registrations.disable(house.organization_id, house.registration.id)

    answer = house.browser.submit(form)

    (entry,) = house.entries()
    assert (entry.outcome, entry.is_verified) == ("unknown_registration", False)
    assert read_page(answer)[1] is None


def test_success_says_nothing_to_the_lms(house: House) -> None:
    answer = house.launch()

    assert "lti_errormsg" not in answer.text
    assert all("lti_errormsg" not in step.headers["Location"] for step in answer.history)
