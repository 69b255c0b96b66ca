"""How an installation is, in numbers that every process would give alike: all are of the database.

What one process counted for itself would jump about as the balancer chooses another.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from sqlalchemy import Column, Connection, func, select

from mentorai.core.clock import now
from mentorai.core.database import Database
from mentorai.core.dataset_rows import datasets
from mentorai.core.outbox_table import outbox
from mentorai.core.webhook_rows import webhook_deliveries

UNFINISHED = ("waiting", "leased", "failed")


@dataclass(frozen=True, slots=True)
class Figure:
    """A number. meaning: what it is, in a sentence. labels: which of those it counts."""

    name: str
    meaning: str
    value: float
    labels: Mapping[str, str] = field(default_factory=dict)


def read_figures(database: Database) -> Iterator[Figure]:
    """The numbers, those of one name one after the other."""
    with database.read() as connection:
        yield from _count(
            connection,
            "mentorai_scores",
            "Scores that are not settled in a gradebook, or were given up.",
            outbox.c.status,
            UNFINISHED,
        )
        late = "For how many seconds the score that is due longest has waited for its next try."
        yield Figure("mentorai_score_delay_seconds", late, _find_delay(connection))
        yield from _count(
            connection,
            "mentorai_webhook_deliveries",
            "Events that were not delivered yet, or were given up.",
            webhook_deliveries.c.status,
            ("waiting", "failed"),
        )
        yield from _count(
            connection,
            "mentorai_datasets",
            "Documents, by how far their training is.",
            datasets.c.training_status,
            ("pending", "training", "trained", "failed"),
        )


def _count(
    connection: Connection, name: str, meaning: str, status: Column[str], known: tuple[str, ...]
) -> Iterator[Figure]:
    query = select(status, func.count()).where(status.in_(known)).group_by(status)
    found = {word: int(number) for word, number in connection.execute(query)}
    for word in known:
        yield Figure(name, meaning, found.get(word, 0), {"status": word})


def _find_delay(connection: Connection) -> float:
    query = select(func.min(outbox.c.due_at)).where(outbox.c.status == "waiting")
    due_at = connection.execute(query).scalar_one()
    return 0.0 if due_at is None else max(0.0, (now() - due_at).total_seconds())
