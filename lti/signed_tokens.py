"""Reading a platform's signed token: bounded, strict JSON, and a signature by a known key.

Only the key set that was registered is asked for keys: `jku`, `x5u`, `jwk` and `x5c` in the
header are read past. Source: LTI Security Framework 1.0, section 5.1.2; RFC 7515.
"""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from joserfc import jws
from joserfc.errors import JoseError
from joserfc.util import urlsafe_b64decode

from mentorai.core.errors import (
    ClaimMissing,
    KeysetUnavailable,
    PlatformError,
    SignatureInvalid,
    SigningKeyUnknown,
    TokenInvalid,
)
from mentorai.lti.keysets import PlatformKey

TOKEN_CHARACTERS = 48_000
ALGORITHMS = ("RS256", "RS384", "RS512", "ES256", "ES384", "ES512")
SIGNATURE_CLAUSE = "LTI Security Framework 1.0, section 5.1.3, step 1"
FORMAT_CLAUSE = "LTI Security Framework 1.0, section 5.1.2"

# (address of a key set, kid) -> the key, or None.
FindKey = Callable[[str, str], PlatformKey | None]

_REGISTRY = jws.JWSRegistry(algorithms=ALGORITHMS)


@dataclass(frozen=True, slots=True)
class SignedToken:
    """A token taken apart; `claims` may not be believed before check_signature."""

    text: str
    header: Mapping[str, Any]
    claims: Mapping[str, Any]


def read_token(text: object) -> SignedToken:
    """Take a compact JWS apart.

    Raises ClaimMissing if there is none; TokenInvalid if it is no JWS of two JSON objects, too
    large, nested too deep, or repeats a name.
    """
    if not isinstance(text, str) or not text:
        raise ClaimMissing("The LMS sent no id_token.", clause=FORMAT_CLAUSE)
    if len(text) > TOKEN_CHARACTERS:
        raise TokenInvalid("The id_token is too large.", clause=FORMAT_CLAUSE)
    parts = text.split(".")
    if len(parts) != 3:
        raise TokenInvalid("The id_token is not a signed token.", clause=FORMAT_CLAUSE)
    return SignedToken(text, _read_object(parts[0]), _read_object(parts[1]))


def check_signature(token: SignedToken, find_key: FindKey, keyset_url: str) -> None:
    """Let the token pass if a key of the set at `keyset_url` signed it.

    find_key: Keysets.find, or Keysets.find_known to ask no platform.
    Raises TokenInvalid, or the kind of it that says what is wrong: SigningKeyUnknown,
    SignatureInvalid, KeysetUnavailable.
    """
    algorithm, kid = token.header.get("alg"), token.header.get("kid")
    if algorithm not in ALGORITHMS:
        raise _refuse("The id_token is signed in a way that is not accepted (alg).")
    if "crit" in token.header or "b64" in token.header:
        raise _refuse("The id_token asks for extensions that are not served (crit).")
    if not isinstance(kid, str) or not kid:
        raise _refuse("The id_token does not name the key that signed it (kid).")
    try:
        found = find_key(keyset_url, kid)
    except PlatformError as error:
        raise KeysetUnavailable(
            f"The keys of the LMS could not be fetched to check the id_token. {error.message}",
            clause=SIGNATURE_CLAUSE,
        ) from error
    if found is None:
        sentence = "The id_token is signed with a key that the LMS does not publish (kid)."
        raise SigningKeyUnknown(sentence, clause=SIGNATURE_CLAUSE)
    if algorithm not in found.algorithms:
        raise _refuse("The id_token is signed in a way its key is not meant for (alg).")
    # Header and claims were read already, more strictly than the library reads them.
    signed, _, signature = token.text.rpartition(".")
    try:
        fits = _REGISTRY.get_alg(algorithm).verify(
            signed.encode(), urlsafe_b64decode(signature.encode("ascii")), found.key
        )
    except (JoseError, ValueError) as error:
        raise _refuse("The signature of the id_token cannot be read.") from error
    if not fits:
        sentence = "The signature of the id_token does not fit."
        raise SignatureInvalid(sentence, clause=SIGNATURE_CLAUSE)


def _refuse(sentence: str) -> TokenInvalid:
    return TokenInvalid(sentence, clause=SIGNATURE_CLAUSE)


def _read_object(segment: str) -> dict[str, Any]:
    try:
        text = urlsafe_b64decode(segment.encode("ascii")).decode("utf-8")
        found = _STRICT.decode(text)
        if "\\u" in text:
            _refuse_unkeepable(text, found)
    except (ValueError, RecursionError) as error:
        raise TokenInvalid("The id_token cannot be read.", clause=FORMAT_CLAUSE) from error
    if not isinstance(found, dict):
        raise TokenInvalid("The id_token does not hold claims.", clause=FORMAT_CLAUSE)
    return found


def _read_pairs(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    # Two readers of one token must not be able to see two different values.
    if len(found) != len(pairs):
        raise ValueError("a name is repeated")
    return found


def _refuse_unkeepable(text: str, found: object) -> None:
    # Half a surrogate pair is no character, and PostgreSQL keeps no NUL.
    if "\\u0000" in text:
        raise ValueError("NUL")
    json.dumps(found, ensure_ascii=False).encode("utf-8")


def _refuse_constant(name: str) -> Any:
    raise ValueError(f"{name} is not JSON")


_STRICT = json.JSONDecoder(object_pairs_hook=_read_pairs, parse_constant=_refuse_constant)
