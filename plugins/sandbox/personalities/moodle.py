"""Moodle 4.5, as it was observed on a running one, as an LTI platform."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any
from uuid import UUID

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
    SelectionTraits,
    TokenTraits,
)
from mentorai.plugins.sandbox.school import Course, Item, Person, fixed_id
from mentorai.plugins.sandbox.wants import Wants
from mentorai.plugins.sandbox.wire import HTML, Call, Media, Refused, Reply

if TYPE_CHECKING:
    from flask import Blueprint

    from mentorai.plugins.sandbox.platform import SandboxPlatform

CLAIM = "https://purl.imsglobal.org/spec/lti/claim"
VOCABULARY = "http://purl.imsglobal.org/vocab/lis/v2"
CONTAINER = "application/vnd.ims.lis.v2.lineitemcontainer+json"
NO_HANDLER = "No handler found"
INCORRECT = "Incorrect score received{body}"
# Every refusal of a score is worded alike.
WORDS = {
    "no_token": (401, "Unauthorized"),
    "scope": (401, "Unauthorized"),
    "content_type": (400, NO_HANDLER),
    "accept": (400, NO_HANDLER),
    "body": (400, INCORRECT),
    "object": (400, INCORRECT),
    "no_course": (404, "Not Found: Course not found"),
    "no_column": (404, "Not Found: Line item not found"),
    "column_link": (403, "Forbidden"),
    "other_link": (403, "Forbidden"),
    "coupled": (403, "Forbidden"),
    "score_shape": (400, INCORRECT),
    "score_time": (400, INCORRECT),
    "score_given": (400, INCORRECT),
    "score_maximum": (400, INCORRECT),
    "score_person": (400, INCORRECT),
    "score_older": (409, "Refusing score with an earlier timestamp for item {body}"),
    "score_locked": (500, "Failed to save grade"),
    "results_limit": (404, "Call to a member function out() on null"),
    "roster_link": (404, "Not Found"),
    "foreign_column": (500, "Failed to load the line item"),
    "score_crash": (502, "Bad Gateway"),
}
# No descriptions, and texts of its JWT library where OAuth has codes.
TOKEN_ERRORS = {
    "*": (400, "invalid_client", ""),
    "no_assertion": (400, "invalid_request", ""),
    "signature": (400, "Signature verification failed", ""),
    "iat": (400, "Cannot handle token with iat prior to its time", ""),
    "exp": (400, "Expired token", ""),
    "grant_type": (400, "unsupported_grant_type", ""),
    "no_grant_type": (400, "invalid_request", ""),
    "assertion_type": (400, "invalid_request", ""),
    "no_scope": (400, "invalid_scope", ""),
}


def describe_member(person: Person) -> Mapping[str, Any]:
    """The id number, empty where nobody gave one, and the name to sign in with."""
    own = {"ext_user_username": person.id} if person.given else {}
    return {"lis_person_sourcedid": "", **own}


def describe_column(column: Mapping[str, Any]) -> Mapping[str, Any]:
    """Its link once more, by the name that it had before LTI Advantage."""
    link = column.get("resourceLinkId")
    return {"ltiLinkId": link} if link else {}


def add_claims(person: Person, _course: Course, _item: Item | None) -> Mapping[str, Any]:
    """Roles by what one may do in the course, no locale, and what its log-in calls the person."""
    staff = {
        "student": ("membership#Learner",),
        "it": ("institution/person#Administrator", "membership#Instructor",
               "system/person#Administrator"),
    }  # fmt: skip
    roles = staff.get(person.kind, ("membership#Instructor",))
    return {
        "locale": None,
        f"{CLAIM}/roles": [f"{VOCABULARY}/{role}" for role in roles],
        f"{CLAIM}/lis": {"person_sourcedid": "", "course_section_sourcedid": ""},
        f"{CLAIM}/ext": {"lms": "moodle-2"}
        | ({"user_username": person.id} if person.given else {}),
    }


def add_custom(
    platform: "SandboxPlatform", _person: Person, course: Course, _item: Item | None
) -> Mapping[str, str]:
    """Addresses of its own services among the parameters; the last is never filled in."""
    services = f"{platform.options.base_url}/mod/lti/services.php"
    bound = f"{services}/CourseSection/{platform.ids.tell_course(course.id)}/bindings"
    return {
        "context_memberships_url": f"{bound}/1/memberships",
        "system_setting_url": f"{services}/tool/1/custom",
        "context_setting_url": f"{bound}/tool/1/custom",
        "link_setting_url": f"{services}/links/{{link_id}}/custom",
    }


def show_refusal(refusal: Refused, call: Call) -> Reply:
    """Status, reason and request; of a refused score the status line tells all."""
    if refusal.rule == "results_limit":
        page = f"<!DOCTYPE html><html><body><h2>Error</h2><p>{refusal.message}</p></body></html>"
        return Reply(refusal.status, page.encode(), HTML)
    if refusal.rule == "score_crash":
        return Reply(refusal.status, b"<html><h1>502 Bad Gateway</h1></html>", HTML)
    if refusal.rule.startswith("score_") or refusal.rule in ("body", "object", "foreign_column"):
        return Reply(refusal.status, b"[]", reason=refusal.message)
    asked = {"method": call.method, "url": call.url}
    for name, header in (("accept", "accept"), ("contentType", "content-type")):
        asked |= {name: call.headers[header]} if call.headers.get(header) else {}
    reason = refusal.message
    if reason == NO_HANDLER:
        reason = f"{reason} for {call.url} {asked.get('accept')} {asked.get('contentType')}"
    body = {"status": refusal.status, "reason": reason, "request": asked}
    return Reply.of(body, status=refusal.status)


def make_api(platform: "SandboxPlatform") -> "Blueprint":
    """Its web services."""
    from mentorai.plugins.sandbox.personalities import moodle_api

    return moodle_api.make_api(platform)


def find_access() -> ApiAccess:
    """The token of its web services."""
    from mentorai.plugins.sandbox.personalities import moodle_api

    return ApiAccess("", moodle_api.TOKEN)


MOODLE = Personality(
    name="moodle",
    title="Moodle",
    about="LTI services as a Moodle 4.5 was seen to answer them: times compared with the instant "
    "of receipt, reasons in the status line, grades that unfinished work wipes.",
    habits={
        "score_times": "received",
        "line_item_query": True,
        "registration_like": "moodle",
        "page_size": 200,
    },
    addresses=Addresses(
        sign_in="/mod/lti/auth.php",
        tokens="/mod/lti/token.php",
        keys="/mod/lti/certs.php",
        line_items="/mod/lti/services.php/{course}/lineitems",
        line_item="/mod/lti/services.php/{course}/lineitems/{column}/lineitem",
        members="/mod/lti/services.php/CourseSection/{course}/bindings/1/memberships",
    ),
    media=Media(one_accept=True, no_wildcard=frozenset({CONTAINER})),
    scores=ScoreTraits(
        whole_seconds=True,
        changes_only=True,
        is_loose=True,
        clamps=True,
        clears="ungraded",
        takes_suspended=True,
        crashes_on_names=True,
        forgets_leavers=True,
        answers="nothing",
    ),
    columns=ColumnTraits(
        keeps_coupled=True,
        drops_link=True,
        empty_texts=True,
        any_maximum=True,
        rescales=True,
        adds=describe_column,
        links=Links(
            relations=("first", "prev", "canonical", "next", "last"),
            quotes=("“", "”"),
            ampersand="&amp;",
        ),
    ),
    tokens=TokenTraits(
        media_type=HTML,
        kind="hex",
        unchecked=frozenset({"audience", "iss", "exp", "jti"}),
        errors=TOKEN_ERRORS,
        tool_id="1",
        answers_get=True,
        exact_scheme=True,
        challenges=False,
        breaks_on_kid=True,
    ),
    roster=RosterTraits(
        short_roles=True,
        two_roles=True,
        assistants_learn=True,
        hides_suspended=True,
        adds=describe_member,
        hides_by_link=True,
        speaks_old=True,
        groups="never",
        links=Links(keeps=("limit",)),
    ),
    launches=LaunchTraits(
        client_id="sAnDbOxMoOdLe01",
        deployment_id="1",
        family_code="moodle",
        version="2024100705.01",
        guid=UUID(fixed_id("platform/moodle")).hex,
        lifetime_seconds=60,
        ids="numbers",
        context_type="CourseSection",
        adds=add_claims,
        shown_here=frozenset(
            {"nonce", "invalid_scope", "unsupported_response_type", "lti_message_hint"}
        ),
        shown_status=404,
        any_prompt=True,
        tells_clients=True,
        any_state=True,
        enrolment="/enrol/index.php?id={course}",
        return_query="sesskey=S4ndb0xKey",
        outcomes="/mod/lti/service.php",
        names_first=True,
        custom=add_custom,
    ),
    selections=SelectionTraits(
        wants=Wants(
            accept_targets=("frame", "iframe", "window"),
            accept_lineitem=None,
            auto_create=False,
            # The name of the tool, as long as the teacher has typed no title.
            title="mentorAI",
            sends_data=False,
        ),
        unchecked=frozenset({"aud", "deployment_id", "nonce", "message_type"}),
        forgives=True,
        any_kind=True,
        ignores=frozenset({"available", "frame"}),
        opens=True,
    ),
    results=ResultTraits(breaks_on_limit=True, hides_zero=True, shows_receipt=True),
    words=WORDS,
    envelope=show_refusal,
    ends_courses=False,
    make_api=make_api,
    find_access=find_access,
)
