"""The roster of the sandbox: LTI NRPS 2.0."""

from collections.abc import Iterator

import pytest

from tests.fakes.sandbox_client import SandboxClient, next_url, sandbox_client

MEMBERS = "application/vnd.ims.lti-nrps.v2.membershipcontainer+json"
PATH = "/lti/courses/tidal-pools/members"


@pytest.fixture
def sandbox() -> Iterator[SandboxClient]:
    with sandbox_client() as client:
        yield client


@pytest.fixture
def bearer(sandbox: SandboxClient) -> dict[str, str]:
    return sandbox.bearer()


def test_members_are_those_that_launches_show(
    sandbox: SandboxClient, bearer: dict[str, str]
) -> None:
    answer = sandbox.get(PATH, headers=bearer | {"Accept": MEMBERS})

    members = {member["user_id"]: member for member in answer.get_json()["members"]}
    assert answer.content_type == MEMBERS
    assert members[sandbox.launch("maya")["sub"]]["name"] == "Maya Lindqvist"
    assert answer.get_json()["context"]["label"] == "BIO 140"


def test_private_student_has_no_name_in_the_roster(
    sandbox: SandboxClient, bearer: dict[str, str]
) -> None:
    members = sandbox.get(PATH, headers=bearer).get_json()["members"]

    (private,) = [m for m in members if m["user_id"] == sandbox.subs["private"]]
    assert sorted(private) == ["roles", "status", "user_id"]


def test_campus_it_is_not_in_the_roster(sandbox: SandboxClient, bearer: dict[str, str]) -> None:
    members = sandbox.get(PATH, headers=bearer).get_json()["members"]

    assert sandbox.subs["ines"] not in [member["user_id"] for member in members]


def test_people_who_left_are_inactive(sandbox: SandboxClient, bearer: dict[str, str]) -> None:
    path = PATH.replace("tidal-pools", "sourdough")

    members = sandbox.get(path, headers=bearer).get_json()["members"]

    inactive = [m["user_id"] for m in members if m["status"] == "Inactive"]
    assert inactive == [sandbox.subs["tomas"]]


@pytest.mark.parametrize(
    "role", ["Learner", "http://purl.imsglobal.org/vocab/lis/v2/membership%23Learner"]
)
def test_roster_is_narrowed_by_role(
    sandbox: SandboxClient, bearer: dict[str, str], role: str
) -> None:
    members = sandbox.get(f"{PATH}?role={role}", headers=bearer).get_json()["members"]

    assert {m["user_id"] for m in members} == {
        sandbox.subs[person] for person in ("maya", "tomas", "private")
    }


def test_roster_comes_in_pages_that_keep_their_filter(
    sandbox: SandboxClient, bearer: dict[str, str]
) -> None:
    seen, url = [], f"{PATH}?role=Learner&limit=2"

    while url:
        page = sandbox.get(url, headers=bearer)
        seen.append(len(page.get_json()["members"]))
        url = next_url(page) or ""

    assert seen == [2, 1]


def test_roster_of_a_link_carries_its_message(
    sandbox: SandboxClient, bearer: dict[str, str]
) -> None:
    link = sandbox.launch()["https://purl.imsglobal.org/spec/lti/claim/resource_link"]["id"]

    (first, *_) = sandbox.get(f"{PATH}?rlid={link}", headers=bearer).get_json()["members"]

    (message,) = first["message"]
    assert message["https://purl.imsglobal.org/spec/lti/claim/resource_link"]["id"] == link


def test_roster_of_an_unknown_link_is_not_found(
    sandbox: SandboxClient, bearer: dict[str, str]
) -> None:
    assert sandbox.get(f"{PATH}?rlid=x", headers=bearer).status_code == 404


def test_roster_is_not_plain_json(sandbox: SandboxClient, bearer: dict[str, str]) -> None:
    headers = bearer | {"Accept": "application/json"}

    assert sandbox.get(PATH, headers=headers).status_code == 406
