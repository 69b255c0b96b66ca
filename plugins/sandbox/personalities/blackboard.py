"""Blackboard Learn as an LTI platform."""

from collections.abc import Mapping
from secrets import token_hex
from typing import TYPE_CHECKING, Any

from mentorai.plugins.sandbox.personalities.traits import (
    Addresses,
    ApiAccess,
    ColumnTraits,
    LaunchTraits,
    Personality,
    ResultTraits,
    RosterTraits,
    ScoreTraits,
    Throttle,
    TokenTraits,
)
from mentorai.plugins.sandbox.school import Course, Item, Person, fixed_id
from mentorai.plugins.sandbox.wire import Call, Media, Refused, Reply

if TYPE_CHECKING:
    from flask import Blueprint

    from mentorai.plugins.sandbox.platform import SandboxPlatform

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
    return {"lis_person_sourcedid": person.id}


def describe_column(_column: Mapping[str, Any]) -> Mapping[str, Any]:
    """Students see what is in it."""
    return {"gradesReleased": True}


def add_claims(_person: Person, _course: Course, _item: Item | None) -> Mapping[str, Any]:
    """A token for its own sign-in page, good once."""
    return {"https://blackboard.com/lti/claim/one_time_session_token": token_hex(16)}


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
    addresses=Addresses(
        line_items="/learn/api/v1/lti/courses/{course}/lineItems",
        line_item="/learn/api/v1/lti/courses/{course}/lineItems/{column}",
        members="/learn/api/v1/lti/external/namesandroles/{course}",
    ),
    media=Media(any_content=True, any_accept=True),
    scores=ScoreTraits(clears="reset"),
    columns=ColumnTraits(read_only=frozenset({"id", "resourceLinkId"}), adds=describe_column),
    results=ResultTraits(hides_comment_of_one=True, empty_comment=True),
    tokens=TokenTraits(kind="jwt", scheme="bearer", errors=TOKEN_ERRORS, challenges=False),
    roster=RosterTraits(one_message=True, groups="asked", adds=describe_member, previews=True),
    launches=LaunchTraits(
        issuer="https://blackboard.com",
        client_id=fixed_id("application/blackboard"),
        deployment_id=fixed_id("deployment/blackboard"),
        family_code="BlackboardLearn",
        version="3900.93.0-rel.1",
        lifetime_seconds=3600,
        adds=add_claims,
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
