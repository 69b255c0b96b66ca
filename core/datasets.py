"""Documents of a mentor, cut into passages. A dataset is one document."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import BinaryIO, Literal

from mentorai.core.database import Database
from mentorai.core.plugin_manager import Plugins
from mentorai.core.settings import Settings
from mentorai.core.values import Passage

TrainingStatus = Literal["pending", "training", "trained", "failed"]


@dataclass(frozen=True, slots=True)
class Dataset:
    """One document of a mentor. size: bytes; digest: SHA-256 of them, hexadecimal."""

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
    created_at: datetime
    trained_at: datetime | None
    unchanged: bool = False


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
        """Take a document in."""
        raise NotImplementedError

    def list(self, organization_id: str, mentor_id: str) -> Sequence[Dataset]:
        """All documents of a mentor, by name."""
        raise NotImplementedError

    def get(self, organization_id: str, mentor_id: str, dataset_id: str) -> Dataset:
        """One document. Raises NotFound."""
        raise NotImplementedError

    def rename(self, organization_id: str, mentor_id: str, dataset_id: str, name: str) -> Dataset:
        """Give a document another name. Raises NotFound, InputRejected, Conflict."""
        raise NotImplementedError

    def delete(self, organization_id: str, mentor_id: str, dataset_id: str) -> None:
        """Remove a document and its passages. Raises NotFound."""
        raise NotImplementedError

    def get_passage(self, organization_id: str, mentor_id: str, passage_id: int) -> Passage:
        """One passage. Raises NotFound."""
        raise NotImplementedError

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
        raise NotImplementedError

    def neighbours(
        self, organization_id: str, mentor_id: str, passage_id: int
    ) -> tuple[Passage | None, Passage | None]:
        """The passages before and after, None at the document's ends."""
        raise NotImplementedError
