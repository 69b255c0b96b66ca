"""`mentorai certify`: run the certification cases, and say case by case what was seen."""

import signal
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from mentorai.core.engine import Engine


@click.command("certify")
@click.option(
    "--url",
    default="",
    help="The installation to test, whose data directory and settings are those in force here. "
    "Without it the toolkit is started for the purpose, with data of its own.",
)
@click.option("--only", default="", help="Some cases, by id: B1,T3. B6 means its variants too.")
@click.option(
    "--json",
    "json_path",
    type=click.Path(dir_okay=False, writable=True, path_type=Path),
    help="Write the report for programs into this file too.",
)
@click.option("--list", "listed", is_flag=True, help="List the cases and run none.")
def certify(url: str, only: str, json_path: Path | None, listed: bool) -> None:
    """Run the LTI Advantage certification cases, and ours beyond them, over HTTP.

    Exit code 1 when a case fails.
    """
    from mentorai.plugins.sandbox.certification.case import choose
    from mentorai.plugins.sandbox.certification.catalogue import CASES
    from mentorai.plugins.sandbox.certification.report import FAILED, write_json, write_summary

    try:
        cases = choose(CASES, [each.strip() for each in only.split(",") if each.strip()])
    except KeyError as error:
        raise click.BadParameter(f"there is no case {error}", param_hint="--only") from error
    if listed:
        for case in cases:
            click.echo(f"{case.id:16}  {case.name}  ({case.clause})")
        return
    with _ended_by_signals(), _installation(url) as engine:
        outcomes = _play(cases, engine)
    click.echo(f"\n{write_summary(outcomes)}")
    if json_path:
        json_path.write_text(write_json(outcomes, tool=engine.settings.public_url), "utf-8")
    if any(outcome.result == FAILED for outcome in outcomes):
        sys.exit(1)


def _play(cases: Any, engine: "Engine") -> list[Any]:
    from mentorai.plugins.sandbox.certification.report import play_all, write_line
    from mentorai.plugins.sandbox.certification.setting import staged

    outcomes = []
    with staged(engine) as stage:
        click.echo(f"Testing {engine.settings.public_url}\n")
        for outcome in play_all(cases, stage):
            click.echo(write_line(outcome))
            outcomes.append(outcome)
    return outcomes


@contextmanager
def _installation(url: str) -> "Iterator[Engine]":
    """The engine of the installation to test: a fresh one, or the one at `url`."""
    from mentorai.core.settings import Settings
    from mentorai.plugins.sandbox.certification.instance import running_instance

    if url:
        settings = Settings.load()
        with _opened(settings) as engine:
            _check_reached(engine, url.rstrip("/"))
            yield engine
        return
    with (
        tempfile.TemporaryDirectory(prefix="mentorai-certify-") as folder,
        running_instance(Path(folder)) as instance,
        _opened(instance.settings) as engine,
    ):
        yield engine


@contextmanager
def _opened(settings: Any) -> "Iterator[Engine]":
    from mentorai.core import logs
    from mentorai.core.engine import Engine

    engine = Engine.open(settings)
    # What is refused is what is wanted here; it is not for the log of a terminal.
    logs.configure("error")
    try:
        yield engine
    finally:
        engine.close()


def _check_reached(engine: "Engine", url: str) -> None:
    """Raise ConfigurationError unless the installation at `url` is the one that is set up here."""
    import requests

    from mentorai.core.errors import ConfigurationError
    from mentorai.lti.tool import Tool

    if url != engine.settings.public_url:
        raise ConfigurationError(
            f"The settings in force here are those of {engine.settings.public_url}, not of {url}. "
            "Run this where that installation runs, with its settings."
        )
    tool = engine.room(Tool)
    try:
        found = requests.get(tool.keyset_url, timeout=10).json()
    except (requests.RequestException, ValueError) as error:
        raise ConfigurationError(f"{tool.keyset_url} does not answer with a key set.") from error
    if found != tool.tool_keys.read_keyset():
        raise ConfigurationError(
            f"{url} signs with other keys than the data directory here holds, so it is another "
            "installation. Choose its data directory with --data-dir or MENTORAI_DATA_DIR."
        )


@contextmanager
def _ended_by_signals() -> Iterator[None]:
    """SIGTERM ends the run like Ctrl-C: what was put into the installation goes away first."""

    def end(_number: int, _frame: Any) -> None:
        # A second signal must not cut short the clearing up.
        for name in (signal.SIGINT, signal.SIGTERM):
            signal.signal(name, signal.SIG_IGN)
        raise KeyboardInterrupt

    before = {name: signal.signal(name, end) for name in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        for name, handler in before.items():
            signal.signal(name, handler)
