"""One question of a quiz at a time, in a form that needs no script."""

from collections.abc import Mapping, Sequence
from typing import Any

from flask import Blueprint, redirect, render_template, request, url_for
from werkzeug.wrappers import Response

from mentorai.core.engine import Engine
from mentorai.core.errors import InputRejected, NotFound
from mentorai.core.quizzes import Quiz
from mentorai.web.admin.desk import mentor
from mentorai.web.admin.quizzes import (
    CHANGED,
    draft_of,
    mark_of,
    read_number,
    show_quiz,
    was_changed,
)

KINDS: Mapping[str, str] = {
    "choice": "One right option",
    "choices": "Several right options",
    "true_false": "True or false",
    "number": "A number",
    "text": "A short text",
}
FEWEST_ROWS, MOST_ROWS, MORE_ROWS = 4, 20, 4

Page = Response | str | tuple[str, int]


class QuestionPages:
    """The questions of one mentor's quizzes."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def route(self, admin: Blueprint) -> None:
        """Put the pages on the blueprint."""
        base = "/mentors/<mentor>/quizzes/<quiz_id>/questions"
        admin.add_url_rule(f"{base}/new", "new_question", self.new_question)
        admin.add_url_rule(f"{base}/new", "add_question", self.add_question, methods=["POST"])
        one = f"{base}/<question_id>"
        admin.add_url_rule(one, "question", self.question)
        admin.add_url_rule(one, "save_question", self.save_question, methods=["POST"])
        admin.add_url_rule(f"{one}/move", "move_question", self.move_question, methods=["POST"])
        admin.add_url_rule(f"{one}/delete", "doubt_question", self.doubt_question)
        admin.add_url_rule(
            f"{one}/delete", "delete_question", self.delete_question, methods=["POST"]
        )

    def new_question(self, quiz_id: str) -> str:
        """The form of a new question of the kind that was chosen."""
        kind = request.args.get("kind", "choice")
        if kind not in KINDS:
            raise NotFound
        return self._form(self._get(quiz_id), {"kind": kind}, {})

    def add_question(self, quiz_id: str) -> Page:
        """Put a question at the end."""
        quiz = self._get(quiz_id)
        return self._keep(quiz, len(quiz.questions), "")

    def question(self, quiz_id: str, question_id: str) -> str:
        """The form of a question that is there."""
        quiz = self._get(quiz_id)
        return self._form(quiz, quiz.questions[_place_of(quiz, question_id)], {}, question_id)

    def save_question(self, quiz_id: str, question_id: str) -> Page:
        """Keep a changed question."""
        quiz = self._get(quiz_id)
        return self._keep(quiz, _place_of(quiz, question_id), question_id)

    def move_question(self, quiz_id: str, question_id: str) -> Page:
        """Let a question change places with its neighbour."""
        quiz = self._get(quiz_id)
        draft = draft_of(quiz)
        place = _place_of(quiz, question_id)
        other = place + (1 if request.form.get("way") == "down" else -1)
        questions = draft["questions"]
        if 0 <= other < len(questions):
            questions[place], questions[other] = questions[other], questions[place]
            self._put(quiz, draft)
        return redirect(url_for(".quiz", quiz_id=quiz.id, _anchor="questions"), 303)

    def doubt_question(self, quiz_id: str, question_id: str) -> str:
        """Ask whether the question shall really go."""
        quiz = self._get(quiz_id)
        place = _place_of(quiz, question_id)
        return render_template(
            "admin/confirm.html",
            title=f"Take question {place + 1} out of “{quiz.title}”?",
            warning=quiz.questions[place]["prompt"],
            action="Take it out",
            back=url_for(".quiz", quiz_id=quiz.id),
        )

    def delete_question(self, quiz_id: str, question_id: str) -> Page:
        """Take a question out; the last one of a published quiz stays."""
        quiz = self._get(quiz_id)
        draft = draft_of(quiz)
        del draft["questions"][_place_of(quiz, question_id)]
        try:
            self._put(quiz, draft)
        except InputRejected as error:
            return show_quiz(quiz, error.errors), 422
        return redirect(
            url_for(".quiz", quiz_id=quiz.id, done="question_deleted", _anchor="questions"), 303
        )

    def _keep(self, quiz: Quiz, place: int, question_id: str) -> Page:
        given = _read_question(question_id)
        if request.form.get("more"):
            seen = request.form.get("seen", "")
            return self._form(quiz, given, {}, question_id, more=MORE_ROWS, seen=seen)
        if question_id and was_changed(quiz.questions[place]):
            return self._form(quiz, given, {"": [CHANGED]}, question_id), 409
        draft = draft_of(quiz)
        draft["questions"][place : place + 1] = [_without_gaps(given)]
        try:
            self._put(quiz, draft)
        except InputRejected as error:
            return self._form(quiz, given, _errors_of(error, place), question_id), 422
        return redirect(
            url_for(".quiz", quiz_id=quiz.id, done="question_saved", _anchor="questions"), 303
        )

    def _get(self, quiz_id: str) -> Quiz:
        return self._engine.quizzes.get(mentor().organization_id, mentor().id, quiz_id)

    def _put(self, quiz: Quiz, draft: Mapping[str, Any]) -> None:
        self._engine.quizzes.put(mentor().organization_id, mentor().id, draft, quiz.id)

    def _form(
        self,
        quiz: Quiz,
        given: Mapping[str, Any],
        errors: Mapping[str, Sequence[str]],
        question_id: str = "",
        *,
        more: int = 0,
        seen: str = "",
    ) -> str:
        options = list(given.get("options", ()))
        rows = min(MOST_ROWS, max(FEWEST_ROWS, len(options)) + more)
        return render_template(
            "admin/question.html",
            quiz=quiz,
            given=given,
            errors=errors,
            question_id=question_id,
            seen=seen or _mark_question(quiz, question_id),
            kinds=KINDS,
            options=options + [""] * (rows - len(options)),
            has_room=rows < MOST_ROWS,
        )


def _place_of(quiz: Quiz, question_id: str) -> int:
    for place, question in enumerate(quiz.questions):
        if question["id"] == question_id:
            return place
    raise NotFound("There is no such question.")


def _mark_question(quiz: Quiz, question_id: str) -> str:
    return mark_of(quiz.questions[_place_of(quiz, question_id)]) if question_id else ""


def _read_question(question_id: str) -> dict[str, Any]:
    form = request.form
    kind = form.get("kind", "")
    if kind not in KINDS:
        raise NotFound
    question: dict[str, Any] = {
        "kind": kind,
        "prompt": form.get("prompt", "").replace("\r\n", "\n"),
        "points": read_number(form.get("points", "").strip() or "1"),
        "feedback": form.get("feedback", "").replace("\r\n", "\n"),
    }
    if question_id:
        question["id"] = question_id
    return question | _READERS[kind]()


def _read_choice() -> dict[str, Any]:
    ticked = _read_ticks()
    # Without a tick: a place that is no option, so that the answer is found wanting.
    answer = ticked[0] if ticked else -1
    return {"options": _read_options(), "answer": answer}


def _read_choices() -> dict[str, Any]:
    scoring = request.form.get("scoring", "partial")
    return {"options": _read_options(), "answer": _read_ticks(), "scoring": scoring}


def _read_true_false() -> dict[str, Any]:
    return {"answer": {"true": True, "false": False}.get(request.form.get("answer", ""))}


def _read_number() -> dict[str, Any]:
    form = request.form
    target = {
        "value": read_number(form.get("value", "").strip()),
        "tolerance": read_number(form.get("tolerance", "").strip() or "0"),
        "relative": form.get("relative") == "yes",
    }
    return {"answer": target}


def _read_text() -> dict[str, Any]:
    lines = request.form.get("accepted", "").splitlines()
    return {"answer": [line.strip() for line in lines if line.strip()]}


def _read_ticks() -> list[int]:
    ticked = request.form.getlist("right")[:MOST_ROWS]
    return [int(place) for place in ticked if place.isdecimal() and len(place) < 4]


def _read_options() -> list[str]:
    return [option.strip() for option in request.form.getlist("options")[:MOST_ROWS]]


_READERS = {
    "choice": _read_choice,
    "choices": _read_choices,
    "true_false": _read_true_false,
    "number": _read_number,
    "text": _read_text,
}


def _without_gaps(question: Mapping[str, Any]) -> dict[str, Any]:
    """The question without its empty rows; what was ticked moves up with its option."""
    if "options" not in question:
        return dict(question)
    options = question["options"]
    filled = [place for place, option in enumerate(options) if option]
    moved = {old: new for new, old in enumerate(filled)}
    answer = question["answer"]
    if isinstance(answer, list):
        answer = [moved[place] for place in answer if place in moved]
    else:
        answer = moved.get(answer, -1)
    return dict(question) | {"options": [options[place] for place in filled], "answer": answer}


def _errors_of(error: InputRejected, place: int) -> dict[str, list[str]]:
    """The errors of one question, named as its form names its fields."""
    prefix = f"questions.{place}"
    found: dict[str, list[str]] = {}
    for field, sentences in error.errors.items():
        name = field.removeprefix(prefix).lstrip(".").partition(".")[0]
        inside = field.startswith(prefix)
        found.setdefault(name if inside else "", []).extend(sentences)
    if any("At least 0" in sentence for sentence in found.get("answer", [])):
        found["answer"] = ["Mark the option that is right."]
    return found
