"""Campus IT: the few people who sign in to the standalone admin with a password.

The first one comes by a setup link, printed once by the command line; a setup link for an
e-mail address that is known already sets a new password.
"""

import hashlib
import re
import secrets
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import timedelta
from functools import cache
from typing import Any

from argon2 import PasswordHasher
from argon2.exceptions import VerificationError
from sqlalchemy import (
    Column,
    Connection,
    ForeignKey,
    Row,
    String,
    Table,
    Text,
    UniqueConstraint,
    delete,
    insert,
    select,
    update,
)

from mentorai.core.clock import now
from mentorai.core.database import Database, Instant, metadata
from mentorai.core.errors import InputRejected, NotFound
from mentorai.core.identifiers import new_id
from mentorai.core.organizations import organizations
from mentorai.core.row_locks import delete_old

SETUP_HOURS = 24
PASSWORD_LENGTH = (12, 200)
EMAIL = re.compile(r"[^@\s]{1,64}@[^@\s]{1,189}")

admins = Table(
    "admins",
    metadata,
    Column("id", String(36), primary_key=True),
    Column("organization_id", ForeignKey("organizations.id"), nullable=False),
    Column("email", String(254), nullable=False),
    Column("password_hash", Text, nullable=False),
    Column("stamp", String(32), nullable=False),
    Column("created_at", Instant, nullable=False),
    UniqueConstraint("email"),
)

setup_codes = Table(
    "setup_codes",
    metadata,
    Column("code_hash", String(64), primary_key=True),
    Column("organization_id", ForeignKey("organizations.id"), nullable=False),
    Column("expires_at", Instant, nullable=False),
)


@dataclass(frozen=True, slots=True)
class Admin:
    """One person of campus IT.

    stamp: changes with the password and at sign-out; a browser that shows an old one is out.
    """

    id: str
    organization_id: str
    email: str
    stamp: str


class Admins:
    """Who may sign in to the standalone admin."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def any(self) -> bool:
        """Whether anyone has set up the admin yet."""
        with self._database.read() as connection:
            return connection.execute(select(admins.c.id).limit(1)).first() is not None

    def issue_setup_code(self, organization_slug: str = "default") -> str:
        """A code that makes one admin of this organization: good once, for 24 hours."""
        code, moment = secrets.token_urlsafe(32), now()
        with self._database.write() as connection:
            delete_old(connection, setup_codes, setup_codes.c.expires_at <= moment)
            organization_id = connection.execute(
                select(organizations.c.id).where(organizations.c.slug == organization_slug)
            ).scalar_one_or_none()
            if organization_id is None:
                raise NotFound("There is no such organization.")
            connection.execute(
                insert(setup_codes).values(
                    code_hash=_digest(code),
                    organization_id=organization_id,
                    expires_at=moment + timedelta(hours=SETUP_HOURS),
                )
            )
        return code

    def check_setup_code(self, code: str) -> None:
        """Look at a setup code without using it. Raises NotFound if it is of no use any more."""
        with self._database.read() as connection:
            row = connection.execute(
                select(setup_codes).where(setup_codes.c.code_hash == _digest(code))
            ).first()
        if row is None or row.expires_at <= now():
            raise _useless()

    def take_setup_code(self, code: str, email: str, password: str) -> Admin:
        """Use a setup code: make the admin, or give a known one a new password.

        The code is used up only when both texts are right.
        Raises InputRejected (email, password); NotFound for a code that was used or is too old.
        """
        email = email.strip().casefold()
        _check(email, password)
        self.check_setup_code(code)
        password_hash = _hasher().hash(password)
        with self._database.write() as connection:
            organization_id = _take(connection, code)
            return _put(connection, organization_id, email, password_hash)

    def sign_in(self, email: str, password: str) -> Admin:
        """The admin with this password. An unknown address costs the same work.

        Raises InputRejected without saying which of the two was wrong.
        """
        query = select(admins).where(admins.c.email == email.strip().casefold())
        with self._database.read() as connection:
            row = connection.execute(query).first()
        kept = (row.password_hash if row else "") or _nobody()
        try:
            _hasher().verify(kept, password[: PASSWORD_LENGTH[1]])
        except VerificationError:
            row = None
        if row is None:
            raise InputRejected({"password": ["The e-mail address or the password is not right."]})
        if _hasher().check_needs_rehash(kept):
            self._change(row.id, password_hash=_hasher().hash(password))
        return read_admin(row)

    def get(self, admin_id: str) -> Admin:
        """The admin. Raises NotFound."""
        with self._database.read() as connection:
            row = connection.execute(select(admins).where(admins.c.id == admin_id)).first()
        if row is None:
            raise NotFound("There is no such administrator.")
        return read_admin(row)

    def find_emails(self, organization_id: str) -> Mapping[str, str]:
        """The e-mail address of each administrator of an organization, by id."""
        query = select(admins.c.id, admins.c.email)
        query = query.where(admins.c.organization_id == organization_id)
        with self._database.read() as connection:
            return {row.id: row.email for row in connection.execute(query)}

    def find(self, email: str) -> Admin | None:
        """The admin of this e-mail address."""
        query = select(admins).where(admins.c.email == email.strip().casefold())
        with self._database.read() as connection:
            row = connection.execute(query).first()
        return read_admin(row) if row else None

    def sign_out(self, admin_id: str) -> None:
        """Sign this person out of every browser."""
        self._change(admin_id, stamp=secrets.token_hex(16))

    def _change(self, admin_id: str, **values: str) -> None:
        with self._database.write() as connection:
            connection.execute(update(admins).where(admins.c.id == admin_id).values(values))


def _take(connection: Connection, code: str) -> str:
    where = setup_codes.c.code_hash == _digest(code)
    row = connection.execute(select(setup_codes).where(where)).first()
    # The deletion is the taking: only one transaction can see its one row go.
    taken = connection.execute(delete(setup_codes).where(where)).rowcount
    if row is None or taken != 1:
        raise _useless()
    organization_id: str = row.organization_id
    return organization_id


def _put(connection: Connection, organization_id: str, email: str, password_hash: str) -> Admin:
    facts = {"password_hash": password_hash, "stamp": secrets.token_hex(16)}
    row = connection.execute(select(admins).where(admins.c.email == email)).first()
    if row is None:
        made = {"id": new_id(), "organization_id": organization_id, "email": email}
        connection.execute(insert(admins).values(**made, **facts, created_at=now()))
        return Admin(**made, stamp=facts["stamp"])
    if row.organization_id != organization_id or not row.password_hash:
        # Who came by a campus account is called by an address that nobody here has proven: a
        # password for it would make two people one.
        raise InputRejected({"email": ["This address cannot be used here."]})
    connection.execute(update(admins).where(admins.c.id == row.id).values(facts))
    return Admin(row.id, organization_id, email, facts["stamp"])


def _check(email: str, password: str) -> None:
    shortest, longest = PASSWORD_LENGTH
    errors = {}
    if not EMAIL.fullmatch(email):
        errors["email"] = ["Enter an e-mail address, such as name@campus.edu."]
    if not shortest <= len(password) <= longest:
        errors["password"] = [f"{shortest} to {longest} characters, please."]
    elif password.casefold() == email or len(set(password)) < 4:
        errors["password"] = ["This password is too easy to guess."]
    if errors:
        raise InputRejected(errors)


def _useless() -> NotFound:
    return NotFound("This setup link was used already or is too old. Ask for a new one.")


@cache
def _hasher() -> PasswordHasher:
    return PasswordHasher()


@cache
def _nobody() -> str:
    return _hasher().hash(secrets.token_hex(16))


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def insert_admin(connection: Connection, organization_id: str, email: str) -> Admin:
    """A new administrator without a password, now and later."""
    admin = Admin(new_id(), organization_id, email, secrets.token_hex(16))
    connection.execute(insert(admins).values(**asdict(admin), password_hash="", created_at=now()))
    return admin


def read_admin(row: Row[Any]) -> Admin:
    """The administrator in a row of the table."""
    return Admin(row.id, row.organization_id, row.email, row.stamp)
