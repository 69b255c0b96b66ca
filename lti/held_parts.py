"""The parts of budgets that calls of this process hold, renewed for as long as they are under way.

A process that is killed renews nothing more, so that others need not wait long for what it held.
"""

import os
import threading
import time
from dataclasses import dataclass

import structlog

from mentorai.core.database import Database
from mentorai.lti.budget_rows import RENEW, find_span

RENEW_SECONDS = 1.0
log = structlog.get_logger(__name__)


@dataclass(eq=False, slots=True)
class HeldPart:
    """So many units of the budget `name`, taken or last renewed in a span of time."""

    name: str
    units: float
    span: int


class HeldParts:
    """What this process holds of all budgets."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._lock = threading.Lock()
        self._pid = os.getpid()
        self._parts: set[HeldPart] = set()
        self._timer: threading.Timer | None = None

    def add(self, part: HeldPart) -> None:
        """A call has taken a part, and is under way from now on."""
        with self._lock:
            if self._pid != os.getpid():
                # What the process holds that this one was forked from, it renews itself.
                self._pid, self._parts, self._timer = os.getpid(), set(), None
            self._parts.add(part)
            self._watch()

    def remove(self, part: HeldPart) -> None:
        """Its call is over: it is not renewed any more, and its span stays what it is."""
        with self._lock:
            self._parts.discard(part)

    def _watch(self) -> None:
        if self._timer is None:
            self._timer = threading.Timer(RENEW_SECONDS, self._renew)
            self._timer.daemon = True
            self._timer.start()

    def _renew(self) -> None:
        """Have what was taken in an earlier span count in this one, and look again later."""
        with self._lock:
            span, self._timer = find_span(time.time()), None
            try:
                for part in self._parts:
                    if part.span < span:
                        part.span = self._renew_part(part, span)
            except Exception as error:
                # The database may be away for a while; the next look will see.
                log.warning("parts_not_renewed", reason=type(error).__name__)
            if self._parts:
                self._watch()

    def _renew_part(self, part: HeldPart, span: int) -> int:
        facts = {"mine": part.name, "part": part.units, "taken_in": part.span, "this_span": span}
        row = self._database.run(RENEW, facts)
        return span if row is None else int(row.span)
