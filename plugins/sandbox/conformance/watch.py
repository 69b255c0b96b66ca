"""Watching a plugin at work: what it prints or logs, and which files it leaves."""

import io
import logging
import re
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stderr, redirect_stdout
from pathlib import Path

from mentorai.core.logs import TOKEN_PATTERN

PRIVATE_KEY = re.compile(r"-----BEGIN [A-Z ]*PRIVATE KEY-----|\"d\": ?\"[\w-]{40,}\"")
# Below the data directory, what the toolkit itself keeps.
OWN_FILES = re.compile(r"(mentorai|jobs)\.sqlite3(-\w+)?|secrets(/.*)?|certify\.log|mentorai\.toml")


class Overheard(io.StringIO):
    """What was printed and logged while it was listened to."""

    @contextmanager
    def listening(self) -> Iterator[None]:
        """Everything that this process prints or logs goes here, and nowhere else."""
        handler = logging.StreamHandler(self)
        root = logging.getLogger()
        level = root.level
        root.addHandler(handler)
        root.setLevel(logging.DEBUG)
        try:
            with redirect_stdout(self), redirect_stderr(self):
                yield
        finally:
            root.setLevel(level)
            root.removeHandler(handler)

    def find_secrets(self, known: set[str]) -> list[str]:
        """What was heard that no log may hold, shortened. known: texts that are secret or private.

        A token of the platform's is found by its form too, wherever it came from.
        """
        text = self.getvalue()
        found = [each for each in known if each and each in text]
        found += TOKEN_PATTERN.findall(text)
        found += ["a private key"] if PRIVATE_KEY.search(text) else []
        return sorted({f"{each[:12]}..." for each in found})


def list_files(folder: Path) -> frozenset[str]:
    """Every file below a folder, by its path from there."""
    return frozenset(
        path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()
    )


def find_strays(before: frozenset[str], folder: Path, name: str) -> list[str]:
    """New files that belong neither to the toolkit nor to the plugin `name`."""
    mine = f"plugins/{name}/"
    return sorted(
        each
        for each in list_files(folder) - before
        if not OWN_FILES.fullmatch(each) and not each.startswith(mine)
    )
