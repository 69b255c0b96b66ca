"""The pages that open the tool for a review or a question of privacy, and that copy a course."""

from flask import Blueprint, redirect, render_template, request, url_for
from werkzeug.wrappers import Response

from mentorai.plugins.sandbox.copies import copy_course
from mentorai.plugins.sandbox.grades import column_url
from mentorai.plugins.sandbox.messages import build_privacy, build_review
from mentorai.plugins.sandbox.oidc import Form, grade_claim
from mentorai.plugins.sandbox.platform import people_of
from mentorai.plugins.sandbox.routes_pages import (
    PAGE,
    enter,
    find_someone,
    here,
    refuse_foreign_forms,
)
from mentorai.plugins.sandbox.school import COURSES, Course, Person
from mentorai.plugins.sandbox.wire import Refused

REVIEW = f"{PAGE}/grades/<column>/<student>"
routes = Blueprint("messages", __name__)
routes.before_request(refuse_foreign_forms)


@routes.get(f"{REVIEW}/")
def show_review(person: str, course: str, column: str, student: str) -> str:
    """A page of the gradebook with a student's work in a frame."""
    who, where = enter(person, course)
    whose = _student(who, where, student)
    return render_template(
        "sandbox/message.html",
        person=who,
        course=where,
        title=f"{here().gradebook.get_column(where.id, column)['label']}: {whose.name}",
        address=url_for(
            "messages.launch_review", person=person, course=course, column=column, student=student
        ),
    )


@routes.get(f"{REVIEW}/launch")
def launch_review(person: str, course: str, column: str, student: str) -> str:
    """What that frame loads."""
    who, where = enter(person, course)
    whose = _student(who, where, student)
    house = here()
    kept = house.gradebook.get_column(where.id, column)
    items = house.platform.items(where)
    item = next((i for i in items if i.resource_link_id == kept.get("resourceLinkId")), items[0])
    claims = build_review(
        grade_claim(house.platform, where, item), column_url(house.platform, kept), kept, whose
    )
    back = url_for("pages.show_grades", person=who.id, course=where.id)
    return _forward(
        house.launches.begin(
            who, where, item, f"{house.platform.options.base_url}{back}", changes=claims
        )
    )


@routes.get("/as/<person>/privacy/")
def show_privacy(person: str) -> str:
    """What the tool keeps of a person, in a frame. `about`: of whom, for campus IT."""
    who = find_someone(person)
    return render_template(
        "sandbox/message.html",
        person=who,
        title="Privacy: what the mentor tool keeps",
        address=url_for(
            "messages.launch_privacy", person=person, about=request.args.get("about") or None
        ),
    )


@routes.get("/as/<person>/privacy/launch")
def launch_privacy(person: str) -> str:
    """What that frame loads."""
    who = find_someone(person)
    about = find_someone(request.args.get("about") or person)
    if about != who and who.kind != "it":
        raise Refused(403, "Only campus IT asks about others.")
    back = f"{here().platform.options.base_url}{url_for('pages.show_courses', person=who.id)}"
    # The course is one that the message does not name.
    course = COURSES[0]
    changes = build_privacy(about)
    return _forward(here().launches.begin(who, course, course.items[0], back, changes=changes))


@routes.post(f"{PAGE}/copy")
def copy(person: str, course: str) -> Response:
    """Copy a course, and tell the tool if it wants to hear of it."""
    _, where = enter(person, course, staff=True)
    copied = copy_course(here().platform, where)
    here().notice_handlers.tell_of_copy(copied)
    return redirect(url_for("pages.show_course", person=person, course=copied.id), 303)


def _forward(form: Form) -> str:
    return render_template("sandbox/forward.html", form=form)


def _student(who: Person, course: Course, student: str) -> Person:
    """Whose work it is: staff may look at every student's, a student at their own."""
    for someone in people_of(course, former=True):
        if someone.id == student and (who.is_staff or who.id == student):
            return someone
    raise Refused(403, "Only the people who teach this course may look at the work of others.")
