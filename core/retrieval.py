"""Search in one mentor's passages.

The index finds candidates by their prepared words; scoring.py orders them the same way on both
databases. A question never reaches a database's query language: its prepared words do, each
one quoted. What the index finds is checked against the passage's own row again.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from sqlalchemy import BindParameter, Connection, bindparam, func, select

from mentorai.core.database import Database
from mentorai.core.dataset_rows import as_passage, datasets, passages, select_passages
from mentorai.core.identifiers import is_id
from mentorai.core.index import check_fts5, find_entries, read_counts
from mentorai.core.prepared import Prepared, read_rows
from mentorai.core.scoring import Candidate, Query, score, weigh
from mentorai.core.values import Passage
from mentorai.core.words import DEFAULT_LANGUAGE, read_question, widen_question

__all__ = ["WEAK_BELOW", "Retrieval", "check_fts5"]

# Of a textbook's own questions 4 % are covered less than this, of foreign ones 77 %
# (tests/bench/retrieval.py): reason to say so, never to refuse.
WEAK_BELOW = 0.42
QUESTION_WORDS = 32
QUESTION_CHARACTERS = 8_000
CONSIDERED_WORDS = 200
LANGUAGES = 4
MOST_PASSAGES = 50


# Made once: for a statement that runs with every question, making it costs more than running it.
_HELD = func.sum(datasets.c.passages)
_MATERIAL = Prepared(
    select(datasets.c.language, _HELD.label("passages"), func.sum(datasets.c.words).label("words"))
    .where(datasets.c.mentor_id == bindparam("mentor"), datasets.c.passages > 0)
    .group_by(datasets.c.language)
    .order_by(_HELD.desc(), datasets.c.language)
)
_IDS: BindParameter[Any] = bindparam("ids", expanding=True)
_DOCUMENTS: BindParameter[Any] = bindparam("documents", expanding=True)
_OF_MENTOR = select_passages().where(
    datasets.c.mentor_id == bindparam("mentor"), passages.c.id.in_(_IDS)
)
_ROWS = Prepared(_OF_MENTOR)
_ROWS_WITHIN = Prepared(_OF_MENTOR.where(datasets.c.id.in_(_DOCUMENTS)))


@dataclass(frozen=True, slots=True)
class _Material:
    """What a mentor has to search in. languages: the most used first."""

    languages: tuple[str, ...]
    passages: int
    average_words: float


class Retrieval:
    """Search in the passages of one mentor."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def search(
        self,
        mentor_id: str,
        question: str,
        limit: int = 5,
        *,
        document_ids: Sequence[str] = (),
    ) -> list[Passage]:
        """The passages that may answer `question`, best first; any text is a question.

        limit: 1 to 50. document_ids: look in these documents alone, if there are any.
        Passage.matched is the share of the question's weight that the passage covers.
        """
        limit = min(max(limit, 1), MOST_PASSAGES)
        wanted = [document_id for document_id in document_ids if is_id(document_id)]
        if not is_id(mentor_id) or (document_ids and not wanted):
            return []
        with self._database.read() as connection:
            material = _read_material(connection, mentor_id)
            queries, known = _read_queries(connection, mentor_id, question, material)
            if not known:
                return []
            entries = find_entries(connection, mentor_id, known, wanted, limit)
            rows = _read_rows(
                connection, mentor_id, [entry.passage_id for entry in entries], wanted
            )
        fallback = queries[material.languages[0]]
        candidates = [
            Candidate(
                entry.passage_id, entry.title, entry.body, queries.get(row.language, fallback)
            )
            for entry in entries
            if (row := rows.get(entry.passage_id))
        ]
        return [
            replace(as_passage(rows[one.passage_id]), score=one.score, matched=one.matched)
            for one in score(candidates, material.average_words)[:limit]
        ]

    def widen(self, mentor_id: str, message: str, earlier: Sequence[str]) -> str:
        """What to search for, in the language that most of the mentor's material is in:
        words.widen_question.
        """
        with self._database.read() as connection:
            material = _read_material(connection, mentor_id)
        language = material.languages[0] if material.languages else DEFAULT_LANGUAGE
        return widen_question(message, earlier, language)


def _read_material(connection: Connection, mentor_id: str) -> _Material:
    rows = read_rows(connection, _MATERIAL, {"mentor": mentor_id})
    total = sum(int(row.passages) for row in rows)
    return _Material(
        languages=tuple(row.language for row in rows[:LANGUAGES]),
        passages=total,
        average_words=sum(int(row.words) for row in rows) / max(1, total),
    )


def _read_queries(
    connection: Connection, mentor_id: str, question: str, material: _Material
) -> tuple[dict[str, Query], list[str]]:
    """The question as each language of the material reads it, and all its words that are held.

    A passage is scored by the question in the passage's own language, so nobody has to say
    in which language a question is asked.
    """
    read = {
        language: read_question(question[:QUESTION_CHARACTERS], language)[:CONSIDERED_WORDS]
        for language in material.languages
    }
    asked = {word for words in read.values() for word in words}
    held = read_counts(connection, mentor_id, asked) if asked else {}
    weights = {word: weigh(held.get(word, 0), material.passages) for word in asked}
    queries = {}
    for language, words in read.items():
        kept = _keep_rarest(words, held, weights)
        queries[language] = Query(tuple(kept), {word: weights[word] for word in kept})
    known = {word for query in queries.values() for word in query.words} & held.keys()
    return queries, sorted(known)


def _keep_rarest(
    words: Sequence[str], held: Mapping[str, int], weights: Mapping[str, float]
) -> Sequence[str]:
    """All the words, or of a long text the 32 rarest that the material holds, in order."""
    if len(words) <= QUESTION_WORDS:
        return words
    rarest = sorted(words, key=lambda word: (word not in held, -weights[word]))[:QUESTION_WORDS]
    return [word for word in words if word in set(rarest)]


def _read_rows(
    connection: Connection, mentor_id: str, ids: Sequence[int], document_ids: Sequence[str]
) -> dict[int, Any]:
    facts = {"mentor": mentor_id, "ids": ids, "documents": document_ids}
    query = _ROWS_WITHIN if document_ids else _ROWS
    return {row.id: row for row in read_rows(connection, query, facts)}
