"""What an organization allows its API keys: how long, for what, and whether without end."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Boolean, Column, ForeignKey, Integer, Table, Text, insert, select, update

from mentorai.core.audit import Audit
from mentorai.core.clock import now
from mentorai.core.database import Database, Instant, metadata
from mentorai.core.errors import InputRejected
from mentorai.core.scopes import PROVISIONING_SCOPES, SCOPES
from mentorai.core.settings import Settings

MAX_DAYS = 3650
EVERY_SCOPE = (*SCOPES, *PROVISIONING_SCOPES)

key_policies = Table(
    "key_policies",
    metadata,
    Column("organization_id", ForeignKey("organizations.id"), primary_key=True),
    Column("max_days", Integer, nullable=False),
    Column("may_never_expire", Boolean, nullable=False),
    # Space-separated. NULL: every scope, also one that a later version brings.
    Column("scopes", Text),
    Column("author", Text, nullable=False),
    Column("updated_at", Instant, nullable=False),
)


@dataclass(frozen=True, slots=True)
class KeyPolicy:
    """What new keys of an organization may be.

    usual_days: what is offered when nobody says otherwise. scopes: in the order of core/scopes.py.
    updated_at: None while the settings alone decide.
    """

    usual_days: int
    max_days: int
    may_never_expire: bool
    scopes: tuple[str, ...]
    updated_at: datetime | None = None
    author: str = ""

    @property
    def allows_all(self) -> bool:
        """Whether no scope is held back."""
        return len(self.scopes) == len(EVERY_SCOPE)


class KeyPolicies:
    """The policy of every organization; without one of its own the settings are its policy."""

    def __init__(self, database: Database, settings: Settings) -> None:
        self._database = database
        self._settings = settings
        self._audit = Audit(database)

    def get(self, organization_id: str) -> KeyPolicy:
        """The policy that counts now."""
        query = select(key_policies).where(key_policies.c.organization_id == organization_id)
        with self._database.read() as connection:
            row = connection.execute(query).first()
        settings = self._settings
        if row is None:
            days, never = settings.key_max_days, settings.key_never_expires
            return KeyPolicy(min(settings.key_days, days), days, never, EVERY_SCOPE)
        allowed = EVERY_SCOPE if row.scopes is None else tuple(row.scopes.split())
        return KeyPolicy(
            usual_days=min(settings.key_days, row.max_days),
            max_days=row.max_days,
            may_never_expire=row.may_never_expire,
            scopes=tuple(scope for scope in EVERY_SCOPE if scope in allowed),
            updated_at=row.updated_at,
            author=row.author,
        )

    def put(
        self,
        organization_id: str,
        *,
        max_days: int,
        may_never_expire: bool,
        scopes: Collection[str],
        author: str,
    ) -> KeyPolicy:
        """Set the policy; keys that are there already stay as they are.

        scopes: what a new key may have; naming all of them allows later versions' scopes too.
        Raises InputRejected (max_days, scopes).
        """
        _check(max_days, scopes)
        allowed = [scope for scope in EVERY_SCOPE if scope in scopes]
        facts = {
            "max_days": max_days,
            "may_never_expire": may_never_expire,
            "scopes": None if len(allowed) == len(EVERY_SCOPE) else " ".join(allowed),
            "author": author,
            "updated_at": now(),
        }
        mine = key_policies.c.organization_id == organization_id
        with self._database.write() as connection:
            if not connection.execute(update(key_policies).where(mine).values(facts)).rowcount:
                connection.execute(
                    insert(key_policies).values(organization_id=organization_id, **facts)
                )
            self._audit.write(
                connection,
                organization_id=organization_id,
                actor=author,
                action="key_policy_changed",
                subject=organization_id,
                facts={"max_days": max_days, "never": may_never_expire, "scopes": allowed},
            )
        return self.get(organization_id)


def _check(max_days: int, scopes: Collection[str]) -> None:
    errors = {}
    if not 1 <= max_days <= MAX_DAYS:
        errors["max_days"] = [f"1 to {MAX_DAYS} days, please."]
    if not scopes:
        errors["scopes"] = ["At least one scope, please."]
    elif any(scope not in EVERY_SCOPE for scope in scopes):
        errors["scopes"] = ["There is no such scope; there are: " + ", ".join(EVERY_SCOPE) + "."]
    if errors:
        raise InputRejected(errors)
