"""Documents fetched from the addresses that people name, by the one outbound client.

https only and never to a private address, wherever redirects lead (but to this machine itself, with
settings.allow_loopback_platforms); bounded in time and size as every call is.
"""

from dataclasses import dataclass
from urllib.parse import unquote, urlsplit

from mentorai.core.errors import (
    DocumentTooLarge,
    InputRejected,
    PlatformError,
    PlatformReplyInvalid,
)
from mentorai.core.settings import Settings
from mentorai.lti.origins import find_url_fault
from mentorai.lti.platform_http import PlatformHttp, Reply

REDIRECTS = 3
NAME_LENGTH = 200
HEADERS = {"Accept": "text/markdown, application/pdf, text/html;q=0.9, text/plain;q=0.8, */*;q=0.5"}


@dataclass(frozen=True, slots=True)
class Download:
    """A document as an address gave it. name: the last part of the address's path."""

    name: str
    media_type: str
    data: bytes


def fetch_document(http: PlatformHttp, settings: Settings, url: str) -> Download:
    """Fetch a document. Raises InputRejected (url) with what is wrong; DocumentTooLarge."""
    fault = find_url_fault(url, allow_loopback=settings.allow_loopback_platforms)
    if fault:
        raise InputRejected({"url": [fault]})
    try:
        reply = http.get(
            url, headers=HEADERS, limit_bytes=settings.upload_bytes, redirects=REDIRECTS
        )
    except PlatformReplyInvalid as error:
        limit = f"{settings.upload_bytes / 1_000_000:g} MB"
        raise DocumentTooLarge(f"The document is larger than {limit}.") from error
    except PlatformError as error:
        # Which of them it was would tell a caller what lives in this network.
        sentence = "Nothing could be fetched from there; is it on the public internet, by https?"
        raise InputRejected({"url": [sentence]}) from error
    if not reply.is_ok:
        raise InputRejected({"url": [f"The address answered {reply.status}."]})
    return Download(_read_name(url), _read_media_type(reply), reply.body)


def _read_media_type(reply: Reply) -> str:
    return reply.headers.get("Content-Type", "")[:200]


def _read_name(url: str) -> str:
    parts = urlsplit(url)
    last = unquote(parts.path.rstrip("/").rpartition("/")[2], errors="ignore")
    kept = "".join(character for character in last if character.isprintable()).strip()
    return kept[-NAME_LENGTH:] or parts.hostname or "document"
