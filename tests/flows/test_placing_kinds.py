"""Places that take pictures, links and files: what a teacher can give them of a mentor."""

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from datetime import timedelta
from io import BytesIO

import pytest
import requests
import time_machine
from sqlalchemy import delete

from mentorai.core.clock import now
from mentorai.core.dataset_rows import dataset_sources
from mentorai.core.datasets import Dataset
from mentorai.core.errors import NotFound
from mentorai.lti.content_items import FILE, HTML
from mentorai.lti.tool import Tool
from mentorai.plugins.lti_launch.picker import SHOWN, Offer, find_offers
from tests.fakes.campus import COURSE, Campus
from tests.fakes.teacher import DL, Teacher, change_settings, text_of

PAGE = "https://reading.example/tides"
NOTES = b"# Tides\n\nThe moon pulls the sea.\n"


@pytest.fixture
def notes(campus: Campus) -> Iterator[Dataset]:
    """A document that was sent to the mentor."""
    with having(campus, "Tide notes (ünïcödé).md", NOTES) as document:
        yield document


@pytest.fixture
def article(campus: Campus) -> Iterator[Dataset]:
    """A document that was fetched from the web."""
    with having(campus, "Article", b"The sea moves.", url=PAGE) as document:
        yield document


@contextmanager
def having(campus: Campus, name: str, data: bytes, url: str = "") -> Iterator[Dataset]:
    where = (campus.mentor.organization_id, campus.mentor.id)
    submit, delete = campus.engine.trainings.submit, campus.engine.datasets.delete
    document = submit(*where, name, "text/markdown", BytesIO(data), url=url)
    yield document
    with suppress(NotFound):
        delete(*where, document.id)


def choice_of(document: Dataset) -> str:
    return f"{document.mentor_id}/document/{document.id}"


def place_file(teacher: Teacher, document: Dataset) -> str:
    """The address that the platform is given to fetch it from."""
    answer = teacher.press(teacher.open(), "place", choice_of(document))
    (item,) = teacher.claims(answer)[f"{DL}content_items"]
    return str(item["url"])


def test_document_is_copied_into_the_course_as_a_file(
    campus: Campus, teacher: Teacher, notes: Dataset
) -> None:
    campus.ask_for(accept_types=["file"])
    page = teacher.open()

    assert "Place a document" in text_of(page)
    assert "Tidal Pools mentor Mentor to talk to" not in text_of(page)
    teacher.deliver(teacher.press(page, "place", choice_of(notes)))
    (item,) = campus.added()
    assert (item["kind"], item["title"]) == ("file", "Tide notes (ünïcödé).md")
    course = f"{campus.sandbox.url}/as/maya/courses/{COURSE}"
    kept = teacher.browser.get(f"{course}/items/{item['id']}/file")
    assert kept.content == NOTES
    assert kept.headers["Content-Type"].startswith("text/markdown")


def test_file_can_be_fetched_for_an_hour_by_its_address_alone(
    campus: Campus, teacher: Teacher, notes: Dataset
) -> None:
    campus.ask_for(accept_types=["file"])
    url = place_file(teacher, notes)

    found = requests.get(url, timeout=10)

    assert found.content == NOTES
    assert found.headers["Content-Disposition"].startswith("attachment")
    assert "sandbox" in found.headers["Content-Security-Policy"]
    assert "no-store" in found.headers["Cache-Control"]
    assert requests.get(url[:-1] + "-", timeout=10).status_code == 404
    assert requests.get(url.partition("?")[0], timeout=10).status_code == 404
    assert requests.get(url.replace("/Tide", "/Other"), timeout=10).status_code == 404
    with time_machine.travel(now() + timedelta(minutes=61)):
        late = requests.get(url, timeout=10)
    assert late.status_code == 404
    assert "for an hour after it was placed" in text_of(late)


def test_file_is_closed_when_its_document_or_its_platform_is_gone(
    campus: Campus, teacher: Teacher, notes: Dataset
) -> None:
    campus.ask_for(accept_types=["file"])
    url, registration = place_file(teacher, notes), campus.registration
    registrations = campus.engine.room(Tool).registrations

    registrations.disable(registration.organization_id, registration.id)
    switched_off = requests.get(url, timeout=10).status_code
    registrations.enable(registration.organization_id, registration.id)
    campus.engine.datasets.delete(registration.organization_id, notes.mentor_id, notes.id)

    assert (switched_off, requests.get(url, timeout=10).status_code) == (404, 404)


def test_document_is_no_file_when_what_was_sent_was_not_kept(
    campus: Campus, teacher: Teacher, notes: Dataset, article: Dataset
) -> None:
    # As of documents that were sent before the tool kept what came.
    with campus.engine.database.write() as connection:
        gone = dataset_sources.c.dataset_id.in_([notes.id, article.id])
        connection.execute(delete(dataset_sources).where(gone))
    campus.ask_for(accept_types=["file", "link"])

    page = teacher.open()

    assert choice_of(notes) not in page.text
    assert choice_of(article) in page.text
    teacher.place(choice_of(article))
    assert campus.added()[0]["kind"] == "link"


def test_document_from_the_web_is_linked_where_it_is(
    campus: Campus, teacher: Teacher, article: Dataset, notes: Dataset
) -> None:
    campus.ask_for(accept_types=["link", "ltiResourceLink"], accept_targets=["iframe", "window"])
    page = teacher.open()

    assert f"Linked where it is on the web: {PAGE}" in text_of(page)
    # What was sent stands nowhere on the web.
    assert notes.name not in text_of(page)
    teacher.place(choice_of(article), **{"opens-0": "window", "text-0": "Read this first"})
    (item,) = campus.added()
    assert (item["kind"], item["url"], item["about"]) == ("link", PAGE, "Read this first")
    assert (item["frame"], item["window"]) == ({}, {"targetName": "_blank"})
    course = teacher.browser.get(f"{campus.sandbox.url}/as/maya/courses/{COURSE}/")
    assert f'href="{PAGE}"' in course.text


def test_document_from_the_web_can_be_copied_too(
    campus: Campus, teacher: Teacher, article: Dataset
) -> None:
    campus.ask_for(accept_types=["link", "file"])

    teacher.place(choice_of(article), **{"kind-0": "file"})

    assert campus.added()[0]["kind"] == "file"


def test_picture_of_a_mentor_stands_in_the_course_with_its_size(
    campus: Campus, teacher: Teacher, mentor_choice: str, quiz_choice: str
) -> None:
    campus.ask_for(accept_types=["image"])
    page = teacher.open()

    assert "shows the mentor's picture, and opens nothing" in text_of(page)
    assert quiz_choice not in page.text
    teacher.deliver(teacher.press(page, "place", mentor_choice))
    (item,) = campus.added()
    assert item["size"] == {"width": 128, "height": 128}
    course = teacher.browser.get(f"{campus.sandbox.url}/as/maya/courses/{COURSE}/")
    assert 'alt="Tidal Pools mentor" width="128" height="128"' in course.text


def test_every_kind_is_offered_where_every_kind_is_taken(
    campus: Campus, teacher: Teacher, article: Dataset, mentor_choice: str, quiz_choice: str
) -> None:
    campus.ask_for(accept_types=["ltiResourceLink", "link", "file", "html", "image"])
    kinds = {"kind-0": "image", "kind-1": "html", "kind-2": "link"}

    teacher.place(mentor_choice, quiz_choice, choice_of(article), **kinds)

    assert [item["kind"] for item in campus.added()] == ["image", "html", "link"]


@pytest.mark.parametrize(
    ("taken", "offered"), [("text/*", True), ("image/*,application/pdf", False)]
)
def test_files_are_of_the_media_types_that_the_platform_takes(
    campus: Campus, teacher: Teacher, notes: Dataset, taken: str, offered: bool
) -> None:
    campus.ask_for(accept_types=["file"], accept_media_types=taken)

    assert (notes.name in text_of(teacher.open())) is offered


def test_place_for_links_alone_is_explained_when_no_document_came_from_the_web(
    campus: Campus, teacher: Teacher, notes: Dataset
) -> None:
    change_settings(campus, accept_types=["link"])

    assert "Nothing to place here" in text_of(teacher.open())
    assert teacher.press(teacher.open(), "place", choice_of(notes)).status_code == 200
    assert campus.added() == []


def test_very_many_documents_of_one_mentor_hide_no_other_mentor(notes: Dataset) -> None:
    many = [
        Offer("1", "First", f"Page {n}", "", (FILE,), document=replace(notes, id=str(n)))
        for n in range(SHOWN)
    ]
    mentors = [Offer(key, name, name, "", (HTML,)) for key, name in (("1", "First"), ("2", "Last"))]

    shelf = find_offers([mentors[0], *many, mentors[1]], "", [])

    assert [group.name for group in shelf.groups] == ["First", "Last"]
    assert shelf.left_out == 2
