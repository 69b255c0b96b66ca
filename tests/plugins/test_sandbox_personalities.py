"""The sandbox as Canvas, Moodle and others: what each makes of the same scores."""

import json
from collections.abc import Iterator
from typing import Any

import pytest
import responses

from mentorai.plugins.sandbox.personalities import PERSONALITIES
from mentorai.plugins.sandbox.platform import Options
from tests.fakes.sandbox_client import LINE_ITEM, SandboxClient

RESULTS = "application/vnd.ims.lis.v2.resultcontainer+json"
COLUMNS = "application/vnd.ims.lis.v2.lineitemcontainer+json"
ENDPOINT = "https://purl.imsglobal.org/spec/lti-ags/claim/endpoint"
SUBMISSION = "https://canvas.instructure.com/lti/submission"
ONE, LATER = "2026-11-23T12:00:00Z", "2036-11-23T12:00:00Z"


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
        key = f"{self.column}/{self.client.subs['maya']}"
        return self.platform.shelf.find("result", key) or {}


@pytest.fixture(scope="module")
def every() -> Iterator[dict[str, Lms]]:
    """Every LMS, made once for all that is asked here."""
    with responses.RequestsMock(assert_all_requests_are_fired=False) as wire:
        known = {name: Lms(name, wire) for name in PERSONALITIES}
        yield known
        for lms in known.values():
            lms.platform.close()


@pytest.fixture
def be(every: dict[str, Lms]) -> Any:
    """The LMS of a name, with a clean gradebook."""
    return lambda name: every[name].clean()


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


@pytest.mark.parametrize(("name", "status"), [("plain", 204), ("canvas", 401), ("moodle", 403)])
def test_line_item_of_a_link_is_deleted_or_not(be: Any, name: str, status: int) -> None:
    lms = be(name)
    record = dict(lms.platform.shelf.find("line_item", lms.column))

    answer = lms.client.call("DELETE", lms.line_item, headers=lms.bearer)

    lms.platform.shelf.put("line_item", lms.column, record)
    assert answer.status_code == status


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
