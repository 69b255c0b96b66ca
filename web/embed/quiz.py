"""Quizzes as a student takes them: start, answer, see the marks and where the score went."""

from collections.abc import Mapping, Sequence
from typing import Any

from flask import Blueprint, redirect, render_template, request, url_for
from werkzeug.wrappers import Response

from mentorai.core.attempts import Attempt, question_views
from mentorai.core.engine import Engine
from mentorai.core.errors import Conflict, InputRejected, NotFound
from mentorai.core.quizzes import Quiz
from mentorai.web.embed.answers import read_answers, say_answer, unanswered
from mentorai.web.gate import visitor
from mentorai.web.markdown import to_html

Page = Response | str | tuple[str, int]


class QuizPages:
    """The quiz pages of one session."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def route(self, embed: Blueprint) -> None:
        """Put the pages on the blueprint."""
        embed.add_url_rule("/quiz/", "quiz_home", self.quiz_home)
        embed.add_url_rule("/quiz/<quiz_id>/", "quiz", self.quiz)
        embed.add_url_rule("/quiz/<quiz_id>/start", "start", self.start, methods=["POST"])
        one = "/quiz/attempts/<attempt_id>"
        embed.add_url_rule(one, "attempt", self.attempt)
        embed.add_url_rule(one, "answer", self.answer, methods=["POST"])
        embed.add_url_rule(f"{one}/sync", "sync", self.sync)

    def quiz_home(self) -> Page:
        """The quiz that the place is for, or the list of those that can be taken."""
        session = visitor()
        if session.quiz_id:
            return redirect(url_for("embed.quiz", quiz_id=session.quiz_id), 303)
        quizzes = self._engine.quizzes.list(*_place(), published_only=True)
        return render_template("embed/quizzes.html", quizzes=quizzes, **self._frame())

    def quiz(self, quiz_id: str) -> Page:
        """Points, attempts left and policy, before anything begins."""
        try:
            quiz = self._get_quiz(quiz_id)
        except NotFound:
            if visitor().quiz_id != quiz_id:
                raise
            # The course still shows the place of a quiz that is deleted or not published.
            return render_template("embed/quiz_gone.html", **self._frame()), 404
        return self._start_page(quiz, "")

    def start(self, quiz_id: str) -> Page:
        """Begin an attempt, or go on with the open one."""
        quiz, session = self._get_quiz(quiz_id), visitor()
        try:
            attempt = self._engine.quizzes.start_attempt(
                *_place(),
                quiz.id,
                session.person_id,
                session.resource_link_id,
                role=session.role,
            )
        except Conflict as error:
            return self._start_page(quiz, error.message), 409
        return redirect(url_for("embed.attempt", attempt_id=attempt.id), 303)

    def attempt(self, attempt_id: str) -> str:
        """The questions of an open attempt, or the marks of a submitted one."""
        attempt = self._get_attempt(attempt_id)
        if attempt.status == "submitted":
            return self._result_page(attempt)
        return self._question_page(attempt, attempt.answers, {})

    def answer(self, attempt_id: str) -> Page | tuple[str, int]:
        """Keep the answers; submit them when asked to. An attempt is marked once."""
        attempt = self._get_attempt(attempt_id)
        back = redirect(url_for("embed.attempt", attempt_id=attempt.id), 303)
        if attempt.status == "submitted":
            return back
        act = request.form.get("act", "submit")
        given = read_answers(attempt, request.form)
        try:
            kept = self._engine.quizzes.save_answers(
                *_place(), attempt.id, attempt.person_id, given
            )
            if act == "save":
                return ("", 204) if request.headers.get("X-Quiet") else back
            missing = unanswered(kept)
            if missing and act != "anyway":
                return self._question_page(kept, kept.answers, {}, missing), 422
            self._engine.quizzes.submit(
                self._engine, *_place(), attempt.id, attempt.person_id, given
            )
        except InputRejected as error:
            return self._question_page(attempt, given, error.errors), 422
        except Conflict:
            pass  # Submitted meanwhile, in another tab: its result is what there is to see.
        return back

    def sync(self, attempt_id: str) -> str:
        """How far the score is on its way, as a piece of HTML."""
        attempt = self._get_attempt(attempt_id)
        result = self._engine.quizzes.get_result(*_place(), attempt.id, attempt.person_id)
        return render_template("embed/sync.html", grade=result.grade, attempt=attempt)

    def _get_quiz(self, quiz_id: str) -> Quiz:
        session = visitor()
        quiz = self._engine.quizzes.get(*_place(), quiz_id)
        is_here = session.quiz_id in (None, quiz.id)
        if not is_here or not (quiz.published or session.role.is_staff):
            raise NotFound("There is no such quiz.")
        return quiz

    def _get_attempt(self, attempt_id: str) -> Attempt:
        return self._engine.quizzes.get_attempt(*_place(), attempt_id, visitor().person_id)

    def _start_page(self, quiz: Quiz, problem: str) -> str:
        session = visitor()
        standing = self._engine.quizzes.standing(
            *_place(), quiz.id, session.person_id, session.resource_link_id, role=session.role
        )
        return render_template(
            "embed/quiz_start.html",
            quiz=quiz,
            description=to_html(quiz.description),
            standing=standing,
            problem=problem,
            **self._frame(),
        )

    def _question_page(
        self,
        attempt: Attempt,
        answers: Mapping[str, Any],
        errors: Mapping[str, Sequence[str]],
        missing: Sequence[int] = (),
    ) -> str:
        views = question_views(attempt)
        return render_template(
            "embed/quiz_questions.html",
            attempt=attempt,
            questions=[(view, to_html(view.prompt)) for view in views],
            answers=answers,
            errors=errors,
            missing=missing,
            **self._frame(),
        )

    def _result_page(self, attempt: Attempt) -> str:
        result = self._engine.quizzes.get_result(*_place(), attempt.id, attempt.person_id)
        marked = [
            (one, to_html(one.prompt), say_answer(one.options, one.answer), to_html(one.feedback))
            for one in result.questions
        ]
        return render_template(
            "embed/quiz_result.html",
            attempt=attempt,
            result=result,
            marked=marked,
            grade=result.grade,
            **self._frame(),
        )

    def _frame(self) -> dict[str, Any]:
        mentor = self._engine.mentors.get(*_place())
        return {"visitor": visitor(), "mentor": mentor}


def _place() -> tuple[str, str]:
    session = visitor()
    return session.organization_id, session.mentor_id
