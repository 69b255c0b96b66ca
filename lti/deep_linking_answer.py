"""Our signed answer to a deep linking request: only what the platform said that it takes.

Source: LTI Deep Linking 2.0, section 4.5 (response message).
"""

import secrets
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from mentorai.core.clock import now
from mentorai.core.errors import InputRejected
from mentorai.lti.claims import CLAIM, VERSION
from mentorai.lti.content_items import (
    ContentItem,
    FileItem,
    LinkItem,
    ResourceLinkItem,
    build_item,
    check_item,
    takes_media_type,
)
from mentorai.lti.deep_linking import DeepLinkingSettings
from mentorai.lti.deep_linking_requests import DeepLinkingRequest
from mentorai.lti.registrations import Registration
from mentorai.lti.tool_keys import ToolKeys

DL_CLAIM = "https://purl.imsglobal.org/spec/lti-dl/claim/"
ANSWER_SECONDS = 300
SAID_LENGTH = 500


@dataclass(frozen=True, slots=True)
class DeepLinkingAnswer:
    """What was picked, and what to tell of it.

    message, error: for the person, whom the platform may show them to. log, error_log: for
    those who run the platform. Empty ones are not sent.
    """

    items: Sequence[ContentItem] = ()
    message: str = ""
    error: str = ""
    log: str = ""
    error_log: str = ""


def fit_items(
    items: Sequence[ContentItem], settings: DeepLinkingSettings, *, allow_http: bool
) -> Sequence[ContentItem]:
    """The items without the parts that the platform takes no notice of.

    Raises InputRejected: more than it takes, of a kind that it does not take, or not right.
    """
    if len(items) > 1 and not settings.accept_multiple:
        raise InputRejected({"items": ["This place takes one thing at a time."]})
    for item in items:
        if item.kind not in settings.accept_types:
            raise InputRejected({"items": [f"This place takes no {item.kind}."]})
        if isinstance(item, FileItem) and not takes_media_type(
            item.media_type, settings.accept_media_types
        ):
            raise InputRejected({"items": ["This place takes no files of this type."]})
        check_item(item, allow_http=allow_http)
    return [_fit(item, settings) for item in items]


def sign_answer(
    tool_keys: ToolKeys,
    registration: Registration,
    request: DeepLinkingRequest,
    answer: DeepLinkingAnswer,
    *,
    allow_http: bool = False,
) -> str:
    """The response JWT. Raises InputRejected as fit_items does."""
    settings, moment = request.settings, int(now().timestamp())
    items = fit_items(answer.items, settings, allow_http=allow_http)
    claims: dict[str, Any] = {
        "iss": registration.client_id,
        "aud": registration.issuer,
        "iat": moment,
        "exp": moment + ANSWER_SECONDS,
        "nonce": secrets.token_urlsafe(24),
        f"{CLAIM}message_type": "LtiDeepLinkingResponse",
        f"{CLAIM}version": VERSION,
        f"{CLAIM}deployment_id": request.deployment_id,
        f"{DL_CLAIM}content_items": [build_item(item) for item in items],
    }
    if settings.data is not None:
        claims[f"{DL_CLAIM}data"] = settings.data
    said = {
        "msg": answer.message,
        "errormsg": answer.error,
        "log": answer.log,
        "errorlog": answer.error_log,
    }
    said_claims = {f"{DL_CLAIM}{name}": text[:SAID_LENGTH] for name, text in said.items() if text}
    return tool_keys.sign(claims | said_claims)


def _fit(item: ContentItem, settings: DeepLinkingSettings) -> ContentItem:
    if isinstance(item, ResourceLinkItem) and not settings.takes_line_items:
        item = replace(item, line_item=None)
    if not isinstance(item, ResourceLinkItem | LinkItem):
        return item
    if not settings.takes_frames:
        item = replace(item, iframe=None)
    return item if settings.takes_windows else replace(item, window=None)
