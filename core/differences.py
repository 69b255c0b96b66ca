"""What changed between two texts, line by line."""

from difflib import unified_diff

CONTEXT_LINES = 3


def find_difference(older: str, newer: str) -> str:
    """The lines that left (-) and came (+), a few around them; empty if nothing changed."""
    lines = unified_diff(older.splitlines(), newer.splitlines(), n=CONTEXT_LINES, lineterm="")
    return "\n".join(list(lines)[2:])
