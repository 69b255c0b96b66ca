"""The sandbox without a port: its application called in this process, with a toy tool beside it.

The tool's JWKS is the only thing that goes over a wire; `responses` answers for it.
"""

import json
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any
from urllib.parse import urlsplit

import responses
from werkzeug.test import TestResponse

from mentorai.plugins.sandbox.house import House
from mentorai.plugins.sandbox.oidc import GRADE_SCOPES, MEMBERS_READ
from mentorai.plugins.sandbox.platform import Options, describe_platform
from mentorai.plugins.sandbox.routes import create_platform
from mentorai.plugins.sandbox.tokens import ASSERTION_TYPE
from tests.fakes.browserless import Form
from tests.fakes.toy_tool import ToyTool

COURSE = "/lti/courses/tidal-pools"
LINE_ITEM = "application/vnd.ims.lis.v2.lineitem+json"
SCORE = "application/vnd.ims.lis.v1.score+json"


class SandboxClient:
    """Calls one sandbox application as a browser or as the tool."""

    def __init__(self, options: Options, wire: responses.RequestsMock) -> None:
        self.options, self.wire = options, wire
        self.tool = ToyTool()
        self.tool.description = describe_platform(options)
        self.app = create_platform(options)
        self.house: House = self.app.extensions["sandbox"]
        self.platform = self.house.platform
        self.client = self.app.test_client()
        self.subs = {p["id"]: p["sub"] for p in self.tool.description["people"]}
        self.serve_keys()

    def serve_keys(self) -> None:
        """Publish the tool's present keys, and no others."""
        url = self.options.tool_keyset_url
        self.wire.upsert(responses.GET, url, json=self.tool.keyset())

    def call(self, method: str, path: str, **options: Any) -> TestResponse:
        url = path.removeprefix(self.options.base_url)
        return self.client.open(url, method=method, base_url=self.options.base_url, **options)

    def get(self, path: str, **options: Any) -> TestResponse:
        return self.call("GET", path, **options)

    def post(self, path: str, **options: Any) -> TestResponse:
        return self.call("POST", path, **options)

    def ask_token(self, **changes: Any) -> TestResponse:
        """A token request; `changes` replaces fields, None leaves one out."""
        audience = self.platform.personality.tokens.audience or self.options.token_url
        form = {
            "grant_type": "client_credentials",
            "client_assertion_type": ASSERTION_TYPE,
            "client_assertion": self.tool.assertion(aud=audience),
            "scope": " ".join((*GRADE_SCOPES, MEMBERS_READ)),
        } | changes
        path = urlsplit(self.options.token_url).path
        return self.post(path, data={k: v for k, v in form.items() if v is not None})

    def bearer(self, scope: str = " ".join((*GRADE_SCOPES, MEMBERS_READ))) -> dict[str, str]:
        """An Authorization header with a fresh token."""
        # Some LMSs call it a page of HTML.
        answer = json.loads(self.ask_token(scope=scope).data)
        return {"Authorization": f"Bearer {answer['access_token']}"}

    def column_path(self) -> str:
        """The path of the line item that the first quiz comes with."""
        column = self.platform.shelf.list("line_item")[0]
        return f"{COURSE}/line_items/{column['id']}"

    def add_column(self, headers: Mapping[str, str], **facts: Any) -> TestResponse:
        return self.post(
            f"{COURSE}/line_items",
            headers=headers,
            content_type=LINE_ITEM,
            data=json.dumps({"label": "Essay", "scoreMaximum": 20} | facts),
        )

    def push(self, headers: Mapping[str, str], person: str = "maya", **facts: Any) -> TestResponse:
        """Post a score of 8 of 10 for a person; `facts` replaces parts, None leaves one out."""
        body = {
            "userId": self.subs[person],
            "scoreGiven": 8,
            "scoreMaximum": 10,
            "activityProgress": "Completed",
            "gradingProgress": "FullyGraded",
            "timestamp": "2026-11-23T12:00:00Z",
        } | facts
        body = {name: value for name, value in body.items() if value is not None}
        return self.push_raw(headers, json.dumps(body))

    def push_raw(
        self, headers: Mapping[str, str], body: str, content_type: str = SCORE
    ) -> TestResponse:
        path = f"{self.column_path()}/scores"
        return self.post(path, headers=headers, content_type=content_type, data=body)

    def begin(self, person: str = "maya", item: str = "tides-mentor") -> Form:
        """The login initiation of an item."""
        return read_form(self.get(f"/as/{person}/courses/tidal-pools/items/{item}/launch"))

    def authenticate(self, login: Form, **changes: str | None) -> TestResponse:
        """The tool's authentication request after a login initiation."""
        asked: dict[str, str | None] = {
            "response_type": "id_token",
            "response_mode": "form_post",
            "scope": "openid",
            "prompt": "none",
            "client_id": login.fields["client_id"],
            "redirect_uri": self.options.tool_redirect_url,
            "login_hint": login.fields["login_hint"],
            "lti_message_hint": login.fields["lti_message_hint"],
            "nonce": "the nonce",
            "state": "the state",
        }
        given = {k: v for k, v in (asked | changes).items() if v is not None}
        return self.get(urlsplit(self.options.auth_url).path, query_string=given)

    def launch(self, person: str = "maya", item: str = "tides-mentor") -> dict[str, Any]:
        """The claims of a whole launch."""
        return self.claims_of(self.authenticate(self.begin(person, item)))

    def claims_of(self, page: TestResponse) -> dict[str, Any]:
        """The verified claims of the id_token that a page posts."""
        self.wire.upsert(
            responses.GET,
            self.options.platform_keyset_url,
            json=self.platform.keys.published(),
        )
        return self.tool.read(read_form(page).fields["id_token"])

    def begin_selection(self) -> dict[str, Any]:
        """The claims of a content selection request, as the instructor."""
        login = read_form(self.get("/as/ruth/courses/tidal-pools/add/launch"))
        return self.claims_of(self.authenticate(login))

    def answer_selection(self, asked: Mapping[str, Any], **changes: Any) -> TestResponse:
        """Post the tool's answer to the return URL of a content selection request."""
        claim = "https://purl.imsglobal.org/spec/lti-dl/claim/deep_linking_settings"
        token = self.tool.selection(asked, **changes)
        return self.post(asked[claim]["deep_link_return_url"], data={"JWT": token})


@contextmanager
def sandbox_client(**options: Any) -> Iterator[SandboxClient]:
    """A sandbox of its own with a toy tool. options: fields of Options."""
    with responses.RequestsMock(assert_all_requests_are_fired=False) as wire:
        client = SandboxClient(Options(**options), wire)
        yield client
        client.platform.close()


def read_form(page: TestResponse) -> Form:
    """The one form of a page that the browser sends on."""
    assert page.status_code == 200, page.text
    import lxml.html

    form = lxml.html.fromstring(page.text).forms[0]
    fields = {name: value for name, value in form.form_values() if value is not None}
    return Form(form.get("action"), form.get("method"), fields)


def next_url(page: TestResponse) -> str | None:
    """The address of the next page in a Link header."""
    found = re.search(r'<([^>]+)>; rel="next"', page.headers.get("Link", ""))
    return found.group(1) if found else None
