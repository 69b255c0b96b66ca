"""Markdown: headings make the sections, everything else becomes its text."""

import re
from collections.abc import Iterable
from functools import cache

from markdown_it import MarkdownIt
from markdown_it.token import Token

from mentorai.core.ingest.html import read_html
from mentorai.core.ingest.outline import Outline
from mentorai.core.values import Section

_FRONT_MATTER = re.compile(r"\A---[ \t]*\n(?:[^\n]*\n){0,200}?(?:---|\.\.\.)[ \t]*(?:\n|\Z)")
_BREAK_TAG = re.compile(r"<br\b", re.IGNORECASE)


def read_markdown(text: str) -> list[Section]:
    """The sections of a CommonMark text with tables; a block of data at the top is left out."""
    outline = Outline()
    level = 0
    row: list[str] | None = None
    for token in _parser().parse(_FRONT_MATTER.sub("", text)):
        if token.type == "heading_open":
            level = int(token.tag[1:])
        elif token.type == "inline" and level:
            outline.add_heading(level, _read_inline(token.children or ()))
            level = 0
        elif token.type == "tr_open":
            row = []
        elif token.type == "inline" and row is not None:
            row.append(_read_inline(token.children or ()))
        elif token.type == "tr_close" and row is not None:
            outline.add_block(" | ".join(row))
            row = None
        else:
            _add_block(outline, token)
    return outline.read_sections()


def _add_block(outline: Outline, token: Token) -> None:
    if token.type == "inline":
        outline.add_block(_read_inline(token.children or ()))
    elif token.type in ("fence", "code_block"):
        outline.add_block(token.content)
    elif token.type == "html_block":
        for section in read_html(token.content):
            outline.add_block(section.text)


def _read_inline(children: Iterable[Token]) -> str:
    parts = []
    for child in children:
        if child.type in ("text", "code_inline", "image"):
            parts.append(child.content)
        elif child.type == "softbreak":
            parts.append(" ")
        elif child.type == "hardbreak" or (
            child.type == "html_inline" and _BREAK_TAG.match(child.content)
        ):
            parts.append("\n")
    return "".join(parts)


@cache
def _parser() -> MarkdownIt:
    return MarkdownIt("commonmark").enable("table")
