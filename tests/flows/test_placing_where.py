"""Places that take one thing, no columns, other targets or other kinds; data that comes back."""

import lxml.html
import pytest

from tests.fakes.campus import COURSE, Campus
from tests.fakes.teacher import DL, Teacher, change_settings, text_of


def test_one_thing_is_offered_when_the_platform_takes_one(
    campus: Campus, teacher: Teacher, mentor_choice: str, quiz_choice: str
) -> None:
    campus.ask_for(accept_multiple=False)
    page = teacher.open()

    assert 'type="radio"' in page.text
    assert 'type="checkbox"' not in page.text
    assert teacher.press(page, "place", mentor_choice, quiz_choice).status_code == 422
    teacher.deliver(teacher.press(page, "place", quiz_choice))
    assert len(campus.added()) == 1


def test_column_is_not_offered_when_the_platform_makes_none(
    campus: Campus, teacher: Teacher, quiz_choice: str
) -> None:
    campus.ask_for(accept_lineitem=False)
    page = teacher.press(teacher.open(), "details", quiz_choice)

    assert "gradebook" not in text_of(page)
    assert "Handing in" not in text_of(page)
    assert "Students see it from" in text_of(page)
    teacher.deliver(teacher.press(page, "place", quiz_choice, **{"graded-0": "1", "points-0": "3"}))
    assert campus.added()[0]["points"] is None


def test_column_is_sent_when_the_platform_does_not_say_whether_it_makes_one(
    campus: Campus, teacher: Teacher, quiz_choice: str
) -> None:
    campus.ask_for(accept_lineitem=None)
    page = teacher.press(teacher.open(), "details", quiz_choice)

    assert "did not say" in text_of(page)
    teacher.deliver(teacher.press(page, "place", quiz_choice))
    assert campus.added()[0]["points"] == 10


@pytest.mark.parametrize(
    ("targets", "offered"),
    [
        ([], []),
        (["embed"], []),
        (["iframe"], ["", "iframe"]),
        (["window"], ["", "window"]),
        (["frame", "window"], ["", "iframe", "window"]),
    ],
)
def test_targets_are_those_that_the_platform_takes(
    campus: Campus, teacher: Teacher, mentor_choice: str, targets: list[str], offered: list[str]
) -> None:
    campus.ask_for(accept_targets=targets)
    page = teacher.press(teacher.open(), "details", mentor_choice)

    options = lxml.html.fromstring(page.content).xpath("//select[@name='opens-0']/option/@value")
    assert options == offered


def test_data_that_did_not_come_does_not_go_back(
    campus: Campus, teacher: Teacher, mentor_choice: str
) -> None:
    campus.ask_for(sends_data=False)

    assert f"{DL}data" not in teacher.claims(teacher.press(teacher.open(), "place", mentor_choice))


@pytest.mark.parametrize("data", ["", "a\nb\t\\\"'", "🦀" * 500, '{"csrf":"<&>"}', " "])
def test_data_goes_back_as_it_came(
    campus: Campus, teacher: Teacher, mentor_choice: str, data: str
) -> None:
    change_settings(campus, data=data)

    claims = teacher.claims(teacher.press(teacher.open(), "place", mentor_choice))

    assert claims[f"{DL}data"] == data


def test_page_that_takes_text_gets_a_description_with_safe_markup(
    campus: Campus, teacher: Teacher, mentor_choice: str
) -> None:
    campus.ask_for(accept_types=["html"])
    page = teacher.open()

    assert "describes the mentor or the quiz, and opens nothing" in text_of(page)
    details = teacher.press(page, "details", mentor_choice)
    teacher.deliver(
        teacher.press(
            details, "place", mentor_choice, **{"text-0": "<script>x</script>\nTwo & three"}
        )
    )
    (item,) = campus.added()
    assert item["html"] == (
        "<h3>Tidal Pools mentor</h3><p>&lt;script&gt;x&lt;/script&gt;</p><p>Two &amp; three</p>"
    )
    course = teacher.browser.get(f"{campus.sandbox.url}/as/maya/courses/{COURSE}/")
    assert "Two &amp; three" in course.text


def test_description_can_be_placed_where_links_are_taken_too(
    campus: Campus, teacher: Teacher, mentor_choice: str
) -> None:
    campus.ask_for(accept_types=["html", "ltiResourceLink", "link"])
    teacher.place(mentor_choice)
    teacher.place(mentor_choice, **{"kind-0": "html"})

    assert [item["kind"] for item in campus.added()] == ["ltiResourceLink", "html"]


@pytest.mark.parametrize("kinds", [["link"], []])
def test_place_that_takes_nothing_of_ours_is_explained_and_told(
    campus: Campus, teacher: Teacher, kinds: list[str]
) -> None:
    campus.ask_for(accept_types=kinds)
    page = teacher.open()

    assert page.status_code == 200
    assert "Nothing to place here" in text_of(page)
    told = teacher.deliver(teacher.press(page, "cancel"))
    assert "needs a place for LTI links" in text_of(told)
    (came,) = campus.sandbox.platform.shelf.list("selection")[-1:]
    assert came["items"] == []
    assert "this tool offers ltiResourceLink" in came["said"]["errorlog"]


def test_kinds_that_nobody_knows_are_passed_over(
    campus: Campus, teacher: Teacher, mentor_choice: str
) -> None:
    change_settings(campus, accept_types=["ltiResourceLink", "https://x.example/kind"])

    assert teacher.press(teacher.open(), "place", mentor_choice).status_code == 200
