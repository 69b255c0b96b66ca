"""The answer of a mentor without a language model: sentences of the material, word for word.

A sentence is worth the share of the question's weight that it holds, a little for what only
its neighbours or its heading hold, a share of its passage's own score, and a little for
holding the kind of thing the question asks for (a number, a date, a name or place, a meaning);
it is worth less if it asks something itself.
Where the material comes from is not trusted: what is quoted is escaped, so that nothing in it
becomes markup when the reply is shown.
"""

import math
import re
from collections.abc import Generator, Sequence
from dataclasses import dataclass

from mentorai.core.sentences import find_sentences
from mentorai.core.values import (
    Citation,
    DoneEvent,
    Event,
    Passage,
    SourcesEvent,
    TokenEvent,
    TurnRequest,
)
from mentorai.core.words import detect_language, read_question, read_words, widen_question

MOST_QUOTES = 3
NEARBY_WEIGHT = 0.3
PASSAGE_WEIGHT = 0.35
KIND_WEIGHT = 0.12
TASK_WEIGHT = -0.8
# A second or third sentence must be worth at least this share of the best one.
WORTH_BESIDE_BEST = 0.5
TOKEN_WORDS = 4

NOTHING = "I found nothing about this in the course material. Try other words, or ask your teacher."
WEAK = "I found only a weak match in the course material. The closest section is {place}:"
LEAD = "This is what the course material says:"

_NUMBER_ASKED = re.compile(
    r"\bhow (?:many|much|old|long|far|tall|large|big|fast|often)\b|\bwhat (?:percent|number|year)"
    r"|cuánt|wie ?viel|combien|quant[oia]|كم|多少|几",
    re.IGNORECASE,
)
_DATE_ASKED = re.compile(
    r"\bwhen\b|\b(?:what|which) (?:year|date|century|decade)|cuándo|wann|quand|متى|什么时候|哪一年",
    re.IGNORECASE,
)
_NAME_ASKED = re.compile(
    r"\b(?:who|whom|whose|where)\b|quién|dónde|\bwer\b|\bwo\b|\bqui\b|où|من هو|أين|谁|哪里",
    re.IGNORECASE,
)
_MEANING_ASKED = re.compile(
    r"^\W*(?:what(?:’s|'s| is| are| does)|define|explain|qué (?:es|son)|was (?:ist|sind)"
    r"|qu['’]est-ce|qu’est|ما (?:هو|هي)|什么是)|\bmeans?\b|是什么",
    re.IGNORECASE,
)
_MEANING = re.compile(
    r"\b(?:is|are|was|were) (?:an?|the|called|known|defined|termed|one|any)\b|\brefers? to\b"
    r"|\bmeans?\b|\b(?:called|known as|defined as|in which)\b|\b(?:ist|sind|es|son|est|sont) "
    r"(?:ein|eine|der|die|das|un|una|el|la|le|les|une)\b|是",
    re.IGNORECASE,
)
# Exercises and headings in the form of tasks ask for an answer; they hold none.
_TASK = re.compile(
    r"[?؟？]\W*$|^\W*(?:explain|describe|compare|contrast|identify|list|discuss|define|summari[sz]e"
    r"|outline|name|give|state|differentiate|distinguish|predict|calculate|recall|why|what|how)\b",
    re.IGNORECASE,
)
_NUMBER = re.compile(r"\d|\b(?:one|two|three|four|five|six|seven|eight|nine|ten|hundred|half)\b")
_YEAR = re.compile(r"\b1\d{3}\b|\b20\d{2}\b|\bcentury\b|\d{1,2}月|\d年")
_NAME = re.compile(r"(?<=[^\s.?!])\s[A-ZÀ-ÖØ-Þ][\w'’-]+")

_SPACE = re.compile(r"\s+")
_SPECIAL = re.compile(r"([\\`*_{}\[\]<>&|~$^])")
_LINE_START = re.compile(r"^(?:([#+=:-])|(\d{1,9})([.)]))")
_PIECE = re.compile(rf"(?:\S+\s*){{1,{TOKEN_WORDS}}}|\s+")


@dataclass(frozen=True, slots=True)
class Quote:
    """A sentence worth showing; text is a verbatim substring of the passage's text."""

    passage: Passage
    text: str
    worth: float


@dataclass(frozen=True, slots=True)
class _Sentence:
    passage: Passage
    text: str
    words: frozenset[str]
    nearby: frozenset[str]


def quote(request: TurnRequest) -> Generator[Event, None, None]:
    """Answer with up to three sentences of the passages, each with its citation.

    A weak match says so and offers the closest section; no passages at all, nothing but that.
    """
    reply, citations = write_reply(request)
    for piece in _PIECE.findall(reply):
        yield TokenEvent(piece)
    yield SourcesEvent(citations)
    yield DoneEvent()


def write_reply(request: TurnRequest) -> tuple[str, tuple[Citation, ...]]:
    """The whole reply, Markdown, and what its numbered marks cite."""
    before = [exchange.message for exchange in request.earlier]
    quotes = find_quotes(request.message, request.passages, before)
    if not quotes:
        return NOTHING, ()
    lead = LEAD
    if request.weak_match:
        quotes = quotes[:1]
        lead = WEAK.format(place=_name_place(quotes[0].passage))
    citations = tuple(_cite(n, found) for n, found in enumerate(quotes, start=1))
    blocks = [lead, *(f"> {escape_markdown(c.quote)} [{c.n}]" for c in citations)]
    return "\n\n".join(blocks), citations


def find_quotes(
    message: str, passages: Sequence[Passage], earlier: Sequence[str] = ()
) -> list[Quote]:
    """The sentences that answer best, at most three, best first.

    earlier: messages before this one, which a follow-up leans on.
    """
    if not passages:
        return []
    language = detect_language(" ".join(passage.text for passage in passages))
    question = widen_question(message, earlier, language)
    wanted = read_question(question, language)
    sentences = [s for passage in passages for s in _read_sentences(passage, language)]
    weights = _weigh(wanted, sentences)
    whole = sum(weights.values()) or 1.0
    best = max(passage.score for passage in passages) or 1.0
    kinds = _asked_kinds(question)
    quotes = []
    for sentence in sentences:
        held = sum(weights[word] for word in weights if word in sentence.words)
        near = sum(weights[word] for word in weights if word in sentence.nearby - sentence.words)
        worth = (held + NEARBY_WEIGHT * near) / whole
        worth += PASSAGE_WEIGHT * sentence.passage.score / best
        worth += KIND_WEIGHT * any(kind.search(sentence.text) for kind in kinds)
        worth += TASK_WEIGHT * bool(_TASK.search(sentence.text))
        quotes.append(Quote(sentence.passage, sentence.text, worth))
    return _choose(quotes)


def escape_markdown(text: str) -> str:
    """`text` as one line of Markdown that shows it letter by letter, whatever it holds."""
    line = _SPECIAL.sub(r"\\\1", _SPACE.sub(" ", text).strip())
    return _LINE_START.sub(lambda m: f"{m[2] or ''}\\{m[1] or m[3]}", line)


def _read_sentences(passage: Passage, language: str) -> list[_Sentence]:
    texts = [passage.text[start:end] for start, end in find_sentences(passage.text)]
    words = [frozenset(read_words(text, language)) for text in texts]
    heading = frozenset(read_words(passage.heading, language))
    return [
        _Sentence(passage, text, words[i], heading.union(*words[max(0, i - 1) : i + 2]))
        for i, text in enumerate(texts)
    ]


def _weigh(wanted: Sequence[str], sentences: Sequence[_Sentence]) -> dict[str, float]:
    """The question's words with their idf among these sentences."""
    weights = {}
    for word in wanted:
        held = sum(word in sentence.words for sentence in sentences)
        weights[word] = math.log(1 + (len(sentences) - held + 0.5) / (held + 0.5))
    return weights


def _asked_kinds(question: str) -> list[re.Pattern[str]]:
    asked = (
        (_NUMBER_ASKED, _NUMBER),
        (_DATE_ASKED, _YEAR),
        (_NAME_ASKED, _NAME),
        (_MEANING_ASKED, _MEANING),
    )
    return [kind for sign, kind in asked if sign.search(question)]


def _choose(quotes: Sequence[Quote]) -> list[Quote]:
    chosen: list[Quote] = []
    for found in sorted(quotes, key=lambda one: -one.worth):
        if chosen and found.worth < WORTH_BESIDE_BEST * chosen[0].worth:
            break
        if all(found.text != other.text for other in chosen):
            chosen.append(found)
        if len(chosen) == MOST_QUOTES:
            break
    return chosen


def _cite(n: int, found: Quote) -> Citation:
    passage = found.passage
    return Citation(
        n=n,
        passage_id=passage.id,
        document_id=passage.document_id,
        document_name=passage.document_name,
        heading=passage.heading,
        quote=found.text,
        page=passage.page,
    )


def _name_place(passage: Passage) -> str:
    name = escape_markdown(passage.document_name)
    return f"“{escape_markdown(passage.heading)}” in {name}" if passage.heading else name
