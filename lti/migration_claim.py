"""The LTI 1.1 migration claim: by which ids an older connection of the platform knew the same.

Source: LTI 1.1 to 1.3 migration guide, "Including LTI 1.1 parameters", "oauth_consumer_key_sign".
"""

import base64
import binascii
import hashlib
import hmac
from dataclasses import dataclass

from mentorai.core.errors import TokenInvalid
from mentorai.lti.claim_values import find_object
from mentorai.lti.claims import CLAIM, ID_LENGTH, Claims

CLAUSE = "LTI migration from 1.1, oauth_consumer_key_sign"
SIGNATURE_LENGTH = 200


@dataclass(frozen=True, slots=True)
class MigrationClaim:
    """What the claim says, not yet believed.

    user_id, resource_link_id: None when they are the same as now. signed: the text that the
    platform had to sign with the secret of consumer_key. signature: empty if there is none.
    """

    consumer_key: str
    signature: str
    signed: str
    user_id: str | None
    resource_link_id: str | None

    def is_signed_with(self, secret: str) -> bool:
        """Whether the signature was made with this secret of the consumer key."""
        try:
            given = base64.b64decode(self.signature, validate=True)
        except (binascii.Error, ValueError):
            return False
        due = hmac.new(secret.encode(), self.signed.encode(), hashlib.sha256).digest()
        return hmac.compare_digest(given, due)


def read_migration(claims: Claims) -> MigrationClaim | None:
    """The claim, or None if there is none that names a consumer key. Raises TokenInvalid.

    What cannot be an id is no id, and what is no object no claim: nothing is merged for it.
    """
    found = find_object(claims, f"{CLAIM}lti1p1")
    key = _find_id(found, "oauth_consumer_key")
    if key is None:
        return None
    signature = found.get("oauth_consumer_key_sign")
    is_text = isinstance(signature, str) and len(signature) <= SIGNATURE_LENGTH
    return MigrationClaim(
        consumer_key=key,
        signature=signature.strip() if isinstance(signature, str) and is_text else "",
        signed=_build_signed(claims, key),
        user_id=_find_id(found, "user_id"),
        resource_link_id=_find_id(found, "resource_link_id"),
    )


def _build_signed(claims: Claims, key: str) -> str:
    """The key, deployment, issuer, client, expiry and nonce of this very token."""
    audience, expires = claims.get("aud"), claims.get("exp")
    party = claims.get("azp") or (audience[0] if isinstance(audience, list) else audience)
    if isinstance(expires, float) and expires.is_integer():
        expires = int(expires)
    parts = (key, claims.get(f"{CLAIM}deployment_id"), claims.get("iss"), party, expires)
    text = "&".join(str(part) for part in (*parts, claims.get("nonce")))
    try:
        text.encode()
    except UnicodeEncodeError as error:
        raise TokenInvalid("The migration claim cannot be read (lti1p1).", clause=CLAUSE) from error
    return text


def _find_id(found: Claims, name: str) -> str | None:
    value = found.get(name)
    if isinstance(value, int) and not isinstance(value, bool) and abs(value) < 10**ID_LENGTH:
        value = str(value)
    if not isinstance(value, str) or not 0 < len(value) <= ID_LENGTH or not value.isprintable():
        return None
    return value
