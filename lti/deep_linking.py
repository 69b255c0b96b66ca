"""Deep linking: what a platform asked to have picked, and our signed answer.

Requests are kept here by a one-time id, so that neither the return address nor `data` ever
comes back from a browser. Source: LTI Deep Linking 2.0.
"""

import hashlib
import hmac
import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from sqlalchemy import (
    JSON,
    Boolean,
    Column,
    ForeignKey,
    Row,
    String,
    Table,
    Text,
    delete,
    insert,
    select,
    update,
)

from mentorai.core.clock import now
from mentorai.core.database import Database, Instant, metadata
from mentorai.core.errors import (
    ClaimMissing,
    LaunchDenied,
    MessageUnsupported,
    NonceReused,
    StateMismatch,
    TokenInvalid,
)
from mentorai.core.identifiers import new_id
from mentorai.core.values import Launch
from mentorai.lti.claims import CLAIM, VERSION, Claims, read_object
from mentorai.lti.origins import find_origin
from mentorai.lti.registrations import Registration
from mentorai.lti.tool_keys import ToolKeys

SETTINGS_CLAIM = "https://purl.imsglobal.org/spec/lti-dl/claim/deep_linking_settings"
DL_CLAIM = "https://purl.imsglobal.org/spec/lti-dl/claim/"
LINK = "ltiResourceLink"
LIFETIME = timedelta(hours=1)
HANDOFF_LIFETIME = timedelta(seconds=120)
ANSWER_SECONDS = 300
CLAUSE = "LTI Deep Linking 2.0, section 4.4.1 (deep linking settings claim)"

requests = Table(
    "deep_linking_requests",
    metadata,
    Column("id", String(36), primary_key=True),
    Column("organization_id", ForeignKey("organizations.id"), nullable=False),
    Column("registration_id", String(36), nullable=False),
    Column("deployment_id", String(255), nullable=False),
    Column("return_url", Text, nullable=False),
    Column("accept_types", JSON, nullable=False),
    Column("accept_multiple", Boolean, nullable=False),
    Column("accept_line_item", Boolean, nullable=False),
    Column("data", Text),
    Column("binding_hash", String(64), nullable=False),
    Column("handoff_hash", String(64), unique=True),
    Column("handoff_until", Instant),
    Column("expires_at", Instant, nullable=False, index=True),
    Column("answered_at", Instant),
)


@dataclass(frozen=True, slots=True)
class DeepLinkingSettings:
    """What the platform wants picked. data: opaque, echoed only if it came."""

    return_url: str
    accept_types: tuple[str, ...]
    accept_multiple: bool
    accept_line_item: bool
    data: str | None


@dataclass(frozen=True, slots=True)
class DeepLinkingRequest:
    """One open request, as kept."""

    id: str
    organization_id: str
    registration_id: str
    deployment_id: str
    settings: DeepLinkingSettings


@dataclass(frozen=True, slots=True)
class ContentItem:
    """An ltiResourceLink to offer (LTI Deep Linking 2.0, section 3.3).

    score_maximum: points; makes a gradebook column named like the link, tied to resource_id.
    """

    title: str
    url: str
    custom: Mapping[str, str]
    score_maximum: float | None = None
    resource_id: str = ""


def read_settings(claims: Claims) -> DeepLinkingSettings:
    """The settings claim. Raises ClaimMissing, TokenInvalid, MessageUnsupported."""
    found = read_object(claims, SETTINGS_CLAIM)
    if not found:
        raise ClaimMissing("The id_token lacks the deep linking settings.", clause=CLAUSE)
    return_url, types, data = (
        found.get(name) for name in ("deep_link_return_url", "accept_types", "data")
    )
    if not return_url:
        raise ClaimMissing("The deep linking settings lack the return URL.", clause=CLAUSE)
    if not isinstance(return_url, str) or find_origin(return_url) is None:
        raise TokenInvalid("The return URL is not a full address.", clause=CLAUSE)
    if not isinstance(types, list) or not all(isinstance(each, str) for each in types):
        raise TokenInvalid("accept_types is not a list of texts.", clause=CLAUSE)
    if LINK not in types:
        raise MessageUnsupported("This place in the LMS takes no links to tools.", clause=CLAUSE)
    if data is not None and not isinstance(data, str):
        raise TokenInvalid("The data of the deep linking settings is not text.", clause=CLAUSE)
    return DeepLinkingSettings(
        return_url=return_url,
        accept_types=tuple(types),
        accept_multiple=found.get("accept_multiple") is True,
        accept_line_item=found.get("accept_lineitem") is not False,
        data=data,
    )


class DeepLinkingRequests:
    """The open requests. Each is answered once, by the browser that brought it."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def put(self, launch: Launch, settings: DeepLinkingSettings, binding: str) -> str:
        """Keep a request for the browser that shows `binding`; its id.

        Raises LaunchDenied unless the person is staff in the context.
        """
        if not launch.role.is_staff:
            raise LaunchDenied("Only staff of the course can add content to it.")
        request_id, moment = new_id(), now()
        with self._database.write() as connection:
            connection.execute(delete(requests).where(requests.c.expires_at < moment))
            connection.execute(
                insert(requests).values(
                    id=request_id,
                    organization_id=launch.organization_id,
                    registration_id=launch.registration_id,
                    deployment_id=launch.deployment_id,
                    return_url=settings.return_url,
                    accept_types=list(settings.accept_types),
                    accept_multiple=settings.accept_multiple,
                    accept_line_item=settings.accept_line_item,
                    data=settings.data,
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
            raise StateMismatch()
        if row.answered_at is not None:
            raise NonceReused()
        if row.expires_at <= now():
            raise StateMismatch()
        return _request(row)

    def close(self, request_id: str) -> None:
        """Answer a request: once, of any number at the same time. Raises NonceReused."""
        change = update(requests).where(
            requests.c.id == request_id, requests.c.answered_at.is_(None)
        )
        with self._database.write() as connection:
            if not connection.execute(change.values(answered_at=now())).rowcount:
                raise NonceReused()

    def issue_handoff(self, request_id: str) -> str:
        """A code, good once and for two minutes, that moves the request to another tab."""
        code = secrets.token_urlsafe(32)
        with self._database.write() as connection:
            connection.execute(
                update(requests)
                .where(requests.c.id == request_id)
                .values(handoff_hash=_hash(code), handoff_until=now() + HANDOFF_LIFETIME)
            )
        return code

    def take_handoff(self, code: str, binding: str) -> str | None:
        """Move the request behind `code` to the browser that shows `binding`; its id or None."""
        change = (
            update(requests)
            .where(requests.c.handoff_hash == _hash(code), requests.c.handoff_until > now())
            .values(handoff_hash=None, binding_hash=_hash(binding))
            .returning(requests.c.id)
        )
        with self._database.write() as connection:
            found: str | None = connection.execute(change).scalar()
        return found


def sign_answer(
    tool_keys: ToolKeys,
    registration: Registration,
    request: DeepLinkingRequest,
    items: Sequence[ContentItem],
) -> str:
    """The response JWT (LTI Deep Linking 2.0, section 4.5): only what the platform can take."""
    settings = request.settings
    moment = int(now().timestamp())
    chosen = items if settings.accept_multiple else items[:1]
    claims: dict[str, Any] = {
        "iss": registration.client_id,
        "aud": registration.issuer,
        "iat": moment,
        "exp": moment + ANSWER_SECONDS,
        "nonce": secrets.token_urlsafe(24),
        f"{CLAIM}message_type": "LtiDeepLinkingResponse",
        f"{CLAIM}version": VERSION,
        f"{CLAIM}deployment_id": request.deployment_id,
        f"{DL_CLAIM}content_items": [
            build_item(item, with_line_item=settings.accept_line_item) for item in chosen
        ],
    }
    if settings.data is not None:
        claims[f"{DL_CLAIM}data"] = settings.data
    if not chosen:
        claims[f"{DL_CLAIM}msg"] = "Nothing was chosen."
    return tool_keys.sign(claims)


def build_item(item: ContentItem, *, with_line_item: bool) -> dict[str, Any]:
    """One content item. Empty parts are left out: platforms choke on null and on {}."""
    built: dict[str, Any] = {"type": LINK, "title": item.title, "url": item.url}
    if item.custom:
        built["custom"] = dict(item.custom)
    if with_line_item and item.score_maximum:
        line_item = {"scoreMaximum": item.score_maximum, "label": item.title}
        built["lineItem"] = line_item | (
            {"resourceId": item.resource_id} if item.resource_id else {}
        )
    return built


def _request(row: Row[Any]) -> DeepLinkingRequest:
    return DeepLinkingRequest(
        id=row.id,
        organization_id=row.organization_id,
        registration_id=row.registration_id,
        deployment_id=row.deployment_id,
        settings=DeepLinkingSettings(
            return_url=row.return_url,
            accept_types=tuple(row.accept_types),
            accept_multiple=row.accept_multiple,
            accept_line_item=row.accept_line_item,
            data=row.data,
        ),
    )


def _hash(secret: str) -> str:
    return hashlib.sha256(secret.encode()).hexdigest()
