"""What a teacher can look for and change before it is placed."""

from collections.abc import Iterator
from pathlib import Path

import lxml.html
import pytest

from tests.fakes.browserless import Browser
from tests.fakes.campus import Campus, running_campus
from tests.fakes.teacher import Teacher, text_of


def test_changed_details_reach_the_course(
    campus: Campus, teacher: Teacher, quiz_choice: str
) -> None:
    fields = {
        "title-0": "Week 3 quiz",
        "text-0": "For <Friday> & later",
        "points-0": "7,5",
        "opens-0": "iframe",
        "height-0": "900",
        "available_from-0": "2026-01-01T08:00",
        "available_until-0": "2026-06-01T08:00",
        "submission_until-0": "2026-05-31T23:59",
        "zone": "Europe/Berlin",
    }
    teacher.place(quiz_choice, **fields)

    (item,) = campus.added()
    assert (item["title"], item["about"]) == ("Week 3 quiz", "For <Friday> & later")
    assert (item["points"], item["label"]) == (7.5, "Week 3 quiz")
    assert item["frame"] == {"height": 900}
    # Winter time, then summer time.
    assert item["available"] == {
        "startDateTime": "2026-01-01T07:00:00+00:00",
        "endDateTime": "2026-06-01T06:00:00+00:00",
    }
    assert item["submission"] == {"endDateTime": "2026-05-31T21:59:00+00:00"}


def test_quiz_without_the_tick_has_no_column(
    campus: Campus, teacher: Teacher, quiz_choice: str
) -> None:
    teacher.place(quiz_choice, **{"graded-0": None})

    assert campus.added()[0]["points"] is None


def test_mentor_is_graded_only_with_the_tick(
    campus: Campus, teacher: Teacher, mentor_choice: str
) -> None:
    teacher.place(mentor_choice)
    teacher.place(mentor_choice, **{"graded-0": "1", "points-0": "5"})

    assert [item["points"] for item in campus.added()] == [None, 5]
    assert campus.added()[1]["resource_id"] == mentor_choice


def test_mentor_can_be_seen_for_a_while(
    campus: Campus, teacher: Teacher, mentor_choice: str
) -> None:
    page = teacher.press(teacher.open(), "details", mentor_choice)
    assert "Handing in" not in text_of(page)

    times = {"available_until-0": "2026-06-01T08:00", "zone": "Europe/Berlin"}
    teacher.deliver(teacher.press(page, "place", mentor_choice, **times))

    (item,) = campus.added()
    assert item["available"] == {"endDateTime": "2026-06-01T06:00:00+00:00"}
    assert item["submission"] == {}


def test_frame_has_a_height_when_none_was_given(
    campus: Campus, teacher: Teacher, mentor_choice: str
) -> None:
    teacher.place(mentor_choice, **{"opens-0": "iframe"})

    assert campus.added()[0]["frame"] == {"height": 700}


def test_window_is_asked_for(campus: Campus, teacher: Teacher, mentor_choice: str) -> None:
    teacher.place(mentor_choice, **{"opens-0": "window"})

    assert campus.added()[0]["window"] == {"targetName": "_blank"}


def test_several_things_are_placed_with_details_of_their_own(
    campus: Campus, teacher: Teacher, mentor_choice: str, quiz_choice: str
) -> None:
    teacher.place(mentor_choice, quiz_choice, **{"title-0": "Talk", "title-1": "Test"})

    assert [item["title"] for item in campus.added()] == ["Talk", "Test"]


@pytest.mark.parametrize(
    ("fields", "sentence"),
    [
        ({"title-0": ""}, "A title, please"),
        ({"title-0": "x" * 256}, "At most 255 characters"),
        ({"text-0": "x" * 2001}, "At most 2000 characters"),
        ({"title-0": "a\x07b"}, "without control characters"),
        ({"points-0": "many"}, "A number, please"),
        ({"points-0": ""}, "A number, please"),
        ({"points-0": "0"}, "More than 0"),
        ({"points-0": "-3"}, "More than 0"),
        ({"points-0": "nan"}, "A number, please"),
        ({"points-0": "1e300"}, "More than 0"),
        ({"height-0": "tall", "opens-0": "iframe"}, "whole number of pixels"),
        ({"height-0": "0", "opens-0": "iframe"}, "More than 0"),
        ({"opens-0": "embed"}, "Choose one of those"),
        ({"kind-0": "file"}, "Choose one of those"),
        ({"available_from-0": "soon"}, "A day and a time"),
        ({"available_from-0": "9999-12-31T23:59"}, "between 1970 and 3000"),
        ({"available_from-0": "2026-02-01T08:00", "available_until-0": "2026-01-01T08:00"},
         "later than the beginning"),
        ({"zone": "../../etc/passwd"}, "one of the time zones"),
        ({"zone": "Mars/Olympus"}, "one of the time zones"),
    ],
    ids=lambda value: str(value)[:40],
)  # fmt: skip
def test_details_that_are_not_right_are_shown_again_and_nothing_is_sent(
    teacher: Teacher, quiz_choice: str, fields: dict[str, str], sentence: str
) -> None:
    page = teacher.press(teacher.open(), "details", quiz_choice)

    shown = teacher.press(page, "place", quiz_choice, **fields)

    assert shown.status_code == 422
    assert sentence in text_of(shown)
    assert 'name="JWT"' not in shown.text
    assert teacher.deliver(teacher.press(teacher.open(), "place", quiz_choice)).status_code == 200


def test_hostile_text_is_shown_as_text(teacher: Teacher, quiz_choice: str) -> None:
    page = teacher.press(teacher.open(), "details", quiz_choice)

    shown = teacher.press(page, "place", quiz_choice, **{"title-0": '"><script>x', "points-0": "?"})

    assert "<script>x" not in shown.text


def test_words_of_the_platform_are_proposed_when_it_asks_for_one_thing(
    campus: Campus, teacher: Teacher, quiz_choice: str
) -> None:
    campus.ask_for(title="Group discussion", text="About the shore")
    teacher.place(quiz_choice)

    (item,) = campus.added()
    assert (item["title"], item["about"]) == ("Group discussion", "About the shore")


def test_name_of_the_tool_is_no_title_for_what_is_placed(
    campus: Campus, teacher: Teacher, quiz_choice: str
) -> None:
    campus.ask_for(title="mentorAI")
    teacher.place(quiz_choice)

    (item,) = campus.added()
    assert item["title"] == "Quiz 1: Tides and zones"


def test_words_of_the_platform_are_not_given_to_each_of_several(
    campus: Campus, teacher: Teacher, mentor_choice: str, quiz_choice: str
) -> None:
    campus.ask_for(title="Group discussion")
    teacher.place(mentor_choice, quiz_choice)

    assert [item["title"] for item in campus.added()] == [
        "Tidal Pools mentor",
        "Quiz 1: Tides and zones",
    ]


@pytest.fixture
def crowded(tmp_path: Path, seeded: Path) -> Iterator[Teacher]:
    """A teacher where there are very many mentors."""
    with running_campus(tmp_path, seeded) as campus, Browser() as browser:
        organization = campus.engine.organizations.get().id
        for number in range(110):
            about = f"About crabs {number:03}"
            campus.engine.mentors.add(organization, f"Crowd {number:03}", description=about)
        yield Teacher(campus, browser)


def test_search_finds_by_name_description_and_mentor(crowded: Teacher) -> None:
    page = crowded.open()
    assert "more are not shown" in text_of(page)

    by_title = crowded.press(page, "find", search="QUIZ tides")
    by_text = crowded.press(page, "find", search="crabs 107")
    nothing = crowded.press(page, "find", search="no such thing")

    assert "Quiz 1" in text_of(by_title)
    assert "Quiz 2" not in text_of(by_title)
    assert "Crowd 107" in text_of(by_text)
    assert "Nothing is called like that" in text_of(nothing)


def test_search_keeps_what_was_ticked(crowded: Teacher) -> None:
    quiz_choice = f"{crowded.campus.mentor.id}/{crowded.campus.quiz_id('Quiz 1')}"

    found = crowded.press(crowded.open(), "find", quiz_choice, search="crabs 003")

    ticked = lxml.html.fromstring(found.content).xpath("//input[@name='choice'][@checked]/@value")
    assert ticked == [quiz_choice]
    assert "Crowd 003" in text_of(found)


def test_too_many_at_once_are_refused(crowded: Teacher) -> None:
    organization = crowded.campus.mentor.organization_id
    every = [mentor.id for mentor in crowded.campus.engine.mentors.list(organization)]

    assert "At most 50" in text_of(crowded.press(crowded.open(), "place", *every[:51]))
    crowded.deliver(crowded.press(crowded.open(), "place", *every[:50]))
    assert len(crowded.campus.added()) == 50


def test_back_keeps_what_was_ticked(teacher: Teacher, quiz_choice: str) -> None:
    details = teacher.press(teacher.open(), "details", quiz_choice)

    back = teacher.press(details, "back", quiz_choice)

    ticked = lxml.html.fromstring(back.content).xpath("//input[@name='choice'][@checked]/@value")
    assert ticked == [quiz_choice]


@pytest.mark.parametrize("choices", [["x"], ["' OR 1=1"], ["\x00"], ["a/b"] * 60])
def test_choice_that_is_not_offered_is_refused(teacher: Teacher, choices: list[str]) -> None:
    shown = teacher.press(teacher.open(), "place", *choices)

    assert shown.status_code == 422
    assert "Choose what to place" in text_of(shown)


def test_nothing_chosen_is_asked_for_again(teacher: Teacher) -> None:
    page = teacher.open()

    for act in ("place", "details", "no-such-button"):
        assert teacher.press(page, act).status_code == 422
