"""The Quizzes tab: a quiz's own facts. Its questions are edited one by one (questions.py)."""

import hashlib
import json
from collections.abc import Mapping, Sequence
from typing import Any

from flask import Blueprint, redirect, render_template, request, url_for
from werkzeug.wrappers import Response

from mentorai.core.engine import Engine
from mentorai.core.errors import InputRejected
from mentorai.core.quizzes import Quiz
from mentorai.web.admin.desk import mentor
from mentorai.web.markdown import to_words

CHANGED = (
    "Someone changed this while you were writing. What you wrote is all still below: "
    "look at theirs in another tab; Save then puts yours in its place."
)
FACTS = ("title", "description", "attempts_allowed", "keep", "published")


class QuizPages:
    """The quizzes of one mentor."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def route(self, admin: Blueprint) -> None:
        """Put the pages on the blueprint."""
        base = "/mentors/<mentor>/quizzes"
        admin.add_url_rule(base, "quizzes", self.quizzes)
        admin.add_url_rule(f"{base}/new", "new_quiz", self.new_quiz)
        admin.add_url_rule(f"{base}/new", "add_quiz", self.add_quiz, methods=["POST"])
        admin.add_url_rule(f"{base}/<quiz_id>", "quiz", self.quiz)
        admin.add_url_rule(f"{base}/<quiz_id>", "save_quiz", self.save_quiz, methods=["POST"])
        admin.add_url_rule(
            f"{base}/<quiz_id>/publish", "publish_quiz", self.publish_quiz, methods=["POST"]
        )
        admin.add_url_rule(f"{base}/<quiz_id>/delete", "doubt_quiz", self.doubt_quiz)
        admin.add_url_rule(
            f"{base}/<quiz_id>/delete", "delete_quiz", self.delete_quiz, methods=["POST"]
        )

    def quizzes(self) -> str:
        """The list."""
        return render_template("admin/quizzes.html", quizzes=self._engine.quizzes.list(*_place()))

    def new_quiz(self) -> str:
        """The form of a new quiz."""
        return render_template("admin/quiz_new.html", given={}, errors={})

    def add_quiz(self) -> Response | tuple[str, int]:
        """Make a quiz without questions, and go on to them."""
        given = _read_facts()
        try:
            made = self._engine.quizzes.put(*_place(), given)
        except InputRejected as error:
            return render_template("admin/quiz_new.html", given=given, errors=error.errors), 422
        return redirect(url_for(".quiz", quiz_id=made.id), 303)

    def quiz(self, quiz_id: str) -> str:
        """A quiz with its questions."""
        return show_quiz(self._get(quiz_id), {})

    def save_quiz(self, quiz_id: str) -> Response | tuple[str, int]:
        """Keep a quiz's facts; its questions stay as they are."""
        quiz = self._get(quiz_id)
        given = draft_of(quiz) | _read_facts() | {"published": quiz.published}
        if was_changed(_settings_of(quiz)):
            return show_quiz(quiz, {"quiz": [CHANGED]}, given), 409
        try:
            self._engine.quizzes.put(*_place(), given, quiz_id)
        except InputRejected as error:
            return show_quiz(quiz, error.errors, given), 422
        return redirect(url_for(".quiz", quiz_id=quiz_id, done="saved"), 303)

    def publish_quiz(self, quiz_id: str) -> Response | tuple[str, int]:
        """Let students take a quiz, or no more."""
        quiz = self._get(quiz_id)
        published = request.form.get("published") == "yes"
        try:
            draft = draft_of(quiz) | {"published": published}
            self._engine.quizzes.put(*_place(), draft, quiz_id)
        except InputRejected as error:
            return show_quiz(quiz, error.errors), 422
        done = "published" if published else "withdrawn"
        return redirect(url_for(".quiz", quiz_id=quiz_id, done=done), 303)

    def doubt_quiz(self, quiz_id: str) -> str:
        """Ask whether the quiz shall really go."""
        quiz = self._get(quiz_id)
        return render_template(
            "admin/confirm.html",
            title=f"Delete the quiz “{quiz.title}”?",
            warning="Students can no longer take it. Attempts and grades that exist are kept.",
            action="Delete quiz",
            back=url_for(".quiz", quiz_id=quiz.id),
        )

    def delete_quiz(self, quiz_id: str) -> Response:
        """Remove a quiz."""
        self._engine.quizzes.delete(*_place(), quiz_id)
        return redirect(url_for(".quizzes", done="quiz_deleted"), 303)

    def _get(self, quiz_id: str) -> Quiz:
        return self._engine.quizzes.get(*_place(), quiz_id)


def show_quiz(
    quiz: Quiz, errors: Mapping[str, Sequence[str]], given: Mapping[str, Any] | None = None
) -> str:
    """The page of one quiz: its questions and its settings. given: what a refused form held."""
    return render_template(
        "admin/quiz.html",
        quiz=quiz,
        prompts=[to_words(question["prompt"]) for question in quiz.questions],
        given=given or draft_of(quiz),
        errors=errors,
        seen=mark_of(_settings_of(quiz)),
    )


def mark_of(shown: Mapping[str, Any]) -> str:
    """What a form shows, in few letters, to be sent with it as `seen`."""
    return hashlib.sha256(json.dumps(shown, sort_keys=True).encode()).hexdigest()[:16]


def was_changed(kept: Mapping[str, Any]) -> bool:
    """Whether the form that was sent had shown something else than what is kept now."""
    seen = request.form.get("seen")
    return seen is not None and seen != mark_of(kept)


def draft_of(quiz: Quiz) -> dict[str, Any]:
    """A quiz in the shape that `Quizzes.put` takes."""
    draft: dict[str, Any] = {name: getattr(quiz, name) for name in FACTS}
    return draft | {"questions": [dict(question) for question in quiz.questions]}


def read_number(text: str) -> float | str:
    """The number that a field of a form holds; the text itself if it is none, to be refused."""
    try:
        return int(text) if text.isdecimal() else float(text)
    except ValueError:
        return text


def _place() -> tuple[str, str]:
    return mentor().organization_id, mentor().id


def _settings_of(quiz: Quiz) -> dict[str, Any]:
    return {name: getattr(quiz, name) for name in FACTS if name != "published"}


def _read_facts() -> dict[str, Any]:
    form = request.form
    return {
        "title": form.get("title", ""),
        "description": form.get("description", "").replace("\r\n", "\n"),
        "attempts_allowed": read_number(form.get("attempts_allowed", "0").strip() or "0"),
        "keep": form.get("keep", "best"),
    }
