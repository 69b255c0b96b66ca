"""Ids as each LMS tells them, in claims, in bodies and in the addresses of its services."""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from mentorai.plugins.sandbox.copies import copy_course
from mentorai.plugins.sandbox.oidc import GROUPS_READ
from mentorai.plugins.sandbox.personalities import PERSONALITIES
from mentorai.plugins.sandbox.school import COURSES, fixed_id
from tests.fakes.sandbox_client import LINE_ITEM, SandboxClient, read_form, sandbox_client
from tests.fakes.sandbox_lms import ENDPOINT, Lms, roster

CLAIM = "https://purl.imsglobal.org/spec/lti/claim"
NAMES_AND_ROLES = "https://purl.imsglobal.org/spec/lti-nrps/claim/namesroleservice"
GROUPS = "https://purl.imsglobal.org/spec/lti-gs/claim/groupsservice"
LINK = "tides-mentor"
UUID = r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}"
HEX, KEY = r"[0-9a-f]{32}", r"_\d+_1"
SERVICES = "/learn/api/v1/lti"


@pytest.fixture
def counting(be: Any) -> Iterator[Lms]:
    """Moodle, in whose roster the numbers of people are JSON numbers."""
    lms = be("moodle")
    lms.platform.behave({"ids": "bare_numbers"})
    yield lms
    lms.platform.behave({"ids": "numbers"})


@pytest.mark.parametrize("name", list(PERSONALITIES))
def test_numbers_are_the_ids_of_who_is_started_as_moodle(be: Any, name: str) -> None:
    lms = be(name)

    claims = lms.client.launch()

    assert claims["sub"] == lms.client.subs["maya"]
    ids = claims["sub"], claims[f"{CLAIM}/context"]["id"]
    assert [each.isdecimal() for each in ids] == [name == "moodle"] * 2


def test_moodle_calls_people_courses_and_links_by_numbers(counting: Lms) -> None:
    login = counting.client.begin()
    claims = counting.client.launch("maya", LINK)

    assert (login.fields["login_hint"], claims["sub"]) == ("3", "3")
    assert claims[f"{CLAIM}/context"]["id"] == "2"
    assert claims[f"{CLAIM}/resource_link"]["id"] == "1"
    url = f"{claims[NAMES_AND_ROLES]['context_memberships_url']}?rlid=1"
    told = json.loads(counting.client.get(url, headers=counting.bearer).data)
    assert told["context"]["id"] == "2"
    assert 3 in [each["user_id"] for each in told["members"]]


@pytest.mark.parametrize("user_id", ["3", 3])
def test_moodle_takes_a_score_for_a_number(counting: Lms, user_id: object) -> None:
    assert counting.push(userId=user_id)[0] == 200

    assert [each["userId"] for each in counting.results()] == ["3"]
    assert counting.held()["given"] == 8


@pytest.mark.parametrize(
    ("user_id", "status"), [("999", 400), (fixed_id("person/maya"), 502)], ids=["number", "uuid"]
)
def test_moodle_that_counts_knows_no_other_ids(counting: Lms, user_id: str, status: int) -> None:
    assert counting.push(userId=user_id)[0] == status


def test_copy_of_a_course_has_a_number_of_its_own_and_a_history_of_numbers() -> None:
    with sandbox_client(personality="moodle") as client:
        copied = copy_course(client.platform, COURSES[0])
        item = client.platform.items(copied)[0]
        path = f"/as/maya/courses/{copied.id}/items/{item.id}/launch"

        claims = client.claims_of(client.authenticate(read_form(client.get(path))))

    number = claims[f"{CLAIM}/context"]["id"]
    assert number.isdecimal()
    assert number not in ("2", "3")
    assert claims[f"{CLAIM}/custom"]["context_id_history"] == "2"
    assert claims[f"{CLAIM}/custom"]["resource_link_id_history"] == "1"


@pytest.mark.parametrize("name", list(PERSONALITIES))
def test_people_courses_and_links_are_called_as_there(be: Any, name: str) -> None:
    forms = {"moodle": [r"\d+"] * 3, "blackboard": [HEX, HEX, KEY]}

    claims = be(name).client.launch()

    ids = [
        claims["sub"],
        *(claims[f"{CLAIM}/{each}"]["id"] for each in ("context", "resource_link")),
    ]
    for told, form in zip(ids, forms.get(name, [UUID] * 3), strict=True):
        assert re.fullmatch(form, told)


@pytest.mark.parametrize(
    ("name", "columns", "members"),
    [
        (
            "blackboard",
            f"{SERVICES}/courses/_4_1/lineItems",
            f"{SERVICES}/external/namesandroles/_4_1",
        ),
        (
            "moodle",
            "/mod/lti/services.php/2/lineitems",
            "/mod/lti/services.php/CourseSection/2/bindings/1/memberships",
        ),
        (
            "canvas",
            "/api/lti/courses/101/line_items",
            "/api/lti/courses/101/names_and_roles",
        ),
    ],
)
def test_addresses_of_services_hold_the_keys_of_the_lms(
    be: Any, name: str, columns: str, members: str
) -> None:
    lms = be(name)
    claims = lms.client.launch("maya", "shore-quiz")

    base = lms.client.options.base_url
    assert lms.line_items.removeprefix(base).partition("?")[0] == columns
    assert claims[NAMES_AND_ROLES]["context_memberships_url"] == f"{base}{members}"
    assert roster(lms)["id"] == f"{base}{members}"
    groups = claims[GROUPS]["context_groups_url"]
    assert lms.client.get(groups, headers=lms.client.bearer(GROUPS_READ)).status_code == 200


@pytest.mark.parametrize(
    ("name", "line_item"),
    [
        ("blackboard", f"{SERVICES}/courses/_4_1/lineItems/_40_1"),
        ("moodle", "/mod/lti/services.php/2/lineitems/2/lineitem?type_id=1"),
    ],
)
def test_line_item_is_read_graded_and_deleted_at_the_address_of_its_key(
    be: Any, name: str, line_item: str
) -> None:
    lms = be(name)
    read = lms.client.get(lms.line_item, headers=lms.bearer | {"Accept": LINE_ITEM})

    assert lms.line_item == f"{lms.client.options.base_url}{line_item}"
    assert read.get_json()["id"] == lms.line_item
    assert lms.push()[0] == 200
    assert [each["scoreOf"] for each in lms.results()] == [lms.line_item]
    made = lms.client.add_column(lms.bearer).get_json()["id"]
    assert re.search(r"/(_?\d+(_1)?)(/lineitem\?type_id=1)?$", made)
    assert lms.client.call("DELETE", made, headers=lms.bearer).status_code == 204
    assert lms.client.get(made, headers=lms.bearer | {"Accept": LINE_ITEM}).status_code == 404


@pytest.mark.parametrize("name", ["blackboard", "moodle"])
def test_address_of_a_score_that_was_taken_names_the_person_as_told(be: Any, name: str) -> None:
    lms = be(name)

    _, _, body = lms.push()

    told = json.loads(body)["resultUrl"] if body else lms.results()[0]["id"]
    assert told.partition("?")[0].endswith(f"/results/{lms.client.subs['maya']}")


def test_id_of_a_context_names_no_course_in_an_address_of_blackboard(be: Any) -> None:
    lms = be("blackboard")
    context = lms.client.launch()[f"{CLAIM}/context"]["id"]

    answer = lms.client.get(lms.line_items.replace("_4_1", context), headers=lms.bearer)

    assert answer.status_code == 404


@pytest.mark.parametrize("own", [fixed_id("person/maya"), "_7_1", "7"])
def test_blackboard_takes_no_score_for_another_id_of_a_person(be: Any, own: str) -> None:
    lms = be("blackboard")

    assert lms.push(userId=own)[0] == 400
    assert lms.push(userId=lms.client.subs["maya"])[0] == 200
    assert [each["userId"] for each in lms.results()] == [lms.client.subs["maya"]]


def test_preview_user_of_blackboard_is_called_as_everybody(be: Any) -> None:
    assert all(re.fullmatch(HEX, each["user_id"]) for each in roster(be("blackboard"))["members"])


@pytest.mark.parametrize("name", ["blackboard", "moodle"])
def test_ids_are_the_same_after_a_restart(name: str, tmp_path: Path) -> None:
    def look(client: SandboxClient) -> list[Any]:
        copied = client.platform.courses()[-1]
        item = next(i for i in client.platform.items(copied) if i.points)
        path = f"/as/maya/courses/{copied.id}/items/{item.id}/launch"
        claims = client.claims_of(client.authenticate(read_form(client.get(path))))
        names = ("context", "resource_link", "custom")
        return [*(claims[f"{CLAIM}/{each}"] for each in names), claims[ENDPOINT]["lineitem"]]

    with sandbox_client(personality=name, state_path=tmp_path / "state") as client:
        copy_course(client.platform, COURSES[0])
        before = look(client)

    with sandbox_client(personality=name, state_path=tmp_path / "state") as client:
        assert look(client) == before


def test_copy_of_a_course_in_blackboard_has_keys_of_its_own_and_a_history_of_ids_as_told() -> None:
    with sandbox_client(personality="blackboard") as client:
        original = client.launch("maya", LINK)
        copied = copy_course(client.platform, COURSES[0])
        item = client.platform.items(copied)[0]
        path = f"/as/maya/courses/{copied.id}/items/{item.id}/launch"

        claims = client.claims_of(client.authenticate(read_form(client.get(path))))

    assert re.fullmatch(HEX, claims[f"{CLAIM}/context"]["id"])
    assert re.search(rf"/courses/{KEY}/lineItems$", claims[ENDPOINT]["lineitems"])
    assert "/_4_1/" not in claims[ENDPOINT]["lineitems"]
    assert claims[f"{CLAIM}/custom"]["context_id_history"] == original[f"{CLAIM}/context"]["id"]
    assert claims[f"{CLAIM}/custom"]["resource_link_id_history"] == "_44_1"


@pytest.mark.parametrize("habit", ["own", "numbers", "keys"])
@pytest.mark.parametrize("name", ["canvas", "blackboard"])
def test_any_lms_can_be_told_how_to_call_things(name: str, habit: str) -> None:
    forms = {"own": UUID, "numbers": r"\d+", "keys": HEX}
    with sandbox_client(personality=name) as client:
        client.call("PATCH", "/control/behaviour", json={"ids": habit})
        claims = client.launch("maya", "shore-quiz")
        answer = client.get(claims[ENDPOINT]["lineitem"], headers=client.bearer())

    assert re.fullmatch(forms[habit], claims["sub"])
    assert answer.status_code == 200
