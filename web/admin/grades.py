"""The Grades tab: what students have, and whether the gradebook has it."""

from flask import Blueprint, redirect, render_template, request, url_for
from werkzeug.wrappers import Response

from mentorai.core.engine import Engine
from mentorai.core.grade_advice import find_advice
from mentorai.core.reconciliation import reconcile, repair
from mentorai.web.admin.desk import mentor

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
            advice=find_advice,
        )

    def compare(self) -> str:
        """One quiz's grades beside what the gradebook holds for them at this moment."""
        place = (mentor().organization_id, mentor().id)
        quiz = self._engine.quizzes.get(*place, request.form.get("quiz", ""))
        return render_template(
            "admin/grades_compared.html",
            quiz=quiz,
            found=reconcile(self._engine, *place, quiz.id),
        )

    def repair(self) -> Response:
        """Send again what a quiz's gradebook lacks or holds otherwise; a teacher's grade stays."""
        place = (mentor().organization_id, mentor().id)
        quiz = self._engine.quizzes.get(*place, request.form.get("quiz", ""))
        repair(self._engine, reconcile(self._engine, *place, quiz.id))
        return redirect(url_for(".grades", done="resent"), 303)

    def resend(self, grade_id: str) -> Response:
        """Send a grade's present value to the gradebook once more."""
        grade = self._engine.grades.get(mentor().organization_id, mentor().id, grade_id)
        replaces = request.form.get("replaces_teacher") == "yes"
        self._engine.outbox.resend(grade, replaces_teacher=replaces)
        page = request.form.get("page", type=int)
        return redirect(url_for(".grades", done="resent", page=page), 303)
