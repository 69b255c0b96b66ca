"""Servers and workers as processes: what starts, what it says, and that nothing is left behind."""

import contextlib
import http.client
import json
import os
import re
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from email.message import Message
from pathlib import Path

import pytest

from mentorai.core.engine import Engine
from mentorai.core.settings import Settings
from tests.fakes.platforms import free_port

pytestmark = pytest.mark.skipif(
    not Path("/proc/self/stat").exists(), reason="processes are counted in /proc"
)

START_SECONDS = 60
STOP_SECONDS = 25
Start = Callable[..., subprocess.Popen[str]]


@pytest.fixture
def environment(tmp_path: Path) -> dict[str, str]:
    own = {k: v for k, v in os.environ.items() if not k.startswith("MENTORAI_")}
    return own | {"MENTORAI_DATA_DIR": str(tmp_path / "data")}


@pytest.fixture
def start(environment: dict[str, str]) -> Iterator[Start]:
    """Start `mentorai`; whatever a test leaves running is killed."""
    started: list[subprocess.Popen[str]] = []

    def start(*arguments: str, **settings: str) -> subprocess.Popen[str]:
        process = subprocess.Popen(
            [sys.executable, "-m", "mentorai.web.commands", *arguments],
            env=environment | settings,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        started.append(process)
        return process

    yield start
    for process in started:
        for pid in [*_descendants(process.pid), process.pid]:
            _kill(pid)
        process.wait()
        if process.stdout:
            process.stdout.close()


@pytest.fixture
def port() -> int:
    return free_port()


def _kill(pid: int) -> None:
    with contextlib.suppress(ProcessLookupError):
        os.kill(pid, signal.SIGKILL)


def _descendants(pid: int) -> list[int]:
    parents = {}
    for path in Path("/proc").glob("[0-9]*/stat"):
        with contextlib.suppress(OSError):
            # The name before the last parenthesis may hold anything.
            parents[int(path.parent.name)] = int(path.read_text().rpartition(")")[2].split()[1])
    found, waiting = [], [pid]
    while waiting:
        parent = waiting.pop()
        children = [child for child, of in parents.items() if of == parent]
        found += children
        waiting += children
    return found


def _command(pid: int) -> str:
    try:
        text = Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode()
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except (FileNotFoundError, ProcessLookupError):
        return ""
    return "" if state == "Z" else text


def _wait_until(condition: Callable[[], object], seconds: float, what: str) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            pytest.fail(f"waited {seconds} s for {what}")
        time.sleep(0.1)


def _answers(url: str) -> bool:
    try:
        with urllib.request.urlopen(url, timeout=10) as answer:
            return bool(answer.status == 200)
    except OSError:
        return False


def _wait_for_server(port: int) -> None:
    _wait_until(lambda: _answers(f"http://127.0.0.1:{port}/readyz"), START_SECONDS, "the server")


def _find_worker(process: subprocess.Popen[str]) -> int | None:
    return next(
        (pid for pid in _descendants(process.pid) if _command(pid).endswith(" worker ")), None
    )


def _wait_for_worker(process: subprocess.Popen[str]) -> int:
    _wait_until(lambda: _find_worker(process), START_SECONDS, "the worker")
    worker = _find_worker(process)
    assert worker is not None
    return worker


def _all_gone(pids: list[int]) -> bool:
    return not any(_command(pid) for pid in pids)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP])
def test_serve_says_where_it_is_and_ends_with_its_worker(
    start: Start, port: int, number: signal.Signals
) -> None:
    process = start("serve", "--port", str(port))
    _wait_for_server(port)
    worker = _wait_for_worker(process)

    process.send_signal(number)

    output, _ = process.communicate(timeout=STOP_SECONDS)
    assert process.returncode == 0
    assert f"listens on http://127.0.0.1:{port}" in output
    assert f"http://localhost:{port}/admin/setup?code=" in output
    assert _all_gone([worker])


def test_nothing_is_left_when_serve_is_killed(start: Start, port: int) -> None:
    process = start("serve", "--port", str(port))
    _wait_for_server(port)
    _wait_for_worker(process)
    children = _descendants(process.pid)

    process.kill()

    _wait_until(lambda: _all_gone(children), STOP_SECONDS, "the children to end")


def test_worker_that_was_killed_is_started_again(start: Start, port: int) -> None:
    process = start("serve", "--port", str(port))
    _wait_for_server(port)
    first = _wait_for_worker(process)

    os.kill(first, signal.SIGKILL)

    _wait_until(lambda: _find_worker(process) not in (None, first), START_SECONDS, "a new worker")
    assert _answers(f"http://127.0.0.1:{port}/readyz")


def test_serve_without_worker_starts_none(start: Start, port: int) -> None:
    process = start("serve", "--port", str(port), MENTORAI_WORKER_INSIDE="false")
    _wait_for_server(port)
    time.sleep(1.5)

    assert _find_worker(process) is None


HEADERS = "Host: x\r\nAuthorization: Api-Token mai_secret\r\n"
CHUNKS = "Content-Type: application/x-www-form-urlencoded\r\nTransfer-Encoding: chunked\r\n\r\n"
UNREADABLE = {
    "mai_secret\r\n\r\n": (400, "bad_request"),
    f"GET /?q={'a' * 8_200} HTTP/1.1\r\n{HEADERS}\r\n": (414, "uri_too_long"),
    f"GET / HTTP/1.1\r\n{HEADERS}X: {'a' * 9_000}\r\n\r\n": (431, "headers_too_large"),
    f"POST /admin/sign-in HTTP/1.1\r\n{HEADERS}{CHUNKS}mai_secret\r\n": (400, "bad_request"),
}


def _send_raw(port: int, text: str) -> tuple[int, dict[str, str]]:
    """The status and the problem that this text is answered with."""
    with socket.create_connection(("127.0.0.1", port), timeout=10) as wire:
        wire.sendall(text.replace("Host", "Accept: application/json\r\nHost").encode())
        answer = http.client.HTTPResponse(wire)
        answer.begin()
        assert answer.headers["Content-Type"] == "application/problem+json"
        problem = json.load(answer)
        assert answer.headers["X-Request-Id"] == problem["request_id"]
        return answer.status, problem


@pytest.mark.parametrize("worker_class", ["gthread", "gevent"])
def test_request_that_cannot_be_read_is_refused_with_a_problem(
    start: Start, port: int, worker_class: str
) -> None:
    pytest.importorskip("gevent", reason="the extra gevent is not installed")
    process = start("serve", "--port", str(port), MENTORAI_WORKER_CLASS=worker_class)
    _wait_for_server(port)

    answers = {text: _send_raw(port, text) for text in UNREADABLE}

    process.terminate()
    output, _ = process.communicate(timeout=STOP_SECONDS)
    found = {text: (status, problem["code"]) for text, (status, problem) in answers.items()}
    assert found == UNREADABLE
    assert "mai_secret" not in f"{output}{answers.values()}"
    assert process.returncode == 0
    assert "Warning" not in output


def test_login_by_get_may_have_long_hints(start: Start, port: int) -> None:
    start("serve", "--port", str(port))
    _wait_for_server(port)
    query = f"iss=x&login_hint={'a' * 3_500}&lti_message_hint={'b' * 3_900}"

    status, problem = _send_raw(port, f"GET /lti/login?{query} HTTP/1.1\r\n{HEADERS}\r\n")

    assert (status, problem["code"]) == (400, "unknown_registration")


def test_taken_port_is_named_with_a_way_out(start: Start, port: int) -> None:
    with socket.create_server(("127.0.0.1", port)):
        process = start("serve", "--port", str(port))
        output, _ = process.communicate(timeout=START_SECONDS)

    assert process.returncode == 1
    assert f"Port {port} of 127.0.0.1 cannot be used" in output
    assert "--port" in output
    assert "Traceback" not in output


def test_worker_alone_ends_on_sigterm(start: Start) -> None:
    process = start("worker")
    assert process.stdout is not None
    assert "worker_started" in process.stdout.readline()

    process.terminate()

    process.communicate(timeout=STOP_SECONDS)
    assert process.returncode == 0


def test_what_a_library_logs_is_a_line_of_json_too(start: Start, port: int) -> None:
    process = start("worker", MENTORAI_QUEUE_URL=f"redis://127.0.0.1:{port}/0")
    assert process.stdout is not None

    line = {"event": ""}
    while line["event"] != "library_trouble":
        line = json.loads(process.stdout.readline())

    assert line["library"].startswith("huey")
    assert line["exception"] == "ConnectionError"


def test_demo_shows_one_screen_and_leaves_nothing(start: Start, port: int, tmp_path: Path) -> None:
    folder = tmp_path / "my demo"
    process = start("demo", "--port", str(port), "--folder", str(folder))
    assert process.stdout is not None
    screen = ""
    while "Ctrl-C" not in screen:
        line = process.stdout.readline()
        assert line, screen
        screen += line
    children = _descendants(process.pid)

    process.send_signal(signal.SIGINT)
    process.communicate(timeout=STOP_SECONDS)

    assert process.returncode == 0
    for wanted in (
        f"http://127.0.0.1:{port + 1}/as/maya/courses/tidal-pools/",
        f"http://127.0.0.1:{port + 1}/as/ruth/courses/tidal-pools/",
        f"http://localhost:{port}/admin/setup?code=",
        f"http://127.0.0.1:{port + 1}/as/ines/tool/",
        f"http://localhost:{port}/api/v1/docs",
        f"curl -N http://localhost:{port}/api/v1/chat",
    ):
        assert wanted in screen
    (read_key,) = re.findall(r"\$\((cat .+)\)", screen)
    assert subprocess.check_output(read_key, shell=True, text=True) == (
        folder / "api-key"
    ).read_text("utf-8")
    assert len(children) >= 4
    assert _all_gone(children)


def test_nothing_is_left_when_the_demo_is_killed(start: Start, port: int, tmp_path: Path) -> None:
    process = start("demo", "--port", str(port), "--folder", str(tmp_path / "demo"))
    _wait_for_server(port)
    _wait_until(lambda: len(_descendants(process.pid)) >= 4, START_SECONDS, "every process")
    children = _descendants(process.pid)

    process.kill()

    _wait_until(lambda: _all_gone(children), STOP_SECONDS, "the children to end")


@pytest.mark.parametrize("offset", [0, 1])
def test_demo_names_the_port_that_is_taken(
    start: Start, port: int, offset: int, tmp_path: Path
) -> None:
    with socket.create_server(("127.0.0.1", port + offset)):
        process = start("demo", "--port", str(port), "--folder", str(tmp_path / "demo"))
        output, _ = process.communicate(timeout=START_SECONDS)

    assert process.returncode == 1
    assert f"Port {port + offset} of 127.0.0.1 cannot be used" in output
    assert ("SANDBOX_PORT=" if offset else "PORT=") in output


def test_last_use_of_a_key_is_written_when_the_server_ends(
    start: Start, port: int, environment: dict[str, str]
) -> None:
    def mentorai(*arguments: str) -> str:
        command = [sys.executable, "-m", "mentorai.web.commands", *arguments]
        done = subprocess.run(command, env=environment, check=True, capture_output=True, text=True)
        return done.stdout

    mentorai("mentors", "add", "Tidal Pools")
    key = mentorai("keys", "issue", "report", "--mentor", "tidal-pools").strip()
    process = start("serve", MENTORAI_PORT=str(port), MENTORAI_WORKER_INSIDE="false")
    _wait_for_server(port)
    headers = {"Authorization": f"Api-Token {key}"}
    call = urllib.request.Request(f"http://127.0.0.1:{port}/api/v1/key", headers=headers)
    with urllib.request.urlopen(call, timeout=10) as answer:
        assert answer.status == 200

    process.terminate()
    process.wait(STOP_SECONDS)

    assert "never" not in mentorai("keys", "list", "--mentor", "tidal-pools")


def _call_key(port: int, key: str) -> tuple[int, Message]:
    headers = {"Authorization": f"Api-Token {key}"}
    call = urllib.request.Request(f"http://127.0.0.1:{port}/api/v1/key", headers=headers)
    try:
        with urllib.request.urlopen(call, timeout=10) as answer:
            return answer.status, answer.headers
    except urllib.error.HTTPError as refused:
        with refused:
            return refused.code, refused.headers


def test_a_keys_limit_is_exact_over_the_processes_of_two_servers_that_share_a_redis(
    start: Start, environment: dict[str, str], settings: Settings, redis_url: str
) -> None:
    engine = Engine.open(settings, plugins=[])
    mentor = engine.mentors.add(engine.organizations.get().id, "Tidal Pools")
    place = (mentor.organization_id, mentor.id)
    asked = {"scopes": ["chat:write"], "expires_at": None, "author": "test"}
    key = engine.keys.issue(*place, name="LMS", rate_limit=25, **asked).text
    engine.close()
    ports = [free_port(), free_port()]
    environment |= {
        "MENTORAI_DATA_DIR": str(settings.data_dir),
        "MENTORAI_LIMITS_URL": redis_url,
        "MENTORAI_WORKER_INSIDE": "false",
    }
    servers = [
        start("serve", MENTORAI_PORT=str(port), MENTORAI_PROCESSES=processes)
        for port, processes in zip(ports, "12", strict=True)
    ]
    for port in ports:
        _wait_for_server(port)
    # All calls belong to one minute.
    left = 60 - time.time() % 60
    if left < 5:
        time.sleep(left)

    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda n: (n % 2, *_call_key(ports[n % 2], key)), range(40)))

    assert Counter(status for _, status, _ in answers) == {200: 25, 429: 15}
    assert {server for server, status, _ in answers if status == 200} == {0, 1}
    remaining = [told["RateLimit"].split(";")[1] for _, status, told in answers if status == 200]
    assert sorted(remaining) == sorted(f"r={n}" for n in range(25))
    for _, status, told in answers:
        assert told["RateLimit-Policy"] == '"key";q=25;w=60'
        if status == 429:
            assert told["RateLimit"] == f'"key";r=0;t={told["Retry-After"]}'
            assert 0 < int(told["Retry-After"]) <= 60
    servers[1].terminate()
    assert "Warning" not in servers[1].communicate(timeout=STOP_SECONDS)[0]


def test_serve_warns_where_several_processes_count_calls_each_by_itself(
    start: Start, port: int
) -> None:
    process = start("serve", "--port", str(port), MENTORAI_PROCESSES="2")
    assert process.stdout is not None

    said = next(line for line in process.stdout if "Warning" in line)

    assert "each of the 2 processes counts API calls by itself" in said
    assert "MENTORAI_LIMITS_URL" in said
