"""What of an id_token may be kept in a log: the names of its claims, and a few harmless values.

Never a person's name, id or address, and no URL: what a person is called may stand anywhere, so
only claims that are listed here are read, and only values of plain letters are shown.
"""

import re
from collections.abc import Mapping
from typing import Any

from mentorai.lti.claims import CLAIM, ID_LENGTH
from mentorai.lti.roles import VOCABULARY

NAMES = 80
LIST_LENGTH = 20
# Names of claims, roles and types are URIs or words; "@" and "?" have no place in them.
_PLAIN = re.compile(r"[\w.:/#$+=-]{1,200}", re.ASCII)
_INSIDE = ("context", "resource_link", "launch_presentation", "tool_platform")
_VALUES = ("message_type", "version", "deployment_id", "roles")
_VALUES_INSIDE = (
    ("context", "type"),
    ("tool_platform", "product_family_code"),
    ("tool_platform", "version"),
    ("launch_presentation", "document_target"),
)

Redacted = Mapping[str, Any]


def redact_claims(claims: Mapping[str, Any]) -> Redacted:
    """names: of the claims, LTI's own without their long prefix, and of what is in the known
    ones (`context.title`). values: name -> a text, or a list of texts; roles and types without the
    address of their vocabulary (`membership#Learner`).
    """
    names = [name.removeprefix(CLAIM) for name in claims]
    values = {name: _show(claims[CLAIM + name]) for name in _VALUES if CLAIM + name in claims}
    for outer in _INSIDE:
        found = claims.get(CLAIM + outer)
        names += [f"{outer}.{name}" for name in found] if isinstance(found, dict) else []
    for outer, inner in _VALUES_INSIDE:
        found = claims.get(CLAIM + outer)
        if isinstance(found, dict) and inner in found:
            values[f"{outer}.{inner}"] = _show(found[inner])
    return {"names": sorted(filter(_PLAIN.fullmatch, names))[:NAMES], "values": values}


def read_harmless(text: object, length: int = ID_LENGTH) -> str:
    """A text that names a platform or a deployment, fit to be shown; empty if it is not."""
    is_fit = isinstance(text, str) and len(text) <= length and text.isprintable()
    return str(text) if is_fit and "@" not in str(text) and "?" not in str(text) else ""


def _show(value: object) -> str | list[str]:
    if isinstance(value, list):
        return [_show_one(each) for each in value[:LIST_LENGTH]]
    return _show_one(value)


def _show_one(value: object) -> str:
    if not isinstance(value, str) or not _PLAIN.fullmatch(value):
        return "(not shown)"
    return value.removeprefix(VOCABULARY)
