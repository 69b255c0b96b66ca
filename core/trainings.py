"""Documents that are read later: by the worker, in a process with limits, one or two at a time.

What may take long is not read while its sender waits. It is kept, and stands in line: pending,
then training, then trained or failed, and a failed one says why. The worker takes a lease on what
it reads; when it is killed in the middle the document is taken up again, as soon as that is seen or
else when the lease lapses, but not for ever: what broke off TRIES times has failed.
"""

from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import timedelta
from functools import partial
from typing import TYPE_CHECKING, Any, BinaryIO

import structlog
from sqlalchemy import Connection, Row, func, or_, select, update

from mentorai.core.clock import now
from mentorai.core.dataset_contents import (
    Arrival,
    check_mentor,
    check_name,
    find_same,
    keep_contents,
    keep_failure,
    keep_waiting,
    put_facts,
    queue,
)
from mentorai.core.dataset_rows import (
    Dataset,
    as_dataset,
    dataset_sources,
    datasets,
    get_dataset_row,
    trainings,
)
from mentorai.core.errors import Conflict, DatabaseUnavailable, DocumentUnsupported, MentorAIError
from mentorai.core.ingest import PDF, read_text, settle_media_type
from mentorai.core.ingest.apart import longest_seconds, read_apart
from mentorai.core.ingest.reading import TEXTS, ReadDocument, check_length
from mentorai.core.lease_holders import issue_lease
from mentorai.core.mentors import mentors
from mentorai.core.orphans import Hold, free_orphans
from mentorai.core.passing_failures import keep_trying
from mentorai.core.row_locks import hold_rows

if TYPE_CHECKING:
    from mentorai.core.engine import Engine

# The worker has four threads, and scores shall not wait for books.
TOGETHER = 2
TRIES = 3
# How long a handed row is not handed again.
HANDED_SECONDS = 10.0
TRAINING = Hold(trainings.c.lease, trainings.c.leased_until)
log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class _Taken:
    """A document that is being read here."""

    row: Row[Any]
    lease: str
    data: bytes


class Trainings:
    """The documents of every mentor that wait to be read."""

    def __init__(self, engine: "Engine") -> None:
        self._engine = engine
        self._database = engine.database
        self._settings = engine.settings
        self.lease_seconds = longest_seconds(engine.settings)

    def submit(
        self,
        organization_id: str,
        mentor_id: str,
        name: str,
        media_type: str,
        stream: BinaryIO,
        *,
        author: str = "",
        url: str = "",
    ) -> Dataset:
        """Take a document in as Datasets.add does, but read it later if that may take long.

        Short texts are read at once. Of the others the status says how far they are; one of the
        same name is used as it was until they are read.
        url: where the document was fetched from.
        Raises NotFound, InputRejected, DocumentTooLarge, DocumentUnreadable, DocumentUnsupported.
        """
        media_type = settle_media_type(name, media_type)
        rooms = self._engine.datasets
        with self._database.read() as connection:
            check_mentor(connection, organization_id, mentor_id)
        arrival = Arrival(
            organization_id,
            mentor_id,
            check_name(name),
            media_type,
            rooms.receive(stream),
            author,
            url,
        )
        if media_type in TEXTS and len(arrival.data) <= self._settings.immediate_bytes:
            return rooms.take(arrival)
        with self._database.read() as connection:
            same = find_same(connection, arrival)
        if same is not None:
            return same
        self._check_early(arrival)
        with self._database.write() as connection:
            kept = keep_waiting(connection, arrival)
        if not kept.unchanged:
            self._hand([kept.id])
        return kept

    def repeat(self, organization_id: str, mentor_id: str, dataset_id: str) -> Dataset:
        """Have a kept document read again. One that waits or is being read stays as it is.

        Raises NotFound; Conflict if what was sent was not kept (before version 0.2).
        """
        where = (organization_id, mentor_id, dataset_id)
        kept = select(dataset_sources.c.dataset_id).where(
            dataset_sources.c.dataset_id == dataset_id
        )
        with self._database.write() as connection:
            check_mentor(connection, organization_id, mentor_id, lock=True)
            row = get_dataset_row(connection, *where)
            if row.training_status in ("pending", "training"):
                return as_dataset(row)
            if connection.execute(kept).first() is None:
                raise Conflict("What was sent of this document was not kept; send it again.")
            queue(connection, mentor_id, dataset_id)
            waiting = as_dataset(get_dataset_row(connection, *where))
        self._hand([dataset_id])
        return waiting

    def train(self, dataset_id: str) -> None:
        """Read one document that waits, unless others are at it; the worker's door.

        What goes wrong is written down. Afterwards the next that wait are handed on.
        """
        taken = self._take(dataset_id)
        if taken is None:
            return
        try:
            write_down = self._read(taken)
            # Reading it once more would take as long.
            keep_trying(write_down)
        except DatabaseUnavailable:
            self._give_back(taken)
            return
        except Exception:
            # The lease lapses, and it is tried again.
            log.exception("training_broken_off", dataset_id=dataset_id)
            return
        self.hand_out()

    def train_due(self) -> int:
        """Read all that waits, here and now, one after the other; how many were tried."""
        waiting = self._find_due(limit=1_000)
        for dataset_id in waiting:
            self.train(dataset_id)
        return len(waiting)

    def hand_out(self) -> int:
        """Hand what waits to the workers, as much as may be read at once; how much."""
        free_orphans(self._database, TRAINING)
        waiting = self._find_due(limit=TOGETHER)
        if not waiting:
            return 0
        mine = trainings.c.dataset_id.in_(waiting)
        with self._database.write() as connection:
            hold_rows(connection, trainings, mine)
            connection.execute(
                update(trainings)
                .where(mine)
                .values(due_at=now() + timedelta(seconds=HANDED_SECONDS))
            )
        self._hand(waiting)
        return len(waiting)

    def _find_due(self, limit: int) -> Sequence[str]:
        moment = now()
        query = (
            select(trainings.c.dataset_id)
            .where(trainings.c.due_at <= moment, _is_free(moment))
            .order_by(trainings.c.due_at, trainings.c.dataset_id)
            .limit(limit)
        )
        with self._database.read() as connection:
            return connection.execute(query).scalars().all()

    def _hand(self, dataset_ids: Sequence[str]) -> None:
        from mentorai.core.jobs import Jobs

        self._engine.room(Jobs).hand_trainings(dataset_ids)

    def _check_early(self, arrival: Arrival) -> None:
        """What can be seen at once to be no document that is read here is refused at the door."""
        if arrival.media_type in TEXTS:
            check_length(len(read_text(arrival.data)), self._settings.text_characters)
        elif arrival.media_type == PDF:
            # Viewers, and pypdf, look for it within the first kilobyte.
            if b"%PDF-" not in arrival.data[:1024]:
                raise DocumentUnsupported("This is no PDF.")
        elif self._engine.plugins.find_installed("read_document") == []:
            raise DocumentUnsupported

    def _take(self, dataset_id: str) -> _Taken | None:
        moment, lease = now(), issue_lease()
        mine = trainings.c.dataset_id == dataset_id
        running = select(func.count()).where(trainings.c.leased_until > moment)
        with self._database.write() as connection:
            _lock_mentor_of(connection, dataset_id)
            if connection.execute(running).scalar_one() >= TOGETHER:
                # The first who is done hands it on.
                connection.execute(update(trainings).where(mine).values(due_at=moment))
                return None
            taken = connection.execute(
                update(trainings)
                .where(mine, _is_free(moment))
                .values(
                    lease=lease,
                    leased_until=moment + timedelta(seconds=self.lease_seconds),
                    due_at=moment,
                    attempts=trainings.c.attempts + 1,
                )
            )
            if taken.rowcount == 0:
                return None
            query = (
                select(datasets, trainings.c.attempts, dataset_sources.c.data)
                .join(trainings, trainings.c.dataset_id == datasets.c.id)
                .join(dataset_sources, dataset_sources.c.dataset_id == datasets.c.id)
                .where(datasets.c.id == dataset_id)
            )
            row = connection.execute(query).one()
            put_facts(connection, row.mentor_id, dataset_id, training_status="training")
        return _Taken(row, lease, row.data)

    def _read(self, taken: _Taken) -> Callable[[], None]:
        """Read a document; gives what writes down how that went."""
        try:
            return partial(self._settle, taken, self._read_apart(taken))
        except DatabaseUnavailable:
            raise
        except MentorAIError as error:
            return partial(self._fail, taken, error.message)

    def _read_apart(self, taken: _Taken) -> ReadDocument:
        if taken.row.attempts > TRIES:
            raise MentorAIError(f"It was begun {TRIES} times and broken off each time.")
        return read_apart(self._engine.plugins, self._settings, taken.row.media_type, taken.data)

    def _settle(self, taken: _Taken, read: ReadDocument) -> None:
        with self._database.write() as connection:
            _lock_mentor_of(connection, taken.row.id)
            if self._is_held(connection, taken):
                row = taken.row
                keep_contents(connection, row.organization_id, row.mentor_id, row.id, read)

    def _fail(self, taken: _Taken, reason: str) -> None:
        with self._database.write() as connection:
            _lock_mentor_of(connection, taken.row.id)
            if self._is_held(connection, taken):
                keep_failure(connection, taken.row.mentor_id, taken.row.id, reason)

    def _give_back(self, taken: _Taken) -> None:
        """Let it be taken up again, as if it had not been: now, or else when its lease lapses."""
        mine = (trainings.c.dataset_id == taken.row.id, trainings.c.lease == taken.lease)
        free = {"lease": None, "leased_until": None, "due_at": now()}
        with suppress(DatabaseUnavailable), self._database.write() as connection:
            _lock_mentor_of(connection, taken.row.id)
            connection.execute(
                update(trainings).where(*mine).values(**free, attempts=trainings.c.attempts - 1)
            )

    def _is_held(self, connection: Any, taken: _Taken) -> bool:
        """Whether the document is still the one that was taken; it may be another by now."""
        held = select(trainings.c.lease).where(trainings.c.dataset_id == taken.row.id)
        lease = connection.execute(held.with_for_update()).scalar_one_or_none()
        return bool(lease == taken.lease)


def _lock_mentor_of(connection: Connection, dataset_id: str) -> None:
    """Nobody else changes the documents of its mentor now: all lock the mentor, then the rest.

    Where it is gone already there is nothing to lock, and nothing to find afterwards.
    """
    query = (
        select(mentors.c.id)
        .join(datasets, datasets.c.mentor_id == mentors.c.id)
        .where(datasets.c.id == dataset_id)
    )
    connection.execute(query.with_for_update(of=mentors, key_share=True))


def _is_free(moment: Any) -> Any:
    return or_(trainings.c.leased_until.is_(None), trainings.c.leased_until <= moment)
