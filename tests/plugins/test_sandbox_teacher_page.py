"""The sandbox's page of what a teacher changes: forms by which a tester sees it respected."""

import re
from typing import Any

import pytest

PAGE = "/control/courses/tidal-pools/"
QUIZ = "shore-quiz"


def press(lms: Any, action: str, **form: Any) -> Any:
    """Press a button of the page; the page that follows, as text."""
    answer = lms.client.post(PAGE, data={"action": action} | form)
    assert answer.status_code == 303
    return lms.client.get(answer.headers["Location"]).text


def test_grade_that_a_teacher_changed_stays_until_it_is_taken_back(be: Any) -> None:
    lms = be("blackboard")
    lms.push()

    page = press(lms, "override", column=lms.column, person="maya", given="3")
    lms.push(timestamp="2036-11-23T12:00:00Z")
    kept = lms.grade()
    gradebook = lms.client.get("/as/ruth/courses/tidal-pools/grades/").text
    after = press(lms, "take_back", column=lms.column, person="maya")
    lms.push(timestamp="2036-11-24T12:00:00Z")

    assert "<strong>3</strong> / 10" in page
    assert 'role="status"' in page
    assert (kept, "changed by a teacher" in gradebook) == (3, True)
    assert "Changed by hand" not in after
    assert lms.grade() == 8


def test_column_is_locked_and_unlocked(be: Any) -> None:
    lms = be("moodle")

    press(lms, "lock", column=lms.column)
    locked = lms.push()[0]
    press(lms, "unlock", column=lms.column)

    assert (locked, lms.push()[0]) == (500, 200)


def test_canvas_has_no_lock_to_press(be: Any) -> None:
    lms = be("canvas")

    assert 'value="lock"' not in lms.client.get(PAGE).text
    answer = lms.client.post(PAGE, data={"action": "lock", "column": lms.column})
    assert answer.status_code == 422


def test_item_is_hidden_and_shown(be: Any) -> None:
    lms = be("plain")
    path = f"/as/maya/courses/tidal-pools/items/{QUIZ}/"

    page = press(lms, "hide", item=QUIZ)
    hidden = lms.client.get(path).status_code
    press(lms, "show", item=QUIZ)

    assert "Hidden" in page
    assert (hidden, lms.client.get(path).status_code) == (403, 200)


def test_course_ends_and_begins_again(be: Any) -> None:
    lms = be("canvas")

    page = press(lms, "conclude")
    ended = lms.push()[0]
    press(lms, "reopen")

    assert "Has ended" in page
    assert (ended, lms.push()[0]) == (404, 200)


def test_person_is_taken_out_and_let_in(be: Any) -> None:
    lms = be("plain")

    page = press(lms, "enrol", person="maya", status="Deleted")
    out = lms.push()[0]
    press(lms, "enrol", person="maya", status="Active")

    assert (out, lms.push()[0]) == (422, 200)
    assert re.search(r"Maya [^<]*\(not in it\)", page)


def test_column_is_deleted(be: Any) -> None:
    lms = be("plain")
    made = lms.client.add_column(lms.bearer, label="A spare one").json["id"].rpartition("/")[2]
    before = lms.client.get(PAGE).text

    page = press(lms, "remove", column=made)

    assert (made in before, made in page) == (True, False)


@pytest.mark.parametrize(
    ("form", "status"),
    [
        ({"action": "hack"}, 400),
        ({"action": "override", "person": "maya", "given": "many"}, 422),
        ({"action": "override", "person": "maya", "given": "nan"}, 422),
        ({"action": "take_back", "person": "maya"}, 422),
        ({"action": "take_back", "person": "nobody"}, 422),
        ({"action": "remove", "column": "nothing"}, 422),
        ({"action": "hide", "item": "nothing"}, 422),
        ({"action": "enrol", "person": "maya", "status": "Elsewhere"}, 422),
    ],
)
def test_what_cannot_be_done_is_refused(be: Any, form: dict[str, str], status: int) -> None:
    lms = be("plain")

    answer = lms.client.post(PAGE, data={"column": lms.column} | form)

    assert answer.status_code == status
    assert lms.client.get("/control/courses/nowhere/").status_code == 404


def test_page_of_another_site_presses_nothing(be: Any) -> None:
    lms = be("plain")
    foreign = {"Sec-Fetch-Site": "cross-site"}

    answer = lms.client.post(PAGE, data={"action": "conclude"}, headers=foreign)

    assert answer.status_code == 403
    assert lms.push()[0] == 200
