"""How many answers one process streams at once through POST /api/v1/chat.

    python tests/bench/streams.py [--kind gthread|gevent] [--streams 200 400] [--rate 40]

A model plugin stands in for a slow model: a token each 50 ms for --seconds, or as long as it
takes to open all streams, --rate a second, and two seconds more. For each number of
streams: how many were good (complete, first event within a second, at most one read in a hundred
more than 100 ms late), how many were sent away with 503 and Retry-After, how much memory (PSS)
the process took for each, and what GET /api/v1/key took meanwhile, against before.
"""

import argparse
import os
import selectors
import signal
import socket
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from dataclasses import dataclass, field
from pathlib import Path

TOKEN_SECONDS = 0.05
LATE_SECONDS = 0.1
SERVE = """
{patch}
import gc
import time
from collections.abc import Iterator
from pathlib import Path

from mentorai.core import hookimpl
from mentorai.core.engine import Engine
from mentorai.core.settings import Settings
from mentorai.core.values import DoneEvent, TokenEvent
from mentorai.web.app import create_app
from mentorai.web.server import options


class SlowModel:
    @hookimpl
    def complete_turn(self, request):
        return self.speak()

    def speak(self):
        for number in range({tokens}):
            time.sleep({pause})
            yield TokenEvent(f"token {{number}} ")
        yield DoneEvent()


settings = Settings(
    data_dir=Path({data!r}), worker_class={kind!r}, threads={threads}, port={port},
    log_level="warning",
)
if __name__ == "__main__":
    from gunicorn.app.base import BaseApplication

    class Server(BaseApplication):
        def load_config(self):
            for name, value in options(settings).items():
                self.cfg.set(name, value)

        def load(self):
            app = create_app(Engine.open(settings, plugins=[("slow", SlowModel())]))
            gc.collect()
            gc.freeze()
            return app

    Server().run()
"""


@dataclass
class Reader:
    """One stream as its reader sees it."""

    connection: socket.socket
    began: float
    status: str = ""
    retry_after: bool = False
    first: float | None = None
    last: float = 0.0
    reads: int = 0
    late: int = 0
    events: int = 0
    tail: bytes = b""
    is_over: bool = False
    seen: bytearray = field(default_factory=bytearray)

    def take(self, data: bytes, moment: float) -> None:
        """Note what came in."""
        if not self.status:
            self.seen += data
            if b"\r\n\r\n" not in self.seen:
                return
            head = bytes(self.seen).partition(b"\r\n\r\n")[0].lower()
            self.status = head.split(b" ", 2)[1].decode()
            self.retry_after = b"\r\nretry-after:" in head
        if self.first is None:
            self.first = moment
        elif moment - self.last > TOKEN_SECONDS + LATE_SECONDS:
            self.late += 1
        self.last = moment
        self.reads += 1
        self.events += data.count(b"event: ")
        self.tail = (self.tail + data)[-200:]

    @property
    def is_good(self) -> bool:
        """Complete, begun within a second, and hardly ever late."""
        whole = self.status == "200" and b"event: done" in self.tail
        prompt = self.first is not None and self.first - self.began < 1.0
        return whole and prompt and self.late <= self.reads / 100


def open_stream(port: int, key: str) -> Reader:
    """Ask, and leave the answer to be read."""
    body = b'{"prompt":"What is a keystone species?"}'
    connection = socket.create_connection(("127.0.0.1", port))
    began = time.perf_counter()
    connection.sendall(
        b"POST /api/v1/chat HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n"
        b"Accept: text/event-stream\r\nContent-Type: application/json\r\n"
        b"Authorization: Api-Token " + key.encode() + b"\r\n"
        b"Content-Length: " + str(len(body)).encode() + b"\r\n\r\n" + body
    )
    connection.setblocking(False)
    return Reader(connection, began)


def read_all(port: int, key: str, count: int, rate: float, seconds: float) -> list[Reader]:
    """Open `count` streams, `rate` a second, and read them to their ends.

    seconds: how long one lasts.
    """
    chooser = selectors.DefaultSelector()
    readers = []
    started = time.perf_counter()
    deadline = started + count / rate + seconds * 2 + 10
    left = count
    while left and time.perf_counter() < deadline:
        # A class does not press Enter in one millisecond.
        due = min(count, int((time.perf_counter() - started) * rate) + 1)
        while len(readers) < due:
            reader = open_stream(port, key)
            readers.append(reader)
            chooser.register(reader.connection, selectors.EVENT_READ, reader)
        for event, _ in chooser.select(0.02):
            reader = event.data
            try:
                data = reader.connection.recv(65536)
            except ConnectionError:
                data = b""
            if data:
                reader.take(data, time.perf_counter())
            else:
                chooser.unregister(reader.connection)
                reader.connection.close()
                reader.is_over = True
                left -= 1
    for reader in readers:
        if not reader.is_over:
            reader.connection.close()
    return readers


def time_other(port: int, key: str, stop: threading.Event, took: list[float]) -> None:
    """Call GET /api/v1/key now and then, each time anew, and note how long it took."""
    while not stop.wait(0.05):
        began = time.perf_counter()
        with socket.create_connection(("127.0.0.1", port), timeout=30) as connection:
            connection.sendall(
                b"GET /api/v1/key HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n"
                b"X-API-Key: " + key.encode() + b"\r\n\r\n"
            )
            while connection.recv(65536):
                pass
        took.append(time.perf_counter() - began)


def memory_kib(master: int) -> int:
    """PSS of the workers, KiB."""
    children = Path(f"/proc/{master}/task/{master}/children").read_text().split()
    total = 0
    for child in children:
        for line in Path(f"/proc/{child}/smaps_rollup").read_text().splitlines():
            if line.startswith("Pss:"):
                total += int(line.split()[1])
    return total


def cpu_seconds(master: int) -> float:
    """CPU of the workers since they began."""
    ticks = 0
    for child in Path(f"/proc/{master}/task/{master}/children").read_text().split():
        facts = Path(f"/proc/{child}/stat").read_text().rpartition(")")[2].split()
        ticks += int(facts[11]) + int(facts[12])
    return ticks / os.sysconf("SC_CLK_TCK")


def make_key(data: Path) -> str:
    """An installation with one key; its text."""
    from mentorai.core.engine import Engine
    from mentorai.core.settings import Settings

    engine = Engine.open(Settings(data_dir=data), plugins=[])
    organization_id = engine.organizations.get().id
    mentor = engine.mentors.add(organization_id, "Tidal Pools")
    issued = engine.keys.issue(
        organization_id,
        mentor.id,
        name="Bench",
        scopes=["chat:write"],
        expires_at=None,
        author="bench",
    )
    engine.close()
    return issued.text


def measure(port: int, key: str, master: int, count: int, rate: float, seconds: float) -> None:
    """Print one line for `count` streams."""
    quiet = listen(port, key, 1.0)
    before = memory_kib(master)
    stop, took, peak = threading.Event(), list[float](), [before]

    def weigh() -> None:
        while not stop.wait(0.5):
            peak.append(memory_kib(master))

    watchers = [
        threading.Thread(target=time_other, args=(port, key, stop, took)),
        threading.Thread(target=weigh),
    ]
    for watcher in watchers:
        watcher.start()
    cpu, began = cpu_seconds(master), time.perf_counter()
    readers = read_all(port, key, count, rate, seconds)
    cpu, lasted = cpu_seconds(master) - cpu, time.perf_counter() - began
    events = sum(reader.events for reader in readers)
    stop.set()
    for watcher in watchers:
        watcher.join()
    good = sum(reader.is_good for reader in readers)
    begun = sum(reader.status == "200" for reader in readers)
    slow = sum(r.status == "200" and not (r.first and r.first - r.began < 1) for r in readers)
    away = sum(reader.status == "503" and reader.retry_after for reader in readers)
    each = (max(peak) - before) / max(begun, 1)
    print(
        f"{count:5} asked: {begun} streamed, {good} good, {slow} began late, "
        f"{away} sent away (503, Retry-After); "
        f"{each:.0f} KiB each, {max(peak) / 1024:.0f} MiB in all; "
        f"{cpu / lasted:.2f} cores, {cpu / max(events, 1) * 1e6:.0f} us an event; "
        f"/key p50 {statistics.median(took) * 1000:.1f} ms, p99 {worst(took) * 1000:.1f} ms "
        f"(quiet {statistics.median(quiet) * 1000:.1f}, {worst(quiet) * 1000:.1f})",
        flush=True,
    )


def listen(port: int, key: str, seconds: float) -> list[float]:
    """How long GET /api/v1/key takes while nothing else happens."""
    stop, took = threading.Event(), list[float]()
    thread = threading.Thread(target=time_other, args=(port, key, stop, took))
    thread.start()
    time.sleep(seconds)
    stop.set()
    thread.join()
    return took


def worst(took: list[float]) -> float:
    """The 99th percentile."""
    return sorted(took)[max(0, round(len(took) * 0.99) - 1)]


def main() -> None:
    """Serve, measure each number of streams, stop."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--kind", choices=["gthread", "gevent"], default="gthread")
    parser.add_argument("--streams", type=int, nargs="+", default=[8, 50])
    parser.add_argument("--threads", type=int, default=16)
    parser.add_argument("--rate", type=float, default=40.0)
    parser.add_argument("--seconds", type=float, default=6.0)
    asked = parser.parse_args()
    longest = max(asked.seconds, max(asked.streams) / asked.rate + 2)
    with tempfile.TemporaryDirectory() as name, socket.socket() as probe:
        folder = Path(name)
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
        probe.close()
        key = make_key(folder / "data")
        facts = {
            "patch": "from gevent import monkey; monkey.patch_all()" * (asked.kind == "gevent"),
            "tokens": round(longest / TOKEN_SECONDS),
            "pause": TOKEN_SECONDS,
            "data": str(folder / "data"),
            "kind": asked.kind,
            "threads": asked.threads,
            "port": port,
        }
        (folder / "serve.py").write_text(SERVE.format(**facts))
        process = subprocess.Popen([sys.executable, str(folder / "serve.py")], env=dict(os.environ))
        try:
            wait_for(port)
            for count in asked.streams:
                measure(port, key, process.pid, count, asked.rate, longest)
        finally:
            process.send_signal(signal.SIGTERM)
            process.wait(30)


def wait_for(port: int) -> None:
    """Until the server answers."""
    for _ in range(300):
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                time.sleep(1.0)
                return
        time.sleep(0.1)
    raise SystemExit("the server did not come up")


if __name__ == "__main__":
    main()
