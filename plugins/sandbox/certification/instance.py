"""An installation of the toolkit that is made for the cases alone, and gone afterwards."""

import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import requests

from mentorai.core.errors import ConfigurationError
from mentorai.core.settings import PREFIX, Settings

START_SECONDS = 120
STOP_SECONDS = 25
LAST_LINES = 5


@dataclass(frozen=True, slots=True)
class Instance:
    """An installation that answers: its settings, and the log of its processes."""

    settings: Settings
    log: Path


def find_port() -> int:
    """A port that nobody listens on at this moment."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
    return port


@contextmanager
def running_instance(
    folder: Path, database_url: str = "", *, calls: bool = True
) -> Iterator[Instance]:
    """`mentorai serve` on a free port, with its data in `folder`.

    calls: whether it may call platforms on this machine, as it may not in real use.
    Nothing that is set in the environment for another installation reaches it.
    Raises ConfigurationError with the end of its log if it does not come up.
    """
    chosen = choose_settings(folder, database_url, calls=calls)
    settings = Settings.load(**chosen)
    log = folder / "certify.log"
    with _serving(chosen, log) as process:
        _wait_for(f"{settings.public_url}/readyz", process, log)
        yield Instance(settings, log)


def choose_settings(folder: Path, database_url: str = "", *, calls: bool = True) -> dict[str, str]:
    """The settings of an installation that is made for cases, on a free port."""
    port = find_port()
    return {
        "data_dir": str(folder),
        "database_url": database_url,
        "queue_url": "",
        "host": "127.0.0.1",
        "port": str(port),
        "public_url": f"http://localhost:{port}",
        "allow_loopback_platforms": str(calls).lower(),
        "log_level": "warning",
    }


@contextmanager
def _serving(chosen: dict[str, str], log: Path) -> Iterator[subprocess.Popen[bytes]]:
    own = {name: value for name, value in os.environ.items() if not name.startswith(PREFIX)}
    own |= {f"{PREFIX}{name.upper()}": value for name, value in chosen.items()}
    command = [sys.executable, "-m", "mentorai.web.commands", "--parent", str(os.getpid())]
    with log.open("ab") as output:
        process = subprocess.Popen(  # noqa: S603  our own program, no shell
            [*command, "serve", "--quiet"],
            env=own,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            # Ctrl-C reaches this process alone, which then ends the other.
            process_group=0 if sys.platform != "win32" else None,
        )
    try:
        yield process
    finally:
        process.terminate()
        try:
            process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _wait_for(url: str, process: subprocess.Popen[bytes], log: Path) -> None:
    deadline = time.monotonic() + START_SECONDS
    while not _answers(url):
        if process.poll() is not None or time.monotonic() > deadline:
            last = log.read_text("utf-8", errors="replace").strip().splitlines()[-LAST_LINES:]
            raise ConfigurationError("The toolkit did not start. " + " ".join(last))
        time.sleep(0.1)


def _answers(url: str) -> bool:
    try:
        return requests.get(url, timeout=2).status_code == 200
    except requests.RequestException:
        return False
