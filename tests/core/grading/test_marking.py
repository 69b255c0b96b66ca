"""What answers are worth."""

import string

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mentorai.core.errors import InputRejected
from mentorai.core.marking import (
    ANSWER_LENGTH,
    add_up,
    mark,
    normalise,
    read_answer,
    read_answers,
    read_number,
)
from mentorai.core.questions import Question, thaw


def question(**facts: object) -> Question:
    (made,) = thaw([{"id": "q1", "prompt": "Why?", "points": 2} | facts])
    return made


CHOICE = question(kind="choice", options=["a", "b", "c"], answer=1)
CHOICES = question(kind="choices", options=["a", "b", "c", "d", "e"], answer=[0, 1])
EXACT = question(kind="choices", options=["a", "b", "c"], answer=[0, 1], scoring="exact")
STATEMENT = question(kind="true_false", answer=False)
EVERY = (CHOICE, CHOICES, EXACT, STATEMENT)


def number(value: float, tolerance: float = 0, relative: bool = False) -> Question:
    answer = {"value": value, "tolerance": tolerance, "relative": relative}
    return question(kind="number", answer=answer)


def text(*accepted: str) -> Question:
    return question(kind="text", answer=list(accepted))


def share(one: Question, raw: object) -> float:
    return mark(one, read_answer(one, raw)).given / one.points


@pytest.mark.parametrize(("raw", "points"), [(1, 2), ("1", 2), (0, 0), ("2", 0), (None, 0)])
def test_choice_gives_all_or_nothing(raw, points):
    assert mark(CHOICE, read_answer(CHOICE, raw)).given == points


@pytest.mark.parametrize(
    ("raw", "expected"),
    [
        ([0, 1], 1),
        ([1, 0, 0], 1),
        (["0", "1"], 1),
        ([0], 0.5),
        ([0, 1, 2], 2 / 3),
        ([0, 2], 0.5 - 1 / 3),
        ([2, 3], 0),
        ([0, 1, 2, 3, 4], 0),
        ([], 0),
    ],
)
def test_choices_give_right_share_less_wrong_share(raw, expected):
    assert share(CHOICES, raw) == pytest.approx(expected, abs=1e-5)


@pytest.mark.parametrize(("raw", "expected"), [([0, 1], 1), ([0], 0), ([0, 1, 2], 0)])
def test_exact_choices_give_all_or_nothing(raw, expected):
    assert share(EXACT, raw) == expected


def test_all_options_may_be_right():
    every = question(kind="choices", options=["a", "b"], answer=[0, 1])

    assert share(every, [0]) == 0.5


@pytest.mark.parametrize(("raw", "expected"), [(False, 1), ("false", 1), (True, 0), ("true", 0)])
def test_statement_is_true_or_false(raw, expected):
    assert share(STATEMENT, raw) == expected


@pytest.mark.parametrize(
    "raw",
    ["3.14", "3,14", " 3,14 ", "+3.14", "314e-2", "0.314x10^1", "0,314 × 10^1", "３．１４", 3.14],
)
def test_number_is_read_as_people_type_it(raw):
    assert share(number(3.14), raw) == 1


@pytest.mark.parametrize(
    "raw", ["1234.5", "1,234.5", "1.234,5", "1 234,5", "1'234.5", "1\u202f234,5"]
)
def test_grouped_digits_are_read(raw):
    assert share(number(1234.5), raw) == 1


@pytest.mark.parametrize("value", [1.234, 1234])
def test_comma_before_three_digits_keeps_both_readings(value):
    assert share(number(value), "1,234") == 1


@pytest.mark.parametrize("raw", ["-5", "\u22125", "- 5", -5, -5.0])
def test_minus_has_many_forms(raw):
    assert share(number(-5), raw) == 1


NOT_NUMBERS = """
nan inf -inf Infinity 1e999 1e-999 five 1.2.3 1,2,3 --5 0x10 1_000 . , - e5 \u0665
"""
NOT_ANSWERS = [float("nan"), float("inf"), True, [5], {"value": 5}, 10**400]


@pytest.mark.parametrize(
    "raw", [*NOT_NUMBERS.split(), "5 m", "1" * 61, "5\x00", "\ud800", *NOT_ANSWERS]
)
def test_what_is_no_number_is_refused(raw):
    with pytest.raises(ValueError, match="please"):
        read_answer(number(5), raw)


@pytest.mark.parametrize(("raw", "expected"), [("0.4", 1), ("0.2", 1), ("0.401", 0), ("0.199", 0)])
def test_tolerance_is_absolute(raw, expected):
    assert share(number(0.3, 0.1), raw) == expected


@pytest.mark.parametrize(
    ("raw", "expected"), [("-105", 1), ("-95", 1), ("-105.1", 0), ("-94.9", 0), ("100", 0)]
)
def test_tolerance_may_be_a_share_of_the_value(raw, expected):
    assert share(number(-100, 0.05, relative=True), raw) == expected


@pytest.mark.parametrize(
    "raw",
    [
        "Léo's café",
        "leos cafe",
        "LEO’S CAFÉ!",
        " leo s  cafe ",
        "ＬＥＯＳ ＣＡＦＥ",
        "le\u0301os-café",
    ],
)
def test_text_ignores_what_does_not_matter(raw):
    assert share(text("Léo’s Café"), raw) == 1


@pytest.mark.parametrize(
    ("accepted", "raw"),
    [("か", "が"), ("कि", "कु"), ("C++", "C"), ("ten", "1o"), ("straße", "strase")],
)
def test_text_keeps_what_makes_another_word(accepted, raw):
    assert share(text(accepted), raw) == 0


@pytest.mark.parametrize(
    ("accepted", "raw", "expected"),
    [
        ("photosynth*", "Photosynthesis", 1),
        ("photosynth*", "photosynth", 1),
        ("*synthesis", "photo-synthesis", 1),
        ("a*b*c", "a x b y c", 1),
        ("a*b*c", "acb", 0),
        ("ab*ba", "aba", 0),
        ("*ab*ab*", "xabyab", 1),
        ("*ab*ab*", "xaby", 0),
        ("col*r", "colour.", 1),
        ("a.c", "abc", 0),
        ("[ab]", "a", 0),
    ],
)
def test_star_stands_for_anything(accepted, raw, expected):
    assert share(text(accepted), raw) == expected


def test_one_of_several_accepted_texts_is_enough():
    assert share(text("mitochondrion", "mitochondria"), "Mitochondria") == 1


@pytest.mark.parametrize(
    ("one", "raw"),
    [
        *((CHOICE, raw) for raw in (3, -1, True, 1.0, "x", [1])),
        *((CHOICES, raw) for raw in (1, [5], ["x"], [0] * 6, "01")),
        *((STATEMENT, raw) for raw in (1, "yes")),
        *((text("a"), raw) for raw in (5, ["a"], "a" * (ANSWER_LENGTH + 1))),
    ],
)
def test_answer_of_a_wrong_form_is_refused(one, raw):
    with pytest.raises(ValueError, match=r"."):
        read_answer(one, raw)


def test_all_wrong_answers_are_named_and_none_is_repeated():
    with pytest.raises(InputRejected) as caught:
        read_answers([CHOICE], {"q1": 77, "q9-secret": 1})

    assert set(caught.value.errors) == {"answers", "answers.q1"}
    assert "secret" not in str(caught.value.errors)
    assert "77" not in str(caught.value.errors)


def test_unanswered_questions_are_left_out():
    assert read_answers([CHOICE], {"q1": ""}) == {}
    assert mark(CHOICE, None).status == "unanswered"


def test_thirds_add_up_to_the_whole():
    three = question(kind="choices", options=["a", "b", "c", "d"], answer=[0, 1, 2], points=1)

    marks = [mark(three, [n]) for n in range(3)]

    assert add_up(marks) == (1.0, 3.0)


@given(st.sampled_from(EVERY), st.lists(st.integers(0, 4), max_size=5))
def test_marks_stay_between_nothing_and_all(one, raw):
    try:
        answer = read_answer(one, raw[0] if one is CHOICE and raw else raw)
    except ValueError:
        return

    assert 0 <= mark(one, answer).given <= one.points


@given(st.decimals(-(10**9), 10**9, allow_nan=False, places=4))
def test_number_is_right_with_point_and_with_comma(value):
    typed = f"{value:f}"
    one = number(float(value), 1e-6)

    assert share(one, typed) == 1
    assert share(one, typed.replace(".", ",")) == 1


@given(st.text(max_size=80))
def test_any_text_is_a_finite_number_or_none(typed):
    assert all(reading.is_finite() for reading in read_number(typed))


@given(st.text(st.characters(blacklist_categories=("Cc", "Cs")), max_size=60))
def test_normalising_twice_changes_nothing(typed):
    assert normalise(normalise(typed)) == normalise(typed)


@given(st.text(string.ascii_letters + " .,-", min_size=1, max_size=40), st.data())
def test_accepted_text_is_accepted_in_any_dress(typed, data):
    if not normalise(typed):
        return
    dressed = data.draw(
        st.sampled_from([typed.upper(), f" {typed}!", typed.replace(" ", "\u00a0")])
    )

    assert share(text(f"{typed}x"), f"{dressed}X") == 1


@given(
    st.one_of(
        st.none(),
        st.booleans(),
        st.integers(),
        st.floats(),
        st.text(),
        st.lists(st.integers()),
        st.dictionaries(st.text(), st.integers()),
    )
)
def test_anything_sent_is_an_answer_or_refused(raw):
    for one in (*EVERY, number(1), text("a")):
        try:
            answer = read_answer(one, raw)
        except ValueError:
            continue
        assert 0 <= mark(one, answer).given <= one.points
