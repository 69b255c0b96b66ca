"""How often search finds the right place, and how long it takes, on real texts.

    python tests/bench/retrieval.py [microbiology|xquad|quotes|weak ...] [postgresql+psycopg://...]

On SQLite unless an empty PostgreSQL database is named. Reads ../shared/data beside the project:
a textbook with its review questions, and XQuAD. Everything goes through the public doors:
Datasets.add and Retrieval.search.
"""

import io
import json
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from mentorai.core.engine import Engine
from mentorai.core.identifiers import new_id
from mentorai.core.mentors import Mentor
from mentorai.core.quoting import quote
from mentorai.core.retrieval import WEAK_BELOW
from mentorai.core.settings import Settings
from mentorai.core.values import Passage, SourcesEvent, TurnRequest

DATA = Path(__file__).parents[3] / "shared" / "data"
LANGUAGES = ("en", "es", "de", "ar", "zh")


class Took(NamedTuple):
    """Milliseconds on the clock, and of the thread's own CPU time (steady on a busy machine)."""

    wall: float
    cpu: float


def main(chosen: Sequence[str]) -> None:
    if not DATA.is_dir():
        print(f"skipped: {DATA} is not there")
        return
    parts = {
        "microbiology": measure_microbiology,
        "xquad": measure_xquad,
        "quotes": measure_quotes,
        "weak": measure_weak,
    }
    url = next((word for word in chosen if "://" in word), "")
    for name in [word for word in chosen if word in parts] or parts:
        with tempfile.TemporaryDirectory() as folder:
            settings = Settings(data_dir=Path(folder), database_url=url, log_level="error")
            engine = Engine.open(settings, plugins=[])
            parts[name](engine)
            engine.close()


def measure_microbiology(engine: Engine) -> None:
    mentor, seconds = add_book(engine)
    again = time.perf_counter()
    add_book_to(engine, mentor)
    again = time.perf_counter() - again
    listed = engine.datasets.list(mentor.organization_id, mentor.id)
    print(
        f"microbiology: {len(listed)} documents, {sum(d.passages for d in listed)} passages, "
        f"{seconds:.1f} s; again {again:.2f} s"
    )
    ranks, times = [], []
    for question in read_questions():
        place = f"{question['chapter']} > {question['section']}"
        found, elapsed = search(engine, mentor, question["q"], 10)
        times.append(elapsed)
        ranks.append(
            rank(found, lambda p, place=place: f"{p.heading} > ".startswith(f"{place} > "))
        )
    report("microbiology section", ranks, times)


def measure_xquad(engine: Engine) -> None:
    for language in LANGUAGES:
        mentor, questions = add_xquad(engine, language)
        ranks, times = [], []
        for question, name, _ in questions:
            found, elapsed = search(engine, mentor, question, 10)
            times.append(elapsed)
            ranks.append(rank(found, lambda p, name=name: p.document_name == name))
        report(f"xquad-{language} passage", ranks, times)


def measure_quotes(engine: Engine) -> None:
    """How often the three quoted sentences hold the gold answer, letter case aside."""
    for language in LANGUAGES:
        mentor, questions = add_xquad(engine, language)
        held, words, times = 0, [], []
        for question, _, answers in questions:
            passages, _ = search(engine, mentor, question, 5)
            request = TurnRequest("", mentor.id, "", "", question, tuple(passages))
            begin = time.perf_counter()
            events = list(quote(request))
            times.append((time.perf_counter() - begin) * 1000)
            quotes = [c.quote for e in events if isinstance(e, SourcesEvent) for c in e.citations]
            shown = " ".join(quotes).casefold()
            words.append(len(shown.split()))
            held += any(answer.casefold() in shown for answer in answers)
        print(
            f"quotes-{language}: gold held {held / len(questions):.1%} of {len(questions)}, "
            f"{statistics.mean(words):.0f} words; {spread(times)}"
        )


def measure_weak(engine: Engine) -> None:
    """How the best passage's coverage parts the book's own questions from foreign ones."""
    mentor, _ = add_book(engine)
    foreign = [q for article in read_xquad("en") for p in article["paragraphs"] for q in p["qas"]]
    own_matched = [best_matched(engine, mentor, q["q"]) for q in read_questions()]
    foreign_matched = [best_matched(engine, mentor, q["question"]) for q in foreign]
    for cut in sorted({0.25, 0.3, 0.35, 0.4, 0.45, 0.5, 0.55, 0.6, WEAK_BELOW}):
        own = sum(m < cut for m in own_matched) / len(own_matched)
        others = sum(m < cut for m in foreign_matched) / len(foreign_matched)
        mark = " <- WEAK_BELOW" if cut == WEAK_BELOW else ""
        print(f"weak below {cut:.2f}: {own:.1%} of own, {others:.1%} of foreign{mark}")


def add_book(engine: Engine) -> tuple[Mentor, float]:
    mentor = engine.mentors.add(
        engine.organizations.get().id, "Microbiology", slug=f"bench-{new_id()}"
    )
    begin = time.perf_counter()
    add_book_to(engine, mentor)
    return mentor, time.perf_counter() - begin


def add_book_to(engine: Engine, mentor: Mentor) -> None:
    for path in sorted((DATA / "microbiology").glob("*.md")):
        with path.open("rb") as stream:
            engine.datasets.add(mentor.organization_id, mentor.id, path.name, "", stream)


def add_xquad(engine: Engine, language: str) -> tuple[Mentor, list[tuple[str, str, list[str]]]]:
    """A mentor with one document a paragraph; questions with their document and answers."""
    mentor = engine.mentors.add(
        engine.organizations.get().id, f"XQuAD {language}", slug=f"bench-{new_id()}"
    )
    questions = []
    for a, article in enumerate(read_xquad(language)):
        for p, paragraph in enumerate(article["paragraphs"]):
            name = f"{a}-{p}.txt"
            stream = io.BytesIO(paragraph["context"].encode())
            engine.datasets.add(mentor.organization_id, mentor.id, name, "text/plain", stream)
            for qa in paragraph["qas"]:
                answers = [answer["text"] for answer in qa["answers"]]
                questions.append((qa["question"], name, answers))
    return mentor, questions


def read_questions() -> Iterator[dict[str, Any]]:
    with (DATA / "microbiology" / "review-questions.jsonl").open(encoding="utf-8") as lines:
        for line in lines:
            yield json.loads(line)


def read_xquad(language: str) -> list[dict[str, Any]]:
    articles: list[dict[str, Any]] = json.loads(
        (DATA / "xquad" / f"xquad.{language}.json").read_text("utf-8")
    )["data"]
    return articles


def search(engine: Engine, mentor: Mentor, question: str, limit: int) -> tuple[list[Passage], Took]:
    """What is found, and the milliseconds it took, on the clock and of this thread's CPU."""
    begin, begin_cpu = time.perf_counter(), time.thread_time()
    found = engine.retrieval.search(mentor.id, question, limit)
    cpu = (time.thread_time() - begin_cpu) * 1000
    return found, Took((time.perf_counter() - begin) * 1000, cpu)


def best_matched(engine: Engine, mentor: Mentor, question: str) -> float:
    found, _ = search(engine, mentor, question, 1)
    return found[0].matched if found else 0.0


def rank(found: Sequence[Passage], is_right: Callable[[Passage], bool]) -> int:
    """1 for the first; 1000 when the right one is not among them."""
    return next((n for n, passage in enumerate(found, start=1) if is_right(passage)), 1000)


def report(name: str, ranks: Sequence[int], times: Sequence[Took]) -> None:
    shares = [sum(r <= k for r in ranks) / len(ranks) for k in (1, 5, 10)]
    at = " / ".join(f"{share:.1%}" for share in shares)
    print(
        f"{name} @1/@5/@10: {at} of {len(ranks)} questions; "
        f"{spread([t.wall for t in times])}; CPU {spread([t.cpu for t in times])}",
        flush=True,
    )


def spread(times: Sequence[float]) -> str:
    cuts = statistics.quantiles(times, n=100)
    return f"p50 {cuts[49]:.1f} ms, p99 {cuts[98]:.1f} ms"


if __name__ == "__main__":
    main(sys.argv[1:])
