"""Search in one mentor's passages."""

from collections.abc import Sequence

from sqlalchemy import Connection

from mentorai.core.database import Database
from mentorai.core.values import Passage

WEAK_BELOW = 0.35


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
        """The passages that may answer `question`, best first."""
        raise NotImplementedError


def create_index(connection: Connection) -> None:
    """Make the search index. Raises ConfigurationError if SQLite lacks FTS5."""


def check_fts5(connection: Connection) -> None:
    """Raises ConfigurationError if this SQLite lacks FTS5."""
