"""`mentorai launches`: the last launches and refused attempts, newest first."""

import json
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from mentorai.lti.launch_log_rows import LaunchEntry

LIMIT = 50


@click.command("launches")
@click.option("--registration", default="", help="Of one LMS: its id, or its client id.")
@click.option("--refused", is_flag=True, help="Only what was refused.")
@click.option("--reference", default="", help="The one with this reference number.")
@click.option(
    "--limit", type=click.IntRange(1, 2_000), default=LIMIT, show_default=True, help="How many."
)
@click.option("--json", "as_json", is_flag=True, help="One JSON object a line.")
def command(registration: str, refused: bool, reference: str, limit: int, as_json: bool) -> None:
    """The last launches and refused attempts of the LMSs.

    Those that fit no registration are listed with issuer and client id as they came.
    """
    from mentorai.lti.tool import Tool
    from mentorai.web.commands.opening import find_registration, opened

    with opened() as engine:
        organization_id = engine.organizations.get().id
        known = find_registration(engine, registration) if registration else None
        tool = engine.room(Tool)
        _, entries = tool.launch_log.list(
            organization_id,
            registration_id=known.id if known else None,
            is_refused=refused,
            reference=reference,
            page_size=limit,
        )
        names = {each.id: each.name for each in tool.registrations.list(organization_id)}
    for entry in entries:
        click.echo(_write_json(entry) if as_json else _write_lines(entry, names))
    if not entries and not as_json:
        click.echo("No such launch is in the log.")


def _write_json(entry: "LaunchEntry") -> str:
    from dataclasses import asdict

    facts = asdict(entry) | {"at": entry.at.isoformat()}
    return json.dumps(facts, ensure_ascii=False)


def _write_lines(entry: "LaunchEntry", names: dict[str, str]) -> str:
    whose = names.get(entry.registration_id or "", entry.registration_id)
    if whose is None:
        whose = (
            f"no registration (issuer {entry.issuer or '?'}, client id {entry.client_id or '?'})"
        )
    parts = [
        f"{entry.at:%Y-%m-%d %H:%M:%S}Z",
        entry.reference,
        entry.outcome,
        whose,
        entry.message_type or "no message",
        f"deployment {entry.deployment_id}" if entry.deployment_id else "",
        entry.way,
        entry.browser,
        "" if entry.is_verified else "not verified",
    ]
    line = "  ".join(filter(None, parts))
    why = " ".join(filter(None, [entry.reason, f"[{entry.clause}]" if entry.clause else ""]))
    return f"{line}\n    {why}" if why else line
