"""Campus sign-on and everything that a provider, or somebody in its place, may send.

The provider is a fake at the wire, since no real one signs what must be refused.
"""

import json
import shutil
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
import responses
from click.testing import CliRunner
from joserfc import jwt
from joserfc.jwk import RSAKey

from mentorai.core.engine import Engine
from mentorai.core.errors import ConfigurationError, PlatformUnavailable
from mentorai.core.settings import Settings
from mentorai.plugins import oidc_sso
from mentorai.plugins.oidc_sso.command_line import sign_on
from mentorai.plugins.oidc_sso.providers import read_providers
from mentorai.plugins.oidc_sso.tokens import LOGOUT_EVENT
from mentorai.web.app import create_app

ISSUER = "https://login.campus.example"
CONFIGURATION = f"""
[[providers]]
name = "campus"
title = "Campus account"
issuer = "{ISSUER}"
client_id = "mentorai"
client_secret = "secret"
groups_claim = "realm_access.roles"
audiences = ["portal"]
roles = {{ administrator = ["it"], learner = ["students"] }}
"""
METADATA = {
    "issuer": ISSUER,
    "authorization_endpoint": f"{ISSUER}/auth",
    "token_endpoint": f"{ISSUER}/token",
    "jwks_uri": f"{ISSUER}/keys",
    "userinfo_endpoint": f"{ISSUER}/me",
}


@pytest.fixture(scope="module")
def key() -> RSAKey:
    return RSAKey.generate_key(2048, parameters={"kid": "key-1", "use": "sig", "alg": "RS256"})


@pytest.fixture(scope="module")
def forger() -> RSAKey:
    return RSAKey.generate_key(2048, parameters={"kid": "key-1", "use": "sig", "alg": "RS256"})


def write_providers(folder: Path, text: str = CONFIGURATION, mode: int = 0o600) -> None:
    path = folder / "oidc.toml"
    path.write_text(text)
    path.chmod(mode)


# One for the whole module: what is refused leaves nothing behind, and that is what is tested.
@pytest.fixture(scope="module")
def engine(tmp_path_factory, tables) -> Iterator[Engine]:
    folder = tmp_path_factory.mktemp("tokens")
    shutil.copyfile(tables, folder / tables.name)
    write_providers(folder)
    engine = Engine.open(
        Settings(data_dir=folder, allow_loopback_platforms=True), plugins=[("oidc_sso", oidc_sso)]
    )
    yield engine
    engine.close()


@pytest.fixture
def new_engine(settings) -> Iterator[Engine]:
    """One that knows nothing of the provider yet."""
    write_providers(settings.data_dir)
    engine = Engine.open(settings, plugins=[("oidc_sso", oidc_sso)])
    yield engine
    engine.close()


@pytest.fixture
def wire(key) -> Iterator[responses.RequestsMock]:
    with responses.RequestsMock(assert_all_requests_are_fired=False) as wire:
        wire.get(f"{ISSUER}/.well-known/openid-configuration", json=METADATA)
        wire.get(f"{ISSUER}/keys", json={"keys": [key.as_dict(private=False)]})
        yield wire


@pytest.fixture(scope="module")
def app(engine):
    return create_app(engine)


@pytest.fixture
def client(app, wire):
    return app.test_client()


def sign(key: RSAKey, claims: dict[str, Any], **header: Any) -> str:
    text: str = jwt.encode({"alg": "RS256", "kid": "key-1"} | header, claims, key)
    return text


def id_claims(**changes: Any) -> dict[str, Any]:
    said = {"email": "ada@campus.example", "realm_access": {"roles": ["it", "staff"]}}
    return make_claims(300, said | changes)


def logout_claims(**changes: Any) -> dict[str, Any]:
    return make_claims(120, {"jti": "word-1", "events": {LOGOUT_EVENT: {}}} | changes)


def make_claims(valid_seconds: int, said: dict[str, Any]) -> dict[str, Any]:
    """What every token of the campus says, and what is said besides; a None leaves a claim out."""
    moment = int(time.time())
    claims = {
        "iss": ISSUER,
        "aud": "mentorai",
        "sub": "ada",
        "iat": moment,
        "exp": moment + valid_seconds,
    } | said
    return {name: value for name, value in claims.items() if value is not None}


def find(engine, organization, credential):
    return engine.plugins.ask_first(
        "validate_credential",
        engine=engine,
        organization_id=organization.id,
        credential=credential,
    )


def test_good_token_names_its_person_with_roles(engine, organization, wire, key):
    found = find(engine, organization, sign(key, id_claims(sid="sid-1")))

    assert (found.authority, found.subject) == ("oidc:campus", "ada")
    assert found.roles == ("administrator",)
    assert found.sign_on_id == "sid-1"
    assert found.matches_email is False


def test_every_client_of_one_issuer_is_known_and_a_mistyped_organization_stops_none(
    settings, wire, key
):
    second = CONFIGURATION.replace('"campus"', '"second"').replace('"mentorai"', '"students"')
    lost = CONFIGURATION.replace('"campus"', '"lost"') + '\norganization = "nowhere"\n'
    write_providers(settings.data_dir, f"{lost}\n{CONFIGURATION}\n{second}")
    engine = Engine.open(settings, plugins=[("oidc_sso", oidc_sso)])

    found = [
        find(engine, engine.organizations.get(), sign(key, id_claims(aud=client)))
        for client in ("mentorai", "students")
    ]

    engine.close()
    assert [one.authority for one in found] == ["oidc:campus", "oidc:second"]


def test_access_token_for_the_portal_counts_and_its_sign_on_is_not_ours(
    engine, organization, wire, key
):
    found = find(engine, organization, sign(key, id_claims(aud=["portal", "x"], sid="theirs")))

    assert found.subject == "ada"
    assert found.sign_on_id is None


@pytest.mark.parametrize(
    "changes",
    [
        {"aud": "another"},
        {"aud": None},
        {"aud": {"mentorai": 1}},
        {"iss": "https://login.other.example"},
        {"iss": f"{ISSUER}/"},
        {"exp": 1},
        {"exp": None},
        {"exp": "tomorrow"},
        {"exp": float("inf")},
        {"iat": 9_999_999_999},
        {"nbf": 9_999_999_999},
        {"sub": None},
        {"sub": ""},
        {"sub": 7},
        {"sub": "x" * 256},
        {"events": {LOGOUT_EVENT: {}}},
    ],
    ids=str,
)
def test_token_that_is_not_for_us_or_not_now_vouches_for_nobody(
    engine, organization, wire, key, changes
):
    assert find(engine, organization, sign(key, id_claims(**changes))) is None


def test_forged_and_unsigned_tokens_vouch_for_nobody(engine, organization, wire, key, forger):
    good = sign(key, id_claims())
    head, body, signature = good.split(".")
    unsigned = "eyJhbGciOiJub25lIn0"
    symmetric = "eyJhbGciOiJIUzI1NiIsImtpZCI6ImtleS0xIn0"

    for text in (
        sign(forger, id_claims()),
        sign(key, id_claims(), kid="made-up"),
        f"{unsigned}.{body}.",
        f"{symmetric}.{body}.{signature}",
        f"{head}.{body[:-2]}.{signature}",
        "..",
        "a.b.c",
        "\0.\0.\0",
    ):
        assert find(engine, organization, text) is None


def test_token_is_neither_good_nor_bad_while_the_keys_cannot_be_had(new_engine, key):
    with responses.RequestsMock() as wire:
        wire.get(f"{ISSUER}/.well-known/openid-configuration", status=503)
        with pytest.raises(PlatformUnavailable):
            find(new_engine, new_engine.organizations.get(), sign(key, id_claims()))


def test_configuration_of_another_issuer_is_not_believed(new_engine, wire):
    wire.replace(
        "GET",
        f"{ISSUER}/.well-known/openid-configuration",
        json=METADATA | {"issuer": "https://evil.example"},
    )

    assert create_app(new_engine).test_client().get("/sign-on/campus").status_code == 502


def begin(client) -> dict[str, str]:
    answer = client.get("/sign-on/campus", base_url="https://localhost")
    assert answer.status_code == 303
    return {name: values[0] for name, values in parse_qs(urlsplit(answer.location).query).items()}


def finish(client, state, **more):
    return client.get(
        "/sign-on/campus/callback",
        query_string={"state": state, "code": "code-1"} | more,
        base_url="https://localhost",
    )


def serve_tokens(wire, key, asked, *, me=None, **changes):
    token = sign(key, id_claims(nonce=asked["nonce"]) | changes)
    answer = {"access_token": "at", "token_type": "Bearer", "id_token": token}
    wire.post(f"{ISSUER}/token", json=answer)
    wire.get(f"{ISSUER}/me", json=me if me is not None else {"sub": "ada"})


def test_sign_on_asks_with_proof_key_state_and_nonce_and_shows_the_verifier(client, wire, key):
    asked = begin(client)
    serve_tokens(wire, key, asked)

    answer = finish(client, asked["state"])

    assert answer.status_code == 303
    assert client.get("/admin/", base_url="https://localhost").status_code == 200
    assert asked["code_challenge_method"] == "S256"
    assert asked["redirect_uri"].endswith("/sign-on/campus/callback")
    (sent,) = [call.request for call in wire.calls if call.request.url == f"{ISSUER}/token"]
    assert "code_verifier=" in str(sent.body)
    assert str(sent.headers["Authorization"]).startswith("Basic ")


@pytest.mark.parametrize(
    "changes",
    [
        {"nonce": "another"},
        {"aud": "another"},
        {"aud": ["mentorai", "x"], "azp": "x"},
        {"iss": "https://login.other.example"},
        {"exp": 1},
        {"at_hash": "wrong"},
        {"sub": ""},
        {"realm_access": {"roles": ["students"]}},
        {"realm_access": "it"},
    ],
    ids=str,
)
def test_nobody_is_signed_in_by_a_token_that_is_not_the_answer(client, wire, key, changes):
    asked = begin(client)
    serve_tokens(wire, key, asked, **changes)

    answer = finish(client, asked["state"])

    assert (answer.status_code, "sign_on_rejected" in answer.text) == (403, True)
    assert client.get("/admin/", base_url="https://localhost").status_code == 303


def test_nobody_is_signed_in_when_the_userinfo_is_of_somebody_else(client, wire, key):
    asked = begin(client)
    serve_tokens(wire, key, asked, me={"sub": "eve"})

    assert finish(client, asked["state"]).status_code == 403


@pytest.mark.parametrize(
    "reply",
    [
        {"status": 400, "json": {"error": "invalid_grant"}},
        {"status": 200, "body": "<html>"},
        {"status": 200, "json": []},
        {"status": 200, "json": {"access_token": "at"}},
        {"status": 302, "headers": {"Location": "http://169.254.169.254/"}},
    ],
    ids=str,
)
def test_nobody_is_signed_in_by_a_broken_exchange(client, wire, reply):
    wire.post(f"{ISSUER}/token", **reply)

    answer = finish(client, begin(client)["state"])

    assert (answer.status_code, "sign_on_rejected" in answer.text) == (403, True)


@pytest.mark.parametrize(
    "more", [{"iss": "https://login.other.example"}, {"code": ""}, {"error": "access_denied"}]
)
def test_nobody_is_signed_in_by_an_answer_without_a_code_of_this_provider(client, wire, more):
    assert finish(client, begin(client)["state"], **more).status_code == 403


@pytest.mark.parametrize("state", ["", "x", "\0", "x" * 5000])
def test_nobody_is_signed_in_with_a_state_that_was_not_given(client, wire, state):
    begin(client)

    assert finish(client, state).status_code == 403


def test_unknown_provider_is_not_found(client):
    for path in ("/sign-on/none", "/sign-on/none/callback"):
        assert client.get(path).status_code == 404
    assert client.post("/sign-on/none/logout").status_code == 404


def test_logout_token_is_taken_without_any_form_token(client, wire, key):
    answer = client.post(
        "/sign-on/campus/logout", data={"logout_token": sign(key, logout_claims(sub="ben"))}
    )

    assert answer.status_code == 200
    assert answer.headers["Cache-Control"] == "no-store"


@pytest.mark.parametrize(
    "changes",
    [
        {"nonce": "n"},
        {"events": None},
        {"events": {"other": {}}},
        {"events": [LOGOUT_EVENT]},
        {"aud": "another"},
        {"iss": "https://login.other.example"},
        {"sub": None},
        {"jti": None},
        {"iat": 1},
        {"exp": 1},
        {"sub": 7},
    ],
    ids=str,
)
def test_logout_token_that_is_none_ends_nothing(engine, organization, client, wire, key, changes):
    token = sign(key, id_claims())

    answer = client.post(
        "/sign-on/campus/logout", data={"logout_token": sign(key, logout_claims(**changes))}
    )

    assert (answer.status_code, answer.json["error"]) == (400, "invalid_request")
    assert find(engine, organization, token) is not None


@pytest.mark.parametrize("text", ["", "x", "a.b.c", "x" * 60_000])
def test_logout_without_a_token_is_refused(client, wire, text):
    assert client.post("/sign-on/campus/logout", data={"logout_token": text}).status_code == 400


def test_forged_logout_token_ends_nothing(engine, organization, client, wire, key, forger):
    forged = sign(forger, logout_claims())

    answer = client.post("/sign-on/campus/logout", data={"logout_token": forged})

    assert answer.status_code == 400
    assert find(engine, organization, sign(key, id_claims())) is not None


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("providers = 1", "[[providers]]"),
        ("[[providers", "oidc.toml"),
        (CONFIGURATION + 'password = "hunter2"', "password"),
        (CONFIGURATION.replace('"campus"', '"../campus"'), "name"),
        (CONFIGURATION * 2, "two providers"),
        (CONFIGURATION.replace(ISSUER, "ftp://x"), "issuer"),
        (CONFIGURATION.replace("administrator", "emperor"), "roles"),
    ],
)
def test_wrong_file_is_explained_without_its_secrets(settings, text, said):
    write_providers(settings.data_dir, text)

    with pytest.raises(ConfigurationError) as caught:
        read_providers(settings)

    assert said in caught.value.message
    assert "hunter2" not in caught.value.message
    assert "secret" not in caught.value.message.replace("client_secret", "")


def test_file_that_others_can_read_is_refused(settings):
    write_providers(settings.data_dir, mode=0o644)

    with pytest.raises(ConfigurationError, match="chmod 600"):
        read_providers(settings)


def test_issuer_must_be_public_and_https_outside_development(settings):
    write_providers(settings.data_dir, CONFIGURATION.replace(ISSUER, "http://10.0.0.1"))

    with pytest.raises(ConfigurationError, match="https"):
        read_providers(settings.model_copy(update={"allow_loopback_platforms": False}))


def test_command_says_what_to_enter_and_whether_the_provider_answers(settings, wire):
    write_providers(settings.data_dir)
    environment = {
        "MENTORAI_DATA_DIR": str(settings.data_dir),
        "MENTORAI_DATABASE_URL": settings.database_url,
    }

    good = CliRunner().invoke(sign_on, ["check"], env=environment)
    wire.replace("GET", f"{ISSUER}/keys", json={"keys": []})
    bad = CliRunner().invoke(sign_on, ["check"], env=environment)

    assert (good.exit_code, bad.exit_code) == (0, 1), good.output
    assert "http://localhost:8000/sign-on/campus/callback" in good.output
    assert "with 1 keys" in good.output
    assert "no key that can be used" in bad.output


def test_command_says_that_there_is_no_provider(settings):
    environment = {
        "MENTORAI_DATA_DIR": str(settings.data_dir),
        "MENTORAI_DATABASE_URL": settings.database_url,
    }

    done = CliRunner().invoke(sign_on, ["check"], env=environment)

    assert (done.exit_code, "names none" in done.output) == (0, True)


def test_secret_and_tokens_reach_no_log(new_engine, wire, key, capsys):
    client = create_app(new_engine).test_client()
    asked = begin(client)
    serve_tokens(wire, key, asked)

    finish(client, asked["state"])
    client.post(
        "/sign-on/campus/logout", data={"logout_token": sign(key, logout_claims(sub="cleo"))}
    )

    logged = capsys.readouterr().err
    assert "/sign-on/campus/callback" in logged
    assert not any(each in logged for each in ("code-1", asked["state"], "eyJ", '"secret"'))
    assert json.loads(logged.splitlines()[0])
