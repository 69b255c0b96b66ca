"""Beyond the guide: tokens made by somebody who wants in, and odd ones made in good faith."""

import json
from collections.abc import Callable, Sequence
from typing import Any

from mentorai.core.errors import (
    LaunchRejected,
    TokenInvalid,
    UnknownDeployment,
    UnknownRegistration,
)
from mentorai.plugins.sandbox.certification.bad_launches import REFUSED, After, refuse, refuse_body
from mentorai.plugins.sandbox.certification.case import CORE, SECURITY, Case, Run, expect
from mentorai.plugins.sandbox.certification.forge import (
    assemble,
    make_key,
    sign,
    sign_with_secret,
    tamper,
)
from mentorai.plugins.sandbox.certification.stage import Attempt, Stage
from mentorai.plugins.sandbox.oidc import CLAIM

SIGNATURE = f"{SECURITY}5.1.3, step 1"
AUDIENCE = f"{SECURITY}5.1.3, steps 3 to 5"
JOSE = "RFC 7515, section "
LARGE = 64 * 1024
ELSEWHERE = "someone-else"
STOLEN_PATH = "/certification/stolen-keys"


def forge(make: Callable[[Attempt], str], says: str = "") -> Run:
    """Launch with a forged token; it must be refused."""

    def run(stage: Stage) -> str:
        attempt = stage.begin()
        return stage.refuse(attempt, make(attempt), TokenInvalid, says)

    return run


def _unsigned(attempt: Attempt) -> str:
    return assemble({"alg": "none", "kid": _kid(attempt)}, dict(attempt.claims))


def _signed_with_the_public_key(attempt: Attempt) -> str:
    public = attempt.stage.platform.house.platform.keys.signing_key().as_pem(private=False)
    return sign_with_secret(dict(attempt.claims), _kid(attempt), public)


def _under_a_strange_key(attempt: Attempt) -> str:
    return sign(dict(attempt.claims), make_key(_kid(attempt)))


def _tampered(attempt: Attempt) -> str:
    return tamper(attempt.sign(), attempt.change(roles=["Instructor"]))


def _critical(attempt: Attempt) -> str:
    _, _, signature = attempt.sign().split(".")
    header = {"alg": "RS256", "kid": _kid(attempt), "crit": ["exp"], "exp": 1}
    head, body, _ = assemble(header, dict(attempt.claims)).split(".")
    return f"{head}.{body}.{signature}"


def _oversized(attempt: Attempt) -> str:
    return attempt.sign(name="x" * LARGE)


def _repeated(attempt: Attempt) -> str:
    body = json.dumps(dict(attempt.claims))
    twice = body[:-1] + f', "{CLAIM}/roles": ["Instructor"]}}'
    return sign(twice.encode(), attempt.stage.platform.house.platform.keys.signing_key())


def _bring_a_key(name: str) -> Run:
    """Sign with a strange key that the header itself offers: it must not even be looked at."""

    def run(stage: Stage) -> str:
        attempt = stage.begin()
        foreign = make_key(_kid(attempt))
        where = f"{stage.platform.base_url}{STOLEN_PATH}"
        offered: Any = foreign.as_dict(private=False) if name == "jwk" else where
        token = sign(dict(attempt.claims), foreign, header={name: offered})
        seen = stage.refuse(attempt, token, TokenInvalid)
        expect(not stage.platform.wire.heard(STOLEN_PATH), "the address in the header was called")
        return f"{seen}; the header's {name} was not looked at"

    return run


def _kid(attempt: Attempt) -> str:
    return attempt.stage.platform.house.platform.keys.kid


def _audience(stage: Stage, position: int) -> str:
    attempt = stage.begin()
    audience = [ELSEWHERE]
    audience.insert(position, attempt.registration.client_id)
    admitted = attempt.finish(aud=audience, azp=attempt.registration.client_id)
    return f"{admitted.page.status_code}, {admitted.session.role.value}"


def _admit_first(stage: Stage) -> str:
    return _audience(stage, 0)


def _admit_second(stage: Stage) -> str:
    return _audience(stage, 1)


def _refuse_party(stage: Stage) -> str:
    attempt = stage.begin()
    token = attempt.sign(aud=[attempt.registration.client_id, ELSEWHERE], azp=ELSEWHERE)
    return stage.refuse(attempt, token, LaunchRejected)


def _refuse_without_party(stage: Stage) -> str:
    attempt = stage.begin()
    token = attempt.sign(aud=[attempt.registration.client_id, ELSEWHERE])
    return stage.refuse(attempt, token, TokenInvalid, "azp")


def _refuse_mix_up(stage: Stage) -> str:
    """A token that is good for one registration ends a launch that another one began."""
    other = stage.begin(registration=stage.side("other"))
    attempt = stage.begin()
    token = other.sign(nonce=attempt.claims["nonce"])
    return stage.refuse(attempt, token, LaunchRejected)


def _refuse_other_deployment(stage: Stage) -> str:
    """The login named one deployment and the token another."""
    attempt = stage.begin(registration=stage.side("deployment"), lti_deployment_id="another")
    answer = attempt.post(attempt.sign())
    return f"{answer.status_code} {stage.read_refusal(answer, UnknownDeployment)}"


def _case(
    number: str, name: str, clause: str, sent: str, run: Run, expected: str = REFUSED
) -> Case:
    return Case(f"X{number}", name, clause, sent, expected, run)


CASES: Sequence[Case] = (
    _case("1", "alg none", SIGNATURE, "an unsigned token", forge(_unsigned, "alg")),
    _case("2", "HS256 with the public key", SIGNATURE, "the public key used as a secret",
          forge(_signed_with_the_public_key, "alg")),
    _case("3", "a strange key under a known kid", SIGNATURE, "a token of another key",
          forge(_under_a_strange_key)),
    _case("4", "tampered claims", SIGNATURE, "a learner's signature over an instructor's claims",
          forge(_tampered)),
    _case("5", "jku in the header", f"{JOSE}4.1.2", "a key of the sender's own, by address",
          _bring_a_key("jku"), "refused, the address is not called"),
    _case("6", "x5u in the header", f"{JOSE}4.1.5", "a certificate of the sender's own, by address",
          _bring_a_key("x5u"), "refused, the address is not called"),
    _case("7", "jwk in the header", f"{JOSE}4.1.3", "a key of the sender's own, in the token",
          _bring_a_key("jwk"), "refused, the key is not used"),
    _case("8", "crit in the header", f"{JOSE}4.1.11", "a critical extension",
          forge(_critical, "crit")),
    _case("9", "oversized token", f"{SECURITY}5.1.2", "a token of more than 64 KB",
          forge(_oversized, "large")),
    _case("10", "deep JSON", f"{SECURITY}5.1.2", "lists within lists, 15,000 deep",
          refuse_body(b'{"a":' + b"[" * 15_000 + b"]" * 15_000 + b"}")),
    _case("11", "repeated names", "RFC 8259, section 4", "roles twice, the second an instructor's",
          forge(_repeated)),
    _case("12.first", "several audiences, ours first", AUDIENCE, "aud of two, azp ours",
          _admit_first, "let in"),
    _case("12.second", "several audiences, ours second", AUDIENCE, "aud of two, azp ours",
          _admit_second, "let in"),
    _case("12.azp", "several audiences, another's party", AUDIENCE, "aud of two, azp the other",
          _refuse_party),
    _case("12.none", "several audiences without a party", AUDIENCE, "aud of two, no azp",
          _refuse_without_party),
    _case("13", "unknown issuer", f"{SECURITY}5.1.3, step 2", "another issuer, signed well",
          refuse(UnknownRegistration, iss="https://elsewhere.example.edu")),
    _case("14", "unknown client", AUDIENCE, "another client id, signed well",
          refuse(UnknownRegistration, aud=ELSEWHERE)),
    _case("15", "client mix-up", f"{SECURITY}5.1.1",
          "begun at one registration, ended with a good token of another", _refuse_mix_up),
    _case("16", "deployment mix-up", f"{CORE}4.1.2",
          "begun in one deployment, ended in another", _refuse_other_deployment, "refused"),
    _case("17", "target elsewhere", f"{CORE}5.3.4", "target_link_uri on another host",
          refuse(TokenInvalid, "target_link_uri",
                 target_link_uri="https://elsewhere.example.edu/lti/launch")),
    _case("18", "endless lifetime", f"{SECURITY}5.1.3, step 7", "exp in ten years",
          refuse(TokenInvalid, "exp", exp=After(315_360_000))),
)  # fmt: skip
