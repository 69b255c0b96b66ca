"""Sakai as an LTI platform, by its source: 400 for nearly everything, columns by their labels.

Read in sakaiproject/sakai, lti/ (LTI13Servlet, LineItemUtil, SakaiLTIUtil), of 2023 to 2026; where
those differ, assertions are checked as in 2026, and columns are kept as before.
"""

from typing import TYPE_CHECKING

from flask import Blueprint, Response, request

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
from mentorai.plugins.sandbox.wire import HTML, JSON, Call, Media, Refused, Reply

if TYPE_CHECKING:
    from mentorai.plugins.sandbox.platform import SandboxPlatform

NO_COLUMN = "Could not load column"
JSON_UTF8 = f"{JSON};charset=utf-8"
PROGRESS = frozenset({"FullyGraded", "Pending", "PendingManual", "Failed", "NotReady"})
# A sentence in the place of a code; a scope is refused with a code, and named in a header.
TOKEN_ERRORS = {
    "*": (400, "Could not verify signature", ""),
    "scope": (400, "invalid_scope", ""),
    "no_scope": (400, "invalid_scope", ""),
    "no_assertion": (400, "Token request missing fields: client_assertion", ""),
    "no_grant_type": (400, "Token request missing fields: grant_type", ""),
    "grant_type": (400, "Invalid grant_type", ""),
    "assertion_type": (400, "Invalid client_assertion_type", ""),
    "client": (400, "Invalid issuer", ""),
    "audience": (400, "Invalid audience", ""),
    "iat": (400, "Invalid iat", ""),
    "jti": (400, "Replayed client_assertion", ""),
}


def show_refusal(refusal: Refused, call: Call) -> Reply:
    """What is wrong, as `error`; whatever changes a column that is gone breaks on it."""
    if refusal.message == NO_COLUMN and call.method in ("POST", "PUT"):
        return Reply(500, b"<!doctype html><title>HTTP Status 500</title>", HTML)
    return Reply.of({"error": refusal.message}, JSON_UTF8, status=refusal.status)


def refuse_the_rest(_platform: "SandboxPlatform") -> Blueprint:
    """400 for addresses and verbs below its own that it knows nothing of."""
    routes = Blueprint("sakai", __name__)

    @routes.route("/imsblis/lti13/<path:rest>", methods=["GET", "POST", "PUT", "DELETE"])
    def refuse(rest: str) -> Response:
        parts = len(request.path.split("/"))
        words = f"Unrecognized {request.method} request parts={parts} request={request.path}"
        if request.method == "PUT" and rest.startswith("lineitem/"):
            words = "Attempt to modify an 'on-demand' line item"
        reply = Reply.of({"error": words}, JSON_UTF8, status=400)
        return Response(reply.body, reply.status, content_type=reply.media_type)

    return routes


SAKAI = Personality(
    name="sakai",
    title="Sakai",
    about="Its own addresses, 400 for nearly everything, 403 for a token that it does not take, "
    "a column for each link that its first score makes, and others that it knows by their labels "
    "and ties to no link; the last score counts, whenever it is from.",
    addresses=Addresses(
        sign_in="/imsoidc/lti13/oidc_auth",
        tokens="/imsblis/lti13/token/1",
        keys="/imsblis/lti13/keyset",
        line_items="/imsblis/lti13/lineitems/{course}",
        line_item="/imsblis/lti13/lineitems/{course}/{column}",
        members="/imsblis/lti13/namesandroles/{course}",
        on_demand="/imsblis/lti13/lineitem/{placement}",
    ),
    media=Media(any_content=True, any_accept=True),
    scores=ScoreTraits(
        answers="nothing",
        any_times=True,
        graded=PROGRESS,
        clears="ungraded",
        keeps_overridden=False,
        locks=False,
        takes_suspended=True,
        takes_staff=True,
    ),
    columns=ColumnTraits(
        keeps_link=False,
        by_label=True,
        encodes_texts=True,
        made_status=200,
        links=Links(relations=()),
    ),
    results=ResultTraits(ignores_user=True, links=Links(relations=())),
    tokens=TokenTraits(
        media_type=JSON_UTF8,
        kind="jwt",
        errors=TOKEN_ERRORS,
        all_or_none=True,
        detail_header="X-Tsugi-LTI13-Error-Detail",
        challenges=False,
    ),
    roster=RosterTraits(
        media_type=JSON_UTF8,
        hides_suspended=True,
        ignores_filters=True,
        links=Links(start="start", keeps=()),
    ),
    launches=LaunchTraits(
        family_code="sakai",
        version="23.1",
        registers_as="sakailms.org",
        shown_here=SIGN_IN_ERRORS,
        lifetime_seconds=3600,
        context_type="http://purl.imsglobal.org/vocab/lis/v2/course#CourseOffering",
    ),
    words={
        "no_column": (404, NO_COLUMN),
        "no_course": (400, "Could not load site associated with content"),
        "no_token": (403, "signature_error"),
        "scope": (400, "Scope not in access token"),
        "score_person": (400, "User does not belong to site"),
    },
    envelope=show_refusal,
    make_api=refuse_the_rest,
)
