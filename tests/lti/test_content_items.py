"""Content items: built as the specification has them, checked before they are sent."""

import json
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mentorai.core.errors import InputRejected
from mentorai.lti.content_items import (
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
    build_item,
    check_item,
)

URL = "https://mentor.example.edu/lti/launch"
NOON = datetime(2026, 9, 1, 12, tzinfo=timezone(timedelta(hours=2)))
FULL = ResourceLinkItem(
    url=URL,
    title="Quiz 1",
    text="About tides",
    icon=Picture(f"{URL}/icon.png", 128, 128),
    thumbnail=Picture(f"{URL}/large.png"),
    custom={"mentor": "m", "quiz": "q"},
    line_item=NewLineItem(
        7.5,
        label="Quiz 1",
        resource_id="q",
        tag="quiz",
        review=Review(("Submitted", "Completed"), "Open the attempt", {"quiz": "q"}),
    ),
    available=Period(NOON, NOON + timedelta(days=1)),
    submission=Period(ends_at=NOON),
    iframe=Frame(width=800, height=600),
    window=NewWindow("mentor", 800, 600, "menubar=no"),
)


def faults_of(item: Any, *, allow_http: bool = False) -> list[str]:
    try:
        check_item(item, allow_http=allow_http)
    except InputRejected as error:
        return list(error.errors)
    return []


def test_resource_link_is_built_with_every_part() -> None:
    assert faults_of(FULL) == []
    assert build_item(FULL) == {
        "type": "ltiResourceLink",
        "url": URL,
        "title": "Quiz 1",
        "text": "About tides",
        "icon": {"url": f"{URL}/icon.png", "width": 128, "height": 128},
        "thumbnail": {"url": f"{URL}/large.png"},
        "custom": {"mentor": "m", "quiz": "q"},
        "lineItem": {
            "scoreMaximum": 7.5,
            "label": "Quiz 1",
            "resourceId": "q",
            "tag": "quiz",
            "submissionReview": {
                "reviewableStatus": ["Submitted", "Completed"],
                "label": "Open the attempt",
                "custom": {"quiz": "q"},
            },
        },
        "available": {
            "startDateTime": "2026-09-01T10:00:00Z",
            "endDateTime": "2026-09-02T10:00:00Z",
        },
        "submission": {"endDateTime": "2026-09-01T10:00:00Z"},
        "iframe": {"width": 800, "height": 600},
        "window": {
            "targetName": "mentor",
            "width": 800,
            "height": 600,
            "windowFeatures": "menubar=no",
        },
    }


@pytest.mark.parametrize(
    ("item", "built"),
    [
        (
            LinkItem(URL, title="Reading", iframe=Frame(src=URL, height=300)),
            {
                "type": "link",
                "url": URL,
                "title": "Reading",
                "iframe": {"src": URL, "height": 300},
            },
        ),
        (
            FileItem(URL, title="Tides", expires_at=NOON, media_type="application/pdf"),
            {"type": "file", "url": URL, "title": "Tides", "expiresAt": "2026-09-01T10:00:00Z"},
        ),
        (
            ImageItem(URL, width=20, height=10),
            {"type": "image", "url": URL, "width": 20, "height": 10},
        ),
        (
            HtmlItem("<h3>Tides</h3><script>x</script><p onclick=x>Two</p>", title="Tides"),
            {"type": "html", "html": "<h3>Tides</h3><p>Two</p>", "title": "Tides"},
        ),
        (ResourceLinkItem(URL), {"type": "ltiResourceLink", "url": URL}),
    ],
    ids=lambda value: type(value).__name__,
)
def test_each_kind_is_built_as_the_specification_has_it(
    item: ContentItem, built: dict[str, Any]
) -> None:
    assert faults_of(item) == []
    assert build_item(item) == built


@pytest.mark.parametrize(
    ("item", "faults"),
    [
        (ResourceLinkItem(""), ["url"]),
        (ResourceLinkItem("http://mentor.example.edu/"), ["url"]),
        (ResourceLinkItem("https://a:b@mentor.example.edu/"), ["url"]),
        (ResourceLinkItem("javascript:alert(1)"), ["url"]),
        (ResourceLinkItem(f"{URL}?{'x' * 2000}"), ["url"]),
        (ResourceLinkItem(URL, title="x" * 256), ["title"]),
        (ResourceLinkItem(URL, title="two\nlines"), ["title"]),
        (ResourceLinkItem(URL, text="x" * 2001), ["text"]),
        (ResourceLinkItem(URL, text="half \ud800"), ["text"]),
        (ResourceLinkItem(URL, custom={"a": ""}), ["custom"]),
        (ResourceLinkItem(URL, custom={"": "a"}), ["custom"]),
        (ResourceLinkItem(URL, custom={"a": 1}), ["custom"]),  # type: ignore[dict-item]
        (ResourceLinkItem(URL, custom={"a": "\0"}), ["custom"]),
        (ResourceLinkItem(URL, custom={"a": "x" * 4001}), ["custom"]),
        (ResourceLinkItem(URL, custom={str(n): "x" for n in range(51)}), ["custom"]),
        (ResourceLinkItem(URL, icon=Picture("//x")), ["icon.url"]),
        (ResourceLinkItem(URL, icon=Picture(URL, 0, -1)), ["icon.width", "icon.height"]),
        (ResourceLinkItem(URL, iframe=Frame(height=True)), ["iframe.height"]),
        (ResourceLinkItem(URL, iframe=Frame(height=10_001)), ["iframe.height"]),
        (ResourceLinkItem(URL, iframe=Frame(src="x")), ["iframe.src"]),
        (ResourceLinkItem(URL, window=NewWindow(width=1.5)), ["window.width"]),  # type: ignore[arg-type]
        (ResourceLinkItem(URL, line_item=NewLineItem(0)), ["line_item.score_maximum"]),
        (ResourceLinkItem(URL, line_item=NewLineItem(-1)), ["line_item.score_maximum"]),
        (ResourceLinkItem(URL, line_item=NewLineItem(float("inf"))), ["line_item.score_maximum"]),
        (ResourceLinkItem(URL, line_item=NewLineItem(True)), ["line_item.score_maximum"]),
        (ResourceLinkItem(URL, line_item=NewLineItem(5, review=Review(()))),
         ["line_item.review.statuses"]),
        (ResourceLinkItem(URL, line_item=NewLineItem(5, review=Review(("Done",)))),
         ["line_item.review.statuses"]),
        (ResourceLinkItem(URL, available=Period(datetime(2026, 1, 1))), ["available.starts_at"]),  # noqa: DTZ001
        (ResourceLinkItem(URL, available=Period(NOON, NOON)), ["available.ends_at"]),
        (ResourceLinkItem(URL, available=Period(datetime.max.replace(tzinfo=UTC))),
         ["available.starts_at"]),
        (HtmlItem("<script>x</script>"), ["html"]),
        (HtmlItem(""), ["html"]),
        (HtmlItem("x" * 20_001), ["html"]),
        (FileItem(URL, media_type="x" * 256), ["media_type"]),
        (ImageItem(URL, width=0), ["width"]),
    ],
    ids=lambda value: str(value)[:60],
)  # fmt: skip
def test_item_is_refused_and_the_part_named_when_it_is_not_right(
    item: ContentItem, faults: list[str]
) -> None:
    assert faults_of(item) == faults


@pytest.mark.parametrize(
    "url", ["http://localhost:8000/x", "http://127.0.0.1/x", "http://[::1]:8000/x"]
)
def test_http_is_taken_on_this_machine(url: str) -> None:
    assert faults_of(ResourceLinkItem(url)) == []


def test_http_is_taken_elsewhere_in_development_only() -> None:
    item = ResourceLinkItem("http://192.168.1.5:8000/")

    assert faults_of(item) == ["url"]
    assert faults_of(item, allow_http=True) == []


# --- whatever the parts are -----------------------------------------------------------------

texts = st.text(max_size=300)
sizes = st.none() | st.integers(-5, 20_000)
urls = st.sampled_from(["", URL, "http://localhost/", "nothing", "https://x.example/\x00"])
times = st.none() | st.datetimes() | st.datetimes(timezones=st.just(UTC))
pictures = st.none() | st.builds(Picture, urls, sizes, sizes)
frames = st.none() | st.builds(Frame, sizes, sizes, urls)
windows = st.none() | st.builds(NewWindow, texts, sizes, sizes, texts)
periods = st.none() | st.builds(Period, times, times)
line_items = st.none() | st.builds(NewLineItem, st.floats() | st.integers(), texts, texts, texts)
shared = {"title": texts, "text": texts}
shown = shared | {"icon": pictures, "thumbnail": pictures}
customs = st.dictionaries(st.text(max_size=5), st.text(max_size=5), max_size=3)
items = st.one_of(
    st.builds(
        ResourceLinkItem,
        url=urls,
        custom=customs,
        line_item=line_items,
        available=periods,
        submission=periods,
        iframe=frames,
        window=windows,
        **shown,
    ),
    st.builds(LinkItem, url=urls, iframe=frames, window=windows, **shown),
    st.builds(FileItem, url=urls, expires_at=times, media_type=texts, **shown),
    st.builds(HtmlItem, html=texts, **shared),
    st.builds(ImageItem, url=urls, width=sizes, height=sizes, **shown),
)


def find_empty(value: Any) -> bool:
    """Whether something in a built item says nothing."""
    if isinstance(value, dict):
        return not value or any(find_empty(part) for part in value.values())
    return value is None or value == ""


@given(items)
def test_item_that_passes_is_sent_whole_and_nothing_in_it_is_null_or_empty(
    item: ContentItem,
) -> None:
    if faults_of(item):
        return
    built = build_item(item)

    assert not find_empty(built)
    assert json.loads(json.dumps(built, allow_nan=False, ensure_ascii=False).encode()) == built
    assert built["type"] == item.kind


@given(items)
def test_fault_names_a_part_and_never_repeats_what_was_sent(item: ContentItem) -> None:
    try:
        check_item(item, allow_http=False)
    except InputRejected as error:
        for name, sentences in error.errors.items():
            assert name.replace("_", "").replace(".", "").isalpha()
            assert all(
                sentence.endswith(("please.", "beginning.", "show.")) for sentence in sentences
            )
