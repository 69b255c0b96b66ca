"""The Grades tab: what students have, and whether the gradebook has it."""

from collections.abc import Sequence

from flask import Blueprint, redirect, render_template, request, url_for
from werkzeug.wrappers import Response

from mentorai.core.engine import Engine
from mentorai.core.grade_advice import LOCKED_GRADE, TEACHER_GRADE, GradeAdvice
from mentorai.core.reconciliation import Reconciliation, reconcile, repair
from mentorai.web.admin.desk import desk, mentor

PAGE_SIZE = 50


class GradePages:
    """The grades of one mentor."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def route(self, admin: Blueprint) -> None:
        """Put the pages on the blueprint."""
        base = "/mentors/<mentor>/grades"
        admin.add_url_rule(base, "grades", self.grades)
        admin.add_url_rule(f"{base}/compare", "compare_grades", self.compare, methods=["POST"])
        admin.add_url_rule(f"{base}/repair", "repair_grades", self.repair, methods=["POST"])
        admin.add_url_rule(
            f"{base}/<grade_id>/release", "release_grade", self.release, methods=["POST"]
        )
        admin.add_url_rule(f"{base}/<grade_id>/resend", "resend", self.resend, methods=["POST"])

    def grades(self) -> str:
        """The list."""
        place = (mentor().organization_id, mentor().id)
        count = self._engine.grades.count(*place)
        pages = max(1, -(-count // PAGE_SIZE))
        page = min(max(1, request.args.get("page", 1, type=int)), pages)
        # The list begins with the oldest change; a person wants the newest first.
        oldest_first = self._engine.grades.list(*place, page=pages - page + 1, page_size=PAGE_SIZE)
        titles = {quiz.id: quiz.title for quiz in self._engine.quizzes.list(*place)}
        return render_template(
            "admin/grades.html",
            grades=oldest_first[::-1],
            titles=titles,
            count_all=count,
            page=page,
            pages=pages,
            advice=GradeAdvice(self._engine, oldest_first),
        )

    def compare(self) -> str:
        """One quiz's grades beside what the gradebook holds for them at this moment."""
        place = (mentor().organization_id, mentor().id)
        quiz = self._engine.quizzes.get(*place, request.form.get("quiz", ""))
        found = reconcile(self._engine, *place, quiz.id)
        return render_template(
            "admin/grades_compared.html", quiz=quiz, found=found, advice=self._advise(found)
        )

    def _advise(self, found: Reconciliation) -> Sequence[tuple[str, str]]:
        """What to do about teachers' grades, locked ones and those that could not be read, once
        for each LMS.
        """
        causes = (
            [
                (row.grade, "The teacher's grade stands", TEACHER_GRADE)
                for row in found.rows
                if row.verdict == "overridden"
            ]
            + [
                (row.grade, "Locked there", LOCKED_GRADE)
                for row in found.rows
                if row.result is not None and row.result.locked
            ]
            + [(row.grade, "Not compared", row.code) for row in found.rows if row.code]
        )
        advice = GradeAdvice(self._engine, [grade for grade, _, _ in causes])
        return list(dict.fromkeys((what, advice.find(grade, code)) for grade, what, code in causes))

    def repair(self) -> Response:
        """Send again what a quiz's gradebook lacks or holds otherwise; a teacher's grade stays."""
        place = (mentor().organization_id, mentor().id)
        quiz = self._engine.quizzes.get(*place, request.form.get("quiz", ""))
        repair(self._engine, reconcile(self._engine, *place, quiz.id))
        return redirect(url_for(".grades", done="repaired"), 303)

    def release(self, grade_id: str) -> Response:
        """Send a grade that was held back."""
        grade = self._engine.grades.get(mentor().organization_id, mentor().id, grade_id)
        self._engine.override_grade(grade, {"release": "released"}, author=desk().author)
        page = request.form.get("page", type=int)
        return redirect(url_for(".grades", done="released", page=page), 303)

    def resend(self, grade_id: str) -> Response:
        """Send a grade's present value to the gradebook once more."""
        grade = self._engine.grades.get(mentor().organization_id, mentor().id, grade_id)
        replaces = request.form.get("replaces_teacher") == "yes"
        self._engine.outbox.resend(grade, replaces_teacher=replaces)
        page = request.form.get("page", type=int)
        return redirect(url_for(".grades", done="resent", page=page), 303)
