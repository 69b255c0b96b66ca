"""Logins and launches a second: ours, pylti1p3's Flask adapter as it comes, and bare Flask.

Run: .venv/bin/python tests/bench/launch.py [--pairs 240] [--rounds 5] [--delays 0 50]

Each of the three (launch_tools.py) runs under the same gunicorn: gthread, 4 threads, 2 processes.
A round sends N logins, then N launches, to each in turn, over 8 kept-open connections; tokens are
signed in between, off the clock. One person a pair; ours stores person, enrolment and session, and
the people of the first, untimed round come back in the others. The key set answers after 0 ms and,
in a second run, after 50 ms. Only the ratios within one run mean anything.

Floors: ours / bare >= 0.35; ours / pylti1p3 >= 1.6 at 0 ms and >= 5 at 50 ms.
"""

import argparse
import contextlib
import http.client
import json
import os
import signal
import socket
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import parse_qs, urlencode, urlsplit

from joserfc import jwt
from joserfc.jwk import RSAKey
from launch_tools import CLIENT_ID, DEPLOYMENT, ISSUER, TOOLS

CLIENTS = 8
FLOORS = {("bare", 0): 0.35, ("pylti1p3", 0): 1.6, ("pylti1p3", 50): 5.0}
LTI = "https://purl.imsglobal.org/spec/lti/claim"
# What an LMS sends with every launch; the token has about 3 KB, as real ones have.
AGS = "https://purl.imsglobal.org/spec/lti-ags"
COMMON_CLAIMS = {
    "given_name": "Student",
    "family_name": "Number",
    "locale": "en-US",
    "picture": f"{ISSUER}/pictures/0123456789abcdef0123456789abcdef.png",
    f"{LTI}/roles": [
        "http://purl.imsglobal.org/vocab/lis/v2/institution/person#Student",
        "http://purl.imsglobal.org/vocab/lis/v2/membership#Learner",
        "http://purl.imsglobal.org/vocab/lis/v2/system/person#User",
    ],
    f"{LTI}/context": {
        "id": "course-1",
        "label": "BIO 101",
        "title": "Biology",
        "type": ["http://purl.imsglobal.org/vocab/lis/v2/course#CourseOffering"],
    },
    f"{LTI}/resource_link": {"id": "link-1", "title": "Week 1", "description": "Read " * 20},
    f"{LTI}/tool_platform": {
        "guid": "bench",
        "product_family_code": "bench",
        "name": "Bench University",
        "version": "2026.11",
        "url": ISSUER,
    },
    f"{LTI}/launch_presentation": {
        "document_target": "iframe",
        "width": 800,
        "height": 600,
        "return_url": f"{ISSUER}/courses/1/return",
        "locale": "en-US",
    },
    f"{LTI}/lis": {"person_sourcedid": "sis:4711", "course_offering_sourcedid": "sis:bio-101"},
    f"{LTI}/custom": {"term": "2026-fall", "section": "01", "points": "10"},
    f"{AGS}/claim/endpoint": {
        "lineitems": f"{ISSUER}/api/lti/courses/1/line_items",
        "lineitem": f"{ISSUER}/api/lti/courses/1/line_items/7",
        "scope": [f"{AGS}/scope/{name}" for name in ("lineitem", "score", "result.readonly")],
    },
    "https://purl.imsglobal.org/spec/lti-nrps/claim/namesroleservice": {
        "context_memberships_url": f"{ISSUER}/api/lti/courses/1/names_and_roles",
        "service_versions": ["2.0"],
    },
}
FORM = {"Content-Type": "application/x-www-form-urlencoded"}


def main() -> int:
    """Measure and print; 1 if a floor was missed."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--pairs", type=int, default=240)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--delays", type=int, nargs="+", default=[0, 50], help="milliseconds")
    chosen = parser.parse_args()
    missed = [each for ms in chosen.delays for each in measure(ms, chosen.pairs, chosen.rounds)]
    print("missed: " + ", ".join(missed) if missed else "every floor is held")
    return 1 if missed else 0


# --- the driver ---------------------------------------------------------------------------


@dataclass
class Pair:
    """One browser: its cookies and what the tool asked of the platform."""

    number: int
    cookies: dict[str, str] = field(default_factory=dict)
    state: str = ""
    nonce: str = ""
    token: str = ""


@dataclass
class Tool:
    """One server under test; seconds of each phase and CPU of a pair, by round."""

    name: str
    port: int
    pid: int
    seconds: list[tuple[float, float]] = field(default_factory=list)
    cpu_ms: list[float] = field(default_factory=list)

    def rates(self, pairs: int) -> list[float]:
        """Pairs a second, by round."""
        return [pairs / (login + launch) for login, launch in self.seconds]


def measure(delay_ms: int, pairs: int, rounds: int) -> list[str]:
    """All rounds against a key set this slow; the floors that were missed."""
    key = RSAKey.generate_key(2048, {"kid": "bench-key"})
    with tempfile.TemporaryDirectory() as name, keyset_server(key, delay_ms) as keyset_url:
        with running(Path(name), keyset_url) as tools:
            for number in range(rounds + 1):
                for tool in tools:
                    before = read_cpu_seconds(tool.pid)
                    timed = run_round(tool, key, pairs)
                    if number:
                        tool.seconds.append(timed)
                        spent = read_cpu_seconds(tool.pid) - before
                        tool.cpu_ms.append(spent * 1000 / pairs)
        return report(tools, delay_ms, pairs)


def run_round(tool: Tool, key: RSAKey, count: int) -> tuple[float, float]:
    """Seconds for `count` logins and for `count` launches."""
    pairs = [Pair(number) for number in range(count)]
    login_seconds = _timed(tool.port, pairs, _log_in)
    for pair in pairs:
        pair.token = _sign(key, tool.port, pair)
    return login_seconds, _timed(tool.port, pairs, _launch)


def _timed(port: int, pairs: Sequence[Pair], act: Callable[..., None]) -> float:
    def drive(mine: Sequence[Pair]) -> None:
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
        for pair in mine:
            act(connection, port, pair)
        connection.close()

    with ThreadPoolExecutor(CLIENTS) as pool:
        started = time.perf_counter()
        list(pool.map(drive, [pairs[n::CLIENTS] for n in range(CLIENTS)]))
        return time.perf_counter() - started


def _log_in(connection: http.client.HTTPConnection, port: int, pair: Pair) -> None:
    fields = {
        "iss": ISSUER,
        "client_id": CLIENT_ID,
        "lti_deployment_id": DEPLOYMENT,
        "login_hint": f"user-{pair.number}",
        "target_link_uri": f"http://localhost:{port}/lti/launch",
    }
    status, location = _post(connection, port, pair, "/lti/login", fields)
    if status not in (302, 303):
        raise RuntimeError(f"login answered {status}")
    asked = parse_qs(urlsplit(location).query)
    pair.state, pair.nonce = asked["state"][0], asked["nonce"][0]


def _launch(connection: http.client.HTTPConnection, port: int, pair: Pair) -> None:
    fields = {"id_token": pair.token, "state": pair.state}
    status, location = _post(connection, port, pair, "/lti/launch", fields)
    if status not in (200, 303) or "/continue" in location:
        raise RuntimeError(f"launch answered {status} {location}")


def _post(
    connection: http.client.HTTPConnection,
    port: int,
    pair: Pair,
    path: str,
    fields: dict[str, str],
) -> tuple[int, str]:
    cookies = "; ".join(f"{name}={value}" for name, value in pair.cookies.items())
    headers = FORM | {"Host": f"localhost:{port}"} | ({"Cookie": cookies} if cookies else {})
    connection.request("POST", path, urlencode(fields), headers)
    answer = connection.getresponse()
    answer.read()
    for line in answer.headers.get_all("Set-Cookie", []):
        name, _, value = line.partition(";")[0].partition("=")
        pair.cookies[name] = value
    return answer.status, answer.headers.get("Location", "")


def _sign(key: RSAKey, port: int, pair: Pair) -> str:
    present = int(time.time())
    claims = {
        "iss": ISSUER,
        "aud": CLIENT_ID,
        "sub": f"user-{pair.number}",
        "iat": present,
        "exp": present + 300,
        "nonce": pair.nonce,
        "name": f"Student {pair.number}",
        "email": f"student-{pair.number}@example.edu",
        f"{LTI}/message_type": "LtiResourceLinkRequest",
        f"{LTI}/version": "1.3.0",
        f"{LTI}/deployment_id": DEPLOYMENT,
        f"{LTI}/target_link_uri": f"http://localhost:{port}/lti/launch",
    }
    claims |= COMMON_CLAIMS
    return jwt.encode({"alg": "RS256", "kid": "bench-key"}, claims, key)


def read_cpu_seconds(pid: int) -> float:
    """CPU that a server's processes have used so far (Linux; 0 elsewhere)."""
    ticks = 0
    for path in Path("/proc").glob("[0-9]*/stat"):
        with contextlib.suppress(OSError):
            facts = path.read_text().rpartition(")")[2].split()
            if pid in (int(path.parent.name), int(facts[1])):
                ticks += int(facts[11]) + int(facts[12])
    return ticks / os.sysconf("SC_CLK_TCK")


def report(tools: Sequence[Tool], delay_ms: int, pairs: int) -> list[str]:
    """Print one table; the floors that were missed."""
    rates = {tool.name: tool.rates(pairs) for tool in tools}
    print(f"\nkey set after {delay_ms} ms; {pairs} pairs a round, {len(rates['ours'])} rounds")
    print(f"{'tool':10} {'pairs/s':>22} {'ours / tool, by round':>24} {'CPU ms a pair':>22}")
    missed = []
    for tool in tools:
        name, values = tool.name, rates[tool.name]
        ratios = [ours / other for ours, other in zip(rates["ours"], values, strict=True)]
        cells = (_spread(values, ".0f"), _spread(ratios, ".2f"), _spread(tool.cpu_ms, ".2f"))
        print(f"{name:10} {cells[0]:>22} {cells[1]:>24} {cells[2]:>22}")
        floor = FLOORS.get((name, delay_ms))
        if floor and statistics.median(ratios) < floor:
            missed.append(f"ours / {name} at {delay_ms} ms is below {floor}")
    return missed


def _spread(values: Sequence[float], form: str) -> str:
    middle = statistics.median(values)
    return f"{middle:{form}} [{min(values):{form}}-{max(values):{form}}]"


# --- what is measured ---------------------------------------------------------------------


@contextmanager
def keyset_server(key: RSAKey, delay_ms: int) -> Iterator[str]:
    """The platform's key set over HTTP, after a delay."""
    public = key.as_dict(private=False, kid="bench-key", use="sig", alg="RS256")
    body = json.dumps({"keys": [public]}).encode()

    class Answer(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            time.sleep(delay_ms / 1000)
            self.send_response(200)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Answer)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}/jwks.json"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


@contextmanager
def running(folder: Path, keyset_url: str) -> Iterator[list[Tool]]:
    """The three servers, each a process of its own, until all rounds are done."""
    tools, processes = [], []
    try:
        for name in TOOLS:
            port = _free_port()
            program = str(Path(__file__).with_name("launch_tools.py"))
            command = [sys.executable, program, name, str(port), keyset_url, str(folder)]
            with (folder / f"{name}.log").open("wb") as log:
                processes.append(subprocess.Popen(command, stdout=log, stderr=log))
            tools.append(Tool(name, port, processes[-1].pid))
        for tool in tools:
            _wait_for(tool, folder)
        yield tools
    finally:
        for process in processes:
            process.send_signal(signal.SIGTERM)
        for process in processes:
            process.wait()


def _wait_for(tool: Tool, folder: Path) -> None:
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        try:
            connection = http.client.HTTPConnection("127.0.0.1", tool.port, timeout=5)
            connection.request("GET", "/healthz")
            connection.getresponse().read()
        except OSError:
            time.sleep(0.2)
        else:
            return
    raise RuntimeError((folder / f"{tool.name}.log").read_text()[-2000:])


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
    return port


if __name__ == "__main__":
    sys.exit(main())
