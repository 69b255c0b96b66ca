import io
import random
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from sqlalchemy import create_engine

from mentorai.core.engine import Engine
from mentorai.core.errors import ConfigurationError
from mentorai.core.mentors import Mentor
from mentorai.core.retrieval import WEAK_BELOW, check_fts5
from mentorai.core.settings import Settings
from mentorai.core.words import read_question, read_words

SHORE = """# Tidal pools

## Limpets

Limpets hold on to the rock with a muscular foot. A limpet scrapes algae from the stone.

## Crabs

Shore crabs hide below stones at low tide. When a crab has outgrown its shell, it moults.

## Salt

Evaporation makes the pool saltier in summer; rain makes it fresher in winter.
"""


@pytest.fixture(params=["sqlite", "postgresql"])
def engine(request: pytest.FixtureRequest, data_dir: Path) -> Iterator[Engine]:
    """An engine on a database of each kind."""
    on_postgres = request.param == "postgresql"
    url = request.getfixturevalue("emptied_database") if on_postgres else ""
    with closing(Engine.open(Settings(data_dir=data_dir, database_url=url), plugins=[])) as engine:
        yield engine


def add(engine: Engine, mentor: Mentor, content: str, name: str = "shore.md") -> str:
    """The id of a document that the mentor has been given."""
    stream = io.BytesIO(content.encode())
    return engine.datasets.add(mentor.organization_id, mentor.id, name, "", stream).id


@pytest.fixture
def shore(engine: Engine, mentor: Mentor) -> Mentor:
    add(engine, mentor, SHORE)
    return mentor


@pytest.mark.parametrize(
    ("question", "heading"),
    [
        ("How does a limpet hold on?", "Limpets"),
        ("Why do crabs moult?", "Crabs"),
        ("What makes the pools salty?", "Salt"),
        ("EVAPORATION", "Salt"),
        ("what scrapes algae", "Limpets"),
    ],
)
def test_search_finds_the_passage_that_answers(
    engine: Engine, shore: Mentor, question: str, heading: str
):
    found = engine.retrieval.search(shore.id, question)

    assert found[0].heading == f"Tidal pools > {heading}"
    assert found[0].matched > WEAK_BELOW


def test_search_gives_the_best_first_and_no_more_than_asked(engine: Engine, shore: Mentor):
    found = engine.retrieval.search(shore.id, "crab stone shell", 2)

    assert len(found) == 2
    assert found[0].score >= found[1].score
    assert found[0].heading == "Tidal pools > Crabs"


@pytest.mark.parametrize("limit", [-1, 0, 1, 10**6])
def test_search_takes_any_limit(engine: Engine, shore: Mentor, limit: int):
    assert len(engine.retrieval.search(shore.id, "crab limpet rain", limit)) == (
        3 if limit > 2 else 1
    )


@pytest.mark.parametrize("question", ["", "  ", "?!", "xyzzy", "\ud800", "\x00"])
def test_search_finds_nothing_for_what_the_material_does_not_hold(
    engine: Engine, shore: Mentor, question: str
):
    assert engine.retrieval.search(shore.id, question) == []


def test_search_in_no_material_finds_nothing(engine: Engine, mentor: Mentor):
    assert engine.retrieval.search(mentor.id, "crabs") == []
    assert engine.retrieval.search("no mentor", "crabs") == []


def test_foreign_question_matches_weakly(engine: Engine, shore: Mentor):
    found = engine.retrieval.search(shore.id, "Who signed the treaty that ended the winter war?")

    assert found[0].matched < WEAK_BELOW


@pytest.mark.parametrize(
    "question",
    [
        'crab" OR title:"x',
        "crab AND NOT (",
        "crab*",
        "scope:crab",
        "NEAR(crab limpet, 2)",
        "^crab - limpet + {title}: x",
        "crab'; DROP TABLE passages; --",
        "' | 'a",
        "crab & ! | <-> :* \\",
        "crab % _ [a-z]",
        "body : crab ''' \"\"\"",
        "$1 %(x)s :name {0}",
    ],
)
def test_query_syntax_in_a_question_is_only_words(engine: Engine, shore: Mentor, question: str):
    found = engine.retrieval.search(shore.id, question)

    assert all(passage.document_name == "shore.md" for passage in found)
    assert len(engine.retrieval.search(shore.id, "crab limpet rain")) == 3


@hypothesis_settings(
    suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None, max_examples=200
)
@given(question=st.text(st.characters(), max_size=60).map(lambda t: f"crab {t} limpet"))
def test_any_text_is_a_question(engine: Engine, shore: Mentor, question: str):
    found = engine.retrieval.search(shore.id, question)

    assert 1 <= len(found) <= 3
    assert all(0 <= passage.matched <= 1 for passage in found)


@hypothesis_settings(
    suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None, max_examples=60
)
@given(
    content=st.text(
        st.characters(exclude_categories=["Cs"], exclude_characters="\x00"), max_size=200
    )
)
def test_every_document_is_found_by_its_own_words(engine: Engine, mentor: Mentor, content: str):
    add(engine, mentor, f"Kelp {content}", "any.txt")

    found = engine.retrieval.search(mentor.id, f"Kelp {content}")

    assert found
    assert found[0].matched == pytest.approx(1)


def test_very_long_question_is_searched_by_its_rarest_words(engine: Engine, shore: Mentor):
    question = "stone pool tide " + " ".join(f"word{n}" for n in range(5_000)) + " moults"
    short = "word " * 1_000 + "Which animal moults in the pool among stones at low tide?"

    assert len(engine.retrieval.search(shore.id, question)) <= 5
    assert engine.retrieval.search(shore.id, short)[0].heading == "Tidal pools > Crabs"


def test_search_stays_in_the_documents_it_is_told(engine: Engine, mentor: Mentor):
    first = add(engine, mentor, "Crabs hide below stones.", "a.txt")
    second = add(engine, mentor, "Crabs moult in spring.", "b.txt")

    def names(*ids: str) -> set[str]:
        found = engine.retrieval.search(mentor.id, "crabs", document_ids=ids)
        return {passage.document_name for passage in found}

    assert names() == {"a.txt", "b.txt"}
    assert names(first) == {"a.txt"}
    assert names(second) == {"b.txt"}
    assert names(first, second) == {"a.txt", "b.txt"}
    assert names("no such document") == set()


@pytest.mark.parametrize("strange", ["", "\ud800", "\x00", "' OR 1=1 --", "x" * 10_000])
def test_strange_ids_name_nothing(engine: Engine, shore: Mentor, strange: str):
    assert engine.retrieval.search(strange, "crab") == []
    assert engine.retrieval.search(shore.id, "crab", document_ids=[strange]) == []


def test_search_never_finds_another_mentors_passages(engine: Engine, mentor: Mentor):
    chance = random.Random(20261123)
    vocabulary = ["crab", "kelp", "limpet", "salt", "tide", "stone", "algae", "shell"]
    owners = [engine.mentors.add(mentor.organization_id, f"Pool {n}") for n in range(6)]
    documents = {}
    for owner in owners:
        for n in range(4):
            content = " ".join(chance.choices(vocabulary, k=30))
            documents[add(engine, owner, content, f"{n}.txt")] = owner.id

    for _ in range(300):
        owner = chance.choice(owners)
        question = " ".join(chance.choices(vocabulary, k=chance.randint(1, 5)))
        theirs = chance.sample(list(documents), 2) if chance.random() < 0.5 else []
        found = engine.retrieval.search(owner.id, question, 50, document_ids=theirs)
        assert all(documents[passage.document_id] == owner.id for passage in found)


def test_other_mentors_material_changes_no_score(engine: Engine, shore: Mentor):
    before = engine.retrieval.search(shore.id, "crabs and stones")
    other = engine.mentors.add(shore.organization_id, "Other")
    for n in range(20):
        add(engine, other, f"Crabs and stones and crabs {n}.", f"{n}.txt")

    assert engine.retrieval.search(shore.id, "crabs and stones") == before


@pytest.mark.parametrize(
    ("content", "question"),
    [
        ("Las células producen energía en las mitocondrias de los animales.", "celula de animal"),
        ("Die Häuser der Städte sind aus Stein und nicht aus Holz gebaut.", "Haus Stadt"),
        ("Les cellules de la plante produisent de l'énergie pour la vie.", "cellule énergies"),
        ("Клетки производят энергию, и это нужно для жизни.", "клетка энергия"),
        ("تنتج الخلايا الطاقة في الجسم من خلال التنفس.", "طاقة الخلايا"),
        ("细胞通过呼吸作用产生能量。", "细胞如何产生能量"),
        ("光合成は葉緑体で行われます。", "光合成はどこですか"),
        ("세포는 호흡을 통해 에너지를 만든다.", "세포 에너지"),
        ("कोशिका ऊर्जा बनाती है।", "कोशिका ऊर्जा"),
        ("เซลล์ผลิตพลังงาน", "พลังงาน"),
    ],
)
def test_search_knows_the_word_forms_of_many_languages(
    engine: Engine, mentor: Mentor, content: str, question: str
):
    add(engine, mentor, content, "a.txt")

    found = engine.retrieval.search(mentor.id, question)

    assert found
    assert found[0].matched > 0.6


def test_material_of_two_languages_is_asked_in_both(engine: Engine, mentor: Mentor):
    add(engine, mentor, "Crabs are hiding below the stones when it is low tide.", "en.txt")
    add(engine, mentor, "Die Krebse verstecken sich bei Ebbe unter den Steinen.", "de.txt")

    assert engine.retrieval.search(mentor.id, "crab hides")[0].document_name == "en.txt"
    assert engine.retrieval.search(mentor.id, "Krebs unter Stein")[0].document_name == "de.txt"


@pytest.mark.parametrize(
    ("message", "earlier", "question"),
    [
        ("why?", ["What is a limpet?"], "why?\nWhat is a limpet?"),
        ("and then?", ["What is a limpet?", "why?"], "and then?\nwhy?\nWhat is a limpet?"),
        ("How do crabs moult?", ["What is a limpet?"], "How do crabs moult?"),
        ("why?", [], "why?"),
    ],
)
def test_follow_up_takes_up_what_was_asked_before(
    engine: Engine, shore: Mentor, message: str, earlier: list[str], question: str
):
    assert engine.retrieval.widen(shore.id, message, earlier) == question


def test_question_of_stop_words_alone_keeps_them(engine: Engine, mentor: Mentor):
    add(engine, mentor, "To be or not to be.", "a.txt")
    add(engine, mentor, "Waves.", "b.txt")

    found = engine.retrieval.search(mentor.id, "to be or not to be")

    assert [passage.document_name for passage in found] == ["a.txt"]


def test_words_are_compared_without_case_accents_and_endings():
    assert read_words("Células DIVIDING naïvely", "english") == read_words(
        "celulas divided naive", "english"
    )
    assert read_question("What is the cell, the cells?", "english") == ["cell"]


def test_missing_fts5_is_named():
    engine = create_engine("sqlite://")
    with engine.connect() as connection:
        connection.connection.driver_connection.set_authorizer(_without_fts5)
        with pytest.raises(ConfigurationError, match="FTS5"):
            check_fts5(connection)
    engine.dispose()


def _without_fts5(action: int, name: str | None, kind: str | None, *_: object) -> int:
    import sqlite3

    is_fts5 = action == sqlite3.SQLITE_CREATE_VTABLE and kind == "fts5"
    return sqlite3.SQLITE_DENY if is_fts5 else sqlite3.SQLITE_OK
