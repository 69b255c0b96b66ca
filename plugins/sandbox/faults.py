"""Misbehaviour to order: what an endpoint does wrong, how often, until when.

slow        waits `seconds`, then goes on
status      answers `status` (with Retry-After when `retry_after` is given)
media_type  answers rightly, but calls it text/html
page        answers `status` with a page, as a gateway in front of an LMS does
garbage     answers 200 with a page that is not what was asked for
drop        closes the connection without an answer
half        closes it in the middle of the answer
error       the auth endpoint posts the OAuth error `error` back to the tool

With `after`, status, page, garbage, drop and half come when the work is done: the platform took the
score and the tool never learns of it.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from threading import Lock
from typing import Any

from mentorai.core.errors import InputRejected, NotFound
from mentorai.core.identifiers import new_id

ENDPOINTS = (
    "auth",
    "jwks",
    "token",
    "line_items",
    "line_item",
    "scores",
    "results",
    "members",
    "groups",
    "deep_link",
    "openid_configuration",
    "registration",
    "notice_handlers",
)
KINDS = ("slow", "status", "page", "media_type", "garbage", "drop", "half", "error")
LONGEST_WAIT_SECONDS = 120.0


@dataclass(frozen=True, slots=True)
class Fault:
    """One misbehaviour of one of ENDPOINTS, or of `*`; times: how often, None: until cleared."""

    id: str
    endpoint: str
    kind: str
    seconds: float = 0.0
    status: int = 500
    retry_after: int | None = None
    times: int | None = None
    after: bool = False
    error: str = "login_required"

    def as_dict(self) -> dict[str, Any]:
        """The fault as the control API shows it."""
        return asdict(self)


class Faults:
    """The faults in force, in the order they were asked for."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._faults: dict[str, Fault] = {}

    def add(self, endpoint: str, kind: str, **facts: Any) -> Fault:
        """Ask for a fault. facts: the other fields of Fault. Raises InputRejected."""
        given = {name: value for name, value in facts.items() if value is not None}
        _check({"endpoint": endpoint, "kind": kind} | given)
        fault = Fault(id=new_id(), endpoint=endpoint, kind=kind, **given)
        with self._lock:
            self._faults[fault.id] = fault
        return fault

    def list(self) -> Sequence[Fault]:
        """Every fault that is still in force."""
        with self._lock:
            return list(self._faults.values())

    def clear(self, fault_id: str | None = None) -> None:
        """End one fault, or all of them. Raises NotFound."""
        with self._lock:
            if fault_id is None:
                self._faults.clear()
            elif self._faults.pop(fault_id, None) is None:
                raise NotFound("There is no such fault.")

    def take(self, endpoint: str) -> Sequence[Fault]:
        """The faults that this request meets; each counts as met once."""
        with self._lock:
            met = [f for f in self._faults.values() if f.endpoint in (endpoint, "*")]
            for fault in met:
                self._count(fault)
        return met

    def _count(self, fault: Fault) -> None:
        if fault.times is None:
            return
        if fault.times <= 1:
            del self._faults[fault.id]
        else:
            facts = asdict(fault) | {"times": fault.times - 1}
            self._faults[fault.id] = Fault(**facts)


def _check(given: Mapping[str, Any]) -> None:
    rules: dict[str, Callable[[Any], bool]] = {
        "endpoint": lambda v: v in (*ENDPOINTS, "*"),
        "kind": lambda v: v in KINDS,
        "seconds": lambda v: _number(v) and 0 <= v <= LONGEST_WAIT_SECONDS,
        "status": lambda v: _whole(v) and 400 <= v <= 599,
        "retry_after": lambda v: _whole(v) and 0 <= v <= 86_400,
        "times": lambda v: _whole(v) and 1 <= v <= 1_000_000,
        "after": lambda v: isinstance(v, bool),
        "error": lambda v: isinstance(v, str) and 0 < len(v) <= 60,
    }
    errors = {
        name: ["The sandbox cannot do that." if name in rules else "There is no such field."]
        for name, value in given.items()
        if name not in rules or not rules[name](value)
    }
    if errors:
        raise InputRejected(errors)


def _number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _whole(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)
