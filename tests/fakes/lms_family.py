"""A registered LMS of one family at the wire: its launches, and what is asked of its plugin."""

import json
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any

from mentorai.core.connections import Connections
from mentorai.core.engine import Engine
from mentorai.core.values import (
    Context,
    GradePlace,
    GradeService,
    Launch,
    LineItem,
    Platform,
    Score,
)
from mentorai.lti.claims import read_launch
from mentorai.lti.registrations import Registration
from mentorai.lti.tool import Tool
from tests.fakes.signing_platform import SCOPE, SigningPlatform

AT = datetime(2026, 11, 23, 10, 42, tzinfo=UTC)
LINE_ITEM = LineItem(url=SigningPlatform.line_item_url)
SCORES_URL = f"{SigningPlatform.issuer}/2/lineitems/7/lineitem/scores?type_id=1"
RESULTS_URL = f"{SigningPlatform.issuer}/2/lineitems/7/lineitem/results"
COLUMNS_URL = f"{SigningPlatform.issuer}/2/lineitems"


@dataclass(frozen=True)
class LmsFamily:
    """family: the plugin's word for it. wire: answers for it, by `responses`."""

    family: str
    engine: Engine
    platform: SigningPlatform
    registration: Registration

    @property
    def wire(self) -> Any:
        return self.platform.wire

    def launch(self, **changes: Any) -> Launch:
        """A learner's launch with changed claims, as the plugins refined it."""
        claims = self.platform.claims("n", tool_platform=None, **changes)
        public_url = self.engine.settings.public_url
        return self.engine.refine(read_launch(claims, self.registration, public_url))

    def register_nameless(self) -> "LmsFamily":
        """The same LMS, registered by somebody who did not say what it is."""
        facts = self.platform.facts(client_id="nameless")
        organization_id = self.registration.organization_id
        made = self.engine.room(Tool).registrations.add(organization_id, **facts)
        return replace(self, registration=made)

    def connect(self, kind: str) -> None:
        """Have campus IT connect an API of its own at the issuer's address, which serves."""
        connections, known = self.engine.room(Connections), self.registration
        made = connections.put(
            known.organization_id,
            known.id,
            kind,
            base_url=known.issuer,
            account="",
            secret="a token",
            scopes=(),
            author="it",
        )
        connections.note(made, "ready")

    def push(
        self,
        given: float | None = 8,
        comment: str = "",
        *,
        line_item: LineItem = LINE_ITEM,
        **facts: Any,
    ) -> Any:
        """Bring one score as the outbox would."""
        return self._ask(
            "push_score",
            line_item=line_item,
            score=Score("6", given, 10, AT, comment, **facts),
        )

    def take_scores(self, status: int = 200, body: Any = "") -> None:
        """Answer scores so from now on."""
        text = body if isinstance(body, str) else json.dumps(body)
        self.wire.upsert("POST", SCORES_URL, status=status, body=text)

    def scores(self) -> list[Any]:
        """The scores that arrived, as they were read."""
        calls = [call.request for call in self.wire.calls if call.request.url == SCORES_URL]
        return [json.loads(request.body) for request in calls]

    def read_results(self, line_item: LineItem = LINE_ITEM) -> Any:
        return self._ask("read_results", line_item=line_item)

    def list_members(self) -> list[Any]:
        facts = {"memberships_url": self.platform.members_url, "context": Context("2")}
        found = self._ask("list_members", **facts)
        return list(found)

    def find_column(self, **changes: Any) -> Any:
        """The column of a quiz in a link, or what `changes` say, whose launch named none."""
        place = {
            "platform": self._platform,
            "resource_link_id": "ours",
            "lms_resource_link_id": "17",
            "title": "Week 1",
            "activity_id": "quiz-1",
            "service": GradeService(
                line_items_url=self.platform.line_items_url,
                scopes=frozenset({f"{SCOPE}lineitem", f"{SCOPE}score"}),
            ),
        }
        place |= changes
        return self.engine.plugins.ask_first(
            "find_line_item", engine=self.engine, place=GradePlace(**place)
        )

    @property
    def _platform(self) -> Platform:
        known = self.registration
        return Platform(known.id, known.organization_id, self.family, known.issuer, known.client_id)

    def _ask(self, hook: str, **facts: Any) -> Any:
        return self.engine.plugins.ask_first(
            hook, engine=self.engine, platform=self._platform, **facts
        )


def register_family(engine: Engine, wire: Any, family: str) -> LmsFamily:
    """One LMS of this family, registered, that gives tokens."""
    tool = engine.room(Tool)
    platform = SigningPlatform(wire, tool.settings.public_url)
    platform.grant()
    organization = engine.organizations.get()
    registration = tool.registrations.add(organization.id, **platform.facts(family=family))
    return LmsFamily(family, engine, platform, registration)
