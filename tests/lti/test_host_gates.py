"""The outbound client against servers that hang, stumble, ask for a pause, or lead astray."""

import json
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from mentorai.core.errors import PlatformRefused, PlatformThrottled, PlatformUnavailable
from mentorai.core.settings import Settings
from mentorai.lti import host_gates, platform_http
from mentorai.lti.platform_http import PlatformHttp, check_reply

BEARER = {"Authorization": "Bearer secret-token"}


class Script(ThreadingHTTPServer):
    """Answers with what was scripted, in turn; the last answer stays."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Play)
        self.answers: list[tuple[int, dict[str, str]]] = [(200, {})]
        self.seen: list[tuple[str, str, str, bytes]] = []
        self.hold = threading.Event()
        self.hold.set()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}"

    @property
    def methods(self) -> list[str]:
        return [seen[0] for seen in self.seen]


class Play(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def answer(self) -> None:
        script: Any = self.server
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        script.seen.append((self.command, self.path, self.headers.get("Authorization", ""), body))
        script.hold.wait(10)
        status, headers = script.answers.pop(0) if len(script.answers) > 1 else script.answers[0]
        try:
            self.send_response(status)
            for name, value in headers.items():
                self.send_header(name, value)
            self.send_header("Content-Length", "2")
            self.end_headers()
            self.wfile.write(b"[]")
        except OSError:
            self.close_connection = True

    do_GET = do_POST = do_PUT = do_DELETE = answer  # noqa: N815 - the names of the library

    def log_message(self, *args: Any) -> None:
        """Quiet."""


@pytest.fixture
def lms() -> Iterator[Script]:
    server = Script()
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    yield server
    server.hold.set()
    server.shutdown()
    server.server_close()
    thread.join()


@pytest.fixture
def http(settings: Settings) -> Iterator[PlatformHttp]:
    http = PlatformHttp(settings)
    yield http
    http.close()


@pytest.mark.parametrize("method", ["GET", "PUT", "DELETE"])
@pytest.mark.parametrize("status", [502, 503, 504])
def test_call_that_may_be_said_twice_is_when_a_gateway_answers(
    http: PlatformHttp, lms: Script, method: str, status: int
) -> None:
    lms.answers = [(status, {}), (200, {})]

    reply = http.repeat(method, lms.url, headers={}, body="{}" if method == "PUT" else "")

    assert reply.status == 200
    assert lms.methods == [method, method]


def test_call_ends_after_three_tries(http: PlatformHttp, lms: Script) -> None:
    lms.answers = [(503, {})]

    reply = http.repeat("GET", lms.url, headers={})

    assert (reply.status, len(lms.seen)) == (503, 3)


@pytest.mark.parametrize("status", [400, 401, 403, 404, 409, 500])
def test_plain_refusal_is_not_asked_for_twice(http: PlatformHttp, lms: Script, status: int) -> None:
    lms.answers = [(status, {})]

    http.repeat("GET", lms.url, headers={})

    assert len(lms.seen) == 1


def test_short_pause_that_is_asked_for_is_kept(http: PlatformHttp, lms: Script) -> None:
    lms.answers = [(429, {"Retry-After": "1"}), (200, {})]
    began = time.monotonic()

    reply = http.repeat("GET", lms.url, headers={})

    assert reply.status == 200
    assert time.monotonic() - began >= 1


@pytest.mark.parametrize("asked", ["3600", "Tue, 01 Jan 2999 00:00:00 GMT"])
def test_long_pause_is_left_to_the_caller(http: PlatformHttp, lms: Script, asked: str) -> None:
    lms.answers = [(429, {"Retry-After": asked}), (200, {})]

    reply = http.repeat("GET", lms.url, headers={})

    assert len(lms.seen) == 1
    with pytest.raises(PlatformThrottled) as caught:
        check_reply(reply, "this")
    assert (caught.value.retry_after_seconds or 0) >= 3_600


def test_post_is_sent_once_whatever_is_answered(http: PlatformHttp, lms: Script) -> None:
    lms.answers = [(503, {"Retry-After": "0"}), (200, {})]

    assert http.post(lms.url, headers={}, body="{}").status == 503
    assert lms.methods == ["POST"]


def test_redirect_of_a_call_with_a_token_stays_on_its_origin(
    http: PlatformHttp, lms: Script
) -> None:
    lms.answers = [(307, {"Location": "/there"}), (200, {})]

    assert http.repeat("GET", f"{lms.url}/here", headers=BEARER).status == 200
    assert [(path, token) for _, path, token, _ in lms.seen] == [
        ("/here", "Bearer secret-token"),
        ("/there", "Bearer secret-token"),
    ]


def test_redirect_to_another_origin_never_gets_the_token(http: PlatformHttp, lms: Script) -> None:
    other = lms.url.replace("127.0.0.1", "localhost")
    lms.answers = [(302, {"Location": f"{other}/steal"}), (200, {})]

    with pytest.raises(PlatformRefused, match="another host"):
        http.get(f"{lms.url}/here", headers=BEARER, redirects=3)
    assert len(lms.seen) == 1


def test_redirect_to_what_is_no_address_is_refused(http: PlatformHttp, lms: Script) -> None:
    lms.answers = [(302, {"Location": "file:///etc/passwd"})]

    with pytest.raises(PlatformRefused):
        http.get(lms.url, redirects=3)


def test_put_is_never_redirected(http: PlatformHttp, lms: Script) -> None:
    lms.answers = [(307, {"Location": "/there"}), (200, {})]

    assert http.repeat("PUT", lms.url, headers=BEARER, body="{}").status == 307


def test_host_has_only_so_many_calls_at_once(
    http: PlatformHttp, lms: Script, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(host_gates, "TURN_SECONDS", 0.1)
    lms.hold.clear()
    threads = [
        threading.Thread(target=http.get, args=(lms.url,)) for _ in range(host_gates.CALLS_AT_ONCE)
    ]
    for thread in threads:
        thread.start()
    while len(lms.seen) < host_gates.CALLS_AT_ONCE:
        time.sleep(0.01)

    with pytest.raises(PlatformThrottled) as caught:
        http.get(lms.url)

    lms.hold.set()
    for thread in threads:
        thread.join()
    assert caught.value.retry_after_seconds == host_gates.COME_BACK_SECONDS
    assert http.get(lms.url).status == 200


def test_host_that_hung_gets_half_the_time_for_a_while(
    http: PlatformHttp, lms: Script, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(platform_http, "READ_SECONDS", 1.0)
    monkeypatch.setattr(host_gates, "WARY_SECONDS", 1.2)
    lms.hold.clear()

    def wait() -> float:
        began = time.monotonic()
        with pytest.raises(PlatformUnavailable):
            http.get(lms.url)
        return time.monotonic() - began

    first, second = wait(), wait()
    time.sleep(0.8)
    third = wait()

    assert first >= 1.0
    assert second < 0.95
    assert third >= 1.0


def test_nothing_of_token_or_body_is_logged(
    http: PlatformHttp, lms: Script, capsys: pytest.CaptureFixture[str]
) -> None:
    from mentorai.core import logs

    logs.configure("debug")
    lms.answers = [(500, {})]
    body = json.dumps({"userId": "somebody-secret"})

    http.post(f"{lms.url}/x?code=secret-code", headers=BEARER, body=body)
    logs.configure("info")

    written = capsys.readouterr().err
    assert "platform_called" in written
    assert "secret" not in written
