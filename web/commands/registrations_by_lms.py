"""`mentorai registrations invite`, `invitations`, `withdraw`, `update`, `document`: an LMS that
registers itself, and what is pasted into one that cannot.
"""

import json

import click

AUTHOR = "command line"


@click.command("invite")
@click.option("--host", default="", help="The only LMS it is for, by its host name.")
@click.option("--hours", type=click.IntRange(1, 720), help="How long the link is good.")
def invite(host: str, hours: int | None) -> None:
    """Make a link with which an LMS can register itself, once.

    The LMS's administrator pastes it where the LMS offers dynamic registration.
    """
    from mentorai.lti.tool import Tool
    from mentorai.web.commands.opening import opened

    with opened() as engine:
        tool = engine.room(Tool)
        invitation, token = tool.invitations.issue(
            engine.organizations.get().id,
            author=AUTHOR,
            hours=hours or engine.settings.invitation_hours,
            expected_host=host,
        )
        click.echo(tool.invitation_url_of(token))
    until = f"{invitation.expires_at:%Y-%m-%d %H:%M} UTC"
    whose = f" by {invitation.expected_host}" if invitation.expected_host else ""
    click.echo(f"Works once{whose}, until {until}. It is not shown again.", err=True)


@click.command("invitations")
def list_invitations() -> None:
    """List the links that can still be used."""
    from mentorai.lti.tool import Tool
    from mentorai.web.commands.opening import opened, print_rows

    with opened() as engine:
        found = engine.room(Tool).invitations.list(engine.organizations.get().id)
    print_rows(
        ("ID", "FOR", "UNTIL (UTC)", "MADE BY"),
        [
            (
                each.id,
                each.expected_host or "any LMS",
                f"{each.expires_at:%Y-%m-%d %H:%M}",
                each.author,
            )
            for each in found
        ],
        none="No invitation is open.",
    )


@click.command("withdraw")
@click.argument("invitation_id")
def withdraw(invitation_id: str) -> None:
    """End INVITATION_ID before its time."""
    from mentorai.lti.tool import Tool
    from mentorai.web.commands.opening import opened

    with opened() as engine:
        organization_id = engine.organizations.get().id
        engine.room(Tool).invitations.withdraw(organization_id, invitation_id, author=AUTHOR)
    click.echo(f"{invitation_id} is of no use from now on.")


@click.command("update")
@click.argument("registration_id")
def update(registration_id: str) -> None:
    """Bring our registration in the LMS of REGISTRATION_ID up to date.

    After a change of MENTORAI_PUBLIC_URL, or an upgrade that brought new messages or scopes.
    """
    from mentorai.lti.dynamic_registration import DynamicRegistration
    from mentorai.lti.tool import Tool
    from mentorai.web.commands.opening import opened

    with opened() as engine:
        registrations = engine.room(Tool).registrations
        found = registrations.get(engine.organizations.get().id, registration_id)
        engine.room(DynamicRegistration).update(found)
    click.echo(f"{found.name} has our present addresses, messages and scopes.")


@click.command("document")
@click.argument("family", required=False)
def document(family: str | None) -> None:
    """Print what an administrator of FAMILY pastes to register this tool by hand.

    Without FAMILY: the families that there are.
    """
    from mentorai.core.errors import NotFound
    from mentorai.lti.registration_documents import find_document, list_documents
    from mentorai.web.commands.opening import opened, print_rows

    with opened() as engine:
        known = list_documents(engine)
        found = find_document(engine, family) if family else None
    if family is None:
        rows = [(each.family, each.title) for each in known]
        print_rows(("FAMILY", "LMS"), rows, none="No plugin has a document.")
    elif found is None:
        names = ", ".join(each.family for each in known) or "none"
        raise NotFound(f"There is no document for {family}. There are: {names}.")
    elif found.is_form:
        width = max(len(name) for name in found.content)
        for name, value in found.content.items():
            indented = value.replace("\n", "\n" + " " * (width + 2))
            click.echo(f"{name.ljust(width)}  {indented}")
    else:
        click.echo(json.dumps(dict(found.content), indent=2, ensure_ascii=False))


COMMANDS = (invite, list_invitations, withdraw, update, document)
