"""What single LMSs do in their own way beside the services: docs/sandbox-rows.md has the rows."""

import json
import re
from collections.abc import Iterator
from typing import Any
from urllib.parse import urlsplit

import pytest
import responses

from mentorai.plugins.sandbox.command_line import describe
from mentorai.plugins.sandbox.oidc import BASIC_OUTCOMES, MEMBERS_READ
from mentorai.plugins.sandbox.personalities import PERSONALITIES
from mentorai.plugins.sandbox.personalities.openedx import PASSPORT
from mentorai.plugins.sandbox.platform import Options, describe_platform
from mentorai.plugins.sandbox.school import COURSES
from mentorai.plugins.sandbox.tokens import ASSERTION_TYPE
from tests.fakes.sandbox_client import LINE_ITEM, SandboxClient, read_form, sandbox_client
from tests.fakes.sandbox_lms import ENDPOINT, Lms, roster

CLAIM = "https://purl.imsglobal.org/spec/lti/claim"
DEEP_LINK = "https://purl.imsglobal.org/spec/lti-dl/claim"
LAUNCH_URL = "https://canvas.instructure.com/lti/launch_url"
TEST_USER = "http://purl.imsglobal.org/vocab/lti/system/person#TestUser"
NAMES_AND_ROLES = "https://purl.imsglobal.org/spec/lti-nrps/claim/namesroleservice"
CONSUMER = "/api/lti_consumer/v1"
TOOL = "http://localhost:8000"
LINK = "tides-mentor"


def teach(lms: Lms, **changes: Any) -> int:
    """What a teacher changes of maya's column; the status."""
    path = f"/control/line-items/{lms.column}"
    return lms.client.call("PATCH", path, json=changes).status_code


@pytest.mark.parametrize(("given", "grade"), [(3, 10), (0, 0), (10, 10)])
def test_canvas_column_that_only_passes_or_fails(be: Any, given: int, grade: int) -> None:
    lms = be("canvas")
    assert teach(lms, pass_fail=True) == 200

    lms.push(scoreGiven=given)

    teach(lms, pass_fail=False)
    assert lms.grade() == grade
    assert teach(be("moodle"), pass_fail=True) == 422


@pytest.mark.parametrize(("name", "told"), [("canvas", True), ("plain", False), ("moodle", False)])
def test_list_of_line_items_tells_launch_urls_when_asked(be: Any, name: str, told: bool) -> None:
    lms = be(name)
    mark = "&" if "?" in lms.line_items else "?"
    accepts = lms.bearer | {"Accept": "application/vnd.ims.lis.v2.lineitemcontainer+json"}

    asked = lms.client.get(f"{lms.line_items}{mark}include[]=launch_url", headers=accepts).json
    unasked = lms.client.get(lms.line_items, headers=accepts).json

    assert [column.get(LAUNCH_URL) for column in asked] == [f"{TOOL}/lti/launch" if told else None]
    assert LAUNCH_URL not in unasked[0]


@pytest.mark.parametrize(
    ("name", "status"), [("plain", 404), ("canvas", 412), ("moodle", 500), ("blackboard", 404)]
)
def test_line_item_of_another_tool_is_neither_listed_nor_graded(
    be: Any, name: str, status: int
) -> None:
    lms = be(name)
    accepts = lms.bearer | {"Accept": "application/vnd.ims.lis.v2.lineitemcontainer+json"}
    assert teach(lms, foreign=True) == 200

    answered, _, body = lms.push()
    listed = lms.client.get(lms.line_items, headers=accepts).json

    teach(lms, foreign=False)
    assert (answered, listed) == (status, [])
    assert name != "moodle" or body == b"[]"


def test_canvas_lists_a_column_for_each_of_its_links(be: Any) -> None:
    lms = be("canvas")
    own = lms.platform.shelf.find("line_item", lms.column)["resourceLinkId"]
    other = lms.client.launch("maya", "tides-mentor")[f"{CLAIM}/resource_link"]["id"]
    assert teach(lms, other_links=[other]) == 200

    listed = [
        lms.client.get(f"{lms.line_items}?resource_link_id={link}", headers=lms.bearer).json
        for link in (own, other)
    ]
    claim = lms.client.launch("maya", "tides-mentor")[ENDPOINT]

    teach(lms, other_links=[])
    shown = [[(column["id"], column["resourceLinkId"]) for column in each] for each in listed]
    assert shown == [[(lms.line_item, own)]] * 2
    assert "lineitem" not in claim


@pytest.mark.parametrize(("name", "status"), [("canvas", 412), ("moodle", 403), ("plain", 400)])
def test_line_item_is_moved_to_no_other_link(be: Any, name: str, status: int) -> None:
    lms = be(name)
    other = lms.client.launch("maya", "tides-mentor")[f"{CLAIM}/resource_link"]["id"]
    body = json.dumps({"label": "Quiz", "scoreMaximum": 10, "resourceLinkId": other})

    answer = lms.client.call(
        "PUT", lms.line_item, headers=lms.bearer, content_type=LINE_ITEM, data=body
    )

    assert answer.status_code == status


@pytest.mark.parametrize("name", ["plain", "moodle", "blackboard"])
@pytest.mark.parametrize("change", [{"assignees": ["maya"]}, {"other_links": ["x"]}], ids=str)
def test_other_lms_has_no_such_columns(be: Any, name: str, change: dict[str, Any]) -> None:
    assert teach(be(name), **change) == 422


@pytest.mark.parametrize("more", ["/scores", "/results"])
def test_moodle_takes_no_call_at_another_tools_address(be: Any, more: str) -> None:
    lms = be("moodle")
    url = lms.at(more).replace("type_id=1", "type_id=2")

    assert lms.client.post(url, headers=lms.bearer).status_code in (401, 405)
    assert lms.client.get(url, headers=lms.bearer).status_code in (401, 405)


@pytest.mark.parametrize(("name", "status"), [("moodle", 502), ("canvas", 422), ("plain", 422)])
def test_score_of_an_id_that_is_no_id_there(be: Any, name: str, status: int) -> None:
    answered, _, body = be(name).push(userId="maya@harbour.example")

    assert answered == status
    assert (b"<html>" in body) is (name == "moodle")


@pytest.mark.parametrize(("name", "grade"), [("moodle", None), ("canvas", 8)])
def test_grade_of_who_left_comes_back_or_not(be: Any, name: str, grade: object) -> None:
    lms = be(name)
    lms.push()
    member = {"course": "tidal-pools", "person": "maya"}

    for status in ("Deleted", "Active"):
        lms.client.call("PUT", "/control/memberships", json=member | {"status": status})

    assert lms.held().get("given") == grade


def test_moodle_sends_addresses_of_settings_among_the_parameters(be: Any) -> None:
    lms = be("moodle")

    custom = lms.client.launch()[f"{CLAIM}/custom"]

    assert custom["context_memberships_url"] == roster(lms)["id"]
    assert custom["link_setting_url"].endswith("/links/{link_id}/custom")
    assert {"system_setting_url", "context_setting_url", "mentor"} <= set(custom)
    assert all(isinstance(value, str) for value in custom.values())
    assert "system_setting_url" not in be("plain").client.launch()[f"{CLAIM}/custom"]


def test_canvas_tells_its_own_numbers_and_leaves_a_variable_where_it_has_none(be: Any) -> None:
    lms = be("canvas")

    graded, plain = (
        lms.client.launch("maya", item)[f"{CLAIM}/custom"]
        for item in ("shore-quiz", "tides-mentor")
    )

    assert graded["canvas_assignment_id"].isdigit()
    assert graded["canvas_course_id"] == plain["canvas_course_id"] == "101"
    assert plain["canvas_assignment_id"] == "$Canvas.assignment.id"


@pytest.mark.parametrize(("name", "named"), [("moodle", True), ("plain", False)])
def test_launch_of_a_link_with_two_columns_names_the_first_or_none(
    be: Any, name: str, named: bool
) -> None:
    lms = be(name)
    link = lms.client.launch("maya", "shore-quiz")[f"{CLAIM}/resource_link"]["id"]
    facts = {"label": "Second", "scoreMaximum": 5, "resourceLinkId": link}
    made = lms.client.post(
        lms.line_items, headers=lms.bearer, content_type=LINE_ITEM, data=json.dumps(facts)
    )

    claim = lms.client.launch("maya", "shore-quiz")[ENDPOINT]

    lms.client.call("DELETE", made.get_json()["id"], headers=lms.bearer)
    assert claim.get("lineitem") == (lms.line_item if named else None)


def test_moodle_tells_the_tool_of_an_unknown_client_and_gives_back_an_empty_state(be: Any) -> None:
    client: SandboxClient = be("moodle").client

    refused = read_form(client.authenticate(client.begin(), client_id="x" * 15, state=None))

    assert refused.fields["error"] == "unauthorized_client"
    assert refused.fields["state"] == ""
    plain: SandboxClient = be("plain").client
    assert plain.authenticate(plain.begin(), client_id="x" * 15).status_code == 400


@pytest.mark.parametrize(("name", "status"), [("moodle", 303), ("plain", 200)])
def test_launch_of_who_is_not_enrolled_ends_at_the_enrolment_page_or_not(
    be: Any, name: str, status: int
) -> None:
    lms = be(name)
    membership = {"course": "tidal-pools", "person": "maya", "status": "Deleted"}
    lms.client.call("PUT", "/control/memberships", json=membership)

    answer = lms.client.authenticate(lms.client.begin())

    assert answer.status_code == status
    if name == "moodle":
        assert "id_token" not in answer.text
        assert lms.client.get(answer.headers["Location"]).status_code == 200
        assert "/enrol/index.php?id=" in answer.headers["Location"]


@pytest.fixture
def hide() -> Iterator[Any]:
    """Have a teacher of an LMS hide the course's first link."""
    hidden = []

    def act(lms: Lms) -> None:
        lms.client.call("PUT", f"/control/items/{LINK}", json={"hidden": True})
        hidden.append(lms)

    yield act
    for lms in hidden:
        lms.client.call("PUT", f"/control/items/{LINK}", json={"hidden": False})


@pytest.mark.parametrize(
    ("name", "listed"),
    [("moodle", {"ruth", "jonas"}), ("plain", {"ruth", "jonas", "maya", "tomas", "private"})],
)
def test_roster_of_a_link_that_a_teacher_hid(
    be: Any, hide: Any, name: str, listed: set[str]
) -> None:
    lms = be(name)
    launch = lms.client.launch("ruth", LINK)
    link = launch[f"{CLAIM}/resource_link"]["id"]
    hide(lms)

    url = f"{launch[NAMES_AND_ROLES]['context_memberships_url']}?rlid={link}"
    members = json.loads(lms.client.get(url, headers=lms.bearer).data)["members"]

    assert {each["user_id"] for each in members} == {lms.client.subs[who] for who in listed}


def test_link_that_a_teacher_hid_opens_for_teachers_alone(be: Any, hide: Any) -> None:
    lms = be("moodle")
    hide(lms)

    path = f"/courses/tidal-pools/items/{LINK}/launch"
    assert lms.client.get(f"/as/maya{path}").status_code == 403
    assert lms.client.get(f"/as/ruth{path}").status_code == 200


def test_blackboard_takes_no_members_that_it_sets_itself(be: Any) -> None:
    lms = be("blackboard")

    def send(method: str, url: str, **facts: Any) -> Any:
        body = json.dumps({"label": "Essay", "scoreMaximum": 5, **facts})
        return lms.client.call(method, url, headers=lms.bearer, content_type=LINE_ITEM, data=body)

    made = send("POST", lms.line_items, tag="essay")

    assert send("POST", lms.line_items, resourceLinkId="x").status_code == 400
    assert send("PUT", made.get_json()["id"], id=made.get_json()["id"]).status_code == 400
    assert made.get_json()["gradesReleased"] is True
    lms.client.call("DELETE", made.get_json()["id"], headers=lms.bearer)


def test_blackboard_shows_a_result_without_a_comment_with_an_empty_one(be: Any) -> None:
    lms = be("blackboard")
    lms.push()

    assert lms.results()[0]["comment"] == ""


@pytest.mark.parametrize("name", ["blackboard", "canvas"])
def test_teacher_opens_a_course_as_a_student_who_is_not_real(be: Any, name: str) -> None:
    lms = be(name)
    course = lms.client.get("/as/ruth/courses/tidal-pools/").text

    claims = lms.client.launch("preview", "shore-quiz")

    assert "/as/preview/courses/tidal-pools/" in course
    assert TEST_USER in claims[f"{CLAIM}/roles"]
    listed = {each["user_id"] for each in roster(lms)["members"]}
    assert (claims["sub"] in listed) is (name == "blackboard")
    assert be("plain").client.get("/as/preview/").status_code == 404


@pytest.mark.parametrize("name", ["blackboard", "canvas"])
def test_sign_in_tokens_and_keys_are_on_the_vendors_host(name: str) -> None:
    told = describe.main(["--platform", name, "--silent"], standalone_mode=False)["platform"]

    addresses = (urlsplit(told[field]) for field in ("auth_url", "token_url", "keyset_url"))
    hosts = {f"{each.scheme}://{each.netloc}" for each in addresses}
    school = "http://127.0.0.1:8001"
    assert hosts == {"http://localhost:8001" if name == "blackboard" else school}
    assert told["frame_origins"] == [school]


@pytest.mark.parametrize("name", ["moodle", "canvas", "blackboard"])
def test_moodle_names_the_grade_service_of_lti_1_1_besides(be: Any, name: str) -> None:
    lms = be(name)
    graded, plain = (lms.client.launch("maya", each) for each in ("shore-quiz", LINK))

    link = graded[f"{CLAIM}/resource_link"]["id"]
    (message,) = (
        each["message"][0] if isinstance(each["message"], list) else each["message"]
        for each in roster(lms, f"?rlid={link}")["members"]
        if each["user_id"] == graded["sub"]
    )

    assert BASIC_OUTCOMES not in plain
    assert (BASIC_OUTCOMES in graded) is (name == "moodle")
    assert message.get(BASIC_OUTCOMES) == graded.get(BASIC_OUTCOMES)


@pytest.mark.parametrize(
    ("name", "says"),
    [
        ("canvas", ["Missing access token", "Invalid access token", "Access token expired"]),
        ("blackboard", ["Bearer token is invalid"] * 3),
        ("moodle", ["Unauthorized"] * 3),
    ],
)
def test_token_that_is_missing_unknown_or_expired_is_refused_in_its_words(
    be: Any, name: str, says: list[str]
) -> None:
    lms = be(name)
    unknown = {"Authorization": "Bearer unknown"}

    answers = [lms.client.get(lms.line_item, headers=each) for each in ({}, unknown)]
    lms.platform.behave({"clock_offset_seconds": 2 * 3600})
    answers.append(lms.client.get(lms.line_item, headers=lms.bearer))

    lms.platform.behave({"clock_offset_seconds": 0})
    assert [each.status_code for each in answers] == [401] * 3
    for answer, words in zip(answers, says, strict=True):
        assert words in answer.text


@pytest.mark.parametrize(
    ("name", "status", "member"), [("moodle", 200, "pageOf"), ("plain", 406, "status")]
)
def test_moodle_has_the_roster_of_before_for_who_asks_for_its_media_type(
    be: Any, name: str, status: int, member: str
) -> None:
    lms = be(name)
    url = lms.client.launch()[NAMES_AND_ROLES]["context_memberships_url"]
    old = {"Accept": "application/vnd.ims.lis.v2.membershipcontainer+json"}

    answer = lms.client.get(url, headers=lms.bearer | old)

    assert (answer.status_code, member in answer.json) == (status, True)
    assert "members" not in answer.json


def test_launch_comes_twice_where_the_cookie_of_the_lms_does_not_come_along(be: Any) -> None:
    lms = be("moodle")
    lms.platform.behave({"reposts": True})

    again = read_form(lms.client.authenticate(lms.client.begin()))
    launched = read_form(lms.client.post(urlsplit(again.url).path, data=again.fields))

    lms.platform.behave({"reposts": False})
    assert (urlsplit(again.url).path, again.fields["repost"]) == ("/lti/auth", "1")
    assert set(launched.fields) == {"id_token", "state"}


def test_selection_comes_twice_where_the_cookie_of_the_lms_does_not_come_along(
    selection: Any,
) -> None:
    lms, asked = selection
    lms.client.wire.add(responses.GET, f"{TOOL}/lti/launch?m=1")
    lms.platform.behave({"reposts": True})

    again = read_form(lms.client.answer_selection(asked))
    before = [item for item in lms.platform.items(COURSES[0]) if item.added]
    answer = lms.client.post(urlsplit(again.url).path, data=again.fields)

    lms.platform.behave({"reposts": False})
    after = [item for item in lms.platform.items(COURSES[0]) if item.added]
    assert answer.status_code == 200
    assert (len(before), len(after)) == (0, 1)


@pytest.mark.parametrize(("name", "status"), [("moodle", 404), ("canvas", 400)])
def test_redirect_uri_that_is_not_registered_ends_at_the_lms(
    be: Any, name: str, status: int
) -> None:
    client: SandboxClient = be(name).client

    answer = client.authenticate(client.begin(), redirect_uri=f"{TOOL}/lti/launch/")

    assert answer.status_code == status
    assert "id_token" not in answer.text


def test_moodle_has_a_guid_of_32_characters(be: Any) -> None:
    described = be("moodle").client.launch()[f"{CLAIM}/tool_platform"]

    assert re.fullmatch("[0-9a-f]{32}", described["guid"])


@pytest.mark.parametrize("name", ["moodle", "canvas"])
def test_addresses_to_come_back_to_hold_the_persons_session_or_not(be: Any, name: str) -> None:
    client: SandboxClient = be(name).client
    shown = client.launch()[f"{CLAIM}/launch_presentation"]
    asked = client.begin_selection()[f"{DEEP_LINK}/deep_linking_settings"]

    urls = (shown["return_url"], asked["deep_link_return_url"])

    assert ["?sesskey=" in url for url in urls] == [name == "moodle"] * 2


PORTAL = "/api/v1"
APPLICATION = "1f3c8f4e-0000-4000-8000-000000000000"


def test_launch_and_token_go_by_the_paths_of_the_vendors_portal() -> None:
    host = "http://localhost:8001"
    options = {"personality": "blackboard", "portal_url": host, "client_id": APPLICATION}
    with sandbox_client(**options) as client:
        told = describe_platform(client.options)["platform"]
        claims, bearer = client.launch("maya", "shore-quiz"), client.bearer()
        keys = client.get(urlsplit(told["keyset_url"]).path)
        column = client.get(claims[ENDPOINT]["lineitem"], headers=bearer)
        urls = [each.url for each in client.platform.requests]

    assert told["auth_url"] == f"{host}{PORTAL}/gateway/oidcauth"
    assert told["token_url"] == f"{host}{PORTAL}/gateway/oauth2/jwttoken"
    assert told["keyset_url"] == f"{host}{PORTAL}/management/applications/{APPLICATION}/jwks.json"
    assert {urlsplit(told[each]).path for each in ("auth_url", "token_url")} <= set(urls)
    assert keys.get_json() == client.platform.keys.published()
    assert column.status_code == 200


@pytest.mark.parametrize(("whose", "status"), [(APPLICATION, 200), ("another", 404)])
def test_portal_has_an_address_of_keys_for_each_tool(whose: str, status: int) -> None:
    with sandbox_client(personality="blackboard", client_id=APPLICATION) as client:
        answer = client.get(f"{PORTAL}/management/applications/{whose}/jwks.json")

    assert answer.status_code == status
    assert ("keys" in answer.get_json()) is (status == 200)


@pytest.mark.parametrize(
    ("name", "sign_in", "token", "keys"),
    [
        (
            "canvas",
            "/api/lti/authorize_redirect",
            "/login/oauth2/token",
            "/api/lti/security/jwks",
        ),
        ("moodle", "/mod/lti/auth.php", "/mod/lti/token.php", "/mod/lti/certs.php"),
        ("brightspace", "/d2l/lti/authenticate", "", "/d2l/.well-known/jwks"),
        (
            "sakai",
            "/imsoidc/lti13/oidc_auth",
            "/imsblis/lti13/token/1",
            "/imsblis/lti13/keyset",
        ),
        (
            "openedx",
            f"{CONSUMER}/launch/",
            f"{CONSUMER}/token/{PASSPORT}",
            f"{CONSUMER}/public_keysets/{PASSPORT}",
        ),
    ],
)
def test_sign_in_tokens_and_keys_are_at_the_paths_of_the_lms(
    be: Any, name: str, sign_in: str, token: str, keys: str
) -> None:
    client: SandboxClient = be(name).client
    login = client.begin()
    asked = {
        "response_type": "id_token",
        "response_mode": "form_post",
        "scope": "openid",
        "prompt": "none",
        "redirect_uri": client.options.tool_redirect_url,
        "nonce": "the nonce",
        **{each: login.fields[each] for each in ("client_id", "login_hint", "lti_message_hint")},
    }

    form = read_form(client.get(sign_in, query_string=asked))

    assert "id_token" in form.fields
    assert client.get(keys).get_json()["keys"] == client.get("/lti/jwks.json").get_json()["keys"]
    if token:
        claims = {"aud": f"{client.options.base_url}{token}"}
        assertion = {"client_assertion": client.tool.assertion(**claims)}
        grant = {"grant_type": "client_credentials", "client_assertion_type": ASSERTION_TYPE}
        answer = client.post(token, data={**grant, **assertion, "scope": MEMBERS_READ})
        assert "access_token" in json.loads(answer.data)


def test_school_that_nobody_knows_yet_launches_from_its_own_deployment(be: Any) -> None:
    lms = be("blackboard")
    lms.platform.behave({"deployment": "another-school"})

    login, claims = lms.client.begin(), lms.client.launch()

    lms.platform.behave({"deployment": ""})
    assert login.fields["lti_deployment_id"] == "another-school"
    assert claims[f"{CLAIM}/deployment_id"] == "another-school"
    assert lms.client.launch()[f"{CLAIM}/deployment_id"] != "another-school"


@pytest.mark.parametrize(("name", "policy"), [("blackboard", "hold"), ("moodle", None)])
def test_deployments_of_a_vendor_that_all_schools_share_are_held(name: str, policy: object) -> None:
    described = describe_platform(Options(personality=name))["platform"]

    assert described.get("deployment_policy") == policy


def test_page_of_the_school_lets_a_launch_go_by_the_vendors_host() -> None:
    portal = "http://portal.example"
    with sandbox_client(portal_url=portal) as client:
        answer = client.get("/as/maya/courses/tidal-pools/items/tides-mentor/launch")

    policy = dict(
        part.split(" ", 1) for part in answer.headers["Content-Security-Policy"].split("; ")
    )
    # Browsers hold a form to it also where the tool sends it on.
    assert portal in policy["form-action"].split()
    assert portal in policy["frame-src"].split()


@pytest.fixture
def selection(be: Any) -> Any:
    """A content selection in Moodle, and what it asks."""
    lms = be("moodle")
    lms.client.tool.items = [
        {
            "type": "ltiResourceLink",
            "title": "Crabs",
            "url": f"{TOOL}/lti/launch?m=1",
            "available": {"startDateTime": "2036-01-01T00:00:00Z"},
        }
    ]
    yield lms, lms.client.begin_selection()
    for record in list(lms.platform.shelf._records.get("item", {})):
        lms.platform.shelf.remove("item", record)


def test_moodle_asks_for_content_without_data(selection: Any) -> None:
    settings = selection[1][f"{DEEP_LINK}/deep_linking_settings"]

    assert "data" not in settings
    assert "accept_lineitem" not in settings
    assert settings["auto_create"] is False
    assert set(settings["accept_presentation_document_targets"]) == {"frame", "iframe", "window"}


def test_moodle_looks_at_little_of_an_answer_and_opens_the_link_once(selection: Any) -> None:
    lms, asked = selection
    opened = lms.client.wire.add(responses.GET, f"{TOOL}/lti/launch?m=1")

    answer = lms.client.answer_selection(
        asked, **{"aud": "nobody", f"{CLAIM}/deployment_id": "9", "nonce": None}
    )

    assert answer.status_code == 200
    (item,) = (item for item in lms.platform.items(COURSES[0]) if item.added)
    assert (item.title, item.available) == ("Crabs", {})
    assert opened.call_count == 1


def test_moodle_closes_a_selection_that_was_answered_with_no_token(selection: Any) -> None:
    lms, asked = selection
    url = asked[f"{DEEP_LINK}/deep_linking_settings"]["deep_link_return_url"]

    answer = lms.client.post(url, data={"JWT": "nonsense"})

    assert answer.status_code == 200
    assert not [item for item in lms.platform.items(COURSES[0]) if item.added]


def test_every_lms_that_has_a_portal_of_its_vendor_has_its_issuer_too() -> None:
    launches = [each.launches for each in PERSONALITIES.values()]

    assert all(each.issuer for each in launches if each.portal)
