"""Sections cut into passages: at most 150 words, whole sentences, a new one at every heading."""

import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from mentorai.core.sentences import find_sentences
from mentorai.core.values import Section
from mentorai.core.words import measure_words

PASSAGE_WORDS = 150
_GAP = "\n\n"


@dataclass(frozen=True, slots=True)
class Piece:
    """A passage before it is kept; start and end are offsets in the document's plain text."""

    heading: str
    start: int
    end: int
    text: str
    page: int | None


def join_text(sections: Iterable[Section]) -> str:
    """The document's plain text: the sections' texts, an empty line between them."""
    return _GAP.join(section.text for section in sections)


def cut_passages(sections: Sequence[Section]) -> Iterator[Piece]:
    """The passages of a document, in order, without overlap; offsets are those of join_text."""
    offset = 0
    for section in sections:
        for start, end in _cut(section.text):
            yield Piece(
                section.heading, offset + start, offset + end, section.text[start:end], section.page
            )
        offset += len(section.text) + len(_GAP)


def _cut(text: str) -> Iterator[tuple[int, int]]:
    """Spans of nearly equal length, so that no section ends in a scrap."""
    sentences = [(s, e, measure_words(text[s:e])) for s, e in find_sentences(text)]
    total = sum(words for _, _, words in sentences)
    aim = total / max(1, math.ceil(total / PASSAGE_WORDS))
    begin, last, held = 0, 0, 0.0
    for start, end, words in sentences:
        too_long = held + words > PASSAGE_WORDS
        nearer_without = held + words - aim > aim - held
        if held and (too_long or nearer_without):
            yield begin, last
            begin, held = start, 0.0
        if not held:
            begin = start
        held += words
        last = end
    if held:
        yield begin, last
