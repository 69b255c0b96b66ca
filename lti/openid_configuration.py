"""What a platform says of itself when it is about to register a tool, read with suspicion.

Source: LTI Dynamic Registration 1.0, section 2.1 (platform configuration); OpenID Connect
Discovery 1.0, section 3.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any

from mentorai.core.errors import RegistrationRejected
from mentorai.lti.origins import find_next, find_origin
from mentorai.lti.platform_hosts import (
    NOT_ITS_OWN,
    find_endpoint_fault,
    find_platform_url_fault,
)
from mentorai.lti.platform_http import PlatformHttp, Reply
from mentorai.lti.registrations import ID_LENGTH
from mentorai.lti.tool_description import Supported

CLAUSE = "LTI Dynamic Registration 1.0, section 2.1"
PLATFORM_CONFIGURATION = "https://purl.imsglobal.org/spec/lti-platform-configuration"
DOCUMENT_BYTES = 200_000
TOKEN_LENGTH = 10_000
TEXT_LENGTH = 255
LISTED = 500
REDIRECTS = 3
# A Canvas of one's own does, where nobody changed its issuer.
BY_HAND = " If it is yours and names its vendor, campus IT adds it by hand: Platforms, Add an LMS."
ALGORITHM = "RS256"
AUTH_METHOD = "private_key_jwt"

FindVendorDomains = Callable[[str, str], Sequence[str]]


@dataclass(frozen=True, slots=True)
class PlatformConfiguration:
    """The addresses and abilities of a platform. url: where it was read.

    authorization_server: what it wants as `aud` of assertions; empty if it does not say.
    """

    url: str
    issuer: str
    auth_url: str
    token_url: str
    keyset_url: str
    registration_url: str
    authorization_server: str
    family_code: str
    version: str
    supported: Supported


def fetch_configuration(
    http: PlatformHttp,
    url: str,
    registration_token: str,
    find_vendor_domains: FindVendorDomains,
    *,
    allow_loopback: bool,
) -> PlatformConfiguration:
    """Fetch and check what the platform says of itself.

    registration_token: sent along as a bearer, as some platforms want it, to the address's own
        origin only; empty if none came.
    find_vendor_domains: (issuer, family_code) -> the family's vendor_domains.
    Raises RegistrationRejected; PlatformError if the platform does not answer.
    """
    fault = find_platform_url_fault(url, url, (), allow_loopback=allow_loopback)
    if fault:
        raise RegistrationRejected(f"The LMS sent no usable openid_configuration. {fault}")
    if len(registration_token) > TOKEN_LENGTH or not _is_header(registration_token):
        raise RegistrationRejected("The LMS sent a registration_token that cannot be used.")
    reply = _fetch(http, url, registration_token, allow_loopback=allow_loopback)
    if not reply.is_ok:
        raise RegistrationRejected(
            f"{find_origin(url)} answered {reply.status} when it was asked for its configuration."
            " Begin anew in the LMS: what it hands out for a registration is good for a while only."
        )
    found = read_configuration(url, reply.read_json())
    domains = find_vendor_domains(found.issuer, found.family_code)
    check_configuration(found, domains, allow_loopback=allow_loopback)
    return found


def read_configuration(url: str, document: object) -> PlatformConfiguration:
    """The configuration in a JSON document. Raises RegistrationRejected naming what is wrong."""
    if not isinstance(document, dict):
        raise _reject("is not a JSON object")
    _check_offer(document, "token_endpoint_auth_methods_supported", AUTH_METHOD)
    _check_offer(document, "id_token_signing_alg_values_supported", ALGORITHM)
    own = document.get(PLATFORM_CONFIGURATION)
    own = own if isinstance(own, dict) else {}
    messages = own.get("messages_supported")
    return PlatformConfiguration(
        url=url,
        issuer=_get_text(document, "issuer"),
        auth_url=_get_text(document, "authorization_endpoint"),
        token_url=_get_text(document, "token_endpoint"),
        keyset_url=_get_text(document, "jwks_uri"),
        registration_url=_get_text(document, "registration_endpoint"),
        authorization_server=_find_text(document.get("authorization_server")),
        family_code=_find_text(own.get("product_family_code")),
        version=_find_text(own.get("version")),
        supported=Supported(
            scopes=_read_texts(document.get("scopes_supported")),
            messages=_read_texts(
                each.get("type") if isinstance(each, dict) else each
                for each in (messages if isinstance(messages, list) else ())
            ),
            variables=frozenset(
                each.removeprefix("$") for each in _read_texts(own.get("variables"))
            ),
        ),
    )


def check_configuration(
    found: PlatformConfiguration, vendor_domains: Sequence[str], *, allow_loopback: bool
) -> None:
    """Check that the platform speaks of itself and of nobody else. Raises RegistrationRejected."""
    fault = find_platform_url_fault(
        found.issuer, found.url, vendor_domains, allow_loopback=allow_loopback
    )
    if len(found.issuer) > ID_LENGTH or "?" in found.issuer:
        raise _reject("names an issuer that is too long or holds a query")
    if fault:
        by_hand = BY_HAND if fault == NOT_ITS_OWN else ""
        raise _reject(f"names an issuer that is not the LMS it came from. {fault}{by_hand}")
    for name, url in (
        ("authorization_endpoint", found.auth_url),
        ("token_endpoint", found.token_url),
        ("jwks_uri", found.keyset_url),
        ("registration_endpoint", found.registration_url),
    ):
        fault = find_endpoint_fault(
            url, found.issuer, vendor_domains, allow_loopback=allow_loopback
        )
        if fault:
            raise _reject(f"names an unusable {name}. {fault}")


def _fetch(http: PlatformHttp, url: str, token: str, *, allow_loopback: bool) -> Reply:
    """GET, following redirects by hand: each is looked at as the first address was."""
    accept = {"Accept": "application/json"}
    present = url
    for _ in range(REDIRECTS + 1):
        is_own = find_origin(present) == find_origin(url)
        bearer = {"Authorization": f"Bearer {token}"} if token and is_own else {}
        reply = http.get(present, headers=accept | bearer, limit_bytes=DOCUMENT_BYTES)
        target = reply.headers.get("Location")
        if reply.status not in (301, 302, 303, 307, 308) or not target:
            return replace(reply, url=present)
        present = find_next(present, target)
        fault = find_platform_url_fault(present, url, (), allow_loopback=allow_loopback)
        if fault:
            raise RegistrationRejected(f"The LMS sent us on to another place. {fault}")
    raise RegistrationRejected("The LMS sent us on and on.")


def _check_offer(document: dict[str, Any], name: str, wanted: str) -> None:
    listed = document.get(name)
    if isinstance(listed, list) and listed and wanted not in listed:
        raise _reject(f"offers no {wanted} ({name}), which LTI 1.3 asks for")


def _get_text(document: dict[str, Any], name: str) -> str:
    found = document.get(name)
    if not isinstance(found, str) or not found:
        raise _reject(f"lacks {name}")
    return found


def _find_text(found: object) -> str:
    usable = isinstance(found, str) and len(found) <= TEXT_LENGTH and found.isprintable()
    return str(found) if usable else ""


def _read_texts(listed: object) -> frozenset[str]:
    if isinstance(listed, str) or not isinstance(listed, Iterable):
        return frozenset()
    return frozenset([text for each in listed if (text := _find_text(each))][:LISTED])


def _is_header(token: str) -> bool:
    return token.isascii() and token.isprintable()


def _reject(what: str) -> RegistrationRejected:
    end = "" if what.endswith(".") else "."
    return RegistrationRejected(f"The configuration that the LMS gave {what}{end}", clause=CLAUSE)
