"""Launch: the last step, which turns what the platform posted into a Launch, once.

The order is the point: signature, claims, then the ticket, so that nothing a stranger sends
uses up anything. Source: LTI Security Framework 1.0, section 5.1.
"""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from pylti1p3.exception import LtiException
from pylti1p3.message_validators.resource_message import ResourceMessageValidator

from mentorai.core.clock import now
from mentorai.core.errors import (
    LaunchRejected,
    PlatformDeclined,
    StateMismatch,
    TokenInvalid,
)
from mentorai.core.values import Launch, Role
from mentorai.lti.claims import (
    DATA_PRIVACY,
    DEEP_LINKING,
    RESOURCE_LINK,
    Claims,
    check_times,
    read_audience,
    read_issuer,
    read_launch,
    read_nonce,
    read_roles,
)
from mentorai.lti.data_privacy import PrivacyRequest, read_request
from mentorai.lti.deep_linking import DeepLinkingSettings, read_settings
from mentorai.lti.history import add_history
from mentorai.lti.migration_claim import MigrationClaim, read_migration
from mentorai.lti.notice_services import Offer, find_offer
from mentorai.lti.registrations import ACTIVE, Registration, School
from mentorai.lti.signed_tokens import check_signature, read_token
from mentorai.lti.submission_review import add_review
from mentorai.lti.tickets import CLAUSE, StoredProof
from mentorai.lti.tool import Tool

STATE_LENGTH = 255
DECLINED = {
    "login_required": "You are not signed in to the LMS any more; sign in and open it again.",
    "interaction_required": "The LMS needs you to do something first; open the course again.",
    "consent_required": "The LMS needs your consent first; open the course again.",
    "access_denied": "The LMS did not allow this launch for you.",
    "unauthorized_client": "The LMS does not know this tool under the client id it has here.",
    "invalid_request": "The LMS did not accept the login request of this tool.",
    "invalid_scope": "The LMS did not accept the login request of this tool.",
    "server_error": "The LMS had trouble of its own; try again in a minute.",
    "temporarily_unavailable": "The LMS is not ready just now; try again in a minute.",
}
_SECOND_OPINION = ResourceMessageValidator()


@dataclass(frozen=True, slots=True)
class FinishedLaunch:
    """A message that passed every check.

    bound: whether the browser showed that it began this launch; if not, nobody may be let in
    before the platform's storage shows it (stored), or the person says so in a tab of their own.
    opens_id: the id for what this launch opens (name_opened). deep_linking: what is to be picked,
    when the message asks for that. privacy: whose data is to be shown. migration, notices: what
    the message says besides of older ids, and of where its platform takes the wish to be told.
    claims: of the id_token, for the launch log.
    """

    launch: Launch
    bound: bool
    opens_id: str
    claims: Claims
    stored: StoredProof | None = None
    deep_linking: DeepLinkingSettings | None = None
    privacy: PrivacyRequest | None = None
    migration: MigrationClaim | None = None
    notices: Offer | None = None


def finish_launch(tool: Tool, form: Mapping[str, str], bindings: Sequence[str]) -> FinishedLaunch:
    """Check what the platform posted, and take its ticket.

    form: state and id_token, or error. bindings: what the browser showed, if anything.
    Raises LaunchRejected of every kind, and nothing else.
    """
    if form.get("error"):
        raise _explain_decline(form["error"])
    state = form.get("state")
    if not state or len(state) > STATE_LENGTH:
        raise StateMismatch(clause=CLAUSE)
    token = read_token(form.get("id_token"))
    claims = token.claims
    registration = tool.registrations.check(read_issuer(claims), read_audience(claims))
    check_signature(token, tool.keysets.find, registration.keyset_url)
    check_times(claims, now())
    nonce = read_nonce(claims)
    launch = read_launch(claims, registration, tool.settings.public_url)
    launch = add_review(add_history(launch), claims)
    kind = launch.message_type
    settings = read_settings(claims) if kind == DEEP_LINKING else None
    privacy = None
    if kind == DATA_PRIVACY:
        privacy = read_request(claims, launch.subject, read_roles(claims))
    migration = read_migration(claims)
    if kind == RESOURCE_LINK:
        _ask_library(claims, launch)
    ticket = tool.tickets.take(
        state,
        nonce=nonce,
        registration_id=registration.id,
        deployment_id=launch.deployment_id,
        bindings=bindings,
    )
    if registration.deployments.get(launch.deployment_id) != ACTIVE:
        _ask_admission(tool, registration, launch)
    tool.service_origins.note(registration, claims)
    return FinishedLaunch(
        launch,
        ticket.bound,
        name_opened(token.text),
        claims,
        ticket.stored,
        settings,
        privacy,
        migration,
        find_offer(claims),
    )


def _ask_admission(tool: Tool, registration: Registration, launch: Launch) -> None:
    """Let a deployment that is not active yet pass, as the registration's policy has it."""
    described = launch.details.tool_platform
    tool.deployments.admit(
        registration,
        launch.deployment_id,
        (launch.context.title or launch.context.label) if launch.context else "",
        School(described.guid, described.name, described.url or "") if described else School(),
        tells=launch.role is not Role.LEARNER,
    )


def settle(tool: Tool, finished: FinishedLaunch) -> Launch:
    """The launch to admit: with the older ids that are proven or approved; where its platform
    takes our wish to be told of changes is kept for the worker.
    """
    tool.notice_services.note(finished.launch, finished.notices)
    return tool.migrations.vouch(finished.launch, finished.migration)


def name_opened(id_token: str) -> str:
    """The id of what an id_token opens: posted again, it names what it opened the first time."""
    # A version 4 UUID by hand: the class costs more than the hash.
    text = hashlib.sha256(id_token.encode()).hexdigest()
    return f"{text[:8]}-{text[8:12]}-4{text[13:16]}-8{text[17:20]}-{text[20:32]}"


def _ask_library(claims: Claims, launch: Launch) -> None:
    """pylti1p3's own opinion of a resource link message, after ours."""
    known = {**claims, "sub": launch.subject or "anonymous"}
    try:
        _SECOND_OPINION.validate(known)
    except LtiException as error:
        raise TokenInvalid("The id_token is not a resource link message.") from error


def _explain_decline(error: str) -> LaunchRejected:
    sentence = DECLINED.get(error)
    if sentence is None and error.isascii() and error.replace("_", "").isalpha():
        sentence = f"The LMS stopped the launch itself ({error[:60]})."
    return PlatformDeclined(sentence or "", clause="OpenID Connect Core 1.0, section 3.1.2.6")
