"""Deep linking: the settings claim, where an answer may go, and who may give it."""

from contextlib import suppress
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from joserfc import jwt
from joserfc.jwk import KeySet

from mentorai.core.errors import (
    InputRejected,
    LaunchDenied,
    LaunchRejected,
    NonceReused,
    StateMismatch,
    TokenInvalid,
)
from mentorai.core.settings import Settings
from mentorai.core.values import Launch, Role
from mentorai.lti.content_items import (
    ContentItem,
    FileItem,
    Frame,
    HtmlItem,
    LinkItem,
    NewLineItem,
    NewWindow,
    ResourceLinkItem,
)
from mentorai.lti.deep_linking import (
    SETTINGS_CLAIM,
    DeepLinkingSettings,
    check_return_url,
    read_settings,
)
from mentorai.lti.deep_linking_answer import DeepLinkingAnswer, fit_items, sign_answer
from mentorai.lti.deep_linking_requests import DeepLinkingRequest
from tests.lti.conftest import BINDING

DL = "https://purl.imsglobal.org/spec/lti-dl/claim/"
RETURN_URL = "https://lms.example.edu/return?course=2"
URL = "https://mentor.example.edu/lti/launch"
PLAIN: dict[str, Any] = {
    "deep_link_return_url": RETURN_URL,
    "accept_types": ["ltiResourceLink"],
    "accept_presentation_document_targets": ["iframe"],
}
ALL = DeepLinkingSettings(
    RETURN_URL,
    ("ltiResourceLink", "link", "html", "file", "image"),
    accept_targets=("iframe", "window"),
    accept_multiple=True,
)


def read(**changes: Any) -> DeepLinkingSettings:
    found = PLAIN | changes
    return read_settings({SETTINGS_CLAIM: {k: v for k, v in found.items() if v is not None}})


def test_settings_are_read_whole() -> None:
    found = read(
        accept_types=["link", "ltiResourceLink", "image"],
        accept_media_types="image/*,application/pdf",
        accept_presentation_document_targets=["iframe", "window", "embed"],
        accept_multiple=True,
        accept_lineitem=False,
        auto_create=True,
        title="Group discussion",
        text="About the shore",
        data="opaque",
    )

    assert found == DeepLinkingSettings(
        return_url=RETURN_URL,
        accept_types=("ltiResourceLink", "link", "image"),
        accept_media_types=("image/*", "application/pdf"),
        accept_targets=("iframe", "window", "embed"),
        accept_multiple=True,
        accept_line_item=False,
        auto_create=True,
        title="Group discussion",
        text="About the shore",
        data="opaque",
    )


def test_settings_that_say_little_are_read_with_care() -> None:
    found = read(accept_presentation_document_targets=None)

    assert found == DeepLinkingSettings(RETURN_URL, ("ltiResourceLink",))
    assert found.takes_line_items
    assert not found.takes_frames


@pytest.mark.parametrize(
    ("given_", "read_as"), [(True, True), ("true", True), ("False", False), (1, None), ([], None)]
)
def test_yes_and_no_are_read_as_words_too(given_: Any, read_as: bool | None) -> None:
    assert read(accept_lineitem=given_).accept_line_item is read_as


@pytest.mark.parametrize(
    "changes",
    [
        {"accept_types": None},
        {"accept_types": "ltiResourceLink"},
        {"accept_types": [7]},
        {"data": 7},
        {"data": {"a": 1}},
        {"data": "half \ud800"},
        {"data": "x" * 100_001},
        {"deep_link_return_url": "lms.example.edu"},
    ],
    ids=lambda changes: str(changes)[:50],
)
def test_settings_are_refused_where_the_answer_depends_on_them(changes: dict[str, Any]) -> None:
    with pytest.raises(LaunchRejected):
        read(**changes)


junk = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=8,
)
NAMES = (
    "deep_link_return_url",
    "accept_types",
    "accept_media_types",
    "accept_presentation_document_targets",
    "accept_multiple",
    "accept_lineitem",
    "auto_create",
    "title",
    "text",
    "data",
)


@pytest.fixture
def launch(launcher: Any) -> Launch:
    found: Launch = launcher.pick().launch
    return found


@given(changes=st.dictionaries(st.sampled_from(NAMES), junk))
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
def test_settings_of_any_shape_are_kept_as_read_or_refused(
    tool: Any, launch: Launch, changes: dict[str, Any]
) -> None:
    try:
        found = read_settings({SETTINGS_CLAIM: PLAIN | changes})
        request_id = tool.deep_linking_requests.put(launch, found, BINDING)
    except LaunchRejected:
        return

    assert tool.deep_linking_requests.check(request_id, BINDING).settings == found


@given(claim=junk)
@settings(
    suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None, max_examples=40
)
def test_launch_with_settings_of_any_shape_is_taken_or_refused(launcher: Any, claim: Any) -> None:
    with suppress(LaunchRejected):
        assert launcher.pick(**{SETTINGS_CLAIM: claim}).deep_linking.return_url


# --- where an answer may go -----------------------------------------------------------------

STRICT = Settings(public_url="https://mentor.example.edu")


@pytest.mark.parametrize(
    "url",
    [
        "http://lms.example.edu/return",
        "https://localhost/return",
        "https://10.0.0.7/return",
        "https://lms.internal/return",
        "https://mentor.example.edu/lti/launch",
        "https://MENTOR.example.edu:443/",
    ],
)
def test_return_url_is_refused_outside_development(registration: Any, url: str) -> None:
    with pytest.raises(TokenInvalid):
        check_return_url(url, registration, STRICT)


def test_return_url_of_another_host_is_taken_where_many_share_an_issuer(registration: Any) -> None:
    check_return_url("https://campus.vendor.example/return", registration, STRICT)


@pytest.mark.parametrize(
    ("url", "is_taken"),
    [
        ("https://campus.vendor.example/return", True),
        ("https://lms.example.edu/return", True),
        ("https://other.vendor.example/return", False),
        ("https://campus.vendor.example.evil.example/return", False),
        ("https://campus.vendor.example:8443/return", False),
    ],
)
def test_return_url_must_be_a_listed_origin_where_campus_it_lists_them(
    registration: Any, url: str, is_taken: bool
) -> None:
    listed = replace(registration, frame_origins=("https://campus.vendor.example",))

    if is_taken:
        check_return_url(url, listed, STRICT)
    else:
        with pytest.raises(TokenInvalid, match="registered origins"):
            check_return_url(url, listed, STRICT)


# --- who may answer, and once ---------------------------------------------------------------


@pytest.mark.parametrize("role", [Role.LEARNER, Role.OTHER])
def test_request_is_refused_to_those_who_do_not_teach(
    tool: Any, launch: Launch, role: Role
) -> None:
    with pytest.raises(LaunchDenied):
        tool.deep_linking_requests.put(replace(launch, role=role), ALL, BINDING)


def test_request_is_answered_once_of_many_at_the_same_time(tool: Any, launch: Launch) -> None:
    rooms = tool.deep_linking_requests
    request_id = rooms.put(launch, ALL, BINDING)

    rooms.close(request_id)

    with pytest.raises(NonceReused):
        rooms.close(request_id)
    with pytest.raises(NonceReused):
        rooms.check(request_id, BINDING)


@pytest.mark.parametrize("binding", ["", "c" * 64])
def test_request_is_for_the_browser_that_brought_it(
    tool: Any, launch: Launch, binding: str
) -> None:
    request_id = tool.deep_linking_requests.put(launch, ALL, BINDING)

    with pytest.raises(StateMismatch):
        tool.deep_linking_requests.check(request_id, binding)


# --- what is answered -----------------------------------------------------------------------


def fit(item: ContentItem, **changes: Any) -> ContentItem:
    (fitted,) = fit_items([item], replace(ALL, **changes), allow_http=False)
    return fitted


def test_parts_that_the_platform_does_not_take_are_left_out() -> None:
    item = ResourceLinkItem(
        URL, line_item=NewLineItem(5), iframe=Frame(height=5), window=NewWindow()
    )

    assert fit(item) == item
    assert fit(item, accept_line_item=False) == replace(item, line_item=None)
    assert fit(item, accept_targets=("iframe",)) == replace(item, window=None)
    assert fit(item, accept_targets=("window",)) == replace(item, iframe=None)
    assert fit(LinkItem(URL, iframe=Frame(height=5)), accept_targets=()) == LinkItem(URL)


@pytest.mark.parametrize(
    ("items", "changes"),
    [
        ([LinkItem(URL)], {"accept_types": ("ltiResourceLink",)}),
        ([LinkItem(URL), LinkItem(URL)], {"accept_multiple": False}),
        ([FileItem(URL, media_type="text/html")], {"accept_media_types": ("application/pdf",)}),
        ([HtmlItem("")], {}),
    ],
)
def test_items_are_refused_that_the_platform_does_not_take(
    items: list[ContentItem], changes: dict[str, Any]
) -> None:
    with pytest.raises(InputRejected):
        fit_items(items, replace(ALL, **changes), allow_http=False)


@pytest.mark.parametrize("accepted", [(), ("image/*",), ("image/png",), ("*/*",)])
def test_file_is_taken_by_its_type_or_family(accepted: tuple[str, ...]) -> None:
    item = FileItem(URL, media_type="image/png")

    assert fit(item, accept_media_types=accepted) == item


def test_answer_says_what_came_of_it_and_leaves_out_what_is_empty(
    tool: Any, registration: Any
) -> None:
    request = DeepLinkingRequest("id", registration.organization_id, registration.id, "1", ALL)
    answer = DeepLinkingAnswer(message="Sorry", error="No", error_log="x" * 900)

    token = sign_answer(tool.tool_keys, registration, request, answer)

    keys = KeySet.import_key_set(tool.tool_keys.read_keyset())
    claims = jwt.decode(token, keys, algorithms=["RS256"]).claims
    assert claims[f"{DL}content_items"] == []
    assert (claims[f"{DL}msg"], claims[f"{DL}errormsg"]) == ("Sorry", "No")
    assert claims[f"{DL}errorlog"] == "x" * 500
    assert f"{DL}log" not in claims
    assert f"{DL}data" not in claims
