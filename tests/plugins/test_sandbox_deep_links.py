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

    registered = {"resource_link_id_history": "", "context_id_history": ""}
    assert claims[f"{CLAIM}/custom"] == QUIZ["custom"] | registered
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
        {f"{DEEP_LINK}/content_items": [QUIZ | {"lineItem": 5}]},
        {f"{DEEP_LINK}/content_items": [
            QUIZ | {"lineItem": {"scoreMaximum": 5, "submissionReview": "yes"}}]},
        {f"{DEEP_LINK}/content_items": [QUIZ | {"lineItem": {
            "scoreMaximum": 5, "submissionReview": {"reviewableStatus": ["Done"]}}}]},
        {f"{DEEP_LINK}/content_items": [QUIZ | {"title": None}]},
        {f"{DEEP_LINK}/content_items": [QUIZ | {"text": ""}]},
        {f"{DEEP_LINK}/content_items": [QUIZ | {"custom": {}}]},
        {f"{DEEP_LINK}/content_items": [QUIZ | {"custom": {"a": ""}}]},
        {f"{DEEP_LINK}/content_items": [QUIZ | {"iframe": {"height": "600"}}]},
        {f"{DEEP_LINK}/content_items": [QUIZ | {"iframe": 5}]},
        {f"{DEEP_LINK}/content_items": [QUIZ | {"window": {"width": -1}}]},
        {f"{DEEP_LINK}/content_items": [QUIZ | {"icon": {"url": "icon.png"}}]},
        {f"{DEEP_LINK}/content_items": [QUIZ | {"available": {"startDateTime": "soon"}}]},
        {f"{DEEP_LINK}/content_items": [QUIZ | {"available": {"endDateTime": "2026-01-01"}}]},
        {f"{DEEP_LINK}/content_items": [QUIZ | {"submission": [1]}]},
        {f"{DEEP_LINK}/content_items": [QUIZ | {"submission": {
            "startDateTime": "2026-02-01T00:00:00Z", "endDateTime": "2026-01-01T00:00:00Z"}}]},
        {f"{DEEP_LINK}/msg": ""},
        {f"{DEEP_LINK}/log": 7},
    ],
    ids=lambda changes: str(changes)[-60:],
)  # fmt: skip
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


# --- what was asked for, and what is done with it -------------------------------------------


def ask_for(sandbox: SandboxClient, **wants: Any) -> dict[str, Any]:
    """A content selection that asks for other things."""
    changed = sandbox.call("PATCH", "/control/deep-linking", json=wants)
    assert changed.status_code == 200
    return sandbox.begin_selection()


def test_request_asks_for_what_it_was_told_to(sandbox: SandboxClient) -> None:
    asked = ask_for(
        sandbox,
        accept_types=["html", "link"],
        accept_media_types="image/*",
        accept_targets=["window"],
        accept_multiple=False,
        accept_lineitem=None,
        auto_create=False,
        title="Week 3",
        text="Tides",
        sends_data=False,
    )

    settings = asked[f"{DEEP_LINK}/deep_linking_settings"]
    assert settings.pop("deep_link_return_url")
    assert settings == {
        "accept_types": ["html", "link"],
        "accept_media_types": "image/*",
        "accept_presentation_document_targets": ["window"],
        "accept_multiple": False,
        "auto_create": False,
        "title": "Week 3",
        "text": "Tides",
    }
    assert sandbox.get("/control/deep-linking").get_json()["title"] == "Week 3"


@pytest.mark.parametrize(
    "wants",
    [{"accept_types": ["x"]}, {"accept_types": "html"}, {"accept_multiple": "no"}, {"x": 1}, []],
)
def test_request_cannot_ask_for_nonsense(sandbox: SandboxClient, wants: Any) -> None:
    assert sandbox.call("PATCH", "/control/deep-linking", json=wants).status_code == 422


@pytest.mark.parametrize(
    ("wants", "items"),
    [
        ({"accept_multiple": False}, [QUIZ, QUIZ]),
        ({"accept_lineitem": False}, [QUIZ]),
        ({"accept_targets": ["window"]}, [QUIZ | {"iframe": {"height": 600}}]),
        ({"accept_targets": ["iframe"]}, [QUIZ | {"window": {"targetName": "_blank"}}]),
        ({"accept_types": ["link"]}, [QUIZ]),
        ({"accept_types": ["link"]}, [{"type": "link", "url": "nothing"}]),
        ({"accept_types": ["file"]}, [{"type": "file"}]),
        ({"accept_types": ["html"]}, [{"type": "html"}]),
        ({"accept_types": ["html"]}, [{"type": "html", "html": 7}]),
    ],
    ids=str,
)
def test_answer_is_refused_when_it_was_not_asked_for(
    sandbox: SandboxClient, wants: dict[str, Any], items: list[Any]
) -> None:
    asked = ask_for(sandbox, **wants)
    sandbox.tool.items = items

    assert sandbox.answer_selection(asked).status_code == 400
    assert added(sandbox) == []


def test_data_must_not_come_back_when_none_was_sent(sandbox: SandboxClient) -> None:
    asked = ask_for(sandbox, sends_data=False)

    assert sandbox.answer_selection(asked, **{f"{DEEP_LINK}/data": "x"}).status_code == 400
    assert sandbox.answer_selection(asked).status_code == 200


def test_column_keeps_how_a_submission_is_reviewed(
    sandbox: SandboxClient, asked: dict[str, Any]
) -> None:
    review = {"reviewableStatus": ["Submitted"], "label": "Open", "custom": {"quiz": "q"}}
    column = QUIZ["lineItem"] | {"submissionReview": review}  # type: ignore[operator]
    sandbox.tool.items = [QUIZ | {"lineItem": column}]

    sandbox.answer_selection(asked)

    (kept,) = (c for c in sandbox.platform.shelf.list("line_item") if c["label"] == "Quiz 9")
    assert kept["submissionReview"] == review


def test_column_has_the_label_and_the_times_of_its_item(
    sandbox: SandboxClient, asked: dict[str, Any]
) -> None:
    window = {"startDateTime": "2026-01-01T08:00:00Z", "endDateTime": "2026-02-01T09:00:00+01:00"}
    column = QUIZ["lineItem"] | {"label": "Crabs"}  # type: ignore[operator]
    sandbox.tool.items = [QUIZ | {"submission": window, "lineItem": column}]
    sandbox.answer_selection(asked)
    (item,) = (item for item in sandbox.platform.items(COURSES[0]) if item.added)
    endpoint = sandbox.launch("maya", item.id)[
        "https://purl.imsglobal.org/spec/lti-ags/claim/endpoint"
    ]

    shown = sandbox.get(endpoint["lineitem"], headers=sandbox.bearer()).get_json()

    assert shown["label"] == "Crabs"
    assert shown["startDateTime"] == "2026-01-01T08:00:00+00:00"
    assert shown["endDateTime"] == "2026-02-01T08:00:00+00:00"
    assert "until" in sandbox.get("/as/maya/courses/tidal-pools/").text


@pytest.mark.parametrize(
    ("period", "is_open"),
    [
        ({"startDateTime": "2100-01-01T00:00:00Z"}, False),
        ({"endDateTime": "2020-01-01T00:00:00Z"}, False),
        ({"startDateTime": "2020-01-01T00:00:00Z", "endDateTime": "2100-01-01T00:00:00Z"}, True),
    ],
)
def test_item_opens_to_students_in_its_time_only(
    sandbox: SandboxClient, asked: dict[str, Any], period: dict[str, str], is_open: bool
) -> None:
    sandbox.tool.items = [QUIZ | {"available": period}]
    sandbox.answer_selection(asked)
    (item,) = (item for item in sandbox.platform.items(COURSES[0]) if item.added)
    path = f"/courses/tidal-pools/items/{item.id}/launch"

    assert sandbox.get(f"/as/maya{path}").status_code == (200 if is_open else 403)
    assert sandbox.get(f"/as/ruth{path}").status_code == 200
    assert ("Not open now" in sandbox.get("/as/maya/courses/tidal-pools/").text) is not is_open


def test_item_is_shown_in_the_frame_or_window_that_it_asks_for(
    sandbox: SandboxClient, asked: dict[str, Any]
) -> None:
    window = {"targetName": "quiz", "width": 700, "height": 500, "windowFeatures": "menubar=no"}
    sandbox.tool.items = [QUIZ | {"iframe": {"height": 640}}, QUIZ | {"window": window}]
    sandbox.answer_selection(asked)
    framed, apart = (item for item in sandbox.platform.items(COURSES[0]) if item.added)

    page = sandbox.get(f"/as/maya/courses/tidal-pools/items/{framed.id}/").text
    assert 'height="640"' in page
    page = sandbox.get(f"/as/maya/courses/tidal-pools/items/{apart.id}/").text
    assert "<iframe" not in page
    assert 'target="quiz"' in page
    assert 'data-width="700"' in page
    presentation = sandbox.launch("maya", apart.id)[f"{CLAIM}/launch_presentation"]
    assert presentation["document_target"] == "window"


def test_other_kinds_stand_in_the_course(sandbox: SandboxClient) -> None:
    asked = ask_for(sandbox, accept_types=["link", "file", "html", "image"])
    url = "https://reading.example/tides"
    sandbox.tool.items = [
        {"type": "link", "url": url, "title": "Reading", "thumbnail": {"url": url}},
        {"type": "file", "url": f"{url}.pdf", "title": "File"},
        {"type": "image", "url": f"{url}.png", "title": "Picture", "width": 5},
        {"type": "html", "html": "<h3>Tides</h3><script>alert(1)</script>"},
    ]
    assert sandbox.answer_selection(asked).status_code == 200
    (reading, *_) = (item for item in sandbox.platform.items(COURSES[0]) if item.added)

    page = sandbox.get("/as/maya/courses/tidal-pools/").text

    for shown in (f'href="{url}"', f"{url}.pdf", f"{url}.png", "<h3>Tides</h3>"):
        assert shown in page
    assert "alert(1)" not in page
    assert sandbox.get(f"/as/maya/courses/tidal-pools/items/{reading.id}/").status_code == 404


def test_what_the_tool_says_is_shown_to_the_person_or_kept_for_it(
    sandbox: SandboxClient, asked: dict[str, Any]
) -> None:
    said = {"msg": "Done", "errormsg": "<b>No</b>", "log": "l", "errorlog": "e"}

    page = sandbox.answer_selection(asked, **{f"{DEEP_LINK}/{n}": t for n, t in said.items()}).text

    assert "Done" in page
    assert "&lt;b&gt;No&lt;/b&gt;" in page
    # A page with something to read does not leave by itself.
    assert "added.js" not in page
    (selection,) = sandbox.get("/control/selections").get_json()["selections"]
    assert selection["said"] == said
    assert [item["title"] for item in selection["items"]] == ["Quiz 9"]
