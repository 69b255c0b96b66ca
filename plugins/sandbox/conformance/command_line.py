"""`mentorai plugins test`: the cases that every plugin can be held to, against a sandbox LMS."""

import json
import sys
import tempfile
from pathlib import Path
from typing import Any

import click


@click.command("test")
@click.argument("name")
@click.option("--only", default="", help="Some cases, by id: score.taken,refusal. A subject too.")
@click.option(
    "--json",
    "json_path",
    type=click.Path(dir_okay=False, writable=True, path_type=Path),
    help="Write the report for programs into this file too.",
)
@click.option(
    "--claims",
    "claims_path",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="A JSON file with claims of a launch of your LMS, which replace the sandbox's own; "
    "null leaves one out.",
)
@click.option("--list", "listed", is_flag=True, help="List the cases and run none.")
@click.option("--all", "all_shown", is_flag=True, help="Show the cases that do not apply too.")
def test(
    name: str, only: str, json_path: Path | None, claims_path: Path | None, listed: bool,
    all_shown: bool,
) -> None:  # fmt: skip
    """Try the installed plugin NAME, case by case, and say what was seen.

    A toolkit and a sandbox LMS are started for it, on free ports of this machine and with data
    that goes away. Exit code 1 when a case fails.
    """
    from mentorai.plugins.sandbox.certification.report import FAILED, write_json, write_summary

    cases = _choose(only)
    if listed:
        for case in cases:
            click.echo(f"{case.id:20}  {case.name}  ({case.clause})")
        return
    outcomes = _try(name, cases, _read_claims(claims_path), all_shown)
    click.echo(f"\n{write_summary(outcomes)}")
    if json_path:
        json_path.write_text(write_json(outcomes, plugin=name), "utf-8")
    if any(outcome.result == FAILED for outcome in outcomes):
        sys.exit(1)


def _choose(only: str) -> Any:
    from mentorai.plugins.sandbox.certification.case import choose
    from mentorai.plugins.sandbox.conformance.catalogue import CASES

    try:
        return choose(CASES, [each.strip() for each in only.split(",") if each.strip()])
    except KeyError as error:
        raise click.BadParameter(f"there is no case {error}", param_hint="--only") from error


def _read_claims(path: Path | None) -> dict[str, Any]:
    if path is None:
        return {}
    try:
        claims = json.loads(path.read_text("utf-8"))
    except (OSError, ValueError) as error:
        raise click.BadParameter("it is not JSON", param_hint="--claims") from error
    if not isinstance(claims, dict):
        raise click.BadParameter("it holds no JSON object", param_hint="--claims")
    return claims


def _try(name: str, cases: Any, claims: dict[str, Any], all_shown: bool) -> list[Any]:
    from mentorai.core.installed_plugins import find_installed_plugins
    from mentorai.plugins.sandbox.certification.report import LEFT_OUT
    from mentorai.plugins.sandbox.conformance.report import try_plugin, write_case

    plugins = find_installed_plugins()
    found = next((each for each in plugins if each.name == name), None)
    if found is None:
        known = ", ".join(each.name for each in plugins)
        raise click.BadParameter(f"no plugin {name} is installed; there are {known}.")
    click.echo(f"Testing the plugin {name} of {found.origin or 'an unknown distribution'}\n")
    outcomes = []
    with tempfile.TemporaryDirectory(prefix="mentorai-plugin-") as folder:
        for outcome in try_plugin(cases, found, plugins, Path(folder), claims):
            outcomes.append(outcome)
            if all_shown or outcome.result != LEFT_OUT:
                click.echo(write_case(outcome))
    return outcomes
