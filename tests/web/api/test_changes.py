"""PATCH, and PUT by the same rule: what is left out stays, and null is not passed over."""

import pytest

from mentorai.core.scopes import SCOPES
from mentorai.web.api.examples import read_examples
from mentorai.web.api.resource import PREFIX

LATEST = "latest"
# Shapes of which every field may be left out of a change, or has a value.
PLACES = {
    "MentorChanges": ("PATCH", "/mentor"),
    "GradeChanges": ("PATCH", f"/grades/{LATEST}"),
    "WebhookChanges": ("PATCH", f"/webhooks/{LATEST}"),
    "DatasetChanges": ("PATCH", f"/datasets/{LATEST}"),
    "NewEnrollment": ("PUT", "/enrollments"),
}


@pytest.fixture
def shapes(client):
    return client.get(f"{PREFIX}/openapi.json").json["components"]["schemas"]


@pytest.fixture
def one_of_each(engine, mentor, dataset, grade, enrolment):
    engine.webhooks.add(
        mentor.organization_id,
        mentor.id,
        url="https://portal.example.edu/",
        events=["grade.settled"],
        author="test",
    )


@pytest.mark.parametrize("shape", PLACES)
def test_null_is_refused_by_the_name_of_its_field_and_described_so(api, one_of_each, shapes, shape):
    method, path = PLACES[shape]
    fields = shapes[shape]["properties"]
    rest = {"user": "s1"} if "user" in fields else {}

    answers = {
        name: api.open(f"{PREFIX}{path}", method=method, json=rest | {name: None})
        for name in fields
    }

    assert {name: one.status_code for name, one in answers.items()} == dict.fromkeys(fields, 422)
    assert {name: [*one.json["errors"]] for name, one in answers.items()} == {
        name: [name] for name in fields
    }
    assert "null" not in str(fields)


def test_field_that_there_is_not_is_named_by_every_operation(
    call_as_admin, client, api, one_of_each, mentor
):
    """Of a body as the description's example has it, with one field more."""
    description = client.get(f"{PREFIX}/openapi.json").json
    key_id = api.get(f"{PREFIX}/key").json["id"]
    asked = [one for one in read_examples(description) if isinstance(one.body, dict)]
    for one in asked:
        path = one.path.format(**dict.fromkeys(one.names, LATEST) | one.places)
        if set(one.scopes) <= set(SCOPES) and one.scopes:
            path = path.replace(PREFIX, f"{PREFIX}/mentors/{mentor.slug}")
        path = path.replace(f"/keys/{LATEST}", f"/keys/{key_id}")

        answer = call_as_admin(
            one.method, path, json=one.body | {"colour": "red"}, query_string=one.query
        )

        assert (one.path, answer.status_code) == (one.path, 422), answer.text
        assert "colour" in answer.json["errors"] or one.path.endswith("/bulk")
    assert len(asked) > 15


def test_word_of_an_address_that_there_is_not_is_named_by_every_operation(
    call_as_admin, client, engine, one_of_each, mentor
):
    """So nobody takes out an enrollment with `?dry_run=true` to see what would happen."""
    description = client.get(f"{PREFIX}/openapi.json").json
    asked = list(read_examples(description))
    for one in asked:
        path = one.path.format(**dict.fromkeys(one.names, LATEST) | one.places)
        if set(one.scopes) <= set(SCOPES) and one.scopes:
            path = path.replace(PREFIX, f"{PREFIX}/mentors/{mentor.slug}")
        if path == f"{PREFIX}/key":
            continue

        answer = call_as_admin(
            one.method, path, json=one.body, query_string={**one.query, "dry_ran": "true"}
        )

        assert (one.path, answer.status_code) == (one.path, 422), answer.text
        assert "dry_ran" in answer.json["errors"]
    assert len(asked) > 60


def test_key_is_neither_stopped_nor_started_by_null(call_as_admin, api):
    key_id = api.get(f"{PREFIX}/key").json["id"]

    answer = call_as_admin("PATCH", f"{PREFIX}/keys/{key_id}", json={"active": None})

    assert (answer.status_code, [*answer.json["errors"]]) == (422, ["active"])


@pytest.mark.parametrize("method", ["PATCH", "PUT"])
def test_mentor_that_is_named_is_changed_by_the_same_rule(call_as_admin, mentor, method):
    way = "/mentors/{}" if method == "PUT" else "/mentors/{}/mentor"
    address = PREFIX + way.format(mentor.slug)

    refused = call_as_admin(method, address, json={"description": None})
    emptied = call_as_admin(method, address, json={"description": ""})

    assert (refused.status_code, [*refused.json["errors"]]) == (422, ["description"])
    assert (emptied.status_code, emptied.json["description"]) == (200, "")
    assert emptied.json["display_name"] == mentor.display_name


def test_new_mentor_may_say_nothing_by_null(call_as_admin):
    body = {"display_name": "Rivers", "system_prompt": None}

    assert call_as_admin("POST", f"{PREFIX}/mentors", json=body).status_code == 201


def test_what_the_conversation_holds_is_taken_away_by_null(api):
    made = api.post(f"{PREFIX}/sessions", json={"metadata": {"week": 5, "unit": "b"}}).json
    asked = {"prompt": "scar", "session_id": made["session_id"], "metadata": {"week": None}}

    api.post(f"{PREFIX}/chat", json=asked)

    kept = api.get(f"{PREFIX}/sessions/{made['session_id']}").json["metadata"]
    assert kept == {"unit": "b"}
