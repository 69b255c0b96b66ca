"""`mentorai doctor` finds each thing that it promises to look at."""

import json
import os
import threading
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from sqlalchemy import create_engine, text
from werkzeug.serving import WSGIRequestHandler, make_server
from werkzeug.wrappers import Request, Response

from mentorai.core.engine import Engine
from mentorai.core.errors import DeploymentHeld
from mentorai.core.settings import Settings
from mentorai.lti.registrations import HOLD, PENDING
from mentorai.lti.tool import Tool
from mentorai.web.commands import main
from tests.fakes.signing_platform import make_key

Run = Callable[..., Result]


class Site:
    """A small web site on this machine; what it answers is set by the test."""

    def __init__(self) -> None:
        self.answers: dict[str, Response] = {}
        self.clock_offset = timedelta(0)
        site = self

        class Handler(WSGIRequestHandler):
            def date_time_string(self, timestamp: float | None = None) -> str:
                return format_datetime(datetime.now(UTC) + site.clock_offset, usegmt=True)

        self._server = make_server("127.0.0.1", 0, self, threaded=True, request_handler=Handler)
        self.url = f"http://127.0.0.1:{self._server.server_port}"
        self._thread = threading.Thread(target=self._server.serve_forever)
        self._thread.start()

    def __call__(self, environ: object, start_response: object) -> object:
        request = Request(environ)  # type: ignore[arg-type]
        answer = self.answers.get(request.path, Response("Nothing here", 404))
        return answer(environ, start_response)  # type: ignore[arg-type]

    def close(self) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()


@pytest.fixture
def site() -> Iterator[Site]:
    site = Site()
    keys = json.dumps({"keys": [make_key("k1").as_dict(private=False)]})
    site.answers["/jwks"] = Response(keys, mimetype="application/json")
    site.answers["/healthz"] = Response('{"status": "ok"}', mimetype="application/json")
    yield site
    site.close()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "data"


@pytest.fixture
def mentorai(monkeypatch: pytest.MonkeyPatch, folder: Path, site: Site) -> Run:
    for name in list(os.environ):
        if name.startswith("MENTORAI_"):
            monkeypatch.delenv(name)
    monkeypatch.setenv("MENTORAI_DATA_DIR", str(folder))
    monkeypatch.setenv("MENTORAI_PUBLIC_URL", site.url)
    monkeypatch.setenv("MENTORAI_ALLOW_LOOPBACK_PLATFORMS", "true")
    return lambda *arguments: CliRunner().invoke(main, arguments, prog_name="mentorai")


@pytest.fixture
def installed(mentorai: Run) -> Run:
    assert mentorai("init").exit_code == 0
    return mentorai


def _wrong(done: Result) -> list[str]:
    return [line.removeprefix("WRONG  ") for line in done.output.splitlines() if "WRONG" in line]


def test_doctor_finds_nothing_wrong_after_init(installed: Run) -> None:
    done = installed("doctor")

    assert _wrong(done) == []
    assert done.exit_code == 0
    for subject in ("full-text search", "secret web", "migrations", "server", "tool keys"):
        assert f"ok     {subject}:" in done.output
    assert "note   registrations:" in done.output


def test_doctor_only_looks_where_nothing_is_installed(mentorai: Run, folder: Path) -> None:
    done = mentorai("doctor")

    assert done.exit_code == 1
    assert "mentorai init" in done.output
    assert not folder.exists()


def test_wrong_setting_is_found(installed: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MENTORAI_THREADS", "many")

    done = installed("doctor")

    assert done.exit_code == 1
    assert _wrong(done)[0].startswith("settings: MENTORAI_THREADS")


def test_secret_that_others_can_read_is_found(installed: Run, folder: Path) -> None:
    (folder / "secrets" / "web").chmod(0o644)

    done = installed("doctor")

    assert done.exit_code == 1
    assert any(line.startswith("secret web:") and "chmod 600" in line for line in _wrong(done))


def test_database_behind_is_found_and_left_as_it_is(installed: Run, folder: Path) -> None:
    database = create_engine(f"sqlite:///{folder / 'mentorai.sqlite3'}")
    with database.begin() as connection:
        connection.execute(text("DELETE FROM alembic_version"))

    done = installed("doctor")

    with database.connect() as connection:
        kept = connection.execute(text("SELECT * FROM alembic_version")).all()
    database.dispose()
    assert any(line.startswith("migrations: at revision none") for line in _wrong(done))
    assert kept == []


def test_database_that_does_not_answer_is_found(
    installed: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MENTORAI_DATABASE_URL", "postgresql+psycopg://eve:hunter2@127.0.0.1:1/m")

    done = installed("doctor")

    assert done.exit_code == 1
    assert any(line.startswith("database:") for line in _wrong(done))
    assert "hunter2" not in done.output


def test_public_url_without_https_is_found(installed: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MENTORAI_PUBLIC_URL", "http://mentor.invalid")

    done = installed("doctor")

    assert any(line.startswith("public URL:") and "https" in line for line in _wrong(done))


def test_server_that_is_not_ours_is_found(installed: Run, site: Site) -> None:
    site.answers["/healthz"] = Response("<h1>Welcome to nginx</h1>")

    done = installed("doctor")

    assert any(line.startswith("server:") for line in _wrong(done))


def test_server_that_does_not_run_is_not_wrong(
    installed: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MENTORAI_PUBLIC_URL", "http://localhost:1")

    done = installed("doctor")

    assert done.exit_code == 0
    assert "nothing answers at http://localhost:1" in done.output


def test_clock_that_is_off_is_found(installed: Run, site: Site) -> None:
    site.clock_offset = timedelta(minutes=-5)

    done = installed("doctor")

    assert any(line.startswith("clock:") and "ahead" in line for line in _wrong(done))


def test_tool_key_that_cannot_be_read_is_found(installed: Run, folder: Path) -> None:
    installed("doctor")
    (folder / "secrets" / "tool_keys").write_text("another secret altogether, of some length..")

    done = installed("doctor")

    assert any(line.startswith("tool keys:") for line in _wrong(done))


def test_peppers_of_api_keys_are_told_and_one_that_is_missing_is_wrong(
    installed: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    one, two = "1:" + "a" * 32, "2:" + "b" * 32
    scopes = ("--provisioning", "--scope", "mentors:provision")
    installed("keys", "issue", "Bare", *scopes)
    bare = installed("doctor")
    monkeypatch.setenv("MENTORAI_KEY_PEPPERS", one)
    installed("keys", "issue", "One", *scopes)

    monkeypatch.setenv("MENTORAI_KEY_PEPPERS", f"{one} {two}")
    both = installed("doctor")
    monkeypatch.setenv("MENTORAI_KEY_PEPPERS", f"1:refused {two}")
    refused = installed("doctor")
    monkeypatch.setenv("MENTORAI_KEY_PEPPERS", two)
    missing = installed("doctor")

    assert "ok     key peppers: new API keys are kept under no pepper" in bare.output
    assert "ok     key peppers: new API keys are kept under version 2." in both.output
    assert "note   key peppers: 1 under none: `mentorai keys pepper` puts" in both.output
    assert "note   key peppers: 1 under version 1: rotate those keys" in both.output
    assert "note   key peppers: 1 under version 1: they are refused" in refused.output
    assert (both.exit_code, refused.exit_code, missing.exit_code) == (0, 0, 1)
    (wrong,) = _wrong(missing)
    assert "1 API key needs version 1, which is not there." in wrong
    assert "aaaa" not in both.output + refused.output + missing.output
    assert "bbbb" not in both.output + refused.output + missing.output


@pytest.fixture
def registered(installed: Run, site: Site) -> Run:
    engine = Engine.open(Settings.load(), plugins=[])
    engine.room(Tool).registrations.add(
        engine.organizations.get().id,
        issuer=site.url,
        client_id="c",
        auth_url=f"{site.url}/auth",
        token_url=f"{site.url}/token",
        keyset_url=f"{site.url}/jwks",
        deployment_ids=["1"],
        name="Campus",
    )
    engine.close()
    return installed


def test_lms_that_publishes_its_keys_is_well(registered: Run) -> None:
    done = registered("doctor")

    assert _wrong(done) == []
    assert "registration Campus: publishes 1 key." in done.output


@pytest.mark.parametrize(
    "answer",
    [Response("gone", 404), Response("[]"), Response('{"keys": []}'), Response('{"keys": 7}')],
    ids=["404", "list", "empty", "number"],
)
def test_lms_without_a_key_set_is_found(registered: Run, site: Site, answer: Response) -> None:
    site.answers["/jwks"] = answer

    done = registered("doctor")

    assert done.exit_code == 1
    assert any("registration Campus:" in line and "key set URL" in line for line in _wrong(done))


def test_lms_that_fails_is_told_with_its_status(registered: Run, site: Site) -> None:
    site.answers["/jwks"] = Response("<h1>oops</h1>", 500)

    (found,) = _wrong(registered("doctor"))

    assert "answered 500" in found


def test_key_that_no_launch_can_use_is_found(registered: Run, site: Site) -> None:
    site.answers["/jwks"] = Response('{"keys": [{"kty": "RSA"}]}')

    (found,) = _wrong(registered("doctor"))

    assert "gives no key of use" in found


def test_what_waits_for_campus_it_is_noted(registered: Run, folder: Path, site: Site) -> None:
    engine = Engine.open(Settings(data_dir=folder, allow_loopback_platforms=True))
    tool, organization_id = engine.room(Tool), engine.organizations.get().id
    (known,) = tool.registrations.list(organization_id)
    tool.registrations.put_policy(organization_id, known.id, HOLD)
    with pytest.raises(DeploymentHeld):
        tool.deployments.admit(tool.registrations.get(organization_id, known.id), "2")
    waiting = tool.registrations.add(
        organization_id,
        issuer="https://new.example",
        client_id="new",
        auth_url="https://new.example/auth",
        token_url="https://new.example/token",
        keyset_url="https://new.example/keys",
        deployment_ids=["1"],
        name="New LMS",
        status=PENDING,
    )
    engine.close()

    done = registered("doctor")

    assert done.exit_code == 0
    assert f"registrations approve {waiting.id}" in done.output
    assert "deployments that wait for a decision: 1" in done.output


def test_doctor_names_the_file_of_the_queue_when_it_is_broken(installed: Run, folder: Path) -> None:
    (folder / "jobs.sqlite3").write_bytes(b"no database " * 500)

    done = installed("doctor")

    assert done.exit_code == 1
    assert "jobs.sqlite3 is broken: delete it" in _wrong(done)[0]
