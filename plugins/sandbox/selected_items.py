"""Content items as the tool sent them, checked strictly and made into items of a course.

Source: LTI Deep Linking 2.0, section 3 (content item types).
"""

import secrets
from collections.abc import Mapping
from datetime import datetime
from typing import Any
from urllib.parse import urlsplit

import nh3

from mentorai.plugins.sandbox.grades import ACTIVITY, read_instant
from mentorai.plugins.sandbox.school import Item
from mentorai.plugins.sandbox.tokens import Rejected
from mentorai.plugins.sandbox.wants import Wants
from mentorai.plugins.sandbox.wire import Refused

MODULE = "Added from the tool"
ADDRESSED = ("link", "file", "image")
PIXELS = 100_000
REVIEWABLE = ("None", *ACTIVITY)
ENDS = ("startDateTime", "endDateTime")
TARGET_OF = {"iframe": ("iframe", "frame"), "window": ("window",)}


def read_item(given: Mapping[str, Any], wants: Wants, tool_origin: str) -> Item:
    """One content item as an item of a course. Raises Rejected."""
    kind = given.get("type")
    if kind not in wants.accept_types:
        raise Rejected(f"Only items of type {', '.join(wants.accept_types)} are accepted.")
    check_filled(given, str(kind))
    _check_asked_for(given, wants)
    points, label, resource_id, tag = _read_column(given.get("lineItem"))
    return Item(
        id=secrets.token_urlsafe(9),
        module=MODULE,
        title=_read_text(given, "title", 255) or "Untitled",
        about=_read_text(given, "text", 2000),
        url=_read_url(given, str(kind), tool_origin),
        custom=_read_custom(given.get("custom", {})),
        points=points,
        resource_id=resource_id,
        tag=tag,
        added=True,
        kind=str(kind),
        label=label,
        review=_read_review(given.get("lineItem")),
        icon=_read_icon(given),
        html=_read_html(given, str(kind)),
        frame=_read_size(given, "iframe") | _read_address(given, "iframe", "src"),
        window=_read_size(given, "window") | _read_window(given),
        available=_read_period(given, "available"),
        submission=_read_period(given, "submission"),
        size=_read_pixels(given, str(kind)) if kind == "image" else {},
        expires_at=_read_time(given["expiresAt"], "expiresAt").isoformat()
        if kind == "file" and "expiresAt" in given
        else "",
    )


def check_filled(value: object, name: str) -> None:
    """Raise Rejected if something within is null or empty: it says nothing, so it must not be."""
    if value in (None, "", {}, []):
        raise Rejected(f"{name} is null or empty; leave it out.")
    if isinstance(value, dict):
        for key, part in value.items():
            check_filled(part, f"{name}.{key}")
    if isinstance(value, list):
        for part in value:
            check_filled(part, f"{name}[]")


def _check_asked_for(given: Mapping[str, Any], wants: Wants) -> None:
    if "lineItem" in given and wants.accept_lineitem is False:
        raise Rejected("lineItem was not asked for.")
    for name, targets in TARGET_OF.items():
        if name in given and not set(targets) & set(wants.accept_targets):
            raise Rejected(f"{name} was not asked for.")


def _read_url(given: Mapping[str, Any], kind: str, tool_origin: str) -> str:
    url = given.get("url", "")
    if kind in ADDRESSED:
        return _check_address(url, "url")
    if url and (not isinstance(url, str) or not url.startswith(f"{tool_origin}/")):
        raise Rejected("A link's url is not on the tool's own origin.")
    if url and not url.isprintable():
        raise Rejected("A link's url is not an address.")
    return str(url)


def _check_address(url: object, name: str) -> str:
    parts = urlsplit(url if isinstance(url, str) else "")
    if parts.scheme not in ("http", "https") or not parts.netloc or not str(url).isprintable():
        raise Rejected(f"{name} must be a full address.")
    return str(url)


def _read_text(given: Mapping[str, Any], name: str, longest: int) -> str:
    text = given.get(name, "")
    if not isinstance(text, str) or len(text) > longest:
        raise Rejected(f"{name} must be text of at most {longest} characters.")
    return text.strip()


def _read_custom(custom: object) -> dict[str, str]:
    if not isinstance(custom, dict) or not all(isinstance(v, str) for v in custom.values()):
        raise Rejected("custom must map names to texts.")
    return custom


def _read_column(given: object) -> tuple[float | None, str, str, str]:
    """Points, label, resource id and tag of a line item; no points when there is none."""
    if given is None:
        return None, "", "", ""
    if not isinstance(given, dict):
        raise Rejected("lineItem must be an object.")
    points = given.get("scoreMaximum")
    if not isinstance(points, int | float) or isinstance(points, bool) or not 0 < points < 1e7:
        raise Rejected("lineItem.scoreMaximum must be a number above zero.")
    label, resource_id, tag = (
        _read_text(given, name, 500) for name in ("label", "resourceId", "tag")
    )
    return float(points), label, resource_id, tag


def _read_review(line_item: object) -> Mapping[str, Any]:
    """What a line item says of the way from the gradebook to a person's work."""
    review = line_item.get("submissionReview", {}) if isinstance(line_item, dict) else {}
    if not isinstance(review, dict):
        raise Rejected("lineItem.submissionReview must be an object.")
    statuses = review.get("reviewableStatus", [])
    if not isinstance(statuses, list) or not all(each in REVIEWABLE for each in statuses):
        raise Rejected("reviewableStatus must list activity progresses.")
    _read_custom(review.get("custom", {}))
    return review


def _read_icon(given: Mapping[str, Any]) -> str:
    pictures = [name for name in ("icon", "thumbnail") if name in given]
    for name in pictures:
        _read_size(given, name)
        _check_address(given[name].get("url"), f"{name}.url")
    return str(given[pictures[0]]["url"]) if pictures else ""


def _read_html(given: Mapping[str, Any], kind: str) -> str:
    if kind != "html":
        return ""
    html = given.get("html")
    if not isinstance(html, str) or len(html) > 100_000:
        raise Rejected("html must be text of at most 100000 characters.")
    # Whatever a tool sends, this page shows no script of it.
    return nh3.clean(html)


def _read_size(given: Mapping[str, Any], name: str) -> dict[str, Any]:
    part = given.get(name, {})
    if not isinstance(part, dict):
        raise Rejected(f"{name} must be an object.")
    return _read_pixels(part, name)


def _read_pixels(part: Mapping[str, Any], name: str) -> dict[str, int]:
    size = {side: part[side] for side in ("width", "height") if side in part}
    for side, pixels in size.items():
        if not isinstance(pixels, int) or isinstance(pixels, bool) or not 0 < pixels <= PIXELS:
            raise Rejected(f"{name}.{side} must be a number of pixels.")
    return size


def _read_address(given: Mapping[str, Any], name: str, field: str) -> dict[str, Any]:
    part = given.get(name, {})
    return {field: _check_address(part[field], f"{name}.{field}")} if field in part else {}


def _read_window(given: Mapping[str, Any]) -> dict[str, Any]:
    part = given.get("window", {})
    names = [name for name in ("targetName", "windowFeatures") if name in part]
    return {name: _read_text(part, name, 500) for name in names}


def _read_period(given: Mapping[str, Any], name: str) -> dict[str, str]:
    part = given.get(name, {})
    if not isinstance(part, dict):
        raise Rejected(f"{name} must be an object.")
    ends = {end: _read_time(part[end], f"{name}.{end}") for end in ENDS if end in part}
    if len(ends) == len(ENDS) and ends[ENDS[0]] >= ends[ENDS[1]]:
        raise Rejected(f"{name} ends before it begins.")
    return {end: moment.isoformat() for end, moment in ends.items()}


def _read_time(text: object, name: str) -> datetime:
    try:
        return read_instant(text, name)
    except Refused as error:
        raise Rejected(error.message) from error
