"""Moodle: launches, scores and refusals as it has them."""

from typing import Any
from urllib.parse import parse_qs

import pytest

from mentorai.core import errors
from mentorai.core.errors import MentorAIError
from mentorai.core.values import GradingProgress, LineItem
from tests.fakes.lms_family import RESULTS_URL, LmsFamily
from tests.fakes.signing_platform import CLAIM, SigningPlatform

FAMILY = "moodle"
COLUMN_URL = SigningPlatform.line_item_url


@pytest.mark.parametrize(
    ("status", "body", "kind", "says"),
    [
        (400, "[]", errors.PersonNotInCourse, "role that is graded"),
        (401, {"status": 401}, errors.PlatformRefused, "taken out"),
        (403, {"status": 403}, errors.PlatformRefused, "taken out"),
        (404, {"status": 404}, errors.NoLineItem, "no longer there"),
        (409, "[]", errors.ScoreStale, "newer"),
        (502, "", errors.PlatformUnavailable, "502"),
        (500, "Error reading from database", errors.PlatformUnavailable, "500"),
    ],
)
def test_refusal_is_told_in_words_for_an_instructor(
    lms: LmsFamily, status: int, body: Any, kind: type[MentorAIError], says: str
) -> None:
    lms.take_scores(status, body)

    with pytest.raises(kind) as caught:
        lms.push()

    assert type(caught.value) is kind
    assert says in caught.value.message


@pytest.mark.parametrize(
    ("status", "kind", "says"),
    [
        (200, errors.GradeMaybeLocked, "may have locked"),
        (404, errors.NoLineItem, "no longer there"),
        (401, errors.NoLineItem, "another tool"),
        (500, errors.PlatformUnavailable, "trouble"),
    ],
    ids=["its own column", "a column that is gone", "another tool's column", "trouble"],
)
def test_failure_of_a_score_is_explained_by_the_column(
    lms: LmsFamily, status: int, kind: type[MentorAIError], says: str
) -> None:
    lms.take_scores(500, "[]")
    lms.wire.add("GET", COLUMN_URL, status=status, json={"id": COLUMN_URL})

    with pytest.raises(kind, match=says) as caught:
        lms.push()

    assert type(caught.value) is kind


@pytest.mark.parametrize(
    ("lock", "kind"), [(True, errors.GradeLocked), (False, errors.PlatformUnavailable)]
)
def test_lock_is_known_at_once_where_web_services_tell_it(
    lms: LmsFamily, lock: bool, kind: type[MentorAIError]
) -> None:
    lms.connect("moodle_web_services")
    column = f"{lms.registration.issuer}/mod/lti/services.php/2/lineitems/7/lineitem"
    lms.wire.add("POST", f"{column}/scores", status=500, body="[]")
    lms.wire.add("GET", column, json={"id": column})
    item = {"id": 7, "grademax": 10, "graderaw": None, "gradeislocked": lock}
    report = {"usergrades": [{"userid": 6, "gradeitems": [item]}]}
    lms.wire.add("POST", f"{lms.registration.issuer}/webservice/rest/server.php", json=report)

    with pytest.raises(kind) as caught:
        lms.push(line_item=LineItem(column))

    assert type(caught.value) is kind


def test_marks_of_few_people_are_asked_for_one_by_one(lms: LmsFamily) -> None:
    lms.connect("moodle_web_services")
    column = f"{lms.registration.issuer}/mod/lti/services.php/2/lineitems/7/lineitem"
    held = [{"id": who, "userId": who, "resultScore": 5, "resultMaximum": 10} for who in "68"]
    lms.wire.add("GET", f"{column}/results", json=held)
    item = {"id": 7, "grademax": 10, "graderaw": 5, "gradeislocked": True}
    services = f"{lms.registration.issuer}/webservice/rest/server.php"
    lms.wire.add("POST", services, json={"usergrades": [{"userid": 6, "gradeitems": [item]}]})
    lms.wire.add("POST", services, json={"exception": "x", "errorcode": "usernotincourse"})

    results = lms.read_results(LineItem(column))

    assert [(each.subject, each.locked) for each in results] == [("6", True), ("8", False)]
    asked = [parse_qs(c.request.body.decode()) for c in lms.wire.calls if c.request.url == services]
    assert [each["userid"] for each in asked] == [["6"], ["8"]]


def test_news_without_a_final_score_is_never_sent(lms: LmsFamily) -> None:
    lms.take_scores()

    with pytest.raises(errors.ScoreRejected, match="wipe"):
        lms.push(8, grading_progress=GradingProgress.PENDING_MANUAL)

    assert lms.scores() == []


def test_grade_that_moodle_keeps_in_the_place_of_ours_is_told(lms: LmsFamily) -> None:
    lms.take_scores()
    held = {"id": "x", "userId": "6", "resultScore": 5, "resultMaximum": 10}
    lms.wire.add("GET", RESULTS_URL, json=[held])

    with pytest.raises(errors.TeacherGradeStands, match="overrode"):
        lms.push(8, replaces_teacher=True)


@pytest.mark.parametrize(
    ("status", "results"),
    [
        (200, [{"id": "x", "userId": "6", "resultScore": 80, "resultMaximum": 100}]),
        (200, [{"id": "x", "userId": "6"}]),
        (200, []),
        (401, {}),
        (500, {}),
    ],
    ids=["ours", "perhaps zero", "none", "not allowed", "trouble"],
)
def test_grade_that_goes_over_a_teachers_is_sent_once(
    lms: LmsFamily, status: int, results: Any
) -> None:
    lms.take_scores()
    lms.wire.add("GET", RESULTS_URL, status=status, json=results)

    lms.push(8, replaces_teacher=True)

    assert len(lms.scores()) == 1


def test_score_travels_in_one_line(lms: LmsFamily) -> None:
    lms.take_scores()

    lms.push(8, "two\nlines")

    body = lms.wire.calls[-1].request.body
    assert b"\n" not in body
    assert b": " not in body


def test_results_are_asked_for_without_a_limit(lms: LmsFamily) -> None:
    lms.wire.add("GET", RESULTS_URL, json=[{"id": "x", "userId": "6"}])

    (result,) = lms.read_results()

    assert (result.subject, result.given, result.may_be_zero) == ("6", None, True)
    assert "limit" not in lms.wire.calls[-1].request.url


@pytest.mark.parametrize(
    ("said", "read"),
    [("en", "en"), ("pt_br", "pt-BR"), ("de_kids", "de"), ("es_mx_wp", "es"), ("_", "")],
)
def test_language_is_written_as_the_web_does(lms: LmsFamily, said: str, read: str) -> None:
    assert lms.launch(launch_presentation={"locale": said}).locale == read


def test_moodle_is_recognised_by_what_it_called_itself_in_lti_1_1(families: Any) -> None:
    found = families.plugins.ask_first(
        "recognise_platform", issuer="https://lms.example.edu", family_code="moodle-2"
    )

    assert found == FAMILY


@pytest.mark.parametrize("lms", ["sakai"], indirect=True)
def test_what_a_launch_says_goes_before_what_campus_it_said(lms: LmsFamily) -> None:
    launch = lms.launch(**{f"{CLAIM}ext": {"lms": "moodle-2"}})

    assert launch.family_code == FAMILY
