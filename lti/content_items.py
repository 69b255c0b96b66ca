"""Content items: what a tool can hand to a platform, a frozen value a kind, checked before it goes.

Source: LTI Deep Linking 2.0, section 3 (content item types). On the wire nothing is null and
nothing is empty: platforms choke on `null` and on `{}`, so what says nothing is left out.
"""

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import Field, dataclass, field, fields, is_dataclass
from datetime import UTC, datetime
from typing import Any, ClassVar
from urllib.parse import urlsplit

import nh3

from mentorai.core.errors import InputRejected
from mentorai.core.mentors import UNKEEPABLE
from mentorai.lti.origins import find_origin, is_loopback

LINK, RESOURCE_LINK, FILE, HTML, IMAGE = "link", "ltiResourceLink", "file", "html", "image"
KINDS = (RESOURCE_LINK, LINK, HTML, FILE, IMAGE)

TITLE_LENGTH = 255
TEXT_LENGTH = 2_000
LENGTHS = {
    "title": TITLE_LENGTH,
    "text": TEXT_LENGTH,
    "label": TITLE_LENGTH,
    "resource_id": 255,
    "tag": 255,
    "target_name": 100,
    "features": 500,
    "html": 20_000,
    "media_type": 255,
}
REVIEWABLE = ("None", "Initialized", "Started", "InProgress", "Submitted", "Completed")
SEVERAL_LINES = ("text", "html")
CUSTOM_PARAMETERS = 50
CUSTOM_LENGTH = 4_000
URL_LENGTH = 2_000
PIXELS = 10_000
POINTS = 1_000_000
EARLIEST, LATEST = datetime(1970, 1, 1, tzinfo=UTC), datetime(3000, 1, 1, tzinfo=UTC)
TAGS = {"h3", "h4", "p", "br", "ul", "ol", "li", "strong", "em", "a"}

# Python's names and the wire's, where they differ.
WIRE = {
    "starts_at": "startDateTime",
    "ends_at": "endDateTime",
    "expires_at": "expiresAt",
    "score_maximum": "scoreMaximum",
    "resource_id": "resourceId",
    "target_name": "targetName",
    "features": "windowFeatures",
    "line_item": "lineItem",
    "review": "submissionReview",
    "statuses": "reviewableStatus",
}


@dataclass(frozen=True, slots=True)
class Picture:
    """An icon or a thumbnail; width and height in pixels."""

    url: str
    width: int | None = None
    height: int | None = None


@dataclass(frozen=True, slots=True)
class Frame:
    """How to show an item inside a page; pixels. src: only for a link (section 3.1)."""

    width: int | None = None
    height: int | None = None
    src: str = ""


@dataclass(frozen=True, slots=True)
class NewWindow:
    """How to show an item in a window of its own; pixels."""

    target_name: str = "_blank"
    width: int | None = None
    height: int | None = None
    features: str = ""


@dataclass(frozen=True, slots=True)
class Period:
    """From when until when, aware; either end may be open."""

    starts_at: datetime | None = None
    ends_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Review:
    """That the gradebook opens a person's work here (LTI Submission Review 1.0).

    statuses: of REVIEWABLE, from which on there is something to see. label: of the way there.
    """

    statuses: tuple[str, ...]
    label: str = ""
    custom: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class NewLineItem:
    """The gradebook column that comes with a resource link, worth score_maximum points.

    resource_id, tag: how scores find it later.
    """

    score_maximum: float
    label: str = ""
    resource_id: str = ""
    tag: str = ""
    review: Review | None = None


@dataclass(frozen=True, slots=True)
class _Addressed:
    """What all kinds but HTML have."""

    url: str
    title: str = ""
    text: str = ""
    icon: Picture | None = None
    thumbnail: Picture | None = None


@dataclass(frozen=True, slots=True)
class ResourceLinkItem(_Addressed):
    """A link that launches us (section 3.2). custom: comes back with every launch of it."""

    kind: ClassVar[str] = RESOURCE_LINK
    custom: Mapping[str, str] = field(default_factory=dict)
    line_item: NewLineItem | None = None
    available: Period | None = None
    submission: Period | None = None
    iframe: Frame | None = None
    window: NewWindow | None = None


@dataclass(frozen=True, slots=True)
class LinkItem(_Addressed):
    """An address that anyone may open, without a launch (section 3.1)."""

    kind: ClassVar[str] = LINK
    iframe: Frame | None = None
    window: NewWindow | None = None


@dataclass(frozen=True, slots=True)
class FileItem(_Addressed):
    """A file that the platform fetches once and keeps (section 3.3).

    expires_at: until when it can be fetched. media_type: compared with what the platform takes,
    and not sent.
    """

    kind: ClassVar[str] = FILE
    expires_at: datetime | None = None
    media_type: str = field(default="", metadata={"sent": False})


@dataclass(frozen=True, slots=True)
class ImageItem(_Addressed):
    """A picture to show (section 3.5); width and height in pixels."""

    kind: ClassVar[str] = IMAGE
    width: int | None = None
    height: int | None = None


@dataclass(frozen=True, slots=True)
class HtmlItem:
    """A piece of HTML to stand in a page of the course (section 3.4); only TAGS of it are sent."""

    kind: ClassVar[str] = HTML
    html: str
    title: str = ""
    text: str = ""


ContentItem = ResourceLinkItem | LinkItem | FileItem | HtmlItem | ImageItem


def check_item(item: ContentItem, *, allow_http: bool) -> None:
    """Let an item pass that every platform can take.

    allow_http: development only: addresses may be http, not only on this machine.
    Raises InputRejected; its fields are named as here, `line_item.score_maximum`.
    """
    errors: dict[str, list[str]] = {}
    for name, fault in _find_faults(item, allow_http):
        errors.setdefault(name, []).append(fault)
    if isinstance(item, HtmlItem) and not errors and not _clean(item.html).strip():
        errors["html"] = ["There is nothing in it that a page may show."]
    if errors:
        raise InputRejected(errors)


def build_item(item: ContentItem) -> dict[str, Any]:
    """The item as it is sent; `check_item` comes first."""
    built: dict[str, Any] = {"type": item.kind} | _build(item)
    return built | ({"html": _clean(item.html)} if isinstance(item, HtmlItem) else {})


def takes_media_type(media_type: str, accepted: Sequence[str]) -> bool:
    """Whether a file of this type is among accept_media_types: `image/png`, `image/*`, `*/*`."""
    family = media_type.partition("/")[0]
    return not accepted or bool({media_type, f"{family}/*", "*/*", "*"} & set(accepted))


def can_address(url: str, *, allow_http: bool) -> bool:
    """Whether an item may have this address. allow_http: as for `check_item`."""
    return _find_url_fault(url, allow_http) is None


def _build(value: Any) -> Any:
    if is_dataclass(value):
        parts = {
            WIRE.get(one.name, one.name): _build(getattr(value, one.name))
            for one in fields(value)
            if one.metadata.get("sent", True)
        }
        return {name: part for name, part in parts.items() if part not in (None, "", {})}
    if isinstance(value, datetime):
        return value.astimezone(UTC).isoformat(timespec="seconds").replace("+00:00", "Z")
    if isinstance(value, tuple):
        return list(value)
    if isinstance(value, float) and value.is_integer():
        return int(value)
    return {name: str(each) for name, each in value.items()} if _is_mapping(value) else value


def _find_faults(value: Any, allow_http: bool, path: str = "") -> Iterator[tuple[str, str]]:
    for one in fields(value):
        name, part = path + one.name, getattr(value, one.name)
        if is_dataclass(part):
            yield from _find_faults(part, allow_http, f"{name}.")
        elif fault := _find_fault(one, part, allow_http):
            yield name, fault
    if isinstance(value, Period) and not _ends_late_enough(value):
        yield f"{path}ends_at", "This must be later than the beginning."


def _find_fault(one: Field[Any], part: Any, allow_http: bool) -> str | None:
    """What is wrong with one plain part of an item, by its name."""
    if one.name in ("url", "src"):
        is_needed = one.name == "url"
        return _find_url_fault(part, allow_http) if part or is_needed else None
    if one.name in LENGTHS:
        return _find_text_fault(one.name, part)
    if one.name in ("width", "height"):
        return _find_number_fault(part, PIXELS, whole=True) if part is not None else None
    if one.name == "score_maximum":
        return _find_number_fault(part, POINTS)
    if one.name.endswith("_at"):
        return _find_time_fault(part) if part is not None else None
    if one.name == "statuses":
        return None if part and set(part) <= set(REVIEWABLE) else "Steps of an activity, please."
    return _find_custom_fault(part) if one.name == "custom" else None


def _find_text_fault(name: str, text: Any) -> str | None:
    if not isinstance(text, str) or UNKEEPABLE.search(text):
        return "A text without control characters, please."
    if name not in SEVERAL_LINES and ("\n" in text or "\r" in text):
        return "One line, please."
    if len(text) > LENGTHS[name]:
        return f"At most {LENGTHS[name]} characters, please."
    return None


def _find_url_fault(url: Any, allow_http: bool) -> str | None:
    if find_origin(url) is None or len(url) > URL_LENGTH:
        return "A full address such as https://mentor.example.edu/page, please."
    parts = urlsplit(url)
    if parts.username is not None or parts.password is not None:
        return "An address without a name and a password, please."
    if parts.scheme != "https" and not allow_http and not is_loopback(parts.hostname or ""):
        return "An address that begins with https://, please."
    return None


def _find_number_fault(number: Any, most: int, *, whole: bool = False) -> str | None:
    kinds = int if whole else (int, float)
    if isinstance(number, bool) or not isinstance(number, kinds) or not math.isfinite(number):
        return "A whole number, please." if whole else "A number, please."
    return None if 0 < number <= most else f"More than 0 and at most {most}, please."


def _find_time_fault(moment: Any) -> str | None:
    if not isinstance(moment, datetime) or moment.tzinfo is None:
        return "A time with its zone, please."
    return None if EARLIEST <= moment < LATEST else "A time between 1970 and 3000, please."


def _ends_late_enough(period: Period) -> bool:
    ends = (period.starts_at, period.ends_at)
    # Times that are wrong in themselves are told of already.
    if any(moment is None or _find_time_fault(moment) for moment in ends):
        return True
    starts_at, ends_at = ends
    return starts_at < ends_at  # type: ignore[operator]


def _find_custom_fault(custom: Any) -> str | None:
    if not _is_mapping(custom) or len(custom) > CUSTOM_PARAMETERS:
        return f"At most {CUSTOM_PARAMETERS} names with their texts, please."
    for name, value in custom.items():
        if not isinstance(name, str) or not isinstance(value, str) or not name or not value:
            return "Names and values that are texts and not empty, please."
        if len(name) + len(value) > CUSTOM_LENGTH or UNKEEPABLE.search(name + value):
            return f"At most {CUSTOM_LENGTH} characters and no control characters, please."
    return None


def _is_mapping(value: Any) -> bool:
    return isinstance(value, Mapping)


def _clean(html: str) -> str:
    return nh3.clean(html, tags=TAGS, attributes={"a": {"href"}}, url_schemes={"https"})
