"""Canvas, by Instructure, as an LTI platform."""

import json
from collections.abc import Mapping
from hashlib import sha1
from typing import TYPE_CHECKING, Any

from mentorai.plugins.sandbox.personalities.canvas_submissions import read_submission
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
    ToolAddresses,
)
from mentorai.plugins.sandbox.school import PEOPLE, Course, Item, Person
from mentorai.plugins.sandbox.wire import Call, Media, Refused, Reply

if TYPE_CHECKING:
    from flask import Blueprint

    from mentorai.plugins.sandbox.platform import SandboxPlatform
CLAIM = "https://purl.imsglobal.org/spec/lti/claim"
MEMBERS = "application/vnd.ims.lis.v2.membershipcontainer+json"
PAGE = Links(relations=("current", "next", "prev", "first", "last"))
# Courses have one number in its own API and in the addresses of LTI's services.
FIRST_COURSE = 101
# Its service answers name the kind of an error by the status.
SYMBOLS = {
    400: "bad_request",
    401: "unauthorized",
    404: "not_found",
    412: "precondition_failed",
    422: "unprocessable_entity",
    504: "gateway_timeout",
}
WORDS = {
    "no_token": (401, "Invalid access token"),
    "no_token/missing": (401, "Missing access token"),
    "no_token/expired": (401, "Access token expired"),
    "scope": (401, "Insufficient permissions"),
    "no_course": (404, "Context not found"),
    "concluded": (404, "Context not found"),
    "no_column": (404, "The specified resource does not exist."),
    "foreign_column": (412, "Tool does not have permission to view line_item"),
    "column_link": (404, "The specified resource does not exist."),
    "other_link": (412, "The specified LTI link ID is not associated with the line item."),
    "coupled": (401, ""),
    "score_older": (400, "Result.updated_at is later than the timestamp of the score"),
    "score_time": (400, "Provided timestamp not a valid timestamp"),
    "score_person": (422, "User not found in course or is not a student"),
    "score_maximum": (422, "ScoreMaximum must be supplied with scoreGiven and be above 0"),
    "score_given": (422, "ScoreGiven must be greater than or equal to 0"),
    "files_silent": (504, "failed to communicate with file service"),
    "files_slow": (504, "file url timed out"),
    "files_refused": (400, "uploading to file service failed with 400: The file was not found"),
    "files_broken": (500, "uploading to file service failed with 500: "),
    "roster_link": (400, "Tool does not have access to rlid"),
}
TOKEN_ERRORS = {
    "*": (401, "invalid_client", "invalid client"),
    "client": (401, "invalid_client", "unknown client"),
    "signature": (400, "invalid_request", "JWS signature invalid"),
    "no_assertion": (400, "invalid_request", "client_assertion is missing"),
    "audience": (400, "invalid_request", "the 'aud' is invalid"),
    "iat": (400, "invalid_request", "the 'iat' must not be in the future"),
    "exp": (400, "invalid_request", "the JWT has expired"),
    "jti": (400, "invalid_request", "the 'jti' is invalid"),
    "grant_type": (400, "unsupported_grant_type", "grant_type not supported"),
    "no_grant_type": (400, "unsupported_grant_type", "grant_type not supported"),
    "assertion_type": (400, "invalid_request", "client_assertion_type not supported"),
    "no_scope": (400, "invalid_scope", "A requested scope is invalid"),
}


def show_refusal(refusal: Refused, _call: Call) -> Reply:
    """An object under `errors` in the LTI services; its REST API has an array there."""
    if refusal.rule == "coupled":
        return Reply(refusal.status)
    kind = SYMBOLS.get(refusal.status, "internal_server_error")
    body = {"errors": {"type": kind, "message": refusal.message}}
    return Reply.of(body, status=refusal.status)


def make_api(platform: "SandboxPlatform") -> "Blueprint":
    """Its own API; its modules know the platform, which knows this one."""
    from mentorai.plugins.sandbox.personalities.canvas_api import CanvasServer

    return CanvasServer(platform).make_routes()


def find_access() -> ApiAccess:
    """The id and the secret of the developer key for its API."""
    from mentorai.plugins.sandbox.personalities.canvas_oauth import DeveloperKey

    return ApiAccess(DeveloperKey.client_id, DeveloperKey.secret)


def read_configuration(text: str) -> ToolAddresses:
    """The tool in the JSON of an LTI developer key. Raises ValueError."""
    found = json.loads(text)
    names = ("title", "oidc_initiation_url", "target_link_uri", "public_jwk_url")
    if not isinstance(found, dict) or any(not isinstance(found.get(name), str) for name in names):
        raise ValueError(f"These are needed: {', '.join(names)}.")
    return ToolAddresses(*(found[name] for name in names))


def add_custom(
    platform: "SandboxPlatform", person: Person, course: Course, item: Item | None
) -> Mapping[str, str]:
    """Its own numbers, which a tool asks for where it is registered; what there is none of stays
    a variable.
    """
    from mentorai.plugins.sandbox.personalities.canvas_rest import CanvasCourses

    numbers = CanvasCourses(platform)
    link = item.resource_link_id if item else ""
    columns = platform.shelf.list("line_item")
    tied = [column["id"] for column in columns if link and column.get("resourceLinkId") == link]
    assignment = str(numbers.number_of_column(tied[0])) if tied else "$Canvas.assignment.id"
    return {
        "canvas_user_id": str(numbers.number_of(person)),
        "canvas_course_id": str(numbers.number_of_course(course.id)),
        "canvas_assignment_id": assignment,
    }


def describe_member(person: Person) -> Mapping[str, Any]:
    """The id that LTI 1.1 had, what the school's records call the person, and a picture."""
    return {
        "lti11_legacy_user_id": _old_id(person),
        "lis_person_sourcedid": f"sis-{person.id}",
        "picture": f"https://canvas.instructure.com/images/messages/avatar-50.png?of={person.id}",
    }


def read_person(platform: "SandboxPlatform", user_id: str) -> str:
    """Scores may also name people by the numbers of its own API."""
    from mentorai.plugins.sandbox.personalities.canvas_rest import CanvasCourses

    numbers = CanvasCourses(platform)
    known = {str(numbers.number_of(person)): person.sub for person in PEOPLE}
    return known.get(user_id, user_id)


def add_claims(person: Person, _course: Course, item: Item | None) -> Mapping[str, Any]:
    """The id that LTI 1.1 had, and where the tool was placed."""
    placement = "assignment_selection" if item and item.points else "course_navigation"
    return {
        f"{CLAIM}/lti11_legacy_user_id": _old_id(person),
        "https://www.instructure.com/placement": placement,
    }


def _old_id(person: Person) -> str:
    return sha1(person.id.encode(), usedforsecurity=False).hexdigest()


CANVAS = Personality(
    name="canvas",
    title="Canvas",
    about="Grades that each score may clear, a new attempt for each score that does not say "
    "otherwise, comments that are added each time, and a bucket that throttles.",
    habits={
        "score_times": "sent",
        "storage": "frame",
        "page_size": 50,
        "throttles": True,
        "registration_like": "canvas",
    },
    addresses=Addresses(
        sign_in="/api/lti/authorize_redirect",
        # Its token endpoint is that of its own API, too (canvas_api).
        keys="/api/lti/security/jwks",
        line_items="/api/lti/courses/{course}/line_items",
        line_item="/api/lti/courses/{course}/line_items/{column}",
        members="/api/lti/courses/{course}/names_and_roles",
        first_course=FIRST_COURSE,
        first_column=901,
    ),
    media=Media(any_content=True, any_accept=True),
    scores=ScoreTraits(
        equal_times=True,
        graded=frozenset({"FullyGraded", "PendingManual"}),
        clears="ungraded",
        keeps_attempts=True,
        keeps_overridden=False,
        locks=False,
        pass_fail=True,
        read_person=read_person,
        read_submission=read_submission,
    ),
    columns=ColumnTraits(
        keeps_coupled=True,
        launch_url="https://canvas.instructure.com/lti/launch_url",
        keeps=frozenset({"https://canvas.instructure.com/lti/submission_type"}),
        many_links=True,
        links=PAGE,
    ),
    results=ResultTraits(links=PAGE),
    tokens=TokenTraits(
        kind="jwt", errors=TOKEN_ERRORS, challenge="Canvas OAuth 2.0", challenges=False
    ),
    roster=RosterTraits(
        media_type=MEMBERS,
        hides_suspended=True,
        adds=describe_member,
        groups="never",
        assigns=True,
        course_is_link=True,
        links=PAGE,
    ),
    launches=LaunchTraits(
        issuer="https://canvas.instructure.com",
        client_id="10000000000001",
        deployment_id="1:8865aa05b4b79b64a91a86042e43af5ea8ae79eb",
        family_code="canvas",
        version="cloud",
        lifetime_seconds=3600,
        adds=add_claims,
        previews=True,
        custom=add_custom,
        login={"canvas_region": "not_configured", "canvas_environment": "production"},
    ),
    throttle=Throttle(
        high_water=600,
        leak_per_second=10,
        up_front=50,
        token_cost=200,
        status=403,
        words="403 Forbidden (Rate Limit Exceeded)\n",
        media_type="text/plain; charset=utf-8",
        remaining_header="X-Rate-Limit-Remaining",
        cost_header="X-Request-Cost",
    ),
    words=WORDS,
    envelope=show_refusal,
    make_api=make_api,
    find_access=find_access,
    read_json=read_configuration,
)
