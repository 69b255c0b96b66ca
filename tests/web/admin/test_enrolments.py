"""Enrolments from a CSV file in the admin: nothing is written before somebody has looked."""

import io
import re
from datetime import timedelta

import pytest
import time_machine

from mentorai.core.clock import now

HEAD = "user,mentor,section,role,name\n"
PAGE = "/admin/enrollments"


@pytest.fixture
def look(it_person):
    """Upload a file; the page that says what it would change."""

    def look(text, name="people.csv"):
        it_person.get(PAGE)
        body = text if isinstance(text, bytes) else text.encode()
        return it_person.post(PAGE, {"file": (io.BytesIO(body), name)})

    return look


@pytest.fixture
def apply(it_person):
    """Press the button of a page."""

    def apply(page, **more):
        sheet = re.search(r'name="sheet" value="([^"]+)"', page.text)[1]
        return it_person.post(f"{PAGE}/apply", {"sheet": sheet} | more)

    return apply


@pytest.fixture
def enrolled(engine, mentor):
    def enrolled():
        return sorted(
            (one.user, one.section) for one in engine.enrolments.list(mentor.organization_id, None)
        )

    return enrolled


def test_file_is_foretold_then_applied_and_then_gone(look, apply, enrolled):
    page = look(f"{HEAD}s1,tidal-pools,BIO-1,,<b>Ada</b>\ns2,tidal-pools,BIO-1,assistant,\n")
    before = enrolled()

    done = apply(page)

    assert "2 rows: 2 new" in page.text
    assert "&lt;b&gt;Ada&lt;/b&gt;" in page.text
    assert before == []
    assert "2 rows are new" in done.text
    assert enrolled() == [("s1", "BIO-1"), ("s2", "BIO-1")]
    assert apply(page).status_code == 404


def test_rows_that_are_not_right_are_named_and_the_others_can_be_applied(look, apply, enrolled):
    page = look(f"{HEAD}s1,tidal-pools,,,\ns2,no-such-mentor,,,\n")

    apply(page, partial="yes")

    assert "1 not right" in page.text
    assert "Apply the rows that are right" in page.text
    assert enrolled() == [("s1", "")]


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("", "This is empty"),
        ("person,mentor\nx,y\n", "There is no such column"),
        (b"\xff\xfeu\x00", "not UTF-8"),
    ],
)
def test_file_that_cannot_be_read_is_refused_with_the_reason(look, enrolled, text, told):
    page = look(text)

    assert page.status_code == 422
    assert told in page.text
    assert 'name="sheet"' not in page.text


def test_no_file_is_refused_beside_the_field(it_person):
    it_person.get(PAGE)

    assert 'id="file-wrong-1"' in it_person.post(PAGE).text


def test_file_that_was_looked_at_is_kept_for_an_hour(look, apply, enrolled):
    page = look(f"{HEAD}s1,tidal-pools,,,\n")

    # Everybody has to sign in again after a day, and after an hour to upload again.
    with time_machine.travel(now() + timedelta(minutes=61)):
        assert "upload it again" in apply(page).text

    assert enrolled() == []


def test_file_is_put_away(it_person, look, apply):
    page = look(f"{HEAD}s1,tidal-pools,,,\n")
    sheet = re.search(r'name="sheet" value="([^"]+)"', page.text)[1]

    it_person.follow(it_person.post(f"{PAGE}/discard", {"sheet": sheet}))

    assert apply(page).status_code == 404


def test_page_is_for_campus_it_alone(instructor, session):
    assert instructor.get(PAGE).status_code == 303
    assert instructor.get(f"/s/{session.id}{PAGE}").status_code == 404
