"""Content selection in the sandbox: LTI Deep Linking 2.0."""

from collections.abc import Iterator
from typing import Any

import pytest

from mentorai.plugins.sandbox.school import COURSES
from tests.fakes.sandbox_client import SandboxClient, sandbox_client

CLAIM = "https://purl.imsglobal.org/spec/lti/claim"
DEEP_LINK = "https://purl.imsglobal.org/spec/lti-dl/claim"
QUIZ = {
    "type": "ltiResourceLink",
    "title": "Quiz 9",
    "text": "About crabs.",
    "url": "http://localhost:8000/lti/launch",
    "custom": {"mentor": "tidal-pools", "quiz": "crabs"},
    "lineItem": {"scoreMaximum": 5, "label": "Quiz 9", "resourceId": "crabs", "tag": "quiz"},
}


@pytest.fixture
def sandbox() -> Iterator[SandboxClient]:
    with sandbox_client() as client:
        client.tool.items = [QUIZ]
        yield client


@pytest.fixture
def asked(sandbox: SandboxClient) -> dict[str, Any]:
    return sandbox.begin_selection()


def added(sandbox: SandboxClient) -> list[str]:
    return [item.title for item in sandbox.platform.items(COURSES[0]) if item.added]


def test_request_says_what_is_accepted_and_where_it_goes(asked: dict[str, Any]) -> None:
    settings = asked[f"{DEEP_LINK}/deep_linking_settings"]

    assert asked[f"{CLAIM}/message_type"] == "LtiDeepLinkingRequest"
    assert settings["accept_types"] == ["ltiResourceLink"]
    assert settings["deep_link_return_url"].startswith("http://127.0.0.1:8001/lti/deep-links/")
    assert settings["data"]
    assert f"{CLAIM}/resource_link" not in asked


@pytest.mark.parametrize("person", ["maya", "ines"])
def test_picker_is_for_those_who_teach(sandbox: SandboxClient, person: str) -> None:
    assert sandbox.get(f"/as/{person}/courses/tidal-pools/add/launch").status_code == 403


def test_items_are_added_to_the_course(sandbox: SandboxClient, asked: dict[str, Any]) -> None:
    answer = sandbox.answer_selection(asked)

    assert answer.status_code == 200
    assert added(sandbox) == ["Quiz 9"]
    assert "Quiz 9" in sandbox.get("/as/maya/courses/tidal-pools/").text


def test_added_item_launches_with_its_parameters_and_column(
    sandbox: SandboxClient, asked: dict[str, Any]
) -> None:
    sandbox.answer_selection(asked)
    (item,) = (item for item in sandbox.platform.items(COURSES[0]) if item.added)

    claims = sandbox.launch("maya", item.id)

    assert claims[f"{CLAIM}/custom"] == QUIZ["custom"]
    assert claims[f"{CLAIM}/resource_link"]["title"] == "Quiz 9"
    endpoint = claims["https://purl.imsglobal.org/spec/lti-ags/claim/endpoint"]
    column = sandbox.get(endpoint["lineitem"], headers=sandbox.bearer()).get_json()
    assert (column["scoreMaximum"], column["resourceId"], column["tag"]) == (5, "crabs", "quiz")


def test_several_items_are_added_at_once(sandbox: SandboxClient, asked: dict[str, Any]) -> None:
    sandbox.tool.items = [QUIZ, {"type": "ltiResourceLink", "title": "Chat"}]
    sandbox.answer_selection(asked)

    assert added(sandbox) == ["Quiz 9", "Chat"]


def test_nothing_chosen_adds_nothing(sandbox: SandboxClient, asked: dict[str, Any]) -> None:
    sandbox.tool.items = []

    assert "0 items added" in sandbox.answer_selection(asked).text


def test_selection_is_answered_once(sandbox: SandboxClient, asked: dict[str, Any]) -> None:
    sandbox.answer_selection(asked)

    assert sandbox.answer_selection(asked).status_code == 404
    assert added(sandbox) == ["Quiz 9"]


@pytest.mark.parametrize(
    "changes",
    [
        {"iss": "http://localhost:8000"},
        {"aud": "another"},
        {"exp": 1},
        {"iat": None},
        {"nonce": None},
        {f"{CLAIM}/message_type": "LtiResourceLinkRequest"},
        {f"{CLAIM}/version": "1.0"},
        {f"{CLAIM}/deployment_id": "2"},
        {f"{DEEP_LINK}/data": "something else"},
        {f"{DEEP_LINK}/data": None},
        {f"{DEEP_LINK}/content_items": "all"},
        {f"{DEEP_LINK}/content_items": [QUIZ] * 51},
        {f"{DEEP_LINK}/content_items": [7]},
        {f"{DEEP_LINK}/content_items": [{"type": "html", "html": "<b>x</b>"}]},
        {f"{DEEP_LINK}/content_items": [QUIZ | {"url": "https://evil.example/"}]},
        {f"{DEEP_LINK}/content_items": [QUIZ | {"url": "http://localhost:8000.evil.example/"}]},
        {f"{DEEP_LINK}/content_items": [QUIZ | {"title": 7}]},
        {f"{DEEP_LINK}/content_items": [QUIZ | {"title": "\ud800"}]},
        {f"{DEEP_LINK}/content_items": [QUIZ | {"custom": {"a": 1}}]},
        {f"{DEEP_LINK}/content_items": [QUIZ | {"lineItem": {"scoreMaximum": 0}}]},
    ],
    ids=lambda changes: str(changes)[-60:],
)
def test_answer_is_refused_when_a_claim_is_wrong(
    sandbox: SandboxClient, asked: dict[str, Any], changes: dict[str, Any]
) -> None:
    answer = sandbox.answer_selection(asked, **changes)

    assert answer.status_code == 400
    assert added(sandbox) == []


def test_refused_answer_leaves_the_selection_open(
    sandbox: SandboxClient, asked: dict[str, Any]
) -> None:
    sandbox.answer_selection(asked, aud="another")

    assert sandbox.answer_selection(asked).status_code == 200


@pytest.mark.parametrize("token", ["", "x", "x.y.z", "e30.e30.e30"])
def test_answer_is_refused_when_it_is_no_token(
    sandbox: SandboxClient, asked: dict[str, Any], token: str
) -> None:
    url = asked[f"{DEEP_LINK}/deep_linking_settings"]["deep_link_return_url"]

    assert sandbox.post(url, data={"JWT": token}).status_code == 400


def test_message_of_the_tool_is_shown_as_text(
    sandbox: SandboxClient, asked: dict[str, Any]
) -> None:
    page = sandbox.answer_selection(asked, **{f"{DEEP_LINK}/msg": "<b>Done</b>"})

    assert "&lt;b&gt;Done&lt;/b&gt;" in page.text


def test_added_item_can_be_removed(sandbox: SandboxClient, asked: dict[str, Any]) -> None:
    sandbox.answer_selection(asked)
    (item,) = (item for item in sandbox.platform.items(COURSES[0]) if item.added)

    sandbox.post(f"/as/ruth/courses/tidal-pools/items/{item.id}/remove")

    assert added(sandbox) == []
