"""Open edX: it does not say what it is, and names roles in its own way."""

import json
from typing import Any

import pytest

from mentorai.core import errors
from mentorai.core.values import Role
from tests.fakes.lms_family import COLUMNS_URL, SCORES_URL, LmsFamily

FAMILY = "openedx"
VOCABULARY = "http://purl.imsglobal.org/vocab/lis/v2/"
STUDENT = f"{VOCABULARY}institution/person#Student"
TEACHER = f"{VOCABULARY}institution/person#Instructor"
BLOCK = "block-v1:ExampleX+BIO101+2026_T3+type@lti_consumer+block@"
STAFF = f"{VOCABULARY}system/person#Administrator"


@pytest.mark.parametrize(
    ("roles", "role"),
    [
        ([STUDENT], Role.LEARNER),
        ([STUDENT, TEACHER], Role.INSTRUCTOR),
        ([TEACHER, STUDENT, STAFF], Role.ADMINISTRATOR),
        ([], Role.OTHER),
        ([TEACHER, f"{VOCABULARY}membership#Learner"], Role.LEARNER),
        ([TEACHER, f"{VOCABULARY}membership#Mentor"], Role.OTHER),
    ],
)
def test_role_in_the_course_is_read_from_what_it_sends(
    lms: LmsFamily, roles: list[str], role: Role
) -> None:
    launch = lms.launch(roles=roles)

    assert (launch.family_code, launch.role) == (FAMILY, role)


def test_nobody_in_particular_is_not_made_staff(lms: LmsFamily) -> None:
    assert lms.launch(sub=None, roles=[TEACHER]).role is Role.OTHER


@pytest.mark.parametrize("lms", ["brightspace"], indirect=True)
def test_role_in_the_institution_makes_nobody_staff_elsewhere(lms: LmsFamily) -> None:
    assert lms.launch(roles=[TEACHER]).role is Role.OTHER


def test_score_is_taken_with_201(lms: LmsFamily) -> None:
    lms.take_scores(201, {"userId": "6", "scoreGiven": 8})

    assert lms.push() is not None


@pytest.mark.parametrize(
    "body",
    [
        {"timestamp": ["Score timestamp can only be updated to a later point in time"]},
        {"non_field_errors": ["A score of this time already exists"]},
    ],
)
def test_score_that_is_not_later_is_stale(lms: LmsFamily, body: Any) -> None:
    lms.take_scores(400, body)

    with pytest.raises(errors.ScoreStale):
        lms.push()


def test_column_is_made_as_it_takes_one(lms: LmsFamily) -> None:
    lms.wire.add("GET", COLUMNS_URL, json=[])
    lms.wire.add("POST", COLUMNS_URL, status=201, json={"id": f"{COLUMNS_URL}/9"})
    links = [BLOCK + "a1" * 16, BLOCK + "a1" * 15 + "b2"]

    made = []
    for link in links:
        lms.find_column(lms_resource_link_id=link, title="Week 1 " * 20, score_maximum=2.5)
        made.append(json.loads(lms.wire.calls[-1].request.body))

    assert [each["resourceLinkId"] for each in made] == links
    assert [len(each["label"]) for each in made] == [100, 100]
    assert [each["scoreMaximum"] for each in made] == [3, 3]
    assert [len(each["tag"]) for each in made] == [50, 50]
    assert made[0]["tag"] != made[1]["tag"]


def test_score_arrives_after_its_token_was_disowned(lms: LmsFamily) -> None:
    detail = {"detail": "Invalid token signature."}
    lms.wire.add("POST", SCORES_URL, status=403, json=detail)
    lms.wire.add("POST", SCORES_URL, status=201, json={})

    assert lms.push() is not None
    assert len(lms.platform.token_requests()) == 2
