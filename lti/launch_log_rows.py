"""The rows of the launch log: what is noted of a message, how it is kept, and whose it is."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from sqlalchemy import (
    JSON,
    BigInteger,
    Boolean,
    Column,
    Connection,
    ForeignKey,
    Index,
    Integer,
    String,
    Table,
    Text,
    func,
    insert,
    select,
)

from mentorai.core.database import Instant, metadata
from mentorai.core.organizations import organizations
from mentorai.core.prepared import Prepared
from mentorai.core.sessions import sessions
from mentorai.lti.browsers import name_browser
from mentorai.lti.claims import CLAIM
from mentorai.lti.redaction import read_harmless, redact_claims
from mentorai.lti.registrations import registrations

ADMITTED = "admitted"

launch_log = Table(
    "launch_log",
    metadata,
    # Counts up, so that entries of one instant keep their order.
    Column("id", BigInteger().with_variant(Integer, "sqlite"), primary_key=True),
    Column("organization_id", ForeignKey("organizations.id"), nullable=False),
    # NULL: fits no registration. No foreign key: an entry outlives the registration.
    Column("registration_id", String(36)),
    # Whether the platform's signature fits.
    Column("is_verified", Boolean, nullable=False),
    Column("at", Instant, nullable=False),
    # "admitted", or the code of the error.
    Column("outcome", String(64), nullable=False),
    Column("reason", Text, nullable=False),
    Column("clause", Text, nullable=False),
    Column("message_type", String(64), nullable=False),
    Column("deployment_id", String(255), nullable=False),
    # cookie, storage, new_tab; empty when the launch did not come so far. A session that it
    # opened knows better, once the browser has come in.
    Column("way", String(16), nullable=False),
    Column("session_id", String(36)),
    Column("browser", String(64), nullable=False),
    Column("reference", String(64), nullable=False),
    # As they came, where no registration says them.
    Column("issuer", String(255), nullable=False),
    Column("client_id", String(255), nullable=False),
    Column("claims", JSON, nullable=False),
    # The only one: each costs every launch something, and the table is small.
    Index("ix_launch_log_kind", "registration_id", "is_verified", "id"),
)

# Every column but the number that counts up.
ADD = Prepared(
    insert(launch_log), [column.name for column in launch_log.columns if column.name != "id"]
)


@dataclass(frozen=True, slots=True)
class Visit:
    """The request: its reference number, and the User-Agent header that it came with."""

    reference: str
    user_agent: str


@dataclass(frozen=True, slots=True)
class Sender:
    """Who sent a message, as far as that is known.

    is_verified: the signature fits and the registration is active. issuer, client_id: what the
    message says of itself. claims: of the message, if it could be read.
    """

    registration_id: str | None = None
    is_verified: bool = False
    issuer: str = ""
    client_id: str = ""
    claims: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class LaunchEntry:
    """One launch or attempt. outcome: `admitted`, or the code of the error that ended it.

    registration_id: None if it fits none; then issuer and client_id are what was sent.
    claims: `names` and `values` (lti/redaction.py). session_id: of what it opened.
    """

    id: int
    organization_id: str
    registration_id: str | None
    is_verified: bool
    at: datetime
    outcome: str
    reason: str
    clause: str
    message_type: str
    deployment_id: str
    way: str
    browser: str
    reference: str
    issuer: str
    client_id: str
    claims: Mapping[str, Any]
    session_id: str | None

    @property
    def is_admitted(self) -> bool:
        """Whether the person was let in."""
        return self.outcome == ADMITTED


@dataclass(frozen=True, slots=True)
class Note:
    """A row to be; claims: of the id_token, redacted when the row is written."""

    facts: Mapping[str, Any]
    visit: Visit
    claims: Mapping[str, Any]


# The columns of a LaunchEntry, read from the log and the sessions that it opened.
SHOWN = [
    func.coalesce(sessions.c.way, launch_log.c.way).label("way") if name == "way" else column
    for name, column in launch_log.c.items()
]


def make_row(note: Note) -> dict[str, Any]:
    """The row of a note, by our columns; of its claims it has what harms nobody."""
    claims = redact_claims(note.claims)
    values = claims["values"]
    row = {
        "reason": "",
        "clause": "",
        "message_type": str(values.get("message_type", ""))[:64],
        "deployment_id": read_harmless(values.get("deployment_id", "")),
        "way": "",
        "session_id": None,
        "issuer": "",
        "client_id": "",
        "browser": name_browser(note.visit.user_agent)[:64],
        "reference": note.visit.reference[:64],
        "claims": claims,
    }
    return row | dict(note.facts)


def find_link_id(claims: Mapping[str, Any]) -> str | None:
    """The platform's id of the resource link that a message names, or None."""
    link = claims.get(f"{CLAIM}resource_link")
    link_id = link.get("id") if isinstance(link, dict) else None
    return link_id if isinstance(link_id, str) else None


def find_owners(connection: Connection, rows: Sequence[dict[str, Any]]) -> None:
    """Give each row that has no organization its own."""
    owners: dict[tuple[str | None, str], str] = {}
    for row in rows:
        if row["organization_id"] is None:
            sender = (row["registration_id"], row["issuer"])
            if sender not in owners:
                owners[sender] = _find_owner(connection, *sender)
            row["organization_id"] = owners[sender]


def _find_owner(connection: Connection, registration_id: str | None, issuer: str) -> str:
    """The organization of the registration, or that alone knows the issuer, or else the first.

    The first start of an installation made that one; its campus IT runs the installation.
    """
    of_registration = registrations.c.id == registration_id
    query = select(registrations.c.organization_id).where(
        of_registration if registration_id else registrations.c.issuer == issuer
    )
    found = connection.execute(query.distinct().limit(2)).scalars().all()
    if len(found) == 1:
        return str(found[0])
    first = select(organizations.c.id).order_by(organizations.c.created_at, organizations.c.id)
    return str(connection.execute(first.limit(1)).scalar_one())
