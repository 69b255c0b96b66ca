"""A resource: operations that each name the scope a key needs, described in OpenAPI."""

from collections.abc import Callable, Sequence
from enum import Enum
from http import HTTPStatus
from typing import Any

from flask import Flask, Response, current_app
from flask_openapi.blueprint import APIBlueprint
from flask_openapi.models.media_type import MediaType
from flask_openapi.models.tag import Tag
from flask_openapi.utils import parse_rule
from pydantic import BaseModel

from mentorai.web.api.admins import admit_admin, admit_if_admin
from mentorai.web.api.bodies import check_address, close_file, read_object, reject_fields
from mentorai.web.api.repeats import recall_answer, undo
from mentorai.web.auth import admit_key, name_mentor
from mentorai.web.framework import this_request

PREFIX = "/api/v1"
# What an address calls the mentor that it names: the short paths leave it to the key.
NAMED = "mentor"
View = Callable[..., Any]
Ways = list[dict[str, list[str]]]


class Callers(Enum):
    """Whom the short paths of a resource are for; where the address names a mentor, admins too."""

    KEYS = "keys"
    KEYS_AND_ADMINS = "keys and admins"
    ADMINS = "admins"


# Status -> the code that is usual with it, and when it comes.
PROBLEMS = {
    400: ("bad_request", "The request could not be understood."),
    401: ("key_invalid", "No key, or one that is unknown, expired or inactive."),
    403: ("scope_missing", "The key lacks the scope."),
    404: ("not_found", "There is no such thing in the key's mentor."),
    409: ("conflict", "It clashes with what is there."),
    412: ("precondition_failed", "It was changed since the state that If-Match names."),
    413: ("too_large", "Larger than what is taken here."),
    415: ("media_type_unsupported", "This kind of content is not taken here."),
    429: ("rate_limited", "More calls than the key may make; wait Retry-After seconds."),
    422: ("validation_failed", "Some of what was sent is not right; see `errors`."),
    500: ("internal_error", "Something went wrong here; it was noted."),
    502: ("model_error", "The language model did not answer as it should."),
    503: ("database_unavailable", "Busy at this moment; try again after Retry-After seconds."),
}
ADMIN_PROBLEMS = {
    400: ("bad_request", "Not to be understood; `csrf_failed`: without the header X-CSRF-Token."),
    401: ("key_expired", "The administrator's token is over, or is none."),
    403: ("admin_needed", "No admin is signed in here, or an API key came along."),
    404: ("not_found", "There is no such thing in your organization."),
}
ALWAYS = (400, 401, 403, 404, 422, 429, 500, 503)
WITH_BODY = (409, 412, 413, 415)


class Resource(APIBlueprint):
    """The operations on one kind of thing."""

    def __init__(self, name: str, description: str, callers: Callers = Callers.KEYS) -> None:
        super().__init__(
            f"api_{name}",
            __name__,
            url_prefix=PREFIX,
            abp_tags=[Tag(name=name, description=description)],
        )
        self.callers = callers
        self.before_request(_admit)
        self.teardown_request(close_file)
        self.teardown_request(undo)

    def operation(
        self,
        method: str,
        rule: str,
        *,
        scope: str | None,
        summary: str,
        returns: type[BaseModel] | dict[str, Any] | None,
        status: int = 200,
        problems: Sequence[int] = (),
        reads_json: bool = True,
        waits: bool = False,
        request_body: dict[str, Any] | None = None,
        also: dict[int, Any] | None = None,
        also_as: dict[str, str] | None = None,
    ) -> Callable[[View], View]:
        """Make a view the answer to `method` (lower case) on `rule`.

        scope: what the key needs; None: any living key. returns: the shape of the answer with
        `status`, None for 204. problems: statuses that can happen besides the usual ones.
        reads_json: whether the body is a JSON object; False: the view reads what was sent.
        waits: whether it may wait for more than the database, or takes long; one that does neither
        is one transaction where it may be repeated.
        also: other good answers by status. also_as: examples of the answer by media type, for
        the types it can have besides JSON.
        """
        takes_body = method in ("post", "put", "patch")
        failing = sorted({*ALWAYS, *(WITH_BODY if takes_body else ()), *problems})
        problems_here = {code: _problem(code, self.callers) for code in failing}
        responses = {status: returns} | (also or {}) | problems_here
        options: dict[str, Any] = {"request_body": request_body} if request_body else {}

        def decorate(view: View) -> View:
            view.route = f"{method.upper()} {rule}"  # type: ignore[attr-defined]
            view.scope = scope  # type: ignore[attr-defined]
            view.reads_json = takes_body and reads_json  # type: ignore[attr-defined]
            view.reads_query = "query" in view.__annotations__  # type: ignore[attr-defined]
            view.waits = waits  # type: ignore[attr-defined]
            view.callers = self.callers  # type: ignore[attr-defined]
            made: View = getattr(self, method)(
                rule,
                summary=summary,
                description=_describe(view, scope),
                operation_id=view.__name__,
                security=_name_ways(self.callers, scope, method),
                responses=responses,
                # Many clients drop the body, or the key, where they are led on.
                strict_slashes=False,
                **options,
            )(view)
            operation = getattr(self.paths[parse_rule(rule, PREFIX)], method)
            for media_type, example in (also_as or {}).items():
                operation.responses[str(status)].content[media_type] = MediaType.model_validate(
                    {"schema": {"type": "string"}, "example": example}
                )
            return made

        return decorate

    def mount_in_mentors(self, app: Flask) -> None:
        """Answer under /mentors/{mentor}/... as well, where the address names the mentor.

        The description has each operation once, by its short path.
        """
        prefix = f"{PREFIX}/mentors/<{NAMED}>"
        app.register_blueprint(self, name=f"{self.name}_of_mentor", url_prefix=prefix)


def _name_ways(callers: Callers, scope: str | None, method: str) -> Ways:
    """How a caller may say who they are, as OpenAPI's `security` has it."""
    needed: list[str] = [scope] if scope else []
    by_key: Ways = [{"KeyAuth": needed}, {"KeyHeader": needed}]
    cookie = ("AdminSession",) if method == "get" else ("AdminSession", "AdminPage")
    by_admin: Ways = [{"AdminToken": []}, {name: [] for name in cookie}]
    return {
        Callers.KEYS: by_key,
        Callers.KEYS_AND_ADMINS: by_key + by_admin,
        Callers.ADMINS: by_admin,
    }[callers]


def _problem(status: int, callers: Callers) -> dict[str, Any]:
    known = PROBLEMS | (ADMIN_PROBLEMS if callers is Callers.ADMINS else {})
    code, sentence = known[status]
    example = {
        "type": f"urn:mentorai:error:{code}",
        "title": HTTPStatus(status).phrase,
        "status": status,
        "detail": sentence,
        "code": code,
        "request_id": "7KQ2-XM4D-90TZ",
    }
    schema = {"$ref": "#/components/schemas/Problem"}
    content = {"application/problem+json": {"schema": schema, "example": example}}
    return {"description": sentence, "content": content}


def _describe(view: View, scope: str | None) -> str:
    text = " ".join((view.__doc__ or "").split())
    return f"{text} Needs the scope `{scope}`." if scope else text


def _admit() -> Response | None:
    asked = this_request()
    view: Any = current_app.view_functions[asked.endpoint or ""]
    method = asked.method
    if method == "OPTIONS":
        return None
    named = (asked.view_args or {}).pop(NAMED, None)
    _admit_caller(view, is_named=named is not None)
    if named is not None:
        name_mentor(named)
    check_address()
    if asked.query_string and not view.reads_query:
        # Of an address whose view reads it, its shape says what there is.
        reject_fields(asked.args)
    if view.reads_json:
        read_object()
    return recall_answer(is_whole=not view.waits) if method == "POST" else None


def _admit_caller(view: Any, *, is_named: bool) -> None:
    if view.callers is Callers.ADMINS:
        admit_admin()
    elif not ((is_named or view.callers is Callers.KEYS_AND_ADMINS) and admit_if_admin()):
        admit_key(view.scope, view.route)
