"""Dynamic registration: an LMS that was invited is told what this tool is, and is kept as pending.

The LMS's administrator opens an invitation inside the LMS, which adds where its configuration is
and, mostly, a token. The person is shown what will be registered (`preview`) and agrees
(`register`). What the LMS answers is believed only for what it alone can know: the client id, the
deployment, and how the registration can be changed later.
Source: LTI Dynamic Registration 1.0, sections 3 and 4.
"""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import structlog

from mentorai.core.errors import Conflict, MentorAIError, PlatformReplyInvalid, RegistrationRejected
from mentorai.core.values import PlatformProfile
from mentorai.lti.invitations import Invitation
from mentorai.lti.openid_configuration import PlatformConfiguration, fetch_configuration
from mentorai.lti.platform_hosts import find_endpoint_fault, is_host_or_beneath
from mentorai.lti.platform_http import Reply, check_reply
from mentorai.lti.registration_clients import RegistrationClient
from mentorai.lti.registrations import HOLD, ID_LENGTH, PENDING, REJECT, Registration
from mentorai.lti.tool import Tool
from mentorai.lti.tool_description import TOOL_CONFIGURATION, build_registration

if TYPE_CHECKING:
    from mentorai.core.engine import Engine

ANSWER_CLAUSE = "LTI Dynamic Registration 1.0, section 4"
JSON_TYPE = "application/json"
SECRET_LENGTH = 10_000
# What a platform says of a registration and does not want to hear (RFC 7592, section 2.2).
NOT_SENT_BACK = (
    "registration_client_uri",
    "registration_access_token",
    "client_id_issued_at",
    "client_secret_expires_at",
)
_REASON = re.compile(r"[A-Za-z0-9_ .:'-]{3,120}")
log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Offer:
    """What will be registered, and with whom, when the person agrees.

    title: what the family of LMS is called. document: what will be sent.
    """

    invitation: Invitation
    configuration: PlatformConfiguration
    profile: PlatformProfile
    document: Mapping[str, Any]

    @property
    def host(self) -> str:
        """The host of the LMS, as its administrator knows it."""
        return urlsplit(self.configuration.url).netloc

    @property
    def name(self) -> str:
        """How the registration is called until somebody names it."""
        return f"{self.profile.title} ({self.host})"


class DynamicRegistration:
    """The registrations that begin in an LMS. Made once: `engine.room(DynamicRegistration)`."""

    def __init__(self, engine: "Engine") -> None:
        self._plugins = engine.plugins
        self._tool = engine.room(Tool)
        self._loopback = engine.settings.allow_loopback_platforms

    def preview(self, invitation: str, configuration_url: str, registration_token: str) -> Offer:
        """What will be registered, and with whom. Nothing is kept and nothing is used up.

        invitation: the secret of the link. configuration_url, registration_token: the LMS's
            `openid_configuration` and, if it sent one, `registration_token`.
        Raises InvitationInvalid, RegistrationRejected, PlatformError.
        """
        invited = self._tool.invitations.check(invitation)
        found = fetch_configuration(
            self._tool.http,
            configuration_url,
            registration_token,
            lambda issuer, code: self._tool.find_profile(issuer, code).vendor_domains,
            allow_loopback=self._loopback,
        )
        _check_expected(invited, found)
        profile = self._tool.find_profile(found.issuer, found.family_code)
        document = build_registration(self._tool, found.supported)
        return Offer(invited, found, profile, self._refine(profile.family, document))

    def register(
        self, invitation: str, configuration_url: str, registration_token: str, *, issuer: str
    ) -> Registration:
        """Register with the LMS, and keep it as pending.

        issuer: whom the person agreed to.
        Of several calls with one invitation at the same time one goes on; the invitation is used
        up when it succeeds. Raises what `preview` does, and Conflict.
        """
        claim = self._tool.invitations.claim(invitation)
        try:
            offer = self.preview(invitation, configuration_url, registration_token)
            if offer.configuration.issuer != issuer:
                raise RegistrationRejected("The LMS changed its mind about who it is.")
            answer = self._send(offer, registration_token)
            kept = self._keep(offer, answer)
        except BaseException:
            self._tool.invitations.release(claim)
            raise
        self._tool.invitations.use_up(claim, kept.id)
        log.info("registration_received", registration=kept.id, host=offer.host)
        return kept

    def update(self, registration: Registration) -> Mapping[str, Any]:
        """Bring the registration at the platform up to date; gives what the platform holds then.

        Reads it first and sends it back whole, with our own part as it is now (RFC 7592,
        section 2.2); the name that the tool has there stays. Raises NotFound if the platform gave
        no way; RegistrationRejected; PlatformError.
        """
        client = self._tool.registration_clients.get(registration.id)
        reply = self._tool.http.get(client.url, headers=_show_token(client))
        check_reply(reply, "a request for our registration")
        present = _read_object(reply)
        # A platform may hand out another token with every answer, and then takes only that one
        # (RFC 7592, section 3): it is kept before anything else can go wrong.
        client = self._keep_client(registration, present, client, registration.issuer)
        document = build_registration(self._tool, client.supported)
        wanted = self._refine(registration.family, document) | {"client_id": registration.client_id}
        body = _merge(present, wanted)
        for name in NOT_SENT_BACK:
            body.pop(name, None)
        headers = {**_show_token(client), "Content-Type": JSON_TYPE}
        reply = self._tool.http.repeat("PUT", client.url, headers=headers, body=json.dumps(body))
        if not reply.is_ok:
            raise self._explain(
                reply, self._tool.find_profile(registration.issuer, registration.family)
            )
        answer = _read_object(reply)
        self._keep_client(registration, answer, client, registration.issuer)
        return answer

    def _send(self, offer: Offer, registration_token: str) -> Mapping[str, Any]:
        headers = {"Content-Type": JSON_TYPE, "Accept": JSON_TYPE}
        if registration_token:
            headers["Authorization"] = f"Bearer {registration_token}"
        url = offer.configuration.registration_url
        reply = self._tool.http.post(url, headers=headers, body=json.dumps(offer.document))
        if not reply.is_ok:
            raise self._explain(reply, offer.profile)
        return _read_object(reply)

    def _keep(self, offer: Offer, answer: Mapping[str, Any]) -> Registration:
        found, profile = offer.configuration, offer.profile
        client_id = _read_id(answer.get("client_id"))
        if client_id is None:
            raise RegistrationRejected(
                "The LMS answered without a client_id, so it is not known whether it registered "
                "the tool. Look into its list of tools.",
                clause=ANSWER_CLAUSE,
            )
        deployment = _read_deployment(answer)
        audience = profile.token_audience
        try:
            kept = self._tool.registrations.add(
                offer.invitation.organization_id,
                issuer=found.issuer,
                client_id=client_id,
                auth_url=found.auth_url,
                token_url=found.token_url,
                keyset_url=found.keyset_url,
                deployment_ids=[deployment] if deployment else [],
                token_audience=found.authorization_server if audience is None else audience,
                name=offer.name[:200],
                family=profile.family,
                # Many name no deployment before the first launch; IT lets each new one in.
                deployment_policy=REJECT if deployment else HOLD,
                status=PENDING,
                author=f"invitation:{offer.invitation.id}",
            )
        except Conflict:
            kept = self._find_known(offer, client_id, deployment)
        client = RegistrationClient("", "", found.supported)
        self._keep_client(kept, answer, client, found.issuer)
        return kept

    def _find_known(self, offer: Offer, client_id: str, deployment: str | None) -> Registration:
        """The registration that the LMS updated instead of making one; its state stays."""
        known = self._tool.registrations.find(offer.configuration.issuer, client_id)
        organization_id = offer.invitation.organization_id
        if known is None or known.organization_id != organization_id:
            raise Conflict("This LMS is registered with another organization here.")
        if deployment is None:
            return known
        return self._tool.registrations.add_deployment(organization_id, known.id, deployment)

    def _keep_client(
        self,
        registration: Registration,
        answer: Mapping[str, Any],
        before: RegistrationClient,
        issuer: str,
    ) -> RegistrationClient:
        """Keep how the registration can be changed, if the platform says it and it is its own;
        gives what holds from now on.
        """
        url = answer.get("registration_client_uri") or before.url
        token = answer.get("registration_access_token") or before.token
        domains = self._tool.find_profile(issuer, registration.family).vendor_domains
        fault = find_endpoint_fault(url, issuer, domains, allow_loopback=self._loopback)
        if not url or not _is_secret(token) or fault:
            log.info("registration_not_changeable", registration=registration.id)
            return before
        client = RegistrationClient(str(url), str(token), before.supported)
        if client != before:
            self._tool.registration_clients.put(registration.id, client)
        return client

    def _refine(self, family: str, document: dict[str, Any]) -> dict[str, Any]:
        refined: dict[str, Any] | None = self._plugins.ask_first(
            "refine_registration", platform=family, registration=document
        )
        return refined or document

    def _explain(self, reply: Reply, profile: PlatformProfile) -> MentorAIError:
        """What a platform's refusal means, in a sentence that says what to do."""
        if reply.status >= 500 or reply.status == 429:
            check_reply(reply, "a registration")
        reason = _read_reason(reply)
        said = f"The LMS answered {reply.status}" + (f" ({reason})" if reason else "")
        advice = next(
            (what for word, what in profile.registration_errors.items() if word in reason), ""
        )
        if not advice and reply.status in (401, 403, 404):
            advice = "Begin anew in the LMS: what it hands out for a registration works once."
        return RegistrationRejected(f"{said}. {advice}".strip(), clause=ANSWER_CLAUSE)


def _check_expected(invited: Invitation, found: PlatformConfiguration) -> None:
    hosts = [urlsplit(url).hostname or "" for url in (found.url, found.issuer)]
    expected = invited.expected_host
    if expected and not any(is_host_or_beneath(host, expected) for host in hosts):
        raise RegistrationRejected("This invitation is for another LMS.")


def _read_object(reply: Reply) -> dict[str, Any]:
    answer = reply.read_json()
    if not isinstance(answer, dict):
        raise PlatformReplyInvalid("The LMS answered a registration with something else.")
    return answer


def _read_id(found: object) -> str | None:
    if isinstance(found, int) and not isinstance(found, bool):
        found = str(found)
    usable = isinstance(found, str) and 0 < len(found) <= ID_LENGTH and found.isprintable()
    return str(found) if usable else None


def _read_deployment(answer: Mapping[str, Any]) -> str | None:
    own = answer.get(TOOL_CONFIGURATION)
    return _read_id(own.get("deployment_id")) if isinstance(own, dict) else None


def _read_reason(reply: Reply) -> str:
    """The platform's own word for its refusal, when it is one that may be shown."""
    try:
        answer: Any = reply.read_json()
    except PlatformReplyInvalid:
        answer = reply.body[:200].decode("utf-8", "replace").strip()
    if isinstance(answer, dict):
        names = ("error_description", "error", "errorMessage", "message")
        answer = next((answer[name] for name in names if isinstance(answer.get(name), str)), "")
    usable = isinstance(answer, str) and _REASON.fullmatch(answer)
    return answer if usable else ""


def _show_token(client: RegistrationClient) -> dict[str, str]:
    return {"Authorization": f"Bearer {client.token}", "Accept": JSON_TYPE}


def _is_secret(token: object) -> bool:
    return isinstance(token, str) and 0 < len(token) <= SECRET_LENGTH and token.isascii()


def _merge(present: Mapping[str, Any], wanted: Mapping[str, Any]) -> dict[str, Any]:
    """What the platform holds, with our part in place of its; deeper in the tool configuration.

    What people read in their LMS is campus IT's to choose: a name that is there stays.
    """
    merged = dict(present) | dict(wanted)
    merged["client_name"] = present.get("client_name") or wanted["client_name"]
    theirs, ours = present.get(TOOL_CONFIGURATION), wanted.get(TOOL_CONFIGURATION)
    if isinstance(theirs, dict) and isinstance(ours, dict):
        merged[TOOL_CONFIGURATION] = theirs | ours
    return merged
