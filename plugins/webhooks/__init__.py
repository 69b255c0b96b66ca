"""Brings webhooks' events to their receivers, through the one outbound client.

Nothing of a receiver's answer is used but its status; no redirect is followed.
"""

from collections.abc import Mapping

from mentorai.core import hookimpl
from mentorai.core.engine import Engine
from mentorai.core.errors import PlatformRefused, PlatformReplyInvalid
from mentorai.lti.platform_http import check_reply
from mentorai.lti.tool import Tool

REPLY_BYTES = 64_000
HEADERS = {"Content-Type": "application/json", "User-Agent": "mentorai-toolkit (webhooks)"}
LEAVE_ALONE = (429, 503)


@hookimpl
def push_event(engine: Engine, url: str, headers: Mapping[str, str], body: bytes) -> int:
    try:
        reply = engine.room(Tool).http.post(
            url, headers={**HEADERS, **headers}, body=body, limit_bytes=REPLY_BYTES
        )
    except PlatformRefused as error:
        raise PlatformRefused(
            "The address was not called: it does not lead to the public internet by https."
        ) from error
    except PlatformReplyInvalid as error:
        raise PlatformReplyInvalid("The receiver's answer was too long.") from error
    if reply.status in LEAVE_ALONE:
        check_reply(reply, "an event")
    return reply.status
