"""What teachers do behind the tool's back, by hand: one page of forms for each course."""

from collections.abc import Callable, Mapping

from flask import Blueprint, redirect, render_template, request, url_for
from werkzeug.wrappers import Response

from mentorai.core.errors import InputRejected, NotFound
from mentorai.plugins.sandbox.memberships import change_membership, list_memberships
from mentorai.plugins.sandbox.routes_pages import here, refuse_foreign_forms
from mentorai.plugins.sandbox.school import Course
from mentorai.plugins.sandbox.wire import Refused

routes = Blueprint("teacher_page", __name__, url_prefix="/control/courses")
routes.before_request(refuse_foreign_forms)
# What each button did, for who does not see the page change.
DONE = {
    "override": "The grade is changed. What the tool sends from now on meets it.",
    "take_back": "The change is taken back. The grade is the tool's again with its next score.",
    "lock": "The column is locked.",
    "unlock": "The column is unlocked.",
    "remove": "The column is deleted, with what it held.",
    "hide": "The item is hidden from students.",
    "show": "Students see the item again.",
    "conclude": "The course has ended.",
    "reopen": "The course goes on.",
    "enrol": "The list of people is changed.",
}


@routes.get("/<course>/")
def page(course: str) -> str:
    """The columns, grades, items and people of a course, each with what a teacher may do to it."""
    where, house = _find(course), here()
    columns = house.gradebook.columns(where)
    members = list_memberships(house.platform, where)
    students = [one.person for one in members if one.person.kind == "student"]
    found = [
        (column, person, house.gradebook.find_result(column["id"], person.sub))
        for column in columns
        for person in students
    ]
    return render_template(
        "sandbox/teacher.html",
        where=where,
        columns=columns,
        students=students,
        changed=[each for each in found if each[2] and each[2].get("overridden")],
        items=[
            (each, house.platform.is_hidden(each))
            for each in house.platform.items(where)
            if each.is_link
        ],
        members=members,
        concluded=house.platform.shelf.find("concluded", where.id) is not None,
        done=DONE.get(request.args.get("done", "")),
    )


@routes.post("/<course>/")
def act(course: str) -> Response:
    """One of the page's buttons."""
    where, action = _find(course), request.form.get("action", "")
    if action not in DONE:
        raise Refused(400, "There is no such action.")
    try:
        _acts(where, request.form)[action]()
    except (InputRejected, NotFound, ValueError) as error:
        raise Refused(422, "The sandbox cannot do that; look at what was entered.") from error
    return redirect(url_for("teacher_page.page", course=where.id, done=action), 303)


def _acts(course: Course, form: Mapping[str, str]) -> Mapping[str, Callable[[], object]]:
    """What each button does, of the column, the person or the item that is named beside it."""
    teacher, platform = here().teacher, here().platform
    column, person, item = (form.get(name, "") for name in ("column", "person", "item"))
    return {
        "override": lambda: teacher.override(column, person, float(form.get("given", ""))),
        "take_back": lambda: teacher.take_back(column, person),
        "lock": lambda: teacher.change(column, {"locked": True}),
        "unlock": lambda: teacher.change(column, {"locked": False}),
        "remove": lambda: teacher.remove(column),
        "hide": lambda: teacher.hide(item, hidden=True),
        "show": lambda: teacher.hide(item, hidden=False),
        "conclude": lambda: teacher.conclude(course.id, concluded=True),
        "reopen": lambda: teacher.conclude(course.id, concluded=False),
        "enrol": lambda: change_membership(platform, course.id, person, form.get("status")),
    }


def _find(course_id: str) -> Course:
    """Raises Refused (404)."""
    course = here().platform.find_course(course_id)
    if course is None:
        raise Refused(404, "There is no such course.")
    return course
