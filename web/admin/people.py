"""The People tab: who is in the course, by its roster and by their visits."""

from flask import Blueprint, redirect, render_template, request, url_for
from werkzeug.wrappers import Response

from mentorai.core.course_people import Course
from mentorai.core.engine import Engine
from mentorai.core.errors import Conflict, NotFound
from mentorai.core.people_wanted import PeopleWanted
from mentorai.core.values import Role
from mentorai.web.admin.desk import desk, mentor

PAGE_SIZE = 50
WANTED_LENGTH = 255


class PeoplePages:
    """The people of the courses that one mentor is in.

    Inside a course they know that course alone; campus IT chooses one of the mentor's.
    """

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def route(self, admin: Blueprint) -> None:
        """Put the pages on the blueprint."""
        base = "/mentors/<mentor>/people"
        admin.add_url_rule(base, "people", self.people)
        admin.add_url_rule(f"{base}/sync", "sync_people", self.sync, methods=["POST"])

    def people(self) -> str:
        """The list of one course."""
        courses = self._list_courses()
        course = _choose(courses, request.args.get("course"))
        if course is None:
            return render_template("admin/people.html", course=None, courses=courses)
        self._engine.rosters.note_look(course.organization_id, course.id)
        people, wanted = self._engine.course_people, _read_wanted()
        count = people.count(course, wanted)
        sections, groups = people.list_parts(course)
        pages = max(1, -(-count // PAGE_SIZE))
        page = min(max(1, request.args.get("page", 1, type=int)), pages)
        return render_template(
            "admin/people.html",
            course=course,
            courses=courses,
            is_readable=self._engine.rosters.is_readable(course.organization_id, course.id),
            people=people.list_people(course, wanted, page=page, page_size=PAGE_SIZE),
            count_shown=count,
            count_all=people.count(course),
            count_unnamed=people.count_unnamed(course),
            wanted=wanted,
            sections=sections,
            groups=groups,
            roles=list(Role),
            page=page,
            pages=pages,
        )

    def sync(self) -> Response | tuple[str, int]:
        """Have the course's list read anew, by the worker."""
        courses = self._list_courses()
        course = _choose(courses, request.form.get("course"))
        if course is None:
            raise NotFound("There is no such course.")
        try:
            self._engine.rosters.want(course.organization_id, course.id)
        except Conflict:
            return redirect(url_for(".people", course=course.id), 303)
        return redirect(url_for(".people", course=course.id, done="roster_asked"), 303)

    def _list_courses(self) -> list[Course]:
        seat, people = desk(), self._engine.course_people
        if seat.session is not None:
            found = people.find_course(seat.organization_id, seat.session.context_id)
            return [found] if found else []
        return list(people.list_courses(seat.organization_id, mentor().id))


def _read_wanted() -> PeopleWanted:
    """What the list is narrowed to, as the address says."""
    names = ("name", "role", "section", "group", "status")
    given = {name: request.args.get(name, "").strip()[:WANTED_LENGTH] for name in names}
    # A zero byte is in no name, and PostgreSQL takes none.
    return PeopleWanted(**{name: text.replace("\0", "") for name, text in given.items()})


def _choose(courses: list[Course], wanted: str | None) -> Course | None:
    """The course that was asked for, or the first; None if there is none, or no such one."""
    if not wanted:
        return courses[0] if courses else None
    found = next((course for course in courses if course.id == wanted), None)
    if found is None:
        raise NotFound("There is no such course.")
    return found
