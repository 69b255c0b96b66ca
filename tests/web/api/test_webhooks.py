"""/webhooks by key: a secret shown once, addresses looked at, deliveries seen and replayed."""

import pytest

WEBHOOKS = "/api/v1/webhooks"
BODY = {"url": "https://portal.example.edu/events", "events": ["grade.settled"]}


@pytest.fixture
def made(api):
    return api.post(WEBHOOKS, json=BODY).json


def test_secret_is_in_the_first_answer_alone(api):
    answer = api.post(WEBHOOKS, json=BODY)

    assert answer.status_code == 201
    assert answer.json["secret"].startswith("whsec_")
    assert answer.headers["Cache-Control"] == "no-store"
    where = f"{WEBHOOKS}/{answer.json['id']}"
    for other in (api.get(where), api.get(WEBHOOKS), api.patch(where, json={"status": "paused"})):
        assert answer.json["secret"] not in other.text


def test_repeated_call_makes_one_webhook_and_keeps_no_secret(api, engine):
    name = {"Idempotency-Key": "once"}
    first = api.post(WEBHOOKS, json=BODY, headers=name)

    again = api.post(WEBHOOKS, json=BODY, headers=name)

    assert (again.status_code, again.json["id"]) == (201, first.json["id"])
    assert again.json["secret"] is None
    with engine.database.read() as connection:
        kept = connection.exec_driver_sql("SELECT body FROM repeatable_calls").scalars().all()
    assert first.json["secret"] not in str(kept)


@pytest.mark.parametrize(
    "facts",
    [
        {"url": "ftp://portal.example.edu"},
        {"url": "https://me:secret@portal.example.edu/"},
        {"url": "portal"},
        {"url": "https://10.0.0.7/"},
        {"url": "https://0x7f.1/"},
        {"url": "https://0177.0.0.1/"},
        {"url": "https://" + "x" * 2_000},
        {"events": []},
        {"events": ["grade.deleted"]},
        {"events": ["grade.settled"] * 11},
        {"description": "\n"},
        {"description": "x" * 201},
        {"secret": "mine"},
    ],
    ids=lambda facts: str(facts)[:40],
)
def test_webhook_that_cannot_be_one_is_refused(api, facts):
    assert api.post(WEBHOOKS, json=BODY | facts).status_code == 422
    assert api.get(WEBHOOKS).json["count"] == 0


def test_webhooks_are_bounded(api):
    for _ in range(20):
        assert api.post(WEBHOOKS, json=BODY).status_code == 201

    assert api.post(WEBHOOKS, json=BODY).status_code == 409


def test_change_changes_what_it_names(api, made):
    changed = api.patch(
        f"{WEBHOOKS}/{made['id']}", json={"events": ["key.expiring"], "status": "paused"}
    ).json

    assert (changed["events"], changed["status"]) == (["key.expiring"], "paused")
    assert changed["url"] == BODY["url"]
    assert api.patch(f"{WEBHOOKS}/{made['id']}", json={"url": "nowhere"}).status_code == 422


def test_delivery_is_seen_and_replayed(api, made):
    where = f"{WEBHOOKS}/{made['id']}"
    tested = api.post(f"{where}/test")
    assert tested.status_code == 202

    (listed,) = api.get(f"{where}/deliveries?status=waiting").json["results"]
    assert (listed["event"], listed["number"]) == ("webhook.test", 1)
    whole = api.get(f"{where}/deliveries/{listed['id']}").json
    assert whole["body"]["id"] == listed["id"]
    assert api.post(f"{where}/deliveries/{listed['id']}/replay").status_code == 202
    assert api.get(f"{where}/deliveries?status=sent").json["count"] == 0


def test_paused_webhook_is_neither_tried_nor_replayed(api, made):
    where = f"{WEBHOOKS}/{made['id']}"
    delivery = api.post(f"{where}/test").json["id"]
    api.patch(where, json={"status": "paused"})

    assert api.post(f"{where}/test").status_code == 409
    assert api.post(f"{where}/deliveries/{delivery}/replay").status_code == 409


def test_deliveries_of_another_webhook_are_not_found(api, made):
    other = api.post(WEBHOOKS, json=BODY).json["id"]
    delivery = api.post(f"{WEBHOOKS}/{made['id']}/test").json["id"]

    assert api.get(f"{WEBHOOKS}/{other}/deliveries/{delivery}").status_code == 404
    assert api.post(f"{WEBHOOKS}/{other}/deliveries/{delivery}/replay").status_code == 404


def test_deleted_webhook_is_gone(api, made):
    where = f"{WEBHOOKS}/{made['id']}"
    assert api.delete(where).status_code == 204
    assert api.get(where).status_code == 404
    assert api.delete(where).status_code == 404


def test_rotation_gives_another_secret(api, made):
    where = f"{WEBHOOKS}/{made['id']}/rotate"
    rotated = api.post(where, json={"overlap_hours": 1})

    assert rotated.json["secret"] not in (None, made["secret"])
    assert api.post(where, json={"overlap_hours": 2}).status_code == 422


def test_what_was_done_is_in_the_audit(api, made, engine, mentor):
    api.post(f"{WEBHOOKS}/{made['id']}/rotate", json={})
    api.delete(f"{WEBHOOKS}/{made['id']}")

    _, entries = engine.audit.list(mentor.organization_id, mentor.id)
    assert [entry.action for entry in entries[:3]] == [
        "webhook_deleted",
        "webhook_secret_rotated",
        "webhook_made",
    ]
    assert all(made["secret"] not in str(entry) for entry in entries)
