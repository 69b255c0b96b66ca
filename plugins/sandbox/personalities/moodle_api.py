"""Moodle's web services as a Moodle 4.5 was seen to answer them.

Every answer is HTTP 200, XML unless JSON is asked for. Grades are taken without a word for whoever
they are, and for items that are not there. Ids are those of the sandbox's launches, as Moodle's web
services use the ids of its launches, too.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import islice
from typing import Any

from flask import Blueprint, Response, jsonify, request

from mentorai.plugins.sandbox.groups import GROUPS
from mentorai.plugins.sandbox.memberships import Membership, list_memberships
from mentorai.plugins.sandbox.platform import SandboxPlatform
from mentorai.plugins.sandbox.school import Course, Person
from mentorai.plugins.sandbox.shelf import Record

TOKEN = "0123456789abcdef0123456789abcdef"  # noqa: S105 - what a try-out is for
ROLES = {"student": "student", "instructor": "editingteacher", "assistant": "teacher",
         "it": "manager"}  # fmt: skip
SITE_INFO = "core_webservice_get_site_info"
REPORT = "gradereport_user_get_grade_items"
OK, ITEM_LOCKED = 0, 4


class MoodleError(Exception):
    """Something went wrong, as Moodle words it."""

    def __init__(self, error_code: str, kind: str = "moodle_exception") -> None:
        super().__init__(error_code)
        self.body = {"exception": kind, "errorcode": error_code, "message": error_code}


@dataclass
class WebServices:
    """What an administrator of this Moodle set up.

    functions: those of the token's service; None: all. trouble: an error code that every call ends
    in. is_off: the REST protocol is switched off. lacking: functions that are in the service, and
    whose capabilities the token's user has not. sees_activities: whether that user has
    mod/lti:view; Moodle leaves their columns out of reports if not. calls: the functions that
    were called.
    """

    token: str = TOKEN
    functions: Sequence[str] | None = None
    trouble: str = ""
    is_off: bool = False
    lacking: Sequence[str] = ()
    sees_activities: bool = True
    calls: list[str] = field(default_factory=list)


def make_api(platform: SandboxPlatform) -> Blueprint:
    """The routes of the web services of one sandbox; `api.web_services` is how they are set up.

    And the page that a launch of somebody who is not in the course ends at.
    """
    api = Blueprint("moodle_api", __name__)
    site = WebServices()
    functions = MoodleFunctions(platform)
    api.web_services = site  # type: ignore[attr-defined]

    @api.post("/webservice/rest/server.php")
    def serve() -> Response:
        if site.is_off:
            return Response("REST protocol is disabled", 403)
        form = request.form.to_dict()
        as_json = form.pop("moodlewsrestformat", "") == "json"
        try:
            answer = _answer(site, functions, form)
        except MoodleError as error:
            answer = error.body
        if not as_json:
            xml = '<?xml version="1.0" encoding="UTF-8" ?><RESPONSE></RESPONSE>'
            return Response(xml, mimetype="application/xml")
        return jsonify(answer)

    @api.get("/enrol/index.php")
    def show_enrolment() -> str:
        return "<!DOCTYPE html><title>Enrolment options</title><h1>Enrolment options</h1>"

    return api


def _answer(site: WebServices, functions: "MoodleFunctions", form: dict[str, str]) -> object:
    if form.pop("wstoken", "") != site.token:
        raise MoodleError("invalidtoken")
    if site.trouble:
        raise MoodleError(site.trouble)
    name = form.pop("wsfunction", "")
    known = functions.by_name()
    if name not in known:
        raise MoodleError("invalidrecord", "dml_missing_record_exception")
    if site.functions is not None and name not in site.functions:
        raise MoodleError("accessexception", "webservice_access_exception")
    if name in site.lacking:
        raise MoodleError("nopermissions", "required_capability_exception")
    site.calls.append(name)
    answer = functions.tell(known[name](_unflatten(form)))
    if name == REPORT and not site.sees_activities:
        _leave_activities_out(answer)
    if name == SITE_INFO and isinstance(answer, dict):
        offered = known if site.functions is None else site.functions
        answer["functions"] = [{"name": each, "version": "2024100705"} for each in offered]
    return answer


def _leave_activities_out(report: Any) -> None:
    for person in report["usergrades"]:
        person["gradeitems"] = [i for i in person["gradeitems"] if i["itemtype"] != "mod"]


class MoodleFunctions:
    """The functions that there are, over the sandbox's own courses and gradebook."""

    def __init__(self, platform: SandboxPlatform) -> None:
        self._platform = platform
        self._shelf = platform.shelf

    def by_name(self) -> Mapping[str, Callable[[Mapping[str, Any]], object]]:
        """Every function by its name."""
        return {
            SITE_INFO: self.describe_site,
            "core_enrol_get_enrolled_users": self.list_people,
            "core_course_get_course_module_by_instance": self.find_module,
            "core_grades_update_grades": self.update_grades,
            REPORT: self.report,
        }

    def tell(self, answer: object) -> object:
        """An answer as it goes over the wire, where ids that are numbers are JSON numbers."""
        return self._platform.ids.tell(answer, bare=True)

    def describe_site(self, _asked: Mapping[str, Any]) -> Record:
        """core_webservice_get_site_info, but for the functions."""
        return {
            "sitename": "Harbour College",
            "username": "mentorai-service",
            "siteurl": self._platform.options.base_url,
            "release": "4.5.5+ (Build: 20250613)",
        }

    def list_people(self, asked: Mapping[str, Any]) -> list[Record]:
        """core_enrol_get_enrolled_users, a page of it."""
        course = self._get_course(asked.get("courseid"))
        wanted = {o["name"]: o["value"] for o in asked.get("options", {}).values()}
        people = [
            _describe_person(course, each)
            for each in list_memberships(self._platform, course)
            if each.status == "Active" or (each.status == "Inactive" and not wanted["onlyactive"])
        ]
        first = int(wanted.get("limitfrom", 0))
        number = int(wanted.get("limitnumber", 0)) or None
        return list(islice(people, first, number and first + number))

    def find_module(self, asked: Mapping[str, Any]) -> Record:
        """core_course_get_course_module_by_instance."""
        wanted = self._platform.ids.read("link", asked.get("instance"))
        for course in self._platform.courses():
            for item in self._platform.items(course):
                if item.is_link and item.resource_link_id == wanted:
                    module = {"id": item.id, "course": course.context_id, "modname": "lti"}
                    return {"cm": module | {"instance": item.resource_link_id}, "warnings": []}
        raise MoodleError("invalidcoursemodule")

    def update_grades(self, asked: Mapping[str, Any]) -> int:
        """core_grades_update_grades: 0, whatever became of it, but for a locked item."""
        course = self._get_course(asked.get("courseid"))
        item = self._platform.find_item(course, str(asked.get("activityid")))
        if item is None:
            raise MoodleError("invalidcoursemodule")
        column = self._find_column(item.resource_link_id)
        if column is None:
            return OK
        if column.get("locked"):
            return ITEM_LOCKED
        known = {e.person.sub for e in list_memberships(self._platform, course)}
        for grade in asked.get("grades", {}).values():
            student = self._platform.ids.read("person", grade["studentid"])
            if student in known:
                self._put(column, student, float(grade["grade"]))
        return OK

    def report(self, asked: Mapping[str, Any]) -> Record:
        """gradereport_user_get_grade_items of one person, or of all."""
        course = self._get_course(asked.get("courseid"))
        students = [
            each.person
            for each in list_memberships(self._platform, course)
            if each.status == "Active" and each.person.kind == "student"
        ]
        wanted = str(asked.get("userid", "0"))
        own_id = self._platform.ids.read("person", wanted)
        people = [p for p in students if wanted == "0" or p.sub == own_id]
        if wanted != "0" and not people:
            raise MoodleError("usernotincourse")
        shown = [self._describe_grades(course, person) for person in people]
        return {"usergrades": shown, "warnings": []}

    def _put(self, column: Record, subject: str, given: float) -> None:
        with self._shelf.lock:
            key = f"{column['id']}/{subject}"
            last = self._shelf.find("result", key) or {"comment": ""}
            if last.get("overridden"):
                return
            moment = self._platform.now().isoformat()
            # Not rescaled: points of the column's own maximum, and no more than that.
            given = min(max(given, 0.0), column["scoreMaximum"])
            facts = {"line_item": column["id"], "user_id": subject, "at": moment, "given": given}
            facts |= {"received": moment, "maximum": column["scoreMaximum"]}
            self._shelf.put("result", key, last | facts)

    def _describe_grades(self, course: Course, person: Person) -> Record:
        items = []
        for item in self._platform.items(course):
            column = self._find_column(item.resource_link_id)
            if column is None:
                continue
            result = self._shelf.find("result", f"{column['id']}/{person.sub}") or {}
            items.append(
                {
                    "id": column["id"],
                    "itemname": column["label"],
                    "itemtype": "mod",
                    "itemmodule": "lti",
                    "iteminstance": item.resource_link_id,
                    "itemnumber": 0,
                    "cmid": item.id,
                    "graderaw": result.get("given"),
                    "grademin": 0,
                    "grademax": column["scoreMaximum"],
                    "gradeisoverridden": bool(result.get("overridden")),
                    "gradeislocked": bool(column.get("locked")),
                }
            )
        items.append({"id": "total", "itemtype": "course", "graderaw": None, "grademax": 100})
        return {
            "courseid": course.context_id,
            "userid": person.sub,
            "userfullname": person.name,
            "gradeitems": items,
        }

    def _find_column(self, resource_link_id: str) -> Record | None:
        columns = self._shelf.list("line_item")
        return next((c for c in columns if c.get("resourceLinkId") == resource_link_id), None)

    def _get_course(self, course_id: object) -> Course:
        own_id = self._platform.ids.read("course", course_id)
        for course in self._platform.courses():
            if own_id == course.context_id or course_id == course.id:
                return course
        raise MoodleError("invalidrecord", "dml_missing_record_exception")


def _describe_person(course: Course, membership: Membership) -> Record:
    person = membership.person
    mine = [g for g in GROUPS if g.course == course.id and person.id in g.members]
    return {
        "id": person.sub,
        "fullname": person.name,
        "email": person.email,
        "roles": [{"shortname": ROLES[person.kind]}],
        "groups": [{"id": group.id, "name": group.name} for group in mine],
    }


def _unflatten(form: Mapping[str, str]) -> dict[str, Any]:
    """`grades[0][studentid]` as PHP makes arrays of it; numbers stay texts, as keys do."""
    found: dict[str, Any] = {}
    for name, value in form.items():
        *outer, last = name.replace("]", "").split("[")
        place = found
        for key in outer:
            place = place.setdefault(key, {})
        place[last] = int(value) if value.isascii() and value.isdigit() else value
    return found
