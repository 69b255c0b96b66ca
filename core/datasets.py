"""Documents of a mentor, cut into passages. A dataset is one document."""

from collections.abc import Sequence
from typing import BinaryIO

from sqlalchemy import delete, select, update
from sqlalchemy.exc import IntegrityError

from mentorai.core.database import Database
from mentorai.core.dataset_contents import (
    Arrival,
    check_mentor,
    check_name,
    find_same,
    keep_read,
)
from mentorai.core.dataset_rows import (
    Dataset,
    as_dataset,
    as_passage,
    dataset_sources,
    dataset_texts,
    datasets,
    get_dataset_row,
    get_passage_row,
    passages,
    read_passage_ids,
    select_passages,
)
from mentorai.core.errors import Conflict, DocumentTooLarge, NotFound
from mentorai.core.index import replace_entries
from mentorai.core.ingest import settle_media_type
from mentorai.core.ingest.apart import read_apart
from mentorai.core.ingest.reading import TEXTS, ReadDocument, read_whole
from mentorai.core.plugin_manager import Plugins
from mentorai.core.settings import Settings
from mentorai.core.values import Passage

__all__ = ["Dataset", "Datasets"]

_CHUNK = 1 << 16


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
        with self._database.read() as connection:
            check_mentor(connection, organization_id, mentor_id)
        name, media_type = check_name(name), settle_media_type(name, media_type)
        data = self.receive(stream)
        return self.take(Arrival(organization_id, mentor_id, name, media_type, data, author))

    def take(self, arrival: Arrival) -> Dataset:
        """Take in a document that has come whole. Raises as `add` does."""
        with self._database.read() as connection:
            same = find_same(connection, arrival)
        if same is not None and same.training_status == "trained":
            return same
        read = self._read(arrival.media_type, arrival.data)
        with self._database.write() as connection:
            return keep_read(connection, arrival, read)

    def receive(self, stream: BinaryIO) -> bytes:
        """All the bytes, counted while they come: a stated length is never believed.

        Raises DocumentTooLarge.
        """
        received = bytearray()
        while chunk := stream.read(_CHUNK):
            received += chunk
            if len(received) > self._settings.upload_bytes:
                limit = f"{self._settings.upload_bytes / 1_000_000:g} MB"
                raise DocumentTooLarge(f"The document is larger than {limit}.")
        return bytes(received)

    def list(self, organization_id: str, mentor_id: str) -> Sequence[Dataset]:
        """All documents of a mentor, by name."""
        query = (
            select(datasets)
            .where(datasets.c.organization_id == organization_id, datasets.c.mentor_id == mentor_id)
            .order_by(datasets.c.name)
        )
        with self._database.read() as connection:
            return [as_dataset(row) for row in connection.execute(query)]

    def list_all(self, organization_id: str) -> Sequence[Dataset]:
        """The documents of every mentor, by name."""
        query = (
            select(datasets)
            .where(datasets.c.organization_id == organization_id)
            .order_by(datasets.c.name, datasets.c.id)
        )
        with self._database.read() as connection:
            return [as_dataset(row) for row in connection.execute(query)]

    def list_kept(self, organization_id: str) -> frozenset[str]:
        """The ids of the documents that can be read as they were sent."""
        query = (
            select(dataset_sources.c.dataset_id)
            .join(datasets, datasets.c.id == dataset_sources.c.dataset_id)
            .where(datasets.c.organization_id == organization_id)
        )
        with self._database.read() as connection:
            return frozenset(connection.scalars(query))

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

    def read_source(self, organization_id: str, mentor_id: str, dataset_id: str) -> bytes:
        """The document as it was sent. Raises NotFound, also if that was not kept."""
        query = select(dataset_sources.c.data).where(dataset_sources.c.dataset_id == dataset_id)
        with self._database.read() as connection:
            get_dataset_row(connection, organization_id, mentor_id, dataset_id)
            data: bytes | None = connection.execute(query).scalar()
        if data is None:
            raise NotFound("What was sent of this document was not kept; send it again.")
        return data

    def rename(self, organization_id: str, mentor_id: str, dataset_id: str, name: str) -> Dataset:
        """Give a document another name. Raises NotFound, InputRejected, Conflict."""
        name = check_name(name)
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
            check_mentor(connection, organization_id, mentor_id, lock=True)
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

    def _read(self, media_type: str, data: bytes) -> ReadDocument:
        # Whoever waits here for a text sent it himself; other kinds have readers with a past.
        if media_type in TEXTS:
            return read_whole(self._plugins, media_type, data, self._settings.text_characters)
        return read_apart(self._plugins, self._settings, media_type, data)
