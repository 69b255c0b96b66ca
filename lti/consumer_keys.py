"""Consumer keys of LTI 1.1, with their secrets: what a platform's migration claim is signed with.

IT enters them once; the secrets are sealed and never shown again.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import (
    Column,
    ForeignKey,
    String,
    Table,
    Text,
    UniqueConstraint,
    delete,
    insert,
    select,
)
from sqlalchemy.exc import IntegrityError

from mentorai.core.clock import now
from mentorai.core.database import Database, Instant, metadata
from mentorai.core.errors import Conflict, InputRejected, NotFound
from mentorai.core.identifiers import new_id
from mentorai.core.sealing import Seal
from mentorai.core.settings import Settings

KEY_LENGTH, SECRET_LENGTH = 255, 1_000

consumer_keys = Table(
    "consumer_keys",
    metadata,
    Column("id", String(36), primary_key=True),
    Column("organization_id", ForeignKey("organizations.id"), nullable=False),
    Column("consumer_key", String(KEY_LENGTH), nullable=False),
    Column("sealed_secret", Text, nullable=False),
    Column("created_at", Instant, nullable=False),
    UniqueConstraint(
        "organization_id", "consumer_key", name="uq_consumer_keys_organization_id_consumer_key"
    ),
)


@dataclass(frozen=True, slots=True)
class ConsumerKey:
    """One key. authority: how the ids that it vouches for are marked in `identities`."""

    id: str
    organization_id: str
    consumer_key: str
    created_at: datetime

    @property
    def authority(self) -> str:
        """Who gave the old ids."""
        return f"lti1p1:{self.id}"


class ConsumerKeys:
    """The consumer keys of every organization."""

    def __init__(self, database: Database, settings: Settings) -> None:
        self._database = database
        self._seal = Seal(settings)

    def add(self, organization_id: str, consumer_key: str, secret: str) -> ConsumerKey:
        """Keep a key with its secret. Raises InputRejected, Conflict."""
        faults = {}
        if not _is_text(consumer_key, KEY_LENGTH):
            faults["consumer_key"] = [f"1 to {KEY_LENGTH} printable characters, please."]
        if not _is_text(secret, SECRET_LENGTH):
            faults["secret"] = [f"1 to {SECRET_LENGTH} printable characters, please."]
        if faults:
            raise InputRejected(faults)
        row = {
            "id": new_id(),
            "organization_id": organization_id,
            "consumer_key": consumer_key,
            "sealed_secret": self._seal.close(secret),
            "created_at": now(),
        }
        try:
            with self._database.write() as connection:
                connection.execute(insert(consumer_keys).values(row))
        except IntegrityError as error:
            raise Conflict("This consumer key is there already; remove it first.") from error
        return self.get(organization_id, consumer_key)

    def list(self, organization_id: str) -> Sequence[ConsumerKey]:
        """The keys of an organization, oldest first."""
        query = (
            _SELECT.where(consumer_keys.c.organization_id == organization_id)
            .order_by(consumer_keys.c.created_at, consumer_keys.c.id)
        )  # fmt: skip
        with self._database.read() as connection:
            return [ConsumerKey(*row) for row in connection.execute(query)]

    def find(self, organization_id: str, consumer_key: str) -> ConsumerKey | None:
        """The key of this name, or None."""
        query = _SELECT.where(
            consumer_keys.c.organization_id == organization_id,
            consumer_keys.c.consumer_key == consumer_key,
        )
        with self._database.read() as connection:
            row = connection.execute(query).first()
        return ConsumerKey(*row) if row else None

    def get(self, organization_id: str, consumer_key: str) -> ConsumerKey:
        """The key of this name. Raises NotFound."""
        found = self.find(organization_id, consumer_key)
        if found is None:
            raise NotFound("There is no such consumer key.")
        return found

    def read_secret(self, key: ConsumerKey) -> str:
        """The secret of a key. Raises ConfigurationError if it was sealed elsewhere."""
        query = select(consumer_keys.c.sealed_secret).where(consumer_keys.c.id == key.id)
        with self._database.read() as connection:
            return self._seal.open(connection.execute(query).scalar_one())

    def remove(self, organization_id: str, consumer_key: str) -> None:
        """Forget a key; what it vouched for stays merged. Raises NotFound."""
        key = self.get(organization_id, consumer_key)
        with self._database.write() as connection:
            connection.execute(delete(consumer_keys).where(consumer_keys.c.id == key.id))


_SELECT = select(
    consumer_keys.c.id,
    consumer_keys.c.organization_id,
    consumer_keys.c.consumer_key,
    consumer_keys.c.created_at,
)


def _is_text(text: str, length: int) -> bool:
    return 0 < len(text) <= length and text.isprintable()
