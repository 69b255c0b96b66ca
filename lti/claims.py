"""Claims: every check of a verified id_token, one a function, and the Launch they make.

Each refusal names the claim and the clause. Reading is forgiving where nothing depends on it
(a title that is not text is no title) and strict where something does (ids, times, audience).
"""

import re
from collections.abc import Sequence
from datetime import datetime
from urllib.parse import urlsplit

from mentorai.core.errors import (
    ClaimMissing,
    DeploymentHeld,
    DeploymentRefused,
    MessageUnsupported,
    TokenExpired,
    TokenInvalid,
    TokenOutOfTime,
    UnknownDeployment,
)
from mentorai.core.values import Context, GradeService, Launch, ResourceLink, Role
from mentorai.lti.claim_values import (
    CLAIM,
    CORE,
    ID_LENGTH,
    URL_LENGTH,
    Claims,
    find_object,
    find_text,
    find_texts,
    find_url,
    get_id,
    get_text,
    is_variable,
    read_id,
    read_object,
)
from mentorai.lti.optional_claims import (
    AGS_CLAIM,
    CODE_LENGTH,
    NRPS_CLAIM,
    OptionalClaims,
)
from mentorai.lti.origins import find_origin
from mentorai.lti.registrations import ACTIVE, HELD, REFUSED, REJECT, Registration
from mentorai.lti.roles import Overrides, is_test_user, read_role

__all__ = ["CLAIM", "CORE", "ID_LENGTH", "Claims", "read_object"]

LEEWAY_SECONDS = 60
AGE_SECONDS = 600
LIFE_SECONDS = 86_400
AUDIENCES = 20
LATEST = 1e11
VERSION = "1.3.0"
RESOURCE_LINK = "LtiResourceLinkRequest"
DEEP_LINKING = "LtiDeepLinkingRequest"
SUBMISSION_REVIEW = "LtiSubmissionReviewRequest"
DATA_PRIVACY = "LtiDataPrivacyLaunchRequest"
# The name that an older draft gave the last one, and that some platforms send.
DATA_PRIVACY_DRAFT = "DataPrivacyLaunchRequest"
MESSAGES = (RESOURCE_LINK, DEEP_LINKING, SUBMISSION_REVIEW, DATA_PRIVACY)

SECURITY = "LTI Security Framework 1.0, section 5.1.3"
_AUTHORITY = re.compile(r"https?://[^/?#\\]+")


def read_issuer(claims: Claims) -> str:
    """The issuer (`iss`). Raises ClaimMissing, TokenInvalid."""
    return get_text(claims, "iss", f"{SECURITY}, step 2")


def read_audience(claims: Claims) -> list[str]:
    """The client ids that the token may be for: `azp` when there is one, else all of `aud`.

    Raises ClaimMissing without aud; TokenInvalid when several audiences come without azp, or
    azp is not among them.
    """
    clause = f"{SECURITY}, steps 3 to 5"
    given = claims.get("aud")
    audience = [given] if isinstance(given, str) else given
    if audience in (None, [], [""]):
        raise ClaimMissing("The id_token names no audience (aud).", clause=clause)
    if not isinstance(audience, list) or len(audience) > AUDIENCES:
        raise TokenInvalid("The audience of the id_token is not text (aud).", clause=clause)
    if not all(isinstance(each, str) and each.isprintable() for each in audience):
        raise TokenInvalid("The audience of the id_token is not text (aud).", clause=clause)
    party = claims.get("azp")
    if party is None and len(audience) > 1:
        sentence = "The id_token has several audiences and names none as its party (azp)."
        raise TokenInvalid(sentence, clause=clause)
    if party is not None and party not in audience:
        raise TokenInvalid("The party of the id_token is not its audience (azp).", clause=clause)
    return audience if party is None else [party]


def check_times(claims: Claims, moment: datetime, *, oldest_seconds: float = AGE_SECONDS) -> None:
    """Let the token pass if it is neither old, nor from the future, nor meant to last too long.

    oldest_seconds: how long ago it may have been made.
    Raises ClaimMissing, TokenInvalid, TokenOutOfTime; the sentence names the skew measured.
    """
    clause = f"{SECURITY}, steps 7 and 8"
    present = moment.timestamp()
    expires, issued = _get_time(claims, "exp", clause), _get_time(claims, "iat", clause)
    ahead = issued - present
    if ahead > LEEWAY_SECONDS:
        sentence = f"The clock of the LMS is {_seconds(ahead)} ahead of ours (iat)."
        raise TokenOutOfTime(sentence, clause=clause)
    if -ahead > oldest_seconds + LEEWAY_SECONDS:
        sentence = f"The id_token was made {_seconds(-ahead)} ago, which is too long (iat)."
        raise TokenExpired(sentence, clause=clause)
    if expires <= present - LEEWAY_SECONDS:
        sentence = f"The id_token expired {_seconds(present - expires)} ago (exp)."
        raise TokenExpired(sentence, clause=clause)
    if not 0 < expires - issued <= LIFE_SECONDS:
        sentence = "The id_token lasts longer than a day, or no time at all (exp)."
        raise TokenInvalid(sentence, clause=clause)
    if claims.get("nbf") is not None:
        valid_at = _get_time(claims, "nbf", clause)
        if valid_at - present > LEEWAY_SECONDS:
            raise TokenOutOfTime("The id_token is not valid yet (nbf).", clause=clause)


def read_nonce(claims: Claims) -> str:
    """The nonce, whose ticket is taken later. Raises ClaimMissing, TokenInvalid."""
    return get_text(claims, "nonce", f"{SECURITY}, step 9")


def read_deployment(claims: Claims, registration: Registration, *, may_wait: bool = False) -> str:
    """The deployment, one that may launch.

    may_wait: let those pass too that Deployments.admit decides on, which the caller asks later,
    when it knows that the message is meant.
    Raises ClaimMissing, TokenInvalid, UnknownDeployment, DeploymentHeld, DeploymentRefused.
    """
    clause = f"{CORE}5.3.3 (LTI Deployment ID claim)"
    found = get_text(claims, f"{CLAIM}deployment_id", clause)
    state = registration.deployments.get(found)
    if state == ACTIVE:
        return found
    if state == REFUSED:
        raise DeploymentRefused(clause=clause)
    if may_wait and (state == HELD or registration.deployment_policy != REJECT):
        return found
    raise DeploymentHeld(clause=clause) if state == HELD else UnknownDeployment(clause=clause)


def read_message_type(claims: Claims) -> str:
    """The kind of message, of a version and a kind that are served.

    Raises ClaimMissing, TokenInvalid, MessageUnsupported.
    """
    version = get_text(claims, f"{CLAIM}version", f"{CORE}5.3.2 (version claim)")
    if version != VERSION:
        raise MessageUnsupported(
            "The LMS speaks a version of LTI that is not served here (version).",
            clause=f"{CORE}5.3.2 (version claim)",
        )
    clause = f"{CORE}5.3.1 (message type claim)"
    found = get_text(claims, f"{CLAIM}message_type", clause)
    found = DATA_PRIVACY if found == DATA_PRIVACY_DRAFT else found
    if found not in MESSAGES:
        raise MessageUnsupported(clause=clause)
    return found


def read_roles(claims: Claims) -> list[str]:
    """The names of the roles; an empty list is a person without any.

    Raises ClaimMissing, TokenInvalid.
    """
    clause = f"{CORE}5.3.7 (roles claim)"
    found = claims.get(f"{CLAIM}roles")
    if found is None:
        raise ClaimMissing("The id_token names no roles (roles).", clause=clause)
    if not isinstance(found, list) or not all(isinstance(each, str) for each in found):
        raise TokenInvalid("The roles are not a list of texts (roles).", clause=clause)
    return found


def read_subject(claims: Claims) -> str | None:
    """The platform's id of the person; None if the claim is absent: an anonymous launch.

    A variable that nobody substituted would make one person of all, so it is no id either.

    A number, as odd platforms send it, is read as its text. Raises TokenInvalid.
    """
    found = claims.get("sub")
    if found is None or (isinstance(found, str) and is_variable(found)):
        return None
    return read_id(found, "sub", f"{CORE}5.3.6 (user identity claims)")


def read_target(claims: Claims, message_type: str, public_url: str) -> str:
    """Where in the tool the launch goes: path and query of target_link_uri on our own origin.

    Deep linking requests need none. Raises ClaimMissing, TokenInvalid.
    """
    clause = f"{CORE}5.3.4 (target link URI claim)"
    name = f"{CLAIM}target_link_uri"
    if message_type == DEEP_LINKING and not claims.get(name):
        return "/"
    found = get_text(claims, name, clause, URL_LENGTH)
    # Some platforms send letters beyond ASCII as they are; only the origin needs to be exact.
    authority = _AUTHORITY.match(found)
    if authority is None or find_origin(authority.group()) != find_origin(public_url):
        raise TokenInvalid(
            "The launch is meant for another address (target_link_uri).", clause=clause
        )
    parts = urlsplit(found)
    path = "/" + parts.path.lstrip("/\\")
    return f"{path}?{parts.query}" if parts.query else path


def read_resource_link(claims: Claims) -> ResourceLink:
    """The resource link. Raises ClaimMissing, TokenInvalid."""
    clause = f"{CORE}5.3.5 (resource link claim)"
    found = read_object(claims, f"{CLAIM}resource_link")
    if not found:
        raise ClaimMissing("The id_token names no resource link (resource_link).", clause=clause)
    lms_id = get_id(found, "id", clause, "resource_link.id")
    return ResourceLink(lms_id, find_text(found, "title"))


def read_context(claims: Claims) -> Context | None:
    """The course, if the launch comes from one. Raises ClaimMissing, TokenInvalid."""
    found = read_object(claims, f"{CLAIM}context")
    if not found:
        return None
    lms_id = get_id(found, "id", f"{CORE}5.4.1 (context claim)", "context.id")
    return Context(lms_id, find_text(found, "label"), find_text(found, "title"))


def read_custom(claims: Claims) -> dict[str, str]:
    """The custom parameters; one that is a variable nobody substituted is absent.

    Some platforms substitute numbers as numbers; they are read as their text. Raises TokenInvalid.
    Source: LTI Core 1.3, section 5.4.6.
    """
    read: dict[str, str] = {}
    for name, value in read_object(claims, f"{CLAIM}custom").items():
        if isinstance(value, str):
            if not is_variable(value):
                read[name] = value
        elif isinstance(value, (int, float)) and abs(value) < LATEST:
            read[name] = str(value).lower()
    return read


def read_grade_service(claims: Claims) -> GradeService | None:
    """What the platform offers for grades (LTI AGS 2.0, section 3.1). Raises TokenInvalid."""
    found = read_object(claims, AGS_CLAIM)
    service = GradeService(
        line_item_url=find_url(found, "lineitem"),
        line_items_url=find_url(found, "lineitems"),
        scopes=frozenset(find_texts(found, "scope")),
    )
    return service if service.line_item_url or service.line_items_url else None


def read_launch(claims: Claims, registration: Registration, public_url: str) -> Launch:
    """The Launch that these claims make, all checked except times and nonce.

    Its deployment may be one that waits, or is unknown to a registration that does not refuse
    those: Deployments.admit decides on it once the ticket was taken.
    Raises ClaimMissing, TokenInvalid, MessageUnsupported, UnknownDeployment, DeploymentRefused.
    """
    message_type = read_message_type(claims)
    deployment_id = read_deployment(claims, registration, may_wait=True)
    roles = read_roles(claims)
    subject = read_subject(claims)
    target = read_target(claims, message_type, public_url)
    link = read_resource_link(claims) if _has_link(claims, message_type) else None
    presentation = read_object(claims, f"{CLAIM}launch_presentation")
    return Launch(
        organization_id=registration.organization_id,
        registration_id=registration.id,
        deployment_id=deployment_id,
        issuer=registration.issuer,
        client_id=registration.client_id,
        family_code=_find_family(claims) or registration.family,
        message_type=message_type,
        subject=subject,
        role=_read_power(roles, registration.role_overrides, subject),
        target=target,
        name=_find_name(claims),
        email=find_text(claims, "email") or None,
        context=read_context(claims),
        resource_link=link,
        custom=read_custom(claims),
        grade_service=read_grade_service(claims),
        memberships_url=find_url(read_object(claims, NRPS_CLAIM), "context_memberships_url"),
        return_url=find_url(presentation, "return_url"),
        locale=find_text(presentation, "locale", CODE_LENGTH) or None,
        document_target=find_text(presentation, "document_target", CODE_LENGTH) or None,
        is_test_user=is_test_user(roles),
        roles=tuple(roles),
        details=OptionalClaims(claims),
    )


def _find_family(claims: Claims) -> str:
    """What the platform calls itself: its product family code, or as in LTI 1.1 (ext.lms)."""
    found = find_text(
        find_object(claims, f"{CLAIM}tool_platform"), "product_family_code", CODE_LENGTH
    )
    return found or find_text(find_object(claims, f"{CLAIM}ext"), "lms", CODE_LENGTH)


def _has_link(claims: Claims, message_type: str) -> bool:
    # A gradebook column may belong to no link (LTI Submission Review 1.0, section 3).
    may = message_type == SUBMISSION_REVIEW and claims.get(f"{CLAIM}resource_link")
    return message_type == RESOURCE_LINK or bool(may)


def _read_power(roles: Sequence[str], overrides: Overrides, subject: str | None) -> Role:
    role = read_role(roles, overrides)
    # Whoever manages a mentor leaves a name in the audit; nobody in particular cannot.
    return Role.OTHER if subject is None and role.is_staff else role


def _find_name(claims: Claims) -> str | None:
    whole = find_text(claims, "name")
    if whole:
        return whole
    parts = (find_text(claims, "given_name"), find_text(claims, "family_name"))
    return " ".join(filter(None, parts)) or None


def _get_time(claims: Claims, name: str, clause: str) -> float:
    found = claims.get(name)
    if found is None:
        raise ClaimMissing(f"The id_token lacks the claim {name}.", clause=clause)
    is_number = isinstance(found, (int, float)) and not isinstance(found, bool)
    # NaN and the infinities fail the comparison too.
    if not is_number or not 0 <= found < LATEST:
        raise TokenInvalid(f"The claim {name} is not a time in seconds.", clause=clause)
    return float(found)


def _seconds(seconds: float) -> str:
    return f"{seconds:.0f} s"
