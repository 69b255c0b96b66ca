"""The sandbox as Open edX: what its LTI consumer was seen to do in its own way."""

import json
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from mentorai.core.clock import now
from tests.fakes.sandbox_client import LINE_ITEM, next_url
from tests.fakes.sandbox_lms import Lms, roster

CLAIM = "https://purl.imsglobal.org/spec/lti/claim"
VOCABULARY = "http://purl.imsglobal.org/vocab/lis/v2"
NRPS = "https://purl.imsglobal.org/spec/lti-nrps/claim/namesroleservice"
RESULTS = "application/vnd.ims.lis.v2.resultcontainer+json"
COLUMN = {"label": "Essay", "scoreMaximum": 20, "resourceId": "essay"}


@pytest.fixture
def lms(be: Any) -> Lms:
    found: Lms = be("openedx")
    return found


def write_column(lms: Lms, method: str, path: str, **facts: Any) -> Any:
    return lms.client.call(
        method,
        path,
        headers=lms.bearer | {"Accept": LINE_ITEM},
        content_type=LINE_ITEM,
        data=json.dumps(COLUMN | facts),
    )


@pytest.mark.parametrize(
    ("facts", "member", "words"),
    [
        ({"tag": "t" * 51}, "tag", "Ensure this field has no more than 50 characters."),
        ({"label": "l" * 101}, "label", "Ensure this field has no more than 100 characters."),
        ({"scoreMaximum": 2.5}, "scoreMaximum", "A valid integer is required."),
    ],
)
def test_open_edx_takes_short_tags_and_labels_and_whole_points(
    lms: Lms, facts: Any, member: str, words: str
) -> None:
    answer = write_column(lms, "POST", lms.line_items, **facts)

    assert (answer.status_code, answer.get_json()) == (400, {member: [words]})


def test_open_edx_shows_null_takes_none_back_and_keeps_every_line_item(lms: Lms) -> None:
    made = write_column(lms, "POST", lms.line_items).get_json()

    with_nulls = write_column(lms, "PUT", made["id"], **made)
    kept = {name: value for name, value in made.items() if value is not None}
    without = write_column(lms, "PUT", made["id"], **kept)
    removed = lms.client.call("DELETE", made["id"], headers=lms.bearer)

    lms.client.call("DELETE", f"/control/line-items/{made['id'].rpartition('/')[2]}")
    assert (made["resourceLinkId"], made["endDateTime"], made["tag"]) == (None, None, "")
    assert [with_nulls.status_code, without.status_code] == [400, 200]
    assert removed.status_code == 403


def test_open_edx_gives_results_of_everybody_and_cuts_them(lms: Lms) -> None:
    lms.push("maya")
    lms.push("tomas")
    headers = lms.bearer | {"Accept": RESULTS}
    maya = lms.client.subs["maya"]

    of_one = lms.client.get(lms.at(f"/results?user_id={maya}"), headers=headers)
    cut = lms.client.get(lms.at("/results?limit=1"), headers=headers)

    assert len(of_one.get_json()) == 2
    assert (len(cut.get_json()), "Link" in cut.headers) == (1, False)


def test_open_edx_takes_scores_of_staff_and_breaks_on_nobody(lms: Lms) -> None:
    assert lms.push("ruth")[0] == 201
    assert lms.push(userId="00000000-0000-4000-8000-000000000000")[0] == 500


def test_open_edx_refuses_an_unknown_token_with_403(lms: Lms) -> None:
    answer = lms.client.get(lms.line_items, headers={"Authorization": "Bearer x.y.z"})

    assert (answer.status_code, answer.get_json()) == (
        403,
        {"detail": "Invalid token signature."},
    )


@pytest.mark.parametrize(
    ("claims", "error"),
    [
        ({"aud": "https://elsewhere.example", "iss": "else", "sub": "else", "jti": None}, None),
        ({"exp": None}, None),
        ({"exp": int(now().timestamp()) - 100}, "unidentified_error"),
    ],
)
def test_open_edx_looks_at_the_signature_and_the_times_alone(
    lms: Lms, claims: Any, error: str | None
) -> None:
    answer = lms.client.ask_token(client_assertion=lms.client.tool.assertion(**claims))

    assert answer.get_json().get("error") == error
    assert answer.status_code == (400 if error else 200)


def test_open_edx_pages_a_roster_when_it_is_asked_to(lms: Lms) -> None:
    lms.client.call("PATCH", "/control/behaviour", json={"page_size": 2})

    counts = [len(roster(lms, query)["members"]) for query in ("", "?limit=1")]

    lms.client.call("PATCH", "/control/behaviour", json={"page_size": 200})
    assert counts == [5, 1]


def test_open_edx_counts_the_pages_of_a_roster(lms: Lms) -> None:
    url: str | None = lms.client.launch()[NRPS]["context_memberships_url"] + "?limit=2"

    found, pages = list[str](), list[list[str]]()
    while url:
        page = lms.client.get(url, headers=lms.bearer)
        found += [each["user_id"] for each in json.loads(page.data)["members"]]
        url = next_url(page)
        pages += [parse_qs(urlsplit(url).query)["page"]] if url else []

    assert pages == [["2"], ["3"]]
    assert len(set(found)) == len(found) == 5


@pytest.mark.parametrize(("person", "role"), [("maya", "Learner"), ("ruth", "Instructor")])
def test_open_edx_launches_with_little(lms: Lms, person: str, role: str) -> None:
    claims = lms.client.launch(person)

    assert claims[f"{CLAIM}/roles"] == [
        f"{VOCABULARY}/system/person#None",
        f"{VOCABULARY}/institution/person#None",
        f"{VOCABULARY}/membership#{role}",
    ]
    assert list(claims[f"{CLAIM}/resource_link"]) == ["id"]
    assert claims[f"{CLAIM}/deployment_id"] == "1"
    assert "locale" not in claims


def test_open_edx_fills_no_variables_in(lms: Lms) -> None:
    item = next(each for each in lms.platform.courses()[0].items if each.custom)

    sent = lms.client.launch("maya", item.id)[f"{CLAIM}/custom"]

    assert sent == dict(item.custom)
