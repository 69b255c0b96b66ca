"""B1 to B12: the bad payloads of the certification suite, each refused and nothing used up.

Names as in the LTI Advantage Conformance Certification Guide 1.3, section 6.
"""

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from mentorai.core.errors import (
    ClaimMissing,
    LaunchRejected,
    MessageUnsupported,
    TokenInvalid,
    UnknownDeployment,
)
from mentorai.core.traces import is_known
from mentorai.plugins.sandbox.certification.case import CORE, SECURITY, Case, Run, expect
from mentorai.plugins.sandbox.certification.forge import sign
from mentorai.plugins.sandbox.certification.stage import Stage

REFUSED = "refused, nothing used up"
TIMES = f"{SECURITY}5.1.3, steps 7 and 8"
FORMAT = f"{SECURITY}5.1.2"
# The claims of B6, each left out by itself, and where it is required.
REQUIRED: Mapping[str, str] = {
    "iss": f"{SECURITY}5.1.3, step 2",
    "aud": f"{SECURITY}5.1.3, step 3",
    "exp": f"{SECURITY}5.1.3, step 7",
    "iat": f"{SECURITY}5.1.3, step 8",
    "nonce": f"{SECURITY}5.1.3, step 9",
    "deployment_id": f"{CORE}5.3.3",
    "target_link_uri": f"{CORE}5.3.4",
    "roles": f"{CORE}5.3.7",
}


@dataclass(frozen=True, slots=True)
class After:
    """A time so many seconds from when the case runs."""

    seconds: int


def refuse(kind: type[LaunchRejected], says: str = "", **changes: Any) -> Run:
    """Launch with changed claims; it must be refused with a code of `kind`."""

    def run(stage: Stage) -> str:
        attempt = stage.begin()
        moment = int(time.time())
        given: dict[str, Any] = {
            name: moment + value.seconds if isinstance(value, After) else value
            for name, value in changes.items()
        }
        return stage.refuse(attempt, attempt.sign(**given), kind, says)

    return run


def refuse_header(says: str, **header: Any) -> Run:
    """Launch with a changed header; it must be refused."""

    def run(stage: Stage) -> str:
        attempt = stage.begin()
        return stage.refuse(attempt, attempt.sign(header=header), TokenInvalid, says)

    return run


def refuse_body(payload: bytes) -> Run:
    """Launch with a signed body that is no message; it must be refused."""

    def run(stage: Stage) -> str:
        attempt = stage.begin()
        key = stage.platform.house.platform.keys.signing_key()
        return stage.refuse(attempt, sign(payload, key), LaunchRejected)

    return run


def _refuse_unknown_kid(stage: Stage) -> str:
    attempt = stage.begin(registration=stage.side("kid"))
    token = attempt.sign(header={"kid": "certification-no-such-key"})
    seen = stage.refuse(attempt, token, TokenInvalid, "key")
    if not stage.calls:
        return seen
    fetches = len(stage.platform.wire.heard("set=kid"))
    # The good token needs the set too, which was fetched for the bad one already.
    expect(fetches == 1, f"the key set was fetched {fetches} times")
    return f"{seen}; the key set was fetched once"


def _refuse_several_missing(stage: Stage) -> str:
    attempt = stage.begin()
    token = attempt.sign(aud=None, nonce=None, roles=None, deployment_id=None, version=None)
    return stage.refuse(attempt, token, ClaimMissing)


def _admit_nobody_in_particular(stage: Stage) -> str:
    """A launch without `sub` is anonymous (LTI Core 5.3.6); it may have no powers and no name."""
    attempt = stage.begin()
    token = attempt.sign(sub=None, roles=["Instructor"])
    answer = attempt.post(token)
    if answer.status_code >= 400:
        code = stage.read_refusal(answer, LaunchRejected)
        attempt.finish()
        return f"{answer.status_code} {code}; the same ticket then opened with a good token"
    admitted = stage.read_admission(attempt, answer)
    expect(not admitted.session.role.is_staff, f"nobody became {admitted.session.role.value}")
    known = is_known(stage.engine.database, attempt.registration.id, attempt.subject)
    expect(not known, "the person is known afterwards")
    return f"taken as anonymous, with the role {admitted.session.role.value} and no identity"


def _missing(name: str, clause: str) -> Case:
    return Case(
        f"B6.{name}",
        f"missing claim {name}",
        clause,
        f"a token without {name}",
        "refused, the claim is named",
        refuse(ClaimMissing, name, **{name: None}),
    )


CASES: Sequence[Case] = (
    Case("B1", "no kid in header", f"{SECURITY}5.1.2", "a header without kid", REFUSED,
         refuse_header("kid", kid=None)),
    Case("B1.empty", "empty kid in header", f"{SECURITY}5.1.2", "a header with kid \"\"", REFUSED,
         refuse_header("kid", kid="")),
    Case("B2", "wrong kid", f"{SECURITY}6.3", "a kid that the platform does not publish",
         "one request for the key set, then refused", _refuse_unknown_kid),
    Case("B3", "wrong LTI version", f"{CORE}5.3.2", "version 1.2", REFUSED,
         refuse(MessageUnsupported, "version", version="1.2")),
    Case("B3.other", "LTI version of the future", f"{CORE}5.3.2", "version 11.3", REFUSED,
         refuse(MessageUnsupported, "version", version="11.3")),
    Case("B4", "no LTI version", f"{CORE}5.3.2", "no version claim", REFUSED,
         refuse(ClaimMissing, "version", version=None)),
    Case("B5", "not an LTI message", f"{CORE}5.3", "signed JSON with one field", REFUSED,
         refuse_body(b'{"name": "nobody"}')),
    Case("B5.garbage", "a body that is not JSON", FORMAT, "signed text", REFUSED,
         refuse_body(b"garbage")),
    Case("B5.array", "a body that is a list", FORMAT, "a signed JSON list", REFUSED,
         refuse_body(b"[1, 2]")),
    Case("B6", "several required claims missing", f"{CORE}5.3",
         "no aud, nonce, roles, deployment_id, version", REFUSED, _refuse_several_missing),
    *(_missing(name, clause) for name, clause in REQUIRED.items()),
    Case("B7", "bad timestamps", TIMES, "iat 10 and exp 11", REFUSED,
         refuse(TokenInvalid, "iat", iat=10, exp=11)),
    Case("B7.expired", "expired token", TIMES, "exp 90 s ago", REFUSED,
         refuse(TokenInvalid, "exp", iat=After(-120), exp=After(-90))),
    Case("B7.future", "token from the future", TIMES, "iat in 5 minutes", REFUSED,
         refuse(TokenInvalid, "ahead", iat=After(300), exp=After(360))),
    Case("B7.backwards", "exp before iat", TIMES, "exp 5 s before iat", REFUSED,
         refuse(TokenInvalid, "exp", iat=After(0), exp=After(-5))),
    Case("B7.text", "a time that is no number", TIMES, "exp is a text", REFUSED,
         refuse(TokenInvalid, "exp", exp="soon")),
    Case("B8", "no message type", f"{CORE}5.3.1", "no message_type claim", REFUSED,
         refuse(ClaimMissing, "message_type", message_type=None)),
    Case("B8.other", "unknown message type", f"{CORE}5.3.1", "a made-up message type", REFUSED,
         refuse(MessageUnsupported, message_type="LtiMadeUpRequest")),
    Case("B9", "no roles", f"{CORE}5.3.7", "no roles claim", REFUSED,
         refuse(ClaimMissing, "roles", roles=None)),
    Case("B9.text", "roles that are no list", f"{CORE}5.3.7", "roles is a text", REFUSED,
         refuse(TokenInvalid, "roles", roles="Instructor")),
    Case("B10", "no deployment id", f"{CORE}5.3.3", "no deployment_id claim", REFUSED,
         refuse(ClaimMissing, "deployment_id", deployment_id=None)),
    Case("B10.unknown", "unknown deployment", f"{CORE}5.3.3", "a deployment that nobody made",
         REFUSED, refuse(UnknownDeployment, deployment_id="certification-no-such")),
    Case("B11", "no resource link", f"{CORE}5.3.5", "no resource_link claim", REFUSED,
         refuse(ClaimMissing, "resource_link", resource_link=None)),
    Case("B11.id", "resource link without id", f"{CORE}5.3.5", "a resource_link with a title only",
         REFUSED, refuse(ClaimMissing, "id", resource_link={"title": "x"})),
    Case("B12", "no sub", f"{CORE}5.3.6", "an instructor's token without sub",
         "refused, or taken as anonymous: no staff, no identity", _admit_nobody_in_particular),
    Case("B12.empty", "empty sub", f"{CORE}5.3.6", "sub is \"\"", REFUSED,
         refuse(TokenInvalid, "sub", sub="")),
)  # fmt: skip
