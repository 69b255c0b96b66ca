"""`mentorai plugins`: what is installed, what of it works, and why one does not.

A plugin may add commands to this group and to others: an entry point `plugins.test` in
`mentorai.commands` is `mentorai plugins test`.
"""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import click

from mentorai.web.commands.added import AddedCommands

if TYPE_CHECKING:
    from mentorai.core.installed_plugins import InstalledPlugin


@click.group("plugins", cls=AddedCommands, invoke_without_command=True)
@click.pass_context
def command(context: click.Context) -> None:
    """The plugins that are installed; without a command, their list."""
    if context.invoked_subcommand is None:
        context.invoke(list_)


@command.command("list")
def list_() -> None:
    """List the plugins with their distribution, the hooks they implement, and why one is left out.

    Exit code 1 when one stops the start.
    """
    from mentorai.core import logs
    from mentorai.core.installed_plugins import find_installed_plugins
    from mentorai.web.commands.opening import print_rows

    logs.configure("warning")
    installed = sorted(find_installed_plugins(), key=lambda each: each.name)
    rows = [(each.name, each.origin, _describe(each)) for each in installed]
    print_rows(("NAME", "FROM", "HOOKS"), rows, none="No plugin is installed.")
    _check_together(installed)


def _describe(found: "InstalledPlugin") -> str:
    """The hooks of a plugin, or why it is not there."""
    from mentorai.core.errors import MentorAIError
    from mentorai.core.plugin_manager import Plugins

    if found.plugin is None:
        return f"left out, cannot be imported: {found.reason}"
    alone = Plugins()
    try:
        alone.add(found.plugin, found.name)
        alone.check()
    except MentorAIError as error:
        return f"stops the start: {error.message} [{error.code}]"
    return ", ".join(alone.hooks_of(found.name)) or "none: is @hookimpl forgotten?"


def _check_together(installed: Sequence["InstalledPlugin"]) -> None:
    """Raise what would stop the start of the toolkit with these plugins."""
    from mentorai.core.plugin_manager import Plugins

    together = Plugins()
    for found in installed:
        if found.plugin is not None:
            together.add(found.plugin, found.name)
    together.check()
