"""Canvas' own API, beside LTI: OAuth 2.0, grades for many at once, enrolments, and a bucket.

It refuses as Canvas does: an array under `errors`, 401 with WWW-Authenticate for a token and
without it for a right, 403 in plain text when the bucket is full.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from flask import Blueprint, Response, current_app, redirect, request

from mentorai.plugins.sandbox.personalities.canvas_oauth import CanvasOAuth
from mentorai.plugins.sandbox.personalities.canvas_rest import CanvasCourses
from mentorai.plugins.sandbox.platform import SandboxPlatform
from mentorai.plugins.sandbox.school import find_person
from mentorai.plugins.sandbox.shelf import Record
from mentorai.plugins.sandbox.wire import Refused, Reply, is_digits

HIGH_WATER, COST = 600.0, 1.0
LARGEST_PAGE = 100
COURSE = "/api/v1/courses/<int:course>"
ASSIGNMENT = f"{COURSE}/assignments/<int:number>"
# The scope of a developer key for each address: Canvas' own names of its parameters.
SCOPES = {
    "who": "url:GET|/api/v1/users/:id",
    "assignment": "url:GET|/api/v1/courses/:course_id/assignments/:id",
    "submissions": "url:GET|/api/v1/courses/:course_id/assignments/:assignment_id/submissions",
    "update_grades": "url:POST|/api/v1/courses/:course_id/assignments/:assignment_id/submissions"
    "/update_grades",
    "progress": "url:GET|/api/v1/progress/:id",
    "enrollments": "url:GET|/api/v1/courses/:course_id/enrollments",
    "sections": "url:GET|/api/v1/courses/:course_id/sections",
}
TEACHER = "ruth"


class CanvasRoutes(Blueprint):
    """The routes of one Canvas' API. server: where they lead."""

    server: "CanvasServer"


class CanvasServer:
    """One Canvas' API. Switches: left (of the bucket), may_grade, page_size, calls (a log)."""

    def __init__(self, platform: SandboxPlatform) -> None:
        teacher = find_person(TEACHER)
        if teacher is None:
            raise LookupError(TEACHER)
        self.courses = CanvasCourses(platform)
        self.oauth = CanvasOAuth(platform, self.courses.number_of(teacher), teacher.name)
        self.left = HIGH_WATER
        self.may_grade = True
        self.page_size = LARGEST_PAGE
        self.calls: list[str] = []

    def make_routes(self) -> CanvasRoutes:
        """The blueprint."""
        routes = CanvasRoutes("canvas_api", __name__)
        routes.server = self
        routes.add_url_rule("/login/oauth2/auth", "consent", self.consent)
        routes.add_url_rule("/login/oauth2/token", "token", self.token, methods=["POST"])
        routes.add_url_rule("/login/oauth2/token", "gone", self.withdraw, methods=["DELETE"])
        views: Mapping[str, tuple[str, Callable[..., Any]]] = {
            "who": ("/api/v1/users/self", self.who),
            "assignment": (ASSIGNMENT, self.courses.show_assignment),
            "submissions": (f"{ASSIGNMENT}/submissions", self.courses.list_submissions),
            "progress": ("/api/v1/progress/<int:job_id>", self.courses.poll),
            "enrollments": (f"{COURSE}/enrollments", self.courses.list_enrollments),
            "sections": (f"{COURSE}/sections", self.courses.list_sections),
        }
        for name, (path, view) in views.items():
            routes.add_url_rule(path, name, self._guard(name, view))
        path = f"{ASSIGNMENT}/submissions/update_grades"
        update = self._guard("update_grades", self.update_grades)
        routes.add_url_rule(path, "update_grades", update, methods=["POST"])
        return routes

    def consent(self) -> Any:
        """The teacher agrees at once."""
        try:
            return redirect(self.oauth.begin(request.args.to_dict()))
        except Refused as error:
            return Response(error.message, error.status, mimetype="text/plain")

    def token(self) -> Any:
        """An access token; LTI's come from the same address."""
        if request.form.get("grant_type") == "client_credentials":
            return current_app.view_functions["lti.token"]()
        return _send(self.oauth.issue(request.form.to_dict()))

    def withdraw(self) -> Response:
        """The end of a sign-in."""
        try:
            return _send(self.oauth.withdraw(request.headers.get("Authorization", "")))
        except Refused as error:
            return _refuse(error)

    def who(self) -> Record:
        """Who signed in."""
        person = find_person(TEACHER)
        return {"id": self.oauth.visitor, "name": person.name if person else ""}

    def update_grades(self, course: int, number: int) -> Record:
        """Many grades at once."""
        if not self.may_grade:
            raise Refused(403, "user not authorized to perform that action")
        form = request.form.to_dict()
        return self.courses.update_grades(course, number, form, self.oauth.visitor)

    def _guard(self, name: str, view: Callable[..., Any]) -> Callable[..., Response]:
        def guarded(**parts: int) -> Response:
            self.calls.append(name)
            if not request.headers.get("User-Agent"):
                return Response("User-Agent required", 403, mimetype="text/plain")
            if self.left < COST:
                head = {"X-Rate-Limit-Remaining": "0.0"}
                text = "403 Forbidden (Rate Limit Exceeded)"
                return Response(text, 403, head, mimetype="text/plain")
            try:
                self.oauth.check(request.headers.get("Authorization", ""), SCOPES[name])
                found = view(**parts)
                answer = self._page(found) if isinstance(found, list) else _send(Reply.of(found))
            except Refused as error:
                answer = _refuse(error)
            self.left -= COST
            answer.headers["X-Rate-Limit-Remaining"] = str(self.left)
            answer.headers["X-Request-Cost"] = str(COST)
            return answer

        return guarded

    def _page(self, rows: Sequence[Record]) -> Response:
        """A page, and how to go on: an address that says nothing of itself."""
        asked = request.args.get("per_page", "10")
        size = min(int(asked) if is_digits(asked) else 10, self.page_size)
        first = int(request.args.get("page", "bookmark:0").rpartition(":")[2])
        answer = _send(Reply.of(list(rows[first : first + size])))
        links = {"current": first, "first": 0}
        links |= {"next": first + size} if first + size < len(rows) else {}
        answer.headers["Link"] = ",".join(
            f'<{request.base_url}?page=bookmark:{start}&per_page={size}>; rel="{relation}"'
            for relation, start in links.items()
        )
        return answer


def _refuse(error: Refused) -> Response:
    body: Record = {"errors": [{"message": error.message}]}
    if error.status == 401 and error.message.startswith("user auth"):
        body["status"] = "unauthenticated"
    return _send(Reply.of(body, status=error.status, headers=error.headers))


def _send(reply: Reply) -> Response:
    return Response(reply.body, reply.status, dict(reply.headers), mimetype=reply.media_type)
