"""Blackboard Learn as an LTI platform."""

from collections.abc import Mapping
from secrets import token_hex
from typing import TYPE_CHECKING, Any

from mentorai.plugins.sandbox.personalities.traits import (
    Addresses,
    ApiAccess,
    ColumnTraits,
    LaunchTraits,
    Links,
    Personality,
    ResultTraits,
    RosterTraits,
    ScoreTraits,
    Throttle,
    TokenTraits,
)
from mentorai.plugins.sandbox.school import PEOPLE, Course, Item, Person, fixed_id
from mentorai.plugins.sandbox.wire import Call, Media, Refused, Reply, shorten

if TYPE_CHECKING:
    from flask import Blueprint

    from mentorai.plugins.sandbox.platform import SandboxPlatform

CLAIM = "https://purl.imsglobal.org/spec/lti/claim"
TEACHER = next(person for person in PEOPLE if person.kind == "instructor")
WORDS = {
    "no_token": (401, "Bearer token is invalid"),
    "scope": (401, "Bearer token is invalid"),
    "score_person": (400, "User could not be found: {body}"),
    "score_given": (400, "Bad Request"),
    "score_maximum": (400, "Bad Request"),
    "score_older": (409, "There is a later score"),
}
TOKEN_ERRORS = {
    "*": (400, "invalid_request", None),
    "signature": (400, "invalid_jwt_token", None),
    "no_scope": (400, "invalid_scope", None),
    "grant_type": (400, "unsupported_grant_type", None),
}


def show_refusal(refusal: Refused, _call: Call) -> Reply:
    """Status and message, as in its REST API."""
    body = {"status": refusal.status, "message": refusal.message}
    return Reply.of(body, status=refusal.status)


def describe_member(person: Person) -> Mapping[str, Any]:
    """What the school's records call the person."""
    return {"lis_person_sourcedid": person.user_name, **name_preview(person)}


def name_preview(person: Person) -> Mapping[str, str]:
    """What it calls the preview user: after the teacher whose it is."""
    if person.kind != "preview":
        return {}
    family = f"{TEACHER.family}_PreviewUser"
    names = {"given_name": TEACHER.given, "family_name": family}
    return {"name": f"{TEACHER.given} {family}", **names}


def describe_column(column: Mapping[str, Any]) -> Mapping[str, Any]:
    """Students see what is in it; points that are whole have no fraction."""
    return {"gradesReleased": True, "scoreMaximum": shorten(column["scoreMaximum"])}


def add_claims(person: Person, course: Course, _item: Item | None) -> Mapping[str, Any]:
    """A token for its own sign-in page, good once, and what the school's records say."""
    return {
        **name_preview(person),
        f"{CLAIM}/lis": {
            "person_sourcedid": person.user_name,
            "course_section_sourcedid": course.label,
        },
        "https://blackboard.com/lti/claim/one_time_session_token": token_hex(16),
        "https://blackboard.com/webapps/foundations-connector/foundations-ids": [],
    }


def add_custom(
    _platform: "SandboxPlatform", _person: Person, _course: Course, _item: Item | None
) -> Mapping[str, str]:
    """A template variable that it knows nothing of, and left as it was entered."""
    return {"campus_term": "@X@course.term@X@"}


def make_api(platform: "SandboxPlatform") -> "Blueprint":
    """Its REST API."""
    from mentorai.plugins.sandbox.personalities import blackboard_api

    return blackboard_api.make_api(platform)


def find_access() -> ApiAccess:
    """The key and the secret of the application."""
    from mentorai.plugins.sandbox.personalities import blackboard_api

    return ApiAccess(blackboard_api.KEY, blackboard_api.SECRET)


BLACKBOARD = Personality(
    name="blackboard",
    title="Blackboard Learn",
    about="Comments that a score without one takes away, grades that a reset deletes, rosters "
    "whose message is one object, and a launch address that is probed first.",
    habits={"login_by": "get", "storage": "frame"},
    registers=False,
    addresses=Addresses(
        sign_in="/api/v1/gateway/oidcauth",
        tokens="/api/v1/gateway/oauth2/jwttoken",
        keys="/api/v1/management/applications/{client_id}/jwks.json",
        line_items="/learn/api/v1/lti/courses/{course}/lineItems",
        line_item="/learn/api/v1/lti/courses/{course}/lineItems/{column}",
        members="/learn/api/v1/lti/external/namesandroles/{course}",
    ),
    media=Media(any_content=True, any_accept=True),
    scores=ScoreTraits(clears="reset", shows_html=True),
    columns=ColumnTraits(
        read_only=frozenset({"id", "resourceLinkId"}),
        adds=describe_column,
        links=Links(relations=()),
    ),
    results=ResultTraits(
        hides_comment_of_one=True, empty_comment=True, short_maximum=True, links=Links(relations=())
    ),
    tokens=TokenTraits(kind="jwt", scheme="bearer", errors=TOKEN_ERRORS, challenges=False),
    roster=RosterTraits(one_message=True, groups="asked", adds=describe_member, previews=True),
    launches=LaunchTraits(
        issuer="https://blackboard.com",
        client_id=fixed_id("application/blackboard"),
        deployment_id=fixed_id("deployment/blackboard"),
        family_code="BlackboardLearn",
        version="3900.93.0-rel.1",
        lifetime_seconds=3600,
        ids="keys",
        presents=frozenset({"return_url"}),
        adds=add_claims,
        custom=add_custom,
        probes=True,
        previews=True,
        portal=True,
    ),
    # Its REST API counts calls; its LTI services do so only when they are told to throttle.
    throttle=Throttle(
        high_water=100,
        leak_per_second=10,
        words='{"status":429,"message":"Too Many Requests"}',
        remaining_header="X-Rate-Limit-Remaining",
        limit_header="X-Rate-Limit-Limit",
        retry_after=True,
    ),
    words=WORDS,
    envelope=show_refusal,
    make_api=make_api,
    find_access=find_access,
)
