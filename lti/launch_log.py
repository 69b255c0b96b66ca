"""The launch log: the last launches and refused attempts, for campus IT.

Noting costs a launch next to nothing: what happened waits in memory and is redacted and written
about once a second, in a batch; the last second is lost if the process is killed with -9.

It is bounded, whoever sends what. A registration keeps the last KEPT_VERIFIED messages that its
platform surely sent, and apart from them the last KEPT_UNVERIFIED that anybody may have sent; an
organization as many of those that fit no registration; all of them DAYS. In a second one process
writes at most BURST_UNVERIFIED that are not verified, and counts the rest.
"""

import math
import threading
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

import structlog
from sqlalchemy import Column, ColumnElement, Connection, func, select, update

from mentorai.core.afterwards import Afterwards
from mentorai.core.clock import now
from mentorai.core.database import Database
from mentorai.core.prepared import execute_each
from mentorai.core.row_locks import delete_old
from mentorai.core.sessions import sessions
from mentorai.core.values import Launch
from mentorai.core.webhook_events import note_refused_launch
from mentorai.lti.launch_log_rows import (
    ADD,
    ADMITTED,
    SHOWN,
    LaunchEntry,
    Note,
    Sender,
    Visit,
    find_link_id,
    find_owners,
    launch_log,
    make_row,
)
from mentorai.lti.redaction import read_harmless

FLUSH_SECONDS = 1.0
KEPT_VERIFIED, KEPT_UNVERIFIED = 1_000, 300
DAYS = timedelta(days=30)
BURST_VERIFIED, BURST_UNVERIFIED = 2_000, 50
# How many rows of one kind a process writes before it looks for old ones to delete.
PRUNE_EVERY = 100
AGE_SECONDS = 3_600.0
BATCH = 25
REASON_LENGTH = 300
log = structlog.get_logger(__name__)


class LaunchLog:
    """The launches of every registration, and the attempts that fit none."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._lock = threading.Lock()
        self._writing = threading.Lock()
        self._waiting: list[Note] = []
        self._unverified = self._left_out = 0
        self._flushes = Afterwards(self.flush, FLUSH_SECONDS)
        self._written: dict[tuple[str | None, bool], int] = {}
        self._aged = -math.inf

    def note_admitted(
        self,
        launch: Launch,
        *,
        claims: Mapping[str, Any],
        way: str,
        visit: Visit,
        session_id: str | None = None,
    ) -> None:
        """A launch was let in. claims: of its id_token. way: cookie, storage or new_tab.

        session_id: of what it opened, whose own way counts as long as it is there.
        """
        facts = {
            "organization_id": launch.organization_id,
            "registration_id": launch.registration_id,
            "is_verified": True,
            "at": now(),
            "outcome": ADMITTED,
            "message_type": launch.message_type[:64],
            "deployment_id": launch.deployment_id,
            "way": way,
            "session_id": session_id,
        }
        self._note(Note(facts, visit, claims))

    def note_refused(
        self, sender: Sender, *, code: str, reason: str, clause: str, visit: Visit
    ) -> None:
        """A login or a launch was refused."""
        known = sender.registration_id
        facts = {
            "organization_id": None,
            "registration_id": known,
            "is_verified": sender.is_verified,
            "at": now(),
            "outcome": code[:64],
            "reason": reason[:REASON_LENGTH],
            "clause": clause[:REASON_LENGTH],
            "issuer": "" if known else read_harmless(sender.issuer),
            "client_id": "" if known else read_harmless(sender.client_id),
        }
        self._note(Note(facts, visit, sender.claims))

    def note_way(self, opened_id: str, way: str) -> None:
        """What a launch opened that is no session, and so keeps no way of its own, was entered."""
        self.flush()
        change = update(launch_log).where(launch_log.c.session_id == opened_id)
        with self._database.write() as connection:
            connection.execute(change.values(way=way))

    def flush(self) -> None:
        """Write what waits in memory, and delete what is too much. Raises nothing."""
        with self._writing:
            with self._lock:
                notes, self._waiting = self._waiting, []
                left_out, self._left_out = self._left_out, 0
                self._unverified = 0
            if left_out:
                log.warning("launch_log_overrun", left_out=left_out)
            if not notes:
                return
            try:
                self._write(notes)
            except Exception as error:
                log.error("launch_log_not_written", count=len(notes), exc_info=error)

    def list(
        self,
        organization_id: str,
        *,
        registration_id: str | None = None,
        is_matched: bool | None = None,
        outcome: str = "",
        is_refused: bool = False,
        reference: str = "",
        page: int = 1,
        page_size: int = 50,
    ) -> tuple[int, Sequence[LaunchEntry]]:
        """How many entries there are, and one page of them, newest first.

        is_matched: False for those that fit no registration, True for those that do.
        reference: as a person may type it: case and spaces around it do not matter.
        """
        wanted: list[ColumnElement[bool]] = [launch_log.c.organization_id == organization_id]
        if registration_id is not None:
            wanted.append(launch_log.c.registration_id == registration_id)
        if is_matched is not None:
            wanted.append(launch_log.c.registration_id.is_not(None) == is_matched)
        if outcome:
            wanted.append(launch_log.c.outcome == outcome)
        if is_refused:
            wanted.append(launch_log.c.outcome != ADMITTED)
        if reference.strip():
            wanted.append(func.lower(launch_log.c.reference) == reference.strip().lower())
        rows = (
            select(*SHOWN)
            .select_from(launch_log.outerjoin(sessions, sessions.c.id == launch_log.c.session_id))
            .where(*wanted)
            .order_by(launch_log.c.id.desc())
            .limit(page_size)
            .offset((page - 1) * page_size)
        )
        with self._database.read() as connection:
            count = connection.execute(
                select(func.count()).select_from(launch_log).where(*wanted)
            ).scalar_one()
            entries = [LaunchEntry(**row) for row in connection.execute(rows).mappings()]
        return count, entries

    def count_outcomes(
        self, organization_id: str, registration_id: str | None, *, since: datetime | None = None
    ) -> Mapping[str, int]:
        """How often each outcome is in the log, the most frequent first.

        registration_id: None for the attempts that fit no registration.
        """
        wanted = [
            launch_log.c.organization_id == organization_id,
            _is(launch_log.c.registration_id, registration_id),
        ]
        if since is not None:
            wanted.append(launch_log.c.at >= since)
        query = select(launch_log.c.outcome, func.count()).where(*wanted)
        grouped = query.group_by(launch_log.c.outcome).order_by(
            func.count().desc(), launch_log.c.outcome
        )
        with self._database.read() as connection:
            rows = connection.execute(grouped).all()
        return {row[0]: row[1] for row in rows}

    def _note(self, note: Note) -> None:
        with self._lock:
            if self._is_full(note):
                self._left_out += 1
                return
            self._waiting.append(note)
            self._unverified += not note.facts["is_verified"]
        self._flushes.ask()

    def _is_full(self, note: Note) -> bool:
        if note.facts["is_verified"]:
            return len(self._waiting) - self._unverified >= BURST_VERIFIED
        return self._unverified >= BURST_UNVERIFIED

    def _write(self, notes: Sequence[Note]) -> None:
        written: list[dict[str, Any]] = []
        for some in _cut(notes):
            try:
                written += self._write_some(notes[some])
            except Exception as error:
                # The others have nothing to do with it.
                count = some.stop - some.start
                log.error("launch_log_not_written", count=count, exc_info=error)
        if written:
            self._tidy(written)

    def _tidy(self, rows: Sequence[Mapping[str, Any]]) -> None:
        for kind in self._find_due(rows):
            with self._database.write() as connection:
                _prune(connection, kind)
        if time.monotonic() - self._aged > AGE_SECONDS:
            with self._database.write() as connection:
                delete_old(connection, launch_log, launch_log.c.at < now() - DAYS)
            self._aged = time.monotonic()

    def _write_some(self, notes: Sequence[Note]) -> Sequence[dict[str, Any]]:
        rows = [make_row(note) for note in notes]
        with self._database.write() as connection:
            find_owners(connection, rows)
            execute_each(connection, ADD, rows)
            for note, row in zip(notes, rows, strict=True):
                if row["outcome"] != ADMITTED:
                    note_refused_launch(connection, row, find_link_id(note.claims))
        return rows

    def _find_due(
        self, rows: Iterable[Mapping[str, Any]]
    ) -> Sequence[tuple[str, str | None, bool]]:
        """The kinds of rows that have grown enough to be pruned: owner, registration, verified."""
        due = {}
        for row in rows:
            kind = (row["registration_id"], row["is_verified"])
            # The first row of a process is looked at too: processes come and go.
            count = self._written.get(kind, PRUNE_EVERY - 1) + 1
            if count >= PRUNE_EVERY:
                due[row["organization_id"], *kind] = True
                count = 0
            self._written[kind] = count
        return list(due)


def _cut(notes: Sequence[Note]) -> Iterator[slice]:
    """A few at a time, since launches wait while the database is written; and a refused one by
    itself, because the webhooks that hear of it are locked in their order for one event only.
    """
    outcomes = [note.facts["outcome"] for note in notes]
    start = 0
    while start < len(notes):
        end = start + 1
        while end < min(len(notes), start + BATCH) and outcomes[start] == ADMITTED == outcomes[end]:
            end += 1
        yield slice(start, end)
        start = end


def _prune(connection: Connection, kind: tuple[str, str | None, bool]) -> None:
    organization_id, registration_id, is_verified = kind
    same = (
        launch_log.c.organization_id == organization_id,
        _is(launch_log.c.registration_id, registration_id),
        launch_log.c.is_verified == is_verified,
    )
    kept = KEPT_VERIFIED if is_verified else KEPT_UNVERIFIED
    oldest = select(launch_log.c.id).where(*same).order_by(launch_log.c.id.desc())
    last_id = connection.execute(oldest.offset(kept).limit(1)).scalar()
    if last_id is not None:
        delete_old(connection, launch_log, *same, launch_log.c.id <= last_id)


def _is(column: Column[Any], value: str | None) -> ColumnElement[bool]:
    return column.is_(None) if value is None else column == value
