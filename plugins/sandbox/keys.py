"""The platform's own signing keys: made once, rotated when told, published as a JWKS."""

import secrets
from typing import Any

from joserfc import jwt
from joserfc.jwk import RSAKey

from mentorai.plugins.sandbox.shelf import Shelf

KIND = "key"
BITS = 2048


class SigningKeys:
    """The newest key signs; every key that was not withdrawn is published."""

    def __init__(self, shelf: Shelf) -> None:
        self._shelf = shelf
        self._loaded: dict[str, RSAKey] = {}
        if not shelf.list(KIND):
            self.rotate()

    @property
    def kid(self) -> str:
        """The name of the key that signs now."""
        return str(self._shelf.list(KIND)[-1]["kid"])

    def rotate(self, *, withdraw_old: bool = False, publish: bool = True) -> str:
        """Sign with a new key from now on; gives its kid.

        withdraw_old: unpublish the keys before it at once, as after a leak.
        publish: False signs with a key that the JWKS does not hold, as a broken platform would.
        """
        kid = f"sandbox-{secrets.token_hex(6)}"
        key = RSAKey.generate_key(BITS, {"kid": kid, "use": "sig", "alg": "RS256"}, private=True)
        if withdraw_old:
            for record in self._shelf.list(KIND):
                self._shelf.put(KIND, record["kid"], record | {"published": False})
        jwk = dict(key.as_dict(private=True))
        self._shelf.put(KIND, kid, {"kid": kid, "jwk": jwk, "published": publish})
        return kid

    def signing_key(self) -> RSAKey:
        """The newest key, its private part too."""
        return self._key(self.kid)

    def published(self, *, names_alg: bool = True) -> dict[str, Any]:
        """The JWKS: public parts only (RFC 7517, section 5). names_alg: each says what for."""
        shown = [record["kid"] for record in self._shelf.list(KIND) if record["published"]]
        keys = [dict(self._key(kid).as_dict(private=False)) for kid in shown]
        for key in keys if not names_alg else ():
            key.pop("alg", None)
        return {"keys": keys}

    def sign(self, claims: dict[str, Any]) -> str:
        """A compact JWS over `claims` with the newest key."""
        kid = self.kid
        header = {"alg": "RS256", "typ": "JWT", "kid": kid}
        return jwt.encode(header, claims, self._key(kid), algorithms=["RS256"])

    def _key(self, kid: str) -> RSAKey:
        if kid not in self._loaded:
            record = self._shelf.find(KIND, kid) or {}
            self._loaded[kid] = RSAKey.import_key(record["jwk"])
        return self._loaded[kid]
