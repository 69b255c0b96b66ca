"""The sandbox as one LMS, and a tool that holds a token of it."""

import json
from typing import Any

import responses

from mentorai.core.clock import now
from mentorai.plugins.sandbox.platform import Options
from tests.fakes.sandbox_client import SandboxClient

RESULTS = "application/vnd.ims.lis.v2.resultcontainer+json"
ENDPOINT = "https://purl.imsglobal.org/spec/lti-ags/claim/endpoint"
LATER = "2036-11-23T12:00:00Z"


class Lms:
    """One LMS, and a tool that holds a token of it; addresses are those of a launch."""

    def __init__(self, name: str, wire: responses.RequestsMock) -> None:
        self.client = SandboxClient(Options(personality=name), wire)
        self.house, self.platform = self.client.house, self.client.platform
        self.bearer = self.client.bearer()
        self.column = self.client.platform.shelf.list("line_item")[0]["id"]
        claim = self.client.launch("maya", "shore-quiz")[ENDPOINT]
        self.line_item, self.line_items = claim["lineitem"], claim["lineitems"]

    def clean(self) -> "Lms":
        """It has no scores, and nothing that a teacher did; it is back to its habits."""
        for kind in ("result", "score", "concluded", "membership"):
            for record in list(self.platform.shelf._records.get(kind, {})):
                self.platform.shelf.remove(kind, record)
        self.platform.bucket.fill(0, now())
        self.platform.token_bucket.fill(0, now())
        self.platform.shelf.find("line_item", self.column).pop("locked", None)  # type: ignore[union-attr]
        return self

    def at(self, more: str) -> str:
        path, mark, query = self.line_item.partition("?")
        return f"{path}{more}{mark}{query}"

    def push(self, person: str = "maya", **facts: Any) -> tuple[int, str, bytes]:
        """Status, reason and body of what a score of 8 of 10 gets; `facts` differ."""
        body = {
            "userId": self.client.subs[person],
            "scoreGiven": 8,
            "scoreMaximum": 10,
            "activityProgress": "Completed",
            "gradingProgress": "FullyGraded",
            "timestamp": LATER,
        } | facts
        answer = self.client.post(
            self.at("/scores"),
            headers=self.bearer,
            content_type="application/vnd.ims.lis.v1.score+json",
            data=json.dumps({name: value for name, value in body.items() if value is not None}),
        )
        return answer.status_code, answer.status.partition(" ")[2], answer.data

    def results(self) -> list[dict[str, Any]]:
        headers = self.bearer | {"Accept": RESULTS}
        found: list[dict[str, Any]] = self.client.get(
            self.at("/results"), headers=headers
        ).get_json()
        return found

    def grade(self) -> object:
        """What maya's grade is, as the LMS tells it."""
        return self.results()[0].get("resultScore")

    def held(self) -> dict[str, Any]:
        """What the gradebook itself holds for maya."""
        maya = self.platform.ids.read("person", self.client.subs["maya"])
        key = f"{self.column}/{maya}"
        return self.platform.shelf.find("result", key) or {}


def roster(lms: Lms, query: str = "") -> dict[str, Any]:
    claim = "https://purl.imsglobal.org/spec/lti-nrps/claim/namesroleservice"
    url = lms.client.launch()[claim]["context_memberships_url"]
    found: dict[str, Any] = json.loads(lms.client.get(f"{url}{query}", headers=lms.bearer).data)
    return found


def member(lms: Lms, person: str, query: str = "") -> dict[str, Any]:
    sub = lms.client.subs[person]
    return next(m for m in roster(lms, query)["members"] if m["user_id"] == sub)
