"""Open edX, whose LTI consumer block is the platform."""

from mentorai.plugins.sandbox.personalities.traits import (
    LaunchTraits,
    Personality,
    ResultTraits,
    RosterTraits,
    ScoreTraits,
    TokenTraits,
)

WORDS = {
    "score_older": (400, "Score with this timestamp already exists, or a later one"),
    "score_maximum": (400, "scoreMaximum must be above 0 when scoreGiven is sent"),
    "score_given": (400, "scoreGiven must be a number"),
}
TOKEN_ERRORS = {
    "*": (400, "invalid_client", ""),
    "signature": (400, "invalid_client", ""),
    "no_assertion": (400, "invalid_request", ""),
    "grant_type": (400, "unsupported_grant_type", ""),
    "no_grant_type": (400, "invalid_request", ""),
    "assertion_type": (400, "invalid_request", ""),
    "exp": (400, "invalid_grant", ""),
}

OPENEDX = Personality(
    name="openedx",
    title="Open edX",
    about="Scores answered with 201 and themselves, results with the newest first, names withheld, "
    "rosters on one page.",
    scores=ScoreTraits(answers="score", status=201),
    results=ResultTraits(newest_first=True),
    tokens=TokenTraits(errors=TOKEN_ERRORS),
    roster=RosterTraits(ignores_limit=True, groups="never", shares=False),
    launches=LaunchTraits(family_code="", version="", shares=False),
    words=WORDS,
)
