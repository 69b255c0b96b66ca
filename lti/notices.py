"""Notices: what a platform tells the tool by itself, each a token signed as a launch is.

A notice counts once. One that comes again, as platforms repeat what they got no answer to, is
taken with thanks and changes nothing.
Source: LTI Platform Notification Service 1.0, sections 3 (notices) and 5 (delivery).
"""

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import structlog
from sqlalchemy import Column, Connection, ForeignKey, String, Table, insert, select
from sqlalchemy.exc import IntegrityError

from mentorai.core.clock import now
from mentorai.core.course_copies import ORIGINS, CourseCopies
from mentorai.core.database import Database, Instant, metadata
from mentorai.core.errors import (
    ClaimMissing,
    InputRejected,
    MentorAIError,
    MessageUnsupported,
    PlatformError,
    TokenInvalid,
)
from mentorai.core.identifiers import new_id
from mentorai.core.row_locks import delete_old
from mentorai.lti.claims import (
    CLAIM,
    ID_LENGTH,
    LIFE_SECONDS,
    VERSION,
    Claims,
    check_times,
    read_audience,
    read_context,
    read_deployment,
    read_issuer,
    read_object,
)
from mentorai.lti.keysets import Keysets
from mentorai.lti.registrations import Registration, Registrations
from mentorai.lti.signed_tokens import check_signature, read_token

HELLO, CONTEXT_COPY = "LtiHelloWorldNotice", "LtiContextCopyNotice"
BODY_BYTES = 500_000
NOTICES = 100
KIND_LENGTH = 64
# Far longer than any token lives; kept so that IT can see what came.
KEPT = timedelta(days=30)
CLAUSE = "LTI Platform Notification Service 1.0, section 3"
log = structlog.get_logger(__name__)

notices = Table(
    "notices",
    metadata,
    Column("id", String(36), primary_key=True),
    Column("organization_id", ForeignKey("organizations.id"), nullable=False),
    Column("registration_id", ForeignKey("registrations.id", ondelete="CASCADE"), nullable=False),
    Column("deployment_id", String(255), nullable=False),
    Column("kind", String(KIND_LENGTH), nullable=False),
    Column("once_hash", String(64), nullable=False, unique=True),
    Column("received_at", Instant, nullable=False, index=True),
)


@dataclass(frozen=True, slots=True)
class Notice:
    """One verified notice. once: what makes it this one and no other."""

    registration: Registration
    deployment_id: str
    kind: str
    once: str
    claims: Claims


@dataclass(frozen=True, slots=True)
class Received:
    """A notice that came. received_at: aware UTC."""

    deployment_id: str
    kind: str
    received_at: datetime


class Notices:
    """The notices of every platform."""

    def __init__(
        self,
        database: Database,
        registrations: Registrations,
        keysets: Keysets,
        course_copies: CourseCopies,
    ) -> None:
        self._database = database
        self._registrations = registrations
        self._keysets = keysets
        self._course_copies = course_copies

    def take(self, body: bytes) -> int:
        """Take what a platform posted; how many of its notices are new.

        Every notice that can be believed is taken, also beside one that cannot; then the first
        fault is raised, so that the platform may send the rest again.
        Raises InputRejected; LaunchRejected of the kinds that a token can earn; PlatformError
        while the platform's keys cannot be had.
        """
        fault: MentorAIError | None = None
        taken = 0
        for jwt in read_body(body):
            try:
                taken += self._take_one(self._read(jwt))
            except MentorAIError as error:
                log.warning("notice_refused", code=error.code, reason=error.message)
                fault = fault or error
        if fault is not None:
            raise fault
        return taken

    def list(
        self, organization_id: str, registration_id: str, limit: int = 20
    ) -> Sequence[Received]:
        """The notices of a platform that came last, newest first."""
        query = (
            select(notices.c.deployment_id, notices.c.kind, notices.c.received_at)
            .where(
                notices.c.organization_id == organization_id,
                notices.c.registration_id == registration_id,
            )
            .order_by(notices.c.received_at.desc(), notices.c.id)
            .limit(limit)
        )
        with self._database.read() as connection:
            return [Received(*row) for row in connection.execute(query)]

    def _read(self, jwt: str) -> Notice:
        token = read_token(jwt)
        claims = token.claims
        registration = self._registrations.check(read_issuer(claims), read_audience(claims))
        try:
            check_signature(token, self._keysets.find, registration.keyset_url)
        except TokenInvalid as error:
            if isinstance(error.__cause__, PlatformError):
                # Not the notice's fault: the platform is to send it again.
                raise error.__cause__ from error
            raise
        # A platform that could not reach us repeats what it signed hours ago.
        check_times(claims, now(), oldest_seconds=LIFE_SECONDS)
        if claims.get(f"{CLAIM}version") != VERSION:
            raise MessageUnsupported(
                "The LMS speaks a version of LTI that is not served here (version).", clause=CLAUSE
            )
        found = read_object(claims, f"{CLAIM}notice")
        return Notice(
            registration=registration,
            deployment_id=read_deployment(claims, registration),
            kind=_read_kind(found),
            once=_read_once(claims, found),
            claims=claims,
        )

    def _take_one(self, notice: Notice) -> int:
        with self._database.write() as connection:
            if not _put_once(connection, notice):
                return 0
            # In the same transaction: what could not be kept may come again.
            if notice.kind == CONTEXT_COPY:
                self._copy_context(connection, notice)
        log.info(
            "notice_taken",
            kind=notice.kind if notice.kind in (HELLO, CONTEXT_COPY) else "unknown",
            registration=notice.registration.id,
        )
        return 1

    def _copy_context(self, connection: Connection, notice: Notice) -> None:
        context = read_context(notice.claims)
        if context is None:
            raise ClaimMissing("The notice names no course (context).", clause=CLAUSE)
        registration = notice.registration
        self._course_copies.note(
            connection,
            registration.organization_id,
            registration.id,
            context.lms_id,
            _read_origins(notice.claims),
        )


def read_body(body: bytes) -> Sequence[str]:
    """The tokens of a delivery, `{"notices": [{"jwt": ...}]}`. Raises InputRejected."""
    if len(body) > BODY_BYTES:
        raise InputRejected({"notices": [f"At most {BODY_BYTES} bytes, please."]})
    try:
        found = json.loads(body)
    except (ValueError, RecursionError) as error:
        raise InputRejected({"notices": ["Send JSON."]}) from error
    listed = found.get("notices") if isinstance(found, dict) else None
    if not isinstance(listed, list) or len(listed) > NOTICES:
        raise InputRejected({"notices": [f"Send an object with a list of at most {NOTICES}."]})
    tokens = [each.get("jwt") if isinstance(each, dict) else None for each in listed]
    if not all(isinstance(token, str) and token for token in tokens):
        raise InputRejected({"notices": ["Each is an object with a token (jwt)."]})
    return [str(token) for token in tokens]


def _read_kind(notice: Mapping[str, Any]) -> str:
    kind = notice.get("type")
    if not isinstance(kind, str) or not kind:
        raise ClaimMissing("The notice does not say what it is (notice.type).", clause=CLAUSE)
    if len(kind) > KIND_LENGTH or not kind.isprintable():
        raise TokenInvalid("The type of the notice cannot be read (notice.type).", clause=CLAUSE)
    return kind


def _read_once(claims: Claims, notice: Mapping[str, Any]) -> str:
    """The notice's own id, else the token's: a repeated notice may be signed anew."""
    for name, found in (("id", notice.get("id")), *((n, claims.get(n)) for n in ("nonce", "jti"))):
        if isinstance(found, str) and 0 < len(found) <= ID_LENGTH:
            return f"{name} {found}"
    raise ClaimMissing("The notice has no id of its own (notice.id, nonce, jti).", clause=CLAUSE)


def _read_origins(claims: Claims) -> Sequence[str]:
    found = claims.get(f"{CLAIM}origin_contexts")
    if not isinstance(found, list) or not found:
        raise ClaimMissing(
            "The notice does not say what was copied (origin_contexts).", clause=CLAUSE
        )
    if not all(isinstance(e, str) and 0 < len(e) <= ID_LENGTH and e.isprintable() for e in found):
        raise TokenInvalid("The ids of what was copied cannot be read.", clause=CLAUSE)
    return found[:ORIGINS]


def _put_once(connection: Connection, notice: Notice) -> bool:
    """Whether this notice was not there yet; of any number at once, one is told so."""
    registration, moment = notice.registration, now()
    delete_old(connection, notices, notices.c.received_at < moment - KEPT)
    row = {
        "id": new_id(),
        "organization_id": registration.organization_id,
        "registration_id": registration.id,
        "deployment_id": notice.deployment_id,
        "kind": notice.kind,
        "once_hash": hashlib.sha256(f"{registration.id} {notice.once}".encode()).hexdigest(),
        "received_at": moment,
    }
    try:
        with connection.begin_nested():
            connection.execute(insert(notices).values(row))
    except IntegrityError:
        return False
    return True
