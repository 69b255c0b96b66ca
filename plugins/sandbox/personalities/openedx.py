"""Open edX, whose LTI consumer block is the platform."""

from collections.abc import Mapping
from typing import Any

from mentorai.plugins.sandbox.personalities.traits import (
    LaunchTraits,
    Links,
    Personality,
    ResultTraits,
    RosterTraits,
    ScoreTraits,
    TokenTraits,
)
from mentorai.plugins.sandbox.school import Course, Item, Person

CLAIM = "https://purl.imsglobal.org/spec/lti/claim"
VOCABULARY = "http://purl.imsglobal.org/vocab/lis/v2"
# What somebody is in this course, as roles of the institution and of the system.
ROLES = {
    "student": "institution/person#Student",
    "instructor": "institution/person#Instructor",
    "assistant": "institution/person#Instructor",
    "it": "system/person#Administrator",
}
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
# Whatever is wrong with a launch is said on a page of its own, and never to the tool.
SHOWN_HERE = frozenset(
    {
        "unsupported_response_type",
        "invalid_scope",
        "invalid_request",
        "unauthorized_client",
        "access_denied",
    }
)


def add_claims(person: Person, _course: Course, _item: Item | None) -> Mapping[str, Any]:
    """Roles that are none of the course, and not a word of which product it is."""
    return {
        f"{CLAIM}/roles": [f"{VOCABULARY}/{ROLES[person.kind]}"],
        f"{CLAIM}/tool_platform": None,
    }


OPENEDX = Personality(
    name="openedx",
    title="Open edX",
    about="Scores answered with 201 and themselves, results with the newest first, names withheld, "
    "rosters on one page, roles of the institution, errors of a launch on its own page.",
    registers=False,
    scores=ScoreTraits(answers="score", status=201),
    results=ResultTraits(newest_first=True, links=Links(relations=())),
    tokens=TokenTraits(errors=TOKEN_ERRORS),
    roster=RosterTraits(ignores_limit=True, groups="never", shares=False),
    launches=LaunchTraits(
        family_code="", version="", shares=False, shown_here=SHOWN_HERE, adds=add_claims
    ),
    words=WORDS,
)
