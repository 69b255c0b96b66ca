"""Rosters and groups at the wire, and the scopes that a token really has."""

import threading
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from responses.matchers import query_param_matcher

from mentorai.core.errors import (
    PlatformError,
    PlatformReplyInvalid,
    PlatformUnavailable,
    ScopeNotGranted,
)
from mentorai.core.launch_facts import GroupService
from mentorai.core.values import Group, Member, Role, RosterEnd
from mentorai.lti import services
from mentorai.lti.groups import list_groups
from mentorai.lti.nrps import list_members, read_member
from mentorai.lti.tokens import Tokens

NRPS = "https://purl.imsglobal.org/spec/lti-nrps/scope/contextmembership.readonly"
GROUPS = "https://purl.imsglobal.org/spec/lti-gs/scope/contextgroup.readonly"
GROUPS_URL = "https://lms.example.edu/2/groups"
SETS_URL = "https://lms.example.edu/2/sets?type_id=1"
MEMBERSHIP = "http://purl.imsglobal.org/vocab/lis/v2/membership"


@pytest.fixture(autouse=True)
def granted(platform: Any) -> None:
    platform.grant()


def last(platform: Any) -> Any:
    return platform.wire.calls[-1].request


def test_roster_is_asked_for_by_link_role_and_size(
    tool: Any, registration: Any, platform: Any
) -> None:
    url = platform.members_url
    message = {"custom": {"chapter": "3"}}
    rows = [
        {"user_id": "6", "roles": ["Learner"], "message": [message]},
        {"user_id": "7", "roles": [f"{MEMBERSHIP}#Instructor"]},
    ]
    platform.wire.add("GET", url, json={"members": rows})

    found = list(
        list_members(tool, registration, url, resource_link_id="17", role=Role.LEARNER, limit=50)
    )

    assert found == [Member("6", Role.LEARNER, message=message)]
    assert last(platform).url == f"{url}?rlid=17&role=Learner&limit=50"
    assert last(platform).headers["Accept"] == (
        "application/vnd.ims.lti-nrps.v2.membershipcontainer+json"
    )
    assert platform.token_requests()[0]["scope"] == NRPS


def test_differences_are_offered_and_read_as_they_are(
    tool: Any, registration: Any, platform: Any
) -> None:
    url = platform.members_url
    later = f"{url}?since=A%2FB"
    rows = [{"user_id": "6", "status": "Deleted"}, {"user_id": "7", "status": "Inactive"}]
    link = {"Link": f'<{later}>; rel="differences"'}
    platform.wire.add("GET", url, json={"members": []}, headers=link)
    (end,) = list_members(tool, registration, url, limit=50)
    assert isinstance(end, RosterEnd)
    platform.wire.replace("GET", url, json={"members": rows})

    found = list(list_members(tool, registration, end.differences_url, limit=50))

    assert last(platform).url == later
    assert [(m.subject, m.active, m.is_gone) for m in found] == [
        ("6", False, True),
        ("7", False, False),
    ]


@pytest.mark.parametrize("told", ["2", 2, None])
def test_roster_that_names_its_own_context_or_none_is_read(
    tool: Any, registration: Any, platform: Any, told: object
) -> None:
    rows = {"context": {"id": told}, "members": [{"user_id": "6"}]}
    platform.wire.add("GET", platform.members_url, json=rows)

    found = list(list_members(tool, registration, platform.members_url, context_id="2"))

    assert found == [Member("6", Role.OTHER)]


@pytest.mark.parametrize("told", ["3", 20, "", {"id": "2"}])
def test_page_of_the_roster_of_another_context_is_not_believed(
    tool: Any, registration: Any, platform: Any, told: object
) -> None:
    url = platform.members_url
    first = {"context": {"id": "2"}, "members": [{"user_id": "6"}]}
    link = {"Link": f'<{url}?page=2>; rel="next"'}
    platform.wire.add("GET", url, json=first, headers=link, match=[query_param_matcher({})])
    second = {"context": {"id": told}, "members": [{"user_id": "7"}]}
    platform.wire.add("GET", f"{url}?page=2", json=second)

    rows = list_members(tool, registration, url, context_id="2")

    assert next(rows) == Member("6", Role.OTHER)
    with pytest.raises(PlatformReplyInvalid, match="another course"):
        next(rows)


def test_differences_on_another_host_are_not_offered(
    tool: Any, registration: Any, platform: Any
) -> None:
    link = {"Link": '<https://evil.example.edu/since>; rel="differences"'}
    platform.wire.add("GET", platform.members_url, json={"members": []}, headers=link)

    assert list(list_members(tool, registration, platform.members_url)) == []


@pytest.mark.parametrize(
    "row",
    [
        {"user_id": ""},
        {"user_id": "x" * 256},
        {"user_id": "a\x00b"},
        {"user_id": None},
        {"user_id": True},
        {"user_id": ["6"]},
        {"user_id": 10**400},
    ],
)
def test_row_without_a_usable_id_is_left_out(
    tool: Any, registration: Any, platform: Any, row: dict[str, Any]
) -> None:
    platform.wire.add("GET", platform.members_url, json={"members": [row, {"user_id": "6"}]})

    found = list(list_members(tool, registration, platform.members_url))

    assert found == [Member("6", Role.OTHER)]


def test_odd_rows_are_read_as_far_as_they_go(tool: Any, registration: Any, platform: Any) -> None:
    odd = {
        "user_id": 6,
        "roles": ["urn:unknown", 7, "Learner"],
        "status": "active",
        "name": "Ada\x00\nLovelace " + "x" * 5_000,
        "email": 7,
        "group_enrollments": [{"group_id": 4}, {"group_id": "g"}, {}, 5],
        "message": "text",
    }
    platform.wire.add("GET", platform.members_url, json={"members": [odd]})

    (member,) = list_members(tool, registration, platform.members_url)

    assert isinstance(member, Member)
    assert (member.role, member.active, member.email) == (Role.LEARNER, True, "7")
    assert (member.name or "").startswith("Ada Lovelace xxx")
    assert len(member.name or "") <= 1_000
    assert member.group_ids == ("4", "g")
    assert member.message is None


def test_members_come_before_the_next_page_is_asked_for(
    tool: Any, registration: Any, platform: Any
) -> None:
    url = platform.members_url
    headers = {"Link": f'<{url}?page=2>; rel="next"'}
    platform.wire.add("GET", url, json={"members": [{"user_id": "6"}]}, headers=headers)

    next(list_members(tool, registration, url))

    assert not any("page=2" in call.request.url for call in platform.wire.calls)


def test_pages_that_never_end_do(
    tool: Any, registration: Any, platform: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(services, "PAGES", 5)
    numbers = iter(range(100))

    def answer(_: Any) -> tuple[int, dict[str, str], str]:
        link = f'<{platform.members_url}?page={next(numbers)}>; rel="next"'
        return 200, {"Link": link}, '{"members": []}'

    platform.wire.add_callback("GET", platform.members_url, answer)

    with pytest.raises(PlatformReplyInvalid, match="do not end"):
        list(list_members(tool, registration, platform.members_url))


def test_list_that_takes_too_long_is_given_up(tool: Any, registration: Any, platform: Any) -> None:
    headers = {"Link": f'<{platform.members_url}?page=2>; rel="next"'}
    platform.wire.add("GET", platform.members_url, json={}, headers=headers)

    with pytest.raises(PlatformUnavailable, match="too long"):
        list(
            services.read_pages(
                tool, registration, platform.members_url, [NRPS], accept="*/*", seconds=-1
            )
        )


@pytest.mark.parametrize("target", ["https://[broken", "http://lms.example.edu:x/", "//"])
def test_next_page_that_is_no_address_is_refused(
    tool: Any, registration: Any, platform: Any, target: str
) -> None:
    headers = {"Link": f'<{target}>; rel="next"'}
    platform.wire.add("GET", platform.members_url, json={"members": []}, headers=headers)

    with pytest.raises(PlatformError):
        list(list_members(tool, registration, platform.members_url))


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=8,
)
FIELDS = (
    *("user_id", "roles", "status", "name", "given_name", "family_name", "email"),
    *("group_enrollments", "message"),
)


@given(st.dictionaries(st.sampled_from(FIELDS), JSON))
@settings(deadline=None)
def test_any_row_is_a_member_or_nobody(row: dict[str, Any]) -> None:
    member = read_member(row, {})

    assert member is None or (member.subject.isprintable() and 0 < len(member.subject) <= 255)
    for text in (member.name, member.email) if member else ():
        assert text is None or text.isprintable()


# --- groups ---------------------------------------------------------------------------------


def test_groups_are_read_with_the_names_of_their_sets(
    tool: Any, registration: Any, platform: Any
) -> None:
    sets = [{"id": 1, "name": "Lab teams"}, {"id": "2"}]
    headers = {"Link": f'<{GROUPS_URL}?page=2>; rel="next"'}
    rows = [{"id": "g1", "name": "Limpets", "set_id": 1}, {"name": "no id"}, 7]
    platform.wire.add("GET", SETS_URL, json={"sets": sets})
    platform.wire.add("GET", f"{GROUPS_URL}?page=2", json={"groups": [{"id": 2, "set_id": 9}]})
    platform.wire.add("GET", GROUPS_URL, json={"groups": rows}, headers=headers)

    found = list(list_groups(tool, registration, GroupService(GROUPS_URL, SETS_URL)))

    assert found == [Group("g1", "Limpets", "Lab teams"), Group("2", "2")]
    assert platform.token_requests()[0]["scope"] == GROUPS
    assert last(platform).headers["Accept"] == (
        "application/vnd.ims.lti-gs.v1.contextgroupcontainer+json"
    )


def test_groups_of_one_person_are_asked_for(tool: Any, registration: Any, platform: Any) -> None:
    platform.wire.add("GET", GROUPS_URL, json={"groups": []})

    assert list(list_groups(tool, registration, GroupService(GROUPS_URL), subject="a b&c")) == []
    assert last(platform).url == f"{GROUPS_URL}?user_id=a+b%26c"


@pytest.mark.parametrize("body", ["[]", "{}", '{"groups": 5}', "<html>"])
def test_groups_that_cannot_be_read_are_refused(
    tool: Any, registration: Any, platform: Any, body: str
) -> None:
    platform.wire.add("GET", GROUPS_URL, body=body)

    with pytest.raises(PlatformReplyInvalid):
        list(list_groups(tool, registration, GroupService(GROUPS_URL)))


# --- scopes ---------------------------------------------------------------------------------


def test_scope_that_was_dropped_without_a_word_is_named(
    tool: Any, registration: Any, platform: Any
) -> None:
    """Moodle grants what it can and says so in `scope` alone."""
    platform.grant(scope="one two")

    with pytest.raises(ScopeNotGranted, match=r"contextmembership\.readonly") as caught:
        tool.tokens.get(registration, ["one", NRPS])
    assert caught.value.scopes == (NRPS,)
    assert not caught.value.retryable


def test_scopes_in_another_order_and_more_of_them_are_fine(
    tool: Any, registration: Any, platform: Any
) -> None:
    platform.grant(scope=f"more {NRPS} one")

    assert tool.tokens.get(registration, ["one", NRPS]) == "t0ken"


def test_refusal_of_the_scope_is_named_too(tool: Any, registration: Any, platform: Any) -> None:
    platform.wire.replace("POST", platform.token_url, status=400, json={"error": "invalid_scope"})

    with pytest.raises(ScopeNotGranted):
        tool.tokens.get(registration, [NRPS])


def test_one_token_is_asked_for_by_many_threads(
    tool: Any, registration: Any, platform: Any
) -> None:
    together = threading.Barrier(12)
    found: list[str] = []

    def work() -> None:
        together.wait()
        found.append(tool.tokens.get(registration, ["s"]))

    threads = [threading.Thread(target=work) for _ in range(12)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert found == ["t0ken"] * 12
    assert len(platform.token_requests()) == 1


def test_processes_that_ask_at_once_each_get_a_token(
    tool: Any, registration: Any, engine: Any
) -> None:
    together = threading.Barrier(4)
    failures: list[BaseException] = []
    processes = [
        Tokens(engine.database, engine.settings, tool.http, tool.tool_keys, tool.paces)
        for _ in "1234"
    ]

    def work(tokens: Tokens) -> None:
        together.wait()
        try:
            tokens.get(registration, ["s"])
        except BaseException as error:
            failures.append(error)

    threads = [threading.Thread(target=work, args=(tokens,)) for tokens in processes]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert failures == []
