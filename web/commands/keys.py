"""`mentorai keys`: API keys, and what the organization allows them to be."""

from datetime import datetime, timedelta
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from mentorai.core.engine import Engine
    from mentorai.core.keys import IssuedKey

AUTHOR = "command line"
EVERYTHING = "Everything"
OVERLAPS = {"0": 0, "1h": 3600, "24h": 86400, "7d": 604800}


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
    help="The scopes, when no --scope is given: Read grades, Chat, Manage content, Enrollment, "
    "Portal, Grade sync, Read only or Everything.",
)
@click.option("--days", type=click.IntRange(1), help="How long it lasts; MENTORAI_KEY_DAYS if not.")
@click.option("--never", is_flag=True, help="It never expires, if the policy allows that.")
@click.option("--from", "addresses", multiple=True, help="An address or network; may be repeated.")
@click.option(
    "--per-minute", type=int, help="Calls a minute; MENTORAI_KEY_CALLS_PER_MINUTE if not."
)
@click.option("--per-month", type=int, help="Calls a month; any number if not.")
def issue(
    name: str,
    mentor: str | None,
    provisioning: bool,
    scopes: tuple[str, ...],
    template: str,
    days: int | None,
    never: bool,
    addresses: tuple[str, ...],
    per_minute: int | None,
    per_month: int | None,
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
            allowed_ips=addresses,
            rate_limit=per_minute,
            monthly_quota=per_month,
            kind="provisioning" if provisioning else "mentor",
            author=AUTHOR,
        )
    _print_once(issued)


@command.command("admin-token")
@click.argument("email")
def admin_token(email: str) -> None:
    """Print a token with which a program acts as the administrator EMAIL for an hour.

    For programs that list, make and delete keys; no API key can. Signing out ends it.
    """
    from mentorai.core.errors import NotFound
    from mentorai.web.admin_tokens import make_admin_token
    from mentorai.web.commands.opening import opened

    with opened() as engine:
        admin = engine.admins.find(email)
        if admin is None:
            raise NotFound(
                "There is no administrator of this address; `mentorai init --setup-link` makes one."
            )
        click.echo(make_admin_token(engine.settings.web_secret, admin))


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


@command.command("activate")
@click.argument("key_id")
@click.option("--mentor", help="The mentor's slug or id; a provisioning key if not given.")
def activate(key_id: str, mentor: str | None) -> None:
    """Accept the key KEY_ID again."""
    from mentorai.web.commands.opening import opened

    with opened() as engine:
        engine.keys.activate(*_find(engine, mentor), key_id, author=AUTHOR)
    click.echo(f"{key_id} is accepted again.")


@command.command("delete")
@click.argument("key_id")
@click.option("--mentor", help="The mentor's slug or id; a provisioning key if not given.")
@click.confirmation_option(prompt="It cannot be brought back. Delete it?")
def delete(key_id: str, mentor: str | None) -> None:
    """Refuse the key KEY_ID for good."""
    from mentorai.web.commands.opening import opened

    with opened() as engine:
        engine.keys.delete(*_find(engine, mentor), key_id, author=AUTHOR)
    click.echo(f"{key_id} is deleted.")


@command.command("rotate")
@click.argument("key_id")
@click.option("--mentor", help="The mentor's slug or id; a provisioning key if not given.")
@click.option(
    "--overlap",
    type=click.Choice(list(OVERLAPS)),
    default="24h",
    show_default=True,
    help="How long the old key goes on working.",
)
def rotate(key_id: str, mentor: str | None, overlap: str) -> None:
    """Issue a key with the settings of KEY_ID in its place.

    Its text is printed now and never again; standard output holds nothing else.
    """
    from mentorai.web.commands.opening import opened

    with opened() as engine:
        issued = engine.keys.rotate(
            *_find(engine, mentor), key_id, overlap_seconds=OVERLAPS[overlap], author=AUTHOR
        )
    _print_once(issued)


@command.command("policy")
@click.option("--max-days", type=int, help="How long a key may last at most.")
@click.option("--never/--no-never", default=None, help="Whether a key may live without end.")
@click.option("--scope", "scopes", multiple=True, help="What keys may do; may be repeated.")
@click.option("--all-scopes", is_flag=True, help="Hold no scope back.")
def policy(
    max_days: int | None, never: bool | None, scopes: tuple[str, ...], all_scopes: bool
) -> None:
    """Show what new keys may be; with options, change that first."""
    from mentorai.core.key_policies import EVERY_SCOPE
    from mentorai.web.commands.opening import opened

    with opened() as engine:
        organization_id = engine.organizations.get().id
        found = engine.keys.policies.get(organization_id)
        if max_days is not None or never is not None or scopes or all_scopes:
            found = engine.keys.policies.put(
                organization_id,
                max_days=found.max_days if max_days is None else max_days,
                may_never_expire=found.may_never_expire if never is None else never,
                scopes=EVERY_SCOPE if all_scopes else scopes or found.scopes,
                author=AUTHOR,
            )
    click.echo(f"Days at most    {found.max_days}")
    click.echo(f"Without end     {'allowed' if found.may_never_expire else 'not allowed'}")
    click.echo(f"Scopes          {'all' if found.allows_all else ' '.join(found.scopes)}")


@command.command("pepper")
def pepper() -> None:
    """Put the keys that are kept without a pepper under the newest one.

    The keys themselves stay the same. Start every server with MENTORAI_KEY_PEPPERS first: one that
    runs without it refuses these keys from now on.
    """
    from mentorai.web.commands.opening import opened

    with opened() as engine:
        covered = engine.keys.pepper_rows.cover(AUTHOR)
    click.echo(f"API keys put under the newest pepper: {covered:,}.")


def _print_once(issued: "IssuedKey") -> None:
    click.echo(issued.text)
    expiry = _day(issued.key.expires_at)
    click.echo(f"Keep it now: it will not be shown again. Expires: {expiry}.", err=True)


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
