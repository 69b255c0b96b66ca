"""The processes of launch.py: started, looked at, and ended."""

import contextlib
import http.client
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from launch_platform import Platform
from launch_tools import TOOLS, prepare_ours


@dataclass
class Server:
    """One server under test: how it was started, and the process that its workers belong to."""

    name: str
    tool: str
    port: int
    keyset_url: str
    folder: Path
    pid: int = 0

    @property
    def welcome(self) -> int:
        """The status of whoever it let in."""
        return TOOLS[self.tool]

    @property
    def keyset_path(self) -> str:
        """Under which the platform counts what it asked for."""
        return urlsplit(self.keyset_url).path

    @contextmanager
    def again(self) -> Iterator["Server"]:
        """Run it, on the files that it left if it ran before."""
        program = str(Path(__file__).with_name("launch_tools.py"))
        facts = (self.tool, str(self.port), self.keyset_url, str(self.folder))
        path = self.folder / f"{self.tool}-{self.port}.log"
        with path.open("ab") as log:
            process = subprocess.Popen([sys.executable, program, *facts], stdout=log, stderr=log)
        self.pid = process.pid
        try:
            self._wait(path)
            yield self
        finally:
            process.send_signal(signal.SIGTERM)
            process.wait()

    def _wait(self, log: Path) -> None:
        deadline = time.monotonic() + 60
        while time.monotonic() < deadline:
            try:
                connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=5)
                connection.request("GET", "/healthz")
                connection.getresponse().read()
            except OSError:
                time.sleep(0.2)
            else:
                return
        raise RuntimeError(log.read_text()[-2000:])


@contextmanager
def running(tool: str, delay_ms: int, platform: Platform, folder: Path) -> Iterator[Server]:
    """One server, whose platform's key set is so far away, until the block ends."""
    url, port = platform.keyset_url(tool, delay_ms), _free_port()
    name = f"{tool}@{delay_ms}" if delay_ms else tool
    if tool == "ours":
        prepare_ours(port, url, folder)
    with Server(name, tool, port, url, folder).again() as server:
        yield server


@dataclass(frozen=True)
class Memory:
    """Proportional set size of a server's workers, MiB."""

    least: float
    most: float

    @property
    def text(self) -> str:
        """Both, to be read."""
        return f"{self.least:.1f} to {self.most:.1f}"


def read_memory_mib(pid: int) -> Memory:
    """What each worker of a server holds (Linux)."""
    held = []
    for worker in _find_family(pid) - {pid}:
        text = Path(f"/proc/{worker}/smaps_rollup").read_text()
        held.append(int(text.partition("\nPss:")[2].split()[0]) / 1024)
    return Memory(min(held), max(held))


def read_cpu_seconds(pid: int) -> float:
    """CPU that a server's processes have used so far (Linux; 0 elsewhere)."""
    ticks = 0
    for each in _find_family(pid):
        with contextlib.suppress(OSError):
            facts = Path(f"/proc/{each}/stat").read_text().rpartition(")")[2].split()
            ticks += int(facts[11]) + int(facts[12])
    return ticks / os.sysconf("SC_CLK_TCK")


def _find_family(pid: int) -> set[int]:
    """A process and those that it started."""
    found = {pid}
    for path in Path("/proc").glob("[0-9]*/stat"):
        with contextlib.suppress(OSError):
            if int(path.read_text().rpartition(")")[2].split()[1]) == pid:
                found.add(int(path.parent.name))
    return found


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
    return port
