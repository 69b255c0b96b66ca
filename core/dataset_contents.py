"""What becomes of a document's rows when it comes, waits, is read or cannot be."""

import hashlib
from dataclasses import dataclass
from typing import Any

import structlog
from sqlalchemy import Connection, Row, delete, insert, select, update

from mentorai.core.clock import now
from mentorai.core.dataset_rows import (
    NAME_LENGTH,
    Dataset,
    as_dataset,
    dataset_sources,
    dataset_texts,
    datasets,
    get_dataset_row,
    passages,
    read_passage_ids,
    trainings,
)
from mentorai.core.errors import InputRejected, NotFound
from mentorai.core.identifiers import new_id
from mentorai.core.index import Entry, replace_entries
from mentorai.core.ingest.reading import ReadDocument
from mentorai.core.mentors import mentors
from mentorai.core.webhook_events import DATASET_TRAINED, note_event

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Arrival:
    """A document as it was sent to a mentor. url: where it was fetched from, if it was."""

    organization_id: str
    mentor_id: str
    name: str
    media_type: str
    data: bytes
    author: str
    url: str = ""

    @property
    def digest(self) -> str:
        """SHA-256 of what was sent, hexadecimal."""
        return hashlib.sha256(self.data).hexdigest()


def check_name(name: str) -> str:
    """The document's name without space around it. Raises InputRejected."""
    name = name.strip()
    if not 0 < len(name) <= NAME_LENGTH or not name.isprintable():
        raise InputRejected({"name": [f"1 to {NAME_LENGTH} printable characters, please."]})
    return name


def check_mentor(
    connection: Connection, organization_id: str, mentor_id: str, *, lock: bool = False
) -> None:
    """Raise NotFound if there is no such mentor. lock: nobody else changes its documents now."""
    query = select(mentors.c.id).where(
        mentors.c.organization_id == organization_id, mentors.c.id == mentor_id
    )
    if lock:
        query = query.with_for_update(key_share=True)
    if connection.execute(query).one_or_none() is None:
        raise NotFound("There is no such mentor.")


def find_same(connection: Connection, arrival: Arrival) -> Dataset | None:
    """The mentor's document of this name, if it is this very one and did not fail."""
    row = _find(connection, arrival)
    if row is None or row.training_status == "failed":
        return None
    if (row.digest, row.media_type) != (arrival.digest, arrival.media_type):
        return None
    return as_dataset(row, unchanged=True)


def keep_read(connection: Connection, arrival: Arrival, read: ReadDocument) -> Dataset:
    """Keep a document that was read, in place of one of its name."""
    # Documents of one mentor come and go one after another: of two adding the same one at once
    # the second finds the first's, and nobody waits for a word count that waits for them.
    check_mentor(connection, arrival.organization_id, arrival.mentor_id, lock=True)
    same = find_same(connection, arrival)
    if same is not None and same.training_status == "trained":
        return same
    dataset_id = _put_arrival(connection, arrival)
    return keep_contents(connection, arrival.organization_id, arrival.mentor_id, dataset_id, read)


def keep_waiting(connection: Connection, arrival: Arrival) -> Dataset:
    """Keep a document that will be read later; until then one of its name is used as it was."""
    check_mentor(connection, arrival.organization_id, arrival.mentor_id, lock=True)
    same = find_same(connection, arrival)
    if same is not None:
        return same
    dataset_id = _put_arrival(connection, arrival)
    queue(connection, arrival.mentor_id, dataset_id)
    return _get(connection, arrival, dataset_id)


def queue(connection: Connection, mentor_id: str, dataset_id: str) -> None:
    """Have a kept document read; whoever is reading it at this moment reads in vain."""
    connection.execute(delete(trainings).where(trainings.c.dataset_id == dataset_id))
    connection.execute(insert(trainings).values(dataset_id=dataset_id, due_at=now(), attempts=0))
    put_facts(connection, mentor_id, dataset_id, training_status="pending", error="")


def put_facts(connection: Connection, mentor_id: str, dataset_id: str, **facts: Any) -> None:
    """Change columns of a document's row."""
    connection.execute(
        update(datasets)
        .where(datasets.c.mentor_id == mentor_id, datasets.c.id == dataset_id)
        .values(facts)
    )


def keep_contents(
    connection: Connection,
    organization_id: str,
    mentor_id: str,
    dataset_id: str,
    read: ReadDocument,
) -> Dataset:
    """Keep what was read of a document, in place of what was read of it before.

    Let it be the transaction's last act, for it tells webhooks.
    """
    _replace_passages(connection, mentor_id, dataset_id, read)
    connection.execute(delete(trainings).where(trainings.c.dataset_id == dataset_id))
    connection.execute(
        update(dataset_texts).where(dataset_texts.c.dataset_id == dataset_id).values(text=read.text)
    )
    put_facts(
        connection,
        mentor_id,
        dataset_id,
        language=read.language,
        passages=len(read.pieces),
        words=sum(len(title) + len(body) for title, body in read.words),
        training_status="trained",
        error="",
        trained_at=now(),
    )
    log.info("dataset_trained", dataset_id=dataset_id, passages=len(read.pieces))
    trained = as_dataset(get_dataset_row(connection, organization_id, mentor_id, dataset_id))
    told = {
        "dataset": dataset_id,
        "name": trained.name,
        "training_status": trained.training_status,
        "passages": trained.passages,
    }
    note_event(
        connection, DATASET_TRAINED, told, organization_id=organization_id, mentor_id=mentor_id
    )
    return trained


def _replace_passages(
    connection: Connection, mentor_id: str, dataset_id: str, read: ReadDocument
) -> None:
    """Put a document's passages, and what search finds them by, in place of those before."""
    old_ids = read_passage_ids(connection, dataset_id)
    if old_ids:
        replace_entries(connection, mentor_id, dataset_id, old_ids, ())
        connection.execute(delete(passages).where(passages.c.dataset_id == dataset_id))
    connection.execute(
        insert(passages),
        [
            {
                "dataset_id": dataset_id,
                "ordinal": ordinal,
                "heading": piece.heading,
                "start": piece.start,
                "end": piece.end,
                "page": piece.page,
                "text": piece.text,
            }
            for ordinal, piece in enumerate(read.pieces)
        ],
    )
    entries = [
        Entry(passage_id, title, body)
        for passage_id, (title, body) in zip(
            read_passage_ids(connection, dataset_id), read.words, strict=True
        )
    ]
    replace_entries(connection, mentor_id, dataset_id, (), entries)


def keep_failure(connection: Connection, mentor_id: str, dataset_id: str, reason: str) -> None:
    """Write down why a document could not be read; one of its name stays in use as it was."""
    connection.execute(delete(trainings).where(trainings.c.dataset_id == dataset_id))
    put_facts(connection, mentor_id, dataset_id, training_status="failed", error=reason)
    log.info("dataset_failed", dataset_id=dataset_id)


def _find(connection: Connection, arrival: Arrival) -> Row[Any] | None:
    query = select(datasets).where(
        datasets.c.mentor_id == arrival.mentor_id, datasets.c.name == arrival.name
    )
    return connection.execute(query).one_or_none()


def _get(connection: Connection, arrival: Arrival, dataset_id: str) -> Dataset:
    where = (arrival.organization_id, arrival.mentor_id, dataset_id)
    return as_dataset(get_dataset_row(connection, *where))


def _put_arrival(connection: Connection, arrival: Arrival) -> str:
    """Keep what was sent, and the facts that are known before it is read; the document's id."""
    facts = {
        "media_type": arrival.media_type,
        "size": len(arrival.data),
        "digest": arrival.digest,
        "author": arrival.author,
        "url": arrival.url,
    }
    known = _find(connection, arrival)
    if known is not None:
        put_facts(connection, arrival.mentor_id, known.id, **facts)
        connection.execute(delete(dataset_sources).where(dataset_sources.c.dataset_id == known.id))
    dataset_id = known.id if known is not None else new_id()
    if known is None:
        made = {
            "id": dataset_id,
            "organization_id": arrival.organization_id,
            "mentor_id": arrival.mentor_id,
            "name": arrival.name,
            "language": "",
            "passages": 0,
            "words": 0,
            "training_status": "pending",
            "error": "",
            "access": "private",
            "created_at": now(),
        }
        connection.execute(insert(datasets).values(made | facts))
        connection.execute(insert(dataset_texts).values(dataset_id=dataset_id, text=""))
    connection.execute(insert(dataset_sources).values(dataset_id=dataset_id, data=arrival.data))
    return dataset_id
