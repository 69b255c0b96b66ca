"""What is known of how LMSs answer, row by row: docs/sandbox-rows.md says which switch it is."""

import json
import re
from pathlib import Path
from typing import Any

import pytest

from mentorai.plugins.sandbox.oidc import LINE_ITEM as CHANGE_COLUMNS
from mentorai.plugins.sandbox.oidc import LINE_ITEM_READ as READ_COLUMNS
from mentorai.plugins.sandbox.personalities import PERSONALITIES
from tests.fakes.sandbox_client import LINE_ITEM
from tests.fakes.sandbox_lms import RESULTS, Lms, member, roster
from tests.fakes.toy_tool import ToyTool

SCORE = "application/vnd.ims.lis.v1.score+json"
SUBMISSION = "https://canvas.instructure.com/lti/submission"
CLAIM = "https://purl.imsglobal.org/spec/lti/claim"
TEST_USER = "http://purl.imsglobal.org/vocab/lti/system/person#TestUser"
ROOT = Path(__file__).parents[2]
STRANGER = "00000000-0000-4000-8000-000000000000"


def put(lms: Lms, **facts: Any) -> Any:
    """PUT of maya's column, which is put back afterwards."""
    record = dict(lms.platform.shelf.find("line_item", lms.column) or {})
    answer = lms.client.call(
        "PUT", lms.line_item, headers=lms.bearer, content_type=LINE_ITEM, data=json.dumps(facts)
    )
    lms.platform.shelf.put("line_item", lms.column, record)
    return answer


@pytest.mark.parametrize(
    ("name", "form"),
    [
        ("canvas", "/api/lti/courses/[^/]+/line_items/[^/?]+$"),
        ("moodle", r"/mod/lti/services\.php/[^/]+/lineitems/[^/]+/lineitem\?type_id=\w+$"),
        ("blackboard", "/learn/api/v1/lti/courses/[^/]+/lineItems/[^/?]+$"),
        ("sakai", "/imsblis/lti13/lineitems/[^/]+/[^/?]+$"),
    ],
)
def test_address_of_a_line_item(be: Any, name: str, form: str) -> None:
    assert re.search(form, be(name).line_item)


def test_moodle_takes_no_score_where_scores_is_written_after_the_query(be: Any) -> None:
    lms = be("moodle")

    answer = lms.client.post(f"{lms.line_item}/scores", headers=lms.bearer, content_type=SCORE)

    assert answer.status_code >= 400


@pytest.mark.parametrize(
    ("name", "status"),
    [
        ("plain", 415),
        ("canvas", 200),
        ("moodle", 400),
        ("blackboard", 200),
        ("openedx", 415),
    ],
)
def test_score_comes_as_plain_json(be: Any, name: str, status: int) -> None:
    lms = be(name)
    body = {"userId": lms.client.subs["maya"], "scoreGiven": 8, "scoreMaximum": 10}
    body |= {"activityProgress": "Completed", "gradingProgress": "FullyGraded"}
    body |= {"timestamp": "2036-11-23T12:00:00Z"}

    answer = lms.client.post(
        lms.at("/scores"),
        headers=lms.bearer,
        content_type="application/json",
        data=json.dumps(body),
    )

    assert answer.status_code == status


@pytest.mark.parametrize(
    ("trouble", "name", "status", "says"),
    [
        ("none", "canvas", 200, "resultUrl"),
        ("silent", "canvas", 504, "failed to communicate with file service"),
        ("slow", "canvas", 504, "file url timed out"),
        ("refused", "canvas", 400, "uploading to file service failed with 400"),
        ("broken", "canvas", 500, "uploading to file service failed with 500"),
        ("slow", "moodle", 200, ""),
    ],
)
def test_score_brings_files_that_cannot_be_fetched(
    be: Any, trouble: str, name: str, status: int, says: str
) -> None:
    lms = be(name)
    work = {"type": "file", "url": "https://files.example/essay.pdf", "title": "Essay"}
    lms.platform.behave({"file_trouble": trouble})

    answered, _, body = lms.push(**{SUBMISSION: {"content_items": [work]}})

    with_files, without = bool(lms.held()), lms.push(timestamp="2036-11-24T12:00:00Z")[0]
    lms.platform.behave({"file_trouble": "none"})
    assert (answered, says in body.decode(), with_files) == (status, True, status == 200)
    assert without == 200


@pytest.mark.parametrize(("name", "status"), [("plain", 200), ("canvas", 200), ("moodle", 400)])
def test_list_is_asked_for_as_anything(be: Any, name: str, status: int) -> None:
    lms = be(name)

    answer = lms.client.get(lms.line_items, headers=lms.bearer | {"Accept": "*/*"})

    assert answer.status_code == status


@pytest.mark.parametrize(
    ("facts", "answers"),
    [
        ({"scoreMaximum": None}, {"plain": 422, "canvas": 422, "moodle": 400}),
        ({"scoreGiven": -1}, {"plain": 422, "canvas": 422, "moodle": 200, "blackboard": 400}),
        ({"scoreGiven": "much"}, {"canvas": 422, "moodle": 400}),
        ({"timestamp": "yesterday"}, {"plain": 400, "canvas": 400, "moodle": 400}),
        ({"timestamp": None}, {"plain": 400, "canvas": 400, "moodle": 400, "blackboard": 400}),
        ({"userId": None}, {"plain": 400, "canvas": 400, "moodle": 400}),
        ({"activityProgress": None}, {"plain": 400, "canvas": 400, "moodle": 400}),
        ({"gradingProgress": None}, {"plain": 400, "canvas": 400, "moodle": 400}),
        ({"userId": STRANGER}, {"canvas": 422, "blackboard": 400}),
        ({"userId": "999"}, {"canvas": 422, "moodle": 400}),
        (
            {SUBMISSION: {"submission_type": "online_upload"}},
            {"canvas": 422, "moodle": 200},
        ),
        ({"submission": {"submittedAt": "2099-01-01T00:00:00Z"}}, {"canvas": 400, "moodle": 200}),
    ],
    ids=str,
)
def test_odd_score_is_answered(be: Any, facts: dict[str, Any], answers: dict[str, int]) -> None:
    assert {name: be(name).push(**facts)[0] for name in answers} == answers


@pytest.mark.parametrize(("name", "grade"), [("plain", None), ("canvas", 8), ("moodle", None)])
def test_score_that_a_person_still_has_to_look_at(be: Any, name: str, grade: object) -> None:
    lms = be(name)

    lms.push(gradingProgress="PendingManual")

    assert lms.held().get("given") == grade


@pytest.mark.parametrize("name", ["canvas", "moodle", "blackboard", "brightspace"])
def test_score_is_scaled_to_its_column(be: Any, name: str) -> None:
    lms = be(name)
    points = lms.platform.shelf.find("line_item", lms.column)["scoreMaximum"]

    lms.push(scoreGiven=35, scoreMaximum=50)

    assert lms.held()["given"] == pytest.approx(0.7 * points)


@pytest.mark.parametrize(
    ("name", "comment"), [("moodle", ""), ("plain", ""), ("canvas", "Well done")]
)
def test_score_without_a_comment_after_one_with(be: Any, name: str, comment: str) -> None:
    lms = be(name)
    lms.push(comment="Well done")

    lms.push(scoreGiven=9, timestamp="2036-11-24T12:00:00Z")

    assert lms.held()["comment"] == comment


@pytest.mark.parametrize(
    ("name", "shown"),
    [("blackboard", "Well done and so on<br/>Next"), ("moodle", "Well done\nand so on<br/>Next")],
)
def test_line_of_a_comment_ends_where_the_lms_sees_its_end(be: Any, name: str, shown: str) -> None:
    lms = be(name)

    lms.push(comment="Well done\nand so on<br/>Next")

    assert lms.held()["comment"] == shown


def test_canvas_counts_the_same_instant_of_handing_in_once(be: Any) -> None:
    lms = be("canvas")
    handed_in = {"submission": {"submittedAt": "2026-11-20T12:00:00Z"}}
    lms.push(**handed_in)

    lms.push(**handed_in)
    once = lms.held()["attempts"]
    lms.push(**handed_in | {"submittedAt": "2026-11-21T12:00:00Z"})

    # The standard's own member goes before the other.
    assert (once, lms.held()["attempts"]) == (1, 1)


@pytest.mark.parametrize(
    ("name", "facts", "status"),
    [
        ("moodle", {"scoreMaximum": 5}, 400),
        ("moodle", {"label": "Essay", "scoreMaximum": 0}, 201),
        ("plain", {"label": "Essay", "scoreMaximum": 0}, 400),
        ("moodle", {"label": "Essay", "scoreMaximum": 5, "resourceLinkId": "x"}, 403),
        ("canvas", {"label": "Essay", "scoreMaximum": 5, "resourceLinkId": "x"}, 404),
    ],
)
def test_line_item_is_made_or_not(be: Any, name: str, facts: Any, status: int) -> None:
    lms = be(name)

    answer = lms.client.post(
        lms.line_items, headers=lms.bearer, content_type=LINE_ITEM, data=json.dumps(facts)
    )

    if answer.status_code == 201:
        lms.client.call("DELETE", answer.get_json()["id"], headers=lms.bearer)
    assert answer.status_code == status


def test_moodle_needs_label_and_maximum_and_forgets_the_link(be: Any) -> None:
    lms = be("moodle")

    assert put(lms, label="Quiz").status_code == 400
    changed = put(lms, label="Quiz", scoreMaximum=5)
    assert changed.status_code == 200
    assert not changed.get_json().get("resourceLinkId")
    assert changed.get_json()["tag"] == ""


@pytest.mark.parametrize(("name", "status"), [("canvas", 200), ("moodle", 400), ("plain", 422)])
def test_score_names_the_person_by_the_number_of_another_api(
    be: Any, name: str, status: int
) -> None:
    lms = be(name)

    # Maya's, as Canvas' launches tell it among the parameters.
    assert lms.push(userId="1001")[0] == status
    assert lms.held().get("given") == (8 if status == 200 else None)


@pytest.mark.parametrize(
    ("name", "held"), [("moodle", (4, 5)), ("canvas", (8, 10)), ("blackboard", (8, 10))]
)
def test_grade_keeps_its_share_of_a_maximum_that_changes_or_not(
    be: Any, name: str, held: tuple[float, float]
) -> None:
    lms = be(name)
    lms.push()

    assert put(lms, label="Quiz", scoreMaximum=5).status_code == 200

    assert (lms.held()["given"], lms.held()["maximum"]) == held


@pytest.mark.parametrize("name", ["canvas", "moodle", "blackboard"])
def test_canvas_keeps_what_a_column_says_of_its_submissions(be: Any, name: str) -> None:
    lms = be(name)
    of_work = {"type": "external_tool", "external_tool_url": "http://localhost:8000/lti/launch"}
    member = "https://canvas.instructure.com/lti/submission_type"

    made = lms.client.post(
        lms.line_items,
        headers=lms.bearer,
        content_type=LINE_ITEM,
        data=json.dumps({"label": "Essay", "scoreMaximum": 5, member: of_work}),
    ).get_json()

    lms.client.call("DELETE", made["id"], headers=lms.bearer)
    assert made.get(member) == (of_work if name == "canvas" else None)


@pytest.mark.parametrize(("name", "told"), [("blackboard", "10"), ("moodle", "10.0")])
def test_whole_points_are_told_without_a_fraction_or_with_one(
    be: Any, name: str, told: str
) -> None:
    lms = be(name)
    lms.push()

    column = lms.client.get(lms.line_item, headers=lms.bearer).get_json()

    assert str(column["scoreMaximum"]) == told
    assert str(lms.results()[0]["resultMaximum"]) == told


def test_moodle_tells_the_link_of_a_column_by_two_names(be: Any) -> None:
    lms = be("moodle")

    column = lms.client.get(lms.line_item, headers=lms.bearer).get_json()

    assert column["ltiLinkId"] == column["resourceLinkId"] == "2"


@pytest.mark.parametrize(("name", "status"), [("moodle", 400), ("plain", 405), ("blackboard", 405)])
def test_token_is_asked_for_by_get(be: Any, name: str, status: int) -> None:
    answer = be(name).client.get("/lti/token")

    assert answer.status_code == status
    assert name != "moodle" or json.loads(answer.data) == {"error": "invalid_request"}


@pytest.mark.parametrize(("exact", "status"), [(True, 401), (False, 200)])
def test_scope_that_changes_line_items_reads_them_or_not(be: Any, exact: bool, status: int) -> None:
    lms = be("moodle")
    lms.platform.behave({"exact_scopes": exact})
    (changes, reads) = (lms.client.bearer(scope) for scope in (CHANGE_COLUMNS, READ_COLUMNS))

    answers = [lms.client.get(lms.line_item, headers=bearer) for bearer in (changes, reads)]

    lms.platform.behave({"exact_scopes": False})
    assert [each.status_code for each in answers] == [status, 200]


@pytest.mark.parametrize(
    ("name", "path", "media_type"),
    [
        ("canvas", "names_and_roles", "application/vnd.ims.lis.v2.membershipcontainer+json"),
        ("moodle", "memberships", "application/vnd.ims.lti-nrps.v2.membershipcontainer+json"),
        ("blackboard", "namesandroles", "application/vnd.ims.lti-nrps.v2.membershipcontainer+json"),
    ],
)
def test_roster_is_at_its_address(be: Any, name: str, path: str, media_type: str) -> None:
    lms = be(name)
    service = lms.client.launch()["https://purl.imsglobal.org/spec/lti-nrps/claim/namesroleservice"]

    answer = lms.client.get(service["context_memberships_url"], headers=lms.bearer)

    assert path in service["context_memberships_url"]
    assert answer.mimetype == media_type


@pytest.mark.parametrize(
    ("name", "query", "own"),
    [
        ("canvas", "", {"lis_person_sourcedid", "lti11_legacy_user_id", "picture"}),
        ("moodle", "", {"lis_person_sourcedid", "ext_user_username"}),
        ("blackboard", "", {"lis_person_sourcedid"}),
        ("blackboard", "?groups=true", {"lis_person_sourcedid", "group_enrollments"}),
    ],
)
def test_member_holds_what_its_lms_adds(be: Any, name: str, query: str, own: set[str]) -> None:
    usual = {"status", "user_id", "roles", "name", "given_name", "family_name", "email"}

    assert set(member(be(name), "maya", query)) - usual == own


@pytest.mark.parametrize(("name", "is_everybody"), [("moodle", True), ("canvas", False)])
def test_role_that_no_roster_knows_narrows_it_to_nobody_or_not_at_all(
    be: Any, name: str, is_everybody: bool
) -> None:
    lms = be(name)

    told = roster(lms, "?role=Mentor")["members"]

    assert told == (roster(lms)["members"] if is_everybody else [])


@pytest.mark.parametrize("name", ["canvas", "moodle"])
def test_suspended_people_are_not_on_the_roster(be: Any, name: str) -> None:
    lms = be(name)
    lms.client.call(
        "PUT",
        "/control/memberships",
        json={"course": "tidal-pools", "person": "maya", "status": "Inactive"},
    )

    assert lms.client.subs["maya"] not in [each["user_id"] for each in roster(lms)["members"]]


@pytest.mark.parametrize(("name", "status"), [("plain", 404), ("canvas", 400), ("moodle", 404)])
def test_roster_of_an_unknown_link_is_refused(be: Any, name: str, status: int) -> None:
    lms = be(name)
    service = lms.client.launch()["https://purl.imsglobal.org/spec/lti-nrps/claim/namesroleservice"]
    url = f"{service['context_memberships_url']}?rlid=nowhere"

    assert lms.client.get(url, headers=lms.bearer).status_code == status


def test_canvas_takes_a_course_for_a_link_whose_roster_is_everybody(be: Any) -> None:
    lms = be("canvas")
    launch = lms.client.launch()
    context = launch["https://purl.imsglobal.org/spec/lti/claim/context"]["id"]

    whole = {each["user_id"] for each in roster(lms)["members"]}
    asked = roster(lms, f"?rlid={context}")["members"]

    assert {each["user_id"] for each in asked} == whole
    custom = "https://purl.imsglobal.org/spec/lti/claim/custom"
    own = member(lms, "maya", f"?rlid={context}")["message"][0][custom]["canvas_user_id"]
    assert own == launch[custom]["canvas_user_id"]


def test_canvas_roster_of_a_link_has_the_students_that_it_is_for(be: Any) -> None:
    lms = be("canvas")
    link = lms.platform.shelf.find("line_item", lms.column)["resourceLinkId"]
    path = f"/control/line-items/{lms.column}"
    whole = {each["user_id"] for each in roster(lms)["members"]}

    assert lms.client.call("PATCH", path, json={"assignees": ["maya"]}).status_code == 200
    narrowed = {each["user_id"] for each in roster(lms, f"?rlid={link}")["members"]}
    course = {each["user_id"] for each in roster(lms)["members"]}

    lms.client.call("PATCH", path, json={"assignees": []})
    assert whole - narrowed == {lms.client.subs["tomas"], lms.client.subs["private"]}
    assert course == whole
    assert {each["user_id"] for each in roster(lms, f"?rlid={link}")["members"]} == whole


def test_moodle_forgets_the_role_on_the_way_to_the_next_page(be: Any) -> None:
    lms = be("moodle")
    service = lms.client.launch()["https://purl.imsglobal.org/spec/lti-nrps/claim/namesroleservice"]
    url = f"{service['context_memberships_url']}?role=Learner&limit=1"

    link = lms.client.get(url, headers=lms.bearer).headers["Link"]

    assert 'rel="next"' in link
    assert "limit=1" in link
    assert "role" not in link


@pytest.mark.parametrize(("name", "count"), [("blackboard", 1), ("canvas", 0), ("plain", 0)])
def test_preview_user_is_on_the_roster_or_not(be: Any, name: str, count: int) -> None:
    members = roster(be(name))["members"]

    assert sum(TEST_USER in each["roles"] for each in members) == count


def test_canvas_roster_goes_on_with_the_id_from_before_a_merge(be: Any) -> None:
    lms = be("canvas")
    old_id = member(lms, "maya")["lti11_legacy_user_id"]
    lms.platform.behave({"merged": ["maya"]})

    listed = [m for m in roster(lms)["members"] if m["lti11_legacy_user_id"] == old_id]
    launch = lms.client.launch("maya")

    lms.platform.behave({"merged": []})
    assert [each["user_id"] != lms.client.subs["maya"] for each in listed] == [True]
    assert launch["sub"] == lms.client.subs["maya"]
    assert launch[f"{CLAIM}/lti11_legacy_user_id"] == old_id


@pytest.mark.parametrize("name", list(PERSONALITIES))
def test_key_set_names_the_algorithm_or_not(be: Any, name: str) -> None:
    keys = be(name).client.get("/lti/jwks.json").get_json()["keys"]

    assert ["alg" in key for key in keys] == [name not in ("brightspace", "openedx")] * len(keys)


def test_moodle_says_something_that_is_no_json_of_an_unknown_kid(be: Any) -> None:
    lms = be("moodle")
    other = ToyTool()
    other.description = lms.client.tool.description
    other.rotate()

    answer = lms.client.ask_token(client_assertion=other.assertion())

    assert answer.status_code == 400
    with pytest.raises(ValueError, match="Expecting"):
        json.loads(answer.data)


@pytest.mark.parametrize(
    ("name", "form", "scheme"),
    [
        ("canvas", r"[\w-]+\.[\w-]+\.[\w-]+", "Bearer"),
        ("moodle", "[0-9a-f]{32}", "Bearer"),
        ("blackboard", r"[\w-]+\.[\w-]+\.[\w-]+", "bearer"),
    ],
)
def test_access_token_looks_as_it_does_there(be: Any, name: str, form: str, scheme: str) -> None:
    given = json.loads(be(name).client.ask_token().data)

    assert re.fullmatch(form, given["access_token"])
    assert (given["token_type"], given["expires_in"]) == (scheme, 3600)


@pytest.mark.parametrize(
    ("name", "field"),
    [
        ("canvas", "canvas_environment"),
        ("moodle", "lti_deployment_id"),
        ("blackboard", "lti_deployment_id"),
        ("blackboard", "lti_storage_target"),
    ],
)
def test_login_initiation_has_its_own_fields(be: Any, name: str, field: str) -> None:
    assert field in be(name).client.begin().fields


@pytest.mark.parametrize(
    ("name", "claim"),
    [
        ("canvas", "https://www.instructure.com/placement"),
        ("moodle", f"{CLAIM}/ext"),
        ("blackboard", "https://blackboard.com/lti/claim/one_time_session_token"),
        ("blackboard", "https://blackboard.com/webapps/foundations-connector/foundations-ids"),
    ],
)
def test_launch_has_a_claim_of_its_own(be: Any, name: str, claim: str) -> None:
    assert claim in be(name).client.launch()
    assert claim not in be("plain").client.launch()


@pytest.mark.parametrize(
    ("name", "told"),
    [
        ("plain", {"document_target", "locale", "return_url"}),
        ("blackboard", {"return_url"}),
    ],
)
def test_launch_says_how_it_is_shown(be: Any, name: str, told: set[str]) -> None:
    assert set(be(name).client.launch()[f"{CLAIM}/launch_presentation"]) == told


def test_blackboard_leaves_a_template_variable_that_it_knows_nothing_of(be: Any) -> None:
    custom = be("blackboard").client.launch()[f"{CLAIM}/custom"]

    assert re.fullmatch(r"@X@[\w.]+@X@", custom["campus_term"])


@pytest.mark.parametrize(("name", "login"), [("blackboard", "ruth_previewuser"), ("canvas", "")])
def test_preview_user_is_named_after_the_teacher_or_not(be: Any, name: str, login: str) -> None:
    launch = be(name).client.launch("preview", "shore-quiz")

    assert launch["family_name"] == ("Adeyemi_PreviewUser" if login else "Student")
    assert launch.get(f"{CLAIM}/lis", {}).get("person_sourcedid", "") == login


@pytest.mark.parametrize(
    ("name", "changes", "status"),
    [
        ("openedx", {"scope": "all"}, 400),
        ("openedx", {"login_hint": "somebody"}, 400),
        ("openedx", {"response_mode": "query"}, 400),
        ("sakai", {"login_hint": "somebody"}, 400),
        ("moodle", {"scope": "all"}, 404),
        ("plain", {"scope": "all"}, 200),
        ("brightspace", {"scope": "all"}, 200),
    ],
    ids=str,
)
def test_wrong_authentication_request_ends_at_the_lms_or_at_the_tool(
    be: Any, name: str, changes: dict[str, str], status: int
) -> None:
    client = be(name).client

    assert client.authenticate(client.begin(), **changes).status_code == status


@pytest.mark.parametrize(
    ("name", "pages"),
    [("plain", True), ("sakai", False), ("blackboard", False), ("openedx", False)],
)
def test_list_of_line_items_is_cut_into_pages_or_not(be: Any, name: str, pages: bool) -> None:
    lms = be(name)
    body = json.dumps({"label": "Second", "scoreMaximum": 5})
    made = lms.client.post(lms.line_items, headers=lms.bearer, content_type=LINE_ITEM, data=body)
    lms.platform.behave({"page_size": 1})

    answer = lms.client.get(lms.line_items, headers=lms.bearer)

    lms.platform.behave({"page_size": 50})
    lms.client.call("DELETE", f"/control/line-items/{made.get_json()['id'].rpartition('/')[2]}")
    assert len(answer.get_json()) == (1 if pages else 2)
    assert ("Link" in answer.headers) is pages


@pytest.mark.parametrize(
    ("name", "cut"), [("plain", True), ("blackboard", False), ("openedx", False)]
)
def test_results_are_cut_into_pages_or_not(be: Any, name: str, cut: bool) -> None:
    lms = be(name)
    lms.push("maya")
    lms.push("tomas")
    url = f"{lms.at('/results')}?limit=1"

    limited = lms.client.get(url, headers=lms.bearer | {"Accept": RESULTS})
    lms.platform.behave({"page_size": 1})
    whole = lms.results()

    lms.platform.behave({"page_size": 50})
    assert len(limited.get_json()) == 1
    assert ("Link" in limited.headers) is cut
    assert len(whole) == (1 if cut else 2)


@pytest.mark.parametrize(
    ("name", "status", "said"), [("plain", 401, "access token"), ("sakai", 403, "signature_error")]
)
def test_token_that_is_taken_no_more_is_refused(be: Any, name: str, status: int, said: str) -> None:
    lms = be(name)
    headers = {"Authorization": "Bearer of-before-the-restart"}

    answer = lms.client.get(lms.line_items, headers=headers)

    assert answer.status_code == status
    assert said in answer.text


@pytest.mark.parametrize(
    ("name", "status", "link", "count"), [("plain", 201, True, 2), ("sakai", 200, False, 1)]
)
def test_new_line_item_of_a_known_label_is_another_or_that_one(
    be: Any, name: str, status: int, link: bool, count: int
) -> None:
    lms = be(name)
    place = lms.client.launch("maya", "shore-quiz")[f"{CLAIM}/resource_link"]["id"]
    body = json.dumps({"label": "Essay", "scoreMaximum": 5, "resourceLinkId": place})

    made = [
        lms.client.post(lms.line_items, headers=lms.bearer, content_type=LINE_ITEM, data=body)
        for _ in range(2)
    ]

    for url in {answer.get_json()["id"] for answer in made}:
        lms.client.call("DELETE", url, headers=lms.bearer)
    assert [answer.status_code for answer in made] == [status] * 2
    assert ["resourceLinkId" in answer.get_json() for answer in made] == [link] * 2
    assert len({answer.get_json()["id"] for answer in made}) == count


def test_sakai_says_of_a_deleted_column_404_and_breaks_on_its_score(be: Any) -> None:
    lms = be("sakai")
    gone = f"{lms.line_items}/gone"

    read = lms.client.get(gone, headers=lms.bearer)
    scored = lms.client.post(
        f"{gone}/scores", headers=lms.bearer, content_type=SCORE, data=json.dumps({})
    )

    assert (read.status_code, read.get_json()) == (404, {"error": "Could not load column"})
    assert (scored.status_code, scored.mimetype) == (500, "text/html")


def test_table_names_tests_and_switches_that_there_are() -> None:
    table = (ROOT / "docs" / "sandbox-rows.md").read_text("utf-8")
    tests = "".join(path.read_text("utf-8") for path in (ROOT / "tests").rglob("test_*.py"))
    code = "".join(p.read_text("utf-8") for p in (ROOT / "plugins" / "sandbox").rglob("*.py"))

    named = re.findall(r"`(test_\w+)`", table)
    switches = re.findall(r"`([a-z_]+)`", "".join(re.findall(r"^\|[^|]*\|([^|]*)\|", table, re.M)))
    assert len(named) > 40
    assert [each for each in named if f"def {each}(" not in tests] == []
    assert [each for each in switches if not re.search(rf"\b{each}\b", code)] == []
