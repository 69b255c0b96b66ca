"""Folders for what is nobody else's business on this machine: people's data and secrets."""

from pathlib import Path

OWNER_ALONE = 0o700


def make_private(folder: Path) -> None:
    """Make a folder, and what is missing above it, for its owner alone.

    One that is there stays as it is: whoever made it said who may read it.
    """
    # mkdir(parents=True) gives its mode to the last one only.
    for each in (*reversed(folder.parents), folder):
        each.mkdir(exist_ok=True, mode=OWNER_ALONE)
