from datetime import timedelta

import pytest
import time_machine

from mentorai.core.clock import now
from mentorai.core.key_text import make_key


def test_key_reads_itself(client, make_key, mentor):
    key = make_key("chat:write", "grades:read", name="LMS\u2011integration\u2011Aug 2025")

    answer = client.get("/api/v1/key", headers={"Authorization": f"Api-Token {key}"})

    assert answer.status_code == 200
    assert answer.json["name"] == "LMS\u2011integration\u2011Aug 2025"
    assert answer.json["kind"] == "mentor"
    assert answer.json["mentor"] == mentor.id
    assert answer.json["scopes"] == ["chat:write", "grades:read"]
    assert answer.json["limits"]["page_size"] == 200
    assert key not in answer.text


@pytest.mark.parametrize(
    "headers",
    [
        {"Authorization": "Api-Token {}"},
        {"Authorization": "api-token {}"},
        {"Authorization": "Bearer {}"},
        {"Authorization": "Token {}"},
        {"Authorization": "  Api-Token   {}  "},
        {"Authorization": "{}"},
        {"X-API-Key": "{}"},
    ],
    ids=str,
)
def test_key_is_taken_from_every_header_that_was_promised(client, key, headers):
    sent = {name: value.format(key) for name, value in headers.items()}

    assert client.get("/api/v1/key", headers=sent).status_code == 200


@pytest.mark.parametrize(
    "headers",
    [{}, {"Authorization": ""}, {"Authorization": "Api-Token"}, {"Authorization": "Basic eDp5"}],
    ids=str,
)
def test_key_is_missing_when_no_header_has_one(client, headers):
    answer = client.get("/api/v1/key", headers=headers)

    assert answer.status_code == 401
    assert answer.json["code"] == "key_missing"
    assert answer.headers["WWW-Authenticate"]


@pytest.mark.parametrize("name", ["key", "api_key", "token", "access_token", "Authorization"])
def test_key_in_an_address_is_not_taken(client, key, name):
    answer = client.get("/api/v1/key", query_string={name: key})

    assert answer.status_code == 401
    assert answer.json["code"] == "key_missing"


@pytest.mark.parametrize(
    "text",
    ["x", "mai_", make_key()[1], make_key()[1][:-1] + "-", "mai_" + "ü" * 60, "x" * 5000],
    ids=["short", "prefix", "never issued", "typo", "unicode", "huge"],
)
def test_wrong_key_is_refused_and_never_anonymous(client, text):
    sent = {"Authorization": f"Api-Token {text}".encode().decode("latin-1")}

    answer = client.get("/api/v1/key", headers=sent)

    assert answer.status_code == 401
    assert answer.json["code"] == "key_invalid"


def test_wrong_key_in_one_header_is_not_saved_by_the_other(client, key):
    headers = {"Authorization": f"Api-Token {make_key()[1]}", "X-API-Key": key}

    assert client.get("/api/v1/key", headers=headers).status_code == 401


@pytest.mark.parametrize("page", ["openapi.json", "postman.json", "docs"])
def test_wrong_key_is_refused_also_where_none_is_needed(client, key, admin_token, page):
    tried = (None, key, admin_token, key[:-1] + "-", f"{admin_token}x", "x")
    sent = [{"Authorization": f"Bearer {text}"} if text else {} for text in tried]

    answers = [client.get(f"/api/v1/{page}", headers=headers).status_code for headers in sent]

    assert answers == [200, 200, 200, 401, 401, 401]


def test_expired_key_says_so(client, key):
    with time_machine.travel(now() + timedelta(days=31), tick=False):
        answer = client.get("/api/v1/key", headers={"X-API-Key": key})

    assert answer.status_code == 401
    assert answer.json["code"] == "key_expired"
    assert f"expired at {(now() + timedelta(days=30)).date()}T" in answer.json["detail"]


@pytest.mark.parametrize("act", ["deactivate", "delete"])
def test_stopped_key_says_so_at_once(engine, client, key, mentor, act):
    headers = {"X-API-Key": key}
    first = client.get("/api/v1/key", headers=headers)
    where = (mentor.organization_id, mentor.id, first.json["id"])
    getattr(engine.keys, act)(*where, "ada")

    answer = client.get("/api/v1/key", headers=headers)

    assert first.status_code == 200
    assert (answer.status_code, answer.json["code"]) == (401, "key_inactive")


def test_scope_that_is_missing_is_named(client, make_key):
    key = make_key("chat:write")

    answer = client.get("/api/v1/grades", headers={"X-API-Key": key})

    assert (answer.status_code, answer.json["code"]) == (403, "scope_missing")
    assert "grades:read" in answer.json["detail"]


def test_every_answer_says_when_the_key_ends(client, key):
    headers = {"X-API-Key": key}

    good = client.get("/api/v1/key", headers=headers).headers
    bad = client.get("/api/v1/sessions/nothing", headers=headers).headers

    assert good["X-Key-Expires"] == bad["X-Key-Expires"]
    assert good["X-Key-Expires"][:10] == str((now() + timedelta(days=30)).date())


def test_refused_key_is_told_before_anything_of_the_body(client):
    answer = client.post("/api/v1/chat", data="{", content_type="text/nonsense")

    assert answer.status_code == 401


def test_nothing_of_the_api_is_stored_by_browsers(api):
    assert api.get("/api/v1/key").headers["Cache-Control"] == "no-store"


def test_api_needs_no_form_token_and_sets_no_cookie(api, dataset):
    answer = api.post("/api/v1/chat", json={"prompt": "spring tide"})

    assert answer.status_code == 200
    assert "Set-Cookie" not in answer.headers
