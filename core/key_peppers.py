"""Peppers: secrets that are not in the database, without which nobody can make a row of a key.

A key is kept as its SHA-256, or as the HMAC of that under a pepper. So a key that was kept without
one is put under one without being seen again.
"""

import hashlib
import hmac
import re
from collections.abc import Sequence
from dataclasses import dataclass, field

REFUSED = "refused"
SECRET_LENGTH = 32
# No pepper has this version: it is that of keys that are kept without one.
BARE = 0
_ENTRY = re.compile(r"([0-9]{1,4}):([\x21-\x7e]+)")


@dataclass(frozen=True, slots=True)
class Pepper:
    """One pepper. Of two the one with the higher version is the newer."""

    version: int
    secret: bytes = field(repr=False)

    @property
    def tag(self) -> str:
        """With what everything begins that is kept under it."""
        return f"hmac-sha256$v{self.version}$"

    @property
    def proof(self) -> str:
        """What tells this secret from another of the same version, and nothing else of it."""
        said = f"mentorai pepper {self.version}".encode()
        return hashlib.sha256(hmac.digest(self.secret, said, "sha256")).hexdigest()

    def cover(self, digest: str) -> str:
        """What is kept of a key under this pepper. digest: as `digest_key` gives it."""
        return self.tag + hmac.digest(self.secret, digest.encode(), "sha256").hex()


class Peppers:
    """The peppers of an installation, none or several.

    text: as the setting has them, `1:<secret> 2:<secret>`. A version with the word `refused` for
    its secret is one whose keys are not accepted any more; version 0 is no pepper.
    Raises ValueError, which repeats nothing of any secret.
    """

    def __init__(self, text: str = "") -> None:
        entries = _read_entries(text)
        self.refused = frozenset(v for v, secret in entries if secret == REFUSED)
        self.known: Sequence[Pepper] = tuple(
            Pepper(v, secret.encode()) for v, secret in sorted(entries) if secret != REFUSED
        )
        self.newest = self.known[-1] if self.known else None

    def keep(self, digest: str) -> str:
        """What is kept of a new key. digest: as `digest_key` gives it."""
        return self.newest.cover(digest) if self.newest else digest

    def is_kept(self, kept: str, digest: str) -> bool:
        """Whether what is kept is of the key with this digest.

        The same steps whatever is kept, under whichever pepper, and whether or not it is the key.
        """
        expected, is_known = digest, BARE not in self.refused
        for pepper in self.known:
            covered = pepper.cover(digest)
            is_its = kept.startswith(pepper.tag)
            expected, is_known = (covered, True) if is_its else (expected, is_known)
        return hmac.compare_digest(kept, expected) & is_known


def _read_entries(text: str) -> list[tuple[int, str]]:
    entries = []
    for number, word in enumerate(text.split(), 1):
        found = _ENTRY.fullmatch(word)
        if found is None:
            raise ValueError(f"entry {number} does not look like 1:secret")
        version, secret = int(found[1]), found[2]
        if secret != REFUSED and version == BARE:
            raise ValueError("versions of peppers begin with 1")
        if secret != REFUSED and len(secret) < SECRET_LENGTH:
            raise ValueError(f"the secret of version {version} has fewer than 32 characters")
        entries.append((version, secret))
    if len({version for version, _ in entries}) < len(entries):
        raise ValueError("a version is there twice")
    secrets = [secret for _, secret in entries if secret != REFUSED]
    if (BARE, REFUSED) in entries and not secrets:
        raise ValueError("keys without a pepper are refused, and there is no pepper for new ones")
    if len(set(secrets)) < len(secrets):
        raise ValueError("two versions have the same secret")
    return entries


NO_PEPPERS = Peppers()
