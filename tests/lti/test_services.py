"""Services of a platform: tokens, gradebook columns, scores and rosters, at the wire."""

import base64
import json
import time
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from typing import Any

import pytest
import requests
from joserfc import jwt
from joserfc.jwk import KeySet
from sqlalchemy import insert

from mentorai.core.clock import now
from mentorai.core.engine import Engine
from mentorai.core.errors import (
    MentorAIError,
    NoLineItem,
    NotGradable,
    PlatformRefused,
    PlatformReplyInvalid,
    PlatformThrottled,
    PlatformUnavailable,
    ScoreOutOfRange,
    ScoreStale,
)
from mentorai.core.values import (
    GradePlace,
    GradeService,
    LineItem,
    Member,
    Platform,
    Role,
    Score,
)
from mentorai.lti.ags import SCORE_TYPE, find_line_item, push_score
from mentorai.lti.nrps import list_members
from mentorai.lti.tokens import LEASE, WAIT_SECONDS, Tokens, token_requests
from tests.rivals import together

AGS = "https://purl.imsglobal.org/spec/lti-ags/scope/"
AT = datetime(2026, 11, 23, 10, 42, tzinfo=UTC)


@pytest.fixture
def line_item(platform: Any) -> LineItem:
    return LineItem(url=platform.line_item_url)


@pytest.fixture
def score_url(platform: Any) -> str:
    return f"{platform.issuer}/2/lineitems/7/lineitem/scores?type_id=1"


@pytest.fixture
def push(tool: Any, registration: Any, platform: Any, line_item: LineItem) -> Any:
    """Bring a score as the outbox would."""
    platform.grant()

    def call(given: float = 8, maximum: float = 10, comment: str = "") -> Any:
        score = Score(subject="6", given=given, maximum=maximum, at=AT, comment=comment)
        return push_score(tool, registration, line_item, score)

    return call


def make_place(registration: Any, **changes: Any) -> GradePlace:
    """A quiz in a resource link whose launch named no column."""
    service = {
        "line_items_url": "https://lms.example.edu/2/lineitems?type_id=1",
        "scopes": frozenset({f"{AGS}lineitem", f"{AGS}score"}),
    }
    facts = {
        "resource_link_id": "ours",
        "lms_resource_link_id": "17",
        "title": "Week 1",
        "activity_id": "quiz-1",
        "score_maximum": 12.0,
    }
    service |= {name: changes.pop(name) for name in list(changes) if name in service}
    service |= {"line_item_url": changes.pop("line_item_url", None)}
    return GradePlace(
        platform=Platform(
            registration.id,
            registration.organization_id,
            "moodle",
            registration.issuer,
            registration.client_id,
        ),
        service=GradeService(**service),
        **(facts | changes),
    )


# --- tokens ---------------------------------------------------------------------------------


def test_token_is_asked_for_with_a_signed_assertion(
    tool: Any, registration: Any, platform: Any
) -> None:
    platform.grant()

    tool.tokens.get(registration, [f"{AGS}score"])

    (form,) = platform.token_requests()
    keys = KeySet.import_key_set(tool.tool_keys.read_keyset())
    claims = jwt.decode(form["client_assertion"], keys, algorithms=["RS256"]).claims
    assert (form["grant_type"], form["scope"]) == ("client_credentials", f"{AGS}score")
    assert claims["iss"] == claims["sub"] == registration.client_id
    assert claims["aud"] == registration.token_url
    assert 0 < claims["exp"] - claims["iat"] <= 300
    assert len(claims["jti"]) >= 20


def test_token_assertion_has_the_audience_that_was_registered(
    tool: Any, platform: Any, organization: Any
) -> None:
    platform.grant()
    facts = platform.facts(client_id="d2l", token_audience="https://api.example.edu/auth/token")
    registration = tool.registrations.add(organization.id, **facts)

    tool.tokens.get(registration, [f"{AGS}score"])

    text = platform.token_requests()[0]["client_assertion"].split(".")[1]
    claims = json.loads(base64.urlsafe_b64decode(text + "=" * (-len(text) % 4)))
    assert claims["aud"] == "https://api.example.edu/auth/token"


def test_token_is_asked_for_by_the_clock_of_a_platform_that_refuses_ours(
    tool: Any, registration: Any, platform: Any
) -> None:
    behind = now() - timedelta(seconds=40)
    refusal = {"error": "invalid_request", "error_description": "the 'iat' is in the future"}
    headers = {"Date": format_datetime(behind)}
    platform.wire.add("POST", platform.token_url, status=400, json=refusal, headers=headers)
    platform.wire.add("POST", platform.token_url, json={"access_token": "t0ken"})

    assert tool.tokens.get(registration, ["s"]) == "t0ken"

    claims = [
        json.loads(base64.urlsafe_b64decode(form["client_assertion"].split(".")[1] + "=="))
        for form in platform.token_requests()
    ]
    assert claims[1]["iat"] < behind.timestamp() < claims[0]["iat"]


def test_token_is_asked_for_once_by_all_processes(
    tool: Any, registration: Any, platform: Any, engine: Engine
) -> None:
    platform.grant()
    second = Tokens(engine.database, engine.settings, tool.http, tool.tool_keys, tool.paces)

    tokens = {each.get(registration, ["s"]) for each in (tool.tokens, tool.tokens, second)}

    assert tokens == {"t0ken"}
    assert len(platform.token_requests()) == 1


def test_token_is_asked_for_once_by_processes_that_need_it_at_once(
    tool: Any, registration: Any, platform: Any, engine: Engine
) -> None:
    platform.grant()
    processes = [
        Tokens(engine.database, engine.settings, tool.http, tool.tool_keys, tool.paces)
        for _ in range(8)
    ]

    with ThreadPoolExecutor(len(processes)) as pool:
        tokens = set(pool.map(lambda each: each.get(registration, ["s"]), processes))

    assert tokens == {"t0ken"}
    assert len(platform.token_requests()) == 1


def test_token_is_asked_for_when_the_process_that_asked_is_gone(
    tool: Any, registration: Any, platform: Any, engine: Engine
) -> None:
    platform.grant()
    row = {"registration_id": registration.id, "scopes": "s", "began_at": now() - LEASE * 2}
    with engine.database.write() as connection:
        connection.execute(insert(token_requests).values(row))

    assert tool.tokens.get(registration, ["s"]) == "t0ken"


def test_token_is_asked_for_soon_when_the_process_that_asks_died_just_now(
    tool: Any, registration: Any, platform: Any, engine: Engine
) -> None:
    platform.grant()
    row = {"registration_id": registration.id, "scopes": "s", "began_at": now()}
    with engine.database.write() as connection:
        connection.execute(insert(token_requests).values(row))
    began = time.monotonic()

    assert tool.tokens.get(registration, ["s"]) == "t0ken"
    # Less than a process waits for one that lives.
    assert time.monotonic() - began < WAIT_SECONDS


def test_token_is_waited_for_as_long_as_the_process_that_asks_lives(
    tool: Any, registration: Any, platform: Any, engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("mentorai.core.signs_of_life.SIGN_SECONDS", 0.1)
    monkeypatch.setattr("mentorai.core.signs_of_life.SILENT_SECONDS", 1.0)

    def answer(_: object) -> tuple[int, dict[str, str], str]:
        time.sleep(3.0)
        return 200, {}, json.dumps({"access_token": "t0ken"})

    platform.wire.add_callback("POST", platform.token_url, answer)
    second = Tokens(engine.database, engine.settings, tool.http, tool.tool_keys, tool.paces)

    with ThreadPoolExecutor(2) as pool:
        tokens = set(pool.map(lambda each: each.get(registration, ["s"]), (tool.tokens, second)))

    assert tokens == {"t0ken"}
    assert len(platform.token_requests()) == 1


def test_registration_is_removed_while_a_token_is_asked_for(
    tool: Any, registration: Any, platform: Any, engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    """After somebody who died while he asked; the removal waits on its way to his row."""
    platform.grant()
    monkeypatch.setattr("mentorai.lti.tokens.WAIT_SECONDS", 0)
    row = {"registration_id": registration.id, "scopes": "s", "began_at": now() - LEASE * 2}
    with engine.database.write() as connection:
        connection.execute(insert(token_requests).values(row))

    failed = together(
        engine.database,
        lambda other: other.lock("deployments"),
        lambda: tool.registrations.remove(registration.organization_id, registration.id),
        lambda: tool.tokens.get(registration, ["s"]),
    )

    assert failed == []


def test_token_that_was_refused_to_one_process_is_asked_for_by_the_next(
    tool: Any, registration: Any, platform: Any, engine: Engine
) -> None:
    platform.wire.add("POST", platform.token_url, status=503)
    with pytest.raises(PlatformUnavailable):
        tool.tokens.get(registration, ["s"])
    platform.grant()

    assert tool.tokens.get(registration, ["s"]) == "t0ken"


def test_token_is_not_readable_in_the_database(
    tool: Any, registration: Any, platform: Any, engine: Engine
) -> None:
    platform.grant("very-secret-token")
    tool.tokens.get(registration, ["s"])

    with engine.database.read() as connection:
        rows = connection.exec_driver_sql("SELECT * FROM access_tokens").all()
    assert "very-secret-token" not in repr(rows)


def test_token_is_renewed_before_it_expires(
    tool: Any, registration: Any, platform: Any, time_machine: Any
) -> None:
    platform.grant("first", expires_in=600)
    tool.tokens.get(registration, ["s"])
    platform.grant("second")
    time_machine.move_to(now() + timedelta(seconds=545))

    assert tool.tokens.get(registration, ["s"]) == "second"


def test_tokens_of_two_clients_of_one_issuer_are_kept_apart(
    tool: Any, registration: Any, platform: Any, organization: Any
) -> None:
    other = tool.registrations.add(organization.id, **platform.facts(client_id="other"))
    platform.grant("for-one")
    tool.tokens.get(registration, ["s"])
    platform.grant("for-other")

    assert tool.tokens.get(other, ["s"]) == "for-other"


@pytest.mark.parametrize(
    ("status", "body", "kind", "says"),
    [
        (400, '{"error": "invalid_client"}', PlatformRefused, "invalid_client"),
        (400, '{"error": "<b>x</b>"}', PlatformRefused, "no access token"),
        (400, '{"error": "kid "x" "}', PlatformRefused, "no access token"),
        (401, "", PlatformRefused, "no access token"),
        (500, "", PlatformUnavailable, "500"),
        (429, "", PlatformThrottled, ""),
        (302, "", PlatformRefused, "302"),
        (200, "<html>", PlatformReplyInvalid, ""),
        (200, "[]", PlatformReplyInvalid, ""),
        (200, '{"access_token": 7}', PlatformReplyInvalid, ""),
        (200, '{"access_token": "a\\r\\nX-Evil: 1"}', PlatformReplyInvalid, ""),
    ],
)
def test_token_that_is_not_given_is_explained(
    tool: Any,
    registration: Any,
    platform: Any,
    status: int,
    body: str,
    kind: type[MentorAIError],
    says: str,
) -> None:
    platform.wire.add("POST", platform.token_url, status=status, body=body)

    with pytest.raises(kind) as caught:
        tool.tokens.get(registration, ["s"])
    assert says in caught.value.message
    assert "<" not in caught.value.message


# --- scores ---------------------------------------------------------------------------------


def test_score_goes_before_the_query_with_the_least_scope(
    push: Any, platform: Any, score_url: str
) -> None:
    platform.wire.add("POST", score_url, status=200)

    receipt = push(comment="Well done")

    request = platform.wire.calls[-1].request
    assert abs(receipt.received_at - now()) < timedelta(seconds=5)
    assert request.url == score_url
    assert request.headers["Authorization"] == "Bearer t0ken"
    assert request.headers["Content-Type"] == SCORE_TYPE
    assert request.headers["User-Agent"].startswith("mentorai")
    assert platform.token_requests()[0]["scope"] == f"{AGS}score"
    assert json.loads(request.body) == {
        "userId": "6",
        "scoreGiven": 8,
        "scoreMaximum": 10,
        "timestamp": "2026-11-23T10:42:00.000+00:00",
        "activityProgress": "Completed",
        "gradingProgress": "FullyGraded",
        "comment": "Well done",
    }


def test_score_is_sent_again_once_with_a_new_token_after_401(
    push: Any, platform: Any, score_url: str
) -> None:
    platform.wire.add("POST", score_url, status=401)
    platform.wire.add("POST", score_url, status=200)
    tokens = iter(["old", "new"])
    platform.wire.remove("POST", platform.token_url)
    platform.wire.add_callback(
        "POST",
        platform.token_url,
        lambda _: (200, {}, json.dumps({"access_token": next(tokens), "expires_in": 3600})),
    )

    push()

    sent = [c.request for c in platform.wire.calls if c.request.url == score_url]
    assert [r.headers["Authorization"] for r in sent] == ["Bearer old", "Bearer new"]


@pytest.mark.parametrize(
    ("status", "headers", "kind", "retryable"),
    [
        (400, {}, NotGradable, False),
        (422, {}, NotGradable, False),
        (401, {}, PlatformRefused, False),
        (403, {}, PlatformRefused, False),
        (404, {}, NoLineItem, False),
        (409, {}, ScoreStale, False),
        (429, {"Retry-After": "17"}, PlatformThrottled, True),
        (503, {"Retry-After": "17"}, PlatformThrottled, True),
        (503, {}, PlatformUnavailable, True),
        (500, {}, PlatformUnavailable, True),
        (302, {"Location": "https://evil.example.edu/"}, PlatformRefused, False),
    ],
)
def test_score_that_is_refused_says_why(
    push: Any,
    platform: Any,
    score_url: str,
    status: int,
    headers: dict[str, str],
    kind: type[MentorAIError],
    retryable: bool,
) -> None:
    platform.wire.add("POST", score_url, status=status, headers=headers, body="6 is a secret")

    with pytest.raises(kind) as caught:
        push()

    assert caught.value.retryable is retryable
    assert "secret" not in caught.value.message
    if isinstance(caught.value, PlatformThrottled):
        assert caught.value.retry_after_seconds == 17


def test_score_waits_until_an_http_date(push: Any, platform: Any, score_url: str) -> None:
    date = (now() + timedelta(seconds=90)).strftime("%a, %d %b %Y %H:%M:%S GMT")
    platform.wire.add("POST", score_url, status=429, headers={"Retry-After": date})

    with pytest.raises(PlatformThrottled) as caught:
        push()
    assert 80 <= (caught.value.retry_after_seconds or 0) <= 91


@pytest.mark.parametrize(
    "trouble", [requests.ConnectionError("x"), requests.ReadTimeout("x"), OSError("x")]
)
def test_score_is_retryable_when_the_platform_is_away(
    push: Any, platform: Any, score_url: str, trouble: Exception
) -> None:
    platform.wire.add("POST", score_url, body=trouble)

    with pytest.raises(PlatformUnavailable):
        push()


def test_score_is_not_taken_by_a_sign_in_page(push: Any, platform: Any, score_url: str) -> None:
    platform.wire.add("POST", score_url, body="<!doctype html>")

    with pytest.raises(PlatformReplyInvalid):
        push()


@pytest.mark.parametrize(
    ("given", "maximum"), [(-1, 10), (1, 0), (float("nan"), 10), (1, float("inf"))]
)
def test_score_out_of_range_is_not_sent(push: Any, given: float, maximum: float) -> None:
    with pytest.raises(ScoreOutOfRange):
        push(given, maximum)


# --- line items -----------------------------------------------------------------------------


def test_line_item_of_the_launch_is_used_as_it_is(tool: Any, registration: Any) -> None:
    place = make_place(registration, line_item_url="https://lms.example.edu/7")

    assert find_line_item(tool, registration, place).url == "https://lms.example.edu/7"


def test_line_item_is_found_on_a_later_page(tool: Any, registration: Any, platform: Any) -> None:
    platform.grant()
    first = "https://lms.example.edu/2/lineitems"
    # As Moodle writes it: typographic quotes and &amp; in the address.
    link = f"<{first}?type_id=1&amp;from=2>; rel=”next”".encode().decode("latin-1")
    other = {"id": f"{first}/1", "label": "x", "resourceLinkId": "17", "resourceId": "other"}
    wanted = {
        "id": f"{first}/2?type_id=1",
        "label": "Week 1",
        "scoreMaximum": 12,
        "resourceLinkId": "17",
        "resourceId": "quiz-1",
    }
    platform.wire.add("GET", first, json=[other], headers={"Link": link})
    platform.wire.add("GET", f"{first}?type_id=1&from=2", json=[wanted])

    found = find_line_item(tool, registration, make_place(registration))

    asked = platform.wire.calls[-2].request
    assert (found.url, found.score_maximum) == (f"{first}/2?type_id=1", 12.0)
    assert "type_id=1&resource_link_id=17&resource_id=quiz-1" in asked.url
    assert asked.headers["Accept"] == "application/vnd.ims.lis.v2.lineitemcontainer+json"


def test_line_item_is_made_when_there_is_none(tool: Any, registration: Any, platform: Any) -> None:
    platform.grant()
    url = "https://lms.example.edu/2/lineitems"
    platform.wire.add("GET", url, json=[])
    platform.wire.add("POST", url, status=201, json={"id": f"{url}/9", "label": "Week 1"})

    found = find_line_item(tool, registration, make_place(registration))

    assert found.url == f"{url}/9"
    assert json.loads(platform.wire.calls[-1].request.body) == {
        "label": "Week 1",
        "scoreMaximum": 12,
        "resourceLinkId": "17",
        "resourceId": "quiz-1",
        "tag": "mentorai:17",
        "submissionReview": {
            "reviewableStatus": ["InProgress", "Submitted", "Completed"],
            "label": "Open the attempt and the conversation",
            "custom": {"quiz": "quiz-1"},
        },
    }


@pytest.mark.parametrize(
    "changes",
    [
        {"line_items_url": None},
        {"scopes": frozenset({f"{AGS}lineitem"})},
        {"scopes": frozenset({f"{AGS}score"})},
    ],
    ids=["no address", "no score scope", "no column scope"],
)
def test_line_item_is_refused_when_the_platform_offers_none(
    tool: Any, registration: Any, changes: dict[str, Any]
) -> None:
    with pytest.raises(NoLineItem):
        find_line_item(tool, registration, make_place(registration, **changes))


def test_line_item_on_another_host_is_not_believed(
    tool: Any, registration: Any, platform: Any
) -> None:
    platform.grant()
    url = "https://lms.example.edu/2/lineitems"
    evil = {"id": "https://evil.example.edu/9", "resourceLinkId": "17", "resourceId": "quiz-1"}
    platform.wire.add("GET", url, json=[evil])
    platform.wire.add("POST", url, json=evil)

    with pytest.raises(PlatformReplyInvalid):
        find_line_item(tool, registration, make_place(registration))


# --- rosters --------------------------------------------------------------------------------


def test_members_are_read_page_by_page(tool: Any, registration: Any, platform: Any) -> None:
    platform.grant()
    url = platform.members_url
    ada = {"user_id": "6", "roles": ["Learner"], "name": "Ada", "email": "a@example.edu"}
    bob = {"user_id": 7, "roles": ["Instructor"], "status": "Inactive", "given_name": "Bob"}
    # Section and current begin like entities of HTML.
    next_url = f"{url}?Cursor=CaseMatters&section=7&current=1"
    headers = {"Link": f'<{url}>; rel="first", <{next_url}>; rel="next"'}
    platform.wire.add("GET", url, json={"members": [ada, {}, 5]}, headers=headers)
    platform.wire.add("GET", next_url, json={"members": [bob]})

    found = list(list_members(tool, registration, url))

    assert found == [
        Member("6", Role.LEARNER, name="Ada", email="a@example.edu"),
        Member("7", Role.INSTRUCTOR, active=False, name="Bob"),
    ]
    assert platform.wire.calls[-1].request.url == next_url


@pytest.mark.parametrize(
    ("header", "leads_on"),
    [
        ("<{}>; rel=next", True),
        ('<{}>;REL = "Next"', True),
        ("<{}>; rel='next'", True),
        ('<{}>; rel="prev next"', True),
        ('<{}>; title="a <b>, c"; rel="next"', True),
        ('</first>, <{}>; foo; rel="next", </last>; rel="last"', True),
        ('<{}>; title="; rel=next"; rel="prev"', False),
        ('<{}>; rev="next"', False),
        ("<{}>; rel=nextpage", False),
        ('{}; rel="next"', False),
        ('<{}; rel="next"', False),
    ],
)
def test_next_page_is_found_where_the_header_names_one(
    tool: Any, registration: Any, platform: Any, header: str, leads_on: bool
) -> None:
    platform.grant()
    next_url = f"{platform.members_url}?page=2"
    headers = {"Link": header.format(next_url)}
    none: Any = {"members": []}
    platform.wire.add("GET", platform.members_url, json=none, headers=headers)
    platform.wire.add("GET", next_url, json=none)

    assert list(list_members(tool, registration, platform.members_url)) == []
    assert (platform.wire.calls[-1].request.url == next_url) is leads_on


@pytest.mark.parametrize(
    "header", ["<" * 60_000, "<a>" + ";" * 60_000, "<a>; b" + " " * 60_000, '<a>; b="' * 9_001]
)
def test_header_of_a_hostile_platform_is_read_at_once(
    tool: Any, registration: Any, platform: Any, header: str
) -> None:
    platform.grant()
    url = platform.members_url
    platform.wire.add("GET", url, json={"members": []}, headers={"Link": header})
    # Of this thread alone: others of the process may be busy meanwhile.
    began = time.thread_time()

    assert list(list_members(tool, registration, url)) == []
    assert time.thread_time() - began < 3


@pytest.mark.parametrize(
    ("next_url", "kind"),
    [
        ("https://evil.example.edu/members", PlatformRefused),
        ("https://lms.example.edu/2/members", PlatformReplyInvalid),
    ],
    ids=["another host", "the same page"],
)
def test_members_are_not_read_from_a_page_that_leads_astray(
    tool: Any, registration: Any, platform: Any, next_url: str, kind: type[MentorAIError]
) -> None:
    platform.grant()
    headers = {"Link": f'<{next_url}>; rel="next"'}
    platform.wire.add("GET", platform.members_url, json={"members": []}, headers=headers)

    with pytest.raises(kind):
        list(list_members(tool, registration, platform.members_url))
    assert not any("evil" in call.request.url for call in platform.wire.calls)


@pytest.mark.parametrize("body", ["[]", "{}", '{"members": 5}', "<html>"])
def test_members_that_cannot_be_read_are_refused(
    tool: Any, registration: Any, platform: Any, body: str
) -> None:
    platform.grant()
    platform.wire.add("GET", platform.members_url, body=body)

    with pytest.raises(PlatformReplyInvalid):
        list(list_members(tool, registration, platform.members_url))
