import hashlib
import io
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import BinaryIO

import pytest
from sqlalchemy import func, select, text

from mentorai.core import hookimpl
from mentorai.core.dataset_rows import dataset_texts, datasets, passages
from mentorai.core.datasets import Dataset
from mentorai.core.engine import Engine
from mentorai.core.errors import (
    Conflict,
    DocumentTooLarge,
    DocumentUnreadable,
    DocumentUnsupported,
    InputRejected,
    NotFound,
    PluginFailed,
)
from mentorai.core.index import word_counts
from mentorai.core.mentors import Mentor, mentors
from mentorai.core.settings import Settings
from mentorai.core.values import Section

SHORE = "# Shore\n\n## Crabs\n\nCrabs hide below stones.\n\n## Kelp\n\nKelp grows a metre a day."


@pytest.fixture
def add(engine: Engine, mentor: Mentor):
    def add(content: str | bytes = SHORE, name: str = "shore.md", media_type: str = "") -> Dataset:
        data = content if isinstance(content, bytes) else content.encode()
        place = (mentor.organization_id, mentor.id)
        return engine.datasets.add(*place, name, media_type, io.BytesIO(data))

    return add


def count_rows(engine: Engine) -> dict[str, int]:
    """How many rows each table of the material has."""
    counts = {}
    with engine.database.read() as connection:
        for table in (datasets, dataset_texts, passages, word_counts):
            query = select(func.count()).select_from(table)
            counts[table.name] = connection.execute(query).scalar_one()
        query = text("SELECT count(*) FROM passage_words")
        counts["passage_words"] = connection.execute(query).scalar_one()
    return counts


def test_added_document_is_trained_and_listed(engine: Engine, mentor: Mentor, add):
    added = add()

    assert (added.training_status, added.passages, added.unchanged) == ("trained", 2, False)
    assert added.size == len(SHORE)
    assert added.digest == hashlib.sha256(SHORE.encode()).hexdigest()
    assert engine.datasets.list(mentor.organization_id, mentor.id) == [added]
    assert engine.datasets.get(mentor.organization_id, mentor.id, added.id) == added


def test_passages_are_slices_of_the_documents_text(engine: Engine, mentor: Mentor, add):
    place = (mentor.organization_id, mentor.id)
    added = add("# A\n\n" + "A crab hides below a flat stone at low tide. " * 60)

    kept = engine.datasets.read_text(*place, added.id)
    found = engine.datasets.list_passages(*place, added.id)

    assert len(found) == added.passages > 2
    assert all(kept[passage.start : passage.end] == passage.text for passage in found)
    assert [passage.ordinal for passage in found] == list(range(len(found)))


def test_document_is_given_back_as_it_was_sent(engine: Engine, mentor: Mentor, add):
    added = add(b"\xef\xbb\xbf# Shore\r\n\r\nCrabs.\r\n")
    other = engine.mentors.add(mentor.organization_id, "Another")

    assert engine.datasets.list_all(mentor.organization_id) == [added]
    source = engine.datasets.read_source(mentor.organization_id, mentor.id, added.id)
    assert source == b"\xef\xbb\xbf# Shore\r\n\r\nCrabs.\r\n"
    with pytest.raises(NotFound):
        engine.datasets.read_source(mentor.organization_id, other.id, added.id)


def test_same_document_again_changes_nothing(engine: Engine, mentor: Mentor, add):
    first = add()
    before = engine.datasets.list_passages(mentor.organization_id, mentor.id, first.id)

    again = add()

    after = engine.datasets.list_passages(mentor.organization_id, mentor.id, first.id)
    assert again.unchanged
    assert (again.id, again.trained_at) == (first.id, first.trained_at)
    assert after == before


def test_same_name_with_other_content_replaces_the_passages(engine: Engine, mentor: Mentor, add):
    first = add()

    second = add("# Dunes\n\nMarram grass holds the sand.")

    found = engine.retrieval.search(mentor.id, "crabs below stones; marram grass")
    assert (second.id, second.passages, second.unchanged) == (first.id, 1, False)
    assert [passage.heading for passage in found] == ["Dunes"]
    assert count_rows(engine)["passage_words"] == 1


def test_deleted_document_leaves_nothing_behind(engine: Engine, mentor: Mentor, add):
    added = add()

    engine.datasets.delete(mentor.organization_id, mentor.id, added.id)

    assert set(count_rows(engine).values()) == {0}
    assert engine.retrieval.search(mentor.id, "crabs") == []


def test_index_rows_leave_with_a_deleted_mentor(engine: Engine, mentor: Mentor, add):
    add()

    with engine.database.write() as connection:
        connection.execute(mentors.delete().where(mentors.c.id == mentor.id))

    assert set(count_rows(engine).values()) == {0}


def test_word_counts_are_those_of_the_passages_that_are_left(engine: Engine, mentor: Mentor, add):
    add("Crabs eat. Crabs hide.", "a.txt")
    gone = add("Crabs and kelp.", "b.txt")
    engine.datasets.delete(mentor.organization_id, mentor.id, gone.id)

    with engine.database.read() as connection:
        rows = connection.execute(select(word_counts)).all()
    counts = {row.word: row.passages for row in rows}

    assert counts == {"crab": 1, "eat": 1, "hide": 1}


@pytest.mark.parametrize("content", ["", "  \n", "# Only a heading", "<!-- nothing -->"])
def test_empty_document_is_unreadable_and_nothing_is_kept(engine: Engine, add, content: str):
    with pytest.raises(DocumentUnreadable):
        add(content)

    assert set(count_rows(engine).values()) == {0}


@pytest.mark.parametrize("content", [b"caf\xe9", b"a\x00b", "Wellen".encode("utf-16")])
def test_document_that_is_no_utf_8_text_is_unreadable(engine: Engine, add, content: bytes):
    with pytest.raises(DocumentUnreadable):
        add(content)

    assert set(count_rows(engine).values()) == {0}


@pytest.mark.parametrize(
    ("name", "media_type", "content"),
    [
        ("slides.docx", "", b"PK\x03\x04"),
        ("slides.md", "text/markdown", b"%PDF-1.7"),
        ("slides.md", "", b"PK\x03\x04"),
        ("slides", "", b"Waves."),
        ("slides", "image/png", b"Waves."),
    ],
)
def test_document_of_another_kind_is_unsupported(
    engine: Engine, add, name: str, media_type: str, content: bytes
):
    with pytest.raises(DocumentUnsupported):
        add(content, name, media_type)

    assert set(count_rows(engine).values()) == {0}


@pytest.mark.parametrize("name", ["", "   ", "a\x00b", "a\nb", "x" * 256, "\ud800"])
def test_document_needs_a_printable_name(add, name: str):
    with pytest.raises(InputRejected) as caught:
        add(SHORE, name, "text/markdown")

    assert list(caught.value.errors) == ["name"]


class Endless(io.RawIOBase):
    """A stream without an end, which counts what is taken from it."""

    taken = 0

    def read(self, size: int = -1) -> bytes:
        self.taken += size
        return b"x" * size


@pytest.fixture
def small_engine(settings: Settings):
    engine = Engine.open(
        settings.model_copy(update={"upload_bytes": 200_000, "text_characters": 1_000}), plugins=[]
    )
    yield engine
    engine.close()


def test_document_is_refused_as_soon_as_it_is_too_large(small_engine: Engine):
    organization = small_engine.organizations.get()
    mentor = small_engine.mentors.add(organization.id, "Small")
    endless = Endless()

    with pytest.raises(DocumentTooLarge):
        small_engine.datasets.add(organization.id, mentor.id, "a.txt", "", endless)

    assert endless.taken < 400_000


@pytest.mark.parametrize(
    ("name", "content"),
    [("a.txt", "wave " * 201), ("a.md", "wave " * 201), ("a.html", "<p>" + "wave " * 201)],
)
def test_document_with_too_long_a_text_is_refused(small_engine: Engine, name: str, content: str):
    organization = small_engine.organizations.get()
    mentor = small_engine.mentors.add(organization.id, "Small")

    with pytest.raises(DocumentTooLarge):
        small_engine.datasets.add(
            organization.id, mentor.id, name, "", io.BytesIO(content.encode())
        )


def test_threads_that_add_the_same_document_at_once_make_one(engine: Engine, mentor: Mentor, add):
    with ThreadPoolExecutor(8) as pool:
        added = list(pool.map(lambda _: add(), range(16)))

    assert len({dataset.id for dataset in added}) == 1
    assert sum(not dataset.unchanged for dataset in added) == 1
    assert count_rows(engine)["passages"] == 2


def test_threads_that_add_and_replace_at_once_leave_one_whole_document(
    engine: Engine, mentor: Mentor, add
):
    contents = [f"Crab number {n} hides.\n\n# Other\n\nKelp {n}." for n in range(8)]

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(add, contents))

    (left,) = engine.datasets.list(mentor.organization_id, mentor.id)
    rows = count_rows(engine)
    assert left.digest in {hashlib.sha256(content.encode()).hexdigest() for content in contents}
    assert (rows["passages"], rows["passage_words"]) == (2, 2)


def test_failure_in_mid_write_keeps_what_was_there(engine: Engine, mentor: Mentor, add):
    if not engine.database.is_sqlite:
        pytest.skip("PostgreSQL's triggers are written otherwise")
    first = add()
    with engine.database.write() as connection:
        connection.execute(
            text(
                "CREATE TRIGGER no_more BEFORE INSERT ON passages WHEN new.ordinal = 1"
                " BEGIN SELECT RAISE(ABORT, 'disk on fire'); END"
            )
        )

    with pytest.raises(Exception, match="disk on fire"):
        add("# Dunes\n\nSand.\n\n# Grass\n\nMarram.")

    assert engine.datasets.list(mentor.organization_id, mentor.id) == [first]
    assert engine.retrieval.search(mentor.id, "crabs")[0].heading == "Shore > Crabs"
    assert count_rows(engine)["passage_words"] == 2


def test_renamed_document_is_found_under_its_new_name(engine: Engine, mentor: Mentor, add):
    place = (mentor.organization_id, mentor.id)
    added = add()

    renamed = engine.datasets.rename(*place, added.id, "Week 1")

    assert renamed.name == "Week 1"
    assert engine.retrieval.search(mentor.id, "crabs")[0].document_name == "Week 1"


def test_document_cannot_take_anothers_name(engine: Engine, mentor: Mentor, add):
    add(name="a.md")
    other = add(name="b.md")

    with pytest.raises(Conflict):
        engine.datasets.rename(mentor.organization_id, mentor.id, other.id, "a.md")


def test_neighbours_are_the_passages_before_and_after(engine: Engine, mentor: Mentor, add):
    place = (mentor.organization_id, mentor.id)
    added = add("# A\n\nOne.\n\n# B\n\nTwo.\n\n# C\n\nThree.")
    first, second, third = engine.datasets.list_passages(*place, added.id)

    assert engine.datasets.neighbours(*place, second.id) == (first, third)
    assert engine.datasets.neighbours(*place, first.id) == (None, second)


def test_passages_come_in_pages(engine: Engine, mentor: Mentor, add):
    place = (mentor.organization_id, mentor.id)
    added = add("# A\n\nOne.\n\n# B\n\nTwo.\n\n# C\n\nThree.")

    page = engine.datasets.list_passages(*place, added.id, page=2, page_size=2)

    assert [passage.text for passage in page] == ["Three."]


def test_other_mentors_documents_are_not_there(engine: Engine, mentor: Mentor, add):
    other = engine.mentors.add(mentor.organization_id, "Dunes")
    added = add()
    (first, _) = engine.datasets.list_passages(mentor.organization_id, mentor.id, added.id)
    place = (other.organization_id, other.id)

    assert engine.datasets.list(*place) == []
    for reach in (
        lambda: engine.datasets.get(*place, added.id),
        lambda: engine.datasets.read_text(*place, added.id),
        lambda: engine.datasets.rename(*place, added.id, "mine"),
        lambda: engine.datasets.delete(*place, added.id),
        lambda: engine.datasets.list_passages(*place, added.id),
        lambda: engine.datasets.get_passage(*place, first.id),
        lambda: engine.datasets.neighbours(*place, first.id),
        lambda: engine.datasets.get("another organization", mentor.id, added.id),
        lambda: engine.datasets.get_passage("another organization", mentor.id, first.id),
    ):
        with pytest.raises(NotFound):
            reach()


@pytest.mark.parametrize("passage_id", [0, -1, 2**63, 10**30])
def test_passage_with_an_impossible_id_is_not_there(
    engine: Engine, mentor: Mentor, passage_id: int
):
    with pytest.raises(NotFound):
        engine.datasets.get_passage(mentor.organization_id, mentor.id, passage_id)


@pytest.mark.parametrize("strange", ["", "\ud800", "\x00", "' OR 1=1 --"])
def test_document_with_a_strange_id_is_not_there(engine: Engine, mentor: Mentor, strange: str):
    with pytest.raises(NotFound):
        engine.datasets.get(mentor.organization_id, mentor.id, strange)


def test_document_of_no_mentor_is_refused(engine: Engine, mentor: Mentor):
    with pytest.raises(NotFound):
        engine.datasets.add("elsewhere", mentor.id, "a.md", "", io.BytesIO(b"Waves."))


def test_two_mentors_may_have_documents_of_one_name(engine: Engine, mentor: Mentor, add):
    other = engine.mentors.add(mentor.organization_id, "Dunes")

    mine = add()
    theirs = engine.datasets.add(
        other.organization_id, other.id, "shore.md", "", io.BytesIO(SHORE.encode())
    )

    assert mine.id != theirs.id
    assert not theirs.unchanged


class Reader:
    """A plugin that reads one kind of its own."""

    @hookimpl
    def read_document(self, media_type: str, stream: BinaryIO) -> Sequence[Section] | None:
        if media_type == "text/vtt":
            return [Section("Lecture", stream.read().decode(), page=7)]
        if media_type == "text/broken":
            raise RuntimeError("no")
        return None


@pytest.fixture
def reading_engine(settings: Settings):
    engine = Engine.open(settings, plugins=[("reader", Reader())])
    yield engine
    engine.close()


def test_plugin_reads_a_kind_of_its_own(reading_engine: Engine):
    organization = reading_engine.organizations.get()
    mentor = reading_engine.mentors.add(organization.id, "Films")

    added = reading_engine.datasets.add(
        organization.id, mentor.id, "a.vtt", "", io.BytesIO(b"Waves break.")
    )

    (passage,) = reading_engine.datasets.list_passages(organization.id, mentor.id, added.id)
    assert (passage.heading, passage.text, passage.page) == ("Lecture", "Waves break.", 7)


def test_nothing_is_kept_when_a_reading_plugin_fails(reading_engine: Engine):
    organization = reading_engine.organizations.get()
    mentor = reading_engine.mentors.add(organization.id, "Films")

    with pytest.raises(PluginFailed):
        reading_engine.datasets.add(
            organization.id, mentor.id, "a", "text/broken", io.BytesIO(b"x")
        )

    assert set(count_rows(reading_engine).values()) == {0}
