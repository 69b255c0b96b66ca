"""The sections of a document, gathered while it is read from top to bottom."""

import re

from mentorai.core.values import Section

SEPARATOR = " > "
LONGEST_HEADING = 200
_SPACE = re.compile(r"\s+")
# From the beginning of a run of spaces only, and never back: a run of any length is read once.
_GAP = re.compile(r"(?<![ \t])[ \t]*+\n(?:[ \t]*+\n)++")


class Outline:
    """Blocks of text under the headings that stand above them."""

    def __init__(self) -> None:
        self._path: list[tuple[int, str]] = []
        self._blocks: list[str] = []
        self._sections: list[Section] = []

    def add_heading(self, level: int, text: str) -> None:
        """Begin a section; headings of this level or deeper end. An empty heading is none."""
        title = _SPACE.sub(" ", text).strip()[:LONGEST_HEADING]
        if not title:
            return
        self._close()
        self._path = [step for step in self._path if step[0] < level]
        self._path.append((level, title))

    def add_block(self, text: str) -> None:
        """Add a paragraph, a list item, a table's row or lines of code."""
        if text.strip():
            self._blocks.append(text.strip("\n").rstrip())

    def read_sections(self) -> list[Section]:
        """Every section that holds text, in order."""
        self._close()
        return self._sections

    def _close(self) -> None:
        text = _GAP.sub("\n\n", "\n\n".join(self._blocks)).strip()
        if text:
            heading = SEPARATOR.join(title for _, title in self._path)
            self._sections.append(Section(heading, text))
        self._blocks = []
