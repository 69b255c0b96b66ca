"""`mentorai doctor`: one line a finding; exit code 1 when something is wrong."""

import sys
from collections.abc import Iterator
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from mentorai.core.settings import Settings
    from mentorai.web.commands.checks import Finding


@click.command("doctor")
@click.option(
    "--registration",
    default="",
    help="Try one LMS instead: the id of its registration, or its client id.",
)
def command(registration: str) -> None:
    """Say what is wrong with this installation and what to do.

    Looks at the settings, the data directory and its secrets, the database and its migrations,
    full-text search, the public URL, plugins, peppers of API keys, tool keys, the registered LMSs,
    the clock and the outbox. With --registration it asks one LMS for what launches, grades and
    rosters need: clock, key set, access tokens and their audience, redirect URI, line items and
    roster; nothing is changed there. The exit code is 1 when something is wrong.
    """
    wrong = 0
    for finding in _try_registration(registration) if registration else _look():
        click.echo(f"{finding.word:5}  {finding.subject}: {finding.sentence}")
        wrong += finding.is_wrong
    click.echo()
    click.echo(f"{wrong} wrong." if wrong else "All is well.")
    sys.exit(1 if wrong else 0)


def _try_registration(name: str) -> "Iterator[Finding]":
    from mentorai.web.commands import checks
    from mentorai.web.commands.opening import find_registration, opened

    with opened() as engine:
        yield from checks.try_registration(engine, find_registration(engine, name))


def _look() -> "Iterator[Finding]":
    from mentorai.core.errors import ConfigurationError
    from mentorai.core.settings import Settings
    from mentorai.web.commands import checks

    yield from checks.check_python()
    try:
        settings = Settings.load()
    except ConfigurationError as error:
        yield checks.Finding("settings", error.message, is_wrong=True)
        return
    yield checks.Finding("settings", "every one is as it should be.")
    yield from checks.check_files(settings)
    yield from checks.check_public_url(settings)
    yield from _look_inside(settings)


def _look_inside(settings: "Settings") -> "Iterator[Finding]":
    """What can be looked at only when the database stands."""
    from mentorai.core.database import Database
    from mentorai.core.errors import MentorAIError
    from mentorai.web.commands import checks
    from mentorai.web.commands.opening import opened

    try:
        database = Database(settings.url_of_database)
        findings = list(checks.check_database(settings, database))
        database.close()
    except MentorAIError as error:
        findings = [checks.Finding("database", error.message, is_wrong=True)]
    yield from findings
    if any(finding.is_wrong for finding in findings):
        return
    try:
        with opened() as engine:
            yield from checks.check_plugins(engine)
            yield from checks.check_key_peppers(engine)
            yield from checks.check_tool_keys(engine)
            yield from checks.check_key_fetches(engine)
            yield from checks.check_registrations(engine)
            yield from checks.check_outbox(engine)
    except MentorAIError as error:
        yield checks.Finding("start", error.message, is_wrong=True)
