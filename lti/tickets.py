"""Launch tickets: what a login began, kept until the launch that ends it takes it, once.

A ticket ties a state to its nonce, its registration and the browser that began. Only hashes
are kept, so that a copied database opens nothing. A state begins with its ticket's number, and
tickets are written in the order of their numbers: no index is kept for either, nor for their end.
"""

import hashlib
import re
import secrets
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import (
    BigInteger,
    Column,
    ColumnElement,
    Integer,
    String,
    Table,
    and_,
    bindparam,
    insert,
    select,
    update,
)

from mentorai.core.clock import now
from mentorai.core.database import Database, Instant, metadata
from mentorai.core.errors import NonceReused, StateMismatch, UnknownDeployment
from mentorai.core.prepared import Prepared
from mentorai.core.row_locks import delete_old

STATE_PREFIX = "state-"
LIFETIME = timedelta(minutes=10)
# How long after its ticket was taken a launch may be at opening something.
OPENING = timedelta(seconds=3)
SWEEP_SECONDS = 60.0
CLAUSE = "LTI Security Framework 1.0, section 5.1.1; OpenID Connect Core 1.0, section 3.2.2.11"
DEPLOYMENT_CLAUSE = "LTI Core 1.3, section 4.1.2 (lti_deployment_id)"
ELSEWHERE = "The launch ends in another deployment than it began in (lti_deployment_id)."

tickets = Table(
    "launch_tickets",
    metadata,
    Column("id", BigInteger().with_variant(Integer, "sqlite"), primary_key=True),
    Column("state_hash", String(64), nullable=False),
    Column("nonce_hash", String(64), nullable=False),
    Column("registration_id", String(36), nullable=False),
    Column("binding_hash", String(64), nullable=False),
    Column("deployment_id", String(255)),
    Column("expires_at", Instant, nullable=False),
    Column("taken_at", Instant),
    Column("storage_target", String(255)),
    Column("proof_hash", String(64)),
)

_STATE = re.compile(rf"{STATE_PREFIX}([0-9]{{1,18}})\.(.+)")


@dataclass(frozen=True, slots=True)
class Ticket:
    """A fresh ticket: the two secrets that go to the platform.

    proof: what the platform's storage keeps for the launch, when the login named a storage.
    """

    state: str
    nonce: str
    proof: str | None = None


@dataclass(frozen=True, slots=True)
class StoredProof:
    """What a login put into the platform's storage: in which frame, and the hash of what."""

    target: str
    proof_hash: str


@dataclass(frozen=True, slots=True)
class TakenTicket:
    """What a login knew. bound: whether the browser that ends the launch showed that it began."""

    bound: bool
    stored: StoredProof | None = None


_ISSUE = Prepared(
    insert(tickets).returning(tickets.c.id),
    [column.name for column in tickets.columns if column.name not in ("id", "taken_at")],
)
_MOMENT = bindparam("moment", type_=Instant)
_TAKEABLE = (
    update(tickets)
    .where(
        tickets.c.id == bindparam("number"),
        tickets.c.state_hash == bindparam("state"),
        tickets.c.nonce_hash == bindparam("nonce"),
        tickets.c.registration_id == bindparam("registration"),
        tickets.c.taken_at.is_(None),
        tickets.c.expires_at > _MOMENT,
        # A login that named a deployment ends in that one.
        tickets.c.deployment_id.is_(None) | (tickets.c.deployment_id == bindparam("deployment")),
    )
    .values(taken_at=_MOMENT)
    .returning(tickets.c.storage_target, tickets.c.proof_hash)
)
_TAKE = Prepared(_TAKEABLE)
# The bindings come as one text, so that the statement is the same for any number of them.
_TAKE_BOUND = Prepared(
    _TAKEABLE.where(bindparam("bindings", type_=String).contains(tickets.c.binding_hash))
)


class Tickets:
    """The launches that have begun and not yet ended."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._sweep_lock = threading.Lock()
        self._swept = time.monotonic()

    def issue(
        self,
        registration_id: str,
        binding: str,
        deployment_id: str | None,
        storage_target: str | None = None,
    ) -> Ticket:
        """A new ticket of LIFETIME for the browser that shows `binding`.

        storage_target: the frame of the platform's storage, if the launch may prove itself there.
        """
        secret, nonce = secrets.token_urlsafe(32), secrets.token_urlsafe(32)
        proof = secrets.token_urlsafe(32) if storage_target else None
        moment = now()
        if self._is_time_to_sweep():
            self._sweep(moment)
        kept = self._database.run(
            _ISSUE,
            {
                "state_hash": _hash(secret),
                "nonce_hash": _hash(nonce),
                "registration_id": registration_id,
                "binding_hash": _hash(binding),
                "deployment_id": deployment_id,
                "expires_at": moment + LIFETIME,
                "storage_target": storage_target,
                "proof_hash": _hash(proof) if proof else None,
            },
        )
        return Ticket(f"{STATE_PREFIX}{kept.id}.{secret}", nonce, proof)

    def take(
        self,
        state: str,
        *,
        nonce: str,
        registration_id: str,
        deployment_id: str,
        bindings: Sequence[str],
    ) -> TakenTicket:
        """Take the ticket, once: of any number of attempts at the same time one succeeds.

        bindings: what the browser showed, one of which must fit; none at all leaves the launch
        unbound. A ticket that is refused is not used up.
        deployment_id: the launch's own; a login that named one ends in that one.
        Raises NonceReused if it was taken; UnknownDeployment if the login named another;
        StateMismatch if state, nonce, registration and browser do not belong together, or it
        began too long ago.
        """
        moment = now()
        number, secret = _read_state(state)
        facts: dict[str, Any] = {
            "number": number,
            "state": _hash(secret),
            "nonce": _hash(nonce),
            "registration": registration_id,
            "deployment": deployment_id,
            "moment": moment,
        }
        take = _TAKE
        if bindings:
            take, facts = _TAKE_BOUND, facts | {"bindings": " ".join(map(_hash, bindings))}
        row = self._database.run(take, facts)
        if row is not None:
            return TakenTicket(
                bound=bool(bindings),
                stored=StoredProof(row.storage_target, row.proof_hash) if row.proof_hash else None,
            )
        with self._database.read() as connection:
            kept = connection.execute(select(tickets).where(_has_state(state))).first()
        if kept is not None and kept.taken_at is not None:
            raise NonceReused(clause=CLAUSE)
        if kept is not None and kept.deployment_id not in (None, deployment_id):
            raise UnknownDeployment(ELSEWHERE, clause=DEPLOYMENT_CLAUSE)
        raise StateMismatch(_explain(kept.expires_at if kept else None, moment), clause=CLAUSE)

    def was_just_taken(self, state: str) -> bool:
        """Whether the launch that took this ticket may still be at opening something."""
        query = select(tickets.c.taken_at).where(_has_state(state))
        with self._database.read() as connection:
            taken_at = connection.execute(query).scalar()
        return taken_at is not None and abs(now() - taken_at) < OPENING

    def find_registration_id(self, state: str) -> str | None:
        """The registration whose launch began with this state, taken or not; else None."""
        query = select(tickets.c.registration_id).where(_has_state(state))
        with self._database.read() as connection:
            return connection.execute(query).scalar()

    def _sweep(self, moment: datetime) -> None:
        """Remove what expired, which is what has the lowest numbers."""
        lasting = (
            select(tickets.c.id)
            .where(tickets.c.expires_at >= moment)
            .order_by(tickets.c.id)
            .limit(1)
        )
        expired = [tickets.c.expires_at < moment]
        with self._database.write() as connection:
            first = connection.execute(lasting).scalar()
            if first is not None:
                expired.append(tickets.c.id < first)
            delete_old(connection, tickets, *expired)

    def _is_time_to_sweep(self) -> bool:
        with self._sweep_lock:
            due = time.monotonic() - self._swept > SWEEP_SECONDS
            if due:
                self._swept = time.monotonic()
            return due


def _read_state(state: str) -> tuple[int, str]:
    """The ticket's number and its secret; a number that no ticket has for what is no state."""
    match = _STATE.fullmatch(state)
    return (int(match[1]), match[2]) if match else (0, state)


def _has_state(state: str) -> ColumnElement[bool]:
    number, secret = _read_state(state)
    return and_(tickets.c.id == number, tickets.c.state_hash == _hash(secret))


def _explain(expires_at: datetime | None, moment: datetime) -> str:
    if expires_at is not None and expires_at <= moment:
        return "This launch took longer than ten minutes; open the activity again."
    return ""


def _hash(secret: str) -> str:
    return hashlib.sha256(secret.encode()).hexdigest()
