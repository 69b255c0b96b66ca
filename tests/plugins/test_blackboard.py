"""Blackboard Learn: launches, scores, comments, rosters and columns as it has them."""

import json
from typing import Any

import pytest

from mentorai.core import errors
from mentorai.core.engine import Engine
from mentorai.core.errors import MentorAIError
from mentorai.core.values import LineItem
from mentorai.lti.login import begin_login
from mentorai.lti.registration_documents import find_document
from mentorai.lti.tool import Tool
from tests.fakes.lms_family import COLUMNS_URL, RESULTS_URL, LmsFamily

FAMILY = "blackboard"


def results(lms: LmsFamily, *rows: dict[str, Any], status: int = 200) -> None:
    """Serve these as the column's results."""
    lms.wire.upsert("GET", RESULTS_URL, status=status, json=list(rows))


def result_reads(lms: LmsFamily) -> list[str]:
    return [call.request.url for call in lms.wire.calls if "/results" in call.request.url]


def test_comment_is_written_as_blackboard_shows_it(lms: LmsFamily) -> None:
    lms.take_scores()

    lms.push(8, "Well done:\n3 < 5 & true")

    assert lms.scores()[0]["comment"] == "Well done:<br/>3 &lt; 5 &amp; true"
    assert result_reads(lms) == []


def test_comment_of_a_teacher_is_sent_back_with_a_score_that_has_none(lms: LmsFamily) -> None:
    lms.take_scores()
    results(
        lms,
        {"userId": "5", "resultScore": 1, "comment": "of another"},
        {"userId": "6", "resultScore": 3, "comment": "See me<br/>please"},
    )

    lms.push(8)
    lms.push(9)

    assert [sent["comment"] for sent in lms.scores()] == ["See me<br/>please"] * 2
    # All of a column at once: asked for one person, Blackboard leaves comments out.
    (read,) = result_reads(lms)
    assert "limit=1000" in read
    assert "user_id" not in read


def test_override_of_a_teacher_that_blackboard_kept_is_told(lms: LmsFamily) -> None:
    lms.take_scores()
    results(lms, {"userId": "6", "resultScore": 5, "resultMaximum": 10, "comment": ""})

    with pytest.raises(errors.TeacherGradeStands, match="in Blackboard Learn, which keeps theirs"):
        lms.push(8, replaces_teacher=True)
    lms.push(8)

    assert len(lms.scores()) == 2


def test_score_goes_without_a_comment_when_results_may_not_be_read(lms: LmsFamily) -> None:
    lms.take_scores()
    results(lms, status=403)

    lms.push(8)

    assert "comment" not in lms.scores()[0]


def test_score_waits_when_the_comment_that_is_there_cannot_be_read(lms: LmsFamily) -> None:
    lms.take_scores()
    results(lms, status=500)

    with pytest.raises(errors.PlatformUnavailable):
        lms.push(8)

    assert lms.scores() == []


@pytest.mark.parametrize(
    ("status", "body", "kind", "says"),
    [
        (
            400,
            {"status": 400, "message": "User could not be found: 6"},
            errors.PersonNotInCourse,
            "left",
        ),
        (400, {"message": "Something else"}, errors.NotGradable, "400"),
        (403, "", errors.PlatformRefused, "may not write grades"),
        (404, "", errors.NoLineItem, "no longer there"),
        (429, "", errors.PlatformThrottled, ""),
    ],
)
def test_refusal_is_told_in_words_for_an_instructor(
    lms: LmsFamily, status: int, body: Any, kind: type[MentorAIError], says: str
) -> None:
    lms.take_scores(status, body)

    with pytest.raises(kind) as caught:
        lms.push(8, "x")

    assert type(caught.value) is kind
    assert says in caught.value.message


def test_roster_is_asked_for_with_its_groups(lms: LmsFamily) -> None:
    row = {"user_id": "6", "roles": ["Learner"], "group_enrollments": [{"group_id": "_3_1"}]}
    lms.wire.add("GET", lms.platform.members_url, json={"members": [row]})

    (member,) = lms.list_members()

    assert member.group_ids == ("_3_1",)
    assert "groups=true" in lms.wire.calls[-1].request.url


def test_template_variable_that_nobody_filled_in_is_absent(lms: LmsFamily) -> None:
    launch = lms.launch(
        custom={"role": "@X@user.role@X@", "chapter": "3", "x": "@X@ is no name @X@"},
        launch_presentation={"locale": "en_US"},
    )

    assert launch.custom == {"chapter": "3", "x": "@X@ is no name @X@"}
    assert launch.locale == "en-US"


def test_column_is_made_without_a_link_and_found_again_by_its_tag(lms: LmsFamily) -> None:
    column = {"id": f"{COLUMNS_URL}/9", "resourceId": "quiz-1", "tag": "mentorai:17"}
    lms.wire.add("GET", COLUMNS_URL, json=[])
    lms.wire.add("POST", COLUMNS_URL, status=201, json=column)

    lms.find_column()
    made = json.loads(lms.wire.calls[-1].request.body)
    lms.wire.upsert("GET", COLUMNS_URL, json=[{**column, "tag": "mentorai:18"}, column])
    found = lms.find_column()

    assert "resourceLinkId" not in made
    assert made["tag"] == "mentorai:17"
    assert found == LineItem(column["id"], resource_id="quiz-1", tag="mentorai:17")


def test_login_that_names_no_client_id_finds_nobody_by_the_shared_issuer(
    families: Engine, lms: LmsFamily
) -> None:
    params = {"iss": lms.platform.issuer, "login_hint": "6"}

    with pytest.raises(errors.UnknownRegistration):
        begin_login(families.room(Tool), params, "b" * 64)


def test_portal_values_are_ready_to_paste(lms: LmsFamily) -> None:
    document = find_document(lms.engine, FAMILY)

    assert document is not None
    assert document.is_form
    assert document.content["Tool Redirect URL(s)"] == lms.engine.room(Tool).launch_url
