"""The table of API keys, and what its rows are read as."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

from sqlalchemy import (
    BigInteger,
    Column,
    ForeignKey,
    Integer,
    Row,
    String,
    Table,
    Text,
    UniqueConstraint,
)

from mentorai.core.clock import now
from mentorai.core.database import Instant, metadata

api_keys = Table(
    "api_keys",
    metadata,
    # The id as a number (key_text.py): what a check looks for.
    Column(
        "number",
        BigInteger().with_variant(Integer(), "sqlite"),
        primary_key=True,
        autoincrement=False,
    ),
    # The public part of the key's text.
    Column("id", String(10), nullable=False, unique=True),
    Column("organization_id", ForeignKey("organizations.id"), nullable=False),
    # None for a provisioning key.
    Column("mentor_id", ForeignKey("mentors.id", ondelete="CASCADE"), index=True),
    Column("kind", String(16), nullable=False),
    Column("name", String(100), nullable=False),
    # The mentor, or the organization for a provisioning key: never NULL, so that names clash.
    Column("bound_to", String(36), nullable=False),
    # The name ignoring case; NULL once deleted, so that the name is free again.
    Column("name_taken", String(400)),
    Column("digest", String(100), nullable=False),
    Column("last_four", String(4), nullable=False),
    # Space-separated.
    Column("scopes", Text, nullable=False),
    Column("author", Text, nullable=False),
    # The form that asked for this key, so that sending it twice makes one.
    Column("once", String(100)),
    Column("created_at", Instant, nullable=False),
    Column("expires_at", Instant, index=True),
    Column("disabled_at", Instant),
    Column("revoked_at", Instant),
    Column("last_used_at", Instant),
    Column("last_used_ip", String(45)),
    # Space-separated networks; empty: any address.
    Column("allowed_ips", Text, nullable=False, server_default=""),
    # Calls in a minute; NULL: as the setting says.
    Column("rate_limit", Integer),
    # Calls in a month of UTC; NULL: any number.
    Column("monthly_quota", Integer),
    # The key that a rotation made of this one.
    Column("replaced_by", String(10)),
    # The last reminder that was told: this many days before the end.
    Column("reminded_days", Integer),
    UniqueConstraint("bound_to", "name_taken"),
    UniqueConstraint("bound_to", "once"),
)

Kind = Literal["mentor", "provisioning"]
State = Literal["active", "inactive", "expired", "revoked"]


@dataclass(frozen=True, slots=True)
class ApiKey:
    """A key as lists show it; the secret is not in it.

    state: as it was when this was read. hint: enough of the text to recognise it by.
    allowed_ips: networks, none for any address. rate_limit: calls a minute, None as the setting
    says. monthly_quota: calls a month. replaced_by: the id of the key that a rotation made of it.
    """

    id: str
    organization_id: str
    mentor_id: str | None
    kind: Kind
    name: str
    scopes: tuple[str, ...]
    author: str
    created_at: datetime
    expires_at: datetime | None
    last_used_at: datetime | None
    last_used_ip: str | None
    last_four: str
    state: State
    allowed_ips: tuple[str, ...] = ()
    rate_limit: int | None = None
    monthly_quota: int | None = None
    replaced_by: str | None = None

    @property
    def hint(self) -> str:
        """`mai_<id>_…<last four>`."""
        return f"mai_{self.id}_…{self.last_four}"


@dataclass(frozen=True, slots=True)
class CheckedKey:
    """A key that was accepted. mentor_id is None for a provisioning key.

    rate_limit: its own number of calls a minute, or None. monthly_quota: calls a month, or None.
    mentor_name: as it was when the key was last read, which is half a second ago at most.
    """

    id: str
    organization_id: str
    mentor_id: str | None
    scopes: frozenset[str]
    name: str
    kind: Kind
    expires_at: datetime | None
    rate_limit: int | None = None
    monthly_quota: int | None = None
    mentor_name: str | None = None


def _state(row: Row[Any]) -> State:
    if row.revoked_at is not None:
        return "revoked"
    if row.expires_at is not None and row.expires_at <= now():
        return "expired"
    return "inactive" if row.disabled_at is not None else "active"


def read_key(row: Row[Any], last_use: tuple[datetime, str] | None) -> ApiKey:
    """Read a row as a key. last_use: a use that is not written yet; the later one counts."""
    at, address = last_use or (None, None)
    if row.last_used_at is not None and (at is None or at < row.last_used_at):
        at, address = row.last_used_at, row.last_used_ip
    return ApiKey(
        id=row.id,
        organization_id=row.organization_id,
        mentor_id=row.mentor_id,
        kind=row.kind,
        name=row.name,
        scopes=tuple(row.scopes.split()),
        author=row.author,
        created_at=row.created_at,
        expires_at=row.expires_at,
        last_used_at=at,
        last_used_ip=address,
        last_four=row.last_four,
        state=_state(row),
        allowed_ips=tuple(row.allowed_ips.split()),
        rate_limit=row.rate_limit,
        monthly_quota=row.monthly_quota,
        replaced_by=row.replaced_by,
    )
