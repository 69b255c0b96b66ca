"""Files of the tool that were placed in a course: fetched once, while they can be, and kept.

Source: LTI Deep Linking 2.0, section 3.3 (file).
"""

import base64
import hashlib
from dataclasses import dataclass, replace
from datetime import datetime

import requests

from mentorai.plugins.sandbox.platform import SandboxPlatform
from mentorai.plugins.sandbox.school import Item
from mentorai.plugins.sandbox.tokens import Rejected

SECONDS = 10
MOST_BYTES = 50_000_000
PIECE_BYTES = 1 << 16


@dataclass(frozen=True, slots=True)
class KeptFile:
    """A file as it came."""

    media_type: str
    data: bytes


def fetch_file(platform: SandboxPlatform, item: Item) -> Item:
    """The item, its file kept if it is the tool's own. Raises Rejected.

    A file elsewhere stays a link to where it is: this LMS calls nobody but its tool.
    """
    if item.kind != "file" or not item.url.startswith(f"{platform.options.tool_origin}/"):
        return item
    if item.expires_at and datetime.fromisoformat(item.expires_at) <= platform.now():
        raise Rejected("expiresAt is over already.")
    found = _fetch(item.url)
    text = base64.b64encode(found.data).decode()
    # By its content, so that an item in a copied course has it too.
    name = hashlib.sha256(found.data).hexdigest()
    platform.shelf.put("file", name, {"media_type": found.media_type, "data": text})
    return replace(item, file_id=name)


def find_file(platform: SandboxPlatform, item: Item) -> KeptFile | None:
    """The file of an item, if there is one."""
    record = platform.shelf.find("file", item.file_id)
    return KeptFile(record["media_type"], base64.b64decode(record["data"])) if record else None


def _fetch(url: str) -> KeptFile:
    received = bytearray()
    try:
        with requests.get(url, timeout=SECONDS, stream=True, allow_redirects=False) as answer:
            if answer.status_code != 200:
                raise Rejected(f"The file could not be fetched: {answer.status_code}.")
            for piece in answer.iter_content(PIECE_BYTES):
                received += piece
                if len(received) > MOST_BYTES:
                    raise Rejected(f"A file may have {MOST_BYTES:,} bytes at most.")
            kind = answer.headers.get("Content-Type", "application/octet-stream")
    except requests.RequestException as error:
        raise Rejected("The file could not be fetched.") from error
    return KeptFile(kind, bytes(received))
