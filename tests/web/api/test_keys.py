"""/keys: for an admin who is signed in, and for nobody else."""

import pytest

KEYS = "/api/v1/keys"


@pytest.fixture
def call(call_as_admin):
    """Call /keys as a page of ours does."""
    return lambda method, path="", **options: call_as_admin(method, KEYS + path, **options)


def make(call, mentor, **facts):
    headers = facts.pop("headers", {})
    body = {"name": "LMS", "mentor": mentor.slug, "scopes": ["chat:write"]} | facts
    return call("POST", json=body, headers=headers)


def test_key_lives_from_its_making_to_its_end(app, call, mentor):
    made = make(call, mentor, allowed_ips=["127.0.0.0/8"], rate_limit=5, monthly_quota=100)
    path = f"/{made.json['id']}"

    def use(text: str) -> int:
        return app.test_client().get("/api/v1/key", headers={"X-API-Key": text}).status_code

    works = use(made.json["key"])
    read = call("GET", path)
    stopped = call("PATCH", path, json={"active": False}).json["state"]
    refused = use(made.json["key"])
    call("PATCH", path, json={"active": True})
    rotated = call("POST", f"{path}/rotate", json={"overlap_seconds": 0})
    gone = call("GET", path).status_code
    deleted = call("DELETE", f"/{rotated.json['id']}")

    assert (made.status_code, works, stopped, refused, gone) == (201, 200, "inactive", 401, 404)
    assert "key" not in read.json
    assert read.json["allowed_ips"] == ["127.0.0.0/8"]
    assert made.headers["Cache-Control"] == rotated.headers["Cache-Control"] == "no-store"
    assert deleted.status_code == 204
    assert use(rotated.json["key"]) == 401
    assert call("GET", f"?mentor={mentor.id}").json["count"] == 0


def test_provisioning_key_is_made_without_a_mentor(call):
    made = call("POST", json={"name": "SIS", "scopes": ["mentors:provision"]})

    assert (made.status_code, made.json["kind"]) == (201, "provisioning")
    assert [key["name"] for key in call("GET").json["results"]] == ["SIS"]


@pytest.mark.parametrize("method", ["GET", "POST"])
def test_key_cannot_manage_keys(client, call, key, method):
    alone = client.open(KEYS, method=method, headers={"X-API-Key": key}, json={})
    beside_an_admin = call(method, headers={"Authorization": f"Api-Token {key}"}, json={})

    for answer in (alone, beside_an_admin):
        assert (answer.status_code, answer.json["code"]) == (403, "admin_needed")


def test_nobody_and_staff_of_a_course_manage_no_keys_here(client):
    answer = client.get(KEYS)

    assert (answer.status_code, answer.json["code"]) == (403, "admin_needed")
    assert "X-CSRF-Token" not in answer.headers


@pytest.mark.parametrize("token", [None, "", "x", "Ij0i.x.y"])
def test_other_sites_form_changes_nothing(admin, call, engine, mentor, token):
    headers = {} if token is None else {"X-CSRF-Token": token}

    answer = admin.post(
        KEYS,
        json={"name": "LMS", "mentor": mentor.slug, "scopes": ["chat:write"]},
        headers=headers,
        base_url="https://localhost",
    )

    assert (answer.status_code, answer.json["code"]) == (400, "csrf_failed")
    assert not engine.keys.list(mentor.organization_id, mentor.id)


@pytest.mark.parametrize(
    ("facts", "field"),
    [
        ({"name": ""}, "name"),
        ({"scopes": ["*"]}, "scopes"),
        ({"scopes": "chat:write"}, "scopes"),
        ({"expires_at": "2020-01-01T00:00:00Z"}, "expires_at"),
        ({"expires_at": "2030-01-01"}, "expires_at"),
        ({"never": True}, "expires_at"),
        ({"allowed_ips": ["here"]}, "allowed_ips"),
        ({"rate_limit": 0}, "rate_limit"),
        ({"monthly_quota": 10**30}, "monthly_quota"),
        ({"kind": "provisioning"}, "kind"),
    ],
)
def test_key_that_cannot_be_is_refused_by_field(call, mentor, facts, field):
    answer = make(call, mentor, **facts)

    assert answer.status_code == 422
    assert [name.split(".")[0] for name in answer.json["errors"]] == [field]


def test_another_organizations_key_is_not_found(engine, call, mentor):
    other = engine.organizations.put("other", "Other")
    theirs = engine.mentors.add(other.id, "Theirs")
    key = engine.keys.issue(
        other.id, theirs.id, name="K", scopes=["chat:write"], expires_at=None, author="test"
    ).key

    assert call("GET", f"/{key.id}").status_code == 404
    assert call("PATCH", f"/{key.id}", json={"active": False}).status_code == 404
    assert call("DELETE", f"/{key.id}").status_code == 404
    assert call("POST", f"/{key.id}/rotate", json={"overlap_seconds": 0}).status_code == 404
    assert call("GET", f"?mentor={theirs.id}").status_code == 404


def test_key_made_by_a_call_that_is_repeated_is_made_once_and_shown_once(engine, call, mentor):
    headers = {"Idempotency-Key": "lms-1"}

    first, again = (make(call, mentor, headers=headers) for _ in range(2))

    assert first.json["key"].startswith(f"mai_{first.json['id']}_")
    assert again.headers["Idempotency-Replayed"] == "true"
    assert again.json == first.json | {"key": None}
    assert len(engine.keys.list(mentor.organization_id, mentor.id)) == 1


def test_body_that_is_not_json_is_refused(call):
    assert call("POST", data="name=x").status_code == 415
