"""Data Privacy launches: somebody wants to know what is kept here, of themselves or of all.

No course, no mentor and so no session: a visit of an hour to one page, kept for the browser that
began it. Source: LTI Data Privacy Launch 1.0.
"""

import hashlib
import hmac
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import timedelta

from sqlalchemy import (
    Boolean,
    Column,
    ForeignKey,
    String,
    Table,
    insert,
    select,
)

from mentorai.core.clock import now
from mentorai.core.database import Database, Instant, metadata
from mentorai.core.errors import StateMismatch
from mentorai.core.identifiers import new_id
from mentorai.core.people import People
from mentorai.core.row_locks import delete_old
from mentorai.core.values import Launch
from mentorai.lti.claims import CLAIM, Claims, read_object
from mentorai.lti.page_handoffs import PageHandoffs
from mentorai.lti.submission_review import read_for_user

LIFETIME = timedelta(hours=1)
CLAUSE = "LTI Data Privacy Launch 1.0"
# Whoever runs the LMS, not whoever runs one course of it.
ADMINISTRATORS = (
    "http://purl.imsglobal.org/vocab/lis/v2/institution/person#Administrator",
    "http://purl.imsglobal.org/vocab/lis/v2/system/person#Administrator",
    "http://purl.imsglobal.org/vocab/lis/v2/system/person#SysAdmin",
    "http://purl.imsglobal.org/vocab/lis/v2/system/person#SysSupport",
)

visits = Table(
    "privacy_visits",
    metadata,
    Column("id", String(36), primary_key=True),
    Column("organization_id", ForeignKey("organizations.id"), nullable=False),
    Column("registration_id", String(36), nullable=False),
    Column("person_id", String(36)),
    Column("is_own", Boolean, nullable=False),
    Column("is_administrator", Boolean, nullable=False),
    Column("binding_hash", String(64), nullable=False),
    Column("handoff_hash", String(64), unique=True),
    Column("handoff_until", Instant),
    Column("proof_hash", String(64)),
    Column("expires_at", Instant, nullable=False, index=True),
)


@dataclass(frozen=True, slots=True)
class PrivacyRequest:
    """Whom it is about, by the platform's id; None: whoever asks, whom the launch may not name."""

    about: str | None
    is_own: bool
    is_administrator: bool


@dataclass(frozen=True, slots=True)
class PrivacyVisit:
    """One open visit. person_id: None when nothing is kept of the person it is about.

    is_own: whether that is whoever looks. is_administrator: whether they run the LMS.
    """

    id: str
    organization_id: str
    registration_id: str
    person_id: str | None
    is_own: bool
    is_administrator: bool


def read_request(claims: Claims, subject: str | None, roles: Iterable[str]) -> PrivacyRequest:
    """What a Data Privacy launch asks for: those who run the LMS may ask about anyone.

    Others get what is theirs, whomever the message names. Raises ClaimMissing, TokenInvalid.
    """
    is_administrator = not set(roles).isdisjoint(ADMINISTRATORS) and subject is not None
    about = read_for_user(claims) if read_object(claims, f"{CLAIM}for_user") else subject
    if not is_administrator:
        about = subject
    return PrivacyRequest(about, about == subject, is_administrator)


class PrivacyVisits:
    """The open visits; each belongs to the browser that began it."""

    def __init__(self, database: Database, people: People) -> None:
        self._database = database
        self._people = people
        self.handoffs = PageHandoffs(database, visits)

    def put(
        self, launch: Launch, asked: PrivacyRequest, binding: str, *, visit_id: str | None = None
    ) -> str:
        """Begin a visit for the browser that shows `binding`; its id.

        visit_id: the id it is to have; a new one otherwise.
        """
        moment = now()
        visit_id = visit_id or new_id()
        with self._database.write() as connection:
            person = asked.about and self._people.find_identity(
                connection, launch.organization_id, f"lti:{launch.registration_id}", asked.about
            )
            delete_old(connection, visits, visits.c.expires_at < moment)
            connection.execute(
                insert(visits).values(
                    id=visit_id,
                    organization_id=launch.organization_id,
                    registration_id=launch.registration_id,
                    person_id=person.id if person else None,
                    is_own=asked.is_own,
                    is_administrator=asked.is_administrator,
                    binding_hash=_hash(binding),
                    expires_at=moment + LIFETIME,
                )
            )
        return visit_id

    def check(self, visit_id: str, binding: str) -> PrivacyVisit:
        """The open visit of this browser. Raises StateMismatch."""
        with self._database.read() as connection:
            row = connection.execute(select(visits).where(visits.c.id == visit_id)).first()
        is_open = row is not None and row.expires_at > now()
        if row is None or not is_open or not hmac.compare_digest(row.binding_hash, _hash(binding)):
            raise StateMismatch("This page is no longer open; begin again from your LMS.")
        return PrivacyVisit(**{n: getattr(row, n) for n in PrivacyVisit.__dataclass_fields__})


def _hash(secret: str) -> str:
    return hashlib.sha256(secret.encode()).hexdigest()
