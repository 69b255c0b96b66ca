"""`mentorai registrations`: which LMSs may launch this tool."""

from typing import TYPE_CHECKING

import click

from mentorai.web.commands import registrations_by_lms
from mentorai.web.commands.registration_rules import (
    AUTHOR,
    POLICIES,
    deployments,
    opened_at,
    roles,
)
from mentorai.web.commands.registrations_notices import notices

if TYPE_CHECKING:
    from mentorai.lti.tool import Tool


@click.group("registrations")
def command() -> None:
    """The LMSs that may launch this tool."""


command.add_command(deployments)
command.add_command(roles)
command.add_command(notices)
for each in registrations_by_lms.COMMANDS:
    command.add_command(each)


@command.command("add")
@click.option("--issuer", required=True, help="The platform's issuer (`iss`).")
@click.option("--client-id", required=True, help="The client id the platform gave this tool.")
@click.option("--auth-url", required=True, help="Its OIDC authentication address.")
@click.option("--token-url", required=True, help="Its access token address.")
@click.option("--keyset-url", required=True, help="Its JWKS address.")
@click.option(
    "--deployment",
    "deployment_ids",
    multiple=True,
    help="A deployment id; may be repeated.",
)
@click.option(
    "--unknown-deployments",
    "policy",
    type=click.Choice(POLICIES),
    default="reject",
    show_default=True,
    help="What to do with others: refuse them, hold them until you decide, or let them in.",
)
@click.option(
    "--token-audience", default="", help="`aud` for the token address; else what the family wants."
)
@click.option(
    "--family",
    default="",
    help="What LMS it is (canvas, moodle, ...), for one that does not say so in its launches.",
)
@click.option("--name", default="", help="How people here call this LMS.")
@click.option(
    "--frame-origin",
    "frame_origins",
    multiple=True,
    help="An origin whose pages may frame the tool besides the issuer's; may be repeated.",
)
def add(
    issuer: str,
    client_id: str,
    auth_url: str,
    token_url: str,
    keyset_url: str,
    deployment_ids: tuple[str, ...],
    policy: str,
    token_audience: str,
    family: str,
    name: str,
    frame_origins: tuple[str, ...],
) -> None:
    """Register an LMS, and print what to enter there."""
    from mentorai.lti.tool import Tool
    from mentorai.web.commands.opening import opened

    with opened() as engine:
        tool = engine.room(Tool)
        usual = tool.find_profile(issuer, family).token_audience or ""
        made = tool.registrations.add(
            engine.organizations.get().id,
            issuer=issuer,
            client_id=client_id,
            auth_url=auth_url,
            token_url=token_url,
            keyset_url=keyset_url,
            deployment_ids=list(deployment_ids),
            deployment_policy=policy,
            token_audience=token_audience or usual,
            family=family.strip().lower(),
            name=name,
            frame_origins=frame_origins,
            author=AUTHOR,
        )
        if made.family and not engine.plugins.find_profile(made.family):
            click.echo(
                f"No plugin knows the family {made.family}: it is served as any LMS is.", err=True
            )
    click.echo(f"Registered as {made.id}. Enter in the LMS:")
    _print_addresses(tool, made.id)


@command.command("list")
def list_() -> None:
    """List the registered LMSs."""
    from mentorai.lti.tool import Tool
    from mentorai.web.commands.opening import opened, print_rows

    with opened() as engine:
        found = engine.room(Tool).registrations.list(engine.organizations.get().id)
    print_rows(
        ("ID", "NAME", "ISSUER", "CLIENT ID", "DEPLOYMENTS", "HELD", "STATUS"),
        [
            (
                r.id,
                r.name,
                r.issuer,
                r.client_id,
                " ".join(r.deployment_ids),
                len(r.held_ids) or "",
                r.status,
            )
            for r in found
        ],
        none="No LMS is registered yet; see `mentorai registrations add --help`.",
    )


@command.command("show")
@click.argument("registration_id")
def show(registration_id: str) -> None:
    """Print what is known of REGISTRATION_ID, and what to enter in the LMS."""
    with opened_at(registration_id) as (tool, place):
        found = tool.registrations.get(*place)
    for name, value in (
        ("Name", found.name),
        ("Status", found.status),
        ("Family", found.family or "as its launches say"),
        ("Issuer", found.issuer),
        ("Client id", found.client_id),
        ("Authentication URL", found.auth_url),
        ("Token URL", found.token_url),
        ("Key set URL", found.keyset_url),
        ("Token audience", found.token_audience or found.token_url),
        ("May frame the tool", " ".join(found.framers)),
        ("Deployments", " ".join(found.deployment_ids)),
        ("Held deployments", " ".join(found.held_ids)),
        ("Unknown deployments", found.deployment_policy),
        *((f"Role {name}", role) for name, role in found.role_overrides.items()),
    ):
        click.echo(f"{name:<21} {value}".rstrip())
    click.echo("Enter in the LMS:")
    _print_addresses(tool, found.id)


@command.command("disable")
@click.argument("registration_id")
def disable(registration_id: str) -> None:
    """Refuse launches of REGISTRATION_ID from now on."""
    with opened_at(registration_id) as (tool, place):
        tool.registrations.disable(*place, AUTHOR)
    click.echo(f"{registration_id} may not launch from now on.")


@command.command("enable")
@click.argument("registration_id")
def enable(registration_id: str) -> None:
    """Take launches of REGISTRATION_ID again."""
    with opened_at(registration_id) as (tool, place):
        tool.registrations.enable(*place, AUTHOR)
    click.echo(f"{registration_id} may launch from now on.")


@command.command("approve")
@click.argument("registration_id")
def approve(registration_id: str) -> None:
    """Take launches of REGISTRATION_ID, which registered itself and is pending."""
    with opened_at(registration_id) as (tool, place):
        tool.registrations.approve(*place, AUTHOR)
    click.echo(f"{registration_id} may launch from now on.")


def _print_addresses(tool: "Tool", registration_id: str) -> None:
    click.echo(f"  Login initiation URL  {tool.login_url}")
    click.echo(f"  Redirect URI          {tool.launch_url}")
    click.echo(f"  Target link URI       {tool.launch_url}")
    click.echo(f"  Public key set (JWKS) {tool.keyset_url}")
    click.echo("If several LMSs share this issuer and this one sends no client id, instead enter:")
    click.echo(f"  Login initiation URL  {tool.login_url_of(registration_id)}")
