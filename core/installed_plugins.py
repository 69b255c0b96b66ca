"""The plugins that are installed in this Python, found by their entry points."""

from collections.abc import Sequence
from dataclasses import dataclass

ENTRY_POINTS = "mentorai.plugins"


@dataclass(frozen=True, slots=True)
class InstalledPlugin:
    """One entry point of the group.

    origin: its distribution and version, or empty. plugin: None if it could not be imported, for
    the reason that is then there.
    """

    name: str
    origin: str
    plugin: object | None
    reason: str = ""


def find_installed_plugins() -> Sequence[InstalledPlugin]:
    """Every one, imported if possible: lti_launch first, so that it is asked last, then by name."""
    from importlib.metadata import entry_points

    found = []
    order = sorted(
        entry_points(group=ENTRY_POINTS), key=lambda each: (each.name != "lti_launch", each.name)
    )
    for entry in order:
        origin = f"{entry.dist.name} {entry.dist.version}" if entry.dist else ""
        try:
            found.append(InstalledPlugin(entry.name, origin, entry.load()))
        # A broken extra must not stop a class; what it raises may be no Exception at all.
        except (Exception, SystemExit) as error:
            words = " ".join(str(error).split())[:200]
            reason = f"{type(error).__name__}: {words}" if words else type(error).__name__
            found.append(InstalledPlugin(entry.name, origin, None, reason))
    return found
