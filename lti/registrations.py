"""Registrations: which platforms may launch, and their deployments.

A platform is found by (issuer, client id); many tenants of one LMS share an issuer.
What is found is remembered in the process for FRESH_SECONDS, so that a change made by another
process is seen everywhere within that time; a change made by this process is seen at once.
"""

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import (
    JSON,
    Column,
    Connection,
    ForeignKey,
    Row,
    String,
    Table,
    Text,
    UniqueConstraint,
    bindparam,
    delete,
    insert,
    select,
    update,
)
from sqlalchemy.exc import IntegrityError

from mentorai.core.clock import now
from mentorai.core.database import Database, Instant, metadata
from mentorai.core.errors import Conflict, InputRejected, NotFound, UnknownRegistration
from mentorai.core.identifiers import new_id
from mentorai.core.settings import Settings
from mentorai.lti.origins import find_origin, find_url_fault

FRESH_SECONDS = 2.0
ID_LENGTH = 255
ACTIVE, DISABLED = "active", "disabled"

registrations = Table(
    "registrations",
    metadata,
    Column("id", String(36), primary_key=True),
    Column("organization_id", ForeignKey("organizations.id"), nullable=False, index=True),
    Column("issuer", String(ID_LENGTH), nullable=False),
    Column("client_id", String(ID_LENGTH), nullable=False),
    Column("name", String(200), nullable=False),
    Column("auth_url", Text, nullable=False),
    Column("token_url", Text, nullable=False),
    Column("keyset_url", Text, nullable=False),
    Column("token_audience", Text, nullable=False),
    Column("frame_origins", JSON, nullable=False),
    Column("family", String(64), nullable=False),
    Column("status", String(16), nullable=False),
    Column("created_at", Instant, nullable=False),
    Column("updated_at", Instant, nullable=False),
    UniqueConstraint("issuer", "client_id"),
)

deployments = Table(
    "deployments",
    metadata,
    Column("id", String(36), primary_key=True),
    Column("organization_id", ForeignKey("organizations.id"), nullable=False),
    Column("registration_id", ForeignKey("registrations.id", ondelete="CASCADE"), nullable=False),
    Column("deployment_id", String(ID_LENGTH), nullable=False),
    Column("created_at", Instant, nullable=False),
    UniqueConstraint("registration_id", "deployment_id"),
)


@dataclass(frozen=True, slots=True)
class Registration:
    """One platform that may launch here.

    token_audience: what the platform wants as `aud` of our assertions; empty: token_url.
    frame_origins: whose pages may frame us; empty: the origins of issuer and auth_url.
    """

    id: str
    organization_id: str
    issuer: str
    client_id: str
    name: str
    auth_url: str
    token_url: str
    keyset_url: str
    token_audience: str
    frame_origins: tuple[str, ...]
    deployment_ids: tuple[str, ...]
    family: str
    status: str
    created_at: datetime

    @property
    def is_active(self) -> bool:
        """Whether launches of this platform are taken."""
        return self.status == ACTIVE

    @property
    def framers(self) -> tuple[str, ...]:
        """The origins whose pages may frame our pages, without repeats."""
        if self.frame_origins:
            return self.frame_origins
        found = (find_origin(self.issuer), find_origin(self.auth_url))
        return tuple(dict.fromkeys(origin for origin in found if origin))


class Registrations:
    """The platforms of every organization."""

    def __init__(self, database: Database, settings: Settings) -> None:
        self._database = database
        self._settings = settings
        self._seen: dict[tuple[str, str], tuple[float, Registration]] = {}

    def add(
        self,
        organization_id: str,
        *,
        issuer: str,
        client_id: str,
        auth_url: str,
        token_url: str,
        keyset_url: str,
        deployment_ids: Sequence[str],
        token_audience: str = "",
        name: str = "",
        family: str = "",
        frame_origins: Sequence[str] = (),
    ) -> Registration:
        """Register a platform.

        Raises InputRejected that names each wrong field; Conflict if issuer and client id are
        registered already.
        """
        facts: dict[str, Any] = {
            "issuer": issuer,
            "client_id": client_id,
            "auth_url": auth_url,
            "token_url": token_url,
            "keyset_url": keyset_url,
            "token_audience": token_audience,
            "name": name or find_origin(issuer) or "",
            "family": family,
            "frame_origins": list(frame_origins),
        }
        self._check(facts, deployment_ids)
        moment, registration_id = now(), new_id()
        row = facts | {
            "id": registration_id,
            "organization_id": organization_id,
            "status": ACTIVE,
            "created_at": moment,
            "updated_at": moment,
        }
        try:
            with self._database.write() as connection:
                connection.execute(insert(registrations).values(row))
                for deployment_id in dict.fromkeys(deployment_ids):
                    _add_deployment(connection, organization_id, registration_id, deployment_id)
        except IntegrityError as error:
            raise Conflict("This issuer and client id are registered already.") from error
        return self.get(organization_id, registration_id)

    def list(self, organization_id: str) -> Sequence[Registration]:
        """The platforms of one organization, oldest first."""
        query = _SELECT.where(registrations.c.organization_id == organization_id)
        with self._database.read() as connection:
            order = (registrations.c.created_at, registrations.c.id)
            rows = connection.execute(query.order_by(*order)).all()
            return [_registration(row, _read_deployments(connection, row.id)) for row in rows]

    def get(self, organization_id: str, registration_id: str) -> Registration:
        """One platform. Raises NotFound."""
        query = _SELECT.where(
            registrations.c.organization_id == organization_id,
            registrations.c.id == registration_id,
        )
        with self._database.read() as connection:
            row = connection.execute(query).first()
            if row is None:
                raise NotFound("There is no such registration.")
            return _registration(row, _read_deployments(connection, row.id))

    def find(self, issuer: str, client_id: str) -> Registration | None:
        """The platform with this issuer and client id, of whatever organization and status."""
        moment = time.monotonic()
        seen = self._seen.get((issuer, client_id))
        if seen and moment - seen[0] < FRESH_SECONDS:
            return seen[1]
        with self._database.read() as connection:
            row = connection.execute(_FIND, {"issuer": issuer, "client_id": client_id}).first()
            if row is None:
                self._seen.pop((issuer, client_id), None)
                return None
            found = _registration(row, _read_deployments(connection, row.id))
        # Only what exists is remembered: made-up names cannot fill the memory.
        self._seen[issuer, client_id] = (moment, found)
        return found

    def find_only(self, issuer: str) -> Registration | None:
        """The platform of an issuer when there is exactly one active; else None."""
        query = select(registrations.c.client_id).where(
            registrations.c.issuer == issuer, registrations.c.status == ACTIVE
        )
        with self._database.read() as connection:
            rows = connection.execute(query.limit(2)).all()
        return self.find(issuer, rows[0].client_id) if len(rows) == 1 else None

    def check(self, issuer: str, client_ids: Sequence[str]) -> Registration:
        """The active platform with this issuer and the first client id that is registered.

        Raises UnknownRegistration.
        """
        for client_id in client_ids:
            found = self.find(issuer, client_id)
            if found is not None and found.is_active:
                return found
            if found is not None:
                raise UnknownRegistration("Launches from this LMS are switched off here.")
        raise UnknownRegistration()

    def remove(self, organization_id: str, registration_id: str) -> None:
        """Take a platform away, with its deployments and access tokens. Raises NotFound."""
        self.get(organization_id, registration_id)
        with self._database.write() as connection:
            connection.execute(
                delete(registrations).where(
                    registrations.c.organization_id == organization_id,
                    registrations.c.id == registration_id,
                )
            )
        self._seen.clear()

    def add_deployment(
        self, organization_id: str, registration_id: str, deployment_id: str
    ) -> Registration:
        """Let one more deployment launch; a known one changes nothing.

        Raises InputRejected, NotFound.
        """
        known = self.get(organization_id, registration_id)
        fault = _find_id_fault(deployment_id)
        if fault:
            raise InputRejected({"deployment_id": [fault]})
        if deployment_id not in known.deployment_ids:
            with self._database.write() as connection:
                _add_deployment(connection, organization_id, registration_id, deployment_id)
            self._seen.clear()
        return self.get(organization_id, registration_id)

    def disable(self, organization_id: str, registration_id: str) -> Registration:
        """Refuse launches of a platform from now on; nothing is lost. Raises NotFound."""
        return self._set_status(organization_id, registration_id, DISABLED)

    def enable(self, organization_id: str, registration_id: str) -> Registration:
        """Take launches of a platform again. Raises NotFound."""
        return self._set_status(organization_id, registration_id, ACTIVE)

    def _set_status(self, organization_id: str, registration_id: str, status: str) -> Registration:
        with self._database.write() as connection:
            connection.execute(
                update(registrations)
                .where(
                    registrations.c.organization_id == organization_id,
                    registrations.c.id == registration_id,
                )
                .values(status=status, updated_at=now())
            )
        self._seen.clear()
        return self.get(organization_id, registration_id)

    def _check(self, facts: Mapping[str, Any], deployment_ids: Sequence[str]) -> None:
        loopback = self._settings.allow_loopback_platforms
        faults = {
            field: find_url_fault(facts[field], allow_loopback=loopback)
            for field in ("issuer", "auth_url", "token_url", "keyset_url")
        }
        faults["issuer"] = faults["issuer"] or _find_issuer_fault(facts["issuer"])
        faults["client_id"] = _find_id_fault(facts["client_id"])
        for field, length in (("name", 200), ("family", 64), ("token_audience", ID_LENGTH)):
            faults[field] = _find_text_fault(facts[field], length)
        if not all(find_origin(origin) == origin for origin in facts["frame_origins"]):
            faults["frame_origins"] = "Origins such as https://lms.example.edu, please."
        if not deployment_ids:
            faults["deployment_ids"] = "At least one, please."
        for deployment_id in deployment_ids:
            fault = _find_id_fault(deployment_id)
            faults["deployment_ids"] = faults.get("deployment_ids") or fault
        errors = {field: [fault] for field, fault in faults.items() if fault}
        if errors:
            raise InputRejected(errors)


_SELECT = select(registrations)
_FIND = _SELECT.where(
    registrations.c.issuer == bindparam("issuer"),
    registrations.c.client_id == bindparam("client_id"),
)
_DEPLOYMENTS = (
    select(deployments.c.deployment_id)
    .where(deployments.c.registration_id == bindparam("registration_id"))
    .order_by(deployments.c.created_at, deployments.c.deployment_id)
)


def _read_deployments(connection: Connection, registration_id: str) -> tuple[str, ...]:
    return tuple(connection.execute(_DEPLOYMENTS, {"registration_id": registration_id}).scalars())


def _registration(row: Row[Any], deployment_ids: tuple[str, ...]) -> Registration:
    return Registration(
        id=row.id,
        organization_id=row.organization_id,
        issuer=row.issuer,
        client_id=row.client_id,
        name=row.name,
        auth_url=row.auth_url,
        token_url=row.token_url,
        keyset_url=row.keyset_url,
        token_audience=row.token_audience,
        frame_origins=tuple(row.frame_origins),
        deployment_ids=deployment_ids,
        family=row.family,
        status=row.status,
        created_at=row.created_at,
    )


def _add_deployment(
    connection: Connection, organization_id: str, registration_id: str, deployment_id: str
) -> None:
    connection.execute(
        insert(deployments).values(
            id=new_id(),
            organization_id=organization_id,
            registration_id=registration_id,
            deployment_id=deployment_id,
            created_at=now(),
        )
    )


def _find_id_fault(text: object) -> str | None:
    if isinstance(text, str) and 0 < len(text) <= ID_LENGTH and text.isprintable():
        return None
    return f"1 to {ID_LENGTH} printable characters, please."


def _find_text_fault(text: str, length: int) -> str | None:
    if len(text) <= length and text.isprintable():
        return None
    return f"At most {length} printable characters, please."


def _find_issuer_fault(issuer: str) -> str | None:
    if len(issuer) > ID_LENGTH or "?" in issuer:
        return f"At most {ID_LENGTH} characters and no query, please."
    return None
