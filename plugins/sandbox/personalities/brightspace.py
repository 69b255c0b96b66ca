"""Brightspace, by D2L, as an LTI platform."""

from mentorai.plugins.sandbox.personalities.traits import (
    Addresses,
    LaunchTraits,
    Personality,
    ScoreTraits,
    TokenTraits,
)
from mentorai.plugins.sandbox.school import fixed_id
from mentorai.plugins.sandbox.wire import Call, Refused, Reply

PROBLEM = "application/problem+json"
TYPES = "http://docs.valence.desire2learn.com/res/apiprop.html"
WORDS = {
    "no_token": (401, "Invalid token"),
    "scope": (403, "Insufficient scope to call"),
    "score_person": (403, "User in requested score is not enrolled in the org unit"),
    "score_stranger": (404, "User in requested score does not exist"),
}
TOKEN_ERRORS = {"audience_list": (500, "", None), "no_scope": (400, "invalid_scope", None)}


def show_refusal(refusal: Refused, _call: Call) -> Reply:
    """Problem details (RFC 7807)."""
    kind = f"{TYPES}#invalid-token" if refusal.status == 401 else "about:blank"
    body = {"type": kind, "title": refusal.message, "status": refusal.status}
    return Reply.of(body, PROBLEM, status=refusal.status)


BRIGHTSPACE = Personality(
    name="brightspace",
    title="Brightspace",
    about="One audience for all assertions, errors as problem details, and other words for people "
    "who are not enrolled than for people who do not exist.",
    habits={"registration_token": False},
    addresses=Addresses(
        sign_in="/d2l/lti/authenticate",
        keys="/d2l/.well-known/jwks",
    ),
    scores=ScoreTraits(tells_strangers=True),
    tokens=TokenTraits(
        audience="https://api.brightspace.com/auth/token",
        breaks_on_list=True,
        errors=TOKEN_ERRORS,
        challenges=False,
    ),
    launches=LaunchTraits(
        client_id=fixed_id("application/brightspace"),
        deployment_id=fixed_id("deployment/brightspace"),
        family_code="desire2learn",
        version="20.24",
        lifetime_seconds=3600,
        names_alg=False,
    ),
    words=WORDS,
    envelope=show_refusal,
)
