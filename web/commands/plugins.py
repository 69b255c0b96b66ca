"""`mentorai plugins`: what is installed, and what of it works."""

import click


@click.group("plugins")
def command() -> None:
    """The plugins that are installed."""


@command.command("list")
def list_() -> None:
    """List the plugins with their distribution and the hooks they implement."""
    from importlib.metadata import entry_points

    from mentorai.core import logs
    from mentorai.core.plugin_manager import ENTRY_POINTS, Plugins
    from mentorai.web.commands.opening import print_rows

    logs.configure("warning")
    plugins = Plugins()
    plugins.discover()
    known = set(plugins.names())
    rows = []
    for entry in sorted(entry_points(group=ENTRY_POINTS), key=lambda entry: entry.name):
        origin = f"{entry.dist.name} {entry.dist.version}" if entry.dist else ""
        hooks = ", ".join(plugins.hooks_of(entry.name)) if entry.name in known else "cannot load"
        rows.append((entry.name, origin, hooks))
    print_rows(("NAME", "FROM", "HOOKS"), rows, none="No plugin is installed.")
    plugins.check()
