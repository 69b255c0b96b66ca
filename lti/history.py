"""Course history: the ids that a resource link and its context were copied from.

Platforms tell them in custom parameters that hold these variables; the parameters' names are
ours. The ids come URL-encoded, the latest copy first.
Source: LTI Core 1.3, appendix B.2 (Context.id.history) and B.6 (ResourceLink.id.history).
"""

from collections.abc import Mapping
from dataclasses import replace
from urllib.parse import unquote, unquote_plus

from mentorai.core.values import Launch

LINK_HISTORY, CONTEXT_HISTORY = "resource_link_id_history", "context_id_history"
# What a link's or a registration's custom parameters ask for.
CUSTOM: Mapping[str, str] = {
    LINK_HISTORY: "$ResourceLink.id.history",
    CONTEXT_HISTORY: "$Context.id.history",
}
IDS = 50
ID_LENGTH = 255


def add_history(launch: Launch) -> Launch:
    """The launch with what its custom parameters say it was copied from."""
    custom = launch.custom
    if not (custom.get(LINK_HISTORY) or custom.get(CONTEXT_HISTORY)):
        return launch
    return replace(
        launch,
        link_history=read_history(custom.get(LINK_HISTORY, "")),
        context_history=read_history(custom.get(CONTEXT_HISTORY, "")),
    )


def read_history(text: str) -> tuple[str, ...]:
    """The ids in a history, each once, at most IDS.

    Not every platform encodes as the specification says: an id that reads otherwise as it is, or
    with + for a space, is there in each form. What is no id is left out.
    """
    found: dict[str, None] = {}
    # Whole ids only: nobody splits megabytes for a list that is capped anyway.
    for part in text.split(",", IDS)[:IDS]:
        given = part.strip()
        for form in (unquote(given), given, unquote_plus(given)):
            if 0 < len(form) <= ID_LENGTH and form.isprintable():
                found[form.strip() or form] = None
    return tuple(found)[:IDS]
