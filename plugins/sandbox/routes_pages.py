"""The pages that people see: who you are, courses, items, gradebook, roster.

There are no passwords and no cookies here: the person is part of the address (`/as/maya/...`), so a
student and a teacher can be open side by side in one browser.
"""

from collections.abc import Sequence
from datetime import datetime

from flask import Blueprint, current_app, redirect, render_template, request, url_for
from werkzeug.wrappers import Response

from mentorai.plugins.sandbox.fetched_files import find_file
from mentorai.plugins.sandbox.house import House
from mentorai.plugins.sandbox.personalities.traits import ToolAddresses
from mentorai.plugins.sandbox.platform import describe_platform, people_of
from mentorai.plugins.sandbox.school import PEOPLE, PREVIEW, Course, Item, Person, find_person
from mentorai.plugins.sandbox.shelf import Record
from mentorai.plugins.sandbox.wire import Refused

PAGE = "/as/<person>/courses/<course>"
routes = Blueprint("pages", __name__)


def here() -> House:
    """The rooms of the application that answers this request."""
    house: House = current_app.extensions["sandbox"]
    return house


@routes.get("/")
def show_people() -> str:
    """Who are you?"""
    return render_template("sandbox/people.html", people=PEOPLE)


@routes.get("/as/<person>/")
def show_courses(person: str) -> str:
    """The courses that a person is in; campus IT sees all."""
    who = find_someone(person)
    courses = here().platform.courses()
    mine = [c for c in courses if who.id in c.members or who.kind in ("it", "preview")]
    return render_template("sandbox/courses.html", person=who, courses=mine)


@routes.get(f"{PAGE}/")
def show_course(person: str, course: str) -> str:
    """The modules of a course."""
    who, where = enter(person, course)
    modules: dict[str, list[Item]] = {}
    for item in here().platform.items(where):
        modules.setdefault(item.module, []).append(item)
    tied = {column.get("resourceLinkId") for column in here().gradebook.columns(where)}
    now = here().platform.now()
    return render_template(
        "sandbox/course.html",
        closed={item.id for items in modules.values() for item in items if not item.is_open(now)},
        person=who,
        course=where,
        modules=modules,
        graded=tied,
        added=request.args.get("added", type=int),
    )


@routes.get(f"{PAGE}/items/<item>/")
def show_item(person: str, course: str, item: str) -> str:
    """A page of the course with the tool in a frame."""
    who, where = enter(person, course)
    what = _link(who, where, item)
    return render_template("sandbox/item.html", person=who, course=where, item=what)


@routes.get("/storage/")
def show_storage() -> str:
    """What stands beside the tool's frame and keeps things for it."""
    return render_template("sandbox/storage.html")


@routes.get(f"{PAGE}/items/<item>/launch")
def launch(person: str, course: str, item: str) -> str:
    """What the frame loads: the login initiation, sent on by the browser."""
    who, where = enter(person, course)
    path = url_for("pages.show_course", person=who.id, course=where.id)
    back = f"{here().platform.options.base_url}{path}"
    form = here().launches.begin(who, where, _link(who, where, item), back)
    return render_template("sandbox/forward.html", form=form)


@routes.get(f"{PAGE}/items/<item>/file")
def send_kept(person: str, course: str, item: str) -> Response:
    """The file of an item, as the tool gave it."""
    _, where = enter(person, course)
    what = _item(where, item)
    found = find_file(here().platform, what)
    if found is None:
        raise Refused(404, "There is no file in this item.")
    answer = Response(found.data, content_type=found.media_type)
    answer.headers.set("Content-Disposition", "attachment", filename=what.title)
    return answer


@routes.post(f"{PAGE}/items/<item>/remove")
def remove_item(person: str, course: str, item: str) -> Response:
    """Take an added item out of its course."""
    who, where = enter(person, course, staff=True)
    if not _item(where, item).added:
        raise Refused(403, "This item came with the course and stays.")
    here().platform.shelf.remove("item", item)
    return redirect(url_for("pages.show_course", person=who.id, course=where.id), 303)


@routes.get(f"{PAGE}/add/")
def show_picker(person: str, course: str) -> str:
    """The tool's content picker in a frame."""
    who, where = enter(person, course, staff=True)
    return render_template("sandbox/add.html", person=who, course=where)


@routes.get(f"{PAGE}/add/launch")
def launch_picker(person: str, course: str) -> str:
    """What that frame loads: a content selection begins."""
    who, where = enter(person, course, staff=True)
    form = here().deep_links.begin(who, where)
    return render_template("sandbox/forward.html", form=form)


@routes.get(f"{PAGE}/grades/")
def show_grades(person: str, course: str) -> str:
    """The gradebook: all students for staff, their own row for a student."""
    who, where = enter(person, course)
    students = [p for p in people_of(where) if p.kind == "student"]
    shown = [who] if who.kind in ("student", "preview") else students
    columns = here().gradebook.columns(where)
    return render_template(
        "sandbox/grades.html",
        person=who,
        course=where,
        columns=columns,
        rows=[(student, _results(columns, student)) for student in shown],
    )


@routes.get(f"{PAGE}/people/")
def show_members(person: str, course: str) -> str:
    """Who is in the course."""
    who, where = enter(person, course)
    return render_template(
        "sandbox/members.html", person=who, course=where, members=people_of(where)
    )


@routes.get("/as/<person>/tool/")
def show_tool(person: str) -> str:
    """What campus IT needs to register the tool."""
    return render_template(
        "sandbox/tool.html",
        person=find_someone(person),
        description=describe_platform(here().platform.options),
        registered=here().tool_registrations.list(),
    )


@routes.post("/as/<person>/tool/<client_id>/activate")
def activate_tool(person: str, client_id: str) -> Response:
    """Send launches to a tool that registered itself."""
    who = _it_person(person)
    here().tool_registrations.activate(client_id)
    return redirect(url_for("pages.show_tool", person=who.id), 303)


@routes.get("/as/<person>/tool/new/")
def show_tool_form(person: str) -> str:
    """Where what the tool says of itself is entered by hand."""
    return render_template("sandbox/tool_form.html", person=_it_person(person))


@routes.post("/as/<person>/tool/new/")
def add_tool(person: str) -> Response:
    """A tool is added by hand."""
    who = _it_person(person)
    here().tool_registrations.add(_read_tool(request.form.to_dict()))
    return redirect(url_for("pages.show_tool", person=who.id), 303)


def _read_tool(form: dict[str, str]) -> ToolAddresses:
    """Raises Refused (422) for JSON that describes no tool."""
    read_json = here().platform.personality.read_json
    if read_json is None:
        names = ("name", "login_url", "redirect_url", "keyset_url")
        return ToolAddresses(*(form.get(name, "") for name in names))
    try:
        return read_json(form.get("json", ""))
    except ValueError as error:
        raise Refused(422, f"This JSON describes no tool. {error}") from error


@routes.get("/as/<person>/tool/add/")
def show_registration(person: str) -> str:
    """Where a tool's registration link is pasted, and then opened in a frame."""
    link, again = request.args.get("link", ""), request.args.get("again", "")
    return render_template(
        "sandbox/register.html",
        person=_it_person(person),
        again=again,
        address=here().tool_registrations.begin(link, again) if link else "",
    )


def show_refusal(refusal: Refused) -> tuple[str, int, dict[str, str]]:
    """A refusal as a page."""
    page = render_template("sandbox/refused.html", refusal=refusal)
    return page, refusal.status, refusal.headers


@routes.before_request
def refuse_foreign_forms() -> None:
    """Forms of these pages are sent from these pages. Raises Refused (403)."""
    site = request.headers.get("Sec-Fetch-Site", "same-origin")
    if request.method not in ("GET", "HEAD") and site not in ("same-origin", "none"):
        raise Refused(403, "This form was sent from another site.")


@routes.app_template_filter("moment")
def show_time(text: str) -> str:
    """An ISO 8601 instant as people read it."""
    moment = datetime.fromisoformat(text)
    return f"{moment.day} {moment:%b %Y, %H:%M:%S} UTC"


@routes.app_template_filter("points")
def show_points(value: float | None) -> str:
    """Points without needless digits."""
    return "–" if value is None else f"{value:.2f}".rstrip("0").rstrip(".")


def _results(columns: Sequence[Record], student: Person) -> list[Record | None]:
    return [here().gradebook.find_result(column["id"], student.sub) for column in columns]


def find_someone(person_id: str) -> Person:
    """The person with this short name. Raises Refused (404)."""
    person = find_person(person_id)
    if person_id == PREVIEW.id and here().platform.personality.launches.previews:
        return PREVIEW
    if person is None:
        raise Refused(404, "There is no such person at the college.")
    return person


def _it_person(person_id: str) -> Person:
    person = find_someone(person_id)
    if person.kind != "it":
        raise Refused(403, "Only campus IT may do this.")
    return person


def enter(person_id: str, course_id: str, *, staff: bool = False) -> tuple[Person, Course]:
    """The person in the course. Raises Refused: 404 unknown, 403 not a member or not staff."""
    person, course = find_someone(person_id), here().platform.find_course(course_id)
    if course is None:
        raise Refused(404, "There is no such course.")
    if person.id not in course.members and person.kind not in ("it", "preview"):
        raise Refused(403, f"{person.name} is not in this course.")
    if staff and not person.is_staff:
        raise Refused(403, "Only the people who teach this course may do this.")
    return person, course


def _item(course: Course, item_id: str) -> Item:
    item = here().platform.find_item(course, item_id)
    if item is None:
        raise Refused(404, "There is no such item in this course.")
    return item


def _link(person: Person, course: Course, item_id: str) -> Item:
    """A resource link that this person may open now.

    Raises Refused: 404, 403 while it is closed or hidden from students.
    """
    item = _item(course, item_id)
    if not item.is_link:
        raise Refused(404, "There is nothing to open in this item.")
    if not person.is_staff and not item.is_open(here().platform.now()):
        raise Refused(403, "This item is not open to students at this time.")
    if not person.is_staff and here().platform.is_hidden(item):
        raise Refused(403, "This item is hidden from students.")
    return item
