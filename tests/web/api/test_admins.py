"""An admin calls what one mentor has, by the mentor's name: with a cookie, or with a token."""

from datetime import timedelta

import pytest
import time_machine

from mentorai.core.clock import now
from mentorai.core.scopes import SCOPES
from mentorai.web.api.examples import read_examples
from mentorai.web.api.resource import PREFIX
from tests.web.api.conftest import EMAIL, SITE


@pytest.fixture
def examples(client):
    """What has a mentor in its address, named or about to be, as calls that admins may make."""
    everything = read_examples(client.get(f"{PREFIX}/openapi.json").json)
    return [one for one in everything if set(one.scopes) and set(one.scopes) <= set(SCOPES)]


def name(one, mentor: str) -> str:
    return one.path.replace(PREFIX, f"{PREFIX}/mentors/{mentor}")


def test_admin_calls_every_resource_of_a_mentor_by_its_name(
    call_as_admin, examples, engine, mentor, dataset, quiz, grade, session, enrolment
):
    list(engine.ask(session, "Where is the scar?"))
    for one in examples:
        if one.method == "DELETE":
            continue
        answer = call_as_admin(
            one.method,
            name(one, mentor.slug).format(**one.places),
            query_string=one.query,
            **({} if one.body is None else {"json": one.body}),
        )
        assert answer.status_code < 300, f"{one.method} {one.path}: {answer.text}"
        assert "X-Key-Expires" not in answer.headers


def test_admin_is_known_by_the_cookie_only_where_a_mentor_is_named(call_as_admin, examples):
    for one in examples:
        answer = call_as_admin(
            one.method, one.path.format(**dict.fromkeys(one.names, "1")), json={}
        )

        assert (one.path, answer.status_code) == (one.path, 401)
        assert answer.json["code"] == "key_missing"
        assert "Set-Cookie" not in answer.headers


def test_other_sites_page_changes_nothing_with_an_admins_cookie(admin, examples, engine, mentor):
    before = engine.mentors.get(mentor.organization_id, mentor.id)
    for one in examples:
        if one.method == "GET":
            continue
        address = name(one, mentor.slug).format(**dict.fromkeys(one.names, "1"))
        answer = admin.open(address, method=one.method, json=one.body or {}, base_url=SITE)

        assert (one.path, answer.status_code) == (one.path, 400)
        assert answer.json["code"] == "csrf_failed"

    assert engine.mentors.get(mentor.organization_id, mentor.id) == before


def test_admin_has_no_mentor_of_another_organization(call_as_admin, examples, engine):
    theirs = engine.mentors.add(engine.organizations.put("other", "Other").id, "Theirs")
    for one in examples:
        address = name(one, theirs.id).format(**dict.fromkeys(one.names, "1"))
        answer = call_as_admin(one.method, address, json=one.body or {}, query_string=one.query)

        assert (one.path, answer.status_code) == (one.path, 404)


def test_key_beside_an_admins_cookie_is_what_counts(call_as_admin, make_key, mentor):
    address = f"{PREFIX}/mentors/{mentor.slug}/mentor"
    small = {"X-API-Key": make_key("chat:write")}

    assert call_as_admin("GET", address, headers=small).json["code"] == "scope_missing"
    assert call_as_admin("GET", address, headers={"X-API-Key": "mai_x"}).status_code == 401


@pytest.mark.parametrize(
    "headers",
    [
        {"X-API-Key": ""},
        {"Authorization": "Api-Token "},
        {"Authorization": "Bearer"},
        {"Authorization": "ApiKey mai_x"},
    ],
)
def test_key_that_was_left_out_is_not_made_good_by_an_admins_cookie(call_as_admin, mentor, headers):
    address = f"{PREFIX}/mentors/{mentor.slug}/mentor"

    by_name = call_as_admin("GET", address, headers=headers)
    of_keys = call_as_admin("GET", f"{PREFIX}/keys", headers=headers)

    assert (by_name.status_code, by_name.json["code"]) == (401, "key_missing")
    assert (of_keys.status_code, of_keys.json["code"]) == (403, "admin_needed")


def test_cookie_counts_beside_what_a_browser_tells_a_proxy(call_as_admin):
    answer = call_as_admin("GET", f"{PREFIX}/keys", headers={"Authorization": "Basic eDp5"})

    assert answer.status_code == 200


def test_admins_token_does_what_the_cookie_does_and_needs_no_page(
    client, engine, admin_token, mentor
):
    address = f"{PREFIX}/mentors/{mentor.slug}/mentor"
    headers = {"Authorization": f"Bearer {admin_token}"}

    changed = client.patch(address, json={"system_prompt": "By IT."}, headers=headers)
    mentors = client.get(f"{PREFIX}/mentors", headers=headers)
    by_short_path = client.get(f"{PREFIX}/mentor", headers=headers)
    with time_machine.travel(now() + timedelta(hours=1, seconds=5), tick=False):
        late = client.get(address, headers=headers)

    assert (changed.status_code, changed.json["system_prompt"]) == (200, "By IT.")
    assert "X-CSRF-Token" not in changed.headers
    newest = engine.mentors.list_prompts(mentor.organization_id, mentor.id)[0]
    assert newest.author == f"admin:{engine.admins.find(EMAIL).id}"
    assert [one["unique_id"] for one in mentors.json["results"]] == [mentor.id]
    assert (by_short_path.status_code, by_short_path.json["code"]) == (401, "key_invalid")
    assert (late.status_code, late.json["code"]) == (401, "key_expired")


def test_admins_token_does_not_count_beside_a_key(client, admin_token, key, mentor):
    headers = {"Authorization": f"Bearer {admin_token}", "X-API-Key": key}

    by_name = client.get(f"{PREFIX}/mentors/{mentor.slug}/mentor", headers=headers)
    of_keys = client.get(f"{PREFIX}/keys", headers=headers)

    assert (by_name.status_code, by_name.json["code"]) == (401, "key_invalid")
    assert (of_keys.status_code, of_keys.json["code"]) == (403, "admin_needed")


def test_admin_who_signed_out_calls_nothing(call_as_admin, engine, mentor):
    engine.admins.sign_out(engine.admins.find(EMAIL).id)

    answer = call_as_admin("GET", f"{PREFIX}/mentors/{mentor.slug}/mentor")

    assert (answer.status_code, answer.json["code"]) == (401, "key_missing")
