"""Commands that plugins add: entry points in the group `mentorai.commands`.

The name is the command's; `group.name` adds to a group of ours. Each is loaded when it is run.
"""

from importlib.metadata import EntryPoint, entry_points
from typing import Any

import click

ENTRY_POINTS = "mentorai.commands"


def find_commands(group: str = "") -> dict[str, EntryPoint]:
    """The commands that are added to a group of ours, or to `mentorai` itself."""
    parts = {entry.name.rpartition(".")[::2]: entry for entry in entry_points(group=ENTRY_POINTS)}
    return {name: entry for (where, name), entry in parts.items() if where == group}


class AddedCommands(click.Group):
    """A group of ours with the commands that plugins add to it."""

    def list_commands(self, context: click.Context) -> list[str]:
        return sorted({*super().list_commands(context), *find_commands(self.name or "")})

    def get_command(self, context: click.Context, name: str) -> click.Command | None:
        own = super().get_command(context, name)
        entry = find_commands(self.name or "").get(name)
        if own or entry is None:
            return own
        loaded: Any = entry.load()
        return loaded if isinstance(loaded, click.Command) else None
