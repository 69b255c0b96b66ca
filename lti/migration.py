"""Migration from LTI 1.1: old ids of people and places, believed when signed or approved.

This toolkit never ran LTI 1.1; IT brings a table of what the old ids stand for. A launch whose
migration claim is signed with the secret of a known consumer key is the person, and the place,
that the table has. Anything else merges nothing: what it would have merged waits for IT.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

import structlog
from sqlalchemy import (
    Column,
    ForeignKey,
    String,
    Table,
    UniqueConstraint,
    and_,
    func,
    insert,
    select,
    update,
)
from sqlalchemy.exc import IntegrityError

from mentorai.core.clock import now
from mentorai.core.course_copies import CourseCopies
from mentorai.core.database import Database, Instant, metadata
from mentorai.core.errors import ConfigurationError, Conflict, NotFound
from mentorai.core.identifiers import new_id
from mentorai.core.people import People
from mentorai.core.values import FormerIds, Launch
from mentorai.lti.consumer_keys import ConsumerKey, ConsumerKeys
from mentorai.lti.migration_claim import MigrationClaim

PERSON, PLACE = "person", "place"
WAITING, APPROVED, REFUSED = "waiting", "approved", "refused"
# What is wrong with a claim, as IT reads it.
REASONS = {
    "signature_missing": "the LMS did not sign it",
    "signature_wrong": "the signature does not fit the secret, or is of another launch",
    "conflict": "the person is known here by both ids, as two",
}
MOST_WAITING = 20_000
log = structlog.get_logger(__name__)

migration_requests = Table(
    "migration_requests",
    metadata,
    Column("id", String(36), primary_key=True),
    Column("organization_id", ForeignKey("organizations.id"), nullable=False),
    Column("registration_id", ForeignKey("registrations.id", ondelete="CASCADE"), nullable=False),
    Column("authority", String(200), nullable=False),
    Column("kind", String(8), nullable=False),
    Column("present_id", String(255), nullable=False),
    Column("former_id", String(255), nullable=False),
    Column("reason", String(32), nullable=False),
    Column("status", String(16), nullable=False, index=True),
    Column("created_at", Instant, nullable=False),
    Column("decided_at", Instant),
    UniqueConstraint(
        "registration_id", "authority", "kind", "present_id", "former_id",
        name="uq_migration_requests_pair",
    ),
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class MigrationRequest:
    """Two ids of which a platform said, without proof, that they are the same.

    kind: `person` or `place`. authority: who gave the former id. reason: a name of REASONS.
    """

    id: str
    organization_id: str
    registration_id: str
    authority: str
    kind: str
    present_id: str
    former_id: str
    reason: str
    status: str
    created_at: datetime


class Migrations:
    """What platforms say of old ids, and what became of it."""

    def __init__(
        self, database: Database, keys: ConsumerKeys, people: People, course_copies: CourseCopies
    ) -> None:
        self._database = database
        self._keys = keys
        self._people = people
        self._course_copies = course_copies

    def vouch(self, launch: Launch, claim: MigrationClaim | None) -> Launch:
        """The launch with the former ids that its claim proves, or that IT approved.

        Only for launches that passed every check.
        """
        key = self._keys.find(launch.organization_id, claim.consumer_key) if claim else None
        if claim is None or key is None:
            if claim is not None:
                log.warning("migration_key_unknown", registration=launch.registration_id)
            return launch
        link_id = launch.resource_link.lms_id if launch.resource_link else None
        former = FormerIds(
            authority=key.authority,
            subject=(claim.user_id or launch.subject) if launch.subject else None,
            resource_link_id=claim.resource_link_id or link_id,
        )
        reason = self._judge(key, claim)
        if reason:
            log.warning(
                "migration_not_verified", reason=reason, registration=launch.registration_id
            )
            return replace(launch, former=self._ask(launch, former, link_id, reason))
        self._join(launch, former)
        return replace(launch, former=former)

    def list(
        self, organization_id: str, *, status: str = WAITING, registration_id: str | None = None
    ) -> Sequence[MigrationRequest]:
        """The requests of this status, oldest first."""
        query = _SELECT.where(
            migration_requests.c.organization_id == organization_id,
            migration_requests.c.status == status,
        ).order_by(migration_requests.c.created_at, migration_requests.c.id)
        if registration_id:
            query = query.where(migration_requests.c.registration_id == registration_id)
        with self._database.read() as connection:
            return [MigrationRequest(*row) for row in connection.execute(query)]

    def approve(self, organization_id: str, request_id: str) -> None:
        """Believe one request. A person's present id belongs to the former person from now on;
        a place takes over the former place's mentor when it is next opened and has none.

        Raises NotFound; Conflict if it was decided, or nobody has the former id any more.
        """
        request = self._take(organization_id, request_id, APPROVED)
        if request.kind != PERSON:
            return
        with self._database.write() as connection:
            person = self._people.find_identity(
                connection, organization_id, request.authority, request.former_id
            )
            if person is None:
                raise Conflict("Nobody is known by the former id any more.")
            self._people.put_identity(
                connection,
                organization_id,
                f"lti:{request.registration_id}",
                request.present_id,
                person.id,
            )

    def refuse(self, organization_id: str, request_id: str) -> None:
        """Believe one request never. Raises NotFound, Conflict."""
        self._take(organization_id, request_id, REFUSED)

    def _judge(self, key: ConsumerKey, claim: MigrationClaim) -> str:
        """What is wrong with the claim; empty if nothing is."""
        if not claim.signature:
            return "signature_missing"
        try:
            secret = self._keys.read_secret(key)
        except ConfigurationError:
            log.exception("consumer_key_unreadable")
            return "signature_wrong"
        return "" if claim.is_signed_with(secret) else "signature_wrong"

    def _join(self, launch: Launch, former: FormerIds) -> None:
        """Write down that a known person has the former id too, or that somebody else has it."""
        if launch.subject is None or former.subject is None:
            return
        organization_id, subject = launch.organization_id, launch.subject
        authority = f"lti:{launch.registration_id}"
        with self._database.read() as connection:
            present = self._people.find_identity(connection, organization_id, authority, subject)
            before = self._people.find_identity(
                connection, organization_id, former.authority, former.subject
            )
        if present is None or (before is not None and before.id == present.id):
            return
        if before is not None:
            self._put(launch, former.authority, PERSON, (subject, former.subject), "conflict")
            return
        with self._database.write() as connection:
            self._people.put_identity(
                connection, organization_id, former.authority, former.subject, present.id
            )

    def _ask(
        self, launch: Launch, former: FormerIds, link_id: str | None, reason: str
    ) -> FormerIds | None:
        """Have IT decide on what this would merge; what of it was approved already."""
        organization_id, subject = launch.organization_id, launch.subject
        if subject and former.subject and self._is_news(launch, former, subject):
            self._put(launch, former.authority, PERSON, (subject, former.subject), reason)
        before = former.resource_link_id
        if not (link_id and before):
            return None
        if not self._course_copies.has_former_place(organization_id, former.authority, before):
            return None
        status = self._put(launch, former.authority, PLACE, (link_id, before), reason)
        return replace(former, subject=None) if status == APPROVED else None

    def _is_news(self, launch: Launch, former: FormerIds, subject: str) -> bool:
        authority = f"lti:{launch.registration_id}"
        with self._database.read() as connection:
            before = self._people.find_identity(
                connection, launch.organization_id, former.authority, former.subject or ""
            )
            present = self._people.find_identity(
                connection, launch.organization_id, authority, subject
            )
        return before is not None and (present is None or present.id != before.id)

    def _put(
        self, launch: Launch, authority: str, kind: str, pair: tuple[str, str], reason: str
    ) -> str:
        """Keep a request, with what is wrong with the claim of late; its status."""
        key = {
            "registration_id": launch.registration_id,
            "authority": authority,
            "kind": kind,
            "present_id": pair[0],
            "former_id": pair[1],
        }
        mine = and_(*(migration_requests.c[name] == value for name, value in key.items()))
        known = select(migration_requests.c.status).where(mine)
        count = select(func.count()).where(
            migration_requests.c.registration_id == launch.registration_id,
            migration_requests.c.status == WAITING,
        )
        row: dict[str, Any] = {
            "id": new_id(),
            "organization_id": launch.organization_id,
            "reason": reason,
            "status": WAITING,
            "created_at": now(),
        }
        with self._database.write() as connection:
            status: str | None = connection.execute(known).scalar()
            if status == WAITING:
                is_other = and_(mine, migration_requests.c.reason != reason)
                connection.execute(update(migration_requests).where(is_other).values(reason=reason))
            if status is None and connection.execute(count).scalar_one() < MOST_WAITING:
                try:
                    with connection.begin_nested():
                        connection.execute(insert(migration_requests).values(**row, **key))
                except IntegrityError:
                    pass  # Another launch of the same person, at this moment.
        return status or WAITING

    def _take(self, organization_id: str, request_id: str, status: str) -> MigrationRequest:
        mine = and_(
            migration_requests.c.organization_id == organization_id,
            migration_requests.c.id == request_id,
        )
        change = update(migration_requests).where(mine, migration_requests.c.status == WAITING)
        with self._database.write() as connection:
            row = connection.execute(_SELECT.where(mine)).first()
            if row is None:
                raise NotFound("There is no such request.")
            if not connection.execute(change.values(status=status, decided_at=now())).rowcount:
                raise Conflict("This request was decided already.")
        return MigrationRequest(*row)


_SELECT = select(*(migration_requests.c[name] for name in MigrationRequest.__dataclass_fields__))
