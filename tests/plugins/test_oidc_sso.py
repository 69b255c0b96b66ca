"""Campus sign-on, against real providers: each journey in a browser, over real sockets."""

import re
from collections.abc import Iterator
from html import unescape
from pathlib import Path

import pytest
import requests

from mentorai.core import hookimpl
from mentorai.core.engine import Engine
from mentorai.core.settings import Settings
from mentorai.core.values import Session
from mentorai.plugins import oidc_sso
from mentorai.web.app import create_app
from tests.fakes.browserless import Browser, read_form
from tests.fakes.campus_provider import PORTAL, SECRET, CampusProvider, running_providers
from tests.fakes.platforms import free_port, running_app

IT = {"name": "Ada Lovelace", "email": "ada@campus.edu", "email_verified": True, "groups": ["it"]}
STUDENT = {"name": "Ben", "email": "ben@campus.edu", "email_verified": True, "groups": ["students"]}
TICKET = {"allowed_origins": ["https://portal.example.edu"]}


class Listener:
    def __init__(self) -> None:
        self.told: list[tuple[str, str]] = []

    @hookimpl
    def session_ended(self, session: Session, reason: str) -> None:
        self.told.append((session.id, reason))


@pytest.fixture(scope="module")
def port() -> int:
    return free_port()


@pytest.fixture(scope="module")
def providers(port: int) -> Iterator[list[CampusProvider]]:
    with running_providers(port, "campus", "partner") as found:
        yield found


@pytest.fixture
def campus(providers: list[CampusProvider]) -> CampusProvider:
    providers[0].put_people(ada=IT, ben=STUDENT)
    return providers[0]


@pytest.fixture
def partner(providers: list[CampusProvider]) -> CampusProvider:
    providers[1].put_people(ada=IT)
    return providers[1]


@pytest.fixture
def settings(settings: Settings, port: int, providers: list[CampusProvider]) -> Settings:
    write_providers(settings.data_dir, providers)
    return settings.model_copy(update={"public_url": f"http://localhost:{port}"})


def write_providers(folder: Path, providers: list[CampusProvider], more: str = "") -> None:
    path = folder / "oidc.toml"
    path.write_text(
        "".join(
            f"""
            [[providers]]
            name = "{provider.name}"
            title = "{provider.name.title()} account"
            issuer = "{provider.issuer}"
            client_id = "mentorai"
            client_secret = "{SECRET}"
            audiences = ["{PORTAL}"]
            roles = {{ administrator = ["it"], learner = ["students"] }}
            {more}
            """
            for provider in providers
        )
    )
    path.chmod(0o600)


@pytest.fixture
def listener() -> Listener:
    return Listener()


@pytest.fixture
def engine(settings: Settings, listener: Listener) -> Iterator[Engine]:
    engine = Engine.open(settings, plugins=[("oidc_sso", oidc_sso), ("listener", listener)])
    yield engine
    engine.close()


@pytest.fixture
def tool(engine: Engine, port: int) -> Iterator[str]:
    with running_app(create_app(engine), port=port) as url:
        yield url


@pytest.fixture
def browser() -> Iterator[Browser]:
    with Browser() as browser:
        yield browser


@pytest.fixture
def key(engine: Engine, mentor) -> dict[str, str]:
    issued = engine.keys.issue(
        mentor.organization_id,
        mentor.id,
        name="Portal",
        scopes=["sso:validate", "sso:embed"],
        expires_at=None,
        author="test",
    )
    return {"X-API-Key": issued.text}


def sign_on(browser, tool, provider, person, path=""):
    page = browser.get(f"{tool}/sign-on/{provider.name}{path}")
    return provider.press_on(browser, page, person)


def validate(tool, key, credential):
    answer = requests.post(
        f"{tool}/api/v1/sso/validate", json={"credential": credential}, headers=key, timeout=30
    )
    assert answer.status_code == 200, answer.text
    return answer.json()


def test_campus_it_signs_in_by_the_link_and_lands_where_it_wanted(browser, tool, campus):
    asked = browser.get(f"{tool}/admin/platforms")
    assert 'href="/sign-on/campus?next=%2Fadmin%2Fplatforms"' in asked.text
    assert "Sign in with Campus account" in asked.text

    page = sign_on(browser, tool, campus, "ada", "?next=/admin/platforms")

    assert page.url == f"{tool}/admin/platforms"
    assert "ada@campus.edu" in page.text


def test_who_signs_out_is_led_to_sign_out_at_the_campus_too(browser, tool, campus):
    home = sign_on(browser, tool, campus, "ada")

    page = browser.submit(read_form(home))

    assert "You are signed out here" in page.text
    (link,) = re.findall(r'href="([^"]+/session/end[^"]+)"', page.text)
    page = browser.submit(read_form(browser.get(unescape(link))).with_fields(logout="yes"))
    assert page.url == f"{tool}/admin/sign-in"
    page = browser.get(f"{tool}/sign-on/campus")
    assert page.url.startswith(f"{campus.issuer}/interaction/")


def test_same_person_is_the_same_administrator_and_has_no_password(browser, tool, engine, campus):
    sign_on(browser, tool, campus, "ada")
    with Browser() as other:
        sign_on(other, tool, campus, "ada")

        assert "ada@campus.edu" in other.get(f"{tool}/admin/").text
    assert "ada@campus.edu" in browser.get(f"{tool}/admin/").text


def test_who_is_not_of_campus_it_stays_outside(browser, tool, campus):
    page = sign_on(browser, tool, campus, "ben")

    assert page.status_code == 403
    assert "not among those of campus IT" in page.text
    assert browser.get(f"{tool}/admin/").url.startswith(f"{tool}/admin/sign-in")


def test_sign_on_goes_on_when_the_provider_changed_its_keys(browser, tool, campus):
    sign_on(browser, tool, campus, "ada")
    campus.rotate()

    with Browser() as other:
        page = sign_on(other, tool, campus, "ada")

        assert page.url == f"{tool}/admin/"


def test_two_providers_vouch_for_two_people(browser, tool, engine, campus, partner):
    """The same name, and even the same address, at another provider is somebody else."""
    sign_on(browser, tool, campus, "ada")

    with Browser() as other:
        page = sign_on(other, tool, partner, "ada")

        assert page.status_code == 403
        assert "match_email" in page.text


def test_administrator_is_matched_by_a_verified_address_where_it_says_so(
    settings, providers, engine, browser, campus, port
):
    write_providers(settings.data_dir, providers, "match_email = true")
    known = engine.admins.take_setup_code(
        engine.admins.issue_setup_code(), "ada@campus.edu", "correct horse battery"
    )
    providers[1].put_people(ada=IT | {"email_verified": False})

    with running_app(create_app(engine), port=port) as tool:
        page = sign_on(browser, tool, campus, "ada")
        with Browser() as other:
            refused = sign_on(other, tool, providers[1], "ada")

    assert page.url == f"{tool}/admin/"
    assert refused.status_code == 403
    assert known.email in page.text


def test_answer_of_a_provider_is_good_once_and_in_its_browser_alone(browser, tool, campus):
    seen = []

    def watch(answer, **_):
        if "/callback?" in answer.url:
            seen.append(answer.url)

    browser.session.hooks["response"].append(watch)
    sign_on(browser, tool, campus, "ada")
    again = browser.get(seen[0])
    with Browser() as other:
        elsewhere = other.get(seen[0])

    assert [again.status_code, elsewhere.status_code] == [403, 403]
    assert "did not begin in this browser" in again.text


def test_person_who_changes_their_mind_reads_so(browser, tool, campus):
    page = browser.get(f"{tool}/sign-on/campus")

    page = browser.get(f"{page.url}/abort")

    assert page.status_code == 403
    assert "cancelled" in page.text


def test_token_of_the_portal_opens_the_mentor_until_the_campus_signs_its_person_out(
    browser, tool, engine, campus, key, listener
):
    token = campus.issue_token(browser, "ada")
    before = validate(tool, key, token)
    ordered = requests.post(
        f"{tool}/api/v1/sso/tickets", json={"credential": token, **TICKET}, headers=key, timeout=30
    ).json()
    page = browser.get(ordered["url"])
    sign_on(browser, tool, campus, "ada")
    inside = browser.get(f"{tool}/admin/")

    campus.sign_out(browser)

    assert (before["active"], before["kind"]) == (True, "campus")
    assert (page.status_code, "Tidal Pools" in page.text) == (200, True)
    assert "ada@campus.edu" in inside.text
    assert browser.get(f"{tool}/admin/").url.startswith(f"{tool}/admin/sign-in")
    assert browser.get(f"{tool}/s/{ordered['session']}/").status_code == 403
    assert listener.told == [(ordered["session"], "logged_out")]
    assert validate(tool, key, token)["active"] is False
    assert validate(tool, key, ordered["session"])["active"] is False


def test_token_is_of_its_own_organization_alone(browser, tool, engine, campus):
    far = engine.organizations.put("far", "Far away")
    mentor = engine.mentors.add(far.id, "Deep Sea")
    issued = engine.keys.issue(
        far.id, mentor.id, name="x", scopes=["sso:validate"], expires_at=None, author="test"
    )
    token = campus.issue_token(browser, "ben")

    assert validate(tool, {"X-API-Key": issued.text}, token)["active"] is False
