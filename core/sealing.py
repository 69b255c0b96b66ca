"""Secrets at rest: sealed with this installation's own key, useless in a copied database."""

import hashlib
from typing import TYPE_CHECKING

from mentorai.core.errors import ConfigurationError
from mentorai.core.settings import Settings

if TYPE_CHECKING:
    from joserfc.jwk import OctKey

SECRET = "tool_keys"  # noqa: S105 - the name of the file, not what is in it
_HEADER = {"alg": "dir", "enc": "A256GCM"}


class Seal:
    """Seals and opens short texts (JWE, direct key, A256GCM)."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings

    def close(self, text: str) -> str:
        """The text, sealed."""
        from joserfc import jwe

        return jwe.encrypt_compact(_HEADER, text.encode(), self._read_key())

    def open(self, sealed: str) -> str:
        """The text that was sealed.

        Raises ConfigurationError if this installation's secret is not the one it was sealed with.
        """
        from joserfc import jwe
        from joserfc.errors import JoseError

        try:
            found = jwe.decrypt_compact(sealed, self._read_key())
        except (JoseError, ValueError) as error:
            raise ConfigurationError(
                f"secrets/{SECRET} is not the secret that the database was written with."
            ) from error
        return (found.plaintext or b"").decode()

    def _read_key(self) -> "OctKey":
        from joserfc.jwk import OctKey

        secret = self._settings.read_secret(SECRET)
        return OctKey.import_key(hashlib.sha256(secret.encode()).digest())
