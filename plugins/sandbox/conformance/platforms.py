"""profile, recognise, document, registration: what kind of LMS the plugin is for."""

import copy
import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import fields
from typing import Any

from pydantic import TypeAdapter, ValidationError

from mentorai.core.explanations import SCREENS
from mentorai.core.values import PlatformProfile
from mentorai.lti.origins import find_url_fault
from mentorai.lti.platform_hosts import is_owned
from mentorai.lti.tool_description import Supported, build_registration, describe_tool
from mentorai.plugins.sandbox.certification.case import Failed, LeftOut, expect
from mentorai.plugins.sandbox.conformance.bench import Bench, describe
from mentorai.plugins.sandbox.conformance.case import PluginCase, about
from mentorai.plugins.sandbox.conformance.families import KNOWN, STRANGERS

FAMILY = re.compile(r"[a-z0-9][a-z0-9_-]{0,39}")
# What an LMS cannot do without in a registration (LTI Dynamic Registration 1.0, section 3).
REQUIRED = (
    *("application_type", "grant_types", "response_types", "redirect_uris"),
    *("initiate_login_uri", "client_name", "jwks_uri", "token_endpoint_auth_method"),
)


def get_profile(bench: Bench) -> PlatformProfile:
    """The plugin's profile. Raises LeftOut if it is for no LMS."""
    if bench.subject.profile is None:
        raise LeftOut("it is for no family of LMS (platform_profile)")
    return bench.subject.profile


def _is_whole(bench: Bench) -> str:
    profile = bench.ask("platform_profile")
    if not isinstance(profile, PlatformProfile):
        raise Failed(f"platform_profile gave {describe(profile)}")
    try:
        given = {each.name: getattr(profile, each.name) for each in fields(profile)}
        TypeAdapter(PlatformProfile).validate_python(given)
    except ValidationError as error:
        problem = error.errors(include_url=False, include_input=False)[0]
        where = ".".join(str(part) for part in problem["loc"])
        raise Failed(f"{where}: {problem['msg']}") from error
    expect(FAMILY.fullmatch(profile.family), f"the family {profile.family!r} is no short name")
    expect(profile.title.strip(), "it has no title")
    _check_domains(profile.vendor_domains)
    _check_audience(profile.token_audience)
    unknown = sorted(set(profile.screens) - set(SCREENS))
    expect(not unknown, f"no screens are called {', '.join(unknown)}; there are {list(SCREENS)}")
    left = sorted(set(SCREENS) - set(profile.screens))
    general = f"; general words for {', '.join(left)}" if left else ""
    return f"{profile.title}, family {profile.family}{general}"


def _check_domains(domains: Sequence[str]) -> None:
    for domain in domains:
        # Whoever names a public suffix lets addresses of anybody pass.
        expect(is_owned(domain), f"{domain!r} is nobody's own domain")
        expect(domain == domain.strip(".").lower() and "/" not in domain,
               f"{domain!r} is no bare domain")  # fmt: skip


def _check_audience(audience: str | None) -> None:
    fault = find_url_fault(audience, allow_loopback=True) if audience else None
    expect(fault is None, f"token_audience: {fault}")


def _recognises_its_own(bench: Bench) -> str:
    profile, code = get_profile(bench), bench.subject.code
    for spelt in (code, code.upper(), f" {code} "):
        answer = _recognise(bench, bench.registration.issuer, spelt)
        hint = "; --claims shows the kit what its launches hold" if answer is None else ""
        expect(answer == profile.family, f"{spelt!r} is {describe(answer)}{hint}")
    return f"{code!r}, in any spelling, is {profile.family}"


def _recognises_nobody_else(bench: Bench) -> str:
    profile = get_profile(bench)
    others = [each for each in (*KNOWN, *STRANGERS) if each.family != profile.family]
    for other in others:
        for issuer, code in ((other.issuer, other.code), (bench.registration.issuer, other.code)):
            answer = _recognise(bench, issuer, code)
            expect(answer is None, f"{issuer} with the code {code!r} is {describe(answer)}")
    for domain in profile.vendor_domains:
        # A domain of the vendor's within another's, and one that only ends alike.
        for host in (f"{domain}.evil.example", f"evil{domain}"):
            answer = _recognise(bench, f"https://{host}", "")
            expect(answer is None, f"https://{host} is {describe(answer)}")
    return f"None for {len(others)} others, and for hosts that only look like the vendor's"


def _recognise(bench: Bench, issuer: str, code: str) -> Any:
    return bench.ask("recognise_platform", issuer=issuer, family_code=code)


def _document_is_usable(bench: Bench) -> str:
    profile, tool = get_profile(bench), describe_tool(bench.tool)
    document = bench.ask("registration_document", platform=profile.family, tool=tool)
    expect(isinstance(document, dict) and document, f"it gave {describe(document)}")
    try:
        text = json.dumps(document, allow_nan=False)
    except (TypeError, ValueError) as error:
        raise Failed(f"it cannot be written as JSON: {error}") from error
    for name in ("launch_url", "login_url", "keyset_url"):
        expect(json.dumps(tool[name])[1:-1] in text, f"our {name} is not in it: {tool[name]}")
    is_form = all(isinstance(value, str) for value in document.values())
    return f"{'a form of' if is_form else 'JSON with'} {len(document)} fields, with our addresses"


def _document_is_its_own(bench: Bench) -> str:
    profile = get_profile(bench)
    for other in KNOWN:
        if other.family == profile.family:
            continue
        tool = describe_tool(bench.tool)
        document = bench.ask("registration_document", platform=other.family, tool=tool)
        expect(document is None, f"for {other.family} it gave {describe(document)}")
    return "None for every other family"


def _registration_is_kept(bench: Bench) -> str:
    profile, sent = get_profile(bench), build_registration(bench.tool, Supported())
    before = copy.deepcopy(sent)
    refined = bench.ask("refine_registration", platform=profile.family, registration=sent)
    expect(sent == before, "it changed what it was given, and not a copy")
    if refined is None:
        return "left as it is"
    expect(isinstance(refined, Mapping), f"it gave {describe(refined)}")
    try:
        json.dumps(refined, allow_nan=False)
    except (TypeError, ValueError) as error:
        raise Failed(f"it cannot be written as JSON: {error}") from error
    lost = [name for name in REQUIRED if name in before and refined.get(name) != before[name]]
    expect(not lost, f"changed or gone: {', '.join(lost)}")
    other = bench.ask("refine_registration", platform="a-stranger", registration=before)
    expect(other is None, f"for another family it gave {describe(other)}")
    return f"adds {', '.join(sorted(set(refined) - set(before))) or 'within what is there'}"


CASES: Sequence[PluginCase] = (
    about("platform_profile", "profile.whole", "the profile is whole", "platform_profile()",
          "a short family, a title, known screens, domains of the vendor's own", _is_whole),
    about("recognise_platform", "recognise.own", "it recognises its own", "its LMS's code",
          "its family, however the code is spelt", _recognises_its_own),
    about("recognise_platform", "recognise.others", "it recognises nobody else's",
          "every other family's code and issuer, and hosts that look alike", "None",
          _recognises_nobody_else),
    about("registration_document", "document.usable", "its document registers us",
          "its family and our addresses", "a form or JSON that holds our addresses",
          _document_is_usable),
    about("registration_document", "document.own", "it writes nobody else's document",
          "every other family", "None", _document_is_its_own),
    about("refine_registration", "registration.kept", "it refines a registration and no more",
          "what is sent to an LMS that registers us", "a copy in which nothing needed is lost",
          _registration_is_kept),
)  # fmt: skip
