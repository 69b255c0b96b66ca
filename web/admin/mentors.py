"""The mentors there are, and one mentor at a glance."""

from collections.abc import Mapping, Sequence
from typing import Any

from flask import Blueprint, redirect, render_template, request, url_for
from werkzeug.wrappers import Response

from mentorai.core.engine import Engine
from mentorai.core.errors import Conflict, InputRejected
from mentorai.web.admin.desk import desk, mentor
from mentorai.web.markdown import to_html


class MentorPages:
    """The list of mentors for campus IT, and the page that a mentor's staff land on."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def route(self, admin: Blueprint) -> None:
        """Put the pages on the blueprint."""
        admin.add_url_rule("/", "home", self.home)
        admin.add_url_rule("/mentors/new", "new_mentor", self.new_mentor)
        admin.add_url_rule("/mentors", "add_mentor", self.add_mentor, methods=["POST"])
        admin.add_url_rule("/mentors/<mentor>/", "overview", self.overview)

    def home(self) -> str | Response:
        """Staff go to their mentor; campus IT sees all of them."""
        here = desk()
        if here.session is not None:
            own = self._engine.mentors.get(here.organization_id, here.session.mentor_id)
            return redirect(url_for(".overview", mentor=own.slug), 303)
        return render_template(
            "admin/mentors.html", mentors=self._engine.mentors.list(here.organization_id)
        )

    def new_mentor(self) -> str:
        """The form of a new mentor."""
        return render_template("admin/mentor_new.html", errors={}, given={})

    def add_mentor(self) -> str | Response | tuple[str, int]:
        """Make a mentor."""
        given = {name: request.form.get(name, "") for name in ("display_name", "description")}
        errors: Mapping[str, Sequence[str]]
        try:
            made = self._engine.mentors.add(
                desk().organization_id,
                given["display_name"].strip(),
                description=given["description"].strip(),
                author=desk().author,
            )
        except InputRejected as error:
            errors = error.errors
        except Conflict as error:
            errors = {"display_name": [error.message]}
        else:
            return redirect(url_for(".overview", mentor=made.slug), 303)
        return render_template("admin/mentor_new.html", errors=errors, given=given), 422

    def overview(self) -> str:
        """What the mentor has, and what it still needs."""
        greeting = to_html(mentor().proactive_prompt)
        return render_template("admin/overview.html", facts=self._read_facts(), greeting=greeting)

    def _read_facts(self) -> dict[str, Any]:
        place = (mentor().organization_id, mentor().id)
        datasets = self._engine.datasets.list(*place)
        quizzes = self._engine.quizzes.list(*place)
        keys = self._engine.keys.list(*place)
        return {
            "datasets": len(datasets),
            "passages": sum(dataset.passages for dataset in datasets),
            "unread": sum(dataset.training_status == "failed" for dataset in datasets),
            "quizzes": len(quizzes),
            "published": sum(quiz.published for quiz in quizzes),
            "live_keys": sum(key.state == "active" for key in keys),
            "failed": self._engine.grades.count(*place, sync_status="failed"),
            "waiting": self._engine.grades.count(*place, sync_status="waiting"),
        }
