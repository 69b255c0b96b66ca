"""What of an id_token may be kept in a log: the names of its claims, and a few harmless values.

Never a person's name, id or address, and no URL: what a person is called may stand anywhere, so
only claims that are listed here are read, and only values of plain letters are shown.
"""

import re
from collections.abc import Mapping
from functools import lru_cache
from typing import Any

from mentorai.lti.claims import CLAIM, ID_LENGTH
from mentorai.lti.roles import VOCABULARY

NAMES = 80
LIST_LENGTH = 20
# Names of claims, roles and types are URIs or words; "@" and "?" have no place in them.
LONGEST = 200
_PLAIN = re.compile(rf"[\w.:/#$+=-]{{1,{LONGEST}}}", re.ASCII)
HIDDEN = "(not shown)"
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
    names = list(claims)
    values = {name: _show(claims[CLAIM + name]) for name in _VALUES if CLAIM + name in claims}
    for outer in _INSIDE:
        found = claims.get(CLAIM + outer)
        names += [f"{outer}.{name}" for name in found] if isinstance(found, dict) else []
    for outer, inner in _VALUES_INSIDE:
        found = claims.get(CLAIM + outer)
        if isinstance(found, dict) and inner in found:
            values[f"{outer}.{inner}"] = _show(found[inner])
    return {"names": list(_choose_names(tuple(names))), "values": values}


# The launches of one LMS name the same claims, and the same roles. What is kept here is short.
@lru_cache(maxsize=64)
def _choose_names(names: tuple[str, ...]) -> tuple[str, ...]:
    shown = (name.removeprefix(CLAIM) for name in names)
    return tuple(sorted(filter(_PLAIN.fullmatch, shown))[:NAMES])


def read_harmless(text: object, length: int = ID_LENGTH) -> str:
    """A text that names a platform or a deployment, fit to be shown; empty if it is not."""
    is_fit = isinstance(text, str) and len(text) <= length and text.isprintable()
    return str(text) if is_fit and "@" not in str(text) and "?" not in str(text) else ""


def _show(value: object) -> str | list[str]:
    if isinstance(value, list):
        return [_show_one(each) for each in value[:LIST_LENGTH]]
    return _show_one(value)


def _show_one(value: object) -> str:
    return _show_text(value) if isinstance(value, str) and len(value) <= LONGEST else HIDDEN


@lru_cache(maxsize=1024)
def _show_text(value: str) -> str:
    return value.removeprefix(VOCABULARY) if _PLAIN.fullmatch(value) else HIDDEN
