"""What a provider signs: id tokens, access tokens and logout tokens, checked before believed.

Keys come from the provider's published set, which all processes share and which is fetched again
when a token names a key that is not in it. Times have a minute of leeway.
"""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from authlib.oidc.core import CodeIDToken
from joserfc.errors import JoseError

from mentorai.core.clock import now
from mentorai.core.errors import (
    KeysetUnavailable,
    LaunchRejected,
    PlatformUnavailable,
    SignOnRejected,
)
from mentorai.core.sign_ons import SUBJECT_LENGTH, SignOff
from mentorai.core.values import Identity
from mentorai.lti.keysets import Keysets
from mentorai.lti.signed_tokens import SignedToken, check_signature, read_token
from mentorai.plugins.oidc_sso.providers import Provider

LEEWAY_SECONDS = 60
LOGOUT_EVENT = "http://schemas.openid.net/event/backchannel-logout"
# A logout token is about now (OpenID Connect Back-Channel Logout 1.0, section 2.4).
LOGOUT_SECONDS = 600


def read_signed(text: str) -> SignedToken:
    """Take a token apart; nothing in it may be believed yet. Raises SignOnRejected."""
    try:
        return read_token(text)
    except LaunchRejected as error:
        raise SignOnRejected("This is no token that could be read.") from error


def check_signed(token: SignedToken, keysets: Keysets, keyset_url: str) -> None:
    """Let the token pass if the provider signed it.

    Raises SignOnRejected; PlatformUnavailable if its keys could not be had.
    """
    try:
        check_signature(token, keysets.find, keyset_url)
    except KeysetUnavailable as error:
        raise PlatformUnavailable("The provider's keys could not be fetched.") from error
    except LaunchRejected as error:
        raise SignOnRejected("The provider's token could not be verified.") from error


def check_id_token(
    provider: Provider, token: SignedToken, *, nonce: str, access_token: str
) -> Mapping[str, Any]:
    """The claims of an id token that answers our own request, signature apart.

    Raises SignOnRejected. Source: OpenID Connect Core 1.0, section 3.1.3.7.
    """
    claims = CodeIDToken(
        dict(token.claims),
        dict(token.header),
        options={
            "iss": {"essential": True, "value": provider.issuer},
            "aud": {"essential": True, "value": provider.client_id},
        },
        params={
            "nonce": nonce,
            "client_id": provider.client_id,
            "access_token": access_token,
        },
    )
    try:
        claims.validate(now=int(now().timestamp()), leeway=LEEWAY_SECONDS)
    except (JoseError, ValueError, TypeError) as error:
        raise SignOnRejected(
            f"The provider's token is not for this sign-on ({getattr(error, 'claim', 'claims')})."
        ) from error
    _check_subject(claims)
    return token.claims


def check_shown(provider: Provider, token: SignedToken) -> tuple[Mapping[str, Any], datetime]:
    """The claims of a token that somebody shows, and when it was issued; signature apart.

    It must be for us, or for one whose tokens campus IT lets portals show (`audiences`).
    Raises SignOnRejected.
    """
    claims = token.claims
    meant = {provider.client_id, *provider.audiences}
    if not meant & set(_read_audience(claims)):
        raise SignOnRejected("This token is meant for somebody else (aud).")
    if "events" in claims:
        # A logout token is signed by the same keys and names the same person.
        raise SignOnRejected("This token says that a sign-on is over.")
    _check_subject(claims)
    moment = now().timestamp()
    issued_at, expires_at = _read_time(claims, "iat"), _read_time(claims, "exp")
    starts_at = _read_time(claims, "nbf") if "nbf" in claims else issued_at
    if expires_at + LEEWAY_SECONDS <= moment or max(starts_at, issued_at) - LEEWAY_SECONDS > moment:
        raise SignOnRejected("This token is too old, or from the future.")
    return claims, datetime.fromtimestamp(issued_at, UTC)


def read_sign_off(provider: Provider, organization_id: str, token: SignedToken) -> SignOff:
    """What a logout token says, signature apart.

    Raises SignOnRejected. Source: OpenID Connect Back-Channel Logout 1.0, section 2.6.
    """
    claims = token.claims
    events = claims.get("events")
    is_logout = isinstance(events, Mapping) and isinstance(events.get(LOGOUT_EVENT), Mapping)
    if not is_logout or "nonce" in claims:
        raise SignOnRejected("This is no logout token (events, nonce).")
    if claims.get("iss") != provider.issuer or provider.client_id not in _read_audience(claims):
        raise SignOnRejected("This logout token is of or for somebody else (iss, aud).")
    moment = now().timestamp()
    expires_at = _read_time(claims, "exp") if "exp" in claims else moment
    is_timely = abs(moment - _read_time(claims, "iat")) <= LOGOUT_SECONDS
    if not is_timely or expires_at + LEEWAY_SECONDS <= moment:
        raise SignOnRejected("This logout token is too old, or from the future.")
    subject, sign_on_id = claims.get("sub"), claims.get("sid")
    word_id = claims.get("jti")
    if not _is_name(word_id) or not (_is_name(subject) or _is_name(sign_on_id)):
        raise SignOnRejected("This logout token names nobody (jti, sub, sid).")
    return SignOff(
        organization_id,
        provider.authority,
        str(word_id),
        str(subject) if _is_name(subject) else "",
        str(sign_on_id) if _is_name(sign_on_id) else None,
    )


def read_identity(provider: Provider, claims: Mapping[str, Any]) -> Identity:
    """Whom checked claims speak of. An address that is not verified matches nobody."""
    email = claims.get("email")
    # What a provider calls a sign-on it may call otherwise for each of those it tells of it.
    is_ours = provider.client_id in _read_audience(claims)
    sign_on_id = claims.get("sid") if is_ours else None
    is_verified = claims.get("email_verified") is True
    return Identity(
        authority=provider.authority,
        subject=str(claims["sub"]),
        expires_at=datetime.fromtimestamp(_read_time(claims, "exp"), UTC),
        name=_read_text(claims.get("name")),
        email=_read_text(email),
        roles=provider.read_roles(claims),
        sign_on_id=str(sign_on_id) if _is_name(sign_on_id) else None,
        matches_email=provider.match_email and is_verified,
    )


def _check_subject(claims: Mapping[str, Any]) -> None:
    if not _is_name(claims.get("sub")):
        raise SignOnRejected("The provider's token names nobody (sub).")


def _is_name(value: object) -> bool:
    return isinstance(value, str) and 0 < len(value) <= SUBJECT_LENGTH


def _read_text(value: object) -> str | None:
    return value.strip()[:200] or None if isinstance(value, str) else None


def _read_audience(claims: Mapping[str, Any]) -> Sequence[str]:
    audience = claims.get("aud")
    listed = audience if isinstance(audience, list) else [audience]
    return [each for each in listed if isinstance(each, str)]


def _read_time(claims: Mapping[str, Any], name: str) -> float:
    value = claims.get(name)
    # Ten digits of seconds reach into the year 2286.
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value < 1e10:
        raise SignOnRejected(f"The provider's token has no time that can be read ({name}).")
    return float(value)
