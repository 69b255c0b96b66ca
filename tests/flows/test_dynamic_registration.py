"""An LMS registers itself, end to end over loopback HTTP: invitation, consent, approval, launch."""

import json
import re
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import pytest
import requests
from flask import Flask, redirect

from mentorai.core.engine import Engine
from mentorai.core.errors import NotFound, RegistrationRejected
from mentorai.core.settings import Settings
from mentorai.lti.dynamic_registration import DynamicRegistration
from mentorai.lti.registration_clients import registration_clients
from mentorai.lti.registrations import PENDING, Registration
from mentorai.lti.tool import Tool
from mentorai.lti.tool_description import TOOL_CONFIGURATION
from mentorai.plugins import lti_launch, moodle
from mentorai.plugins import sandbox as sandbox_plugin
from mentorai.web.app import create_app
from mentorai.web.commands.demo_course import seed
from tests.fakes.browserless import Browser, Form, read_form
from tests.fakes.platforms import RunningSandbox, free_port, running_app, running_sandbox


@pytest.fixture
def port() -> int:
    return free_port()


@pytest.fixture
def sandbox(port: int) -> Iterator[RunningSandbox]:
    with running_sandbox(f"http://localhost:{port}") as sandbox:
        yield sandbox


@pytest.fixture
def engine(port: int, data_dir: Path) -> Iterator[Engine]:
    settings = Settings(
        data_dir=data_dir, public_url=f"http://localhost:{port}", allow_loopback_platforms=True
    )
    plugins = [("lti_launch", lti_launch), ("moodle", moodle), ("sandbox", sandbox_plugin)]
    engine = Engine.open(settings, plugins=plugins)
    with running_app(create_app(engine), port=port):
        yield engine
    engine.room(Tool).http.close()
    engine.close()


@pytest.fixture
def tool(engine: Engine) -> Tool:
    return engine.room(Tool)


@pytest.fixture
def browser() -> Iterator[Browser]:
    with Browser() as browser:
        yield browser


@contextmanager
def running_raw(answer: bytes) -> Iterator[str]:
    """A server that gives these very bytes to whoever comes."""
    listener = socket.create_server(("127.0.0.1", 0))

    def serve() -> None:
        with suppress(OSError):
            while True:
                caller, _ = listener.accept()
                with caller:
                    caller.recv(10_000)
                    caller.sendall(answer)

    thread = threading.Thread(target=serve, daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{listener.getsockname()[1]}/openid"
    listener.shutdown(socket.SHUT_RDWR)
    listener.close()
    thread.join()


def invite(engine: Engine, host: str = "") -> str:
    """A fresh invitation link."""
    tool = engine.room(Tool)
    organization = engine.organizations.get()
    _, token = tool.invitations.issue(organization.id, author="t", hours=1, expected_host=host)
    return tool.invitation_url_of(token)


def registrations(engine: Engine) -> list[Registration]:
    return list(engine.room(Tool).registrations.list(engine.organizations.get().id))


@pytest.fixture
def open_link(sandbox: RunningSandbox, browser: Browser) -> Callable[..., requests.Response]:
    """Open a link inside the LMS, as its administrator does; the tool's page in the frame."""

    def open_it(link: str, again: str = "") -> requests.Response:
        person = next(p for p in sandbox.description["people"] if p["kind"] == "it")
        asked = {"link": link, "again": again}
        page = browser.get(f"{person['url']}tool/add/", params=asked)
        assert page.status_code == 200, page.text
        address = re.search(r'<iframe[^>]* src="([^"]+)"', page.text)
        assert address, page.text
        return browser.get(address[1].replace("&amp;", "&"), headers={"Referer": sandbox.url})

    return open_it


Open = Callable[..., requests.Response]


def count(sandbox: RunningSandbox) -> int:
    """How many tools registered themselves at the LMS."""
    return len(sandbox.house.tool_registrations.list())


def test_lms_registers_itself_and_launches_after_approval(
    engine: Engine, tool: Tool, sandbox: RunningSandbox, browser: Browser, open_link: Open
) -> None:
    for mentor in sandbox.description["mentors"]:
        seed(engine, mentor)

    consent = open_link(invite(engine))
    assert "send scores to the gradebook" in consent.text
    assert sandbox.url in consent.text
    assert registrations(engine) == []

    done = browser.submit(read_form(consent))
    assert "Waits for approval by your campus IT" in done.text
    assert f'data-origins="{sandbox.url}"' in done.text
    (kept,) = registrations(engine)
    assert (kept.status, kept.issuer, kept.family) == (PENDING, sandbox.url, "sandbox")
    assert kept.deployment_ids == (sandbox.house.tool_registrations.list()[0]["deployment_id"],)

    sandbox.house.tool_registrations.activate(kept.client_id)
    early = browser.submit(browser.begin(sandbox.url, "maya", "tidal-pools", "tides-mentor"))
    assert "wait for approval" in early.text

    tool.registrations.approve(kept.organization_id, kept.id)
    page = browser.launch(sandbox.url, "maya", "tidal-pools", "tides-mentor")
    assert page.status_code == 200
    assert "/s/" in page.url


def test_window_that_is_done_says_what_is_left_to_do_in_that_lms(
    engine: Engine, sandbox: RunningSandbox, browser: Browser, open_link: Open
) -> None:
    sandbox.house.platform.behave({"personality": "moodle"})

    done = browser.submit(read_form(open_link(invite(engine)))).text

    assert "What is left to do in the LMS" in done
    assert "<code>Activate</code>" in done
    assert "Paste the link" not in done


def test_invitation_works_once(
    engine: Engine, sandbox: RunningSandbox, browser: Browser, open_link: Open
) -> None:
    link = invite(engine)
    browser.submit(read_form(open_link(link)))

    again = open_link(link)

    assert again.status_code == 410
    assert "invitation_invalid" in again.text
    assert count(sandbox) == 1


def test_two_tabs_at_once_register_once(
    engine: Engine, sandbox: RunningSandbox, open_link: Open
) -> None:
    link = invite(engine)
    forms = [read_form(open_link(link)) for _ in range(4)]
    sandbox.faults.add("registration", "slow", seconds=0.3)
    statuses: list[int] = []

    def send(form: Form) -> None:
        with Browser() as tab:
            statuses.append(tab.submit(form).status_code)

    threads = [threading.Thread(target=send, args=(form,)) for form in forms]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert sorted(statuses)[0] == 200
    assert set(statuses) <= {200, 409, 410}
    assert statuses.count(200) == 1
    assert count(sandbox) == len(registrations(engine)) == 1


def test_invitation_survives_a_registration_that_failed(
    engine: Engine, sandbox: RunningSandbox, browser: Browser, open_link: Open
) -> None:
    link = invite(engine)
    sandbox.faults.add("registration", "status", status=503, times=1)
    form = read_form(open_link(link))

    failed = browser.submit(form)
    assert failed.status_code == 503
    assert "<h1>The LMS is not available just now</h1>" in failed.text
    assert "It can be tried again." in failed.text
    assert registrations(engine) == []

    assert browser.submit(form).status_code == 200
    assert len(registrations(engine)) == 1


def test_only_the_hash_of_an_invitation_is_kept(engine: Engine, tmp_path: Path) -> None:
    token = invite(engine).rpartition("/")[2]

    with engine.database.read() as connection:
        rows = connection.exec_driver_sql("SELECT * FROM registration_invitations").all()
    assert token.startswith("mri_")
    assert token not in str(rows)


def test_link_that_is_opened_by_a_person_says_what_it_is_for(
    engine: Engine, browser: Browser
) -> None:
    link = invite(engine)

    page = browser.get(link)

    assert "Register this tool in your LMS" in page.text
    assert link in page.text
    assert browser.get(f"{link}x").status_code == 410
    assert (
        browser.session.head(link, params={"openid_configuration": "http://x"}).status_code == 204
    )


def assert_explained(page: requests.Response, word: str, advice: str) -> None:
    assert page.status_code == 400
    assert word in page.text
    assert advice in page.text
    assert "invitation can be used again" in page.text


class TestMoodle:
    """What a Moodle was seen to do."""

    @pytest.fixture(autouse=True)
    def like_moodle(self, sandbox: RunningSandbox) -> None:
        sandbox.platform.behave({"registration_like": "moodle"})

    def test_is_registered_by_its_200_and_recognised(
        self, engine: Engine, browser: Browser, open_link: Open
    ) -> None:
        consent = open_link(invite(engine))
        assert "Moodle" in consent.text

        assert "Waits for approval" in browser.submit(read_form(consent)).text
        (kept,) = registrations(engine)
        assert kept.family == "moodle"
        with engine.database.read() as connection:
            assert connection.execute(registration_clients.select()).all() == []

    @pytest.mark.parametrize(
        ("word", "advice"),
        [
            ("token_already_used", "begin anew"),
            ("missing_registration_token", "begin anew"),
            ("domain_targetlinkuri_mismatch", "MENTORAI_PUBLIC_URL"),
        ],
    )
    def test_refusal_in_plain_words_is_explained(
        self,
        engine: Engine,
        sandbox: RunningSandbox,
        browser: Browser,
        open_link: Open,
        word: str,
        advice: str,
    ) -> None:
        link = invite(engine)
        form = read_form(open_link(link))
        if word == "domain_targetlinkuri_mismatch":
            app = Flask("moodle")
            app.add_url_rule(
                "/reg", view_func=lambda: (word, 400), methods=["POST"], endpoint="reg"
            )
            port = free_port()
            url = f"http://127.0.0.1:{port}/reg"
            sandbox.house.tool_registrations.alter_configuration = lambda c: (
                c | {"registration_endpoint": url}
            )
            with running_app(app, port=port):
                page = browser.submit(form)
            assert_explained(page, word, advice)
            return
        if word == "token_already_used":
            browser.submit(form)
            form = read_form(open_link(invite(engine))).with_fields(
                registration_token=form.fields["registration_token"]
            )
        else:
            form = form.with_fields(registration_token="")

        assert_explained(browser.submit(form), word, advice)

    def test_cannot_be_changed_from_here(
        self, engine: Engine, browser: Browser, open_link: Open
    ) -> None:
        browser.submit(read_form(open_link(invite(engine))))

        with pytest.raises(NotFound, match="no way to change"):
            engine.room(DynamicRegistration).update(registrations(engine)[0])


def test_lms_without_token_and_deployment_is_registered(
    engine: Engine, sandbox: RunningSandbox, browser: Browser, open_link: Open
) -> None:
    sandbox.platform.behave({"registration_token": False, "registration_deployment": False})

    browser.submit(read_form(open_link(invite(engine))))

    assert [kept.deployment_ids for kept in registrations(engine)] == [()]


def test_canvas_is_registered_without_a_deployment_and_holds_those_that_come(
    engine: Engine, sandbox: RunningSandbox, browser: Browser, open_link: Open
) -> None:
    sandbox.platform.behave({"registration_like": "canvas"})

    browser.submit(read_form(open_link(invite(engine))))

    (kept,) = registrations(engine)
    assert (kept.family, kept.deployment_ids, kept.deployment_policy) == ("canvas", (), "hold")


def test_canvas_of_ones_own_that_names_its_vendor_is_added_by_hand(
    engine: Engine, sandbox: RunningSandbox, open_link: Open
) -> None:
    vendor = {"issuer": "https://canvas.instructure.com"}
    sandbox.house.tool_registrations.alter_configuration = lambda c: c | vendor

    page = open_link(invite(engine))

    assert page.status_code == 400
    assert "campus IT adds it by hand: Platforms, Add an LMS." in page.text
    assert registrations(engine) == []


def test_family_that_calls_itself_anything_is_registered_as_plain_lti(
    engine: Engine, sandbox: RunningSandbox, browser: Browser, open_link: Open
) -> None:
    own = "https://purl.imsglobal.org/spec/lti-platform-configuration"
    sandbox.house.tool_registrations.alter_configuration = lambda c: (
        c
        | {
            own: {
                "product_family_code": "x" * 200,
                "messages_supported": "all",
                "variables": {"a": 1},
            }
        }
    )

    browser.submit(read_form(open_link(invite(engine))))

    assert [kept.family for kept in registrations(engine)] == ["lti"]


def test_registration_is_read_and_changed_at_the_lms(
    engine: Engine, sandbox: RunningSandbox, browser: Browser, open_link: Open
) -> None:
    browser.submit(read_form(open_link(invite(engine))))
    record = sandbox.house.tool_registrations.list()[0]
    changed = {"client_name": "Ask the ocean", "logo_uri": "http://lms/logo", "jwks_uri": "old"}
    old = record["document"] | changed
    sandbox.platform.shelf.put("registered_tool", record["client_id"], record | {"document": old})

    engine.room(DynamicRegistration).update(registrations(engine)[0])

    document = sandbox.house.tool_registrations.list()[0]["document"]
    assert document["jwks_uri"].endswith("/lti/jwks.json")
    # What campus IT calls the tool in its LMS stays.
    assert document["client_name"] == "Ask the ocean"
    assert document["logo_uri"] == "http://lms/logo"
    assert document["client_id"] == record["client_id"]


def test_registration_is_changed_again_although_each_answer_brings_another_token(
    engine: Engine, sandbox: RunningSandbox, browser: Browser, open_link: Open
) -> None:
    browser.submit(read_form(open_link(invite(engine))))
    tokens = {sandbox.house.tool_registrations.list()[0]["access_token"]}

    for _ in range(2):
        answer = engine.room(DynamicRegistration).update(registrations(engine)[0])
        tokens.add(sandbox.house.tool_registrations.list()[0]["access_token"])

    assert answer["client_name"] == "mentorAI"
    assert len(tokens) == 3


def test_token_for_changing_the_registration_is_sealed(
    engine: Engine, sandbox: RunningSandbox, browser: Browser, open_link: Open
) -> None:
    browser.submit(read_form(open_link(invite(engine))))

    token = sandbox.house.tool_registrations.list()[0]["access_token"]
    with engine.database.read() as connection:
        (row,) = connection.execute(registration_clients.select()).all()
    assert token not in str(row)
    assert row.sealed_token.count(".") == 4


def test_change_that_the_lms_refuses_is_explained(
    engine: Engine, sandbox: RunningSandbox, browser: Browser, open_link: Open
) -> None:
    browser.submit(read_form(open_link(invite(engine))))
    sandbox.faults.add("registration", "status", status=403, after=True, times=2)

    with pytest.raises(Exception, match="403"):
        engine.room(DynamicRegistration).update(registrations(engine)[0])


def test_lms_that_is_registered_already_is_not_registered_twice(
    engine: Engine, tool: Tool, sandbox: RunningSandbox, browser: Browser, open_link: Open
) -> None:
    browser.submit(read_form(open_link(invite(engine))))
    (kept,) = registrations(engine)
    tool.registrations.enable(kept.organization_id, kept.id)

    page = browser.submit(read_form(open_link(invite(engine), again=kept.client_id)))

    assert "was known here already" in page.text
    (now_kept,) = registrations(engine)
    assert now_kept.is_active
    assert now_kept.deployment_ids == kept.deployment_ids
    assert count(sandbox) == 1


@pytest.mark.parametrize(
    "expected", ["127.0.0.1", "http://127.0.0.1:8001/login"], ids=["host", "address"]
)
def test_invitation_for_one_lms_serves_it(engine: Engine, open_link: Open, expected: str) -> None:
    assert open_link(invite(engine, expected)).status_code == 200


def test_invitation_for_one_lms_serves_no_other(engine: Engine, open_link: Open) -> None:
    page = open_link(invite(engine, "lms.example.edu"))

    assert page.status_code == 400
    assert "for another LMS" in page.text


class TestHostile:
    """Configurations that would have us call, or believe, somebody else."""

    @pytest.mark.parametrize(
        ("name", "value"),
        [
            ("issuer", "https://lms.example.edu"),
            ("issuer", "http://localhost:1"),
            ("jwks_uri", "http://169.254.169.254/latest/meta-data"),
            ("jwks_uri", "https://10.0.0.7/jwks"),
            ("token_endpoint", "https://evil.example.org/token"),
            ("token_endpoint", "http://192.168.1.1/token"),
            ("authorization_endpoint", "javascript:alert(1)"),
            ("registration_endpoint", "https://[::ffff:169.254.169.254]/"),
            ("registration_endpoint", "http://127.0.0.2/register"),
            ("registration_endpoint", ""),
            ("issuer", 7),
            ("issuer", "http://127.0.0.1/?" + "x" * 10),
            ("issuer", "http://127.0.0.1/" + "x" * 300),
            ("jwks_uri", None),
            ("token_endpoint_auth_methods_supported", ["client_secret_basic"]),
            ("id_token_signing_alg_values_supported", ["HS256"]),
        ],
    )
    def test_configuration_that_names_others_is_refused(
        self, engine: Engine, sandbox: RunningSandbox, open_link: Open, name: str, value: Any
    ) -> None:
        sandbox.house.tool_registrations.alter_configuration = lambda c: c | {name: value}

        page = open_link(invite(engine))

        assert page.status_code == 400
        assert "registration_rejected" in page.text
        assert count(sandbox) == 0

    @pytest.mark.parametrize("kind", ["garbage", "drop"])
    def test_configuration_that_does_not_come_is_explained(
        self, engine: Engine, sandbox: RunningSandbox, open_link: Open, kind: str
    ) -> None:
        sandbox.faults.add("openid_configuration", kind)

        page = open_link(invite(engine))

        assert page.status_code in (502, 503)
        assert "If you ask for help" in page.text

    @pytest.mark.parametrize(
        "url",
        [
            "http://169.254.169.254/latest/meta-data",
            "https://169.254.169.254/",
            "http://10.0.0.1/openid",
            "http://lms.example.edu/openid",
            "file:///etc/passwd",
            "http://127.0.0.1:1@evil.example.org/",
            "//127.0.0.1/x",
            "x",
            "http://127.0.0.1:99999/",
        ],
    )
    def test_address_that_is_nobodys_business_is_not_called(
        self, engine: Engine, browser: Browser, url: str
    ) -> None:
        page = browser.get(invite(engine), params={"openid_configuration": url})

        assert page.status_code == 400
        assert "no usable openid_configuration" in page.text

    @pytest.mark.parametrize(
        ("target", "sentence"),
        [
            ("http://169.254.169.254/latest/meta-data", "sent us on to another place"),
            ("http://localhost:1/", "sent us on to another place"),
            ("https://evil.example.org/", "sent us on to another place"),
            ("/openid", "on and on"),
            ("/openid#top", "on and on"),
        ],
    )
    def test_redirect_is_looked_at_before_it_is_followed(
        self, engine: Engine, browser: Browser, target: str, sentence: str
    ) -> None:
        def app(environ: Any, start_response: Any) -> list[bytes]:
            start_response("302 Found", [("Location", target), ("Content-Length", "0")])
            return [b""]

        port = free_port()
        with running_app(app, port=port):
            params = {"openid_configuration": f"http://127.0.0.1:{port}/openid"}
            page = browser.get(invite(engine), params=params)

        assert page.status_code in (400, 502)
        assert sentence in page.text

    def test_redirect_to_no_address_is_refused(self, engine: Engine, browser: Browser) -> None:
        with running_raw(
            b"HTTP/1.1 302 Found\r\nLocation: http://[\r\nContent-Length: 0\r\n\r\n"
        ) as url:
            page = browser.get(invite(engine), params={"openid_configuration": url})

        assert page.status_code == 400
        assert "sent us on to another place" in page.text

    def test_token_is_not_taken_along_to_another_origin(
        self, engine: Engine, browser: Browser
    ) -> None:
        seen: list[Any] = []
        second, first = Flask("second"), Flask("first")

        def there() -> Any:
            from flask import request

            seen.append(request.headers.get("Authorization"))
            return {}

        second.add_url_rule("/there", view_func=there)
        ports = free_port(), free_port()
        address = f"http://127.0.0.1:{ports[1]}/there"
        first.add_url_rule("/openid", view_func=lambda: redirect(address), endpoint="openid")
        with running_app(first, port=ports[0]), running_app(second, port=ports[1]):
            params = {
                "openid_configuration": f"http://127.0.0.1:{ports[0]}/openid",
                "registration_token": "secret",
            }
            browser.get(invite(engine), params=params)

        assert seen == [None]

    def test_configuration_that_is_huge_or_slow_is_given_up(
        self,
        engine: Engine,
        sandbox: RunningSandbox,
        open_link: Open,
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        registrations_there = sandbox.house.tool_registrations
        registrations_there.alter_configuration = lambda c: c | {"x": "x" * 300_000}
        assert open_link(invite(engine)).status_code == 502

        registrations_there.alter_configuration = None
        monkeypatch.setattr("mentorai.lti.platform_http.READ_SECONDS", 0.1)
        sandbox.faults.add("openid_configuration", "slow", seconds=0.5)
        assert open_link(invite(engine)).status_code == 503

    @pytest.mark.parametrize("token", ["a\r\nX-Evil: 1", "ü", "x" * 20_000])
    def test_registration_token_that_is_no_header_is_refused(
        self, engine: Engine, sandbox: RunningSandbox, browser: Browser, token: str
    ) -> None:
        form = {
            "openid_configuration": f"{sandbox.url}/lti/openid-configuration",
            "registration_token": token,
            "issuer": sandbox.url,
        }

        page = browser.session.post(invite(engine), data=form, timeout=20)

        assert page.status_code == 400
        assert "registration_token" in page.text

    def test_lms_that_is_another_than_the_person_agreed_to_is_refused(
        self, engine: Engine, browser: Browser, open_link: Open
    ) -> None:
        form = read_form(open_link(invite(engine)))

        page = browser.submit(form.with_fields(issuer="https://lms.example.edu"))

        assert page.status_code == 400
        assert registrations(engine) == []

    def test_loopback_is_refused_unless_the_setting_is_on(
        self, sandbox: RunningSandbox, tmp_path: Path
    ) -> None:
        settings = Settings(data_dir=tmp_path / "strict")
        strict = Engine.open(settings, plugins=[("lti_launch", lti_launch)])
        token = invite(strict).rpartition("/")[2]

        with pytest.raises(RegistrationRejected, match="no usable"):
            strict.room(DynamicRegistration).preview(
                token, f"{sandbox.url}/lti/openid-configuration", ""
            )
        strict.close()


@pytest.mark.parametrize(
    "answer",
    [
        "null",
        "[]",
        "{}",
        '{"client_id": ""}',
        '{"client_id": ["a"]}',
        '{"client_id": "' + "x" * 300 + '"}',
        "<html>",
        "",
    ],
)
def test_answer_without_a_client_is_refused_and_nothing_is_kept(
    engine: Engine, sandbox: RunningSandbox, browser: Browser, open_link: Open, answer: str
) -> None:
    app = Flask("lms")
    app.add_url_rule("/register", view_func=lambda: (answer, 200), methods=["POST"], endpoint="r")
    port = free_port()
    sandbox.house.tool_registrations.alter_configuration = lambda c: (
        c | {"registration_endpoint": f"http://127.0.0.1:{port}/register"}
    )
    with running_app(app, port=port):
        page = browser.submit(read_form(open_link(invite(engine))))

    assert page.status_code in (400, 502)
    assert registrations(engine) == []


def test_echo_of_the_lms_is_not_believed(
    engine: Engine, sandbox: RunningSandbox, browser: Browser, open_link: Open
) -> None:
    app = Flask("lms")
    echo = {
        "client_id": 4711,
        "scope": "everything",
        "jwks_uri": "https://evil.example.org/jwks",
        "registration_client_uri": "https://evil.example.org/client",
        "registration_access_token": "t",
        TOOL_CONFIGURATION: {"deployment_id": {"a": 1}},
    }
    app.add_url_rule(
        "/register", view_func=lambda: json.dumps(echo), methods=["POST"], endpoint="r"
    )
    port = free_port()
    sandbox.house.tool_registrations.alter_configuration = lambda c: (
        c | {"registration_endpoint": f"http://127.0.0.1:{port}/register"}
    )
    with running_app(app, port=port):
        browser.submit(read_form(open_link(invite(engine))))

    (kept,) = registrations(engine)
    assert (kept.client_id, kept.deployment_ids) == ("4711", ())
    assert kept.keyset_url == f"{sandbox.url}/lti/jwks.json"
    with pytest.raises(NotFound):
        engine.room(DynamicRegistration).update(kept)
