"""Reading one value out of claims: a text, an address, an object, a list.

`find_` is for what nothing depends on and forgives; `get_` is for what something does and refuses.
PHP platforms write an empty object as []; it is read as one. A variable that the platform did not
substitute (LTI Core 1.3, section 5.4.6.1) is no value, wherever it stands.
"""

import re
from collections.abc import Mapping
from typing import Any

from mentorai.core.errors import ClaimMissing, TokenInvalid
from mentorai.lti.origins import find_origin

ID_LENGTH = 255
TEXT_LENGTH = 1_000
URL_LENGTH = 4_000
LIST_LENGTH = 1_000
CLAIM = "https://purl.imsglobal.org/spec/lti/claim/"
CORE = "LTI Core 1.3, section "
_VARIABLE = re.compile(r"\s*\$[A-Za-z_]\w*(\.\w+)+\s*")
_KINDS = {
    bool: "true or false",
    int: "a number",
    float: "a number with a fraction",
    dict: "an object",
    list: "a list",
}

Claims = Mapping[str, Any]


def is_variable(text: str) -> bool:
    """Whether a text is the name of a variable (`$Person.name.full`) and not its value."""
    return "$" in text and _VARIABLE.fullmatch(text) is not None


def find_text(claims: Claims, name: str, length: int = TEXT_LENGTH) -> str:
    """A text that people read, in one line; empty if there is none."""
    found = claims.get(name)
    if not found or not isinstance(found, str) or ("$" in found and is_variable(found)):
        return ""
    if not found.isprintable():
        found = "".join(c if c.isprintable() else " " for c in found)
    # Most texts are in order; taking one apart and joining it costs more than all the rest here.
    if "  " in found or found[0] == " " or found[-1] == " ":
        found = " ".join(found.split())
    return found if len(found) <= length else found[:length]


def find_texts(claims: Claims, name: str) -> tuple[str, ...]:
    """The short texts of a list; whatever else is in it is left out."""
    found = claims.get(name)
    if not isinstance(found, list):
        return ()
    return tuple(
        [
            each
            for each in found[:LIST_LENGTH]
            if isinstance(each, str) and 0 < len(each) <= ID_LENGTH and not is_variable(each)
        ]
    )


def find_url(claims: Claims, name: str) -> str | None:
    """A full address, or None."""
    found = claims.get(name)
    return found if isinstance(found, str) and find_origin(found) else None


def find_pixels(claims: Claims, name: str) -> int | None:
    """A length in pixels, which some platforms send as a text; None if it is not one."""
    found = claims.get(name)
    if isinstance(found, str) and found.isascii() and found.isdigit() and len(found) < 6:
        found = int(found)
    is_length = isinstance(found, int) and not isinstance(found, bool) and 0 < found < 100_000
    return found if is_length else None


def read_object(claims: Claims, name: str) -> Claims:
    """The claim `name` as an object, empty if it is absent. Raises TokenInvalid."""
    found = claims.get(name)
    if found is None or found == []:
        return {}
    if not isinstance(found, dict):
        raise TokenInvalid(f"The claim {shorten(name)} is not an object.", clause=CORE + "5.3")
    return found


def find_object(claims: Claims, name: str) -> Claims:
    """The claim `name` as an object, empty if it is absent or something else."""
    found = claims.get(name)
    return found if isinstance(found, dict) else {}


def get_text(claims: Claims, name: str, clause: str, length: int = ID_LENGTH) -> str:
    """A text that something depends on. Raises ClaimMissing, TokenInvalid."""
    found = _get(claims, name, clause, shorten(name))
    return _check_text(found, shorten(name), clause, length)


def get_id(claims: Claims, name: str, clause: str, told: str = "") -> str:
    """An id that the platform gave. Raises ClaimMissing; as `read_id` does.

    told: what an error calls it; its own name if empty.
    """
    told = told or shorten(name)
    return read_id(_get(claims, name, clause, told), told, clause)


def read_id(found: object, told: str, clause: str) -> str:
    """An id in its claim `told`. A whole number, which the specification has for no id and some
    platforms send for theirs, is read as its text. Raises TokenInvalid.
    """
    # Not str(found) of any length: Python itself refuses numbers of thousands of digits.
    if type(found) is int and abs(found) < 10**ID_LENGTH:
        return str(found)
    return _check_text(found, told, clause, ID_LENGTH)


def _get(claims: Claims, name: str, clause: str, told: str) -> object:
    found = claims.get(name)
    if found is None or found == "" or (isinstance(found, str) and is_variable(found)):
        raise ClaimMissing(f"The id_token lacks the claim {told}.", clause=clause)
    return found


def _check_text(found: object, told: str, clause: str, length: int) -> str:
    if not isinstance(found, str) or not 0 < len(found) <= length or not found.isprintable():
        raise TokenInvalid(
            f"The claim {told} is {_name_kind(found)}, not a text of 1 to {length} characters.",
            clause=clause,
        )
    return found


def _name_kind(found: object) -> str:
    """What something is, without a word of it: it may be of a person."""
    if isinstance(found, str):
        odd = "" if found.isprintable() else ", some of which cannot be printed"
        return f"a text of {len(found)} characters{odd}"
    return _KINDS.get(type(found), "something else")


def shorten(name: str) -> str:
    """A claim's name without its vocabulary."""
    return name.rpartition("/")[2]
