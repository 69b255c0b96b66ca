"""`mentorai demo`: the toolkit and the sandbox LMS on this machine, seeded, on one screen."""

import os
import signal
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import click

from mentorai.core.errors import ConfigurationError
from mentorai.web.commands.children import Child
from mentorai.web.commands.serve import refuse_taken_port

HOST = "127.0.0.1"
# A busy machine with a cold disk took more than a minute; a server that ended is told at once.
START_SECONDS = 180
STOP_SECONDS = 10
# Kept from the environment; everything else that is set here belongs to another installation.
KEPT = ("MENTORAI_LOG_LEVEL", "MENTORAI_WORKER_CLASS")


@click.command("demo")
@click.option("--port", type=click.IntRange(1, 65534), default=8000, show_default=True)
@click.option("--sandbox-port", type=click.IntRange(1, 65535), help="PORT + 1 if not given.")
@click.option(
    "--platform",
    default="plain",
    show_default=True,
    help="Which LMS the sandbox answers like: canvas, moodle, blackboard, brightspace, ...",
)
@click.option(
    "--folder",
    type=click.Path(file_okay=False, path_type=Path),
    default=Path(".demo"),
    show_default=True,
    help="Where the demo keeps its data.",
)
def command(port: int, sandbox_port: int | None, platform: str, folder: Path) -> None:
    """Try everything on this machine, with a small LMS of its own.

    Starts the toolkit and a sandbox LMS, gives the LMS's courses their mentors, readings and
    quizzes, and prints what to open. Ctrl-C ends it; starting it again goes on where it was.
    """
    from mentorai.web.commands.demo_course import prepare

    sandbox_port = sandbox_port or port + 1
    _refuse_taken_ports(port, sandbox_port)
    # Each LMS has a demo of its own: registrations and gradebooks are not mixed.
    folder = folder.resolve() if platform == "plain" else folder.resolve() / platform
    _choose_environment(folder, port)
    with (
        ended_by_signals() as ended,
        _running(folder, port, sandbox_port, platform) as (sandbox, tool),
    ):
        sandbox.start()
        demo = prepare(folder, port, sandbox_port, platform)
        tool.start()
        addresses = [demo.health_url, f"{demo.tool_url}/readyz"]
        if not _wait_for(addresses, [sandbox, tool], ended, folder / "demo.log"):
            return
        click.echo(demo.screen())
        while not ended.wait(0.5):
            sandbox.tend()
            tool.tend()
        click.echo("\nStopping ...")


def _refuse_taken_ports(port: int, sandbox_port: int) -> None:
    if port == sandbox_port:
        raise click.UsageError("The tool and the sandbox LMS need a port each.")
    refuse_taken_port(HOST, port, f"PORT={port + 1000} (or --port)")
    refuse_taken_port(HOST, sandbox_port, f"SANDBOX_PORT={sandbox_port + 1000} (or --sandbox-port)")


def _choose_environment(folder: Path, port: int) -> None:
    """Settings for this process and its children, whatever else is installed here."""
    for name in [n for n in os.environ if n.startswith("MENTORAI_") and n not in KEPT]:
        del os.environ[name]
    os.environ |= {
        "MENTORAI_DATA_DIR": str(folder),
        "MENTORAI_HOST": HOST,
        "MENTORAI_PORT": str(port),
        "MENTORAI_PUBLIC_URL": f"http://localhost:{port}",
        "MENTORAI_ALLOW_LOOPBACK_PLATFORMS": "true",
    }
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)


@contextmanager
def ended_by_signals() -> Iterator[threading.Event]:
    """An event that Ctrl-C, SIGTERM and a closed terminal set, instead of ending the process."""
    ended = threading.Event()
    names = [name for name in ("SIGINT", "SIGTERM", "SIGHUP") if hasattr(signal, name)]

    def end(*_: object) -> None:
        # Not here: the handler may have interrupted a wait that holds the event's lock.
        threading.Thread(target=ended.set, daemon=True).start()

    before = {name: signal.signal(getattr(signal, name), end) for name in names}
    try:
        yield ended
    finally:
        for name, handler in before.items():
            signal.signal(getattr(signal, name), handler)


@contextmanager
def _running(
    folder: Path, port: int, sandbox_port: int, platform: str
) -> Iterator[tuple[Child, Child]]:
    """The two servers; whatever happens in between, both are gone afterwards."""
    log = folder / "demo.log"
    log.write_bytes(b"")
    where: tuple[str, ...] = ("--port", str(sandbox_port), "--tool-url", f"http://localhost:{port}")
    where = (*where, "--platform", platform)
    state = ("--state", str(folder / "sandbox.sqlite3"))
    sandbox = Child("sandbox", "serve", *where, *state, log=log)
    tool = Child("serve", "--quiet", log=log)
    try:
        yield sandbox, tool
    finally:
        for child in (tool, sandbox):
            child.ask_to_stop()
        for child in (tool, sandbox):
            child.stop(STOP_SECONDS)


def _wait_for(
    addresses: Sequence[str], children: Sequence[Child], ended: threading.Event, log: Path
) -> bool:
    """Wait until every address answers; False when the demo was ended meanwhile.

    Raises ConfigurationError with the end of the log when a server does not come up.
    """
    waiting, deadline = list(addresses), time.monotonic() + START_SECONDS
    while waiting and not ended.is_set():
        waiting = [address for address in waiting if not _answers(address)]
        dead = [child.name for child in children if not child.is_running()]
        if dead or (waiting and time.monotonic() > deadline):
            last = log.read_text("utf-8", errors="replace").strip().splitlines()[-5:]
            what = f"mentorai {dead[0]} ended" if dead else f"{waiting[0]} does not answer"
            raise ConfigurationError(f"{what}. The end of {log}:\n" + "\n".join(last))
        ended.wait(0.1)
    return not ended.is_set()


def _answers(url: str) -> bool:
    try:
        with urllib.request.urlopen(url, timeout=2) as answer:  # noqa: S310  our own address
            return bool(answer.status == 200)
    except (urllib.error.URLError, OSError):
        return False
