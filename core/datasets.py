"""Documents of a mentor, cut into passages. A dataset is one document."""

import hashlib
import io
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, BinaryIO

import structlog
from sqlalchemy import Connection, Row, delete, insert, select, update
from sqlalchemy.exc import IntegrityError

from mentorai.core.clock import now
from mentorai.core.database import Database
from mentorai.core.dataset_rows import (
    NAME_LENGTH,
    Dataset,
    as_dataset,
    as_passage,
    dataset_texts,
    datasets,
    get_dataset_row,
    get_passage_row,
    passages,
    read_passage_ids,
    select_passages,
)
from mentorai.core.errors import (
    Conflict,
    DocumentTooLarge,
    DocumentUnreadable,
    DocumentUnsupported,
    InputRejected,
    NotFound,
)
from mentorai.core.identifiers import new_id
from mentorai.core.index import Entry, replace_entries
from mentorai.core.ingest import settle_media_type
from mentorai.core.ingest.passages import Piece, cut_passages, join_text
from mentorai.core.mentors import mentors
from mentorai.core.plugin_manager import Plugins
from mentorai.core.settings import Settings
from mentorai.core.values import Passage, Section
from mentorai.core.webhook_events import DATASET_TRAINED, note_event
from mentorai.core.words import detect_language, read_words

__all__ = ["Dataset", "Datasets"]

_CHUNK = 1 << 16
log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class _Read:
    """A document read and cut, ready to be kept."""

    name: str
    media_type: str
    size: int
    digest: str
    language: str
    text: str
    pieces: Sequence[Piece]
    words: Sequence[tuple[Sequence[str], Sequence[str]]]


class Datasets:
    """The documents of every mentor; each call names the one it means."""

    def __init__(self, database: Database, settings: Settings, plugins: Plugins) -> None:
        self._database = database
        self._settings = settings
        self._plugins = plugins

    def add(
        self,
        organization_id: str,
        mentor_id: str,
        name: str,
        media_type: str,
        stream: BinaryIO,
        *,
        author: str = "",
    ) -> Dataset:
        """Take a document in: read it, cut it and index it, all of it or nothing.

        The same name with the same bytes changes nothing; with other bytes the passages of
        the document are replaced.
        media_type: as stated; empty or unspecific ones are settled by the name's ending.
        Raises NotFound, InputRejected, DocumentTooLarge, DocumentUnreadable,
        DocumentUnsupported; what a plugin that reads documents raises.
        """
        name = _check_name(name)
        media_type = settle_media_type(name, media_type)
        with self._database.read() as connection:
            _check_mentor(connection, organization_id, mentor_id)
        data = self._receive(stream)
        digest = hashlib.sha256(data).hexdigest()
        with self._database.read() as connection:
            known = _find(connection, mentor_id, name)
        if known and (known.digest, known.media_type) == (digest, media_type):
            return as_dataset(known, unchanged=True)
        read = self._read(name, media_type, data, digest)
        with self._database.write() as connection:
            return _keep(connection, organization_id, mentor_id, read, author)

    def list(self, organization_id: str, mentor_id: str) -> Sequence[Dataset]:
        """All documents of a mentor, by name."""
        query = (
            select(datasets)
            .where(datasets.c.organization_id == organization_id, datasets.c.mentor_id == mentor_id)
            .order_by(datasets.c.name)
        )
        with self._database.read() as connection:
            return [as_dataset(row) for row in connection.execute(query)]

    def get(self, organization_id: str, mentor_id: str, dataset_id: str) -> Dataset:
        """One document. Raises NotFound."""
        with self._database.read() as connection:
            return as_dataset(get_dataset_row(connection, organization_id, mentor_id, dataset_id))

    def read_text(self, organization_id: str, mentor_id: str, dataset_id: str) -> str:
        """The document's plain text, which its passages' offsets count in. Raises NotFound."""
        query = select(dataset_texts.c.text).where(dataset_texts.c.dataset_id == dataset_id)
        with self._database.read() as connection:
            get_dataset_row(connection, organization_id, mentor_id, dataset_id)
            text: str = connection.execute(query).scalar_one()
        return text

    def rename(self, organization_id: str, mentor_id: str, dataset_id: str, name: str) -> Dataset:
        """Give a document another name. Raises NotFound, InputRejected, Conflict."""
        name = _check_name(name)
        try:
            with self._database.write() as connection:
                get_dataset_row(connection, organization_id, mentor_id, dataset_id)
                connection.execute(
                    update(datasets)
                    .where(datasets.c.mentor_id == mentor_id, datasets.c.id == dataset_id)
                    .values(name=name)
                )
                return as_dataset(
                    get_dataset_row(connection, organization_id, mentor_id, dataset_id)
                )
        except IntegrityError as error:
            raise Conflict("This mentor has a document of that name already.") from error

    def delete(self, organization_id: str, mentor_id: str, dataset_id: str) -> None:
        """Remove a document and its passages. Raises NotFound."""
        with self._database.write() as connection:
            _check_mentor(connection, organization_id, mentor_id, lock=True)
            get_dataset_row(connection, organization_id, mentor_id, dataset_id)
            replace_entries(
                connection, mentor_id, dataset_id, read_passage_ids(connection, dataset_id), ()
            )
            connection.execute(delete(passages).where(passages.c.dataset_id == dataset_id))
            connection.execute(
                delete(datasets).where(
                    datasets.c.mentor_id == mentor_id, datasets.c.id == dataset_id
                )
            )

    def get_passage(self, organization_id: str, mentor_id: str, passage_id: int) -> Passage:
        """One passage. Raises NotFound."""
        with self._database.read() as connection:
            return as_passage(get_passage_row(connection, organization_id, mentor_id, passage_id))

    def list_passages(
        self,
        organization_id: str,
        mentor_id: str,
        dataset_id: str,
        *,
        page: int = 1,
        page_size: int = 50,
    ) -> Sequence[Passage]:
        """One page of a document's passages, in order; Dataset.passages counts them all."""
        query = (
            select_passages()
            .where(passages.c.dataset_id == dataset_id)
            .order_by(passages.c.ordinal)
            .limit(page_size)
            .offset((max(page, 1) - 1) * page_size)
        )
        with self._database.read() as connection:
            get_dataset_row(connection, organization_id, mentor_id, dataset_id)
            return [as_passage(row) for row in connection.execute(query)]

    def neighbours(
        self, organization_id: str, mentor_id: str, passage_id: int
    ) -> tuple[Passage | None, Passage | None]:
        """The passages before and after; None at the document's ends. Raises NotFound."""
        with self._database.read() as connection:
            row = get_passage_row(connection, organization_id, mentor_id, passage_id)
            query = select_passages().where(
                passages.c.dataset_id == row.document_id,
                passages.c.ordinal.in_([row.ordinal - 1, row.ordinal + 1]),
            )
            found = {near.ordinal: as_passage(near) for near in connection.execute(query)}
        return found.get(row.ordinal - 1), found.get(row.ordinal + 1)

    def _receive(self, stream: BinaryIO) -> bytes:
        """All the bytes, counted while they come: a stated length is never believed."""
        received = bytearray()
        while chunk := stream.read(_CHUNK):
            received += chunk
            if len(received) > self._settings.upload_bytes:
                limit = f"{self._settings.upload_bytes / 1_000_000:g} MB"
                raise DocumentTooLarge(f"The document is larger than {limit}.")
        return bytes(received)

    def _read(self, name: str, media_type: str, data: bytes, digest: str) -> _Read:
        self._check_characters(len(data.decode("utf-8", "ignore")) if _is_text(media_type) else 0)
        sections: Sequence[Section] | None = self._plugins.ask_first(
            "read_document", media_type=media_type, stream=io.BytesIO(data)
        )
        if sections is None:
            raise DocumentUnsupported(
                "Documents of this kind cannot be read here; Markdown, plain text and HTML can."
            )
        text = join_text(sections)
        self._check_characters(len(text))
        pieces = list(cut_passages(sections))
        if not pieces:
            raise DocumentUnreadable("The document holds no text.")
        language = detect_language(text)
        words = [
            (read_words(piece.heading, language), read_words(piece.text, language))
            for piece in pieces
        ]
        return _Read(name, media_type, len(data), digest, language, text, pieces, words)

    def _check_characters(self, count: int) -> None:
        limit = self._settings.text_characters
        if count > limit:
            raise DocumentTooLarge(f"The document's text is longer than {limit:,} characters.")


def _keep(
    connection: Connection, organization_id: str, mentor_id: str, read: _Read, author: str
) -> Dataset:
    # Documents of one mentor come and go one after another: of two adding the same one at once
    # the second finds the first's, and nobody waits for a word count that waits for them.
    _check_mentor(connection, organization_id, mentor_id, lock=True)
    known = _find(connection, mentor_id, read.name)
    if known and (known.digest, known.media_type) == (read.digest, read.media_type):
        return as_dataset(known, unchanged=True)
    dataset_id = known.id if known else new_id()
    _put_dataset(connection, organization_id, mentor_id, dataset_id, read, author, bool(known))
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
    log.info("dataset_trained", dataset_id=dataset_id, passages=len(entries))
    trained = as_dataset(get_dataset_row(connection, organization_id, mentor_id, dataset_id))
    told = {"dataset": dataset_id, "name": read.name, "training_status": trained.training_status}
    told["passages"] = len(entries)
    note_event(
        connection, DATASET_TRAINED, told, organization_id=organization_id, mentor_id=mentor_id
    )
    return trained


def _check_mentor(
    connection: Connection, organization_id: str, mentor_id: str, *, lock: bool = False
) -> None:
    query = select(mentors.c.id).where(
        mentors.c.organization_id == organization_id, mentors.c.id == mentor_id
    )
    if lock:
        query = query.with_for_update(key_share=True)
    if connection.execute(query).one_or_none() is None:
        raise NotFound("There is no such mentor.")


def _find(connection: Connection, mentor_id: str, name: str) -> Row[Any] | None:
    query = select(datasets).where(datasets.c.mentor_id == mentor_id, datasets.c.name == name)
    return connection.execute(query).one_or_none()


def _put_dataset(
    connection: Connection,
    organization_id: str,
    mentor_id: str,
    dataset_id: str,
    read: _Read,
    author: str,
    is_known: bool,
) -> None:
    moment = now()
    facts = {
        "media_type": read.media_type,
        "size": read.size,
        "digest": read.digest,
        "language": read.language,
        "passages": len(read.pieces),
        "words": sum(len(title) + len(body) for title, body in read.words),
        "training_status": "trained",
        "error": "",
        "author": author,
        "trained_at": moment,
    }
    if is_known:
        connection.execute(
            update(datasets)
            .where(datasets.c.mentor_id == mentor_id, datasets.c.id == dataset_id)
            .values(facts)
        )
        connection.execute(
            update(dataset_texts)
            .where(dataset_texts.c.dataset_id == dataset_id)
            .values(text=read.text)
        )
        return
    made = {
        "id": dataset_id,
        "organization_id": organization_id,
        "mentor_id": mentor_id,
        "name": read.name,
        "access": "private",
        "created_at": moment,
    }
    connection.execute(insert(datasets).values(made | facts))
    connection.execute(insert(dataset_texts).values(dataset_id=dataset_id, text=read.text))


def _check_name(name: str) -> str:
    name = name.strip()
    if not 0 < len(name) <= NAME_LENGTH or not name.isprintable():
        raise InputRejected({"name": [f"1 to {NAME_LENGTH} printable characters, please."]})
    return name


def _is_text(media_type: str) -> bool:
    return media_type in ("text/markdown", "text/plain")
