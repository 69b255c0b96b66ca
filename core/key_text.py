"""The text of an API key: mai_<id>_<secret><check>.

id: 10 base62 characters, public. secret: 43 base62 characters, 256 bits. check: the CRC32 of
everything before it in 6 base62 characters, so a typo is refused without asking the database.
"""

import hashlib
import re
import secrets
import string
import zlib

ALPHABET = string.digits + string.ascii_uppercase + string.ascii_lowercase
ID_LENGTH = 10
SECRET_LENGTH = 43
CHECK_LENGTH = 6

PAIRS = [first + second for first in ALPHABET for second in ALPHABET]
NUMBERS = {pair: number for number, pair in enumerate(PAIRS)}

# Finds leaked keys in any text too; hence no anchors.
PATTERN = re.compile(r"mai_([0-9A-Za-z]{10})_[0-9A-Za-z]{49}")


def make_key() -> tuple[str, str]:
    """A fresh key: its id and its whole text."""
    key_id = _draw(ID_LENGTH)
    body = f"mai_{key_id}_{_draw(SECRET_LENGTH)}"
    return key_id, body + _check_of(body)


def read_key_id(text: str) -> str | None:
    """The id in a key's text, or None if it is not the text of a key or has a typo."""
    match = PATTERN.fullmatch(text)
    if match is None or _check_of(text[:-CHECK_LENGTH]) != text[-CHECK_LENGTH:]:
        return None
    return match[1]


def number_of(key_id: str) -> int:
    """A key's id as a number, below 2 ** 60; no two ids have the same.

    By a whole number SQLite finds a row in one tree, by a text in two, which is felt among a
    million keys.
    """
    number = 0
    for place in range(0, ID_LENGTH, 2):
        number = number * len(PAIRS) + NUMBERS[key_id[place : place + 2]]
    return number


def digest_key(text: str) -> str:
    """What is kept of a key: the name of the hash and the hash of the whole text.

    The secret has 256 random bits, which nobody can try through; a slow hash would only make
    every request slow.
    """
    return "sha256$" + hashlib.sha256(text.encode("ascii")).hexdigest()


def _draw(length: int) -> str:
    return "".join(secrets.choice(ALPHABET) for _ in range(length))


def _check_of(body: str) -> str:
    # Two digits at a time: every call comes through here.
    number, last = divmod(zlib.crc32(body.encode("ascii")), len(PAIRS))
    first, middle = divmod(number, len(PAIRS))
    return PAIRS[first] + PAIRS[middle] + PAIRS[last]
