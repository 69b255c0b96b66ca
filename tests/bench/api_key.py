"""What a checked key costs: GET /api/v1/key against a bare Flask route that answers JSON.

Both run under gunicorn (gthread, 8 threads, 1 process) and are driven alike, in turns, over
keep-alive connections. Server CPU is read from /proc; only the ratio of one run means anything.

    python tests/bench/api_key.py [--rounds 7] [--requests 1500] [--keys 1]

--keys: how many keys take turns. With few, a process remembers what it read of them for half a
second; with more than it serves in that time, every call reads the database.
"""

import argparse
import os
import signal
import socket
import statistics
import subprocess
import sys
import tempfile
import textwrap
import threading
import time
from collections.abc import Sequence
from pathlib import Path

TICKS = os.sysconf("SC_CLK_TCK")
CLIENTS = 8
BARE = """
from flask import Flask, jsonify
app = Flask(__name__)
@app.get("/api/v1/key")
def read_key():
    return jsonify(id="4fTq0Zb81k", name="LMS", kind="mentor", scopes=["chat:write"],
                   mentor="7b0e3f0a-58c7-4f0e-9f0b-0a3d5b1f2c11",
                   expires_at="2026-12-23T10:00:00Z",
                   limits={"page_size": 200, "upload_bytes": 1, "message_characters": 1})
"""
OURS = """
from pathlib import Path
from mentorai.core.settings import Settings
from mentorai.web.server import load_app
folder = Path(__file__).parent / "data"
# Counted as always, and never too many.
app = load_app(Settings(data_dir=folder, key_calls_per_minute=1_000_000))
"""


class Server:
    """One gunicorn with one worker, on a port of its own."""

    def __init__(self, folder: Path, name: str, code: str) -> None:
        (folder / f"{name}.py").write_text(textwrap.dedent(code))
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port: int = probe.getsockname()[1]
        command = [sys.executable, "-m", "gunicorn", f"{name}:app", "--chdir", str(folder)]
        command += ["--bind", f"127.0.0.1:{self.port}", "--worker-class", "gthread"]
        command += ["--threads", "8", "--workers", "1", "--keep-alive", "60"]
        command += ["--log-level", "warning", "--no-control-socket"]
        self.log = (folder / f"{name}.log").open("wb")
        self.process = subprocess.Popen(command, stderr=self.log)
        self._wait()

    def _wait(self) -> None:
        for _ in range(300):
            with socket.socket() as probe:
                if probe.connect_ex(("127.0.0.1", self.port)) == 0 and self._children():
                    return
            time.sleep(0.1)
        raise SystemExit(f"{self.log.name}: the server did not come up")

    def _children(self) -> list[int]:
        place = Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children")
        return [int(child) for child in place.read_text().split()]

    def cpu_seconds(self) -> float:
        """CPU of the worker since it began."""
        ticks = 0
        for child in self._children():
            facts = Path(f"/proc/{child}/stat").read_text().rpartition(")")[2].split()
            ticks += int(facts[11]) + int(facts[12])
        return ticks / TICKS

    def stop(self) -> None:
        """End it and wait."""
        self.process.send_signal(signal.SIGTERM)
        self.process.wait(20)
        self.log.close()


def drive(port: int, keys: Sequence[str], count: int) -> float:
    """Send `count` requests from CLIENTS connections; the seconds it took."""
    failures: list[bytes] = []

    def one(first: int) -> None:
        with socket.create_connection(("127.0.0.1", port)) as connection:
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            for number in range(first, count, CLIENTS):
                key = keys[number % len(keys)]
                connection.sendall(
                    b"GET /api/v1/key HTTP/1.1\r\nHost: localhost\r\n"
                    b"Authorization: Api-Token " + key.encode() + b"\r\n\r\n"
                )
                if not read_answer(connection).startswith(b"HTTP/1.1 200"):
                    failures.append(b"")
                    return

    started = time.perf_counter()
    threads = [threading.Thread(target=one, args=(n,)) for n in range(CLIENTS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if failures:
        raise SystemExit("a request failed")
    return time.perf_counter() - started


def read_answer(connection: socket.socket) -> bytes:
    """One whole answer with a Content-Length."""
    data = b""
    while b"\r\n\r\n" not in data:
        data += _more(connection)
    head, _, body = data.partition(b"\r\n\r\n")
    lines = head.lower().split(b"\r\n")
    length = next(int(line[15:]) for line in lines if line.startswith(b"content-length:"))
    while len(body) < length:
        body += _more(connection)
    return data


def _more(connection: socket.socket) -> bytes:
    piece = connection.recv(65536)
    if not piece:
        raise SystemExit("the server hung up")
    return piece


def make_keys(folder: Path, count: int) -> list[str]:
    """An installation with `count` keys; their texts."""
    from mentorai.core.engine import Engine
    from mentorai.core.settings import Settings

    engine = Engine.open(Settings(data_dir=folder / "data"), plugins=[])
    organization_id = engine.organizations.get().id
    mentor = engine.mentors.add(organization_id, "Tidal Pools")
    issue = engine.keys.issue
    made = [
        issue(
            organization_id,
            mentor.id,
            name=f"Key {n}",
            scopes=["chat:write"],
            expires_at=None,
            author="bench",
        ).text
        for n in range(count)
    ]
    engine.close()
    return made


def main() -> None:
    """Print a line a round and the medians."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--requests", type=int, default=1500)
    parser.add_argument("--keys", type=int, default=1)
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        keys = make_keys(folder, asked.keys)
        servers = {"bare": Server(folder, "bare", BARE), "ours": Server(folder, "ours", OURS)}
        try:
            report(servers, keys, asked.rounds, asked.requests)
        finally:
            for server in servers.values():
                server.stop()


def report(servers: dict[str, Server], keys: Sequence[str], rounds: int, requests: int) -> None:
    """Measure in turns and print."""
    for server in servers.values():
        drive(server.port, keys, 400)
    ratios = []
    for number in range(rounds):
        cpu = {}
        for name in sorted(servers, reverse=bool(number % 2)):
            before = servers[name].cpu_seconds()
            seconds = drive(servers[name].port, keys, requests)
            cpu[name] = (servers[name].cpu_seconds() - before) / requests * 1e6
            print(f"round {number + 1} {name}: {cpu[name]:.0f} us CPU, {requests / seconds:.0f}/s")
        ratios.append(cpu["ours"] / cpu["bare"])
    low, high = min(ratios), max(ratios)
    print(f"CPU, ours : bare = {statistics.median(ratios):.2f} [{low:.2f}-{high:.2f}]")


if __name__ == "__main__":
    main()
