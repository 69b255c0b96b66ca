"""`mentorai doctor --registration`: the sandbox LMS over real HTTP, well and with each trouble."""

import base64
import json
import os
import re
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from werkzeug.wrappers import Request, Response

from mentorai.core.engine import Engine
from mentorai.core.explanations import SCREENS
from mentorai.core.settings import Settings
from mentorai.lti import probe as probe_module
from mentorai.lti import probe_redirect, probe_services, probe_tokens
from mentorai.lti.registrations import Registration
from mentorai.lti.tool import Tool
from mentorai.plugins.sandbox.tokens import GRANTED
from mentorai.web.app import create_app
from mentorai.web.commands import main
from mentorai.web.registration_words import WORDS
from tests.fakes.browserless import Browser
from tests.fakes.platforms import RunningSandbox, free_port, running_app, running_sandbox

Run = Callable[..., Result]


class House:
    """A tool that serves its keys, a sandbox, and the command line of the tool."""

    def __init__(self, engine: Engine, sandbox: RunningSandbox) -> None:
        self.engine, self.sandbox = engine, sandbox
        self.registration: Registration

    def register(self, **changes: object) -> Registration:
        """Register the sandbox; changes: other facts than its own."""
        platform = self.sandbox.description["platform"]
        facts = {
            "issuer": platform["issuer"],
            "client_id": platform["client_id"],
            "auth_url": platform["auth_url"],
            "token_url": platform["token_url"],
            "keyset_url": platform["keyset_url"],
            "deployment_ids": ["1"],
            "name": "Campus",
        } | changes
        organization = self.engine.organizations.get()
        made = self.engine.room(Tool).registrations.add(organization.id, **facts)
        self.registration = made
        return made

    def doctor(self, name: str = "") -> Result:
        arguments = ["doctor", "--registration", name or self.registration.id]
        return CliRunner().invoke(main, arguments, prog_name="mentorai")

    def launch(self, person: str = "maya", item: str = "tides-mentor") -> None:
        with Browser() as browser:
            assert browser.launch(self.sandbox.url, person, "tidal-pools", item).ok
        self.engine.room(Tool).launch_log.flush()


@pytest.fixture
def house(monkeypatch: pytest.MonkeyPatch, data_dir: Path) -> Iterator[House]:
    for name in list(os.environ):
        if name.startswith("MENTORAI_"):
            monkeypatch.delenv(name)
    port = free_port()
    monkeypatch.setenv("MENTORAI_DATA_DIR", str(data_dir))
    monkeypatch.setenv("MENTORAI_PUBLIC_URL", f"http://localhost:{port}")
    monkeypatch.setenv("MENTORAI_ALLOW_LOOPBACK_PLATFORMS", "true")
    engine = Engine.open(Settings.load())
    with (
        running_sandbox(f"http://localhost:{port}") as sandbox,
        running_app(create_app(engine), port=port),
    ):
        yield House(engine, sandbox)
    engine.close()


def wrong(done: Result) -> list[str]:
    return [line.removeprefix("WRONG  ") for line in done.output.splitlines() if "WRONG" in line]


def line(done: Result, subject: str) -> str:
    """The first line about a subject."""
    found = [each for each in done.output.splitlines() if each[7:].startswith(f"{subject}:")]
    assert found, done.output
    return found[0]


def test_lms_that_is_well_has_nothing_wrong(house: House) -> None:
    house.register()
    house.engine.mentors.add(house.engine.organizations.get().id, "Tidal Pools")
    house.launch()

    done = house.doctor()

    assert wrong(done) == []
    assert done.exit_code == 0
    for subject in ("key set", "clock", "token", "redirect URI", "line items", "roster"):
        assert line(done, subject).startswith("ok"), done.output
    assert "1 in the last 7 days, all let in" in done.output
    assert "members on its first page" in done.output
    assert "Lindqvist" not in done.output


def test_client_id_names_a_registration_too(house: House) -> None:
    house.register()

    done = house.doctor("mentorai-in-the-sandbox")

    assert done.exit_code == 0
    assert "note   line items: no launch has brought" in done.output


def test_name_that_is_none_or_not_unique_is_refused(house: House) -> None:
    house.register(client_id="twice")
    house.register(client_id="twice", issuer="http://127.0.0.1:9")

    for name in ("nobody", "twice"):
        done = house.doctor(name)
        assert done.exit_code == 1
        assert "[not_found]" in done.stderr


@pytest.mark.parametrize(("offset", "direction"), [(300.0, "ahead of"), (-300.0, "behind")])
def test_clock_of_the_lms_is_compared(house: House, offset: float, direction: str) -> None:
    house.register(family="sandbox")
    house.sandbox.platform.behave({"clock_offset_seconds": offset})

    done = house.doctor()

    found = line(done, "clock")
    assert done.exit_code == 1
    assert re.search(rf"the LMS is (299|300|301) s {direction} us", found)
    assert "Where: the page /control/ of the sandbox" in found


@pytest.mark.parametrize(
    ("facts", "says"),
    [
        ({"endpoint": "jwks", "kind": "status", "status": 500}, "answers 500"),
        ({"endpoint": "jwks", "kind": "status", "status": 401}, "answers 401"),
        ({"endpoint": "jwks", "kind": "garbage"}, "not JSON"),
        ({"endpoint": "jwks", "kind": "drop"}, "could not be reached"),
    ],
    ids=["500", "401", "garbage", "drop"],
)
def test_key_set_that_cannot_be_had_is_wrong(
    house: House, facts: dict[str, object], says: str
) -> None:
    house.register()
    house.sandbox.faults.add(**facts)

    done = house.doctor()

    assert done.exit_code == 1
    assert says in line(done, "key set")
    assert f"Where: {SCREENS['platform_facts']}." in line(done, "key set")


def test_key_set_that_is_slow_is_noted(house: House) -> None:
    house.register()
    house.sandbox.faults.add("jwks", "slow", seconds=2.3)

    done = house.doctor()

    assert done.exit_code == 0
    assert re.search(r"note   key set: .* took 2\.\d s", done.output)


def test_rotated_keys_are_named(house: House) -> None:
    house.register()
    kid = house.sandbox.platform.keys.rotate()

    assert kid in line(house.doctor(), "key set")


def test_token_for_a_wrong_audience_names_the_right_one(house: House) -> None:
    house.register(token_audience="https://lms.example/oauth")

    done = house.doctor()

    assert done.exit_code == 1
    right = house.sandbox.platform.options.token_url
    assert f"takes {right}." in line(done, "token")
    assert f"change the token audience to {right}" in line(done, "token")


def test_audience_that_is_the_issuer_is_found(house: House) -> None:
    def answer(request: Request) -> Response:
        assertion = request.form["client_assertion"].split(".")[1]
        claims = json.loads(base64.urlsafe_b64decode(assertion + "=="))
        if claims["aud"] != house.sandbox.url:
            return Response('{"error": "invalid_client"}', 401)
        body = {"access_token": "t", "token_type": "Bearer", "expires_in": 60}
        return Response(json.dumps(body), headers={"Content-Type": "text/html"})

    with running_app(Request.application(answer)) as other:
        house.register(token_url=f"{other}/token")
        done = house.doctor()

    assert done.exit_code == 1
    assert f"(invalid_client) and takes {house.sandbox.url}." in line(done, "token")


def test_client_that_the_lms_does_not_know_is_wrong_twice(house: House) -> None:
    house.register(client_id="mistyped")

    done = house.doctor()

    assert done.exit_code == 1
    assert "refuses this tool (invalid_client)" in line(done, "token")
    assert "does not know the client id mistyped" in line(done, "redirect URI")


@pytest.mark.parametrize("status", [500, 503, 429])
def test_token_endpoint_in_trouble_is_wrong(house: House, status: int) -> None:
    house.register()
    house.sandbox.faults.add("token", "status", status=status)

    done = house.doctor()

    assert done.exit_code == 1
    assert f"answers {status}" in line(done, "token")


@pytest.mark.parametrize("status", [302, 307, 404, 405])
def test_address_that_gives_no_tokens_is_told_from_a_refusal(house: House, status: int) -> None:
    elsewhere = Request.application(lambda _: Response("", status, {"Location": "/sign-in"}))
    with running_app(elsewhere) as other:
        house.register(token_url=f"{other}/token")
        done = house.doctor()

    assert done.exit_code == 1
    assert f"answers {status} to a request for a token: it is not the" in line(done, "token")


def test_scope_that_is_refused_is_named(house: House) -> None:
    house.register()
    score = "https://purl.imsglobal.org/spec/lti-ags/scope/score"
    house.sandbox.platform.behave({"withheld_scopes": [score]})

    done = house.doctor()

    assert done.exit_code == 1
    assert "refused for score; granted for lineitem, contextmembership.readonly" in done.output
    assert SCREENS["services"] in line(done, "token")


def test_lms_that_refuses_the_whole_for_one_scope_is_not_said_to_grant_each(house: House) -> None:
    house.register(family="sakai")
    score = "https://purl.imsglobal.org/spec/lti-ags/scope/score"
    house.sandbox.platform.behave({"personality": "sakai", "withheld_scopes": [score]})

    done = house.doctor()

    assert "refused for score; granted for lineitem, contextmembership.readonly" in done.output
    assert "each scope is granted alone" not in done.output


def test_lms_that_grants_nothing_is_wrong(house: House) -> None:
    house.register()
    house.sandbox.platform.behave({"withheld_scopes": GRANTED})

    done = house.doctor()

    assert done.exit_code == 1
    assert "grants it no scope (invalid_scope)" in line(done, "token")


def test_lms_that_counts_calls_is_asked_no_more_than_it_bears(house: House) -> None:
    house.register(family="canvas")
    house.engine.mentors.add(house.engine.organizations.get().id, "Tidal Pools")
    house.launch()
    house.sandbox.platform.behave({"personality": "canvas"})

    done = house.doctor()

    assert wrong(done) == []
    assert "not found out" not in done.output
    for subject in ("token", "line items", "roster"):
        assert line(done, subject).startswith("ok"), done.output


def test_client_that_is_refused_is_not_asked_about_each_scope(house: House) -> None:
    house.register(client_id="mistyped")

    house.doctor()

    asked = [each for each in house.sandbox.platform.requests if each.endpoint == "token"]
    assert len(asked) == 3


@pytest.mark.parametrize(("endpoint", "subject"), [("token", "token"), ("members", "roster")])
def test_lms_that_asks_for_fewer_calls_is_not_called_wrong(
    house: House, endpoint: str, subject: str
) -> None:
    house.register(family="canvas")
    house.engine.mentors.add(house.engine.organizations.get().id, "Tidal Pools")
    house.launch()
    house.sandbox.platform.behave({"personality": "canvas"})
    house.sandbox.faults.add(endpoint, "status", status=429, retry_after=300)

    done = house.doctor()

    assert wrong(done) == []
    assert "Ask again in a minute" in line(done, subject)


def test_redirect_address_that_is_not_registered_is_wrong(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    house.register()
    monkeypatch.setenv("MENTORAI_PUBLIC_URL", "http://localhost:1")

    done = house.doctor()

    assert done.exit_code == 1
    assert "Enter http://localhost:1/lti/launch there" in line(done, "redirect URI")


@pytest.mark.parametrize(
    ("answer", "says"),
    [
        (Response(status=302, headers={"Location": "/login"}), "wants a person to sign in first"),
        (Response("<h1>Not found</h1>", 404), "shows nothing"),
        (Response("trouble", 500), "answers 500"),
        (Response("{launch}?error=x", 302), "so it knows client id and redirect URI"),
    ],
    ids=["sign in", "page", "trouble", "redirected back"],
)
def test_answers_of_other_lmss_are_read(house: House, answer: Response, says: str) -> None:
    launch_url = house.engine.room(Tool).launch_url
    if answer.get_data(as_text=True).startswith("{launch}"):
        answer = Response(status=302, headers={"Location": f"{launch_url}?error=login_required"})
    with running_app(Request.application(lambda _: answer)) as other:
        house.register(auth_url=f"{other}/auth?tenant=1")
        done = house.doctor()

    assert says in line(done, "redirect URI")


@pytest.mark.parametrize(
    ("endpoint", "subject"), [("line_items", "line items"), ("members", "roster")]
)
@pytest.mark.parametrize("status", [401, 403, 500])
def test_service_that_cannot_be_read_is_wrong(
    house: House, endpoint: str, subject: str, status: int
) -> None:
    house.register()
    house.engine.mentors.add(house.engine.organizations.get().id, "Tidal Pools")
    house.launch()
    house.sandbox.faults.add(endpoint, "status", status=status)

    done = house.doctor()

    assert done.exit_code == 1
    assert str(status) in line(done, subject)
    assert "Where:" in line(done, subject)


def test_disabled_registration_and_refused_launches_are_told(house: House) -> None:
    made = house.register()
    registrations = house.engine.room(Tool).registrations
    registrations.disable(made.organization_id, made.id)

    done = house.doctor()

    assert done.exit_code == 1
    assert "it is disabled: every launch is refused" in line(done, "registration")


def test_refused_launches_are_counted_by_code(house: House) -> None:
    house.register()
    with Browser() as browser:
        browser.launch(house.sandbox.url, "maya", "tidal-pools", "shore-quiz")
    house.engine.room(Tool).launch_log.flush()

    done = house.doctor()

    assert "none let in and 1 refused in the last 7 days (mentor_not_chosen 1)" in done.output


def test_probe_changes_nothing_at_the_lms(house: House) -> None:
    house.register()

    house.doctor()

    methods = {(each.endpoint, each.method) for each in house.sandbox.platform.requests}
    assert methods == {("jwks", "GET"), ("token", "POST"), ("auth", "GET")}


# --- the words ----------------------------------------------------------------------------


def test_every_observation_has_words_and_every_word_an_observation() -> None:
    from mentorai.lti import observations

    modules = (probe_module, probe_tokens, probe_redirect, probe_services, observations)
    source = "".join(Path(str(module.__file__)).read_text("utf-8") for module in modules)

    quoted = set(re.findall(r"\"([a-z]+(?:_[a-z]+)+)\"", source))
    assert {code for code in WORDS if code not in quoted} == set()
    told = re.findall(r"Observation\(\s*\"[\w ]+\",\s*\"(\w+)\"", source)
    assert set(told) <= set(WORDS)


@pytest.mark.parametrize("code", WORDS)
def test_words_are_a_sentence_and_name_a_screen(code: str) -> None:
    sentence, screen = WORDS[code]

    assert screen in {"", *SCREENS}
    assert sentence.endswith((".", "}"))
