"""/lti/notices, through the whole application, with the platform at the wire."""

import json
import threading
import time
from collections.abc import Iterator
from typing import Any

import pytest
import responses
from flask.testing import FlaskClient
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from mentorai.core.engine import Engine
from mentorai.core.settings import Settings
from mentorai.lti.notices import BODY_BYTES
from mentorai.lti.registrations import Registration
from mentorai.lti.tool import Tool
from mentorai.plugins import lti_launch
from mentorai.web.app import create_app
from tests.fakes.signing_platform import (
    CLAIM,
    CLIENT_ID,
    DEPLOYMENT,
    ISSUER,
    SigningPlatform,
    make_key,
)
from tests.fakes.signing_platform import edit as edit_claims

COPY, HELLO = "LtiContextCopyNotice", "LtiHelloWorldNotice"


@pytest.fixture
def engine(settings: Settings) -> Iterator[Engine]:
    engine = Engine.open(settings, plugins=[("lti_launch", lti_launch)])
    yield engine
    engine.close()


@pytest.fixture
def platform(engine: Engine) -> Iterator[SigningPlatform]:
    with responses.RequestsMock(assert_all_requests_are_fired=False) as wire:
        platform = SigningPlatform(wire, engine.settings.public_url)
        platform.publish()
        yield platform


@pytest.fixture
def registration(engine: Engine, platform: SigningPlatform) -> Registration:
    organization = engine.organizations.get()
    return engine.room(Tool).registrations.add(organization.id, **platform.facts())


@pytest.fixture
def client(engine: Engine, registration: Registration) -> FlaskClient:
    return create_app(engine).test_client()


def make_notice(kind: str = COPY, **changes: Any) -> dict[str, Any]:
    """A notice as a platform sends it; None leaves a claim out."""
    moment = int(time.time())
    claims: dict[str, Any] = {
        "iss": ISSUER,
        "aud": CLIENT_ID,
        "iat": moment,
        "exp": moment + 300,
        "nonce": "n-1",
        f"{CLAIM}version": "1.3.0",
        f"{CLAIM}deployment_id": DEPLOYMENT,
        f"{CLAIM}notice": {"id": "1", "timestamp": "2026-11-24T12:00:00Z", "type": kind},
    }
    if kind == COPY:
        claims[f"{CLAIM}context"] = {"id": "autumn", "title": "Autumn"}
        claims[f"{CLAIM}origin_contexts"] = ["spring"]
    return edit_claims(claims, changes)


def send(client: FlaskClient, *tokens: str) -> Any:
    return client.post("/lti/notices", json={"notices": [{"jwt": token} for token in tokens]})


def origins(engine: Engine) -> list[tuple[str, str]]:
    """What is kept of copied courses: the copy and its origin."""
    with engine.database.read() as connection:
        rows = connection.exec_driver_sql(
            "SELECT lms_context_id, origin_context_id FROM context_copies ORDER BY ordinal"
        )
        return [(row[0], row[1]) for row in rows]


def kinds(engine: Engine, registration: Registration) -> list[str]:
    tool = engine.room(Tool)
    return [n.kind for n in tool.notices.list(registration.organization_id, registration.id)]


def test_notice_of_a_copied_course_is_taken(
    client: FlaskClient, engine: Engine, platform: SigningPlatform
) -> None:
    answer = send(client, platform.sign(make_notice()))

    assert (answer.status_code, answer.json) == (200, {"new": 1})
    assert origins(engine) == [("autumn", "spring")]


def test_repeated_notice_is_thanked_for_and_changes_nothing(
    client: FlaskClient, engine: Engine, platform: SigningPlatform
) -> None:
    token = platform.sign(make_notice())
    send(client, token)

    answers = [send(client, token), send(client, token, token)]
    signed_anew = send(client, platform.sign(make_notice(nonce="n-2")))

    assert [a.json for a in (*answers, signed_anew)] == [{"new": 0}] * 3
    assert origins(engine) == [("autumn", "spring")]


def test_notice_that_arrives_many_times_at_once_counts_once(
    client: FlaskClient, engine: Engine, platform: SigningPlatform, registration: Registration
) -> None:
    body = json.dumps({"notices": [{"jwt": platform.sign(make_notice())}]}).encode()
    taken: list[int] = []
    threads = [
        threading.Thread(target=lambda: taken.append(engine.room(Tool).notices.take(body)))
        for _ in range(6)
    ]

    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert sorted(taken) == [0, 0, 0, 0, 0, 1]
    assert kinds(engine, registration) == [COPY]


@pytest.mark.parametrize("kind", [HELLO, "LtiSomethingOfTomorrowNotice"])
def test_notice_of_another_kind_is_taken_and_does_nothing(
    client: FlaskClient,
    engine: Engine,
    platform: SigningPlatform,
    registration: Registration,
    kind: str,
) -> None:
    answer = send(client, platform.sign(make_notice(kind)))

    assert answer.status_code == 200
    assert origins(engine) == []
    assert kinds(engine, registration) == [kind]


def test_notice_that_was_signed_hours_ago_is_taken_while_it_lasts(
    client: FlaskClient, platform: SigningPlatform
) -> None:
    moment = int(time.time())

    answer = send(client, platform.sign(make_notice(iat=moment - 7_200, exp=moment + 60)))

    assert answer.status_code == 200


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"iss": "https://elsewhere.example"}, "unknown_registration"),
        ({"iss": None}, "claim_missing"),
        ({"aud": "another-client"}, "unknown_registration"),
        ({"aud": [CLIENT_ID, "other"]}, "token_invalid"),
        ({"deployment_id": "9"}, "unknown_deployment"),
        ({"deployment_id": None}, "claim_missing"),
        ({"version": "1.2"}, "message_unsupported"),
        ({"version": None}, "message_unsupported"),
        ({"exp": 1_000}, "token_expired"),
        ({"iat": int(time.time()) + 3_600}, "token_out_of_time"),
        ({"exp": None}, "claim_missing"),
        ({"notice": None}, "claim_missing"),
        ({"notice": []}, "claim_missing"),
        ({"notice": {"id": "1"}}, "claim_missing"),
        ({"notice": {"id": "1", "type": 7}}, "claim_missing"),
        ({"notice": {"id": "1", "type": "x" * 65}}, "token_invalid"),
        ({"notice": {"type": COPY}, "nonce": None}, "claim_missing"),
        ({"context": None}, "claim_missing"),
        ({"context": {"id": "x" * 256}}, "token_invalid"),
        ({"origin_contexts": None}, "claim_missing"),
        ({"origin_contexts": []}, "claim_missing"),
        ({"origin_contexts": "spring"}, "claim_missing"),
        ({"origin_contexts": ["spring", 7]}, "token_invalid"),
        ({"origin_contexts": ["\n"]}, "token_invalid"),
    ],
)
def test_notice_is_refused_and_leaves_nothing_when_a_claim_is_wrong(
    client: FlaskClient,
    engine: Engine,
    platform: SigningPlatform,
    registration: Registration,
    changes: dict[str, Any],
    code: str,
) -> None:
    answer = send(client, platform.sign(make_notice(**changes)))

    assert answer.mimetype == "application/problem+json"
    assert (answer.status_code, answer.json["code"]) == (400, code)
    assert kinds(engine, registration) == []
    assert origins(engine) == []


def test_notice_that_was_refused_for_what_it_lacked_can_come_again_mended(
    client: FlaskClient, engine: Engine, platform: SigningPlatform
) -> None:
    send(client, platform.sign(make_notice(origin_contexts=None)))

    answer = send(client, platform.sign(make_notice()))

    assert answer.json == {"new": 1}


@pytest.mark.parametrize(
    ("header", "key"),
    [
        ({"kid": "unknown"}, "k1"),
        ({"kid": None}, "k1"),
        ({"kid": "k1"}, "of a stranger"),
    ],
)
def test_forged_notice_is_refused(
    client: FlaskClient,
    engine: Engine,
    platform: SigningPlatform,
    header: dict[str, Any],
    key: str,
) -> None:
    token = platform.sign(make_notice(), key=make_key(key), header=header)

    answer = send(client, token)

    assert answer.status_code == 400
    assert answer.json["code"] in ("token_invalid", "signing_key_unknown", "signature_invalid")
    assert origins(engine) == []


def test_id_token_of_a_launch_is_no_notice(
    client: FlaskClient, engine: Engine, platform: SigningPlatform
) -> None:
    answer = send(client, platform.sign(platform.claims("n")))

    assert answer.status_code == 400
    assert origins(engine) == []


def test_notice_of_a_disabled_registration_is_refused(
    client: FlaskClient, engine: Engine, platform: SigningPlatform, registration: Registration
) -> None:
    engine.room(Tool).registrations.disable(registration.organization_id, registration.id)

    assert send(client, platform.sign(make_notice())).status_code == 400


def test_good_notices_are_taken_beside_a_bad_one(
    client: FlaskClient, engine: Engine, platform: SigningPlatform
) -> None:
    good = platform.sign(make_notice())

    answer = send(client, "garbage", good)

    assert answer.status_code == 400
    assert origins(engine) == [("autumn", "spring")]


def test_platform_is_to_send_again_while_its_keys_cannot_be_had(
    client: FlaskClient, engine: Engine, platform: SigningPlatform
) -> None:
    platform.publish(status=500)
    token = platform.sign(make_notice())

    answer = send(client, token)

    assert answer.status_code == 503
    assert "Retry-After" in answer.headers


@pytest.mark.parametrize(
    ("body", "status"),
    [
        (b"", 422),
        (b"{", 422),
        (b"[]", 422),
        (b"null", 422),
        (b'"notices"', 422),
        (b'{"notices": {}}', 422),
        (b'{"notices": [1]}', 422),
        (b'{"notices": [{"jwt": 7}]}', 422),
        (b'{"notices": [{"jwt": ""}]}', 422),
        (b'{"notices": [' + b",".join([b'{"jwt": "x"}'] * 101) + b"]}", 422),
        (b"[" * 100_000, 422),
        (b"\xff\xfe", 422),
        (b'{"notices": []}', 200),
        (b" " * (BODY_BYTES + 1), 413),
    ],
)
def test_delivery_is_refused_when_it_is_none(client: FlaskClient, body: bytes, status: int) -> None:
    answer = client.post("/lti/notices", data=body, content_type="application/json")

    assert answer.status_code == status


values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=9), inner),
    max_leaves=8,
)
NAMES = ["iss", "aud", "exp", "nonce", "notice", "context", "origin_contexts", "deployment_id"]


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(name=st.sampled_from(NAMES), value=values)
def test_signed_notice_of_any_shape_is_taken_or_refused(
    client: FlaskClient, platform: SigningPlatform, name: str, value: Any
) -> None:
    answer = send(client, platform.sign(make_notice(**{name: value})))

    assert answer.status_code in (200, 400)
