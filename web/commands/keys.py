"""`mentorai keys`: issue, list and deactivate API keys."""

from datetime import datetime, timedelta
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from mentorai.core.engine import Engine

AUTHOR = "command line"
EVERYTHING = "Everything"


@click.group("keys")
def command() -> None:
    """API keys for callers."""


@command.command("issue")
@click.argument("name")
@click.option("--mentor", help="The mentor's slug or id.")
@click.option("--provisioning", is_flag=True, help="Instead of --mentor: a key to make mentors.")
@click.option("--scope", "scopes", multiple=True, help="What it may do; may be repeated.")
@click.option(
    "--template",
    default=EVERYTHING,
    show_default=True,
    help="The scopes, when no --scope is given: Everything, Read only, Chat, Course material or "
    "Grade sync.",
)
@click.option("--days", type=click.IntRange(1), help="How long it lasts; MENTORAI_KEY_DAYS if not.")
@click.option("--never", is_flag=True, help="It never expires, if the policy allows that.")
def issue(
    name: str,
    mentor: str | None,
    provisioning: bool,
    scopes: tuple[str, ...],
    template: str,
    days: int | None,
    never: bool,
) -> None:
    """Issue a key called NAME.

    Its text is printed now and never again; standard output holds nothing else.
    """
    from mentorai.core.clock import now
    from mentorai.web.commands.opening import opened

    if (mentor is None) != provisioning:
        raise click.UsageError("Name a mentor with --mentor, or ask for a --provisioning key.")
    asked = scopes or _read_template(template, provisioning)
    with opened() as engine:
        organization_id, mentor_id = _find(engine, mentor)
        issued = engine.keys.issue(
            organization_id,
            mentor_id,
            name=name,
            scopes=asked,
            expires_at=now() + timedelta(days=days) if days else None,
            never=never,
            kind="provisioning" if provisioning else "mentor",
            author=AUTHOR,
        )
    click.echo(issued.text)
    expiry = _day(issued.key.expires_at)
    click.echo(f"Keep it now: it will not be shown again. Expires: {expiry}.", err=True)


@command.command("list")
@click.option("--mentor", help="The mentor's slug or id; provisioning keys if not given.")
def list_(mentor: str | None) -> None:
    """List the keys of a mentor."""
    from mentorai.web.commands.opening import opened, print_rows

    with opened() as engine:
        found = engine.keys.list(*_find(engine, mentor))
    rows = [
        (
            key.id,
            key.name,
            key.state,
            _day(key.expires_at),
            _day(key.last_used_at),
            " ".join(key.scopes),
        )
        for key in found
    ]
    print_rows(
        ("ID", "NAME", "STATE", "EXPIRES", "LAST USED", "SCOPES"), rows, none="There is no key yet."
    )


@command.command("deactivate")
@click.argument("key_id")
@click.option("--mentor", help="The mentor's slug or id; a provisioning key if not given.")
def deactivate(key_id: str, mentor: str | None) -> None:
    """Refuse the key KEY_ID from now on; the API tab can activate it again."""
    from mentorai.web.commands.opening import opened

    with opened() as engine:
        organization_id, mentor_id = _find(engine, mentor)
        engine.keys.deactivate(organization_id, mentor_id, key_id, author=AUTHOR)
    click.echo(f"{key_id} is refused from now on.")


def _find(engine: "Engine", mentor: str | None) -> tuple[str, str | None]:
    organization_id = engine.organizations.get().id
    if mentor is None:
        return organization_id, None
    return organization_id, engine.mentors.get(organization_id, mentor).id


def _read_template(name: str, provisioning: bool) -> tuple[str, ...]:
    from mentorai.core.scopes import PROVISIONING_SCOPES, TEMPLATES

    if provisioning:
        return tuple(PROVISIONING_SCOPES)
    if name not in TEMPLATES:
        raise click.BadParameter(f"There is {', '.join(TEMPLATES)}.", param_hint="--template")
    return TEMPLATES[name]


def _day(moment: datetime | None) -> str:
    return f"{moment:%Y-%m-%d}" if moment else "never"
