"""`mentorai lyceum`."""

import click

from lyceum_lms.profile import PROFILE


@click.command("lyceum")
def lyceum() -> None:
    """Say where in Lyceum the tool is set up."""
    for what, screen in PROFILE.screens.items():
        click.echo(f"{what}: {screen}")
