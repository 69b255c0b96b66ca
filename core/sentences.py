"""Sentences of a plain text, as spans; good enough to cut passages and to quote from."""

import re
from collections.abc import Iterator

LONGEST_WORDS = 60
# From the beginning of a run of stops only, and never back: a run of any length is read once.
_BREAK = re.compile(
    r"(?<![.!?…؟।])(?P<stop>[.!?…؟।]++[\"'”’»)\]]*+)(?=\s)"
    r"|(?P<full>[。！？｡]+[\"”’」』）]*)|(?P<line>\n\s*)"
)
_KNOWN_ABBREVIATIONS = """
dr mr mrs ms prof sr jr st fig figs eq vs e.g i.e cf no nos vol pp p ca approx ed eds al inc
z.b d.h bzw nr abs bspw u.a vgl s.a p.ej ej núm art dra av env
"""
_ABBREVIATIONS = frozenset(_KNOWN_ABBREVIATIONS.split())
_LAST_WORD = re.compile(r"[^\s(\[\"“‘«]*$")
_BULLET = re.compile(r"\s*(?:[-*•–]|\d{1,3}[.)])\s")
_WRAPPED_LINE = 60
_NEXT = re.compile(r"\s*(\S)")
_RUN = re.compile(r"\S+\s*")


def find_sentences(text: str) -> Iterator[tuple[int, int]]:
    """The spans (start, end) of the sentences of `text`, without the space around them.

    A line's end is a boundary if the line was short, the next is a list item or empty lines
    follow; a sentence of more than 60 words comes in pieces.
    """
    start = 0
    for found in _BREAK.finditer(text):
        if _is_boundary(text, start, found):
            yield from _trim(text, start, found.end())
            start = found.end()
    yield from _trim(text, start, len(text))


def _is_boundary(text: str, start: int, found: re.Match[str]) -> bool:
    if found.group("full"):
        return True
    if found.group("line"):
        if found.group("line").count("\n") > 1 or _BULLET.match(text, found.end()):
            return True
        return found.start() - text.rfind("\n", 0, found.start()) - 1 < _WRAPPED_LINE
    following = _NEXT.match(text, found.end())
    if following and following.group(1).islower():
        return False
    if not found.group("stop").startswith(".") or found.group("stop").startswith(".."):
        return True
    before = _LAST_WORD.search(text, max(start, found.start() - 12), found.start())
    word = before.group() if before else ""
    is_initial = len(word) == 1 and word.isupper()
    return not is_initial and word.lower() not in _ABBREVIATIONS


def _trim(text: str, start: int, end: int) -> Iterator[tuple[int, int]]:
    while start < end and text[start].isspace():
        start += 1
    while end > start and text[end - 1].isspace():
        end -= 1
    if start == end:
        return
    if end - start <= LONGEST_WORDS * 4:
        yield start, end
    else:
        yield from _divide(text, start, end)


def _divide(text: str, start: int, end: int) -> Iterator[tuple[int, int]]:
    """Pieces of at most 60 words; a run of letters without a space is cut after 600."""
    words, piece, last = 0, start, start
    for found in _RUN.finditer(text, start, end):
        words += 1 + (found.end() - found.start()) // 40
        if words > LONGEST_WORDS and last > piece:
            yield piece, last
            piece, words = found.start(), 1 + (found.end() - found.start()) // 40
        last = found.start() + len(found.group().rstrip())
        while last - piece > LONGEST_WORDS * 10:
            yield piece, piece + LONGEST_WORDS * 10
            piece += LONGEST_WORDS * 10
    if last > piece:
        yield piece, last
