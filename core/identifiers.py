"""Names for things: unguessable, unique, and the same form everywhere."""

import re
import unicodedata
import uuid

_ID = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}")


def new_id() -> str:
    """A fresh identifier: a random UUID, 36 characters."""
    return str(uuid.uuid4())


def is_id(text: str) -> bool:
    """Whether `text` has the form of an identifier: whatever else a caller sends, zero bytes and
    half characters among it, names nothing here and need not reach the database.
    """
    return _ID.fullmatch(text) is not None


def to_slug(name: str) -> str:
    """A short name for addresses and commands: lower-case letters, digits and hyphens.

    Empty for a name that has none of them.
    """
    dashed = "".join("-" if unicodedata.category(one) == "Pd" else one for one in name)
    plain = unicodedata.normalize("NFKD", dashed).encode("ascii", "ignore").decode()
    return re.sub(r"[^a-z0-9]+", "-", plain.lower()).strip("-")[:64].rstrip("-")
