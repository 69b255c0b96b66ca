import html
import re

import pytest

CHOICE = {
    "kind": "choice",
    "prompt": "Who eats mussels?",
    "points": "2",
    "feedback": "See chapter 2.",
    "options": ["", "Barnacles", "", "Sea stars"],
    "right": "3",
}


@pytest.fixture
def quiz(engine, mentor):
    return engine.quizzes.put(mentor.organization_id, mentor.id, {"title": "Zonation"})


@pytest.fixture
def place(pages, quiz):
    """The address of the quiz."""
    return f"{pages}/quizzes/{quiz.id}"


def add(instructor, place, question):
    instructor.get(place)
    return instructor.post(f"{place}/questions/new", question)


def read(engine, mentor, quiz):
    return engine.quizzes.get(mentor.organization_id, mentor.id, quiz.id)


def test_list_of_questions_has_their_words_without_marks(instructor, place):
    add(instructor, place, CHOICE | {"prompt": "Who **eats** `<b>`\n\n> mussels?"})

    page = instructor.get(place).text

    assert ">Who eats &lt;b&gt; mussels?</a>" in page


def read_seen(page):
    return re.search(r'name="seen" value="(\w+)"', page.text)[1]


def test_settings_that_another_tab_changed_are_not_overwritten_unseen(
    engine, mentor, instructor, place, quiz
):
    seen = read_seen(instructor.get(place))
    settings = {"description": "", "attempts_allowed": "2", "keep": "best", "seen": seen}
    instructor.follow(instructor.post(place, settings | {"title": "Theirs"}))

    refused = instructor.post(place, settings | {"title": "Mine"})
    kept = read(engine, mentor, quiz).title
    again = settings | {"title": "Mine", "seen": read_seen(refused)}
    instructor.follow(instructor.post(place, again))

    assert refused.status_code == 409
    assert "changed this while you were writing" in refused.text
    assert 'value="Mine"' in refused.text
    assert kept == "Theirs"
    assert read(engine, mentor, quiz).title == "Mine"


def test_question_that_another_tab_changed_is_not_overwritten_unseen(
    engine, mentor, instructor, place, quiz
):
    add(instructor, place, CHOICE)
    [question] = read(engine, mentor, quiz).questions
    path = f"{place}/questions/{question['id']}"
    form = CHOICE | {"seen": read_seen(instructor.get(path))}
    instructor.follow(instructor.post(path, form | {"prompt": "Theirs?"}))

    more = instructor.post(path, form | {"prompt": "Mine?", "more": "yes"})
    refused = instructor.post(path, form | {"prompt": "Mine?", "seen": read_seen(more)})
    kept = read(engine, mentor, quiz).questions[0]["prompt"]
    instructor.follow(instructor.post(path, form | {"prompt": "Mine?", "seen": read_seen(refused)}))

    assert refused.status_code == 409
    assert "changed this while you were writing" in refused.text
    assert ">Mine?</textarea>" in refused.text
    assert kept == "Theirs?"
    assert read(engine, mentor, quiz).questions[0]["prompt"] == "Mine?"


def test_quiz_is_made_in_two_steps(engine, mentor, instructor, pages):
    instructor.get(f"{pages}/quizzes/new")

    page = instructor.follow(
        instructor.post(
            f"{pages}/quizzes/new",
            {"title": "Week 3", "description": "", "attempts_allowed": "2", "keep": "last"},
        )
    )

    [quiz] = engine.quizzes.list(mentor.organization_id, mentor.id)
    assert (quiz.title, quiz.attempts_allowed, quiz.keep) == ("Week 3", 2, "last")
    assert not quiz.published
    assert "Add the first question" in page.text


@pytest.mark.parametrize(
    "fields",
    [{"title": ""}, {"title": "x" * 201}, {"attempts_allowed": "-1"}, {"attempts_allowed": "many"}],
)
def test_wrong_quiz_is_refused(engine, mentor, instructor, pages, fields):
    instructor.get(f"{pages}/quizzes/new")

    page = instructor.post(f"{pages}/quizzes/new", {"title": "T", "keep": "best"} | fields)

    assert page.status_code == 422
    assert 'class="wrong"' in page.text
    assert not engine.quizzes.list(mentor.organization_id, mentor.id)


def test_choice_closes_the_gaps_between_its_options(engine, mentor, instructor, place, quiz):
    page = instructor.follow(add(instructor, place, CHOICE))

    [question] = read(engine, mentor, quiz).questions
    assert question["options"] == ["Barnacles", "Sea stars"]
    assert question["answer"] == 1
    assert question["points"] == 2
    assert "Who eats mussels?" in page.text


@pytest.mark.parametrize(
    ("question", "answer"),
    [
        ({"kind": "choices", "options": ["a", "b", "c"], "right": ["0", "2"]}, [0, 2]),
        ({"kind": "true_false", "answer": "false"}, False),
        ({"kind": "text", "accepted": "sea star*\r\n\r\n starfish "}, ["sea star*", "starfish"]),
        (
            {"kind": "number", "value": "2.5", "tolerance": "0.1", "relative": "yes"},
            {"value": 2.5, "tolerance": 0.1, "relative": True},
        ),
    ],
)
def test_every_kind_of_question_is_kept(engine, mentor, instructor, place, quiz, question, answer):
    form = instructor.get(f"{place}/questions/new?kind={question['kind']}")

    made = add(instructor, place, {"prompt": "Why?"} | question)

    assert form.status_code == 200
    assert made.status_code == 303, html.unescape(made.text)
    assert read(engine, mentor, quiz).questions[0]["answer"] == answer
    question_id = read(engine, mentor, quiz).questions[0]["id"]
    again = instructor.get(f"{place}/questions/{question_id}").text
    assert "Why?" in again


@pytest.mark.parametrize(
    ("question", "sentence"),
    [
        (CHOICE | {"prompt": ""}, "This is needed."),
        (CHOICE | {"options": ["one"], "right": "0"}, "Too few: 2 at least"),
        (CHOICE | {"options": ["a", "a"], "right": "0"}, "Two options are the same."),
        ({k: v for k, v in CHOICE.items() if k != "right"}, "Mark the option that is right."),
        (CHOICE | {"right": "0"}, "Mark the option that is right."),
        (CHOICE | {"points": "0"}, "More than 0"),
        (CHOICE | {"points": "nan"}, "finite number"),
        ({"kind": "choices", "prompt": "?", "options": ["a", "b"]}, "Too few: 1 at least"),
        ({"kind": "number", "prompt": "?", "value": "two"}, "A number, please."),
        ({"kind": "text", "prompt": "?", "accepted": ""}, "Too few: 1 at least"),
        ({"kind": "text", "prompt": "?", "accepted": "***"}, "letter or a digit"),
        ({"kind": "true_false", "prompt": "?"}, "True or false"),
    ],
)
def test_wrong_question_is_refused_and_stays_in_the_form(
    engine, mentor, instructor, place, quiz, question, sentence
):
    page = add(instructor, place, question)

    assert page.status_code == 422
    assert sentence in html.unescape(page.text)
    assert not read(engine, mentor, quiz).questions


def test_more_rows_keep_what_was_written(instructor, place):
    page = add(instructor, place, CHOICE | {"more": "yes"})

    assert page.status_code == 200
    assert page.text.count('name="options"') == 8
    assert "Who eats mussels?" in page.text
    assert 'value="Sea stars"' in page.text
    assert re.search(r'name="right" value="3"[^>]* checked', page.text)


def test_question_is_changed_moved_and_taken_out(engine, mentor, instructor, place, quiz):
    add(instructor, place, CHOICE)
    add(instructor, place, {"kind": "true_false", "prompt": "Second", "answer": "true"})
    first, second = (question["id"] for question in read(engine, mentor, quiz).questions)

    instructor.post(f"{place}/questions/{second}/move", {"way": "up"})
    moved = [question["id"] for question in read(engine, mentor, quiz).questions]
    instructor.post(f"{place}/questions/{first}", CHOICE | {"prompt": "Changed"})
    changed = read(engine, mentor, quiz).questions[1]
    asked = instructor.get(f"{place}/questions/{second}/delete")
    instructor.post(f"{place}/questions/{second}/delete")

    assert moved == [second, first]
    assert (changed["id"], changed["prompt"]) == (first, "Changed")
    assert "Take question 1 out" in asked.text
    assert [question["id"] for question in read(engine, mentor, quiz).questions] == [first]


def test_quiz_is_published_and_withdrawn(engine, mentor, instructor, place, quiz):
    add(instructor, place, CHOICE)

    page = instructor.follow(instructor.post(f"{place}/publish", {"published": "yes"}))
    was = read(engine, mentor, quiz).published
    instructor.post(f"{place}/publish", {"published": "no"})

    assert "Published: students can take the quiz." in page.text
    assert was
    assert not read(engine, mentor, quiz).published


def test_quiz_without_questions_is_not_published(engine, mentor, instructor, place, quiz):
    instructor.get(place)

    page = instructor.post(f"{place}/publish", {"published": "yes"})

    assert page.status_code == 422
    assert "needs a question" in page.text
    assert not read(engine, mentor, quiz).published


def test_last_question_of_a_published_quiz_stays(engine, mentor, instructor, place, quiz):
    add(instructor, place, CHOICE)
    instructor.post(f"{place}/publish", {"published": "yes"})
    [question] = read(engine, mentor, quiz).questions

    page = instructor.post(f"{place}/questions/{question['id']}/delete")

    assert page.status_code == 422
    assert "needs a question" in page.text
    assert read(engine, mentor, quiz).questions


def test_saving_the_facts_keeps_questions_and_publication(engine, mentor, instructor, place, quiz):
    add(instructor, place, CHOICE)
    instructor.post(f"{place}/publish", {"published": "yes"})

    instructor.post(place, {"title": "Renamed", "attempts_allowed": "3", "keep": "best"})

    saved = read(engine, mentor, quiz)
    assert (saved.title, saved.attempts_allowed, saved.published) == ("Renamed", 3, True)
    assert len(saved.questions) == 1


def test_quiz_is_deleted_after_a_question(engine, mentor, instructor, place, quiz):
    asked = instructor.get(f"{place}/delete")

    page = instructor.follow(instructor.post(f"{place}/delete"))

    assert "Delete the quiz “Zonation”?" in asked.text
    assert "The quiz is deleted." in page.text
    assert not engine.quizzes.list(mentor.organization_id, mentor.id)


def test_quiz_of_another_mentor_is_not_found(engine, organization, instructor, pages):
    other = engine.mentors.add(organization.id, "Statistics")
    quiz = engine.quizzes.put(organization.id, other.id, {"title": "Theirs"})
    place = f"{pages}/quizzes/{quiz.id}"
    instructor.get(f"{pages}/quizzes")

    assert instructor.get(place).status_code == 404
    for path in ("", "/publish", "/delete", "/questions/new", "/questions/q1/delete"):
        assert instructor.post(f"{place}{path}", CHOICE).status_code == 404
    assert engine.quizzes.get(organization.id, other.id, quiz.id).title == "Theirs"


@pytest.mark.parametrize("path", ["/questions/new?kind=essay", "/questions/q99"])
def test_unknown_kind_or_question_is_not_found(instructor, place, path):
    assert instructor.get(f"{place}{path}").status_code == 404


@pytest.mark.parametrize("tick", ["9" * 5000, "-1", "x", "99"])
def test_forged_tick_is_refused(instructor, place, tick):
    assert add(instructor, place, CHOICE | {"right": tick}).status_code == 422
