"""`mentorai tool-keys`: the keys that this tool signs with, and their rotation."""

from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from mentorai.core.engine import Engine


@click.group("tool-keys")
def command() -> None:
    """The keys that this tool signs with."""


@command.command("list")
def list_() -> None:
    """List the published keys, and the LMSs that may not have the newest yet."""
    from mentorai.lti.tool import Tool
    from mentorai.web.commands.opening import opened, print_rows

    with opened() as engine:
        tool = engine.room(Tool)
        tool.tool_keys.read_keyset()
        rows = [
            (key.kid, key.status, f"{key.created_at:%Y-%m-%d %H:%M}", key.next_step)
            for key in tool.tool_keys.list()
        ]
        warnings = _list_warnings(engine)
    print_rows(("KEY", "STATUS", "PUBLISHED (UTC)", "THEN"), rows, none="")
    for warning in warnings:
        click.echo(f"note: {warning}", err=True)


@command.command("rotate")
@click.option("--now", "at_once", is_flag=True, help="Sign with a new key at once.")
def rotate(at_once: bool) -> None:
    """Take one step: publish the next key, or let the published one sign.

    A key signs a day after it was published; the worker does this by itself when the day is over.
    --now is for a key that leaked: LMSs that keep our key set and do not look again will refuse
    what we send until they do.
    """
    from mentorai.lti.tool import Tool
    from mentorai.lti.tool_keys import NEXT
    from mentorai.web.commands.opening import opened

    with opened() as engine:
        key = engine.room(Tool).tool_keys.rotate(at_once=at_once)
        warnings = _list_warnings(engine)
    if key.status == NEXT:
        click.echo(
            f"{key.kid} is published and may sign from {key.may_sign_at:%Y-%m-%d %H:%M} UTC."
        )
    else:
        click.echo(f"{key.kid} signs from now on; the key before it stays published for a day.")
        for warning in warnings:
            click.echo(f"note: {warning}", err=True)


@command.command("retire")
@click.argument("kid")
def retire(kid: str) -> None:
    """Take the key KID out of the key set now: a next one, or a retiring one that leaked."""
    from mentorai.lti.tool import Tool
    from mentorai.web.commands.opening import opened

    with opened() as engine:
        engine.room(Tool).tool_keys.retire(kid)
    click.echo(f"{kid} is not published any more.")


def _list_warnings(engine: "Engine") -> list[str]:
    from mentorai.lti.keyset_fetches import list_warnings
    from mentorai.lti.tool import Tool

    return list_warnings(engine.room(Tool), engine.organizations.get().id)
