"""mentorAI's own paths; tests/flows/test_mentorai_sdk.py has its SDK walk them."""

import io
import json
from datetime import timedelta

import pytest
import time_machine

from mentorai.core.clock import now
from mentorai.core.identifiers import new_id
from mentorai.web.admin_tokens import make_admin_token

MENTORS = "/api/ai-mentor/orgs/acme/users/lee/mentor-with-settings/"
SESSIONS = "/api/ai-mentor/orgs/acme/users/lee/sessions/"
TRAIN = "/api/ai-index/orgs/acme/users/lee/documents/train/"
TOKENS = "/api/core/platform/api-tokens/"
NEW = {"template_name": "ai-mentor", "new_mentor_name": "Dunes"}


def documents(mentor: str) -> str:
    return f"/api/ai-index/orgs/acme/users/lee/documents/pathways/{mentor}/"


def upload(client, mentor: str, text: bytes = b"# Dunes\n\nMarram holds the sand.", **fields):
    data = {"type": "file", "pathway": mentor, "file": (io.BytesIO(text), "dunes.md")}
    return client.post(TRAIN, data=data | fields)


@pytest.fixture
def campus(app, provisioning_key):
    """A client with a provisioning key."""
    client = app.test_client()
    client.environ_base["HTTP_AUTHORIZATION"] = f"Api-Token {provisioning_key}"
    return client


@pytest.fixture
def admin(engine):
    return engine.admins.take_setup_code(
        engine.admins.issue_setup_code(), "it@campus.edu", "correct horse battery"
    )


@pytest.fixture
def office(app, engine, admin):
    """A client with an administrator's token."""
    client = app.test_client()
    token = make_admin_token(engine.settings.web_secret, admin)
    client.environ_base["HTTP_AUTHORIZATION"] = f"Api-Token {token}"
    return client


# --- mentors ------------------------------------------------------------------------------


def test_mentor_is_made_with_the_settings_that_there_are_here(campus, engine, mentor):
    made = campus.post(MENTORS, json=NEW | {"system_prompt": "Be kind.", "theme": "dark"})

    kept = engine.mentors.get(mentor.organization_id, made.json["unique_id"])
    assert made.status_code == 201
    assert (kept.display_name, kept.system_prompt) == ("Dunes", "Be kind.")
    assert made.json["ignored_settings"] == ["theme"]


@pytest.mark.parametrize(
    "body",
    [
        {"new_mentor_name": "Dunes"},
        {"template_name": "ai-mentor"},
        NEW | {"template_name": "golem"},
        NEW | {"new_mentor_name": ""},
        NEW | {"suggested_prompts": 7},
    ],
)
def test_mentor_that_cannot_be_made_is_refused_by_field(campus, body):
    answer = campus.post(MENTORS, json=body)

    assert (answer.status_code, answer.json["code"]) == (422, "validation_failed")


def test_mentor_key_makes_no_mentor(api):
    assert api.post(MENTORS, json=NEW).json["code"] == "scope_missing"


# --- documents ----------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["id", "slug", "display_name"])
def test_mentor_is_named_by_id_slug_or_name(campus, mentor, name):
    uploaded = upload(campus, getattr(mentor, name))

    (document,) = campus.get(documents(mentor.slug)).json["results"]
    assert uploaded.status_code == 200
    assert document["document_id"] == uploaded.json["document_id"]
    assert (document["is_trained"], document["training_status"]) == (True, "trained")


def test_document_that_waits_is_not_trained_yet(api, mentor, engine):
    upload(api, mentor.id, b"Marram holds the sand of dunes. " * 4_000)
    before = api.get(documents(mentor.id)).json["results"][0]
    engine.trainings.train_due()
    after = api.get(documents(mentor.id)).json["results"][0]

    assert (before["training_status"], before["is_trained"]) == ("pending", False)
    assert (after["training_status"], after["is_trained"]) == ("trained", True)


def test_documents_are_cut_into_pages(api, mentor):
    for name in "abc":
        body = {"type": "text", "text": f"Dune {name}", "pathway": mentor.id}
        assert api.post(TRAIN, json=body).status_code == 200

    page = api.get(documents(mentor.id) + "?limit=2&offset=1").json
    found = api.get(documents(mentor.id) + "?search=dune B").json

    assert (page["count"], len(page["results"]), page["next"]) == (3, 2, None)
    assert page["previous"].endswith("?limit=2&offset=0")
    assert [each["document_name"] for each in found["results"]] == ["Dune b"]


def test_next_page_of_a_search_is_of_that_search(api, mentor):
    for name in ("Dune a", "Dune b", "Reef"):
        api.post(TRAIN, json={"type": "text", "text": name, "pathway": mentor.id})

    first = api.get(documents(mentor.id) + "?search=dune&limit=1").json
    second = api.get(first["next"]).json

    assert (second["count"], second["next"]) == (2, None)
    assert second["results"][0]["document_name"].startswith("Dune")


@pytest.mark.parametrize(
    ("fields", "status"),
    [
        ({"pathway": "nobody"}, 404),
        ({"pathway": ""}, 404),
        ({"type": "youtube"}, 422),
        ({"type": "url", "url": "http://169.254.169.254/"}, 422),
        ({"file": ""}, 422),
    ],
)
def test_document_that_cannot_be_taken_is_refused(api, mentor, fields, status):
    assert upload(api, mentor.id, **fields).status_code == status


@pytest.mark.parametrize("query", ["limit=0", "limit=-1", "offset=-1"])
def test_page_that_is_none_is_refused(api, mentor, query):
    assert api.get(f"{documents(mentor.id)}?{query}").status_code == 422


def test_other_mentors_documents_are_not_there(api, engine, mentor):
    other = engine.mentors.add(mentor.organization_id, "Dunes")

    assert api.get(documents(other.id)).status_code == 404
    assert upload(api, other.id).status_code == 404
    assert upload(api, "Dunes").status_code == 404


@pytest.mark.parametrize("method", ["get", "post"])
def test_call_without_a_key_is_refused(client, mentor, method):
    path = documents(mentor.id) if method == "get" else TRAIN

    assert getattr(client, method)(path).json["code"] == "key_missing"


def test_named_organization_answers_to_its_own_name_only(app, engine):
    organization = engine.organizations.put("uni", "University")
    mentor = engine.mentors.add(organization.id, "Dunes")
    key = engine.keys.issue(
        organization.id,
        mentor.id,
        name="CI",
        scopes=("datasets:read",),
        expires_at=None,
        author="test",
    ).text
    headers = {"Authorization": f"Api-Token {key}"}
    client, path = app.test_client(), documents(mentor.id)

    assert client.get(path, headers=headers).status_code == 404
    assert client.get(path.replace("acme", "uni"), headers=headers).status_code == 200


# --- sessions and chat --------------------------------------------------------------------


def ask(client, session_id: str, mentor: str, prompt: str = "Where is the scar?", **more):
    flow = {"name": mentor, "tenant": "acme", "username": "lee", "pathway": mentor}
    body = {"flow": flow, "session_id": session_id, "prompt": prompt, "page_content": "x", **more}
    return client.post("/api/agent/chat/", json=body)


def read_frames(answer) -> list[dict]:
    lines = answer.get_data(as_text=True).splitlines()
    return [json.loads(line[6:]) for line in lines if line.startswith("data: ")]


def test_session_is_named_without_a_key_and_begins_with_its_first_message(
    client, api, dataset, mentor, engine
):
    session_id = client.post(SESSIONS, json={"mentor": "nobody"}).json["session_id"]
    before = api.get("/api/v1/sessions").json["count"]

    frames = read_frames(ask(api, session_id, mentor.slug))
    ask(api, session_id, mentor.slug, "And when?").get_data()

    (session,) = api.get("/api/v1/sessions").json["results"]
    assert before == 0
    assert session["session_id"] == session_id
    assert "scar" in "".join(frame.get("data", "") for frame in frames)
    assert frames[-1]["eos"] is True
    assert api.get(f"/api/v1/sessions/{session_id}/messages").json["count"] == 2


def test_session_with_a_key_needs_a_mentor_of_the_key(api, mentor):
    assert api.post(SESSIONS, json={"mentor": mentor.slug}).status_code == 200
    assert api.post(SESSIONS, json={"mentor": "nobody"}).status_code == 404


def test_session_with_a_bad_key_is_refused(client):
    headers = {"Authorization": "Api-Token mai_nonsense"}

    answer = client.post(SESSIONS, json={"mentor": "x"}, headers=headers)

    assert answer.status_code == 401


def test_session_of_another_mentor_is_not_there(app, api, make_key, engine, mentor):
    other = engine.mentors.add(mentor.organization_id, "Dunes")
    theirs = engine.conversations.open(other.organization_id, other.id)

    answer = ask(api, theirs.id, mentor.id)

    assert answer.status_code == 404
    assert engine.conversations.turns(other.organization_id, other.id, theirs.id) == []


@pytest.mark.parametrize("session_id", ["x", "../etc", "", 7, None])
def test_session_id_that_is_none_is_refused(api, mentor, session_id):
    assert ask(api, session_id, mentor.id).status_code in (404, 422)


def test_chat_needs_its_scope(client, make_key, mentor):
    headers = {"HTTP_AUTHORIZATION": f"Api-Token {make_key('datasets:read')}"}
    client.environ_base |= headers

    assert ask(client, new_id(), mentor.id).json["code"] == "scope_missing"


# --- API tokens ---------------------------------------------------------------------------


def make_token(client, **fields):
    asked = {"name": "nightly", "platform_key": "acme", "expires_in": "30 00:00:00"}
    return client.post(TOKENS, json=asked | fields)


def test_token_is_made_listed_and_deleted(office, engine, app):
    made = make_token(office)
    headers = {"Authorization": f"Api-Token {made.json['key']}"}
    works = app.test_client().post(MENTORS, json=NEW, headers=headers)
    listed = office.get(f"{TOKENS}?platform_key=acme")
    gone = office.delete(f"{TOKENS}nightly?platform_key=acme")

    dead = app.test_client().post(MENTORS, json=NEW, headers=headers)
    assert (made.status_code, made.headers["Cache-Control"]) == (201, "no-store")
    assert works.status_code == 201
    assert [each["name"] for each in listed.json] == ["nightly"]
    assert made.json["key"] not in listed.text
    assert (gone.status_code, dead.status_code) == (204, 401)
    assert office.get(TOKENS).json == []


@pytest.mark.parametrize(
    ("expires_in", "seconds"), [("3600", 3600), ("01:30:00", 5400), ("2 00:00:01", 172_801)]
)
def test_token_lasts_as_long_as_asked(office, engine, admin, expires_in, seconds):
    make_token(office, expires_in=expires_in)

    (key,) = engine.keys.list(admin.organization_id, None)
    assert abs((key.expires_at - now()).total_seconds() - seconds) < 60


@pytest.mark.parametrize(
    "fields",
    [
        {"expires_in": "soon"},
        {"expires_in": "99999 00:00:00"},
        {"expires_in": "999999:999999:999999999"},
        {"name": ""},
        {"name": 7},
        {"platform_key": None},
    ],
)
def test_token_that_cannot_be_made_is_refused(office, fields):
    assert make_token(office, **fields).status_code == 422


def test_key_with_a_name_that_mentorai_cannot_hold_is_deleted_by_its_likeness(office):
    make_token(office, name="LMS-integration-Aug 2025")

    (listed,) = office.get(TOKENS).json
    gone = office.delete(f"{TOKENS}{listed['name']}")

    assert listed["name"] == "LMS-integration-Aug_2025"
    assert gone.status_code == 204


def test_key_is_not_deleted_where_two_are_shown_by_one_name(office):
    for name in ("Aug 2025", "Aug_2025"):
        make_token(office, name=name)

    assert office.delete(f"{TOKENS}Aug_2025").status_code == 404
    assert len(office.get(TOKENS).json) == 2


def test_token_that_is_not_there_is_not_found(office):
    assert office.delete(f"{TOKENS}nobody").status_code == 404


@pytest.mark.parametrize("who", ["api", "campus"])
def test_no_key_lists_makes_or_deletes_keys(request, who):
    client = request.getfixturevalue(who)

    answers = [client.get(TOKENS), make_token(client), client.delete(f"{TOKENS}nightly")]

    assert [(each.status_code, each.json["code"]) for each in answers] == [
        (403, "session_denied")
    ] * 3


@pytest.mark.parametrize("text", ["", "mas_", "mas_x.y.z", "mas_" + "a" * 5_000, "nonsense"])
def test_token_that_is_none_is_refused(client, text):
    answer = client.get(TOKENS, headers={"Authorization": f"Api-Token {text}"})

    assert answer.status_code == 401


def test_admin_token_ends_with_its_hour(office):
    with time_machine.travel(now() + timedelta(minutes=61)):
        answer = office.get(TOKENS)

    assert (answer.status_code, answer.json["code"]) == (401, "key_expired")


def test_admin_token_ends_when_its_person_signs_out(office, engine, admin):
    engine.admins.sign_out(admin.id)

    assert office.get(TOKENS).json["code"] == "key_expired"


def test_admin_token_opens_nothing_else(office, mentor):
    assert office.get("/api/v1/key").status_code == 401
    assert office.get(documents(mentor.id)).status_code == 401


def test_answer_is_from_the_documents_of_the_filter_alone(client, api, mentor, dataset):
    text = {"name": "Other", "text": "# Elsewhere\n\nThe scar is in the north."}
    other = api.post("/api/v1/datasets", json=text).json["id"]
    session_id = client.post(SESSIONS, json={}).json["session_id"]
    listed = api.get(documents(mentor.id)).json["results"]
    number = next(one["id"] for one in listed if one["document_id"] == other)

    for named in ([other], [number]):
        ask(api, session_id, mentor.slug, document_filter=named).get_data()
    ask(api, session_id, mentor.slug, document_filter=None).get_data()

    turns = api.get(f"/api/v1/sessions/{session_id}/messages").json["results"]
    cited = [{source["dataset"] for source in turn["sources"]} for turn in turns]
    assert cited[:2] == [{other}, {other}]
    assert dataset.id in cited[2]


@pytest.mark.parametrize(
    ("named", "status"), [(["nobody's"], 404), ([7], 404), ({"week": 5}, 422), (["x"] * 101, 422)]
)
def test_filter_that_cannot_be_honoured_is_refused(api, client, mentor, named, status):
    session_id = client.post(SESSIONS, json={}).json["session_id"]

    answer = ask(api, session_id, mentor.slug, document_filter=named)

    assert answer.status_code == status
    assert api.get("/api/v1/sessions").json["count"] == 0
