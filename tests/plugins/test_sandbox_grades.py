"""The gradebook of the sandbox: LTI AGS 2.0."""

import json
from collections.abc import Iterator
from typing import Any

import pytest

from tests.fakes.sandbox_client import (
    COURSE,
    LINE_ITEM,
    SCORE,
    SandboxClient,
    next_url,
    sandbox_client,
)

COLUMNS = "application/vnd.ims.lis.v2.lineitemcontainer+json"
RESULTS = "application/vnd.ims.lis.v2.resultcontainer+json"


@pytest.fixture
def sandbox() -> Iterator[SandboxClient]:
    with sandbox_client() as client:
        yield client


@pytest.fixture
def bearer(sandbox: SandboxClient) -> dict[str, str]:
    return sandbox.bearer()


def results(sandbox: SandboxClient, bearer: dict[str, str], query: str = "") -> list[Any]:
    answer = sandbox.get(f"{sandbox.column_path()}/results{query}", headers=bearer)
    assert answer.content_type == RESULTS
    found: list[Any] = answer.get_json()
    return found


def test_line_items_are_listed(sandbox: SandboxClient, bearer: dict[str, str]) -> None:
    answer = sandbox.get(f"{COURSE}/line_items", headers=bearer)

    (column,) = answer.get_json()
    assert answer.content_type == COLUMNS
    assert column["label"] == "Quiz 1: Tides and zones"
    assert column["scoreMaximum"] == 10
    assert sandbox.get(column["id"], headers=bearer).get_json() == column


def test_line_item_is_made(sandbox: SandboxClient, bearer: dict[str, str]) -> None:
    answer = sandbox.add_column(bearer, resourceId="essay-1", tag="essay")

    made = answer.get_json()
    assert answer.status_code == 201
    assert answer.content_type == LINE_ITEM
    assert answer.headers["Location"] == made["id"]
    assert made["resourceId"] == "essay-1"
    assert sandbox.get(made["id"], headers=bearer).get_json() == made


@pytest.mark.parametrize(
    ("facts", "status"),
    [
        ({"label": None}, 400),
        ({"label": " "}, 400),
        ({"label": 7}, 400),
        ({"scoreMaximum": 0}, 400),
        ({"scoreMaximum": "10"}, 400),
        ({"scoreMaximum": True}, 400),
        ({"scoreMaximum": 10**400}, 400),
        ({"tag": 3}, 400),
        ({"tag": "x" * 501}, 400),
        ({"endDateTime": "tomorrow"}, 400),
        ({"resourceLinkId": "of another course"}, 404),
    ],
    ids=lambda value: str(value)[:40],
)
def test_line_item_is_refused_when_it_is_wrong(
    sandbox: SandboxClient, bearer: dict[str, str], facts: dict[str, Any], status: int
) -> None:
    assert sandbox.add_column(bearer, **facts).status_code == status
    assert len(sandbox.platform.shelf.list("line_item")) == 1


@pytest.mark.parametrize("content_type", ["application/json", "", SCORE])
def test_line_item_is_refused_when_the_media_type_is_wrong(
    sandbox: SandboxClient, bearer: dict[str, str], content_type: str
) -> None:
    body = json.dumps({"label": "Essay", "scoreMaximum": 20})
    path = f"{COURSE}/line_items"

    answer = sandbox.post(path, headers=bearer, content_type=content_type, data=body)

    assert answer.status_code == 415


@pytest.mark.parametrize("body", ["", "{", "[]", "null", '{"label": NaN}', '"\\ud800"', "[" * 9999])
def test_line_item_is_refused_when_the_body_is_no_object(
    sandbox: SandboxClient, bearer: dict[str, str], body: str
) -> None:
    path = f"{COURSE}/line_items"

    answer = sandbox.post(path, headers=bearer, content_type=LINE_ITEM, data=body)

    assert answer.status_code == 400


def test_line_items_are_filtered(sandbox: SandboxClient, bearer: dict[str, str]) -> None:
    sandbox.add_column(bearer, label="A", resourceId="r", tag="t")
    sandbox.add_column(bearer, label="B", resourceId="r")

    def labels(query: str) -> list[str]:
        found = sandbox.get(f"{COURSE}/line_items?{query}", headers=bearer).get_json()
        return [column["label"] for column in found]

    assert labels("resource_id=r") == ["A", "B"]
    assert labels("resource_id=r&tag=t") == ["A"]
    assert labels("resource_link_id=nowhere") == []


@pytest.mark.parametrize("with_query", [False, True])
def test_line_items_come_in_pages(
    sandbox: SandboxClient, bearer: dict[str, str], with_query: bool
) -> None:
    sandbox.platform.behave({"line_item_query": with_query})
    for n in range(4):
        sandbox.add_column(bearer, label=f"Column {n}")
    seen, url = [], f"{sandbox.options.base_url}{COURSE}/line_items?limit=2"

    while url:
        page = sandbox.get(url, headers=bearer)
        seen.append([column["label"] for column in page.get_json()])
        url = next_url(page) or ""

    assert seen == [
        ["Quiz 1: Tides and zones", "Column 0"],
        ["Column 1", "Column 2"],
        ["Column 3"],
    ]


@pytest.mark.parametrize(
    "query", ["limit=0", "limit=x", "limit=-1", "after=x", "limit=" + "9" * 99]
)
def test_page_is_refused_when_it_makes_no_sense(
    sandbox: SandboxClient, bearer: dict[str, str], query: str
) -> None:
    assert sandbox.get(f"{COURSE}/line_items?{query}", headers=bearer).status_code == 400


def test_other_media_type_is_not_acceptable(sandbox: SandboxClient, bearer: dict[str, str]) -> None:
    headers = bearer | {"Accept": "application/json"}

    assert sandbox.get(f"{COURSE}/line_items", headers=headers).status_code == 406


def test_line_item_is_replaced(sandbox: SandboxClient, bearer: dict[str, str]) -> None:
    path = sandbox.add_column(bearer, tag="essay").get_json()["id"]
    body = json.dumps({"label": "Long essay", "scoreMaximum": 30})

    answer = sandbox.call("PUT", path, headers=bearer, content_type=LINE_ITEM, data=body)

    assert answer.get_json() == {"id": path, "label": "Long essay", "scoreMaximum": 30}
    assert sandbox.get(path, headers=bearer).get_json() == answer.get_json()


def test_line_item_stays_at_its_resource_link(
    sandbox: SandboxClient, bearer: dict[str, str]
) -> None:
    body = json.dumps({"label": "Quiz", "scoreMaximum": 5, "resourceLinkId": "another"})
    path = sandbox.column_path()

    answer = sandbox.call("PUT", path, headers=bearer, content_type=LINE_ITEM, data=body)

    assert answer.status_code == 400


def test_line_item_goes_with_what_it_held(sandbox: SandboxClient, bearer: dict[str, str]) -> None:
    path = sandbox.column_path()
    sandbox.push(bearer)

    answer = sandbox.call("DELETE", path, headers=bearer)

    assert (answer.status_code, answer.data) == (204, b"")
    assert sandbox.get(path, headers=bearer).status_code == 404
    assert sandbox.platform.shelf.list("result") == []


def test_line_item_of_another_course_is_not_found(
    sandbox: SandboxClient, bearer: dict[str, str]
) -> None:
    path = sandbox.column_path().replace("tidal-pools", "sourdough")

    assert sandbox.get(path, headers=bearer).status_code == 404


def test_score_becomes_a_result(sandbox: SandboxClient, bearer: dict[str, str]) -> None:
    answer = sandbox.push(bearer, comment="Well done.")

    (result,) = results(sandbox, bearer)
    assert answer.status_code == 200
    assert result["userId"] == sandbox.subs["maya"]
    assert (result["resultScore"], result["resultMaximum"]) == (8, 10)
    assert result["comment"] == "Well done."
    assert answer.get_json()["resultUrl"] == result["id"]


def test_score_is_scaled_to_the_column(sandbox: SandboxClient, bearer: dict[str, str]) -> None:
    sandbox.push(bearer, scoreGiven=45, scoreMaximum=60)

    assert results(sandbox, bearer)[0]["resultScore"] == 7.5


def test_score_may_exceed_its_maximum(sandbox: SandboxClient, bearer: dict[str, str]) -> None:
    sandbox.push(bearer, scoreGiven=12)

    assert results(sandbox, bearer)[0]["resultScore"] == 12


@pytest.mark.parametrize(
    ("facts", "status"),
    [
        ({"userId": None}, 400),
        ({"userId": 7}, 400),
        ({"userId": "nobody"}, 422),
        ({"activityProgress": None}, 400),
        ({"activityProgress": "Done"}, 400),
        ({"gradingProgress": "Graded"}, 400),
        ({"timestamp": None}, 400),
        ({"timestamp": "yesterday"}, 400),
        ({"timestamp": "2026-11-23T12:00:00"}, 400),
        ({"timestamp": "0001-01-01T00:00:00+23:00"}, 400),
        ({"scoreMaximum": None}, 422),
        ({"scoreMaximum": 0}, 422),
        ({"scoreGiven": -1}, 422),
        ({"scoreGiven": "8"}, 422),
        ({"scoreGiven": 10**400}, 422),
        ({"comment": 8}, 400),
    ],
    ids=lambda value: str(value)[:40],
)
def test_score_is_refused_when_it_is_wrong(
    sandbox: SandboxClient, bearer: dict[str, str], facts: dict[str, Any], status: int
) -> None:
    assert sandbox.push(bearer, **facts).status_code == status
    assert sandbox.platform.scores == []


@pytest.mark.parametrize("person", ["ruth", "jonas", "ines"])
def test_score_is_refused_when_the_person_is_no_student(
    sandbox: SandboxClient, bearer: dict[str, str], person: str
) -> None:
    assert sandbox.push(bearer, person).status_code == 422


def test_score_is_refused_when_the_media_type_is_wrong(
    sandbox: SandboxClient, bearer: dict[str, str]
) -> None:
    assert sandbox.push_raw(bearer, "{}", "application/json").status_code == 415


def test_media_type_may_carry_a_parameter(sandbox: SandboxClient, bearer: dict[str, str]) -> None:
    assert sandbox.push_raw(bearer, "{}", f"{SCORE}; charset=utf-8").status_code == 400


@pytest.mark.parametrize("second", ["2026-11-23T12:00:00Z", "2026-11-23T13:00:00+01:00"])
def test_score_is_refused_when_its_time_is_not_later(
    sandbox: SandboxClient, bearer: dict[str, str], second: str
) -> None:
    sandbox.push(bearer)

    answer = sandbox.push(bearer, scoreGiven=9, timestamp=second)

    assert answer.status_code == 409
    assert results(sandbox, bearer)[0]["resultScore"] == 8


def test_later_score_replaces_the_result(sandbox: SandboxClient, bearer: dict[str, str]) -> None:
    sandbox.push(bearer)
    sandbox.push(bearer, scoreGiven=3, timestamp="2026-11-23T12:00:01Z")

    assert [result["resultScore"] for result in results(sandbox, bearer)] == [3]
    assert [score["body"]["scoreGiven"] for score in sandbox.platform.scores] == [8, 3]


def test_score_is_compared_with_its_receipt_when_told_to(
    sandbox: SandboxClient, bearer: dict[str, str]
) -> None:
    sandbox.platform.behave({"score_times": "received"})
    sandbox.push(bearer, timestamp="2020-01-01T00:00:00Z")

    answer = sandbox.push(bearer, timestamp="2020-01-01T00:00:05Z")

    assert answer.status_code == 409


def test_score_that_is_not_fully_graded_leaves_the_result(
    sandbox: SandboxClient, bearer: dict[str, str]
) -> None:
    sandbox.push(bearer)
    sandbox.push(bearer, gradingProgress="PendingManual", timestamp="2026-11-23T12:00:01Z")

    assert results(sandbox, bearer)[0]["resultScore"] == 8
    assert len(sandbox.platform.scores) == 2


def test_score_without_points_clears_the_result(
    sandbox: SandboxClient, bearer: dict[str, str]
) -> None:
    sandbox.push(bearer)
    sandbox.push(bearer, scoreGiven=None, timestamp="2026-11-23T12:00:01Z")

    assert "resultScore" not in results(sandbox, bearer)[0]


def test_results_can_be_asked_for_one_person(
    sandbox: SandboxClient, bearer: dict[str, str]
) -> None:
    sandbox.push(bearer, "maya")
    sandbox.push(bearer, "tomas")

    found = results(sandbox, bearer, f"?user_id={sandbox.subs['tomas']}")

    assert [result["userId"] for result in found] == [sandbox.subs["tomas"]]


def test_addresses_carry_a_query_when_told_to(
    sandbox: SandboxClient, bearer: dict[str, str]
) -> None:
    sandbox.platform.behave({"line_item_query": True})

    (column,) = sandbox.get(f"{COURSE}/line_items?type_id=1", headers=bearer).get_json()
    result = sandbox.push(bearer).get_json()["resultUrl"]

    assert column["id"].endswith("?type_id=1")
    assert result == column["id"].replace("?", f"/results/{sandbox.subs['maya']}?")
    assert sandbox.get(column["id"], headers=bearer).status_code == 200
