"""Malformed tokens and bodies: never a 500, never a session, never a used-up ticket."""

import base64
import json
import time
from typing import Any

import requests
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from mentorai.plugins.sandbox.certification.browser import HTML
from mentorai.plugins.sandbox.certification.forge import PLAIN, assemble, change, sign
from mentorai.plugins.sandbox.certification.stage import HELD, Attempt, Stage
from mentorai.plugins.sandbox.oidc import AGS, CLAIM, DEEP_LINK, NRPS

BOUND_SECONDS = 10.0
few = settings(
    max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)

texts = st.text(max_size=40)
json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | texts,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(texts, inner, max_size=4),
    max_leaves=10,
)
claims = st.sampled_from(
    [
        *PLAIN,
        *(
            f"{CLAIM}/{name}"
            for name in (
                *("message_type", "version", "deployment_id", "target_link_uri", "roles"),
                *("resource_link", "context", "tool_platform", "launch_presentation", "custom"),
            )
        ),
        f"{AGS}/claim/endpoint",
        f"{NRPS}/claim/namesroleservice",
        f"{DEEP_LINK}/deep_linking_settings",
    ]
)
headers = st.dictionaries(
    st.sampled_from(["alg", "kid", "typ", "jku", "x5u", "jwk", "crit", "b64", "zip"]), json_values
)
fields = st.sampled_from(
    [
        *("iss", "login_hint", "client_id", "target_link_uri", "lti_message_hint"),
        *("lti_deployment_id", "lti_storage_target", "state", "id_token", "error"),
    ]
)
forms = st.dictionaries(fields | texts, texts | st.text(min_size=300, max_size=6_000), max_size=8)
content_types = st.sampled_from(
    [
        *("application/x-www-form-urlencoded", "multipart/form-data; boundary=x", "text/plain"),
        *(
            "multipart/form-data",
            "application/json",
            "application/x-www-form-urlencoded; charset=x",
        ),
    ]
)


def send(stage: Stage, path: str, **options: Any) -> requests.Response:
    """POST anything, as somebody new, and look at what no answer may ever be."""
    before, began = stage.count(), time.monotonic()
    headers = {"Accept": HTML} | options.pop("headers", {})
    answer = requests.post(
        f"{stage.tool_url}{path}", headers=headers, allow_redirects=False, timeout=30, **options
    )
    assert answer.status_code < 500
    assert time.monotonic() - began < BOUND_SECONDS
    assert not HELD.search(answer.text + answer.headers.get("Location", ""))
    assert stage.count() == before
    return answer


def refuse(attempt: Attempt, token: str) -> None:
    """Post what cannot be good; the ticket is as good as before."""
    stage = attempt.stage
    before, began = stage.count(), time.monotonic()
    answer = attempt.post(token)
    assert 400 <= answer.status_code < 500
    assert time.monotonic() - began < BOUND_SECONDS
    assert not HELD.search(answer.text)
    assert stage.count() == before
    attempt.finish()


@few
@given(form=forms)
def test_login_with_any_form_leads_nowhere_else(stage: Stage, form: dict[str, str]) -> None:
    answer = send(stage, "/lti/login", data=form)

    assert 400 <= answer.status_code < 500


@few
@given(extra=forms, known=st.sets(st.sampled_from(["iss", "client_id", "login_hint"])))
def test_login_with_some_good_fields_leads_to_the_platform_or_nowhere(
    stage: Stage, extra: dict[str, str], known: set[str]
) -> None:
    course, item = stage.find_place("tidal-pools", "tides-mentor")
    good = stage.find_login(stage.registration, course, item).fields

    answer = send(stage, "/lti/login", data=extra | {name: good[name] for name in known})

    if answer.status_code in (302, 303):
        assert answer.headers["Location"].startswith(stage.registration.auth_url)


@few
@given(
    path=st.sampled_from(["/lti/login", "/lti/launch"]),
    body=st.binary(max_size=2_000),
    content_type=content_types,
)
def test_any_bytes_are_refused(stage: Stage, path: str, body: bytes, content_type: str) -> None:
    answer = send(stage, path, data=body, headers={"Content-Type": content_type})

    assert 400 <= answer.status_code < 500


@few
@given(form=forms)
def test_launch_with_any_form_is_refused(stage: Stage, form: dict[str, str]) -> None:
    answer = send(stage, "/lti/launch", data=form)

    assert 400 <= answer.status_code < 500


@few
@given(header=headers, body=st.binary(max_size=400), signature=st.binary(max_size=300))
def test_launch_with_any_unsigned_token_is_refused(
    stage: Stage, header: dict[str, Any], body: bytes, signature: bytes
) -> None:
    attempt = stage.begin()

    refuse(attempt, assemble(header, body, signature))


@few
@given(header=headers)
def test_launch_under_any_header_over_good_claims_is_refused_without_its_signature(
    stage: Stage, header: dict[str, Any]
) -> None:
    attempt = stage.begin()

    refuse(attempt, assemble(header, dict(attempt.claims), b"x" * 256))


@few
@given(body=st.binary(max_size=400) | json_values.map(lambda v: json.dumps(v).encode()))
def test_launch_of_any_signed_body_without_claims_is_refused(stage: Stage, body: bytes) -> None:
    attempt = stage.begin()
    key = stage.platform.house.platform.keys.signing_key()

    refuse(attempt, sign(body, key))


@few
@given(
    token=st.text(max_size=300)
    | st.lists(st.binary(max_size=60), max_size=5).map(
        lambda parts: ".".join(base64.urlsafe_b64encode(part).decode() for part in parts)
    )
)
def test_launch_of_any_text_is_refused(stage: Stage, token: str) -> None:
    refuse(stage.begin(), token)


@few
@given(changes=st.dictionaries(claims, json_values, min_size=1, max_size=4))
def test_launch_of_any_signed_claims_is_let_in_or_refused(
    stage: Stage, changes: dict[str, Any]
) -> None:
    """What the platform signs may be odd; it is taken for what it says, or nothing is used up."""
    attempt = stage.begin()
    key = stage.platform.house.platform.keys.signing_key()
    began = time.monotonic()

    answer = attempt.post(sign(change(attempt.claims, changes), key))

    assert answer.status_code < 500
    assert time.monotonic() - began < BOUND_SECONDS
    if answer.status_code >= 400:
        attempt.finish()
