"""Subscribing to notices, with the platform at the wire."""

import json
from typing import Any

import pytest

from mentorai.lti.launch import settle
from mentorai.lti.notice_services import SERVICE_CLAIM, NoticeService, find_offer
from mentorai.lti.registrations import Registration
from mentorai.lti.tool import Tool
from tests.fakes.signing_platform import ISSUER
from tests.lti.conftest import Launcher

URL = f"{ISSUER}/notices/1"
SCOPE = "https://purl.imsglobal.org/spec/lti/scope/noticehandlers"
OFFERED = ["LtiHelloWorldNotice", "LtiContextCopyNotice", "LtiAnotherNotice"]


def make_claim(**changes: Any) -> dict[str, Any]:
    return {
        "service_versions": ["1.0"],
        "platform_notification_service_url": URL,
        "scope": [SCOPE],
        "notice_types_supported": OFFERED,
    } | changes


def services(tool: Tool, registration: Registration) -> list[NoticeService]:
    found = tool.notice_services.list(registration.organization_id, registration.id)
    return list(found)


def asked(platform: Any) -> list[tuple[str, str]]:
    """The handlers that the platform was asked to keep: kind and address."""
    bodies = [json.loads(c.request.body) for c in platform.wire.calls if c.request.method == "PUT"]
    return [(body["notice_type"], body["handler"]) for body in bodies]


@pytest.fixture
def launched(launcher: Launcher) -> Launcher:
    """A platform that named its service in a launch."""
    finished = launcher.launch(**{SERVICE_CLAIM: make_claim()})
    settle(launcher.tool, finished)
    launcher.platform.grant()
    launcher.platform.wire.upsert("PUT", URL, json={})
    return launcher


def test_worker_subscribes_to_what_we_understand_once(
    launched: Launcher, tool: Tool, registration: Registration
) -> None:
    counts = [tool.notice_services.subscribe_due(tool) for _ in range(3)]

    assert counts == [1, 0, 0]
    handler = f"{tool.settings.public_url}/lti/notices"
    assert asked(launched.platform) == [(OFFERED[0], handler), (OFFERED[1], handler)]
    assert services(tool, registration)[0].subscribed == tuple(OFFERED[:2])
    assert {form["scope"] for form in launched.platform.token_requests()} == {SCOPE}


def test_worker_subscribes_again_when_the_service_moved(
    launched: Launcher, tool: Tool, registration: Registration
) -> None:
    tool.notice_services.subscribe_due(tool)
    moved = make_claim(platform_notification_service_url=f"{ISSUER}/notices/2")
    launched.platform.wire.upsert("PUT", f"{ISSUER}/notices/2", json={})

    settle(tool, launched.launch(**{SERVICE_CLAIM: moved}))

    assert tool.notice_services.subscribe_due(tool) == 1
    assert services(tool, registration)[0].url == f"{ISSUER}/notices/2"


@pytest.mark.parametrize(
    ("status", "body", "code"),
    [
        (500, "", "platform_unavailable"),
        (403, "", "platform_refused"),
        (200, "<html>", "platform_reply_invalid"),
        (200, '{"handler": "https://elsewhere.example/"}', "platform_reply_invalid"),
    ],
)
def test_failure_is_kept_and_tried_again_later(
    launched: Launcher, tool: Tool, registration: Registration, status: int, body: str, code: str
) -> None:
    launched.platform.wire.upsert("PUT", URL, body=body, status=status)

    tool.notice_services.subscribe_due(tool)

    (service,) = services(tool, registration)
    assert service.error_code == code
    assert service.subscribed == ()
    assert service.due_at is not None
    assert tool.notice_services.subscribe_due(tool) == 0


def test_service_that_was_switched_off_stays_off(
    launched: Launcher, tool: Tool, registration: Registration
) -> None:
    tool.notice_services.subscribe_due(tool)
    (service,) = services(tool, registration)

    tool.notice_services.subscribe(tool, service, wanted=False)
    settle(tool, launched.launch(**{SERVICE_CLAIM: make_claim(notice_types_supported=OFFERED[:1])}))

    assert asked(launched.platform)[-1] == (OFFERED[1], "")
    assert services(tool, registration)[0].subscribed == ()
    assert tool.notice_services.subscribe_due(tool) == 0


def test_disabled_registration_is_not_asked(
    launched: Launcher, tool: Tool, registration: Registration
) -> None:
    tool.registrations.disable(registration.organization_id, registration.id)

    tool.notice_services.subscribe_due(tool)

    assert asked(launched.platform) == []


@pytest.mark.parametrize(
    "claim",
    [
        None,
        [],
        "x",
        {},
        make_claim(platform_notification_service_url=None),
        make_claim(platform_notification_service_url="javascript:alert(1)"),
        make_claim(platform_notification_service_url=f"{ISSUER}/{'x' * 2_001}"),
        make_claim(scope=["https://purl.imsglobal.org/spec/lti/scope/other"]),
    ],
)
def test_claim_that_offers_nothing_is_read_past(claim: Any) -> None:
    assert find_offer({SERVICE_CLAIM: claim}) is None


def test_kinds_that_cannot_be_read_are_left_out() -> None:
    kinds = [7, None, "x" * 65, "\n", "LtiHelloWorldNotice", "LtiHelloWorldNotice"]

    offer = find_offer({SERVICE_CLAIM: make_claim(notice_types_supported=kinds * 30)})

    assert offer is not None
    assert offer.kinds == ("LtiHelloWorldNotice",)
