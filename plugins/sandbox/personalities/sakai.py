"""Sakai as an LTI platform, by its source: 400 for nearly everything, columns by their labels."""

from mentorai.plugins.sandbox.personalities.traits import (
    Addresses,
    ColumnTraits,
    LaunchTraits,
    Links,
    Personality,
    ResultTraits,
    ScoreTraits,
    TokenTraits,
)
from mentorai.plugins.sandbox.wire import Call, Media, Refused, Reply

NO_COLUMN = "Could not load column"


def show_refusal(refusal: Refused, call: Call) -> Reply:
    """What is wrong, as `error`; of a score for a column that is gone the gradebook says it."""
    if refusal.message == NO_COLUMN and call.url.endswith("/scores"):
        return Reply.of({"error": "Grade failure"}, status=400)
    return Reply.of({"error": refusal.message}, status=refusal.status)


SAKAI = Personality(
    name="sakai",
    title="Sakai",
    about="Its own addresses, 400 for nearly everything, 403 for a token that it does not take, "
    "line items that came with their link and cannot be changed, and others that it knows by their "
    "labels and ties to no link.",
    addresses=Addresses(
        line_items="/imsblis/lti13/lineitems/{course}",
        line_item="/imsblis/lti13/lineitems/{course}/{column}",
        members="/imsblis/lti13/namesandroles/{course}",
    ),
    media=Media(any_content=True, any_accept=True),
    scores=ScoreTraits(answers="nothing"),
    columns=ColumnTraits(
        fixes_coupled=True,
        keeps_link=False,
        by_label=True,
        made_status=200,
        links=Links(relations=()),
    ),
    results=ResultTraits(links=Links(relations=())),
    tokens=TokenTraits(kind="jwt", challenges=False),
    launches=LaunchTraits(family_code="sakai", version="23.1"),
    words={
        "coupled": (400, "Attempt to modify an 'on-demand' line item"),
        "no_column": (404, NO_COLUMN),
        "no_course": (400, "Could not load site associated with content"),
        "no_token": (403, "signature_error"),
        "scope": (400, "Scope not in access token"),
        "score_person": (400, "User does not belong to site"),
    },
    envelope=show_refusal,
)
