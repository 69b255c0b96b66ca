"""How well a passage fits a question: one lexical score for both databases.

score = BM25 / the best BM25 + coverage + 0.5 x neighbouring words + 0.5 x the densest window,
where coverage is the share of the question's weight (idf) that the passage holds anywhere,
neighbouring words are pairs of the question that also stand together in the passage,
and a window is 25 words of it.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

K1 = 1.2
B = 0.75
WINDOW_WORDS = 25
PAIR_WORDS = 3
IMAGINED_PASSAGES = 50
PAIR_WEIGHT = 0.5
WINDOW_WEIGHT = 0.5


@dataclass(frozen=True, slots=True)
class Query:
    """A question's prepared words, in order, each with its weight (idf in this mentor)."""

    words: tuple[str, ...]
    weights: Mapping[str, float]

    @property
    def weight(self) -> float:
        """The weight of all its words together."""
        return sum(self.weights[word] for word in self.words)


@dataclass(frozen=True, slots=True)
class Candidate:
    """A passage to be scored: the prepared words of its heading path and of its text."""

    passage_id: int
    title: Sequence[str]
    body: Sequence[str]
    query: Query


@dataclass(frozen=True, slots=True)
class Scored:
    """What a candidate earned. matched: coverage, 0..1."""

    passage_id: int
    score: float
    matched: float


def weigh(passages_with: int, passages: int) -> float:
    """The idf of a word that `passages_with` of a mentor's `passages` hold.

    As if there were 50 passages more without it: in a course of three passages a word that
    is in two of them still says something.
    """
    without = passages + IMAGINED_PASSAGES - passages_with
    return math.log(1 + (without + 0.5) / (passages_with + 0.5))


def score(candidates: Sequence[Candidate], average_words: float) -> list[Scored]:
    """Every candidate with its score, best first; equal scores keep the order of passages."""
    facts = [_read(candidate, average_words) for candidate in candidates]
    best = max((bm25 for _, bm25, _, _ in facts), default=0.0) or 1.0
    scored = [
        Scored(candidate.passage_id, bm25 / best + matched + bonus, matched)
        for candidate, bm25, matched, bonus in facts
    ]
    return sorted(scored, key=lambda one: (-one.score, one.passage_id))


def _read(candidate: Candidate, average_words: float) -> tuple[Candidate, float, float, float]:
    query = candidate.query
    wanted = query.weights
    title, body = candidate.title, candidate.body
    places = [(at, word) for at, word in enumerate(body) if word in wanted]
    counts: dict[str, int] = {}
    for word in [word for _, word in places] + [word for word in title if word in wanted]:
        counts[word] = counts.get(word, 0) + 1
    length = (len(title) + len(body)) / (average_words or 1)
    norm = K1 * (1 - B + B * length)
    bm25 = sum(wanted[word] * n * (K1 + 1) / (n + norm) for word, n in counts.items())
    whole = query.weight or 1.0
    matched = min(1.0, sum(wanted[word] for word in counts) / whole)
    bonus = PAIR_WEIGHT * _share_of_pairs(query, places)
    bonus += WINDOW_WEIGHT * _densest_window(wanted, places) / whole
    return candidate, bm25, matched, bonus


def _share_of_pairs(query: Query, places: Sequence[tuple[int, str]]) -> float:
    pairs = set(zip(query.words, query.words[1:], strict=False))
    if not pairs:
        return 0.0
    found = set()
    for i, (at, word) in enumerate(places):
        for later, following in places[i + 1 : i + 1 + PAIR_WORDS]:
            if later - at <= PAIR_WORDS and (word, following) in pairs:
                found.add((word, following))
    return len(found) / len(pairs)


def _densest_window(weights: Mapping[str, float], places: Sequence[tuple[int, str]]) -> float:
    """The most weight of different words that any window of 25 words holds."""
    best = held = 0.0
    inside: dict[str, int] = {}
    first = 0
    for at, word in places:
        inside[word] = inside.get(word, 0) + 1
        if inside[word] == 1:
            held += weights[word]
        while at - places[first][0] >= WINDOW_WORDS:
            leaving = places[first][1]
            inside[leaving] -= 1
            if not inside[leaving]:
                held -= weights[leaving]
            first += 1
        best = max(best, held)
    return best
