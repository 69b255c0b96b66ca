"""Open edX, as its LTI consumer (lti-consumer-xblock 11.4.4) was observed as an LTI platform."""

from collections.abc import Mapping
from typing import Any

from mentorai.plugins.sandbox.personalities.traits import (
    SIGN_IN_ERRORS,
    Addresses,
    ColumnTraits,
    LaunchTraits,
    Links,
    Personality,
    ResultTraits,
    RosterTraits,
    ScoreTraits,
    TokenTraits,
)
from mentorai.plugins.sandbox.school import Course, Item, Person, fixed_id
from mentorai.plugins.sandbox.wire import HTML, Call, Refused, Reply

CLAIM = "https://purl.imsglobal.org/spec/lti/claim"
VOCABULARY = "http://purl.imsglobal.org/vocab/lis/v2"
NRPS = "https://purl.imsglobal.org/spec/lti-nrps/claim/namesroleservice"
GROUPS = "https://purl.imsglobal.org/spec/lti-gs/claim/groupsservice"
# What a component and its keys are called, as its passport has it.
PASSPORT = fixed_id("keys/openedx")
SERVICE = "/api/lti_consumer/v1/lti/{course}"
FORBIDDEN = "You do not have permission to perform this action."
WRONG_TIME = (
    "Datetime has wrong format. Use one of these formats instead: "
    "YYYY-MM-DDThh:mm[:ss[.uuuuuu]][+HH:MM|-HH:MM|Z]."
)
WORDS = {
    "no_token": (403, "Invalid token signature."),
    "scope": (403, FORBIDDEN),
    "column_kept": (403, FORBIDDEN),
    "no_column": (404, "No LtiAgsLineItem matches the given query."),
    "accept": (406, "Could not satisfy the request Accept header."),
    "column_label": (400, "Ensure this field has no more than 100 characters."),
    "column_tag": (400, "Ensure this field has no more than 50 characters."),
    "column_fraction": (400, "A valid integer is required."),
    "column_link": (400, "Invalid usage key"),
    "score_older": (400, "Score timestamp can only be updated to a later point in time"),
    "score_maximum": (400, "scoreMaximum must be a positive number when scoreGiven is provided."),
    "score_given": (400, "A valid number is required."),
    "score_time": (400, WRONG_TIME),
    "score_stranger": (500, "Server Error (500)"),
}
# What is wrong with one member of a body is told under its name.
MEMBERS = {
    "column_label": "label",
    "column_tag": "tag",
    "column_fraction": "scoreMaximum",
    "column_link": "resourceLinkId",
    "score_older": "timestamp",
    "score_maximum": "scoreMaximum",
    "score_given": "scoreGiven",
    "score_time": "timestamp",
}
# No descriptions.
TOKEN_ERRORS = {
    "*": (400, "invalid_client", ""),
    "signature": (400, "invalid_client", ""),
    "no_assertion": (400, "invalid_request", ""),
    "grant_type": (400, "unsupported_grant_type", ""),
    "no_grant_type": (400, "invalid_request", ""),
    "assertion_type": (400, "invalid_request", ""),
    "no_scope": (400, "invalid_request", ""),
    "iat": (400, "unidentified_error", ""),
    "exp": (400, "unidentified_error", ""),
}
NOBODY = (f"{VOCABULARY}/system/person#None", f"{VOCABULARY}/institution/person#None")
ROLES = {
    "student": (*NOBODY, f"{VOCABULARY}/membership#Learner"),
    "it": (
        f"{VOCABULARY}/system/person#Administrator",
        f"{VOCABULARY}/institution/person#Administrator",
        f"{VOCABULARY}/membership#Administrator",
        f"{VOCABULARY}/membership#Instructor",
    ),
}
STAFF = (*NOBODY, f"{VOCABULARY}/membership#Instructor")


def add_claims(person: Person, _course: Course, item: Item | None) -> Mapping[str, Any]:
    """Roles in the course beside two of nobody, parameters as they were entered, variables and all,
    a link without a title; and next to nothing in a content selection.
    """
    claims: dict[str, Any] = {
        "locale": None,
        f"{CLAIM}/roles": list(ROLES.get(person.kind, STAFF)),
        f"{CLAIM}/tool_platform": None,
        f"{CLAIM}/launch_presentation": None,
        f"{CLAIM}/platformnotificationservice": None,
        GROUPS: None,
    }
    if item is None:
        return claims | {NRPS: None}
    return claims | {
        f"{CLAIM}/tool_platform": {"guid": fixed_id("platform/openedx"), "name": "Open edX"},
        f"{CLAIM}/launch_presentation": {"document_target": "iframe"},
        f"{CLAIM}/resource_link": {"id": item.resource_link_id},
        f"{CLAIM}/custom": dict(item.custom),
    }


def show_absent(column: Mapping[str, Any]) -> Mapping[str, Any]:
    """What a line item has not is null."""
    names = ("resourceLinkId", "startDateTime", "endDateTime")
    return {name: None for name in names if not column.get(name)}


def show_refusal(refusal: Refused, _call: Call) -> Reply:
    """One `detail`, or a list of what is wrong with each member; 500 is a page."""
    if refusal.status == 500:
        page = f"<!doctype html><title>{refusal.message}</title><h1>{refusal.message}</h1>"
        return Reply(500, page.encode(), HTML)
    member = MEMBERS.get(refusal.rule)
    body = {member: [refusal.message]} if member else {"detail": refusal.message}
    return Reply.of(body, status=refusal.status)


OPENEDX = Personality(
    name="openedx",
    title="Open edX",
    about="Short tags and whole points for its columns, which no tool may remove, results of "
    "everybody whoever is asked for, 403 for a token that it does not know, names withheld.",
    registers=False,
    habits={"login_by": "get", "page_size": 200},
    addresses=Addresses(
        sign_in="/api/lti_consumer/v1/launch/",
        tokens=f"/api/lti_consumer/v1/token/{PASSPORT}",
        keys=f"/api/lti_consumer/v1/public_keysets/{PASSPORT}",
        line_items=f"{SERVICE}/lti-ags",
        line_item=f"{SERVICE}/lti-ags/{{column}}",
        members=f"{SERVICE}/memberships",
    ),
    scores=ScoreTraits(
        answers="score", status=201, locks=False, takes_anybody=True, tells_strangers=True
    ),
    columns=ColumnTraits(
        any_maximum=True,
        whole_maximum=True,
        texts={"label": 100, "tag": 50, "resourceId": 255},
        empty_texts=True,
        keeps_all=True,
        adds=show_absent,
        links=Links(relations=()),
    ),
    results=ResultTraits(
        newest_first=True, empty_comment=True, ignores_user=True, links=Links(relations=())
    ),
    tokens=TokenTraits(
        kind="jwt",
        scheme="bearer",
        unchecked=frozenset({"audience", "iss", "sub", "jti", "exp"}),
        errors=TOKEN_ERRORS,
        challenges=False,
    ),
    roster=RosterTraits(
        pages_when_asked=True,
        groups="never",
        shares=False,
        links=Links(start="page", counts_pages=True),
    ),
    launches=LaunchTraits(
        client_id=fixed_id("passport/openedx"),
        deployment_id="1",
        family_code="",
        version="",
        lifetime_seconds=3600,
        context_type=f"{VOCABULARY}/course#CourseOffering",
        adds=add_claims,
        shown_here=SIGN_IN_ERRORS,
        shares=False,
        names_alg=False,
    ),
    words=WORDS,
    envelope=show_refusal,
)
