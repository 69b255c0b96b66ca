"""A passage as a page shows it: its text, the quoted words marked, and what stands around it."""

import re
from typing import Any

from mentorai.core.engine import Engine
from mentorai.core.errors import NotFound
from mentorai.core.values import Citation, Passage, Session

NEIGHBOUR_CHARACTERS = 220
# Not all scripts have spaces between words: one that is far away ends no word.
_PART_AT_START, _PART_AT_END = re.compile(r"^\S{0,30}\s"), re.compile(r"\s\S{0,30}$")


def read_passage(
    engine: Engine, session: Session, passage_id: int, citation: Citation | None
) -> dict[str, Any]:
    """What embed/passage_part.html shows of a passage that `citation` quotes. Raises NotFound."""
    place = (session.organization_id, session.mentor_id, passage_id)
    try:
        passage = engine.datasets.get_passage(*place)
        around = engine.datasets.neighbours(*place)
    except NotFound:
        # New material replaced it; what was quoted is still the student's to see.
        if citation is None:
            raise
        return _show_remains(citation)
    quote = citation.quote if citation else ""
    if quote and quote not in passage.text and citation is not None:
        return _show_remains(citation)
    return _show_passage(passage, quote, around)


def _show_passage(
    passage: Passage, quote: str, around: tuple[Passage | None, Passage | None]
) -> dict[str, Any]:
    before, after = around
    return {
        "document_name": passage.document_name,
        "heading": passage.heading,
        "page": passage.page,
        "pieces": _mark(passage.text, quote),
        "before": _read_end(before.text) if before else "",
        "after": _read_beginning(after.text) if after else "",
        "is_gone": False,
    }


def _show_remains(citation: Citation) -> dict[str, Any]:
    return {
        "document_name": citation.document_name,
        "heading": citation.heading,
        "page": citation.page,
        "pieces": [(citation.quote, True)],
        "before": "",
        "after": "",
        "is_gone": True,
    }


def _read_beginning(text: str) -> str:
    """What a passage begins with: whole words, and an ellipsis where they are cut off."""
    if len(text) <= NEIGHBOUR_CHARACTERS:
        return text
    return _PART_AT_END.sub("", text[: NEIGHBOUR_CHARACTERS + 1]).rstrip() + " …"


def _read_end(text: str) -> str:
    if len(text) <= NEIGHBOUR_CHARACTERS:
        return text
    return "… " + _PART_AT_START.sub("", text[-NEIGHBOUR_CHARACTERS - 1 :]).lstrip()


def _mark(text: str, quote: str) -> list[tuple[str, bool]]:
    start = text.find(quote) if quote else -1
    if start < 0:
        return [(text, False)]
    end = start + len(quote)
    pieces = [(text[:start], False), (text[start:end], True), (text[end:], False)]
    return [piece for piece in pieces if piece[0]]
