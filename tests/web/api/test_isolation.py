"""Every operation, called with the key or the ids of another mentor, of none, and without scope.

The operations are read from the API's own description, so a new one is swept as well.
"""

import io
import re

import pytest

from mentorai.core.scopes import PROVISIONING_SCOPES, SCOPES
from mentorai.web.api.resource import PREFIX

BODIES = {
    "change_mentor": {"description": "mine now"},
    "ask": {"prompt": "Where is the scar?"},
    "open_session": {"title": "mine"},
    "add_dataset": {"name": "Mine.md", "text": "Mine."},
    "change_dataset": {"name": "Mine.md"},
    "add_quiz": {"title": "Mine"},
    "put_quiz": {"title": "Mine"},
    "change_grade": {"score_given": 0},
    "put_enrollment": {"user": "mine"},
    "apply_enrollments": {"enrollments": [{"user": "mine"}]},
    "add_grade": {"user": "sub-1", "score_given": 0, "score_maximum": 1},
    "add_webhook": {"url": "https://portal.example.edu/mine", "events": ["grade.settled"]},
    "change_webhook": {"description": "mine now"},
    "rotate_webhook": {"overlap_hours": 0},
    "repair_grades": {"quiz": None},
    "validate_credential": {"credential": "7b0e3f0a-58c7-4f0e-9f0b-0a3d5b1f2c11"},
    "issue_embed_ticket": {"user": {"id": "sub-2"}, "allowed_origins": ["https://portal.example"]},
}


def operations(spec):
    for path, item in spec["paths"].items():
        for method, operation in item.items():
            yield path, method, operation


@pytest.fixture
def spec(client):
    return client.get(f"{PREFIX}/openapi.json").json


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


def is_provisioning(operation):
    return "mentors:provision" in scopes_of(operation)


def scopes_of(operation):
    (needed,) = {tuple(scopes) for way in operation["security"] for scopes in way.values()}
    return needed


def call(client, key, path, method, operation, things):
    headers = {"Authorization": f"Api-Token {key}"} if key else {}
    body = BODIES.get(operation["operationId"])
    return client.open(
        path.format(**things),
        method=method.upper(),
        headers=headers,
        query_string={"q": "scar"} if path.endswith("/search") else None,
        **({"json": body} if body else {}),
    )


def picture(api) -> list[object]:
    """All that the first mentor's key can see."""
    paths = ("mentor", "mentor/prompts", "sessions", "datasets", "quizzes", "grades")
    paths += ("enrollments", "webhooks")
    return [api.get(f"{PREFIX}/{path}").json for path in paths]


def test_every_operation_is_refused_without_a_key(client, spec, things):
    for path, method, operation in operations(spec):
        answer = call(client, None, path, method, operation, things)

        assert (path, method, answer.status_code) == (path, method, 401)
        assert answer.json["code"] == "key_missing"


def test_every_operation_that_names_a_scope_is_refused_without_it(client, spec, things, make_key):
    for path, method, operation in operations(spec):
        needed = scopes_of(operation)
        if not needed:
            assert path == f"{PREFIX}/key"
            continue
        key = make_key(*(set(SCOPES) - set(needed)))
        answer = call(client, key, path, method, operation, things)

        assert (path, method, answer.status_code) == (path, method, 403)
        assert answer.json["code"] == "scope_missing"
        assert needed[0] in answer.json["detail"]


def test_every_thing_of_another_mentor_is_not_found(
    client, api, engine, spec, things, make_key, mentor
):
    other = engine.mentors.add(mentor.organization_id, "Deep Sea")
    key = make_key(mentor_id=other.id)
    before = picture(api)
    swept = 0

    for path, method, operation in operations(spec):
        # A version is a number that every mentor has, not a thing of one.
        if "{" in path and "{version}" not in path and not is_provisioning(operation):
            answer = call(client, key, path, method, operation, things)
            assert (path, method, answer.status_code) == (path, method, 404)
            assert answer.json["code"] == "not_found"
            swept += 1

    assert swept >= 12
    assert picture(api) == before


def test_nothing_of_another_mentor_is_seen_or_changed_by_any_operation(
    client, api, engine, spec, things, make_key, mentor
):
    other = engine.mentors.add(mentor.organization_id, "Deep Sea")
    key = make_key(mentor_id=other.id)
    before = picture(api)

    for path, method, operation in operations(spec):
        if "{" not in path and not is_provisioning(operation):
            answer = call(client, key, path, method, operation, things)
            told = answer.text
            # A body names a person of the first mentor, who is nobody here.
            is_nobody = operation["operationId"] == "add_grade"
            assert answer.status_code == 404 if is_nobody else answer.status_code < 300
            assert not any(one in told for one in (mentor.id, "Tidal Pools", "Tides.md", "sub-1"))

    assert picture(api) == before


@pytest.mark.parametrize("field", ["session_id", "document_filter"])
def test_thing_of_another_mentor_is_not_found_in_a_body_either(
    client, engine, things, make_key, mentor, field
):
    other = engine.mentors.add(mentor.organization_id, "Deep Sea")
    headers = {"X-API-Key": make_key(mentor_id=other.id)}
    named = {"session_id": things["session_id"], "document_filter": [things["dataset_id"]]}

    answer = client.post(
        f"{PREFIX}/chat", json={"prompt": "scar", field: named[field]}, headers=headers
    )

    assert answer.status_code == 404


def test_latest_is_the_latest_of_the_keys_own_mentor(client, engine, things, make_key, mentor):
    other = engine.mentors.add(mentor.organization_id, "Deep Sea")
    headers = {"X-API-Key": make_key(mentor_id=other.id)}

    for kind in ("sessions", "datasets", "quizzes", "grades", "webhooks"):
        assert client.get(f"{PREFIX}/{kind}/latest", headers=headers).status_code == 404


def test_provisioning_key_has_nothing_that_a_student_wrote(
    client, spec, things, mentor, provisioning_key
):
    """By the short path, which names no mentor, and by the one that does."""
    for path, method, operation in operations(spec):
        allowed = set(scopes_of(operation)) <= PROVISIONING_SCOPES.keys()
        named = path.replace(PREFIX, f"{PREFIX}/mentors/{mentor.slug}")
        for place in (path, named):
            answer = call(client, provisioning_key, place, method, operation, things)
            if not allowed and (place == path or not is_provisioning(operation)):
                assert (place, method, answer.status_code) == (place, method, 403)
            assert "sub-1" not in answer.text


def test_every_resource_of_a_mentor_is_there_by_the_mentors_name_too(
    client, app, spec, things, key, mentor, engine
):
    other = engine.mentors.add(mentor.organization_id, "Deep Sea")
    mounted = {re.sub(r"<(?:int:)?(\w+)>", r"{\1}", rule.rule) for rule in app.url_map.iter_rules()}
    swept = 0

    for path, method, operation in operations(spec):
        if is_provisioning(operation) or path == f"{PREFIX}/key":
            continue
        assert path.replace(PREFIX, f"{PREFIX}/mentors/{{mentor}}") in mounted
        foreign = path.replace(PREFIX, f"{PREFIX}/mentors/{other.slug}")
        answer = call(client, key, foreign, method, operation, things)
        assert (foreign, method, answer.status_code) == (foreign, method, 404)
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


def test_upload_of_another_mentor_stays_with_it(client, engine, api, dataset, make_key, mentor):
    other = engine.mentors.add(mentor.organization_id, "Deep Sea")
    headers = {"X-API-Key": make_key(mentor_id=other.id)}
    before = picture(api)

    file = (io.BytesIO(b"# Mine\n\nAnother text.\n"), "Tides.md")
    answer = client.post(f"{PREFIX}/datasets", data={"file": file}, headers=headers)

    assert answer.status_code == 201
    assert picture(api) == before
