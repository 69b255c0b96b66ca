"""Invitations: single-use links with which an LMS may register itself in one organization.

Only a hash of the link's secret is kept. Whoever holds the link may begin; a claim decides who of
several that use it at the same time goes on, and the invitation is used up when that registration
succeeded. A claim that came to nothing, or whose process died, frees it again.
"""

import hashlib
import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import urlsplit

from sqlalchemy import Column, ForeignKey, Row, String, Table, delete, insert, or_, select, update

from mentorai.core.audit import Audit
from mentorai.core.clock import now
from mentorai.core.database import Database, Instant, metadata
from mentorai.core.errors import Conflict, InputRejected, InvitationInvalid, NotFound
from mentorai.core.identifiers import is_id, new_id
from mentorai.core.row_locks import delete_old

PREFIX = "mri_"
HOST_LENGTH = 255
# Longer than a registration may take; a process that died in one blocks no longer than this.
CLAIM = timedelta(minutes=5)

invitations = Table(
    "registration_invitations",
    metadata,
    Column("id", String(36), primary_key=True),
    Column("organization_id", ForeignKey("organizations.id"), nullable=False, index=True),
    Column("token_hash", String(64), nullable=False, unique=True),
    Column("expected_host", String(HOST_LENGTH), nullable=False),
    Column("author", String(64), nullable=False),
    Column("created_at", Instant, nullable=False),
    Column("expires_at", Instant, nullable=False),
    Column("claim", String(36)),
    Column("claimed_until", Instant),
    Column("used_at", Instant),
    # No foreign key: the invitation is history when its registration goes.
    Column("registration_id", String(36)),
)


@dataclass(frozen=True, slots=True)
class Invitation:
    """One invitation, without its secret. expected_host: the only LMS that it is for, if not empty.

    author: who made it. registration_id: what came of it.
    """

    id: str
    organization_id: str
    expected_host: str
    author: str
    created_at: datetime
    expires_at: datetime
    used_at: datetime | None
    registration_id: str | None

    @property
    def is_open(self) -> bool:
        """Whether it can still be used."""
        return self.used_at is None and self.expires_at > now()


class Invitations:
    """The invitations of every organization."""

    def __init__(self, database: Database, audit: Audit) -> None:
        self._database = database
        self._audit = audit

    def issue(
        self, organization_id: str, *, author: str, hours: int, expected_host: str = ""
    ) -> tuple[Invitation, str]:
        """A new invitation and the secret of its link, which is shown this once.

        expected_host: a host name, or an address of the LMS. Raises InputRejected.
        """
        host = _read_host(expected_host)
        token, moment = PREFIX + secrets.token_urlsafe(32), now()
        row = {
            "id": new_id(),
            "organization_id": organization_id,
            "token_hash": _hash(token),
            "expected_host": host,
            "author": author,
            "created_at": moment,
            "expires_at": moment + timedelta(hours=hours),
        }
        with self._database.write() as connection:
            is_over = (invitations.c.used_at.is_(None), invitations.c.expires_at <= moment)
            delete_old(connection, invitations, *is_over)
            connection.execute(insert(invitations).values(row))
            self._audit.write(
                connection,
                organization_id=organization_id,
                actor=author,
                action="invitation_issued",
                subject=str(row["id"]),
                facts={"expected_host": host},
            )
        return self.get(organization_id, str(row["id"])), token

    def list(self, organization_id: str) -> Sequence[Invitation]:
        """The open invitations of an organization, newest first."""
        query = (
            select(invitations)
            .where(
                invitations.c.organization_id == organization_id,
                invitations.c.used_at.is_(None),
                invitations.c.expires_at > now(),
            )
            .order_by(invitations.c.created_at.desc(), invitations.c.id)
        )
        with self._database.read() as connection:
            return [_invitation(row) for row in connection.execute(query)]

    def get(self, organization_id: str, invitation_id: str) -> Invitation:
        """One invitation. Raises NotFound."""
        if not is_id(invitation_id):
            raise NotFound("There is no such invitation.")
        with self._database.read() as connection:
            row = connection.execute(
                select(invitations).where(*_of(organization_id, invitation_id))
            ).first()
        if row is None:
            raise NotFound("There is no such invitation.")
        return _invitation(row)

    def has_brought(self, organization_id: str, registration_id: str) -> bool:
        """Whether an LMS registered itself by an invitation, or did so anew."""
        query = select(invitations.c.id).where(
            invitations.c.organization_id == organization_id,
            invitations.c.registration_id == registration_id,
        )
        with self._database.read() as connection:
            return connection.execute(query.limit(1)).first() is not None

    def withdraw(self, organization_id: str, invitation_id: str, *, author: str) -> None:
        """End an invitation before its time. Raises NotFound."""
        self.get(organization_id, invitation_id)
        with self._database.write() as connection:
            gone = connection.execute(
                delete(invitations).where(
                    *_of(organization_id, invitation_id), invitations.c.used_at.is_(None)
                )
            ).rowcount
            if not gone:
                raise NotFound("There is no such invitation.")
            self._audit.write(
                connection,
                organization_id=organization_id,
                actor=author,
                action="invitation_withdrawn",
                subject=invitation_id,
            )

    def check(self, token: str) -> Invitation:
        """The open invitation with this secret, which stays unused. Raises InvitationInvalid."""
        query = select(invitations).where(invitations.c.token_hash == _hash(token))
        with self._database.read() as connection:
            row = connection.execute(query).first()
        if row is None or not _invitation(row).is_open:
            raise InvitationInvalid()
        return _invitation(row)

    def claim(self, token: str) -> str:
        """Take the invitation for one attempt to register; one of many at once gets it.

        Raises InvitationInvalid; Conflict while another attempt is under way.
        """
        self.check(token)
        moment, claim = now(), new_id()
        free = or_(invitations.c.claimed_until.is_(None), invitations.c.claimed_until < moment)
        with self._database.write() as connection:
            taken = connection.execute(
                update(invitations)
                .where(
                    invitations.c.token_hash == _hash(token),
                    invitations.c.used_at.is_(None),
                    invitations.c.expires_at > moment,
                    free,
                )
                .values(claim=claim, claimed_until=moment + CLAIM)
            ).rowcount
        if not taken:
            self.check(token)
            raise Conflict("This invitation is being used at this moment, perhaps in another tab.")
        return claim

    def release(self, claim: str) -> None:
        """Give an invitation back after an attempt that failed."""
        with self._database.write() as connection:
            connection.execute(
                update(invitations)
                .where(invitations.c.claim == claim, invitations.c.used_at.is_(None))
                .values(claim=None, claimed_until=None)
            )

    def use_up(self, claim: str, registration_id: str) -> None:
        """End an invitation: its attempt succeeded."""
        with self._database.write() as connection:
            row = connection.execute(
                update(invitations)
                .where(invitations.c.claim == claim)
                .values(used_at=now(), registration_id=registration_id)
                .returning(invitations.c.id, invitations.c.organization_id)
            ).first()
            if row is not None:
                self._audit.write(
                    connection,
                    organization_id=row.organization_id,
                    actor=f"invitation:{row.id}",
                    action="registration_received",
                    subject=registration_id,
                )


def _read_host(text: str) -> str:
    """The host in a host name or an address; empty stays empty. Raises InputRejected."""
    text = text.strip()
    if not text:
        return ""
    try:
        host = urlsplit(text if "://" in text else f"https://{text}").hostname or ""
    except ValueError:
        host = ""
    if not host or len(host) > HOST_LENGTH or not host.isascii() or " " in host:
        raise InputRejected({"expected_host": ["A host name such as lms.example.edu, please."]})
    return host


def _of(organization_id: str, invitation_id: str) -> tuple[Any, Any]:
    return (
        invitations.c.organization_id == organization_id,
        invitations.c.id == invitation_id,
    )


def _invitation(row: Row[Any]) -> Invitation:
    return Invitation(
        id=row.id,
        organization_id=row.organization_id,
        expected_host=row.expected_host,
        author=row.author,
        created_at=row.created_at,
        expires_at=row.expires_at,
        used_at=row.used_at,
        registration_id=row.registration_id,
    )


def _hash(token: str) -> str:
    return hashlib.sha256(token.encode("utf-8", "replace")).hexdigest()
