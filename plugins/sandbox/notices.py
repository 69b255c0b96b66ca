"""Notices: who wants to be told of what, and telling it.

Source: LTI Platform Notification Service 1.0, sections 3 (notices) and 4 (notice handlers).
"""

import secrets
import threading
from collections.abc import Mapping
from typing import Any

import requests

from mentorai.core.identifiers import new_id
from mentorai.plugins.sandbox.messages import CLAIM
from mentorai.plugins.sandbox.platform import SandboxPlatform
from mentorai.plugins.sandbox.school import Course
from mentorai.plugins.sandbox.wire import Call, Refused, Reply

SCOPE = "https://purl.imsglobal.org/spec/lti/scope/noticehandlers"
HELLO, CONTEXT_COPY = "LtiHelloWorldNotice", "LtiContextCopyNotice"
KINDS = (HELLO, CONTEXT_COPY)
SECONDS = 10
TOKEN_SECONDS = 300
KIND = "notice_handler"


class NoticeHandlers:
    """The tool's handlers, and the notices that went to them."""

    def __init__(self, platform: SandboxPlatform) -> None:
        self._platform = platform

    def read(self, call: Call) -> Reply:
        """GET on the handlers."""
        call.check_accepts("application/json")
        return Reply.of(self._show())

    def change(self, call: Call) -> Reply:
        """PUT of one handler; an empty address takes it away. A new one is greeted."""
        body = call.read_json("application/json")
        kind, handler = body.get("notice_type"), body.get("handler")
        if kind not in KINDS:
            raise Refused(400, "There is no such notice_type.")
        own = f"{self._platform.options.tool_origin}/"
        if not isinstance(handler, str) or (handler and not handler.startswith(own)):
            raise Refused(400, "handler must be on the tool's own origin.")
        if handler:
            self._platform.shelf.put(KIND, kind, {"notice_type": kind, "handler": handler})
        else:
            self._platform.shelf.remove(KIND, kind)
        if handler and kind == HELLO:
            # Not before this call was answered: a tool may have one thread.
            threading.Thread(target=self.tell, args=(HELLO, {}), daemon=True).start()
        return Reply.of({"notice_type": kind, "handler": handler})

    def tell(self, kind: str, facts: Mapping[str, Any]) -> int | None:
        """Tell the tool, if it wants to hear of this kind; the status it answered, or 0 for none.

        facts: what the notice says besides.
        """
        kept = self._platform.shelf.find(KIND, kind)
        if kept is None:
            return None
        body = {"notices": [{"jwt": self.sign(kind, facts)}]}
        try:
            answer = requests.post(kept["handler"], json=body, timeout=SECONDS)
        except requests.RequestException:
            return 0
        return answer.status_code

    def tell_of_copy(self, copied: Course) -> int | None:
        """Tell the tool that this course is a copy of the first one of its history."""
        context = {"id": copied.context_id, "label": copied.label, "title": copied.title}
        origins = list(copied.history[:1])
        return self.tell(
            CONTEXT_COPY,
            {f"{CLAIM}/context": context, f"{CLAIM}/origin_contexts": origins},
        )

    def sign(self, kind: str, facts: Mapping[str, Any]) -> str:
        """One notice as a signed token."""
        options, moment = self._platform.options, self._platform.now()
        issued_at = int(moment.timestamp())
        return self._platform.keys.sign(
            {
                "iss": options.issuer,
                "aud": options.client_id,
                "iat": issued_at,
                "exp": issued_at + TOKEN_SECONDS,
                "nonce": secrets.token_urlsafe(24),
                f"{CLAIM}/version": "1.3.0",
                f"{CLAIM}/deployment_id": options.deployment_id,
                f"{CLAIM}/notice": {
                    "id": new_id(),
                    "timestamp": moment.isoformat(),
                    "type": kind,
                },
                **self._platform.ids.tell(facts),
            }
        )

    def _show(self) -> dict[str, Any]:
        options = self._platform.options
        return {
            "client_id": options.client_id,
            "deployment_id": options.deployment_id,
            "notice_handlers": self._platform.shelf.list(KIND),
        }


def build_claim(base_url: str) -> dict[str, Any]:
    """What a launch says of this service."""
    return {
        "service_versions": ["1.0"],
        "platform_notification_service_url": f"{base_url}/lti/notice-handlers",
        "scope": [SCOPE],
        "notice_types_supported": list(KINDS),
    }
