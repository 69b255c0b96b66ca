"""`mentorai registrations deployments` and `roles`: what one LMS may do."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from mentorai.lti.tool import Tool

AUTHOR = "command line"
POLICIES = ("reject", "hold", "accept")
ROLES = ("administrator", "instructor", "assistant", "learner", "other")


@contextmanager
def opened_at(registration_id: str) -> "Iterator[tuple[Tool, tuple[str, str]]]":
    """The tool, and which registration of which organization is meant."""
    from mentorai.lti.tool import Tool
    from mentorai.web.commands.opening import opened

    with opened() as engine:
        yield engine.room(Tool), (engine.organizations.get().id, registration_id)


@click.group("deployments")
def deployments() -> None:
    """The deployments of an LMS, and which of them may launch."""


@deployments.command("list")
@click.argument("registration_id")
def list_deployments(registration_id: str) -> None:
    """List the deployments of REGISTRATION_ID; those that are held wait for you."""
    from mentorai.web.commands.opening import print_rows

    with opened_at(registration_id) as (tool, place):
        found = tool.deployments.list(*place)
        policy = tool.registrations.get(*place).deployment_policy
    print_rows(
        ("DEPLOYMENT", "STATE", "SINCE", "FIRST SEEN IN"),
        [(d.deployment_id, d.state, f"{d.created_at:%Y-%m-%d}", d.seen_in) for d in found],
        none="There is no deployment yet.",
    )
    click.echo(f"Unknown ones: {policy}.")


@deployments.command("add")
@click.argument("registration_id")
@click.argument("deployment_id")
def add_deployment(registration_id: str, deployment_id: str) -> None:
    """Let DEPLOYMENT_ID of REGISTRATION_ID launch, before it ever did."""
    with opened_at(registration_id) as (tool, place):
        tool.registrations.add_deployment(*place, deployment_id, AUTHOR)
    click.echo(f"{deployment_id} may launch from now on.")


@deployments.command("approve")
@click.argument("registration_id")
@click.argument("deployment_id")
def approve_deployment(registration_id: str, deployment_id: str) -> None:
    """Let DEPLOYMENT_ID of REGISTRATION_ID launch, which was held or refused."""
    with opened_at(registration_id) as (tool, place):
        tool.deployments.approve(*place, deployment_id, AUTHOR)
    click.echo(f"{deployment_id} may launch from now on.")


@deployments.command("refuse")
@click.argument("registration_id")
@click.argument("deployment_id")
def refuse_deployment(registration_id: str, deployment_id: str) -> None:
    """Refuse launches of DEPLOYMENT_ID of REGISTRATION_ID from now on."""
    with opened_at(registration_id) as (tool, place):
        tool.deployments.refuse(*place, deployment_id, AUTHOR)
    click.echo(f"{deployment_id} may not launch from now on.")


@deployments.command("policy")
@click.argument("registration_id")
@click.argument("policy", type=click.Choice(POLICIES))
def put_policy(registration_id: str, policy: str) -> None:
    """Say what happens when REGISTRATION_ID launches from a deployment that is not known.

    reject: refuse it. hold: refuse it, and list the deployment until you decide. accept: let it in.
    """
    with opened_at(registration_id) as (tool, place):
        tool.registrations.put_policy(*place, policy, AUTHOR)
    click.echo(f"Unknown ones: {policy}.")


@click.group("roles")
def roles() -> None:
    """What the roles of an LMS make of a person here, where that is not the usual."""


@roles.command("list")
@click.argument("registration_id")
def list_roles(registration_id: str) -> None:
    """List the roles of REGISTRATION_ID of which something is said."""
    from mentorai.web.commands.opening import print_rows

    with opened_at(registration_id) as (tool, place):
        found = tool.registrations.get(*place).role_overrides
    print_rows(("ROLE IN THE LMS", "IS HERE"), list(found.items()), none="Every role is as usual.")


@roles.command("put")
@click.argument("registration_id")
@click.argument("name")
@click.argument("role", type=click.Choice(ROLES))
@click.option(
    "--beyond-course",
    is_flag=True,
    help="NAME is a role in the institution, and whoever holds it shall be staff in every course "
    "that gives them no role.",
)
def put_role(registration_id: str, name: str, role: str, beyond_course: bool) -> None:
    """Say that the role NAME of REGISTRATION_ID is ROLE here."""
    with opened_at(registration_id) as (tool, place):
        tool.registrations.put_override(
            *place, name, role, beyond_course=beyond_course, author=AUTHOR
        )
    click.echo(f"{name} is {role} here from now on.")


@roles.command("drop")
@click.argument("registration_id")
@click.argument("name")
def drop_role(registration_id: str, name: str) -> None:
    """Read the role NAME of REGISTRATION_ID as usual again."""
    with opened_at(registration_id) as (tool, place):
        tool.registrations.drop_override(*place, name, AUTHOR)
    click.echo(f"{name} is as usual from now on.")
