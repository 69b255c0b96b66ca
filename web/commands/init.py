"""`mentorai init`: make what an installation needs, and a link to set up the admin."""

from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from mentorai.core.engine import Engine


@click.command("init")
@click.option(
    "--setup-link",
    is_flag=True,
    help="Make a new setup link even when an administrator exists (a lost password).",
)
def command(setup_link: bool) -> None:
    """Make the data directory, the database and the secrets.

    Running it again changes nothing. The link it prints makes one administrator, once, within
    24 hours.
    """
    from mentorai.web.commands.opening import opened

    with opened() as engine:
        settings = engine.settings
        settings.make_secrets()
        click.echo(f"Data directory: {settings.data_dir}")
        click.echo(f"Database: {engine.database.url.render_as_string(hide_password=True)}")
        if setup_link or not engine.admins.any():
            print_setup_link(engine)


def print_setup_link(engine: "Engine") -> None:
    """Issue a setup code and print the address to open with it."""
    code = engine.admins.issue_setup_code()
    click.echo("Set up the administration (once, within 24 hours):")
    click.echo(f"  {engine.settings.public_url}/admin/setup?code={code}")
