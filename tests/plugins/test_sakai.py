"""Sakai: 400 for nearly everything, 403 for a token of before its restart, columns by label."""

import json
from urllib.parse import parse_qs, quote_plus, urlsplit

import pytest

from mentorai.core import errors
from mentorai.core.errors import MentorAIError
from mentorai.core.values import GradingProgress
from tests.fakes.lms_family import COLUMNS_URL, LINE_ITEM, RESULTS_URL, SCORES_URL, LmsFamily

FAMILY = "sakai"


@pytest.mark.parametrize(
    ("said", "kind"),
    [
        ("User does not belong to site", errors.PersonNotInCourse),
        ("Could not load site associated with content", errors.PlatformRefused),
        ("No placements for tool", errors.PlatformRefused),
        ("Grade failure siteId=92ddf2", errors.NoLineItem),
        ("Unable to load column for lineitem_key=12", errors.NoLineItem),
        ("Scope score not in access token", errors.ScopeNotGranted),
        ("Could not read POST Data", errors.NotGradable),
    ],
)
def test_refusal_is_told_apart_by_its_words(
    lms: LmsFamily, said: str, kind: type[MentorAIError]
) -> None:
    lms.take_scores(400, {"error": said})

    with pytest.raises(kind) as caught:
        lms.push()

    assert type(caught.value) is kind


@pytest.mark.parametrize(
    ("said", "kind"),
    [
        ("Tool not placed in site", errors.PlatformRefused),
        ("Line item is read-only", errors.NotGradable),
    ],
)
def test_refusal_of_2026_is_told_apart_by_its_words(
    lms: LmsFamily, said: str, kind: type[MentorAIError]
) -> None:
    lms.take_scores(403, {"error": said})

    with pytest.raises(kind) as caught:
        lms.push()

    assert "Sakai" in caught.value.message


@pytest.mark.parametrize(
    ("status", "body", "kind"),
    [
        (404, {"error": "Could not load column"}, errors.NoLineItem),
        (200, {"id": LINE_ITEM.url, "label": "Quiz"}, errors.PlatformUnavailable),
        (503, {}, errors.PlatformUnavailable),
    ],
)
def test_trouble_with_a_score_is_a_column_that_is_gone_or_passes(
    lms: LmsFamily, status: int, body: object, kind: type[MentorAIError]
) -> None:
    lms.take_scores(500, "<!doctype html><title>HTTP Status 500</title>")
    lms.wire.add("GET", LINE_ITEM.url, status=status, json=body)

    with pytest.raises(kind):
        lms.push()

    assert len(lms.scores()) == 1


def test_news_without_a_score_goes_to_a_column_that_its_first_score_makes(lms: LmsFamily) -> None:
    lms.wire.add("GET", RESULTS_URL, status=404, json={"error": "Could not load column"})
    lms.take_scores()

    taken = lms.push(None, grading_progress=GradingProgress.PENDING_MANUAL)

    assert taken is not None
    assert lms.scores()[0]["gradingProgress"] == "PendingManual"


def test_score_arrives_after_a_restart_with_other_keys(lms: LmsFamily) -> None:
    lms.wire.add("POST", SCORES_URL, status=403, json={"error": "signature_error"})
    lms.wire.add("POST", SCORES_URL, status=200, body="")

    assert lms.push() is not None
    assert len(lms.scores()) == 2
    assert len(lms.platform.token_requests()) == 2


def test_token_is_asked_for_anew_once_and_no_more(lms: LmsFamily) -> None:
    lms.take_scores(403, {"error": "invalid_authorization"})

    with pytest.raises(errors.PlatformRefused):
        lms.push()

    assert len(lms.scores()) == 2


@pytest.mark.parametrize("lms", ["brightspace"], indirect=True)
def test_403_elsewhere_says_nothing_of_the_token(lms: LmsFamily) -> None:
    lms.take_scores(403, {"title": "Not today"})

    with pytest.raises(errors.PlatformRefused):
        lms.push()

    assert len(lms.scores()) == 1


def test_column_has_a_label_of_its_own_and_no_link(lms: LmsFamily) -> None:
    column = {"id": f"{COLUMNS_URL}/9", "resourceId": "quiz-1", "tag": "mentorai:17"}
    lms.wire.add("GET", COLUMNS_URL, json=[])
    lms.wire.add("POST", COLUMNS_URL, json=column)

    made = []
    for changes in ({}, {}, {"lms_resource_link_id": "18"}, {"activity_id": "quiz-2"}):
        lms.find_column(**changes)
        made.append(json.loads(lms.wire.calls[-1].request.body))

    labels = [each["label"] for each in made]
    assert all(label.startswith("Week 1 (mentorAI ") for label in labels)
    assert [labels[0] == label for label in labels] == [True, True, False, False]
    assert not any("resourceLinkId" in each for each in made)


def test_column_is_found_again_by_a_tag_that_sakai_keeps_as_it_is(lms: LmsFamily) -> None:
    """It keeps tags as pieces of an address: a colon comes back as %3A."""
    lms.wire.add("GET", COLUMNS_URL, json=[])
    lms.wire.add("POST", COLUMNS_URL, json={"id": f"{COLUMNS_URL}/9"})
    lms.find_column(lms_resource_link_id="content:12")
    made = json.loads(lms.wire.calls[-1].request.body)
    lms.wire.upsert("GET", COLUMNS_URL, json=[made | {"id": f"{COLUMNS_URL}/9", "label": "Own"}])

    found = lms.find_column(lms_resource_link_id="content:12")

    assert quote_plus(made["tag"]) == made["tag"]
    assert parse_qs(urlsplit(lms.wire.calls[-1].request.url).query)["tag"] == [made["tag"]]
    assert found.label == "Own"
