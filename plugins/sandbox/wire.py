"""What goes over the wire, without a web framework: a call, its reply, or a refusal."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from mentorai.core.errors import MentorAIError

JSON = "application/json"
HTML = "text/html; charset=utf-8"


class Refused(MentorAIError):
    """The sandbox LMS refused this call. rule: what it broke, for an LMS with words of its own."""

    code = "sandbox_refused"

    def __init__(
        self, status: int, message: str, *, rule: str = "", headers: Mapping[str, str] = {}
    ) -> None:
        super().__init__(message)
        self.status, self.rule = status, rule
        self.headers = dict(headers)


@dataclass(frozen=True, slots=True)
class Media:
    """How an LMS looks at media types; the defaults are the specifications' rule.

    any_content: a body of any type is read. any_accept: Accept is not looked at. one_accept: it
    names one type and no more. no_wildcard: the types that a wildcard does not ask for.
    """

    any_content: bool = False
    any_accept: bool = False
    one_accept: bool = False
    no_wildcard: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Call:
    """One request to a service of the platform.

    url: the address called, without its query. query: the first value of each parameter.
    headers: by lower-case name. media: how strict the platform is.
    """

    method: str
    url: str
    query: Mapping[str, str] = field(default_factory=dict)
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""
    media: Media = field(default_factory=Media)

    def read_json(self, media_type: str) -> dict[str, Any]:
        """The body as an object of exactly this media type (parameters are allowed).

        Raises Refused: 415 for another type, 400 for a body that is not one JSON object.
        """
        sent = self.headers.get("content-type", "").partition(";")[0].strip().lower()
        if sent != media_type and not self.media.any_content:
            raise Refused(415, f"Content-Type must be {media_type}.", rule="content_type")
        try:
            body = json.loads(self.body, parse_constant=_refuse_constant)
            check_text(body)
        except (ValueError, RecursionError) as error:
            raise Refused(400, "The body is not JSON.", rule="body") from error
        if not isinstance(body, dict):
            raise Refused(400, "The body is not a JSON object.", rule="object")
        return body

    def check_accepts(self, media_type: str) -> None:
        """Raise Refused (406) unless Accept is absent, a wildcard, or names this type."""
        accepted = [
            part.partition(";")[0].strip().lower()
            for part in self.headers.get("accept", "*/*").split(",")
        ]
        allowed = {media_type}
        if media_type not in self.media.no_wildcard or "accept" not in self.headers:
            allowed |= {"*/*", "application/*"}
        is_one = len(accepted) == 1 or not self.media.one_accept
        if not (self.media.any_accept or (is_one and allowed & set(accepted))):
            raise Refused(406, f"Accept must allow {media_type}.", rule="accept")

    def read_limit(self, largest: int) -> int:
        """The `limit` parameter, at most `largest`. Raises Refused (400)."""
        text = self.query.get("limit", "")
        if not text:
            return largest
        if not is_digits(text) or int(text) == 0:
            raise Refused(400, "limit must be a whole number above zero.")
        return min(int(text), largest)


@dataclass(frozen=True, slots=True)
class Reply:
    """One answer of a service. reason: the words of the status line, when they are its own."""

    status: int = 200
    body: bytes = b""
    media_type: str = JSON
    headers: Mapping[str, str] = field(default_factory=dict)
    reason: str = ""

    @classmethod
    def of(
        cls,
        body: Any,
        media_type: str = JSON,
        *,
        status: int = 200,
        headers: Mapping[str, str] = {},
    ) -> "Reply":
        """A JSON answer."""
        return cls(status, json.dumps(body, ensure_ascii=False).encode(), media_type, headers)


def is_digits(text: str) -> bool:
    """Whether this is a whole number of a reasonable length."""
    return text.isascii() and text.isdigit() and len(text) <= 9


def shorten(number: float) -> float:
    """A number without a fraction where it has none: 10, and not 10.0."""
    return int(number) if number == int(number) else number


def check_text(body: Any) -> None:
    """Raise ValueError if a text within holds half a character, which no page could show."""
    json.dumps(body, ensure_ascii=False).encode()


def _refuse_constant(name: str) -> None:
    raise ValueError(f"{name} is not JSON")
