"""What Sakai alone does, as its source has it: docs/sandbox-rows.md has the rows."""

import json
import re
from collections.abc import Iterator
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
import responses

from mentorai.plugins.sandbox.oidc import LINE_ITEM as WRITES_COLUMNS
from mentorai.plugins.sandbox.oidc import MEMBERS_READ, SCORE
from tests.fakes.sandbox_client import LINE_ITEM, next_url
from tests.fakes.sandbox_client import SCORE as SCORE_TYPE
from tests.fakes.sandbox_lms import ENDPOINT, Lms, roster

EARLIER = "2026-11-22T12:00:00Z"


@pytest.fixture(scope="module")
def started() -> Iterator[Lms]:
    with responses.RequestsMock(assert_all_requests_are_fired=False) as wire:
        lms = Lms("sakai", wire)
        yield lms
        lms.platform.close()


@pytest.fixture
def lms(started: Lms) -> Iterator[Lms]:
    yield started.clean()
    started.platform.behave({"withheld_scopes": [], "page_size": 50})


def test_token_request_is_refused_whole_for_one_scope_that_the_tool_may_not_have(lms: Lms) -> None:
    lms.platform.behave({"withheld_scopes": [SCORE]})

    together = lms.client.ask_token()
    alone = lms.client.ask_token(scope=MEMBERS_READ)

    assert (together.status_code, together.get_json()) == (400, {"error": "invalid_scope"})
    assert together.headers["X-Tsugi-LTI13-Error-Detail"] == SCORE
    assert alone.get_json()["scope"] == MEMBERS_READ


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"client_assertion": None}, "Token request missing fields: client_assertion"),
        ({"client_assertion": "a.b.c"}, "Could not verify signature"),
        ({"grant_type": "password"}, "Invalid grant_type"),
        ({"scope": "no such scope"}, "invalid_scope"),
    ],
)
def test_token_is_refused_in_a_sentence(lms: Lms, changes: dict[str, Any], said: str) -> None:
    answer = lms.client.ask_token(**changes)

    assert (answer.status_code, answer.get_json()) == (400, {"error": said})


def test_assertion_serves_once(lms: Lms) -> None:
    assertion = lms.client.tool.assertion(aud=lms.client.options.token_url)

    answers = [lms.client.ask_token(client_assertion=assertion) for _ in range(2)]

    assert [each.status_code for each in answers] == [200, 400]
    assert answers[1].get_json() == {"error": "Replayed client_assertion"}


def test_roster_is_paged_by_start(lms: Lms) -> None:
    lms.platform.behave({"page_size": 2})
    whole = {each["user_id"] for each in roster(lms, "?limit=50&start=0")["members"]}
    claim = "https://purl.imsglobal.org/spec/lti-nrps/claim/namesroleservice"
    url: str | None = lms.client.launch()[claim]["context_memberships_url"]

    found, asked = list[str](), list[dict[str, list[str]]]()
    while url:
        page = lms.client.get(url, headers=lms.bearer)
        found += [each["user_id"] for each in page.get_json()["members"]]
        url = next_url(page)
        asked += [parse_qs(urlsplit(url).query)] if url else []

    assert len(found) == len(set(found)) > 4
    assert whole <= set(found)
    assert [each["start"] for each in asked] == [[str(2 * n + 2)] for n in range(len(asked))]
    assert all(each.keys() == {"start", "limit"} for each in asked)


def test_roster_takes_no_notice_of_role_and_link(lms: Lms) -> None:
    narrowed = roster(lms, "?role=Instructor&rlid=none")["members"]

    assert narrowed == roster(lms)["members"]
    assert {each["status"] for each in narrowed} == {"Active"}


@pytest.mark.parametrize(
    ("method", "path"),
    [("GET", "memberships/1"), ("POST", "lineitem/1"), ("DELETE", "namesandroles/tidal-pools")],
)
def test_address_that_it_does_not_know_is_answered_400(lms: Lms, method: str, path: str) -> None:
    answer = lms.client.call(method, f"/imsblis/lti13/{path}", headers=lms.bearer)

    said = f"Unrecognized {method} request parts=5 request=/imsblis/lti13/{path}"
    assert (answer.status_code, answer.get_json()) == (400, {"error": said})


def test_address_of_sakai_is_none_elsewhere(lms: Lms) -> None:
    lms.platform.behave({"personality": "plain"})

    answer = lms.client.get("/imsblis/lti13/nothing")

    lms.platform.behave({"personality": "sakai"})
    assert answer.status_code == 404


def test_older_score_takes_the_place_of_a_newer_one(lms: Lms) -> None:
    lms.push(scoreGiven=8)

    status, _, _ = lms.push(scoreGiven=3, timestamp=EARLIER)

    assert (status, lms.grade()) == (200, 3)


@pytest.mark.parametrize(
    ("progress", "given", "grade"),
    [("FullyGraded", 5, 5), ("PendingManual", 5, 5), ("FullyGraded", None, None)],
)
def test_points_alone_make_a_grade_or_clear_it(
    lms: Lms, progress: str, given: float | None, grade: float | None
) -> None:
    lms.push(scoreGiven=8)

    lms.push(scoreGiven=given, gradingProgress=progress)

    assert lms.grade() == grade


def test_grade_of_a_teacher_does_not_stay(lms: Lms) -> None:
    lms.push(scoreGiven=8)
    lms.held()["overridden"] = True

    lms.push(scoreGiven=3)

    assert lms.grade() == 3


@pytest.mark.parametrize(("person", "status"), [("ruth", 200), ("maya", 200)])
def test_score_of_whoever_is_in_the_site_is_taken(lms: Lms, person: str, status: int) -> None:
    assert lms.push(person)[0] == status
    said = lms.push(userId="00000000-0000-4000-8000-000000000000")[2]
    assert json.loads(said) == {"error": "User does not belong to site"}


def test_results_are_those_of_everybody(lms: Lms) -> None:
    for person in ("maya", "ruth"):
        lms.push(person)

    asked = f"{lms.at('/results')}?user_id={lms.client.subs['maya']}"

    assert len(lms.client.get(asked, headers=lms.bearer).get_json()) == 2


@pytest.mark.parametrize(("tag", "kept"), [("ours:17", "ours%3A17"), ("ours-17", "ours-17")])
def test_tag_is_kept_as_a_piece_of_an_address(lms: Lms, tag: str, kept: str) -> None:
    body = json.dumps({"label": f"Essay {tag}", "scoreMaximum": 5, "tag": tag})
    bearer = lms.client.bearer(WRITES_COLUMNS)

    made = lms.client.post(
        lms.line_items, headers=bearer, content_type=LINE_ITEM, data=body
    ).get_json()
    found = lms.client.get(f"{lms.line_items}?tag={tag}", headers=bearer).get_json()
    read = lms.client.get(made["id"], headers=bearer).get_json()

    lms.client.call("DELETE", made["id"], headers=bearer)
    assert (made["tag"], read["tag"]) == (tag, kept)
    assert [each["id"] for each in found] == ([made["id"]] if tag == kept else [])


def test_first_score_makes_the_column_of_a_link(lms: Lms) -> None:
    before = lms.client.launch("maya", "tides-mentor")[ENDPOINT]["lineitem"]
    shown = lms.client.get(before, headers=lms.bearer).get_json()
    body = {"userId": lms.client.subs["maya"], "scoreGiven": 8, "scoreMaximum": 10}
    body |= {"activityProgress": "Completed", "gradingProgress": "FullyGraded"}
    score = json.dumps(body | {"timestamp": EARLIER})
    sent = {"headers": lms.bearer, "content_type": SCORE_TYPE, "data": score}

    unmade = lms.client.get(f"{before}/results", headers=lms.bearer)
    taken = [lms.client.post(f"{before}/scores", **sent).status_code for _ in range(2)]
    after = lms.client.launch("maya", "tides-mentor")[ENDPOINT]["lineitem"]

    column = lms.client.get(after, headers=lms.bearer).get_json()
    by_both = [lms.client.get(f"{at}/results", headers=lms.bearer).data for at in (before, after)]
    lms.client.call("DELETE", after, headers=lms.bearer)
    assert re.search("/imsblis/lti13/lineitem/[0-9a-f]{64}:::tidal-pools:::content:", before)
    assert (shown["id"], shown["scoreMaximum"]) == (before, 100)
    assert (unmade.status_code, taken) == (404, [200, 200])
    assert (column["id"], column["label"]) == (after, shown["label"])
    assert by_both[0] == by_both[1]
    assert json.loads(by_both[0])[0]["resultScore"] == 80


@pytest.mark.parametrize(
    ("method", "said"),
    [("PUT", "Attempt to modify an 'on-demand' line item"), ("DELETE", "Unrecognized")],
)
def test_column_of_a_link_is_changed_by_no_tool(lms: Lms, method: str, said: str) -> None:
    url = lms.client.launch("maya", "tides-mentor")[ENDPOINT]["lineitem"]

    answer = lms.client.call(method, url, headers=lms.bearer, data="{}")

    assert answer.status_code == 400
    assert answer.get_json()["error"].startswith(said)


def test_placement_of_another_making_is_refused(lms: Lms) -> None:
    url = lms.client.launch("maya", "tides-mentor")[ENDPOINT]["lineitem"]
    forged = re.sub("lineitem/[0-9a-f]{4}", "lineitem/0000", url)

    answer = lms.client.get(forged, headers=lms.bearer)

    assert answer.status_code == 400
    assert "signed_placement" in answer.text
