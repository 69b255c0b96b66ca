"""Names for things: unguessable, unique, and the same form everywhere."""

import re
import unicodedata
import uuid


def new_id() -> str:
    """A fresh identifier: a random UUID, 36 characters."""
    return str(uuid.uuid4())


def to_slug(name: str) -> str:
    """A short name for addresses and commands: lower-case letters, digits and hyphens."""
    plain = unicodedata.normalize("NFKD", name).encode("ascii", "ignore").decode()
    return re.sub(r"[^a-z0-9]+", "-", plain.lower()).strip("-")[:64] or "mentor"
