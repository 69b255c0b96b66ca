"""Sign-ons: who came in by a campus provider, kept so that the provider can end it too.

A row is one coming in: of a person into a session, or of campus IT into the admin. It names what
the provider knows of it (authority, subject, its own id of the sign-on), and goes when it ended
or ran out. In its place stays the provider's word that it ended, for as long as tokens from before
may be shown.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import NAMESPACE_OID, uuid5

from sqlalchemy import (
    Column,
    ColumnElement,
    Connection,
    ForeignKey,
    Index,
    String,
    Table,
    delete,
    func,
    insert,
    select,
)
from sqlalchemy.exc import IntegrityError

from mentorai.core.clock import now
from mentorai.core.database import Database, Instant, metadata
from mentorai.core.identifiers import new_id
from mentorai.core.people import People, identities, people
from mentorai.core.row_locks import delete_old, hold_rows
from mentorai.core.values import Identity, Person

SUBJECT_LENGTH = 255
# Longer than any token of a provider that is worth asking about.
REMEMBERED = timedelta(days=1)

sign_ons = Table(
    "sign_ons",
    metadata,
    Column("id", String(36), primary_key=True),
    Column("organization_id", ForeignKey("organizations.id"), nullable=False),
    Column("authority", String(200), nullable=False),
    Column("subject", String(SUBJECT_LENGTH), nullable=False),
    Column("sign_on_id", String(SUBJECT_LENGTH)),
    Column("session_id", ForeignKey("sessions.id", ondelete="CASCADE")),
    Column("admin_id", ForeignKey("admins.id", ondelete="CASCADE")),
    Column("expires_at", Instant, nullable=False, index=True),
    # Of a provider's word: when it was given.
    Column("ended_at", Instant),
    Index("ix_sign_ons_whose", "authority", "subject"),
)


@dataclass(frozen=True, slots=True)
class SignOff:
    """A provider's word that somebody signed out there.

    id: what the provider calls this word, so that it counts once. subject: who; empty if it names
    the sign-on alone. sign_on_id: that sign-on, and no other of theirs; None: all of them.
    """

    organization_id: str
    authority: str
    id: str
    subject: str = ""
    sign_on_id: str | None = None


@dataclass(frozen=True, slots=True)
class EndedSignOns:
    """What a provider's word ended: ids of sessions, and of administrators."""

    session_ids: Sequence[str]
    admin_ids: Sequence[str]


class SignOns:
    """The sign-ons of every organization."""

    def __init__(self, database: Database, persons: People) -> None:
        self._database = database
        self._people = persons

    def note(
        self,
        connection: Connection,
        organization_id: str,
        identity: Identity,
        *,
        expires_at: datetime,
        session_id: str | None = None,
        admin_id: str | None = None,
    ) -> None:
        """Keep that this identity came in, into a session or as an administrator."""
        connection.execute(
            insert(sign_ons).values(
                id=new_id(),
                organization_id=organization_id,
                authority=identity.authority,
                subject=identity.subject,
                sign_on_id=identity.sign_on_id,
                session_id=session_id,
                admin_id=admin_id,
                expires_at=expires_at,
            )
        )
        mine = sign_ons.c.organization_id == organization_id
        delete_old(connection, sign_ons, mine, sign_ons.c.expires_at <= now())

    def take(self, word: SignOff) -> EndedSignOns:
        """Forget the sign-ons that a provider says are over, and say what they had opened.

        One that was noted without an id of its own is over when its subject is named. The same
        word again takes nothing.
        """
        ended = EndedSignOns((), ())
        if not word.subject and word.sign_on_id is None:
            return ended
        try:
            with self._database.write() as connection:
                connection.execute(insert(sign_ons).values(_keep(word)))
                over = (
                    sign_ons.c.organization_id == word.organization_id,
                    sign_ons.c.authority == word.authority,
                    sign_ons.c.ended_at.is_(None),
                    _is_named(word.subject, word.sign_on_id),
                )
                hold_rows(connection, sign_ons, *over, to_delete=True)
                taking = delete(sign_ons).where(*over)
                rows = connection.execute(taking.returning(*sign_ons.c)).all()
        except IntegrityError:
            # This word was heard before.
            return ended
        return EndedSignOns(
            [row.session_id for row in rows if row.session_id],
            sorted({row.admin_id for row in rows if row.admin_id}),
        )

    def is_over(self, organization_id: str, identity: Identity, issued_at: datetime) -> bool:
        """Whether the provider ended, since `issued_at`, the sign-on that a token speaks of."""
        of_all = (sign_ons.c.subject == identity.subject) & sign_ons.c.sign_on_id.is_(None)
        of_one = sign_ons.c.sign_on_id == identity.sign_on_id
        if identity.sign_on_id is None:
            of_one = sign_ons.c.subject == identity.subject
        query = select(sign_ons.c.id).where(
            sign_ons.c.organization_id == organization_id,
            sign_ons.c.authority == identity.authority,
            sign_ons.c.ended_at >= issued_at,
            of_all | of_one,
        )
        with self._database.read() as connection:
            return connection.execute(query.limit(1)).first() is not None

    def put_person(
        self, connection: Connection, organization_id: str, identity: Identity
    ) -> Person:
        """Who this identity is here: known by it before, or new.

        Where campus IT has said so (matches_email), one person whom an LMS knows by the same
        e-mail address is the same person; of several nobody is.
        """
        who = (organization_id, identity.authority, identity.subject)
        known = self._people.find_identity(connection, *who)
        if known is None and identity.matches_email and identity.email:
            twin = _find_by_email(connection, organization_id, identity.email)
            if twin is not None:
                self._people.put_identity(connection, *who, twin)
        return self._people.put_known(connection, *who, identity.name, identity.email)


def _keep(word: SignOff) -> dict[str, object]:
    """The row of a provider's word; the same word has the same id."""
    text = "\n".join((word.organization_id, word.authority, word.id))
    moment = now()
    return {
        "id": str(uuid5(NAMESPACE_OID, text)),
        "organization_id": word.organization_id,
        "authority": word.authority,
        "subject": word.subject,
        "sign_on_id": word.sign_on_id,
        "ended_at": moment,
        "expires_at": moment + REMEMBERED,
    }


def _is_named(subject: str, sign_on_id: str | None) -> ColumnElement[bool]:
    if sign_on_id is None:
        return sign_ons.c.subject == subject
    is_that = sign_ons.c.sign_on_id == sign_on_id
    if not subject:
        return is_that
    return (sign_ons.c.subject == subject) & (is_that | sign_ons.c.sign_on_id.is_(None))


def _find_by_email(connection: Connection, organization_id: str, email: str) -> str | None:
    """The one person with this address whom an LMS vouches for.

    What a portal or another provider says of an address counts for nothing here.
    """
    query = (
        select(people.c.id)
        .join(identities, identities.c.person_id == people.c.id)
        .where(
            people.c.organization_id == organization_id,
            func.lower(people.c.email) == email.lower(),
            identities.c.authority.like("lti:%"),
        )
        .distinct()
        .limit(2)
    )
    found = connection.execute(query).scalars().all()
    return found[0] if len(found) == 1 else None
