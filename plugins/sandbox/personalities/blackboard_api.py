"""Blackboard Learn's REST API by its documentation: tokens of two and three legs, a quota.

Courses and people are named by the ids of launches, as `uuid:`, or by the keys of Learn's database,
which look like `_4_1` and of which the addresses of its LTI services have the same.
"""

import json
from base64 import b64decode
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from itertools import islice
from urllib.parse import urlencode

from authlib.oauth2.rfc7636 import create_s256_code_challenge
from flask import Blueprint, Response, jsonify, redirect, request
from werkzeug.wrappers import Response as AnyResponse

from mentorai.core.identifiers import new_id
from mentorai.plugins.sandbox.memberships import Membership, list_memberships
from mentorai.plugins.sandbox.personalities.blackboard import name_preview
from mentorai.plugins.sandbox.platform import SandboxPlatform
from mentorai.plugins.sandbox.school import PEOPLE, PREVIEW, Course, Person
from mentorai.plugins.sandbox.shelf import Record
from mentorai.plugins.sandbox.told_ids import Kind, find_key
from mentorai.plugins.sandbox.wire import shorten

KEY, SECRET = "sandbox-rest-key", "sandbox-rest-secret"
OAUTH, API = "/learn/api/public/v1/oauth2", "/learn/api/public"
VIEW_USERS, MODIFY = "course.user.VIEW", "course.gradebook.MODIFY"
ROLES = {"student": "Student", "preview": "Student", "instructor": "Instructor",
         "assistant": "TeachingAssistant", "it": "CourseBuilder"}  # fmt: skip
# Two courses that were merged into one; who is in which.
SECTIONS = {"_31_1": "Monday", "_32_1": "Tuesday"}
IN_SECTION = {"maya": "_31_1", "tomas": "_32_1"}
# Where columns are that nobody put into another one.
CATEGORY = "_1_1"
TOKEN_SECONDS = 3600
View = Callable[..., Record]


class RestError(Exception):
    """A refusal as Learn words it."""

    def __init__(self, status: int, message: str, **headers: str) -> None:
        super().__init__(message)
        self.status, self.message, self.headers = status, message, headers


@dataclass
class RestSite:
    """What the administrator of this Learn set up, and what was asked of it.

    entitlements: of the integration's user. limit, used: the quota of calls; retry_after: what a
    call over it is told. tokens: access token -> the person it acts as, or empty. refresh_tokens,
    codes: as they were given, each good once. grants: what tokens were asked for with. person: who
    signs in and consents; None: declines. next_page: what lists name instead of their own next.
    """

    entitlements: set[str] = field(default_factory=lambda: {VIEW_USERS, MODIFY})
    limit: int = 10_000
    used: int = 0
    retry_after: int = 3_600
    tokens: dict[str, str] = field(default_factory=dict)
    refresh_tokens: dict[str, str] = field(default_factory=dict)
    codes: dict[str, Record] = field(default_factory=dict)
    grants: list[str] = field(default_factory=list)
    calls: list[str] = field(default_factory=list)
    person: Person | None = PEOPLE[3]
    next_page: str = ""


def make_api(platform: SandboxPlatform) -> Blueprint:
    """The routes of the REST API of one sandbox; `api.rest` is how it is set up."""
    api = Blueprint("blackboard_api", __name__)
    site = RestSite()
    api.rest = site  # type: ignore[attr-defined]
    _add_tokens(api, site, platform)
    _add_courses(api, site, platform)

    @api.errorhandler(RestError)
    def refuse(error: RestError) -> tuple[Response, int, dict[str, str]]:
        body = jsonify(status=error.status, message=error.message)
        headers = {name.replace("_", "-"): value for name, value in error.headers.items()}
        return body, error.status, headers

    return api


def _add_tokens(api: Blueprint, site: RestSite, platform: SandboxPlatform) -> None:
    @api.get(f"{OAUTH}/authorizationcode")
    def consent() -> AnyResponse:
        """Whoever is signed in allows it at once, or declines."""
        asked = request.args
        if asked.get("client_id") != KEY or asked.get("response_type") != "code":
            raise RestError(400, "Invalid client")
        answer = {"state": asked.get("state", "")}
        if site.person is None:
            answer["error"] = "access_denied"
        else:
            code = answer["code"] = new_id()
            site.codes[code] = {**asked.to_dict(), "person": site.person.sub}
        return redirect(f"{asked['redirect_uri']}?{urlencode(answer)}", 302)

    @api.post(f"{OAUTH}/token")
    def token() -> Response | tuple[Response, int]:
        pair = request.headers.get("Authorization", "").removeprefix("Basic ")
        if b64decode(pair + "==").decode() != f"{KEY}:{SECRET}":
            return jsonify(error="invalid_client", error_description="Invalid client"), 401
        asked = request.values.to_dict()
        site.grants.append(asked.get("grant_type", ""))
        given = _grant(site, asked)
        if given is None:
            return jsonify(error="invalid_grant", error_description="Not valid"), 400
        return jsonify(platform.ids.tell(given))


def _grant(site: RestSite, asked: dict[str, str]) -> Record | None:
    """What a token request is answered with; None if it is refused."""
    kind, subject, scope = asked.get("grant_type"), "", ""
    if kind == "authorization_code":
        code = site.codes.pop(asked.get("code", ""), None)
        proof = create_s256_code_challenge(asked.get("code_verifier", ""))
        if code is None or code["code_challenge"] != proof:
            return None
        if code["redirect_uri"] != asked.get("redirect_uri"):
            return None
        subject, scope = code["person"], code["scope"]
    elif kind == "refresh_token":
        found = site.refresh_tokens.pop(asked.get("refresh_token", ""), None)
        if found is None:
            return None
        subject, scope = found, "read write offline"
    access = new_id()
    site.tokens[access] = subject
    given: Record = {"access_token": access, "token_type": "bearer", "expires_in": TOKEN_SECONDS}
    if subject:
        given |= {"user_id": subject, "scope": scope}
    if "offline" in scope.split():
        refresh = given["refresh_token"] = new_id()
        site.refresh_tokens[refresh] = subject
    return given


def _add_courses(api: Blueprint, site: RestSite, platform: SandboxPlatform) -> None:
    learn = Learn(platform)
    columns = "/v2/courses/<course>/gradebook/columns"
    routes: tuple[tuple[str, str, str, View], ...] = (
        ("GET", "/v1/system/version", "", learn.show_version),
        ("GET", "/v1/users/<user>", "", learn.show_user),
        ("GET", "/v1/courses/<course>/users", VIEW_USERS, learn.show_members),
        ("GET", "/v1/courses/<course>/users/<user>", VIEW_USERS, learn.show_member),
        ("GET", "/v3/courses/<course>", "", learn.show_course),
        ("GET", columns, MODIFY, learn.show_columns),
        ("POST", columns, MODIFY, learn.add_column),
        ("GET", f"{columns}/<column>", MODIFY, learn.show_column),
        ("GET", f"{columns}/<column>/users", MODIFY, learn.show_grades),
        ("GET", f"{columns}/<column>/users/lastChanged", MODIFY, learn.show_last_change),
        ("PATCH", f"{columns}/<column>/users/<user>", MODIFY, learn.put_grade),
    )
    for method, path, needs, view in routes:
        name, serve = view.__name__, _serve(site, platform, needs, view)
        api.add_url_rule(f"{API}{path}", name, serve, methods=[method])


def _serve(
    site: RestSite, platform: SandboxPlatform, needs: str, view: View
) -> Callable[..., Response]:
    """A view that takes a token, an entitlement and one of the calls that are left."""

    def answer(**names: str) -> Response:
        _check(site, needs)
        site.calls.append(f"{request.method} {request.path}")
        body = platform.ids.tell(view(**names))
        if site.next_page and "results" in body:
            body["paging"] = {"nextPage": site.next_page}
        reply = jsonify(body)
        reply.headers["X-Rate-Limit-Limit"] = str(site.limit)
        reply.headers["X-Rate-Limit-Remaining"] = str(max(site.limit - site.used, 0))
        return reply

    return answer


def _check(site: RestSite, needs: str) -> None:
    token = request.headers.get("Authorization", "").removeprefix("Bearer ")
    if token not in site.tokens:
        raise RestError(401, "Bearer token is invalid")
    if site.used >= site.limit:
        raise RestError(429, "Too many requests", Retry_After=str(site.retry_after))
    site.used += 1
    if needs and needs not in site.entitlements:
        raise RestError(403, "User has insufficient privileges")


def _page(rows: Sequence[Record]) -> Record:
    """A page, with the path of the next one where there is more."""
    limit = min(request.args.get("limit", 100, type=int), 100)
    first = request.args.get("offset", 0, type=int)
    shown: Record = {"results": list(islice(rows, first, first + limit))}
    if first + limit < len(rows):
        query = urlencode({**request.args.to_dict(), "offset": first + limit})
        shown["paging"] = {"nextPage": f"{request.path}?{query}"}
    return shown


class Learn:
    """The courses, people and columns of one sandbox, as the API shows them."""

    def __init__(self, platform: SandboxPlatform) -> None:
        self._platform, self._shelf = platform, platform.shelf

    def show_version(self) -> Record:
        """Which Learn this is."""
        return {"learn": {"major": 3900, "minor": 98, "patch": 0, "build": "rel.1"}}

    def show_user(self, user: str) -> Record:
        """The person of `uuid:<sub>`, or of a key. Raises RestError."""
        found = [person for person in PEOPLE if self._is("person", person.sub, user)]
        if not found:
            raise RestError(404, "The specified user was not found")
        return _describe_user(found[0])

    def show_course(self, course: str) -> Record:
        """One course, or one that was merged into another. Raises RestError."""
        if course in SECTIONS:
            return {"courseId": f"BIO140-{course}", "name": SECTIONS[course]}
        found = self._get_course(course)
        return {"courseId": found.label, "name": found.title}

    def show_members(self, course: str) -> Record:
        """A page of the memberships of a course. Raises RestError."""
        return _page(self._list_members(course))

    def show_member(self, course: str, user: str) -> Record:
        """One membership. Raises RestError."""
        found = self._find_member(course, user)
        if found is None:
            raise RestError(404, "Membership not found")
        return found

    def show_columns(self, course: str) -> Record:
        """A page of the columns that were made by this API. Raises RestError."""
        mine = self._get_course(course).id
        return _page([_show(c) for c in self._shelf.list("rest_column") if c["course"] == mine])

    def add_column(self, course: str) -> Record:
        """A new column. Raises RestError if its externalId is taken."""
        body = json.loads(request.data)
        taken = [c["externalId"] for c in self._shelf.list("rest_column")]
        if body["externalId"] in taken:
            raise RestError(409, "A column with this external ID exists")
        found = self._get_course(course)
        created = self._platform.now().isoformat()
        column = body | {"id": find_key("column", new_id()), "course": found.id, "created": created}
        return _show(self._shelf.put("rest_column", column["id"], column))

    def show_column(self, course: str, column: str) -> Record:
        """A column by its id, or by `externalId:<id>`. Raises RestError."""
        return _show(self._get_column(course, column))

    def show_grades(self, course: str, column: str) -> Record:
        """A page of the grades of a column. Raises RestError."""
        return _page(self._list_grades(course, column))

    def show_last_change(self, course: str, column: str) -> Record:
        """The grade that changed last. Raises RestError while there is none."""
        rows = self._list_grades(course, column)
        if not rows:
            raise RestError(404, "Grade detail values have not yet been populated")
        return max(rows, key=lambda row: int(row["changeIndex"]))

    def put_grade(self, course: str, column: str, user: str) -> Record:
        """Somebody's grade, put down by hand. Raises RestError."""
        body, found = json.loads(request.data), self._get_column(course, column)
        member = self._find_member(course, user)
        if member is None or member["courseRoleId"] != "Student":
            raise RestError(404, "Grade detail values have not yet been populated")
        with self._shelf.lock:
            possible = found["score"]["possible"]
            index = 1 + max((g["changeIndex"] for g in self._shelf.list("rest_grade")), default=0)
            key = f"{found['id']}/{member['userId']}"
            grade = (self._shelf.find("rest_grade", key) or {}) | body
            grade |= {"userId": member["userId"], "columnId": found["id"], "status": "Graded"}
            text = str(shorten(body["score"]))
            shown = {"scaleType": "Score", "score": body["score"], "possible": possible}
            grade |= {"displayGrade": shown | {"text": text}, "text": text, "changeIndex": index}
            grade = {"exempt": False, "corrupt": False} | grade
            grade |= {"overridden": self._platform.now().isoformat()}
            return self._shelf.put("rest_grade", key, grade)

    def _find_member(self, course: str, user: str) -> Record | None:
        members = self._list_members(course)
        return next((m for m in members if self._is("person", m["user"]["uuid"], user)), None)

    def _list_members(self, course: str) -> list[Record]:
        found, where = [], self._get_course(course)
        # A preview user is a student like any other here; only the user name tells.
        previewing = Membership(PREVIEW, "Active")
        for each in (*list_memberships(self._platform, where), previewing):
            if each.status == "Deleted":
                continue
            row: Record = {
                "userId": find_key("person", each.person.sub),
                "courseId": find_key("course", where.context_id),
                "courseRoleId": ROLES[each.person.kind],
                "availability": {"available": "Yes" if each.status == "Active" else "No"},
                "user": _describe_user(each.person),
            }
            section = IN_SECTION.get(each.person.id)
            found.append(row | ({"childCourseId": section} if section else {}))
        return found

    def _list_grades(self, course: str, column: str) -> list[Record]:
        column_id = self._get_column(course, column)["id"]
        return [g for g in self._shelf.list("rest_grade") if g["columnId"] == column_id]

    def _get_course(self, name: str) -> Course:
        for course in self._platform.courses():
            if self._is("course", course.context_id, name):
                return course
        raise RestError(404, "The specified course was not found")

    def _is(self, kind: Kind, own: str, name: str) -> bool:
        """Whether a path names this person or course."""
        return name in (f"uuid:{self._platform.ids.tell(own)}", find_key(kind, own))

    def _get_column(self, course: str, name: str) -> Record:
        mine = self._get_course(course).id
        for column in self._shelf.list("rest_column"):
            names = (column["id"], f"externalId:{column['externalId']}")
            if column["course"] == mine and name in names:
                return column
        raise RestError(404, "The specified column was not found")


def _show(column: Record) -> Record:
    usual = {
        "displayName": column["name"],
        "externalGrade": False,
        "grading": {"type": "Manual"},
        "gradebookCategoryId": CATEGORY,
    }
    return usual | {name: value for name, value in column.items() if name != "course"}


def _describe_user(person: Person) -> Record:
    named = {
        "given_name": person.given,
        "family_name": person.family,
        **name_preview(person),
    }
    return {
        "id": find_key("person", person.sub),
        "uuid": person.sub,
        "userName": person.user_name,
        "name": {"given": named["given_name"], "family": named["family_name"]},
        "contact": {"email": person.email},
    }
