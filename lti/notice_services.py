"""Notice services: where each deployment takes our wish to be told, and what it tells us now.

A launch names its deployment's service. The worker, or IT by command, then registers our one
handler for the kinds that we understand, and looks again after a week.
Source: LTI Platform Notification Service 1.0, section 4 (notice handlers).
"""

import json
import threading
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

import structlog
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
    and_,
    insert,
    select,
    update,
)
from sqlalchemy.exc import IntegrityError

from mentorai.core.clock import now
from mentorai.core.database import Database, Instant, metadata
from mentorai.core.errors import MentorAIError, NotFound, PlatformReplyInvalid
from mentorai.core.identifiers import new_id
from mentorai.core.values import Launch
from mentorai.lti.claims import CLAIM, Claims
from mentorai.lti.notices import CONTEXT_COPY, HELLO, KIND_LENGTH
from mentorai.lti.origins import find_origin

if TYPE_CHECKING:
    from mentorai.lti.tool import Tool

SCOPE = "https://purl.imsglobal.org/spec/lti/scope/noticehandlers"
SERVICE_CLAIM = f"{CLAIM}platformnotificationservice"
WANTED = (HELLO, CONTEXT_COPY)
KINDS = 50
URL_LENGTH = 2_000
FRESH, PAUSE = timedelta(days=7), timedelta(hours=6)
# Each may take the platform's full time-out; the rest waits for the next round.
AT_ONCE = 20
log = structlog.get_logger(__name__)

notice_services = Table(
    "notice_services",
    metadata,
    Column("id", String(36), primary_key=True),
    Column("organization_id", ForeignKey("organizations.id"), nullable=False),
    Column("registration_id", ForeignKey("registrations.id", ondelete="CASCADE"), nullable=False),
    Column("deployment_id", String(255), nullable=False),
    Column("url", Text, nullable=False),
    Column("offered", JSON, nullable=False),
    Column("subscribed", JSON, nullable=False),
    # NULL: IT does not want to be told.
    Column("due_at", Instant, index=True),
    Column("error_code", String(64), nullable=False),
    Column("error_message", Text, nullable=False),
    Column("updated_at", Instant, nullable=False),
    UniqueConstraint(
        "registration_id", "deployment_id", name="uq_notice_services_registration_id_deployment_id"
    ),
)


@dataclass(frozen=True, slots=True)
class Offer:
    """What a launch says of its deployment's service: its address and the kinds it can tell."""

    url: str
    kinds: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class NoticeService:
    """A deployment's service as kept. subscribed: the kinds that come to us now.

    due_at: when to ask again; None: IT switched it off. error_code: empty if all went well.
    """

    id: str
    organization_id: str
    registration_id: str
    deployment_id: str
    url: str
    offered: tuple[str, ...]
    subscribed: tuple[str, ...]
    due_at: datetime | None
    error_code: str
    error_message: str


def find_offer(claims: Claims) -> Offer | None:
    """The service that a launch names, if its address can be used and it lets us subscribe."""
    found = claims.get(SERVICE_CLAIM)
    if not isinstance(found, dict):
        return None
    url, scopes = found.get("platform_notification_service_url"), found.get("scope")
    if not isinstance(url, str) or len(url) > URL_LENGTH or find_origin(url) is None:
        return None
    if isinstance(scopes, list) and scopes and SCOPE not in scopes:
        return None
    kinds = found.get("notice_types_supported")
    listed = kinds[:KINDS] if isinstance(kinds, list) else []
    named = [k for k in listed if isinstance(k, str) and len(k) <= KIND_LENGTH and k.isprintable()]
    return Offer(url, tuple(dict.fromkeys(named)))


class NoticeServices:
    """The services of every deployment."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._seen: dict[tuple[str, str], Offer] = {}
        self._upkeep: threading.Thread | None = None

    def note(self, launch: Launch, offer: Offer | None) -> None:
        """Keep what a launch said of its service. A launch that says what was known costs nothing.

        Only for launches that passed every check.
        """
        place = (launch.registration_id, launch.deployment_id)
        if offer is None or self._seen.get(place) == offer:
            return
        facts = {"url": offer.url, "offered": list(offer.kinds), "updated_at": now()}
        try:
            with self._database.write() as connection:
                _put(connection, launch, facts)
        except IntegrityError:
            return  # Another process noted it at this moment, or the registration is gone.
        self._seen[place] = offer

    def list(self, organization_id: str, registration_id: str) -> Sequence[NoticeService]:
        """The services of a registration's deployments."""
        query = (
            select(notice_services)
            .where(
                notice_services.c.organization_id == organization_id,
                notice_services.c.registration_id == registration_id,
            )
            .order_by(notice_services.c.deployment_id)
        )
        with self._database.read() as connection:
            return [_service(row) for row in connection.execute(query)]

    def subscribe(self, tool: "Tool", service: NoticeService, *, wanted: bool = True) -> None:
        """Register our handler for what we understand of it, or, unwanted, take it back.

        What came of it is kept; `list` tells. Raises nothing that a platform can cause.
        """
        kinds = [kind for kind in WANTED if kind in service.offered]
        due_at = now() + FRESH if wanted else None
        facts: dict[str, Any] = {"error_code": "", "error_message": "", "due_at": due_at}
        try:
            for kind in kinds:
                _put_handler(tool, service, kind, tool.notices_url if wanted else "")
            facts["subscribed"] = kinds if wanted else []
        except MentorAIError as error:
            facts |= {"error_code": error.code, "error_message": error.message}
            facts["due_at"] = now() + PAUSE if wanted else None
            log.warning("notices_not_subscribed", code=error.code, registration=service.id)
        with self._database.write() as connection:
            mine = notice_services.c.id == service.id
            connection.execute(
                update(notice_services).where(mine).values(**facts, updated_at=now())
            )

    def keep_up(self, tool: "Tool") -> None:
        """Subscribe where it is due, beside the caller, who has other work: a platform is slow."""
        if self._upkeep is None or not self._upkeep.is_alive():
            self._upkeep = threading.Thread(target=self.subscribe_due, args=(tool,), daemon=True)
            self._upkeep.start()

    def subscribe_due(self, tool: "Tool") -> int:
        """Subscribe where a launch named something new, or a week went by; how many were due."""
        moment = now()
        query = select(notice_services).where(notice_services.c.due_at <= moment).limit(AT_ONCE)
        with self._database.read() as connection:
            due = [_service(row) for row in connection.execute(query)]
        taken = [service for service in due if self._take(service)]
        for service in taken:
            self.subscribe(tool, service)
        return len(taken)

    def _take(self, service: NoticeService) -> bool:
        """Whether this process does it; of several workers one does."""
        mine = and_(notice_services.c.id == service.id, notice_services.c.due_at == service.due_at)
        change = update(notice_services).where(mine).values(due_at=now() + PAUSE)
        with self._database.write() as connection:
            return connection.execute(change).rowcount == 1


def _put(connection: Connection, launch: Launch, facts: dict[str, Any]) -> None:
    key = {"registration_id": launch.registration_id, "deployment_id": launch.deployment_id}
    mine = and_(*(notice_services.c[name] == value for name, value in key.items()))
    row = connection.execute(select(notice_services).where(mine)).first()
    if row is None:
        made = {"id": new_id(), "organization_id": launch.organization_id, "subscribed": []}
        blank = {"due_at": now(), "error_code": "", "error_message": ""}
        connection.execute(insert(notice_services).values(**made, **key, **facts, **blank))
    elif (row.url, row.offered) != (facts["url"], facts["offered"]):
        # Switched off stays off.
        due = {"due_at": now()} if row.due_at is not None else {}
        connection.execute(update(notice_services).where(mine).values(**facts, **due))


def _put_handler(tool: "Tool", service: NoticeService, kind: str, handler: str) -> None:
    from mentorai.lti.platform_http import check_reply
    from mentorai.lti.services import call

    registration = tool.registrations.get(service.organization_id, service.registration_id)
    if not registration.is_active:
        raise NotFound("Launches from this LMS are switched off here.")
    reply = call(
        tool,
        registration,
        service.url,
        [SCOPE],
        accept="application/json",
        media_type="application/json",
        body={"notice_type": kind, "handler": handler},
        method="PUT",
    )
    check_reply(reply, "a request to be told of changes")
    try:
        answered = json.loads(reply.body or b"{}")
    except ValueError as error:
        raise PlatformReplyInvalid("The LMS answered with something that is not JSON.") from error
    if isinstance(answered, dict) and answered.get("handler", handler) != handler:
        raise PlatformReplyInvalid("The LMS kept another address than ours for its notices.")


def _service(row: Row[Any]) -> NoticeService:
    return NoticeService(
        id=row.id,
        organization_id=row.organization_id,
        registration_id=row.registration_id,
        deployment_id=row.deployment_id,
        url=row.url,
        offered=tuple(row.offered),
        subscribed=tuple(row.subscribed),
        due_at=row.due_at,
        error_code=row.error_code,
        error_message=row.error_message,
    )
