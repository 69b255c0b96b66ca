"""What a refused login or launch tells of itself: who sent it, and the way back to the course.

Read only after a refusal, so that a launch that succeeds pays nothing for it.
"""

from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from urllib.parse import parse_qsl, urlencode, urlsplit, urlunsplit

from mentorai.core.errors import LaunchRejected, UnknownRegistration
from mentorai.lti.claims import CLAIM, read_audience, read_issuer, read_object, read_roles
from mentorai.lti.launch_log_rows import Sender
from mentorai.lti.origins import find_origin, find_url_fault
from mentorai.lti.registrations import ID_LENGTH, Registration
from mentorai.lti.roles import read_role
from mentorai.lti.signed_tokens import SignedToken, check_signature, read_token
from mentorai.lti.tool import Tool

URL_LENGTH = 4_000
MESSAGE_LENGTH = 500


@dataclass(frozen=True, slots=True)
class Refusal:
    """return_url: where the platform wants people back (LTI Core 1.3, section 5.4.4), if a
    verified message said so and the address is on an origin of its registration, or on any where
    nothing is listed and many schools share its issuer; else empty. is_staff: such a message said
    that the person teaches there.
    """

    sender: Sender
    return_url: str = ""
    is_staff: bool = False


def read_refusal(tool: Tool, form: Mapping[str, str], called: str | None = None) -> Refusal:
    """Look at a refused form once more. Raises nothing of what may be wrong with it.

    form: of a login (iss, client_id), of a launch (id_token), or of an error that was posted back
    (state). called: the registration whose own login address was called, if it was one's own.
    """
    if form.get("id_token"):
        return _read_message(tool, form["id_token"])
    named = tool.registrations.find_named(called) if called else None
    if named is not None:
        return Refusal(Sender(named.id))
    if form.get("iss"):
        return Refusal(_read_login(tool, form))
    return Refusal(Sender(tool.tickets.find_registration_id(form.get("state") or "")))


def build_way_back(return_url: str, message: str, note: str) -> str:
    """The return URL with what people and their IT are told (LTI Core 1.3, section 5.4.4).

    message: shown to the person by the platform (lti_errormsg). note: for its log (lti_errorlog).
    """
    parts = urlsplit(return_url)
    told = {"lti_errormsg": message[:MESSAGE_LENGTH], "lti_errorlog": note[:MESSAGE_LENGTH]}
    query = [
        (name, value)
        for name, value in parse_qsl(parts.query, keep_blank_values=True)
        if name not in told
    ]
    return urlunsplit(parts._replace(query=urlencode([*query, *told.items()])))


def _read_login(tool: Tool, form: Mapping[str, str]) -> Sender:
    issuer, client_id = form.get("iss") or "", form.get("client_id") or ""
    found = None
    if len(issuer) <= ID_LENGTH and len(client_id) <= ID_LENGTH:
        registrations = tool.registrations
        found = (
            registrations.find(issuer, client_id) if client_id else registrations.find_only(issuer)
        )
    return Sender(found.id if found else None, False, issuer, client_id)


def _read_message(tool: Tool, text: str) -> Refusal:
    try:
        token = read_token(text)
    except LaunchRejected:
        return Refusal(Sender())
    try:
        issuer, client_ids = read_issuer(token.claims), read_audience(token.claims)
    except LaunchRejected:
        return Refusal(Sender(claims=token.claims))
    found = (tool.registrations.find(issuer, client_id) for client_id in client_ids)
    registration = next(filter(None, found), None)
    is_verified = registration is not None and _is_verified(tool, token, registration)
    known = registration.id if registration else None
    sender = Sender(known, is_verified, issuer, client_ids[0], token.claims)
    if registration is None or not is_verified:
        return Refusal(sender)
    return_url = _find_return_url(tool, token, registration)
    return Refusal(sender, return_url, _is_staff(token, registration))


def _is_verified(tool: Tool, token: SignedToken, registration: Registration) -> bool:
    try:
        if not registration.is_active:
            raise UnknownRegistration
        check_signature(token, tool.keysets.find_known, registration.keyset_url)
    except LaunchRejected:
        return False
    return True


def _is_staff(token: SignedToken, registration: Registration) -> bool:
    with suppress(LaunchRejected):
        return read_role(read_roles(token.claims), registration.role_overrides).is_staff
    return False


def _find_return_url(tool: Tool, token: SignedToken, registration: Registration) -> str:
    with suppress(LaunchRejected):
        presentation = read_object(token.claims, f"{CLAIM}launch_presentation")
        found = presentation.get("return_url")
        if isinstance(found, str) and len(found) <= URL_LENGTH:
            may_lead = _is_ours(found, registration) or _is_a_schools(tool, found, registration)
            return found if may_lead else ""
    return ""


def _is_ours(url: str, registration: Registration) -> bool:
    origin = find_origin(url)
    own = {find_origin(registration.issuer), find_origin(registration.auth_url)}
    has_name = "@" in urlsplit(url).netloc if origin else True
    return origin is not None and not has_name and origin in own | set(registration.framers)


def _is_a_schools(tool: Tool, url: str, registration: Registration) -> bool:
    """Whether it may be the host of one of many schools: then the signature alone decides."""
    if registration.frame_origins:
        return False
    loopback = tool.settings.allow_loopback_platforms
    if find_url_fault(url, allow_loopback=loopback, longest=URL_LENGTH):
        return False
    return tool.find_profile(registration.issuer, registration.family).shares_issuer
