"""Every operation, called with keys that must not reach what it is called for.

The operations and their bodies are read from the API's own description, so a new one is swept as
well; one that this sweep has no thing for fails it (`test_sweep_has_a_thing_for_every_place`).
"""

import io
import re
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta

import pytest
import time_machine

from mentorai.core.clock import now
from mentorai.core.scopes import PROVISIONING_SCOPES, SCOPES
from mentorai.web.api.examples import Example, read_examples
from mentorai.web.api.resource import PREFIX

# What every mentor has one of, by a number or word that is not an id of a thing.
NOT_OF_ONE_MENTOR = {"version"}
# What is there for whoever asks -> why. Everything else under /api needs a key, or an admin.
OPEN = {
    "api_description": "It says what there is, and nothing of anybody's.",
    "api_postman": "The same for Postman.",
    "api_docs": "The page of it.",
    "api_docs_file": "That page's program and style.",
    "compatibility.open_session": "Names a session, as mentorAI does, and keeps and tells nothing.",
}


@pytest.fixture
def all_examples(client) -> list[Example]:
    return list(read_examples(client.get(f"{PREFIX}/openapi.json").json))


@pytest.fixture
def examples(all_examples) -> list[Example]:
    """Of what keys may call."""
    return [one for one in all_examples if not one.is_for_admins]


@pytest.fixture
def things(api, engine, mentor, dataset, quiz, grade, session, enrolment) -> dict[str, str]:
    """One of everything that the first mentor has, by the name of its place in an address."""
    list(engine.ask(session, "Where is the scar?"))
    webhook = api.post(
        f"{PREFIX}/webhooks",
        json={"url": "https://portal.example.edu/theirs", "events": ["grade.settled"]},
    ).json
    delivery = api.post(f"{PREFIX}/webhooks/{webhook['id']}/test").json
    passage = api.get(f"{PREFIX}/datasets/latest/passages").json["results"][0]["id"]
    return {
        "version": "1",
        "session_id": api.get(f"{PREFIX}/sessions/latest").json["session_id"],
        "dataset_id": dataset.id,
        "passage_id": str(passage),
        "quiz_id": quiz.id,
        "grade_id": grade.id,
        "enrollment_id": enrolment.id,
        "mentor_id": mentor.id,
        "webhook_id": webhook["id"],
        "delivery_id": delivery["id"],
    }


@pytest.fixture(params=["of the same organization", "of another organization"])
def foreign_key(request, engine, mentor) -> str:
    """The text of a key with every scope of a mentor that has nothing."""
    place = mentor.organization_id
    if request.param == "of another organization":
        place = engine.organizations.put("elsewhere", "Elsewhere").id
    other = engine.mentors.add(place, "Deep Sea")
    return engine.keys.issue(
        place, other.id, name="Key", scopes=tuple(SCOPES), expires_at=None, author="test"
    ).text


def call(client, key: str | None, one: Example, things):
    headers = {"Authorization": f"Api-Token {key}"} if key else {}
    return client.open(
        one.path.format(**things),
        method=one.method,
        headers=headers,
        query_string=one.query,
        **({} if one.body is None else {"json": one.body}),
    )


def is_for_mentors(one: Example) -> bool:
    return set(one.scopes) <= set(SCOPES)


def picture(client, examples, key: str) -> dict[str, object]:
    """All that a mentor's key can see: what every reading operation without a place answers."""
    return {
        one.path: call(client, key, one, {}).json
        for one in examples
        if one.method == "GET" and not one.names and is_for_mentors(one)
    }


def test_sweep_has_a_thing_for_every_place(examples, things):
    """A new {place} in an address: add one such thing of the first mentor's to `things`."""
    named = {(name, one.path) for one in examples for name in one.names}

    assert [place for place in named if place[0] not in things] == []


def test_every_operation_is_refused_without_a_key(client, examples, things):
    for one in examples:
        answer = call(client, None, one, things)

        assert (one.operation_id, answer.status_code) == (one.operation_id, 401)
        assert answer.json["code"] == "key_missing"


def test_every_address_is_refused_to_whoever_has_no_living_key(app, client, engine, things, mentor):
    """By the program's own list: also what the description leaves out, and what comes to it."""
    dead = engine.keys.issue(
        mentor.organization_id,
        mentor.id,
        name="Dead",
        scopes=tuple(SCOPES),
        expires_at=None,
        author="test",
    )
    engine.keys.delete(mentor.organization_id, mentor.id, dead.key.id, "it")
    # Where a key opens nothing, it makes no difference what key it is.
    codes = {"key_missing", "key_inactive", "admin_needed"}
    filled = {**things, "mentor": mentor.slug, "key_id": dead.key.id}
    swept = 0

    for rule in app.url_map.iter_rules():
        if not rule.rule.startswith("/api/") or rule.endpoint in OPEN:
            continue
        address = re.sub(r"<(?:\w+:)?(\w+)>", lambda m: filled.get(m[1], "x"), rule.rule)
        for method in rule.methods - {"HEAD", "OPTIONS"}:
            for headers in ({}, {"X-API-Key": dead.text}):
                answer = client.open(address, method=method, headers=headers, json={})
                assert (method, address, answer.status_code in (401, 403)) == (
                    method,
                    address,
                    True,
                )
                assert answer.json.get("code") in codes, (method, address, answer.json)
                swept += 1

    assert swept > 200
    assert OPEN.keys() <= app.view_functions.keys()


Act = Callable[..., object]
DEATHS: dict[str, tuple[str, Act]] = {
    "inactive": ("key_inactive", lambda keys, *key: keys.deactivate(*key, "it")),
    "revoked": ("key_inactive", lambda keys, *key: keys.delete(*key, "it")),
    "expired": ("key_expired", lambda keys, *key: None),
    "mistyped": ("key_invalid", lambda keys, *key: None),
    "made up": ("key_invalid", lambda keys, *key: None),
}


@pytest.mark.parametrize("state", DEATHS)
def test_every_operation_is_refused_to_a_key_that_is(
    state, client, api, engine, examples, things, mentor, key
):
    code, die = DEATHS[state]
    before = picture(client, examples, key)
    issued = engine.keys.issue(
        mentor.organization_id,
        mentor.id,
        name="Dying",
        scopes=tuple(SCOPES),
        expires_at=now() + timedelta(days=1),
        author="test",
    )
    die(engine.keys, mentor.organization_id, mentor.id, issued.key.id)
    text = issued.text
    if state == "mistyped":
        text = text[:-9] + ("A" if text[-9] != "A" else "B") + text[-8:]
    if state == "made up":
        text = "mai_0000000000_notakey"
    later = now() + timedelta(days=1 if state == "expired" else 0)

    with time_machine.travel(later, tick=False):
        for one in examples:
            answer = call(client, text, one, things)
            assert (one.operation_id, answer.status_code) == (one.operation_id, 401)
            assert answer.json["code"] == code

    assert picture(client, examples, key) == before


def test_every_operation_that_names_a_scope_is_refused_without_it(
    client, examples, things, make_key
):
    for one in examples:
        if not one.scopes:
            assert one.path == f"{PREFIX}/key"
            continue
        answer = call(client, make_key(*(set(SCOPES) - set(one.scopes))), one, things)

        assert (one.operation_id, answer.status_code) == (one.operation_id, 403)
        assert answer.json["code"] == "scope_missing"
        assert one.scopes[0] in answer.json["detail"]


def test_every_thing_of_another_mentor_is_not_found(client, examples, things, foreign_key, key):
    before = picture(client, examples, key)
    swept = 0

    for one in examples:
        if set(one.names) - NOT_OF_ONE_MENTOR and is_for_mentors(one):
            answer = call(client, foreign_key, one, things)
            assert (one.operation_id, answer.status_code) == (one.operation_id, 404)
            assert answer.json["code"] == "not_found"
            swept += 1

    assert swept >= 10
    assert picture(client, examples, key) == before


def test_nothing_of_another_mentor_is_seen_or_changed_by_any_operation(
    client, examples, things, foreign_key, mentor, key
):
    before = picture(client, examples, key)
    secrets = {mentor.id, "Tidal Pools", "Tides.md", "sub-1", "Ada Lovelace"}
    secrets |= {thing for name, thing in things.items() if len(thing) > 8}

    for one in examples:
        if not set(one.names) - NOT_OF_ONE_MENTOR and is_for_mentors(one):
            answer = call(client, foreign_key, one, things)
            # A body may name a person or thing of the first mentor's, which is not there.
            assert answer.status_code < 300 or answer.status_code == 404, one.operation_id
            # The example of a new document is called as ours is.
            told = {secret for secret in secrets if secret in answer.text}
            assert (one.operation_id, told - set(str(one.body).split("'"))) == (
                one.operation_id,
                set(),
            )

    assert picture(client, examples, key) == before


@pytest.mark.parametrize("field", ["session_id", "document_filter"])
def test_thing_of_another_mentor_is_not_found_in_a_body_either(client, things, foreign_key, field):
    named = {"session_id": things["session_id"], "document_filter": [things["dataset_id"]]}

    answer = client.post(
        f"{PREFIX}/chat",
        json={"prompt": "scar", field: named[field]},
        headers={"X-API-Key": foreign_key},
    )

    assert answer.status_code == 404


def test_latest_is_the_latest_of_the_keys_own_mentor(client, examples, things, foreign_key):
    for one in examples:
        if "latest" in one.places.values():
            answer = call(client, foreign_key, one, one.places)
            assert (one.operation_id, answer.status_code) == (one.operation_id, 404)


def test_provisioning_key_has_nothing_that_a_student_wrote(
    client, examples, things, provisioning_key, mentor
):
    """By the short path, which names no mentor, and by the one that does."""
    for one in examples:
        named = replace(one, path=one.path.replace(PREFIX, f"{PREFIX}/mentors/{mentor.slug}"))
        for place in (one, named) if is_for_mentors(one) else (one,):
            answer = call(client, provisioning_key, place, things)
            if not set(one.scopes) <= set(PROVISIONING_SCOPES):
                assert (place.path, answer.status_code) == (place.path, 403)
            assert "sub-1" not in answer.text
            assert "Where is the scar?" not in answer.text


def test_every_resource_of_a_mentor_is_there_by_the_mentors_name_too(
    client, app, examples, things, key, mentor, engine
):
    other = engine.mentors.add(mentor.organization_id, "Deep Sea")
    mounted = {re.sub(r"<(?:int:)?(\w+)>", r"{\1}", rule.rule) for rule in app.url_map.iter_rules()}
    swept = 0

    for one in examples:
        named = one.path.replace(PREFIX, f"{PREFIX}/mentors/{{mentor}}")
        if is_for_mentors(one) and named in mounted:
            foreign = replace(one, path=named.replace("{mentor}", other.slug))
            answer = call(client, key, foreign, things)
            assert (foreign.path, answer.status_code) == (foreign.path, 404)
            swept += 1

    assert swept >= 25


def test_mentor_of_another_organization_is_not_found_by_name(client, engine, provisioning_key):
    elsewhere = engine.organizations.put("elsewhere", "Elsewhere")
    theirs = engine.mentors.add(elsewhere.id, "Theirs")
    headers = {"Authorization": f"Bearer {provisioning_key}"}

    for path in (f"mentors/{theirs.id}", f"mentors/{theirs.id}/mentor", f"mentors/{theirs.slug}"):
        assert client.get(f"{PREFIX}/{path}", headers=headers).status_code == 404
    rows = {"enrollments": [{"user": "a", "mentor": theirs.id}]}
    answer = client.post(f"{PREFIX}/enrollments/bulk", json=rows, headers=headers)
    assert answer.json["errors"] == {"1.mentor": ["There is no such mentor."]}


def test_mentor_key_provisions_nothing(client, examples, things, key):
    for one in examples:
        if not is_for_mentors(one):
            answer = call(client, key, one, things)
            assert (one.operation_id, answer.status_code) == (one.operation_id, 403)


def test_upload_of_another_mentor_stays_with_it(client, examples, dataset, foreign_key, key):
    before = picture(client, examples, key)

    file = (io.BytesIO(b"# Mine\n\nAnother text.\n"), "Tides.md")
    answer = client.post(
        f"{PREFIX}/datasets", data={"file": file}, headers={"X-API-Key": foreign_key}
    )

    assert answer.status_code == 201
    assert picture(client, examples, key) == before
