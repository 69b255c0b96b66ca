"""The tables that hold a mentor's documents and passages, and what their rows mean."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

from sqlalchemy import (
    BigInteger,
    Column,
    Connection,
    ForeignKey,
    Integer,
    LargeBinary,
    Row,
    String,
    Table,
    Text,
    UniqueConstraint,
    select,
)

from mentorai.core.database import Instant, metadata
from mentorai.core.errors import NotFound
from mentorai.core.identifiers import is_id
from mentorai.core.values import Passage

TrainingStatus = Literal["pending", "training", "trained", "failed"]

NAME_LENGTH = 255
LARGEST_ID = 2**63 - 1

datasets = Table(
    "datasets",
    metadata,
    Column("id", String(36), primary_key=True),
    Column("organization_id", ForeignKey("organizations.id"), nullable=False),
    Column("mentor_id", ForeignKey("mentors.id", ondelete="CASCADE"), nullable=False),
    Column("name", String(NAME_LENGTH), nullable=False),
    Column("media_type", String(200), nullable=False),
    Column("size", BigInteger, nullable=False),
    Column("digest", String(64), nullable=False),
    Column("language", String(16), nullable=False),
    Column("passages", Integer, nullable=False),
    Column("words", Integer, nullable=False),
    Column("training_status", String(16), nullable=False),
    Column("error", Text, nullable=False),
    Column("access", String(16), nullable=False),
    Column("author", Text, nullable=False),
    Column("url", Text, nullable=False, server_default=""),
    Column("created_at", Instant, nullable=False),
    Column("trained_at", Instant),
    UniqueConstraint("mentor_id", "name"),
)

# Apart from the rest, so that a list of datasets does not read their texts.
dataset_texts = Table(
    "dataset_texts",
    metadata,
    Column("dataset_id", ForeignKey("datasets.id", ondelete="CASCADE"), primary_key=True),
    Column("text", Text, nullable=False),
)

# What was sent, so that it can be read later, or again.
dataset_sources = Table(
    "dataset_sources",
    metadata,
    Column("dataset_id", ForeignKey("datasets.id", ondelete="CASCADE"), primary_key=True),
    Column("data", LargeBinary, nullable=False),
)

# A document that waits to be read. lease: who is reading it, until leased_until.
trainings = Table(
    "trainings",
    metadata,
    Column("dataset_id", ForeignKey("datasets.id", ondelete="CASCADE"), primary_key=True),
    Column("due_at", Instant, nullable=False, index=True),
    Column("lease", String(36)),
    Column("leased_until", Instant),
    Column("attempts", Integer, nullable=False),
)

# An id is never used twice: the search index and kept citations name passages by it.
passages = Table(
    "passages",
    metadata,
    Column("id", BigInteger().with_variant(Integer, "sqlite"), primary_key=True),
    Column("dataset_id", ForeignKey("datasets.id", ondelete="CASCADE"), nullable=False),
    Column("ordinal", Integer, nullable=False),
    Column("heading", Text, nullable=False),
    Column("start", Integer, nullable=False),
    Column("end", Integer, nullable=False),
    Column("page", Integer),
    Column("text", Text, nullable=False),
    UniqueConstraint("dataset_id", "ordinal"),
    sqlite_autoincrement=True,
)


@dataclass(frozen=True, slots=True)
class Dataset:
    """One document of a mentor.

    size: bytes; digest: SHA-256 of them, hexadecimal; passages: how many.
    url: where it was fetched from, or empty. While a document of the same name waits to be read,
    or when it failed, passages are those of the one before.
    unchanged: only after Datasets.add and Trainings.submit: the mentor had this very document.
    """

    id: str
    mentor_id: str
    name: str
    media_type: str
    size: int
    digest: str
    training_status: TrainingStatus
    error: str
    passages: int
    access: str
    url: str
    created_at: datetime
    trained_at: datetime | None
    unchanged: bool = False


def as_dataset(row: Row[Any], *, unchanged: bool = False) -> Dataset:
    """The dataset in a row of its table."""
    return Dataset(
        id=row.id,
        mentor_id=row.mentor_id,
        name=row.name,
        media_type=row.media_type,
        size=row.size,
        digest=row.digest,
        training_status=row.training_status,
        error=row.error,
        passages=row.passages,
        access=row.access,
        url=row.url,
        created_at=row.created_at,
        trained_at=row.trained_at,
        unchanged=unchanged,
    )


def select_passages() -> Any:
    """A query for passages as `as_passage` reads them, joined with their datasets."""
    return select(
        passages,
        datasets.c.id.label("document_id"),
        datasets.c.name.label("document_name"),
        datasets.c.language,
    ).join(datasets, datasets.c.id == passages.c.dataset_id)


def as_passage(row: Row[Any]) -> Passage:
    """The passage in a row of `select_passages`."""
    return Passage(
        id=row.id,
        document_id=row.document_id,
        document_name=row.document_name,
        heading=row.heading,
        ordinal=row.ordinal,
        start=row.start,
        end=row.end,
        text=row.text,
        page=row.page,
    )


def get_dataset_row(
    connection: Connection, organization_id: str, mentor_id: str, dataset_id: str
) -> Row[Any]:
    """The row of one dataset. Raises NotFound."""
    query = select(datasets).where(
        datasets.c.organization_id == organization_id,
        datasets.c.mentor_id == mentor_id,
        datasets.c.id == dataset_id,
    )
    row = connection.execute(query).one_or_none() if is_id(dataset_id) else None
    if row is None:
        raise NotFound("There is no such document.")
    return row


def get_passage_row(
    connection: Connection, organization_id: str, mentor_id: str, passage_id: int
) -> Row[Any]:
    """The row of one passage, as `select_passages` gives it. Raises NotFound."""
    query = select_passages().where(
        datasets.c.organization_id == organization_id,
        datasets.c.mentor_id == mentor_id,
        passages.c.id == passage_id,
    )
    row: Row[Any] | None = None
    if 0 < passage_id <= LARGEST_ID:
        row = connection.execute(query).one_or_none()
    if row is None:
        raise NotFound("There is no such passage.")
    return row


def read_passage_ids(connection: Connection, dataset_id: str) -> Sequence[int]:
    """The ids of a dataset's passages, in order."""
    query = select(passages.c.id).where(passages.c.dataset_id == dataset_id)
    return connection.execute(query.order_by(passages.c.ordinal)).scalars().all()
