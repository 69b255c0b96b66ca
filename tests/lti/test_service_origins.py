"""The host lock: a bearer token goes to its registration's hosts and nowhere else."""

from typing import Any

import pytest

from mentorai.core.errors import PlatformRefused, StateMismatch
from mentorai.lti.service_origins import ORIGINS, SERVICES, ServiceOrigins
from mentorai.lti.services import call
from tests.fakes.signing_platform import AGS, NRPS

ELSEWHERE = "https://school.lms-services.example/members"


def ask(tool: Any, registration: Any, url: str = ELSEWHERE) -> int:
    return call(tool, registration, url, ["s"], accept="*/*").status


def test_token_is_not_sent_to_a_host_that_no_launch_named(
    tool: Any, registration: Any, platform: Any
) -> None:
    platform.grant()

    with pytest.raises(PlatformRefused, match="no launch has named it"):
        ask(tool, registration)
    assert platform.token_requests() == []


@pytest.mark.parametrize(
    ("claim", "field"), [(c, f) for c, fields in SERVICES.items() for f in fields]
)
def test_token_may_go_where_a_launch_pointed(
    tool: Any, launcher: Any, platform: Any, registration: Any, claim: str, field: str
) -> None:
    platform.grant()
    platform.wire.add("GET", ELSEWHERE, json=[])

    launcher.launch(**{claim: {field: ELSEWHERE, "context_groups_url": ELSEWHERE}})

    assert ask(tool, registration) == 200


def test_host_is_known_to_every_process(
    tool: Any, launcher: Any, registration: Any, engine: Any
) -> None:
    launcher.launch(**{NRPS: {"context_memberships_url": ELSEWHERE}})

    ServiceOrigins(engine.database).check(registration, ELSEWHERE)


@pytest.mark.parametrize(
    "url",
    [
        "http://school.lms-services.example/members",
        "https://school.lms-services.example:8443/members",
        "https://evil.school.lms-services.example/members",
        "https://school.lms-services.example.evil.example/members",
        "https://school.lms-services.example@evil.example/members",
        "ftp://school.lms-services.example/members",
        "",
    ],
)
def test_neighbours_of_a_named_host_are_not_meant(
    tool: Any, launcher: Any, registration: Any, url: str
) -> None:
    launcher.launch(**{NRPS: {"context_memberships_url": ELSEWHERE}})

    with pytest.raises(PlatformRefused):
        tool.service_origins.check(registration, url)


def test_launch_that_is_refused_names_no_host(
    tool: Any, launcher: Any, platform: Any, registration: Any
) -> None:
    asked = launcher.begin()
    changed = {NRPS: {"context_memberships_url": ELSEWHERE}}
    token = platform.sign(platform.claims(asked["nonce"], **changed))

    with pytest.raises(StateMismatch):
        launcher.finish({"state": "made-up"}, token)

    with pytest.raises(PlatformRefused):
        tool.service_origins.check(registration, ELSEWHERE)


def test_host_of_one_registration_is_not_anothers(
    tool: Any, launcher: Any, platform: Any, registration: Any, organization: Any
) -> None:
    other = tool.registrations.add(organization.id, **platform.facts(client_id="other"))
    launcher.launch(**{NRPS: {"context_memberships_url": ELSEWHERE}})

    with pytest.raises(PlatformRefused):
        tool.service_origins.check(other, ELSEWHERE)


@pytest.mark.parametrize("claim", ["text", [], 7, {"lineitems": 7}, {"lineitems": "javascript:x"}])
def test_broken_service_claims_name_nothing(tool: Any, registration: Any, claim: object) -> None:
    tool.service_origins.note(registration, {AGS: claim})

    with pytest.raises(PlatformRefused):
        tool.service_origins.check(registration, ELSEWHERE)


def test_ever_new_hosts_are_not_followed(tool: Any, registration: Any) -> None:
    for number in range(ORIGINS + 1):
        claim = {"context_memberships_url": f"https://h{number}.example/"}
        tool.service_origins.note(registration, {NRPS: claim})

    tool.service_origins.check(registration, f"https://h{ORIGINS - 1}.example/x")
    with pytest.raises(PlatformRefused):
        tool.service_origins.check(registration, f"https://h{ORIGINS}.example/x")
