"""The open deep linking requests, kept here by a one-time id.

Neither the return address nor `data` ever comes back from a browser: it knows the id alone,
and must show the binding that it had when it brought the request.
"""

import hashlib
import hmac
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import timedelta
from typing import Any

from sqlalchemy import (
    JSON,
    Column,
    ForeignKey,
    Row,
    String,
    Table,
    Text,
    insert,
    select,
    update,
)

from mentorai.core.clock import now
from mentorai.core.database import Database, Instant, metadata
from mentorai.core.errors import LaunchDenied, NonceReused, StateMismatch
from mentorai.core.identifiers import new_id
from mentorai.core.row_locks import delete_old
from mentorai.core.settings import Settings
from mentorai.core.values import Launch
from mentorai.lti.deep_linking import DeepLinkingSettings, check_return_url
from mentorai.lti.page_handoffs import PageHandoffs
from mentorai.lti.registrations import Registrations

LIFETIME = timedelta(hours=1)
ELSEWHERE = "This page was opened in another browser, or too long ago; begin again in the course."
TOO_OLD = "This page was open for more than an hour; begin again in the course."
ANSWERED = "Your choice went to the LMS already; to place more, begin again in the course."

# settings: the fields of DeepLinkingSettings, return URL and all. context_title: of the course.
requests = Table(
    "deep_linking_requests",
    metadata,
    Column("id", String(36), primary_key=True),
    Column("organization_id", ForeignKey("organizations.id"), nullable=False),
    Column("registration_id", String(36), nullable=False),
    Column("deployment_id", String(255), nullable=False),
    Column("settings", JSON, nullable=False),
    Column("context_title", Text, nullable=False),
    Column("binding_hash", String(64), nullable=False),
    Column("handoff_hash", String(64), unique=True),
    Column("handoff_until", Instant),
    Column("proof_hash", String(64)),
    Column("expires_at", Instant, nullable=False, index=True),
    Column("answered_at", Instant),
)


@dataclass(frozen=True, slots=True)
class DeepLinkingRequest:
    """One open request, as kept. context_title: of the course, empty if it has none."""

    id: str
    organization_id: str
    registration_id: str
    deployment_id: str
    settings: DeepLinkingSettings
    context_title: str = ""


class DeepLinkingRequests:
    """The open requests. Each is answered once, by the browser that brought it."""

    def __init__(
        self, database: Database, settings: Settings, registrations: Registrations
    ) -> None:
        self._database = database
        self._settings = settings
        self._registrations = registrations
        self.handoffs = PageHandoffs(database, requests)

    def put(
        self,
        launch: Launch,
        settings: DeepLinkingSettings,
        binding: str,
        *,
        request_id: str | None = None,
    ) -> str:
        """Keep a request for the browser that shows `binding`; its id.

        request_id: the id it is to have; a new one otherwise.
        Raises LaunchDenied unless the person is staff in the context; TokenInvalid if the
        answer may not go where the request wants it.
        """
        if not launch.role.is_staff:
            raise LaunchDenied("Only staff of the course can add content to it.")
        registration = self._registrations.get(launch.organization_id, launch.registration_id)
        check_return_url(settings.return_url, registration, self._settings)
        moment, context = now(), launch.context
        request_id = request_id or new_id()
        with self._database.write() as connection:
            delete_old(connection, requests, requests.c.expires_at < moment - LIFETIME)
            connection.execute(
                insert(requests).values(
                    id=request_id,
                    organization_id=launch.organization_id,
                    registration_id=launch.registration_id,
                    deployment_id=launch.deployment_id,
                    settings=asdict(settings),
                    context_title=(context.title or context.label) if context else "",
                    binding_hash=_hash(binding),
                    expires_at=moment + LIFETIME,
                )
            )
        return request_id

    def check(self, request_id: str, binding: str) -> DeepLinkingRequest:
        """The open request of this browser. Raises StateMismatch, NonceReused."""
        with self._database.read() as connection:
            row = connection.execute(select(requests).where(requests.c.id == request_id)).first()
        if row is None or not hmac.compare_digest(row.binding_hash, _hash(binding)):
            raise StateMismatch(ELSEWHERE)
        if row.answered_at is not None:
            raise NonceReused(ANSWERED)
        if row.expires_at <= now():
            raise StateMismatch(TOO_OLD)
        return _request(row)

    def close(self, request_id: str) -> None:
        """Answer a request: once, of any number at the same time. Raises NonceReused."""
        change = update(requests).where(
            requests.c.id == request_id, requests.c.answered_at.is_(None)
        )
        with self._database.write() as connection:
            if not connection.execute(change.values(answered_at=now())).rowcount:
                raise NonceReused(ANSWERED)


def _request(row: Row[Any]) -> DeepLinkingRequest:
    return DeepLinkingRequest(
        id=row.id,
        organization_id=row.organization_id,
        registration_id=row.registration_id,
        deployment_id=row.deployment_id,
        settings=_read_kept(row.settings),
        context_title=row.context_title,
    )


def _read_kept(kept: Mapping[str, Any]) -> DeepLinkingSettings:
    # JSON knows no tuples.
    facts: dict[str, Any] = {
        name: tuple(part) if isinstance(part, list) else part for name, part in kept.items()
    }
    return DeepLinkingSettings(**facts)


def _hash(secret: str) -> str:
    return hashlib.sha256(secret.encode()).hexdigest()
