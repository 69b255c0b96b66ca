"""What a teacher may change about a thing to place, and the content item that it becomes."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, tzinfo
from zoneinfo import ZoneInfo, available_timezones

from markupsafe import Markup, escape

from mentorai.core.datasets import Dataset
from mentorai.core.errors import InputRejected
from mentorai.lti import history
from mentorai.lti.content_items import (
    HTML,
    IMAGE,
    LINK,
    TEXT_LENGTH,
    TITLE_LENGTH,
    ContentItem,
    FileItem,
    Frame,
    HtmlItem,
    ImageItem,
    LinkItem,
    NewLineItem,
    NewWindow,
    Period,
    Picture,
    ResourceLinkItem,
    Review,
    check_item,
)
from mentorai.lti.submission_review import LABEL, REVIEWABLE
from mentorai.lti.tool_description import NAME
from mentorai.plugins.lti_launch.picker import Offer
from mentorai.plugins.lti_launch.picker_place import Place
from mentorai.plugins.lti_launch.placed_files import ends_at

ICON_PIXELS = 128
FRAME_PIXELS = 700
FRAME, WINDOW = "iframe", "window"
QUIZ_TAG, MENTOR_TAG = "quiz", "mentor"
TIMES = ("available_from", "available_until", "submission_from", "submission_until")
# Where a part of the item stands in the form.
FIELDS = {
    "line_item.score_maximum": "points",
    "line_item.label": "title",
    "iframe.height": "height",
    "available.ends_at": "available_until",
    "available.starts_at": "available_from",
    "submission.ends_at": "submission_until",
    "submission.starts_at": "submission_from",
    "html": "text",
}


@dataclass(frozen=True, slots=True)
class Details:
    """The fields of one thing to place, as they stand in the form.

    kind: one of the offer's. opens: "", iframe or window. height: pixels. available_from and the
    like: local times of the zone that the form names for all.
    """

    kind: str
    title: str
    text: str
    graded: bool = False
    points: str = ""
    opens: str = ""
    height: str = ""
    available_from: str = ""
    available_until: str = ""
    submission_from: str = ""
    submission_until: str = ""

    @property
    def has_times(self) -> bool:
        """Whether any time was set."""
        return any(getattr(self, name) for name in TIMES)


def make_details(offer: Offer, place: Place, *, alone: bool) -> Details:
    """What is proposed: the platform's own words when it asked for one thing, else the offer's.

    A quiz is graded, a conversation with a mentor is not.
    """
    proposed = place.settings
    title = (proposed.title if alone else "") or offer.title
    # Where a teacher has typed no title yet, Moodle proposes this tool's name for whatever comes.
    if title.casefold() == NAME.casefold():
        title = offer.title
    about = "" if offer.document else _shorten(offer.description, TEXT_LENGTH)
    text = (proposed.text if alone else "") or about
    return Details(
        kind=offer.kinds[0],
        title=_shorten(title, TITLE_LENGTH),
        text=text,
        graded=offer.quiz_id is not None,
        points=f"{offer.points or 100:.10g}",
    )


def read_details(form: Mapping[str, str], number: int, proposed: Details) -> Details:
    """The fields of the thing with this number; what is proposed, if the form has none of it."""

    def read(name: str) -> str:
        return form.get(f"{name}-{number}", "").strip()

    if f"title-{number}" not in form:
        return proposed
    return Details(
        kind=read("kind") or proposed.kind,
        title=read("title"),
        text=read("text").replace("\r\n", "\n"),
        graded=bool(read("graded")),
        points=read("points"),
        opens=read("opens"),
        height=read("height"),
        **{name: read(name) for name in TIMES},
    )


def make_items(
    offers: Sequence[Offer], details: Sequence[Details], zone_name: str, place: Place
) -> Sequence[ContentItem]:
    """The content items. Raises InputRejected whose fields are named as in the form, title-0."""
    errors: dict[str, Sequence[str]] = {}
    items: list[ContentItem] = []
    try:
        zone = read_zone(zone_name)
    except InputRejected as error:
        errors, zone = dict(error.errors), UTC
    for number, (offer, one) in enumerate(zip(offers, details, strict=True)):
        try:
            item = _make_item(offer, one, zone, place)
            check_item(item, allow_http=place.allow_http)
            items.append(item)
        except InputRejected as error:
            for name, sentences in error.errors.items():
                errors[f"{FIELDS.get(name, name)}-{number}"] = sentences
    if errors:
        raise InputRejected(errors)
    return items


def list_zones() -> Sequence[str]:
    """The names of the time zones that a form offers; UTC alone where the system knows none."""
    places = ("Africa", "America", "Antarctica", "Asia", "Atlantic", "Australia", "Europe")
    known = (name for name in available_timezones() if name.startswith((*places, "Indian", "Pac")))
    return ["UTC", *sorted(known)]


def read_zone(name: str) -> tzinfo:
    """The time zone with this name; empty: UTC. Raises InputRejected."""
    if name in ("", "UTC"):
        return UTC
    if name not in available_timezones():
        raise InputRejected({"zone": ["Choose one of the time zones, please."]})
    return ZoneInfo(name)


def _make_item(offer: Offer, details: Details, zone: tzinfo, place: Place) -> ContentItem:
    if not details.title:
        raise InputRejected({"title": ["A title, please."]})
    for name, known in (("kind", offer.kinds), ("opens", ("", FRAME, WINDOW))):
        if getattr(details, name) not in known:
            raise InputRejected({name: ["Choose one of those that are offered, please."]})
    if details.kind == HTML:
        return HtmlItem(html=_describe(details), title=details.title, text=details.text)
    if details.kind == IMAGE:
        return ImageItem(
            place.icon_url,
            title=details.title,
            text=details.text,
            width=ICON_PIXELS,
            height=ICON_PIXELS,
        )
    if offer.document:
        return _make_document(offer.document, details, place)
    return _make_link(offer, details, zone, place)


def _make_document(document: Dataset, details: Details, place: Place) -> LinkItem | FileItem:
    if details.kind == LINK:
        # Whoever made that page may not let it be framed; a window always works.
        window = NewWindow() if details.opens == WINDOW else None
        return LinkItem(document.url, title=details.title, text=details.text, window=window)
    return FileItem(
        place.address_file(document),
        title=details.title,
        text=details.text,
        expires_at=ends_at(),
        media_type=document.media_type,
    )


def _make_link(offer: Offer, details: Details, zone: tzinfo, place: Place) -> ResourceLinkItem:
    custom = {"mentor": offer.mentor_id} | ({"quiz": offer.quiz_id} if offer.quiz_id else {})
    # A copy of the course tells by these where it comes from.
    custom |= history.CUSTOM
    opens, picture = details.opens, Picture(place.icon_url, ICON_PIXELS, ICON_PIXELS)
    return ResourceLinkItem(
        url=place.launch_url,
        title=details.title,
        text=details.text,
        # A list shows the one, a page or a tile the other.
        icon=picture,
        thumbnail=picture,
        custom=custom,
        line_item=_make_line_item(offer, details) if details.graded else None,
        available=_make_period(details, "available", zone),
        submission=_make_period(details, "submission", zone),
        iframe=Frame(height=_read_height(details.height)) if opens == FRAME else None,
        window=NewWindow() if opens == WINDOW else None,
    )


def _make_line_item(offer: Offer, details: Details) -> NewLineItem:
    try:
        points = float(details.points.replace(",", "."))
    except ValueError:
        raise InputRejected({"points": ["How many points? A number, please."]}) from None
    # A score finds its column by the quiz's id when the platform does not say which one it is.
    resource_id, tag = offer.quiz_id or offer.mentor_id, QUIZ_TAG if offer.quiz_id else MENTOR_TAG
    return NewLineItem(
        points,
        label=details.title,
        resource_id=resource_id,
        tag=tag,
        review=Review(REVIEWABLE, LABEL, {"quiz": offer.quiz_id} if offer.quiz_id else {}),
    )


def _make_period(details: Details, name: str, zone: tzinfo) -> Period | None:
    ends = [
        _read_time(getattr(details, f"{name}_{end}"), f"{name}_{end}", zone)
        for end in ("from", "until")
    ]
    return Period(*ends) if any(ends) else None


def _read_time(text: str, name: str, zone: tzinfo) -> datetime | None:
    if not text:
        return None
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        sentence = "A day and a time such as 2026-09-01 08:00, please."
        raise InputRejected({name: [sentence]}) from None
    return moment if moment.tzinfo else moment.replace(tzinfo=zone)


def _read_height(text: str) -> int:
    # A frame without any size would say nothing, and so would not be sent.
    if not text:
        return FRAME_PIXELS
    if not text.isascii() or not text.isdigit() or len(text) > 5:
        raise InputRejected({"height": ["A whole number of pixels, please."]})
    return int(text)


def _describe(details: Details) -> str:
    """What a page of the course can show where no link fits: the name and the description."""
    lines = [escape(line) for line in details.text.splitlines() if line.strip()]
    paragraphs = Markup("").join(Markup("<p>{}</p>").format(line) for line in lines)
    return Markup("<h3>{}</h3>{}").format(details.title, paragraphs)


def _shorten(text: str, length: int) -> str:
    return text if len(text) <= length else text[: length - 1].rstrip() + "…"
