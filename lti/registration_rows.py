"""The tables of registrations and their deployments, and what their rows are read as."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
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
    select,
)

from mentorai.core.database import Instant, metadata
from mentorai.core.errors import NotFound
from mentorai.core.identifiers import is_id
from mentorai.core.values import Role
from mentorai.lti.origins import find_origin

ID_LENGTH = 255
# What a registration can be: pending until campus IT approves it. Only an active one launches.
ACTIVE, DISABLED, PENDING = "active", "disabled", "pending"
# What a deployment can be. Only an active one launches (it shares the word).
HELD, REFUSED = "held", "refused"
# What a registration does with deployments that it does not know.
REJECT, HOLD, ACCEPT = "reject", "hold", "accept"
POLICIES = (REJECT, HOLD, ACCEPT)

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
    Column("deployment_policy", String(16), nullable=False),
    # Full name of a platform's role -> a Role of ours.
    Column("role_overrides", JSON, nullable=False),
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
    # The platform's name of it.
    Column("deployment_id", String(ID_LENGTH), nullable=False),
    Column("state", String(16), nullable=False),
    # The course that it first launched from, to know it by; empty if there was none.
    Column("seen_in", String(200), nullable=False),
    # What the LMS said of itself then: many schools share a registration, and this tells whose
    # a deployment is.
    Column("school_guid", Text, nullable=False, server_default=""),
    Column("school_name", Text, nullable=False, server_default=""),
    Column("school_url", Text, nullable=False, server_default=""),
    Column("created_at", Instant, nullable=False),
    UniqueConstraint("registration_id", "deployment_id"),
)


@dataclass(frozen=True, slots=True)
class Registration:
    """One platform that may launch here.

    token_audience: what the platform wants as `aud` of our assertions; empty: token_url.
    frame_origins: whose pages may frame us; empty: the origins of issuer and auth_url.
    deployments: the platform's deployment ids and the state of each, oldest first.
    deployment_policy: what happens to a deployment that is not among them.
    role_overrides: full names of the platform's roles, and what each makes of a person.
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
    family: str
    status: str
    created_at: datetime
    deployment_policy: str = REJECT
    deployments: Mapping[str, str] = field(default_factory=dict, hash=False)
    role_overrides: Mapping[str, Role] = field(default_factory=dict, hash=False)

    @property
    def is_active(self) -> bool:
        """Whether launches of this platform are taken."""
        return self.status == ACTIVE

    @property
    def deployment_ids(self) -> tuple[str, ...]:
        """The deployments that may launch."""
        return self._in_state(ACTIVE)

    @property
    def held_ids(self) -> tuple[str, ...]:
        """The deployments that wait for approval."""
        return self._in_state(HELD)

    @property
    def framers(self) -> tuple[str, ...]:
        """The origins whose pages may frame our pages, without repeats."""
        if self.frame_origins:
            return self.frame_origins
        found = (find_origin(self.issuer), find_origin(self.auth_url))
        return tuple(dict.fromkeys(origin for origin in found if origin))

    def _in_state(self, wanted: str) -> tuple[str, ...]:
        return tuple(name for name, state in self.deployments.items() if state == wanted)


@dataclass(frozen=True, slots=True)
class School:
    """Whose a deployment is, as the LMS said in a signed launch (LTI Core 1.3, section 5.4.2).

    guid: the installation's own lasting name. Each is empty if the LMS did not say it.
    """

    guid: str = ""
    name: str = ""
    url: str = ""


@dataclass(frozen=True, slots=True)
class Deployment:
    """One installation of the tool inside a platform.

    deployment_id: the platform's name of it. state: active, held or refused.
    seen_in: the course that it first launched from; empty if there was none, or IT entered it.
    school: as its first launch told it.
    """

    registration_id: str
    deployment_id: str
    state: str
    seen_in: str
    created_at: datetime
    school: School = School()


_STATES = (
    select(deployments.c.deployment_id, deployments.c.state)
    .where(
        deployments.c.organization_id == bindparam("organization_id"),
        deployments.c.registration_id == bindparam("registration_id"),
    )
    .order_by(deployments.c.created_at, deployments.c.deployment_id)
)


_STATES_OF_ALL = (
    select(deployments.c.registration_id, deployments.c.deployment_id, deployments.c.state)
    .join(registrations, registrations.c.id == deployments.c.registration_id)
    .where(registrations.c.organization_id == bindparam("organization_id"))
    .order_by(deployments.c.created_at, deployments.c.deployment_id)
)


def read_registration(connection: Connection, row: Row[Any]) -> Registration:
    """The registration of a row, with the states of its deployments."""
    whose = {"organization_id": row.organization_id, "registration_id": row.id}
    found = connection.execute(_STATES, whose)
    return _registration(row, {each.deployment_id: each.state for each in found})


def read_registrations(
    connection: Connection, organization_id: str, rows: Sequence[Row[Any]]
) -> Sequence[Registration]:
    """The registrations of rows that are all of one organization, in the same order."""
    states = defaultdict[str, dict[str, str]](dict)
    for each in connection.execute(_STATES_OF_ALL, {"organization_id": organization_id}):
        states[each.registration_id][each.deployment_id] = each.state
    return [_registration(row, states[row.id]) for row in rows]


def _registration(row: Row[Any], states: Mapping[str, str]) -> Registration:
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
        family=row.family,
        status=row.status,
        created_at=row.created_at,
        deployment_policy=row.deployment_policy,
        deployments=states,
        role_overrides={name: Role(role) for name, role in row.role_overrides.items()},
    )


def get_row(
    connection: Connection, organization_id: str, registration_id: str, *, lock: bool = False
) -> Row[Any]:
    """The row of one registration. lock: keep others from changing it until the transaction ends.

    Raises NotFound.
    """
    query = select(registrations).where(
        registrations.c.organization_id == organization_id, registrations.c.id == registration_id
    )
    # What is no identifier of ours need not reach the database.
    known = is_id(registration_id)
    row = connection.execute(query.with_for_update() if lock else query).first() if known else None
    if row is None:
        raise NotFound("There is no such registration.")
    return row
