"""Login: the first step of a launch, which sends the browser on to the platform.

pylti1p3 builds the authentication request; state, nonce, browser binding and their keeping are
ours (lti/tickets.py).
Source: LTI Security Framework 1.0, section 5.1.1.1 (third party initiated login).
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qsl, urlencode, urlsplit, urlunsplit

from pylti1p3.exception import LtiException, OIDCException
from pylti1p3.oidc_login import OIDCLogin
from pylti1p3.registration import Registration as LibraryRegistration

from mentorai.core.errors import ClaimMissing, LaunchRejected, UnknownRegistration
from mentorai.lti.origins import find_origin
from mentorai.lti.registrations import ID_LENGTH, Registration
from mentorai.lti.tickets import STATE_PREFIX, Ticket
from mentorai.lti.tool import Tool

HINT_LENGTH = 4_000
CLAUSE = "LTI Security Framework 1.0, section 5.1.1.1"


@dataclass(frozen=True, slots=True)
class ToStore:
    """What the page writes into the platform's storage before it goes on.

    origin: the storage answers from there alone. target: the name of its frame, or `_parent`.
    Source: LTI Client Side postMessages 1.0; LTI OIDC Login with postMessages 0.1.
    """

    origin: str
    target: str
    key: str
    proof: str


@dataclass(frozen=True, slots=True)
class BegunLogin:
    """Where the browser goes on to, and what it stores first, if anything."""

    auth_url: str
    to_store: ToStore | None = None


def begin_login(
    tool: Tool,
    params: Mapping[str, str],
    binding: str,
    *,
    is_new: bool = False,
    registration_id: str | None = None,
) -> BegunLogin:
    """Begin a launch: keep a ticket, and give the address at the platform to go on to.

    params: iss, login_hint, and where the platform sent them client_id, lti_message_hint,
        lti_deployment_id and lti_storage_target. The hints go back byte for byte.
    binding: what this browser will show again at the launch. is_new: it was given just now, and
        nobody knows whether the browser keeps it; then the platform's storage keeps a proof too.
    registration_id: the one whose own login address was called, if it was one's own.
    Raises ClaimMissing, UnknownRegistration, LaunchRejected.
    """
    _check_params(params)
    registration = _find_registration(tool, params, registration_id)
    target = _find_storage_target(params) if is_new else None
    deployment_id = params.get("lti_deployment_id") or None
    ticket = tool.tickets.issue(registration.id, binding, deployment_id, target)
    auth_url = build_auth_url(registration, params, ticket, tool.launch_url)
    origin = find_origin(registration.auth_url)
    if target is None or ticket.proof is None or origin is None:
        return BegunLogin(auth_url)
    return BegunLogin(auth_url, ToStore(origin, target, storage_key(ticket.state), ticket.proof))


def storage_key(state: str) -> str:
    """The name under which the platform's storage keeps the proof of one launch."""
    return f"mentorai-{state}"


def _find_storage_target(params: Mapping[str, str]) -> str | None:
    """The frame that the platform named; None if it named none, or one that no frame can have."""
    target = params.get("lti_storage_target") or ""
    return target if 0 < len(target) <= ID_LENGTH and target.isprintable() else None


def build_auth_url(
    registration: Registration, params: Mapping[str, str], ticket: Ticket, launch_url: str
) -> str:
    """The authentication request: the platform's address with ours and the ticket in its query."""
    # The library adds "?" to whatever it is given, so a query of the platform's own waits.
    parts = urlsplit(registration.auth_url)
    bare = urlunsplit((parts.scheme, parts.netloc, parts.path, "", ""))
    login = _Login(_Params(params), _OneRegistration(registration, bare), ticket)
    try:
        built = str(login.get_redirect_object(launch_url))
    except (OIDCException, LtiException) as error:
        raise LaunchRejected(clause=CLAUSE) from error
    if not parts.query:
        return built
    ours = parse_qsl(urlsplit(built).query, keep_blank_values=True)
    names = {name for name, _ in ours}
    theirs = [
        (name, value)
        for name, value in parse_qsl(parts.query, keep_blank_values=True)
        if name not in names
    ]
    query = urlencode([*theirs, *ours])
    return urlunsplit((parts.scheme, parts.netloc, parts.path, query, ""))


def _check_params(params: Mapping[str, str]) -> None:
    for name in ("iss", "login_hint"):
        if not params.get(name):
            raise ClaimMissing(f"The LMS began a launch without {name}.", clause=CLAUSE)
    for name in ("iss", "client_id", "lti_deployment_id"):
        text = params.get(name) or ""
        if len(text) > ID_LENGTH or not text.isprintable():
            raise LaunchRejected(f"The LMS began a launch with a broken {name}.", clause=CLAUSE)
    for name in ("login_hint", "lti_message_hint"):
        if len(params.get(name) or "") > HINT_LENGTH:
            raise LaunchRejected(f"The LMS began a launch with a huge {name}.", clause=CLAUSE)


def _find_registration(
    tool: Tool, params: Mapping[str, str], registration_id: str | None
) -> Registration:
    issuer, client_id = params["iss"], params.get("client_id")
    if registration_id is not None:
        client_id = _check_address(tool, params, registration_id)
    if client_id:
        return tool.registrations.check(issuer, [client_id])
    found = tool.registrations.find_only(issuer)
    # Of an issuer that many schools share, the one that is registered here need not be theirs.
    if found is None or tool.find_profile(issuer, found.family).shares_issuer:
        raise UnknownRegistration(
            "The LMS did not say which registration it means (client_id), and its issuer alone "
            "does not tell.",
            clause=CLAUSE,
        )
    return found


def _check_address(tool: Tool, params: Mapping[str, str], registration_id: str) -> str:
    """The client id of the registration whose own login address was called."""
    found = tool.registrations.find_named(registration_id)
    # The address only tells apart who shares an issuer: it makes nobody somebody else.
    said = params.get("client_id") or (found.client_id if found else "")
    if found is None or (params["iss"], said) != (found.issuer, found.client_id):
        raise UnknownRegistration(
            "This login address belongs to another registration than the LMS means (iss, "
            "client_id).",
            clause=CLAUSE,
        )
    return found.client_id


class _Params:
    """The request as the library reads it."""

    def __init__(self, params: Mapping[str, str]) -> None:
        self._params = params

    def get_param(self, name: str) -> str:
        return self._params.get(name) or ""


class _OneRegistration:
    """A tool configuration, as the library reads it: the one registration that was found."""

    def __init__(self, registration: Registration, auth_url: str) -> None:
        self._registration = registration
        self._auth_url = auth_url

    def check_iss_has_one_client(self, _issuer: str) -> bool:
        return False

    def find_registration_by_params(self, *_args: Any, **_facts: Any) -> LibraryRegistration:
        return (
            LibraryRegistration()
            .set_issuer(self._registration.issuer)
            .set_client_id(self._registration.client_id)
            .set_auth_login_url(self._auth_url)
        )


class _Login(OIDCLogin[Any, Any, Any, Any, Any]):
    """The library's login with our ticket in place of its own state, nonce, session and cookie."""

    def __init__(self, params: _Params, tool_conf: _OneRegistration, ticket: Ticket) -> None:
        super().__init__(params, tool_conf, session_service=self, cookie_service=self)
        self._ticket = ticket

    def get_redirect(self, url: str) -> Any:
        return url

    def _get_uuid(self) -> str:
        return self._ticket.state.removeprefix(STATE_PREFIX)

    def _generate_nonce(self) -> str:
        return self._ticket.nonce

    def save_nonce(self, nonce: str) -> None:
        """Kept already, as a hash, in the ticket."""

    def set_cookie(self, name: str, value: str, exp: int) -> None:
        """The browser has its own binding; a cookie per launch is not needed."""
