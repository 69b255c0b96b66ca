"""/sso/validate and /sso/tickets, as a portal's server meets them."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from urllib.parse import urlsplit

import pytest
import time_machine

from mentorai.core.clock import now
from mentorai.core.engine import Engine
from mentorai.core.errors import PlatformUnavailable
from mentorai.core.hookspecs import hookimpl
from mentorai.core.scopes import PROVISIONING_SCOPES
from mentorai.core.values import Identity, Role
from mentorai.lti.launch import name_opened
from mentorai.web.page_tokens import issue_token
from tests.fakes.visitor import BINDING, Visitor, open_session

VALIDATE, TICKETS = "/api/v1/sso/validate", "/api/v1/sso/tickets"
PORTAL = "https://portal.example.edu"
INACTIVE = {
    "active": False,
    "kind": None,
    "user": None,
    "roles": [],
    "expires_at": None,
    "mentor": None,
    "context_id": None,
}


class CampusDesk:
    """A sign-on plugin: two credentials, and one for which its provider cannot be reached."""

    def __init__(self) -> None:
        self.asked: list[tuple[str, str]] = []

    @hookimpl
    def validate_credential(self, organization_id: str, credential: str) -> Identity | None:
        self.asked.append((organization_id, credential))
        if credential == "unreachable":
            raise PlatformUnavailable
        if not credential.startswith("campus-"):
            return None
        return Identity(
            "desk:campus",
            credential.removeprefix("campus-"),
            now().replace(microsecond=0) + timedelta(minutes=5),
            name="Ada Lovelace",
            email="ada@campus.example",
            roles=("learner",),
        )


@pytest.fixture
def desk() -> CampusDesk:
    return CampusDesk()


@pytest.fixture
def engine(settings, desk) -> Iterator[Engine]:
    engine = Engine.open(settings, plugins=[("desk", desk)])
    yield engine
    engine.close()


def validate(client, credential, **options):
    answer = client.post(VALIDATE, json={"credential": credential}, **options)
    assert answer.status_code == 200, answer.text
    return answer.json


def order(client, **more):
    body = {"user": {"id": "ada", "name": "Ada"}, "allowed_origins": [PORTAL]} | more
    return client.post(TICKETS, json={k: v for k, v in body.items() if v is not None})


def open_url(app, url, binding=""):
    """A browser opens the address that a portal's page frames."""
    parts = urlsplit(url)
    visitor = Visitor(app, binding=binding)
    return visitor, visitor.get(f"{parts.path}?{parts.query}")


def test_session_of_a_launch_is_active(api, engine, mentor):
    session = open_session(engine, mentor)

    found = validate(api, session.id)

    assert found["active"] is True
    assert found["kind"] == "lti_session"
    assert found["user"] == {"id": session.person_id, "name": "Ana Souza", "email": None}
    assert found["roles"] == ["learner"]
    assert found["expires_at"][:19] == session.expires_at.isoformat()[:19]
    assert (found["mentor"], found["context_id"]) == (mentor.id, session.context_id)


def test_page_token_and_id_token_stand_for_their_session(app, api, engine, mentor, session):
    page_session = open_session(engine, mentor)
    with app.app_context():
        token = issue_token(page_session.id)
    engine.sessions.open(
        None,
        organization_id=mentor.organization_id,
        mentor_id=mentor.id,
        person_id=page_session.person_id,
        role=page_session.role,
        expires_at=page_session.expires_at,
        registration_id="registration",
        binding=BINDING,
        session_id=name_opened("head.claims.signature"),
    )

    assert validate(api, token)["active"] is True
    assert validate(api, "head.claims.signature")["active"] is True
    assert validate(api, token[:-1])["active"] is False


@pytest.mark.parametrize(
    "credential",
    [
        "x",
        "7b0e3f0a-58c7-4f0e-9f0b-0a3d5b1f2c11",
        "a.b.c",
        "x" * 48_000,
        "ü\u202e",
        "' OR 1=1 --",
    ],
    ids=["short", "unknown id", "no token", "huge", "unicode", "hostile"],
)
def test_what_is_not_good_is_inactive_and_no_error(api, credential):
    assert validate(api, credential) == INACTIVE


def test_session_is_inactive_once_it_ended_or_ran_out(api, engine, mentor):
    ended, lapsing = open_session(engine, mentor), open_session(engine, mentor, hours=1)
    engine.end_session(ended, "signed_out")

    with time_machine.travel(now() + timedelta(hours=1, seconds=1), tick=False):
        assert validate(api, lapsing.id) == INACTIVE
    assert validate(api, ended.id) == INACTIVE
    assert validate(api, lapsing.id)["active"] is True


def test_session_of_another_mentor_is_inactive(client, engine, make_key, mentor):
    other = engine.mentors.add(mentor.organization_id, "Deep Sea")
    headers = {"X-API-Key": make_key(mentor_id=other.id)}

    assert validate(client, open_session(engine, mentor).id, headers=headers) == INACTIVE


def test_provisioning_key_sees_every_session_of_its_organization_and_no_other(
    client, engine, mentor
):
    far = engine.organizations.put("far", "Far away")
    keys = [
        engine.keys.issue(
            where,
            None,
            kind="provisioning",
            name="Portal",
            scopes=list(PROVISIONING_SCOPES),
            expires_at=None,
            author="it",
        ).text
        for where in (mentor.organization_id, far.id)
    ]
    session = open_session(engine, mentor)

    seen = [validate(client, session.id, headers={"X-API-Key": key})["active"] for key in keys]

    assert seen == [True, False]


def test_provisioning_key_may_name_the_mentor_whose_sessions_it_means(client, engine, mentor):
    other = engine.mentors.add(mentor.organization_id, "Deep Sea")
    key = engine.keys.issue(
        mentor.organization_id,
        None,
        kind="provisioning",
        name="Portal",
        scopes=["sso:validate"],
        expires_at=None,
        author="it",
    ).text
    body, headers = {"credential": open_session(engine, mentor).id}, {"X-API-Key": key}

    seen = [
        client.post(f"/api/v1/mentors/{each.slug}/sso/validate", json=body, headers=headers).json[
            "active"
        ]
        for each in (mentor, other)
    ]

    assert seen == [True, False]


def test_campus_credential_is_asked_of_plugins_and_names_whom_the_mentor_has_met(
    app, api, desk, mentor
):
    before = validate(api, "campus-ada")
    ticket = order(api, user=None, credential="campus-ada").json
    open_url(app, ticket["url"])
    after = validate(api, "campus-ada")

    assert before["active"] is True
    assert before["kind"] == "campus"
    assert before["user"] == {"id": None, "name": "Ada Lovelace", "email": "ada@campus.example"}
    assert after["user"]["id"] == ticket["user"]
    assert before["roles"] == ["learner"]
    assert (mentor.organization_id, "campus-ada") in desk.asked


def test_person_whom_another_mentor_met_is_not_named(app, client, api, engine, make_key, mentor):
    open_url(app, order(api, user=None, credential="campus-ada").json["url"])
    other = engine.mentors.add(mentor.organization_id, "Deep Sea")
    headers = {"X-API-Key": make_key(mentor_id=other.id)}

    assert validate(client, "campus-ada", headers=headers)["user"]["id"] is None


def test_provider_that_cannot_be_asked_is_not_taken_for_a_no(api):
    answer = api.post(VALIDATE, json={"credential": "unreachable"})

    assert (answer.status_code, answer.json["code"]) == (503, "platform_unavailable")
    assert answer.headers["Retry-After"]


@pytest.mark.parametrize("body", [{}, {"credential": ""}, {"credential": "x" * 48_001}, {"x": 1}])
def test_nothing_to_validate_is_said_by_field(api, body):
    answer = api.post(VALIDATE, json=body)

    assert (answer.status_code, answer.json["code"]) == (422, "validation_failed")


def test_ticket_opens_the_mentor_once_for_its_person_in_the_portals_frame(app, api, engine):
    ticket = order(api).json
    visitor, answer = open_url(app, ticket["url"])

    page = visitor.follow(answer)
    page = visitor.follow(page) if page.status_code == 303 else page

    assert page.status_code == 200
    assert "Tidal Pools" in page.text
    policy = page.headers["Content-Security-Policy"]
    assert f"frame-ancestors 'self' {PORTAL}" in policy
    found = validate(api, ticket["session"])
    assert (found["kind"], found["roles"]) == ("session", ["learner"])
    assert found["user"] == {"id": ticket["user"], "name": "Ada", "email": None}
    again = open_url(app, ticket["url"])[1]
    assert again.status_code == 410
    assert "ticket_invalid" in again.text
    assert "X-Frame-Options" not in again.headers


def test_of_many_browsers_with_one_ticket_one_comes_in(app, api):
    url = order(api).json["url"]

    with ThreadPoolExecutor(6) as pool:
        answers = list(pool.map(lambda _: open_url(app, url)[1].status_code, range(6)))

    assert sorted(answers) == [303, 410, 410, 410, 410, 410]


def test_ticket_is_good_for_a_minute(app, api):
    url = order(api).json["url"]

    with time_machine.travel(now() + timedelta(seconds=61), tick=False):
        assert open_url(app, url)[1].status_code == 410


def test_session_of_a_ticket_nobody_used_is_not_active(api):
    assert validate(api, order(api).json["session"]) == INACTIVE


def test_looking_at_a_tickets_address_does_not_use_it_up(app, api):
    url = urlsplit(order(api).json["url"])

    looked = app.test_client().head(f"{url.path}?{url.query}")

    assert looked.status_code == 204
    assert open_url(app, url.geturl())[1].status_code == 303


def test_same_person_of_a_portal_is_the_same_person_here_within_one_mentor(
    client, api, engine, make_key, mentor
):
    other = engine.mentors.add(mentor.organization_id, "Deep Sea")
    headers = {"X-API-Key": make_key(mentor_id=other.id)}
    body = {"user": {"id": "ada"}, "allowed_origins": [PORTAL]}

    first, second = order(api).json["user"], order(api, user={"id": "ada"}).json["user"]
    elsewhere = client.post(TICKETS, json=body, headers=headers).json["user"]

    assert first == second != elsewhere


def test_portal_cannot_name_a_person_of_the_lms(api, engine, mentor, session):
    """A key that lets people in lets nobody in as somebody else."""
    for named in (session.person_id, "sub-1"):
        assert order(api, user={"id": named}).json["user"] != session.person_id


def test_guest_opens_no_admin(app, api):
    ticket = order(api).json
    visitor, _ = open_url(app, ticket["url"])

    page = visitor.get(f"/s/{ticket['session']}/admin/")

    assert page.status_code == 403


def test_ticket_leads_to_the_quiz_that_it_names_and_to_no_other_mentors(
    app, api, client, engine, make_key, mentor, quiz
):
    other = engine.mentors.add(mentor.organization_id, "Deep Sea")
    headers = {"X-API-Key": make_key(mentor_id=other.id)}
    body = {"user": {"id": "ada"}, "allowed_origins": [PORTAL], "quiz": quiz.id}

    opened = open_url(app, order(api, quiz=quiz.id).json["url"])[1]

    assert urlsplit(opened.headers["Location"]).path.endswith("/quiz/")
    assert client.post(TICKETS, json=body, headers=headers).status_code == 404


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("allowed_origins", []),
        ("allowed_origins", ["*"]),
        ("allowed_origins", ["https://*.edu"]),
        ("allowed_origins", ["https://a.example;script-src"]),
        ("allowed_origins", ["https://a.example 'unsafe-inline'"]),
        ("allowed_origins", ["https://a.example/path"]),
        ("allowed_origins", ["https://a.example\n"]),
        ("allowed_origins", ["javascript://a.example"]),
        ("allowed_origins", [PORTAL] * 11),
        ("user", {"id": ""}),
        ("user", {"id": "x" * 256}),
        ("user", {"id": "ada", "role": "instructor"}),
        ("user", None),
        ("credential", "campus-ada"),
        ("credential", "x"),
    ],
)
def test_ticket_that_is_wrong_is_refused_by_field(api, field, value):
    answer = order(api, **{field: value})

    assert answer.status_code == 422
    assert any(name.startswith((field, "user", "credential")) for name in answer.json["errors"])


def test_origin_with_more_than_a_host_is_told_how_one_looks(api):
    errors = order(api, allowed_origins=["https://Portal.example.edu/"]).json["errors"]

    assert errors["allowed_origins.0"][0].endswith("as in https://portal.example.edu.")


def test_credential_that_nobody_vouches_for_gives_no_ticket(api):
    answer = order(api, user=None, credential="stranger")

    assert answer.status_code == 422
    assert list(answer.json["errors"]) == ["credential"]
    assert "stranger" not in answer.text


def test_person_signs_out_of_a_portals_page(app, api, engine):
    ticket = order(api).json
    visitor, _ = open_url(app, ticket["url"])
    page = visitor.get(f"/s/{ticket['session']}/")

    answer = visitor.post(f"/s/{ticket['session']}/end")

    assert f'action="/s/{ticket["session"]}/end"' in page.text
    assert "You are signed out" in answer.text
    assert visitor.get(f"/s/{ticket['session']}/").status_code == 403
    assert validate(api, ticket["session"]) == INACTIVE


def test_staff_sign_out_of_the_admin_in_their_course(app, api, engine, mentor):
    session = open_session(engine, mentor, Role.INSTRUCTOR)
    visitor = Visitor(app)
    page = visitor.follow(visitor.get(f"/s/{session.id}/admin/"))

    visitor.post(f"/s/{session.id}/end")

    assert f'action="/s/{session.id}/end"' in page.text
    assert validate(api, session.id) == INACTIVE
