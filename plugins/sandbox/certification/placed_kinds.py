"""D7 for the other kinds of content items: what was picked stands in the course, as it was."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from io import BytesIO
from typing import Any

from mentorai.core.datasets import Dataset
from mentorai.plugins.sandbox.certification.browser import read_form, read_text
from mentorai.plugins.sandbox.certification.case import DEEP_LINKING, Case, Failed, Run, expect
from mentorai.plugins.sandbox.certification.deep_links import COURSE, begin, choose
from mentorai.plugins.sandbox.certification.stage import Stage
from mentorai.plugins.sandbox.fetched_files import find_file
from mentorai.plugins.sandbox.school import Item, find_course
from mentorai.plugins.sandbox.wants import Wants

PAGE = "https://reading.example/tides"
# Of no pages, so that no index gets to see it: nothing of a case may stay in an installation.
DATA = b"%PDF-1.4\n% Nothing to read here.\n"


@contextmanager
def _document(stage: Stage, url: str = "") -> Iterator[Dataset]:
    """A document of the mentor, for the while. url: where it came from, if from the web."""
    where = (stage.mentor.organization_id, stage.mentor.id)
    facts: dict[str, Any] = {"author": "mentorai certify", "url": url}
    submit, stream = stage.engine.trainings.submit, BytesIO(DATA)
    document = submit(*where, "Certification.pdf", "application/pdf", stream, **facts)
    try:
        yield document
    finally:
        stage.engine.datasets.delete(*where, document.id)


def _place(stage: Stage, kind: str, ending: str) -> Item:
    """Pick in a place that takes this kind alone; the item that comes of it."""
    platform, course = stage.platform.house.platform, find_course(COURSE)
    if course is None:
        raise Failed("The sandbox LMS has no course.")
    before = {item.id for item in platform.items(course)}
    platform.wants = replace(Wants(), accept_types=(kind,))
    try:
        attempt, page = begin(stage)
    finally:
        platform.wants = Wants()
    answer = attempt.browser.submit(choose(page, ending))
    expect(answer.status_code == 200, f"the picker's form answered {answer.status_code}")
    returned = attempt.browser.submit(read_form(answer))
    expect(returned.status_code == 200, f"the platform answered: {read_text(returned)}")
    (item, *more) = [item for item in platform.items(course) if item.id not in before]
    expect(not more and item.kind == kind, f"placed were {[item.kind, *(i.kind for i in more)]}")
    return item


def _link(stage: Stage) -> str:
    with _document(stage, PAGE) as document:
        item = _place(stage, "link", document.id)
    expect(item.url == PAGE, f"the link leads to {item.url}")
    return "one link, to where the document is on the web"


def _file(stage: Stage) -> str:
    with _document(stage) as document:
        item = _place(stage, "file", document.id)
    found = find_file(stage.platform.house.platform, item)
    expect(item.expires_at, "the file says not until when it can be fetched")
    expect(found and found.data == DATA, "what was fetched is not the document")
    return "one file, fetched by the platform, with an end to its address"


def _html(stage: Stage) -> str:
    item = _place(stage, "html", stage.mentor.id)
    expect(stage.mentor.display_name in item.html, f"the html is {item.html}")
    return "one piece of html that names the mentor"


def _image(stage: Stage) -> str:
    item = _place(stage, "image", stage.mentor.id)
    picture = stage.browser().get(item.url)
    kind = picture.headers.get("Content-Type", "")
    expect(picture.status_code == 200 and kind.startswith("image/"), f"{item.url}: {kind}")
    expect(item.size.get("width") and item.size.get("height"), f"its size is {dict(item.size)}")
    return f"one image, {kind}, with its size"


def _case(kind: str, section: str, expected: str, run: Run) -> Case:
    name = f"values of the response: {kind}"
    sent = f"a content selection that takes {kind} alone"
    return Case(f"D7.{kind}", name, f"{DEEP_LINKING}{section}", sent, expected, run)


CASES: Sequence[Case] = (
    _case("link", "3.1", "where a document is on the web", _link),
    _case("file", "3.3", "a document, fetched and kept", _file),
    _case("html", "3.4", "a description of the mentor", _html),
    _case("image", "3.5", "a picture, with its size", _image),
)
