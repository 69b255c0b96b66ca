"""What campus IT brings from an LMS, by the fields of its family's guide, as facts of a
registration.
"""

import re
from collections.abc import Mapping, Sequence
from string import Formatter
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from mentorai.core.errors import InputRejected
from mentorai.core.values import SetupChoice, SetupField, SetupGuide, SetupStep
from mentorai.lti.origins import find_origin
from mentorai.lti.registration_documents import RegistrationDocument
from mentorai.lti.registrations import HOLD, Registration

if TYPE_CHECKING:
    from mentorai.core.engine import Engine
    from mentorai.lti.tool import Tool

# The families of which no plugin knows more share this name.
ANY_FAMILY = "lti"
NAME_FIELD, CHOICE_FIELD, DEPLOYMENT_FIELD = "name", "choice", "deployment_id"
TEXT_LENGTH = 2_000
NEEDED = "This is needed."
WRONG = {
    "address": "A full address such as https://lms.example.edu, please.",
    "host": "A full address such as https://lms.example.edu, please.",
    "url": "A full address such as https://lms.example.edu/lti/auth, please.",
    "uuid": "This looks otherwise: five groups of letters a to f and digits, with hyphens between.",
}
# What follows from the fields of a guide, unless campus IT says otherwise: an LMS behind an address
# of its own, a vendor's portal that moved, a sandbox.
OTHER_ADDRESSES = (
    SetupField("auth_url", "Authentication URL", kind="url", is_rare=True),
    SetupField("token_url", "Access token URL", kind="url", is_rare=True),
    SetupField("keyset_url", "Key set URL (JWKS)", kind="url", is_rare=True),
)
_SCHEME = re.compile("[a-z]+://", re.IGNORECASE)
_UUID = re.compile("[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.IGNORECASE)


def list_guides(engine: "Engine") -> Sequence[SetupGuide]:
    """The guides of all families by title; the one for any other LMS last."""
    guides: Sequence[SetupGuide] = engine.plugins.ask_all("setup_guide")
    return sorted(guides, key=lambda each: (each.family == ANY_FAMILY, each.title))


def find_guide(engine: "Engine", family: str) -> SetupGuide | None:
    """The guide of one family, or None."""
    return next((each for each in list_guides(engine) if each.family == family), None)


def list_left(guide: SetupGuide, *, by_link: bool = False) -> Sequence[SetupStep]:
    """What is left to do in the LMS once the form was accepted or, by_link, a link was used."""
    # A link that was made here is used in the step after that.
    mark, done = ("link", 2) if by_link else ("form", 1)
    for way in guide.ways:
        parts = [step.shows for step in way.steps]
        if mark in parts:
            return way.steps[parts.index(mark) + done :]
    return ()


def pick_values(
    guide: SetupGuide, step: SetupStep, document: RegistrationDocument | None
) -> Mapping[str, str]:
    """What is entered in this step, by the names that the LMS has for it."""
    if document is None or not (step.values or step.shows == "document"):
        return {}
    elsewhere = {name for way in guide.ways for each in way.steps for name in each.values}
    names = step.values or [name for name in document.content if name not in elsewhere]
    return {name: document.content[name] for name in names if name in document.content}


def list_fields(guide: SetupGuide) -> Sequence[SetupField]:
    """The fields of a guide, and after them the addresses that it would set by itself."""
    own = {each.name for each in guide.fields}
    return (*guide.fields, *(each for each in OTHER_ADDRESSES if each.name not in own))


def keep_known(guide: SetupGuide, given: Mapping[str, str]) -> dict[str, str]:
    """Of what was sent, the fields that the guide has, no longer than a page could need."""
    names = (NAME_FIELD, CHOICE_FIELD, *(each.name for each in list_fields(guide)))
    found = {name: given.get(name, "").strip()[:TEXT_LENGTH] for name in names}
    return {name: text for name, text in found.items() if text}


def read_facts(guide: SetupGuide, given: Mapping[str, str]) -> dict[str, str]:
    """The facts of the registration: issuer, client_id, auth_url and so on, by their names.

    given: what was filled in, by the names of the guide's fields, and which choice.
    Raises InputRejected, naming the fields that are missing or are no address.
    """
    templates = _find_templates(guide, given)
    used = _find_used(templates)
    values, errors = {}, {}
    for field in list_fields(guide):
        text = given.get(field.name, "").strip() or field.usual
        value = _clean(field, text)
        if field.name in used and not value:
            errors[field.name] = [WRONG[field.kind] if text else NEEDED]
        values[field.name] = value
    if errors:
        raise InputRejected(errors)
    return {fact: template.format_map(values) for fact, template in templates.items()}


def add_registration(
    engine: "Engine",
    tool: "Tool",
    organization_id: str,
    guide: SetupGuide,
    given: Mapping[str, str],
    author: str,
) -> Registration:
    """Register the LMS. Deployments that nobody named are held until campus IT decides.

    Raises InputRejected by the names of the guide's fields; Conflict if it is registered already.
    """
    facts = read_facts(guide, given)
    profiles = engine.plugins.ask_all("platform_profile")
    profile = next((each for each in profiles if each.family == guide.family), None)
    deployment_id = given.get(DEPLOYMENT_FIELD, "")
    made: dict[str, Any] = {
        "token_audience": (profile and profile.token_audience) or "",
        "name": given.get(NAME_FIELD) or name_platform(guide, given, facts),
        "family": "" if guide.family == ANY_FAMILY else guide.family,
    } | facts
    try:
        return tool.registrations.add(
            organization_id,
            **made,
            deployment_ids=[deployment_id] if deployment_id else [],
            deployment_policy=HOLD,
            author=author,
        )
    except InputRejected as error:
        raise InputRejected(_name_fields(guide, given, error.errors)) from error


def name_platform(guide: SetupGuide, given: Mapping[str, str], facts: Mapping[str, str]) -> str:
    """What an LMS is called until somebody says more: its family and host."""
    host = _find_host(guide, given) or urlsplit(facts["issuer"]).netloc
    return (host if guide.family == ANY_FAMILY else f"{guide.title} ({host})")[:200]


def name_draft(guide: SetupGuide, given: Mapping[str, str]) -> str:
    """What tells a draft from others of its family: what campus IT brought, as far as it got."""
    place = _find_host(guide, given) or find_choice(guide, given).label
    return ", ".join(part for part in (place, given.get("client_id", "")) if part)


def find_choice(guide: SetupGuide, given: Mapping[str, str]) -> SetupChoice:
    """The choice that was made, the first if none was; an empty one if there are none."""
    wanted = given.get(CHOICE_FIELD, "")
    first = guide.choices[0] if guide.choices else SetupChoice("", "")
    return next((each for each in guide.choices if each.value == wanted), first)


def _find_host(guide: SetupGuide, given: Mapping[str, str]) -> str:
    """The host of the first address that campus IT brought and that counts; empty if none does."""
    used = _find_used(_find_templates(guide, given))
    found = [
        find_origin(_clean(each, given.get(each.name, "")))
        for each in list_fields(guide)
        if each.name in used
    ]
    return next((urlsplit(origin).netloc for origin in found if origin), "")


def _find_used(templates: Mapping[str, str]) -> set[str]:
    return {name for template in templates.values() for name in _find_fields(template)}


def _find_templates(guide: SetupGuide, given: Mapping[str, str]) -> dict[str, str]:
    """What each fact is made of: as the guide and the choice say, or the address that was given."""
    said = {each.name for each in OTHER_ADDRESSES if given.get(each.name, "").strip()}
    others = {name: f"{{{name}}}" for name in said}
    return dict(guide.facts) | dict(find_choice(guide, given).facts) | others


def _clean(field: SetupField, text: str) -> str:
    """The value of a field; empty if it is not of the field's kind."""
    if field.kind == "text":
        return text
    if field.kind == "uuid":
        return text if _UUID.fullmatch(text) else ""
    if field.kind == "url":
        return text if find_origin(text) else ""
    whole = text if _SCHEME.match(text) else f"https://{text}"
    origin = find_origin(whole)
    if origin is None:
        return ""
    if field.kind == "host":
        return origin
    path = urlsplit(whole).path
    for cut in field.cuts:
        path = path.partition(cut)[0] if cut in path else path
    return origin + path.rstrip("/")


def _find_fields(template: str) -> list[str]:
    return [name for _, name, _, _ in Formatter().parse(template) if name]


def _name_fields(
    guide: SetupGuide, given: Mapping[str, str], errors: Mapping[str, Sequence[str]]
) -> dict[str, list[str]]:
    """What is wrong with facts, said of the field that each was made of."""
    templates = _find_templates(guide, given)
    named: dict[str, list[str]] = {}
    for fact, sentences in errors.items():
        fields = _find_fields(templates.get(fact, ""))
        own = DEPLOYMENT_FIELD if fact == "deployment_ids" else fact
        place = fields[0] if fields else own
        told = named.setdefault(place if fact != NAME_FIELD else NAME_FIELD, [])
        told += [each for each in sentences if each not in told]
    return named
