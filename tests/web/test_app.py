import json
import re
from datetime import datetime, timedelta

import pytest
from flask import Blueprint, Flask, jsonify, render_template_string, request, session

from mentorai.core import hookimpl, logs
from mentorai.core.engine import Engine
from mentorai.core.settings import Settings
from mentorai.web.app import create_app

REFERENCE = "[0-9A-HJKMNP-TV-Z]{4}(-[0-9A-HJKMNP-TV-Z]{4}){2}"


class Pages:
    """A plugin with a page of its own."""

    def __init__(self, *, csrf_exempt: bool = False) -> None:
        self.csrf_exempt = csrf_exempt

    @hookimpl
    def web_routes(self, engine: Engine) -> Blueprint:
        pages = Blueprint("pages", __name__, url_prefix="/pages")
        pages.csrf_exempt = self.csrf_exempt

        @pages.get("/form")
        def form() -> str:
            session["seen"] = "yes"
            return render_template_string("{{ csrf_token() }}")

        @pages.post("/form")
        def take():
            return jsonify(address=request.remote_addr, scheme=request.scheme, host=request.host)

        return pages


@pytest.fixture
def open_app(data_dir):
    """Make the application with the plugin and settings given."""
    engines = []

    def make(plugin: object, **settings) -> Flask:
        chosen = Settings(data_dir=data_dir, **settings)
        engine = Engine.open(chosen, plugins=[("pages", plugin)])
        engines.append(engine)
        return create_app(engine)

    yield make
    for engine in engines:
        engine.close()


def test_health_is_told_to_anyone(client):
    assert client.get("/healthz").json == {"status": "ok"}
    assert client.get("/readyz").json == {"status": "ready"}


def test_not_ready_when_the_database_does_not_answer(engine, client, tmp_path):
    with engine.database.write() as connection:
        connection.exec_driver_sql("ALTER TABLE organizations RENAME TO lost")

    answer = client.get("/readyz")

    assert answer.status_code == 503
    assert answer.json["code"] == "unavailable"
    assert client.get("/healthz").status_code == 200


def test_request_id_is_made_when_none_was_sent(client):
    first = client.get("/healthz").headers["X-Request-Id"]
    second = client.get("/healthz").headers["X-Request-Id"]

    assert re.fullmatch(REFERENCE, first)
    assert first != second


def test_request_id_is_kept_when_it_is_sane(client):
    answer = client.get("/healthz", headers={"X-Request-Id": "trace-1234.abcd_5"})

    assert answer.headers["X-Request-Id"] == "trace-1234.abcd_5"


@pytest.mark.parametrize(
    "sent", ["short", "x" * 65, "a b c d e f", "<script>alert(1)", "ünïcödé12"]
)
def test_request_id_is_made_anew_when_it_is_not_sane(client, sent):
    answer = client.get("/healthz", headers={"X-Request-Id": sent})

    assert re.fullmatch(REFERENCE, answer.headers["X-Request-Id"])


def test_log_line_tells_the_call_without_its_query_and_keys(client, capsys):
    key, own_id = f"mai_{'k' * 10}_{'s' * 49}", "my-own-id.1"
    client.get(f'/api/v1/"{key}é?code=secret', headers={"X-Request-Id": own_id})

    written = capsys.readouterr().err
    (line,) = [line for line in map(json.loads, written.splitlines()) if "path" in line]
    assert line.pop("ms") >= 0
    assert datetime.fromisoformat(line.pop("timestamp")).utcoffset() == timedelta()
    assert line == {
        "method": "GET",
        "path": '/api/v1/"[api key]é',
        "status": 404,
        "event": "request",
        "request_id": own_id,
        "level": "info",
    }
    assert "secret" not in written


def test_log_has_no_line_of_a_call_that_is_less_than_it_wants(engine, client, capsys):
    client.get("/healthz")
    logs.configure("warning")
    client.get("/api/v1/key")
    logs.configure(engine.settings.log_level)

    assert '"event": "request"' not in capsys.readouterr().err


def test_cookie_is_bound_to_host_and_frame(open_app):
    answer = open_app(Pages()).test_client().get("/pages/form")

    cookie = answer.headers["Set-Cookie"]
    assert cookie.startswith("__Host-mentorai=")
    parts = {part.strip() for part in cookie.split(";")[1:]}
    assert {"Secure", "HttpOnly", "SameSite=None", "Partitioned", "Path=/"} == parts


def test_form_is_refused_without_its_token(open_app):
    answer = open_app(Pages()).test_client().post("/pages/form")

    assert answer.status_code == 400
    assert "csrf_failed" not in answer.headers.get("Location", "")


def test_form_is_refused_with_the_token_of_another_browser(open_app):
    app = open_app(Pages())
    token = app.test_client().get("/pages/form", base_url="https://localhost").text
    other = app.test_client()
    other.get("/pages/form", base_url="https://localhost")

    answer = other.post("/pages/form", data={"csrf_token": token}, base_url="https://localhost")

    assert answer.status_code == 400


@pytest.mark.parametrize("way", ["field", "header"])
def test_form_is_taken_with_its_token(open_app, way):
    client = open_app(Pages()).test_client()
    token = client.get("/pages/form", base_url="https://localhost").text
    data = {"csrf_token": token} if way == "field" else {}
    headers = {"X-CSRFToken": token} if way == "header" else {}

    answer = client.post("/pages/form", data=data, headers=headers, base_url="https://localhost")

    assert answer.status_code == 200


def test_form_of_an_exempt_blueprint_needs_no_token(open_app):
    answer = open_app(Pages(csrf_exempt=True)).test_client().post("/pages/form")

    assert answer.status_code == 200


@pytest.mark.parametrize("sent", ["203.0.113.9", '"', 'x", 203.0.113.9', '"203.0.113.9, "y\\'])
def test_forwarded_headers_are_believed_of_as_many_proxies_as_there_are(open_app, sent):
    """Whatever a caller sent before, the proxy's own word is the last."""
    client = open_app(Pages(csrf_exempt=True), proxies=1).test_client()
    headers = {
        "X-Forwarded-For": f"{sent}, 198.51.100.7",
        "X-Forwarded-Proto": "https",
        "X-Forwarded-Host": "mentor.example.edu",
    }

    seen = client.post("/pages/form", headers=headers).json

    assert seen == {"address": "198.51.100.7", "scheme": "https", "host": "mentor.example.edu"}


def test_forwarded_headers_are_not_believed_without_a_proxy(open_app):
    client = open_app(Pages(csrf_exempt=True)).test_client()

    seen = client.post("/pages/form", headers={"X-Forwarded-For": "203.0.113.9"}).json

    assert seen["address"] == "127.0.0.1"


def test_more_than_the_largest_document_is_refused(open_app):
    client = open_app(Pages(csrf_exempt=True), upload_bytes=1000).test_client()

    answer = client.post(
        "/api/v1/datasets", data=b"x" * 1_200_000, headers={"Accept": "application/json"}
    )

    assert answer.status_code in (401, 413)


def test_two_applications_live_side_by_side(open_app, engine):
    assert create_app(engine) is not create_app(engine)
