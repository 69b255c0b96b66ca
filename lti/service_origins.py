"""The host lock: where a registration's bearer tokens may go.

To the origins (scheme, host and port) of its own four addresses, and to those of the services that
a launch of it named which passed every check: an LMS for many schools has one issuer and a service
host for each. Exact origins, no rule about parent domains: a stranger may live next door.
"""

import threading
from collections.abc import Iterator, Mapping
from functools import lru_cache
from typing import Any

import structlog
from sqlalchemy import Column, ForeignKey, String, Table, func, insert, select
from sqlalchemy.exc import IntegrityError

from mentorai.core.clock import now
from mentorai.core.database import Database, Instant, metadata
from mentorai.core.errors import PlatformRefused
from mentorai.lti.origins import find_origin
from mentorai.lti.registrations import Registration

# A registration has a handful; a platform that names ever new ones is not followed.
ORIGINS = 200
ORIGIN_LENGTH = 300
SERVICES: Mapping[str, tuple[str, ...]] = {
    "https://purl.imsglobal.org/spec/lti-ags/claim/endpoint": ("lineitem", "lineitems"),
    "https://purl.imsglobal.org/spec/lti-nrps/claim/namesroleservice": ("context_memberships_url",),
    "https://purl.imsglobal.org/spec/lti-gs/claim/groupsservice": (
        "context_groups_url",
        "context_group_sets_url",
    ),
    "https://purl.imsglobal.org/spec/lti/claim/platformnotificationservice": (
        "platform_notification_service_url",
    ),
}
log = structlog.get_logger(__name__)

service_origins = Table(
    "service_origins",
    metadata,
    Column("registration_id", ForeignKey("registrations.id", ondelete="CASCADE"), primary_key=True),
    Column("origin", String(ORIGIN_LENGTH), primary_key=True),
    Column("named_at", Instant, nullable=False),
)


class ServiceOrigins:
    """The origins of every registration's services."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._lock = threading.Lock()
        self._known: dict[str, set[str]] = {}

    def note(self, registration: Registration, claims: Mapping[str, Any]) -> None:
        """Remember the services that a launch named. Only for claims that passed every check."""
        known = self._known.get(registration.id, ())
        for origin in set(_read_origins(claims)):
            if origin not in known and origin not in _own_origins(registration):
                self._put(registration.id, origin)

    def check(self, registration: Registration, url: str) -> None:
        """Let an address pass that this registration's tokens may be sent to.

        Raises PlatformRefused.
        """
        origin = find_origin(url)
        if origin in _own_origins(registration) or origin in self._known.get(registration.id, ()):
            return
        if origin is None or origin not in self._read(registration.id):
            raise PlatformRefused(
                f"{origin or 'An address'} is no host of this LMS: no launch has named it. "
                "Open the activity from the course once more."
            )

    def _put(self, registration_id: str, origin: str) -> None:
        if origin in self._read(registration_id):
            return
        count = select(func.count()).where(service_origins.c.registration_id == registration_id)
        row = {"registration_id": registration_id, "origin": origin, "named_at": now()}
        try:
            with self._database.write() as connection:
                if connection.execute(count).scalar_one() >= ORIGINS:
                    log.warning("service_origin_ignored", registration=registration_id)
                    return
                connection.execute(insert(service_origins).values(row))
        except IntegrityError:
            pass  # Another process noted it at this moment, or the registration is gone.
        self._read(registration_id)

    def _read(self, registration_id: str) -> set[str]:
        query = select(service_origins.c.origin).where(
            service_origins.c.registration_id == registration_id
        )
        with self._database.read() as connection:
            found = set(connection.execute(query).scalars())
        with self._lock:
            self._known[registration_id] = found
        return found


def _own_origins(registration: Registration) -> frozenset[str]:
    return _find_origins(
        registration.issuer,
        registration.auth_url,
        registration.token_url,
        registration.keyset_url,
    )


@lru_cache(maxsize=1_000)
def _find_origins(*addresses: str) -> frozenset[str]:
    """The origins of addresses; every launch asks, and they hardly ever change."""
    return frozenset(filter(None, map(find_origin, addresses)))


def _read_origins(claims: Mapping[str, Any]) -> Iterator[str]:
    for name, fields in SERVICES.items():
        service = claims.get(name)
        if not isinstance(service, dict):
            continue
        for field in fields:
            origin = find_origin(service.get(field))
            if origin and len(origin) <= ORIGIN_LENGTH:
                yield origin
