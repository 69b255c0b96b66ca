"""A tool with one registered platform, and the platform at the other end of the wire."""

from collections.abc import Iterator
from typing import Any

import pytest
import responses

from mentorai.core.engine import Engine
from mentorai.core.organizations import Organization
from mentorai.lti.launch import FinishedLaunch, finish_launch
from mentorai.lti.login import begin_login
from mentorai.lti.registrations import Registration
from mentorai.lti.tool import Tool
from tests.fakes.signing_platform import SigningPlatform, read_query

BINDING = "b" * 64


@pytest.fixture
def wire() -> Iterator[responses.RequestsMock]:
    with responses.RequestsMock(assert_all_requests_are_fired=False) as mock:
        yield mock


@pytest.fixture
def tool(engine: Engine) -> Tool:
    return engine.room(Tool)


@pytest.fixture
def platform(wire: responses.RequestsMock, tool: Tool) -> Any:
    platform = SigningPlatform(wire, tool.settings.public_url)
    platform.publish()
    return platform


@pytest.fixture
def registration(tool: Tool, platform: Any, organization: Organization) -> Registration:
    return tool.registrations.add(organization.id, **platform.facts())


class Launcher:
    """A browser that goes through login and launch."""

    def __init__(self, tool: Tool, platform: Any) -> None:
        self.tool = tool
        self.platform = platform

    def begin(self, binding: str = BINDING, **params: str) -> dict[str, str]:
        """What the platform gets asked at its authentication endpoint."""
        given = {
            "iss": self.platform.issuer,
            "client_id": self.platform.client_id,
            "login_hint": "6",
            "target_link_uri": self.tool.launch_url,
        }
        url = begin_login(self.tool, given | params, binding).auth_url
        found: dict[str, str] = read_query(url)
        return found

    def finish(
        self, asked: dict[str, str], token: str, binding: str | None = BINDING
    ) -> FinishedLaunch:
        form = {"state": asked["state"], "id_token": token}
        return finish_launch(self.tool, form, [binding] if binding else [])

    def launch(self, *, header: dict[str, Any] | None = None, **changes: Any) -> FinishedLaunch:
        """A whole launch of a learner with changed claims."""
        asked = self.begin()
        claims = self.platform.claims(asked["nonce"], **changes)
        return self.finish(asked, self.platform.sign(claims, header=header))

    def pick(self, **changes: Any) -> FinishedLaunch:
        """A whole deep linking launch of an instructor with changed claims."""
        asked = self.begin()
        claims = self.platform.deep_linking_claims(asked["nonce"], **changes)
        return self.finish(asked, self.platform.sign(claims))


@pytest.fixture
def launcher(tool: Tool, platform: Any, registration: Registration) -> Launcher:
    return Launcher(tool, platform)
