"""What campus IT may enter for a registration: facts, deployment ids, and what roles mean."""

from collections.abc import Collection, Mapping, Sequence
from typing import Any

from mentorai.core.errors import InputRejected
from mentorai.core.values import Role
from mentorai.lti.origins import find_origin, find_url_fault
from mentorai.lti.registration_rows import ID_LENGTH, POLICIES, REJECT
from mentorai.lti.roles import NAME_LENGTH, read_role_name

OVERRIDES_LIMIT = 50
ADDRESSES = ("issuer", "auth_url", "token_url", "keyset_url")
TEXTS = {"name": 200, "family": 64, "token_audience": ID_LENGTH}


def check_facts(
    facts: Mapping[str, Any], deployment_ids: Sequence[str], *, allow_loopback: bool
) -> None:
    """Let the facts of a new registration pass. Raises InputRejected naming each wrong one."""
    faults = _find_faults(facts, allow_loopback=allow_loopback)
    faults["issuer"] = faults["issuer"] or _find_issuer_fault(facts["issuer"])
    faults["client_id"] = find_id_fault(facts["client_id"])
    if not all(find_origin(origin) == origin for origin in facts["frame_origins"]):
        faults["frame_origins"] = "Origins such as https://lms.example.edu, please."
    if facts["deployment_policy"] not in POLICIES:
        faults["deployment_policy"] = f"One of {', '.join(POLICIES)}, please."
    if not deployment_ids and facts["deployment_policy"] == REJECT:
        faults["deployment_ids"] = "At least one, please, or hold or accept unknown ones."
    for deployment_id in deployment_ids:
        fault = find_id_fault(deployment_id)
        faults["deployment_ids"] = faults.get("deployment_ids") or fault
    errors = {field: [fault] for field, fault in faults.items() if fault}
    if errors:
        raise InputRejected(errors)


def check_changes(facts: Mapping[str, str], *, allow_loopback: bool) -> None:
    """Let new addresses and texts of a registration pass. Raises InputRejected, as check_facts."""
    faults = _find_faults(facts, allow_loopback=allow_loopback)
    errors = {field: [fault] for field, fault in faults.items() if fault}
    if errors:
        raise InputRejected(errors)


def check_override(name: str, role: str, *, known: Collection[str], beyond_course: bool) -> Role:
    """The role that `name` shall make of a person.

    known: the names of which something is said already. Nobody becomes staff of every course by a
    slip: of a role outside the course that has to be said twice, by beyond_course.
    Raises InputRejected (name, role, beyond_course).
    """
    if not name or len(name) > NAME_LENGTH or not name.isprintable() or " " in name:
        sentence = f"1 to {NAME_LENGTH} printable characters without spaces, please."
        raise InputRejected({"name": [sentence]})
    if role not in list(Role):
        raise InputRejected({"role": [f"One of {', '.join(Role)}, please."]})
    read, given = read_role_name(name), Role(role)
    if read.text not in known and len(known) >= OVERRIDES_LIMIT:
        raise InputRejected({"name": [f"No more than {OVERRIDES_LIMIT} roles, please."]})
    if given.is_staff and not read.may_be_staff:
        sentence = "Observers and the LMS's preview student cannot be staff."
        raise InputRejected({"role": [sentence]})
    if given.is_staff and not read.principal and not beyond_course:
        sentence = (
            "This is no role in a course. Whoever has it would be staff in every course in which "
            "the LMS gives them no role; say so expressly if that is what you want."
        )
        raise InputRejected({"beyond_course": [sentence]})
    return given


def find_id_fault(text: object) -> str | None:
    """What is wrong with an id that a platform gave, in a sentence, or None."""
    if isinstance(text, str) and 0 < len(text) <= ID_LENGTH and text.isprintable():
        return None
    return f"1 to {ID_LENGTH} printable characters, please."


def _find_faults(facts: Mapping[str, Any], *, allow_loopback: bool) -> dict[str, str | None]:
    """What is wrong with the addresses and texts among the facts, by name."""
    faults = {
        field: find_url_fault(facts[field], allow_loopback=allow_loopback)
        for field in ADDRESSES
        if field in facts
    }
    for field, length in TEXTS.items():
        if field in facts:
            faults[field] = _find_text_fault(facts[field], length)
    return faults


def _find_text_fault(text: str, length: int) -> str | None:
    if len(text) <= length and text.isprintable():
        return None
    return f"At most {length} printable characters, please."


def _find_issuer_fault(issuer: str) -> str | None:
    if len(issuer) > ID_LENGTH or "?" in issuer:
        return f"At most {ID_LENGTH} characters and no query, please."
    return None
