"""Tokens as a platform signs them, and as somebody would who wants in without being one."""

import base64
import hmac
import json
from collections.abc import Mapping
from typing import Any

from joserfc import jws
from joserfc.jwk import RSAKey

from mentorai.plugins.sandbox.oidc import CLAIM

ROOMY = 10_000_000
# Claims that stand by themselves; every other short name is one of LTI's own.
PLAIN = (
    "iss", "aud", "azp", "sub", "exp", "iat", "nbf", "nonce",
    "name", "given_name", "family_name", "email",
)  # fmt: skip


def change(claims: Mapping[str, Any], changes: Mapping[str, Any]) -> dict[str, Any]:
    """Changed claims. A short name (`roles`) stands for LTI's claim; None leaves a claim out."""
    changed = dict(claims)
    for name, value in changes.items():
        full = name if name in PLAIN or ":" in name else f"{CLAIM}/{name}"
        if value is None:
            changed.pop(full, None)
        else:
            changed[full] = value
    return changed


def sign(claims: Any, key: RSAKey, *, header: Mapping[str, Any] | None = None) -> str:
    """A compact JWS. claims: an object, or bytes as they are. header: changes; None leaves out."""
    given = {"typ": "JWT", "alg": "RS256", "kid": key.kid} | dict(header or {})
    head = {name: value for name, value in given.items() if value is not None}
    payload = claims if isinstance(claims, bytes) else json.dumps(claims).encode()
    registry = jws.JWSRegistry(algorithms=[head["alg"]], strict_check_header=False)
    registry.max_header_length = registry.max_payload_length = ROOMY
    return jws.serialize_compact(head, payload, key, registry=registry)


def assemble(header: Mapping[str, Any], claims: Any, signature: bytes = b"") -> str:
    """A token put together by hand: any header, any signature."""
    return f"{_encode(header)}.{_encode(claims)}.{_url_safe(signature)}"


def sign_with_secret(claims: Any, kid: str, secret: bytes) -> str:
    """A token signed as if a public key, which everyone has, were a shared secret."""
    head = _encode({"alg": "HS256", "typ": "JWT", "kid": kid})
    mac = hmac.digest(secret, f"{head}.{_encode(claims)}".encode(), "sha256")
    return f"{head}.{_encode(claims)}.{_url_safe(mac)}"


def tamper(token: str, claims: Any) -> str:
    """Other claims under a good token's signature."""
    head, _, signature = token.split(".")
    return f"{head}.{_encode(claims)}.{signature}"


def make_key(kid: str) -> RSAKey:
    """A key that no platform has."""
    return RSAKey.generate_key(2048, {"kid": kid}, private=True)


def _encode(value: Any) -> str:
    return _url_safe(value if isinstance(value, bytes) else json.dumps(value).encode())


def _url_safe(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()
