"""The sandbox's groups, and rosters that tell what changed."""

import json
from collections.abc import Iterator

import pytest

from mentorai.plugins.sandbox.oidc import GROUPS_READ
from tests.fakes.sandbox_client import COURSE, SandboxClient, next_url, sandbox_client


@pytest.fixture
def sandbox() -> Iterator[SandboxClient]:
    with sandbox_client() as client:
        yield client


def change(sandbox: SandboxClient, **facts: object) -> int:
    answer = sandbox.call("PUT", "/control/memberships", json=facts)
    return answer.status_code


def test_groups_need_their_own_scope(sandbox: SandboxClient) -> None:
    answer = sandbox.get(f"{COURSE}/groups", headers=sandbox.bearer())

    assert answer.status_code == 403


def test_groups_come_in_pages(sandbox: SandboxClient) -> None:
    headers = sandbox.bearer(GROUPS_READ)

    first = sandbox.get(f"{COURSE}/groups?limit=2", headers=headers)
    rest = sandbox.get(next_url(first) or "", headers=headers)

    names = [group["name"] for page in (first, rest) for group in page.get_json()["groups"]]
    assert names == ["Limpets", "Barnacles", "Field trip"]
    assert next_url(rest) is None


def test_groups_of_a_person_are_theirs(sandbox: SandboxClient) -> None:
    url = f"{COURSE}/groups?user_id={sandbox.subs['tomas']}"

    found = sandbox.get(url, headers=sandbox.bearer(GROUPS_READ)).get_json()["groups"]

    assert [group["name"] for group in found] == ["Barnacles", "Field trip"]


def test_sets_name_what_groups_refer_to(sandbox: SandboxClient) -> None:
    headers = sandbox.bearer(GROUPS_READ)

    sets = sandbox.get(f"{COURSE}/group_sets", headers=headers).get_json()["sets"]
    groups = sandbox.get(f"{COURSE}/groups", headers=headers).get_json()["groups"]

    assert [each["name"] for each in sets] == ["Lab teams"]
    assert groups[0]["set_id"] == sets[0]["id"]
    assert "set_id" not in groups[2]


def test_launch_names_the_groups_service(sandbox: SandboxClient) -> None:
    claim = sandbox.launch()["https://purl.imsglobal.org/spec/lti-gs/claim/groupsservice"]

    assert claim["scope"] == [GROUPS_READ]
    assert claim["context_groups_url"].endswith(f"{COURSE}/groups")


def test_roster_tells_what_changed_when_it_was_told_to(sandbox: SandboxClient) -> None:
    headers = sandbox.bearer()
    plain = sandbox.get(f"{COURSE}/members", headers=headers)
    sandbox.platform.behave({"roster_differences": True})
    before = sandbox.get(f"{COURSE}/members", headers=headers)
    later = before.headers["Link"].partition("<")[2].partition(">")[0]

    assert change(sandbox, course="tidal-pools", person="tomas", status="Deleted") == 204
    changed = sandbox.get(later, headers=headers).get_json()["members"]
    whole = sandbox.get(f"{COURSE}/members", headers=headers).get_json()["members"]

    assert "Link" not in plain.headers
    assert before.headers["Link"].endswith('rel="differences"')
    assert [(m["user_id"], m["status"]) for m in changed] == [(sandbox.subs["tomas"], "Deleted")]
    assert sandbox.subs["tomas"] not in [m["user_id"] for m in whole]


def test_person_who_was_taken_out_gets_no_grade(sandbox: SandboxClient) -> None:
    change(sandbox, course="tidal-pools", person="maya", status="Deleted")

    assert sandbox.push(sandbox.bearer()).status_code == 422


@pytest.mark.parametrize(
    "facts",
    [
        {},
        {"course": "tidal-pools", "person": "maya", "status": "Gone"},
        {"course": "tidal-pools", "person": "nobody", "status": "Active"},
        {"course": ["tidal-pools"], "person": {"a": 1}, "status": 7},
    ],
)
def test_membership_that_cannot_be_is_refused(
    sandbox: SandboxClient, facts: dict[str, object]
) -> None:
    assert change(sandbox, **facts) == 422


@pytest.mark.parametrize("since", ["x", "-1", "1.5"])
def test_odd_list_of_differences_is_refused(sandbox: SandboxClient, since: str) -> None:
    answer = sandbox.get(f"{COURSE}/members?since={since}", headers=sandbox.bearer())

    assert answer.status_code == 400
    assert json.loads(answer.text)["status"] == 400
