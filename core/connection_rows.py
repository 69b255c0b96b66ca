"""The rows of connections to LMSs' own APIs: their table, and what may be written into it."""

from collections.abc import Sequence
from typing import Any
from urllib.parse import urlsplit

from sqlalchemy import (
    JSON,
    Column,
    ColumnElement,
    ForeignKey,
    Row,
    String,
    Table,
    Text,
    UniqueConstraint,
)

from mentorai.core.database import Instant, metadata
from mentorai.core.errors import InputRejected
from mentorai.core.values import Connection

URL_LENGTH, ACCOUNT_LENGTH, SECRET_LENGTH = 500, 200, 2_000

platform_connections = Table(
    "platform_connections",
    metadata,
    Column("id", String(36), primary_key=True),
    Column("organization_id", ForeignKey("organizations.id"), nullable=False),
    # The database deletes the row with its registration, whose table is none of the core's.
    Column("registration_id", String(36), nullable=False),
    Column("kind", String(40), nullable=False),
    Column("base_url", String(URL_LENGTH), nullable=False),
    Column("account", String(ACCOUNT_LENGTH), nullable=False),
    Column("sealed_secret", Text, nullable=False),
    Column("sealed_tokens", Text),
    Column("scopes", JSON, nullable=False),
    Column("state", String(20), nullable=False),
    Column("reason", Text, nullable=False),
    Column("checked_at", Instant),
    Column("created_at", Instant, nullable=False),
    Column("created_by", Text, nullable=False),
    # When its facts were entered: tokens that were given for earlier ones are of no use.
    Column("changed_at", Instant, nullable=False),
    Column("renewing_by", String(36)),
    Column("renewing_until", Instant),
    UniqueConstraint("registration_id", "kind"),
)

# What a Connection shows: nothing that is sealed.
SHOWN = [platform_connections.c[name] for name in Connection.__dataclass_fields__]


def is_row(organization_id: str, connection_id: str) -> Sequence[ColumnElement[bool]]:
    """The row of this id."""
    return (
        platform_connections.c.organization_id == organization_id,
        platform_connections.c.id == connection_id,
    )


def is_that(connection: Connection) -> Sequence[ColumnElement[bool]]:
    """The row of this connection."""
    return is_row(connection.organization_id, connection.id)


def is_of(organization_id: str, registration_id: str, kind: str) -> Sequence[ColumnElement[bool]]:
    """The row of a registration's connection to one kind of API."""
    return (
        platform_connections.c.organization_id == organization_id,
        platform_connections.c.registration_id == registration_id,
        platform_connections.c.kind == kind,
    )


def read_row(row: Row[Any]) -> Connection:
    """A row of SHOWN columns as a connection."""
    facts = dict(row._mapping)
    return Connection(**facts | {"scopes": tuple(facts["scopes"])})


def check_facts(base_url: str, account: str, secret: str | None) -> dict[str, Any]:
    """What was entered, as it is kept, the secret apart. Raises InputRejected."""
    errors: dict[str, list[str]] = {}
    base_url, account = base_url.strip().rstrip("/"), account.strip()
    if not _is_address(base_url):
        errors["base_url"] = ["Enter the address of the LMS, such as https://school.example.edu."]
    if len(account) > ACCOUNT_LENGTH or not account.isprintable():
        errors["account"] = [f"Enter {ACCOUNT_LENGTH} printable characters at most."]
    if secret is not None and (len(secret) > SECRET_LENGTH or not secret.strip().isprintable()):
        errors["secret"] = [f"Enter {SECRET_LENGTH} printable characters at most."]
    if errors:
        raise InputRejected(errors)
    return {"base_url": base_url, "account": account}


def _is_address(text: str) -> bool:
    """Whether it has the form of one; whether it may be called is seen at each call."""
    if len(text) > URL_LENGTH or not text.isascii() or not text.isprintable() or " " in text:
        return False
    try:
        parts = urlsplit(text)
        host, _ = parts.hostname, parts.port
    except ValueError:
        return False
    is_plain = not parts.query and not parts.fragment and "@" not in parts.netloc
    return parts.scheme in ("https", "http") and bool(host) and is_plain
