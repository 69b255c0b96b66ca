"""The sandbox as Canvas, Moodle and others: what each makes of the same scores."""

import json
from datetime import datetime
from typing import Any

import pytest
import responses
import time_machine

from mentorai.plugins.sandbox.oidc import MEMBERS_READ
from mentorai.plugins.sandbox.personalities import PERSONALITIES
from mentorai.plugins.sandbox.platform import Options, describe_platform
from tests.fakes.sandbox_client import LINE_ITEM
from tests.fakes.sandbox_lms import Lms, member
from tests.fakes.toy_tool import ToyTool

RESULTS = "application/vnd.ims.lis.v2.resultcontainer+json"
COLUMNS = "application/vnd.ims.lis.v2.lineitemcontainer+json"
ENDPOINT = "https://purl.imsglobal.org/spec/lti-ags/claim/endpoint"
SUBMISSION = "https://canvas.instructure.com/lti/submission"
NOON = datetime.fromisoformat("2026-11-24T12:00:00+00:00")
ONE, LATER = "2026-11-23T12:00:00Z", "2036-11-23T12:00:00Z"


@pytest.mark.parametrize(
    ("name", "status", "body"),
    [("plain", 200, True), ("canvas", 200, True), ("moodle", 200, False)],
)
def test_score_is_answered(be: Any, name: str, status: int, body: bool) -> None:
    answered, _, shown = be(name).push()

    assert (answered, b"resultUrl" in shown, bool(shown)) == (status, body, body)


@pytest.mark.parametrize(
    ("name", "status", "reason"),
    [
        ("plain", 422, "UNPROCESSABLE"),
        ("canvas", 422, "UNPROCESSABLE"),
        ("moodle", 400, "Incorrect score received"),
    ],
)
@pytest.mark.parametrize("person", ["ruth", "ines"])
def test_score_of_staff_is_refused(
    be: Any, name: str, status: int, reason: str, person: str
) -> None:
    answered, told, body = be(name).push(person)

    assert answered == status
    assert told.startswith(reason)
    if name == "canvas":
        words = "User not found in course or is not a student"
        assert json.loads(body) == {"errors": {"type": "unprocessable_entity", "message": words}}
    if name == "moodle":
        assert body == b"[]"


@pytest.mark.parametrize(("name", "status"), [("plain", 409), ("canvas", 200), ("moodle", 200)])
def test_score_of_the_same_time_is_taken_or_not(be: Any, name: str, status: int) -> None:
    lms = be(name)
    lms.push(scoreGiven=5)

    assert lms.push(scoreGiven=6)[0] == status


@pytest.mark.parametrize(
    ("name", "status", "grade"), [("plain", 409, 5), ("canvas", 400, 5), ("moodle", 409, 5)]
)
def test_score_from_before_is_refused(be: Any, name: str, status: int, grade: int) -> None:
    lms = be(name)
    lms.push(scoreGiven=5)

    assert lms.push(scoreGiven=6, timestamp=ONE)[0] == status
    assert lms.grade() == grade


@pytest.mark.parametrize(("name", "grade"), [("plain", 8), ("canvas", None), ("moodle", None)])
def test_progress_after_a_grade_clears_it_or_not(be: Any, name: str, grade: object) -> None:
    lms = be(name)
    lms.push()

    lms.push(
        gradingProgress="NotReady",
        activityProgress="InProgress",
        scoreGiven=None,
        timestamp="2036-11-24T12:00:00Z",
    )

    assert lms.grade() == grade


def test_canvas_counts_an_attempt_and_adds_the_comment_for_each_score(be: Any) -> None:
    lms = be("canvas")
    lms.push(comment="Well done")
    lms.push(comment="Well done")

    assert (lms.held()["attempts"], lms.held()["comments"]) == (2, ["Well done", "Well done"])


def test_canvas_counts_no_attempt_when_the_score_says_so(be: Any) -> None:
    lms = be("canvas")
    lms.push()
    lms.push(**{SUBMISSION: {"new_submission": False}})

    assert lms.held()["attempts"] == 1


def test_canvas_keeps_the_grade_when_the_score_asks_for_it(be: Any) -> None:
    lms = be("canvas")
    lms.push()
    lms.push(gradingProgress="NotReady", **{SUBMISSION: {"preserve_score": True}})

    assert lms.grade() == 8


@pytest.mark.parametrize(
    ("name", "extra", "grade"),
    [
        ("plain", {}, 3),
        ("moodle", {}, 3),
        ("canvas", {}, 8),
        ("canvas", {SUBMISSION: {"prioritize_non_tool_grade": True}}, 3),
    ],
)
def test_grade_of_a_teacher_stays_or_not(
    be: Any, name: str, extra: dict[str, Any], grade: int
) -> None:
    lms = be(name)
    path = f"/control/line-items/{lms.column}/grade"
    lms.client.call("PUT", path, json={"person": "maya", "given": 3})

    assert lms.push(**extra)[0] == 200
    assert lms.grade() == grade


def test_moodle_answers_500_when_a_teacher_locked_the_item(be: Any) -> None:
    lms = be("moodle")
    lms.client.call("PATCH", f"/control/line-items/{lms.column}", json={"locked": True})

    assert lms.push()[::2] == (500, b"[]")


@pytest.mark.parametrize(("name", "status"), [("plain", 403), ("canvas", 404), ("moodle", 200)])
def test_score_meets_a_concluded_course(be: Any, name: str, status: int) -> None:
    lms = be(name)
    lms.client.call("PUT", "/control/courses/tidal-pools", json={"concluded": True})

    assert lms.push()[0] == status


@pytest.mark.parametrize(("name", "grade"), [("plain", 12), ("canvas", 12), ("moodle", 10)])
def test_score_over_the_maximum(be: Any, name: str, grade: int) -> None:
    lms = be(name)
    lms.push(scoreGiven=12)

    assert lms.grade() == grade


@pytest.mark.parametrize(("name", "status"), [("plain", 406), ("canvas", 200), ("moodle", 400)])
def test_list_of_line_items_is_asked_for_as_json(be: Any, name: str, status: int) -> None:
    lms = be(name)
    headers = lms.bearer | {"Accept": "application/json"}

    assert lms.client.get(lms.line_items, headers=headers).status_code == status


@pytest.mark.parametrize(("name", "status"), [("plain", 200), ("canvas", 200), ("moodle", 404)])
def test_results_are_limited_or_break(be: Any, name: str, status: int) -> None:
    lms = be(name)
    mark = "&" if "?" in lms.line_item else "?"
    path = f"{lms.at('/results')}{mark}limit=1"

    answer = lms.client.get(path, headers=lms.bearer)

    assert answer.status_code == status
    assert (answer.mimetype == "text/html") == (status == 404)


def test_moodle_links_pages_with_typographic_quotes(be: Any) -> None:
    lms = be("moodle")
    made = lms.client.post(
        lms.line_items,
        headers=lms.bearer,
        content_type=LINE_ITEM,
        data=json.dumps({"label": "Essay", "scoreMaximum": 20}),
    )

    page = lms.client.get(f"{lms.line_items}&limit=1", headers=lms.bearer | {"Accept": COLUMNS})

    lms.client.call("DELETE", made.get_json()["id"], headers=lms.bearer)
    link = page.headers["Link"].encode("latin-1").decode()
    assert "rel=“next”" in link
    assert "&amp;" in link


@pytest.mark.parametrize(
    ("name", "status"),
    [("plain", 204), ("canvas", 401), ("moodle", 403), ("openedx", 403)],
)
def test_line_item_of_a_link_is_deleted_or_not(be: Any, name: str, status: int) -> None:
    lms = be(name)
    record = dict(lms.platform.shelf.find("line_item", lms.column))

    answer = lms.client.call("DELETE", lms.line_item, headers=lms.bearer)

    lms.platform.shelf.put("line_item", lms.column, record)
    assert answer.status_code == status


@pytest.mark.parametrize(
    ("name", "status"),
    [("blackboard", 200), ("brightspace", 200), ("sakai", 200), ("openedx", 201)],
)
def test_score_is_answered_by_the_others(be: Any, name: str, status: int) -> None:
    answered, _, body = be(name).push()

    assert answered == status
    assert (b"scoreGiven" in body) == (name == "openedx")


@pytest.mark.parametrize(
    ("name", "user", "status", "words"),
    [
        ("blackboard", "ruth", 400, "User could not be found"),
        ("brightspace", "ruth", 403, "User in requested score is not enrolled in the org unit"),
        ("brightspace", "", 404, "User in requested score does not exist"),
    ],
)
def test_score_of_somebody_else_is_refused_in_its_own_words(
    be: Any, name: str, user: str, status: int, words: str
) -> None:
    lms = be(name)
    stranger = {} if user else {"userId": "00000000-0000-4000-8000-000000000000"}

    answered, _, body = lms.push(user or "maya", **stranger)

    assert (answered, words in body.decode()) == (status, True)


def test_blackboard_takes_the_comment_away_that_a_score_does_not_bring(be: Any) -> None:
    lms = be("blackboard")
    lms.push(comment="Well done")

    lms.push(timestamp="2036-11-24T12:00:00Z")

    assert lms.held()["comment"] == ""


def test_blackboard_leaves_the_comment_out_when_one_person_is_asked_for(be: Any) -> None:
    lms = be("blackboard")
    lms.push(comment="Well done")
    one = lms.client.get(
        f"{lms.at('/results')}?user_id={lms.client.subs['maya']}", headers=lms.bearer
    ).get_json()

    assert "comment" not in one[0]
    assert lms.results()[0]["comment"] == "Well done"


@pytest.mark.parametrize(("name", "grade"), [("blackboard", None), ("plain", 8)])
def test_grade_goes_when_the_activity_is_reset(be: Any, name: str, grade: object) -> None:
    lms = be(name)
    lms.push()

    lms.push(
        gradingProgress="NotReady",
        activityProgress="Initialized",
        scoreGiven=None,
        timestamp="2036-11-24T12:00:00Z",
    )

    assert lms.held()["given"] == grade


def test_moodle_refuses_two_scores_of_one_second(be: Any) -> None:
    lms = be("moodle")
    with time_machine.travel(NOON, tick=False):
        lms.bearer = lms.client.bearer()
        times = [f"2026-11-24T12:00:00.{part}Z" for part in ("100000", "900000")]

        answers = [lms.push(scoreGiven=n, timestamp=at)[0] for n, at in enumerate(times)]

    lms.bearer = lms.client.bearer()
    assert answers == [200, 409]


def test_moodle_takes_a_late_score_again_when_nothing_came_between(be: Any) -> None:
    lms = be("moodle")

    assert [lms.push(timestamp="2036-11-23T12:00:00Z")[0] for _ in range(2)] == [200, 200]
    assert lms.push(scoreGiven=3, timestamp=ONE)[0] == 409


def test_moodle_shows_no_score_for_zero_points(be: Any) -> None:
    lms = be("moodle")
    lms.push(scoreGiven=0)

    assert "resultScore" not in lms.results()[0]


@pytest.mark.parametrize(
    "facts", [{"scoreMaximum": 0}, {"scoreGiven": "8"}, {"gradingProgress": "Odd"}]
)
def test_moodle_takes_what_others_refuse(be: Any, facts: dict[str, Any]) -> None:
    assert be("moodle").push(**facts)[0] == 200
    assert be("plain").push(**facts)[0] in (400, 422)


@pytest.mark.parametrize(
    ("name", "status", "error"),
    [
        ("plain", 401, "invalid_client"),
        ("canvas", 400, "invalid_request"),
        ("moodle", 400, "Signature verification failed"),
        ("blackboard", 400, "invalid_jwt_token"),
        ("openedx", 400, "invalid_client"),
    ],
)
def test_forged_assertion_is_refused(be: Any, name: str, status: int, error: str) -> None:
    lms = be(name)
    other = ToyTool()
    other.description = lms.client.tool.description
    other.rotate()

    forged = other.assertion(kid=lms.client.tool.key.kid)
    answer = lms.client.ask_token(client_assertion=forged)

    assert (answer.status_code, json.loads(answer.data)["error"]) == (status, error)
    assert (answer.mimetype == "text/html") == (name == "moodle")


@pytest.mark.parametrize(
    ("name", "status"), [("plain", 401), ("canvas", 400), ("moodle", 200), ("brightspace", 401)]
)
def test_assertion_for_another_audience(be: Any, name: str, status: int) -> None:
    lms = be(name)
    assertion = lms.client.tool.assertion(aud="https://elsewhere.example/token")

    assert lms.client.ask_token(client_assertion=assertion).status_code == status


def test_brightspace_breaks_on_two_audiences(be: Any) -> None:
    lms = be("brightspace")
    both = ["https://api.brightspace.com/auth/token", lms.client.options.token_url]
    assertion = lms.client.tool.assertion(aud=both)

    answer = lms.client.ask_token(client_assertion=assertion)

    assert (answer.status_code, answer.mimetype) == (500, "text/html")


@pytest.mark.parametrize(
    ("name", "status"),
    [("plain", 403), ("canvas", 401), ("moodle", 401), ("brightspace", 403), ("blackboard", 401)],
)
def test_call_without_the_scope_is_refused(be: Any, name: str, status: int) -> None:
    lms = be(name)
    bearer = lms.client.bearer(MEMBERS_READ)

    answer = lms.client.get(lms.line_item, headers=bearer)

    assert answer.status_code == status
    assert ("WWW-Authenticate" in answer.headers) == (name == "plain")


@pytest.mark.parametrize(
    ("name", "role"),
    [("plain", "http://purl.imsglobal.org/vocab/lis/v2/membership#Learner"), ("moodle", "Learner")],
)
def test_role_is_named_in_the_roster(be: Any, name: str, role: str) -> None:
    assert member(be(name), "maya")["roles"] == [role]


def test_moodle_calls_an_assistant_a_learner_in_the_roster_alone(be: Any) -> None:
    lms = be("moodle")

    roles = lms.client.launch("jonas")["https://purl.imsglobal.org/spec/lti/claim/roles"]

    assert member(lms, "jonas")["roles"] == ["Learner"]
    assert roles == ["http://purl.imsglobal.org/vocab/lis/v2/membership#Instructor"]


def test_blackboard_gives_the_message_of_a_link_as_one_object(be: Any) -> None:
    link = "https://purl.imsglobal.org/spec/lti/claim/resource_link"

    def tell(lms: Lms) -> object:
        return member(lms, "maya", f"?rlid={lms.client.launch()[link]['id']}")["message"]

    assert isinstance(tell(be("blackboard")), dict)
    assert isinstance(tell(be("plain")), list)


def test_open_edx_tells_no_names(be: Any) -> None:
    lms = be("openedx")

    assert "name" not in lms.client.launch()
    assert "name" not in member(lms, "maya")


@pytest.mark.parametrize(
    ("name", "code", "seconds"),
    [("canvas", "canvas", 3600), ("moodle", "moodle", 60), ("blackboard", "BlackboardLearn", 3600)],
)
def test_launch_says_which_lms_it_is(be: Any, name: str, code: str, seconds: int) -> None:
    claims = be(name).client.launch()

    told = claims["https://purl.imsglobal.org/spec/lti/claim/tool_platform"]
    assert told["product_family_code"] == code
    assert ("url" in told) == (name == "blackboard")
    assert claims["exp"] - claims["iat"] == seconds


def test_moodle_shows_a_wrong_authentication_request_to_the_person_alone(be: Any) -> None:
    lms = be("moodle")

    page = lms.client.authenticate(lms.client.begin(), nonce=None)
    posted = lms.client.authenticate(lms.client.begin(), prompt="login")

    assert (page.status_code, page.mimetype) == (404, "text/html")
    assert "invalid_request" in posted.text


def test_blackboard_asks_the_launch_address_by_head_first(be: Any) -> None:
    lms = be("blackboard")
    url = lms.client.options.tool_redirect_url
    head = lms.client.wire.add(responses.HEAD, url)

    lms.client.launch()

    assert head.call_count == 1


@pytest.mark.parametrize(
    ("name", "status", "words"),
    [("canvas", 403, "403 Forbidden (Rate Limit Exceeded)"), ("blackboard", 429, "Too Many")],
)
def test_full_bucket_refuses_until_it_has_leaked(
    be: Any, name: str, status: int, words: str
) -> None:
    lms = be(name)
    lms.platform.behave({"throttles": True})
    with time_machine.travel(NOON, tick=False) as clock:
        lms.platform.bucket.fill(0, NOON)
        lms.bearer = lms.client.bearer()
        lms.client.call("PUT", "/control/bucket", json={"level": 650})

        refused = lms.client.get(lms.line_item, headers=lms.bearer)
        clock.shift(65)
        passed = lms.client.get(lms.line_item, headers=lms.bearer)

    lms.clean()
    lms.bearer = lms.client.bearer()
    assert (refused.status_code, words in refused.text) == (status, True)
    assert ("Retry-After" in refused.headers) == (name == "blackboard")
    assert passed.status_code == 200
    assert float(passed.headers["X-Rate-Limit-Remaining"]) > 0
    assert ("X-Request-Cost" in passed.headers) == (name == "canvas")


@pytest.mark.parametrize(
    "facts", [{"locked": "yes"}, {"attempts_allowed": 2}, {"colour": "red"}, [], {"locked": 1}]
)
def test_teacher_does_only_what_the_lms_has(be: Any, facts: Any) -> None:
    lms = be("moodle")

    answer = lms.client.call("PATCH", f"/control/line-items/{lms.column}", json=facts)

    assert answer.status_code == 422


def test_canvas_refuses_another_attempt_when_they_are_used_up(be: Any) -> None:
    lms = be("canvas")
    path = f"/control/line-items/{lms.column}"
    lms.client.call("PATCH", path, json={"attempts_allowed": 1})
    lms.push()

    again = lms.push()[0]
    pure = lms.push(scoreGiven=9, **{SUBMISSION: {"new_submission": False}})[0]

    lms.client.call("PATCH", path, json={"attempts_allowed": 0})
    assert (again, pure) == (422, 200)


@pytest.mark.parametrize("name", ["canvas", "moodle", "blackboard", "brightspace"])
def test_deleted_line_item_is_gone(be: Any, name: str) -> None:
    lms = be(name)
    record = dict(lms.platform.shelf.find("line_item", lms.column))

    lms.client.call("DELETE", f"/control/line-items/{lms.column}")
    status = lms.push()[0]

    lms.platform.shelf.put("line_item", lms.column, record)
    assert status == 404


@pytest.mark.parametrize("name", ["canvas", "moodle"])
def test_switch_changes_the_lms_while_it_runs_and_back(be: Any, name: str) -> None:
    lms = be("plain")

    behaviour = lms.client.call(
        "PATCH", "/control/behaviour", json={"personality": name}
    ).get_json()
    title = PERSONALITIES[name].title
    page = lms.client.get("/").text
    back = lms.client.call("PATCH", "/control/behaviour", json={"personality": "plain"}).get_json()

    assert behaviour["personality"] == name
    assert f"Answers like {title}" in page
    assert back["score_times"] == "sent"
    assert "Answers like" not in lms.client.get("/").text


@pytest.mark.parametrize("name", PERSONALITIES)
def test_description_names_the_audience_that_tokens_want(name: str) -> None:
    described = describe_platform(Options(personality=name))["platform"]

    assert described.get("token_audience", "") == PERSONALITIES[name].tokens.audience
