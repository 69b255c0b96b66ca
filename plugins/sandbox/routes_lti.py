"""What the tool calls, and what the browser brings from the tool."""

import socket
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import wraps
from typing import Any

from flask import Blueprint, Flask, Response, g, make_response, render_template, request
from werkzeug.exceptions import MethodNotAllowed

from mentorai.core.clock import now
from mentorai.plugins.sandbox.faults import Fault
from mentorai.plugins.sandbox.grades import LINE_ITEM_TYPE
from mentorai.plugins.sandbox.groups import list_groups, list_sets
from mentorai.plugins.sandbox.members import list_members
from mentorai.plugins.sandbox.notices import SCOPE as NOTICE_HANDLERS
from mentorai.plugins.sandbox.oidc import (
    GROUPS_READ,
    LINE_ITEM,
    LINE_ITEM_READ,
    MEMBERS_READ,
    RESULT_READ,
    SCORE,
    Form,
)
from mentorai.plugins.sandbox.on_demand import describe, find_by_title, make, read_placement
from mentorai.plugins.sandbox.personalities import PERSONALITIES
from mentorai.plugins.sandbox.personalities.traits import Addresses
from mentorai.plugins.sandbox.platform import Received
from mentorai.plugins.sandbox.routes_pages import here, show_refusal
from mentorai.plugins.sandbox.wire import Call, Refused, Reply

IN_A_BROWSER = ("auth", "deep_link")
# What no LMS counts as a call of the tool.
UNCOUNTED = (*IN_A_BROWSER, "jwks", "openid_configuration", "registration")
routes = Blueprint("lti", __name__, url_prefix="/lti")


def endpoint(name: str) -> Callable[[Callable[..., Reply | str]], Callable[..., Response]]:
    """Make a view misbehave when it was told to, and note down what it was asked.

    The view gets our own ids of the course and the column that the address names.
    """

    def wrap(view: Callable[..., Reply | str]) -> Callable[..., Response]:
        @wraps(view)
        def answer(**names: str) -> Response:
            own = here().platform.ids.read_address(names)
            return _answer(name, lambda: view(**own))

        return answer

    return wrap


@routes.get("/jwks.json")
@endpoint("jwks")
def jwks(client_id: str = "") -> Reply:
    """The platform's public keys; client_id: of a portal that has an address for each tool."""
    platform = here().platform
    if client_id not in ("", platform.options.client_id):
        raise Refused(404, "There is no such application.")
    keys = platform.keys.published(names_alg=platform.personality.launches.names_alg)
    return Reply.of(keys, headers={"Cache-Control": "max-age=300"})


@routes.route("/auth", methods=["GET", "POST"])
@endpoint("auth")
def auth() -> str:
    """The OIDC authentication request of a launch under way."""
    asked = (request.form if request.method == "POST" else request.args).to_dict()
    fault = next((fault for fault in g.faults if fault.kind == "error"), None)
    form = (not fault and _repost(asked)) or here().launches.authenticate(asked, fault)
    return render_template("sandbox/forward.html", form=form)


@routes.route("/token", methods=["GET", "POST"])
@endpoint("token")
def token() -> Reply:
    """An access token for the tool."""
    if request.method == "GET" and not here().platform.personality.tokens.answers_get:
        raise MethodNotAllowed(["POST"])
    return here().tokens.issue(request.form.to_dict(), request.base_url)


@routes.get("/courses/<course>/line_items")
@endpoint("line_items")
def list_columns(course: str) -> Reply:
    """The line items of a course."""
    here().tokens.check(_call(), LINE_ITEM, LINE_ITEM_READ)
    return here().gradebook.list_columns(_call(), course)


@routes.post("/courses/<course>/line_items")
@endpoint("line_items")
def add_column(course: str) -> Reply:
    """A new line item."""
    here().tokens.check(_call(), LINE_ITEM)
    return here().gradebook.add_column(_call(), course)


@routes.get("/courses/<course>/line_items/<column>")
@endpoint("line_item")
def read_column(course: str, column: str) -> Reply:
    """One line item."""
    here().tokens.check(_call(), LINE_ITEM, LINE_ITEM_READ)
    return here().gradebook.read_column(_call(), course, column)


@routes.put("/courses/<course>/line_items/<column>")
@endpoint("line_item")
def change_column(course: str, column: str) -> Reply:
    """One line item, replaced."""
    here().tokens.check(_call(), LINE_ITEM)
    return here().gradebook.change_column(_call(), course, column)


@routes.delete("/courses/<course>/line_items/<column>")
@endpoint("line_item")
def remove_column(course: str, column: str) -> Reply:
    """One line item, gone."""
    here().tokens.check(_call(), LINE_ITEM)
    return here().gradebook.remove_column(course, column)


@routes.post("/courses/<course>/line_items/<column>/scores")
@endpoint("scores")
def take_score(course: str, column: str) -> Reply:
    """A score."""
    here().tokens.check(_call(), SCORE)
    return here().scores.take(_call(), course, column)


@routes.get("/courses/<course>/line_items/<column>/results")
@endpoint("results")
def list_results(course: str, column: str) -> Reply:
    """What a line item holds."""
    here().tokens.check(_call(), RESULT_READ)
    return here().gradebook.list_results(_call(), course, column)


@endpoint("line_item")
def read_on_demand(placement: str) -> Reply:
    """The line item of a link, or what it would be."""
    here().tokens.check(_call(), LINE_ITEM, LINE_ITEM_READ)
    course, item = read_placement(here().platform, placement)
    column = find_by_title(here().gradebook, course, item)
    if column is not None:
        return here().gradebook.read_column(_call(), course.id, column["id"])
    return Reply.of(describe(here().platform, course, item), LINE_ITEM_TYPE)


@endpoint("scores")
def take_score_on_demand(placement: str) -> Reply:
    """A score that makes the column which it is for."""
    here().tokens.check(_call(), SCORE)
    course, item = read_placement(here().platform, placement)
    column = make(here().platform, here().gradebook, course, item)
    return here().scores.take(_call(), course.id, column["id"])


@endpoint("results")
def list_results_on_demand(placement: str) -> Reply:
    """What the column of a link holds."""
    here().tokens.check(_call(), RESULT_READ)
    course, item = read_placement(here().platform, placement)
    column = find_by_title(here().gradebook, course, item)
    if column is None:
        raise Refused(404, "There is no such line item.", rule="no_column")
    return here().gradebook.list_results(_call(), course.id, column["id"])


@routes.get("/courses/<course>/members")
@endpoint("members")
def members(course: str) -> Reply:
    """The roster of a course."""
    here().tokens.check(_call(), MEMBERS_READ)
    return list_members(here().platform, _call(), course)


@routes.get("/notice-handlers")
@endpoint("notice_handlers")
def read_handlers() -> Reply:
    """Where the tool wants to be told of what."""
    here().tokens.check(_call(), NOTICE_HANDLERS)
    return here().notice_handlers.read(_call())


@routes.put("/notice-handlers")
@endpoint("notice_handlers")
def change_handler() -> Reply:
    """One of them, replaced."""
    here().tokens.check(_call(), NOTICE_HANDLERS)
    return here().notice_handlers.change(_call())


@routes.get("/courses/<course>/groups")
@endpoint("groups")
def groups(course: str) -> Reply:
    """The groups of a course."""
    here().tokens.check(_call(), GROUPS_READ)
    return list_groups(here().platform, _call(), course)


@routes.get("/courses/<course>/group_sets")
@endpoint("groups")
def group_sets(course: str) -> Reply:
    """The sets of groups of a course."""
    here().tokens.check(_call(), GROUPS_READ)
    return list_sets(here().platform, _call(), course)


@routes.post("/deep-links/<ticket>")
@endpoint("deep_link")
def deep_link(ticket: str) -> str:
    """The tool's answer to a content selection."""
    form = _repost(request.form.to_dict())
    if form:
        return render_template("sandbox/forward.html", form=form)
    selected = here().deep_links.finish(ticket, request.form.get("JWT", ""))
    return render_template("sandbox/added.html", selected=selected)


@routes.get("/openid-configuration")
@endpoint("openid_configuration")
def openid_configuration() -> Reply:
    """What a tool must know of this LMS to register itself."""
    return here().tool_registrations.describe(_call())


@routes.route("/registration", methods=["GET", "POST", "PUT"])
@endpoint("registration")
def register() -> Reply:
    """A tool that registers itself; in some LMSs, other verbs are answered in their own words."""
    return here().tool_registrations.register(_call())


@routes.get("/registration/<client_id>")
@endpoint("registration")
def read_registration(client_id: str) -> Reply:
    """The registration of a tool, for itself."""
    return here().tool_registrations.read(_call(), client_id)


@routes.put("/registration/<client_id>")
@endpoint("registration")
def change_registration(client_id: str) -> Reply:
    """The registration of a tool, changed by itself."""
    return here().tool_registrations.change(_call(), client_id)


def serve_addresses(app: Flask) -> None:
    """Answer at the addresses of every LMS that the sandbox can be."""
    for addresses in {each.addresses for each in PERSONALITIES.values()} - {Addresses()}:
        line_item, on_demand = addresses.line_item, addresses.on_demand
        for path, view, methods in (
            (addresses.line_items, list_columns, ["GET"]),
            (addresses.line_items, add_column, ["POST"]),
            (line_item, read_column, ["GET"]),
            (line_item, change_column, ["PUT"]),
            (line_item, remove_column, ["DELETE"]),
            (f"{line_item}/scores", take_score, ["POST"]),
            (f"{line_item}/results", list_results, ["GET"]),
            (addresses.members, members, ["GET"]),
            (on_demand, read_on_demand, ["GET"]),
            (on_demand and f"{on_demand}/scores", take_score_on_demand, ["POST"]),
            (on_demand and f"{on_demand}/results", list_results_on_demand, ["GET"]),
            (addresses.sign_in, auth, ["GET", "POST"]),
            (addresses.tokens, token, ["GET", "POST"]),
            (addresses.keys, jwks, ["GET"]),
        ):
            name = f"{view.__name__} {path}".replace(".", "-")
            if path:
                rule = path.replace("{", "<").replace("}", ">")
                app.add_url_rule(rule, name, view, methods=methods)


def _repost(asked: Mapping[str, str]) -> Form | None:
    """The same form from a page of this site, where the cookie of its session did not come."""
    if not here().platform.behaviour.reposts or "repost" in asked:
        return None
    return Form(request.base_url, {**asked, "repost": "1"})


def _call() -> Call:
    return Call(
        method=request.method,
        url=f"{here().platform.options.base_url}{request.path}",
        query=request.args.to_dict(),
        headers={name.lower(): value for name, value in request.headers.items()},
        body=request.get_data(),
        media=here().platform.personality.media,
    )


def _answer(name: str, view: Callable[[], Reply | str]) -> Response:
    platform = here().platform
    faults = g.faults = platform.faults.take(name)
    for fault in faults:
        if fault.kind == "slow":
            time.sleep(fault.seconds)
    response = _break(faults, after=False)
    if response is None:
        response = _let_in(name, view)
        response = _break(faults, after=True) or response
    if any(fault.kind == "media_type" for fault in faults):
        response.content_type = "text/html; charset=utf-8"
    status = 0 if any(fault.kind == "drop" for fault in faults) else response.status_code
    platform.requests.append(Received(now(), name, request.method, request.path, status))
    return response


def _let_in(name: str, view: Callable[[], Reply | str]) -> Response:
    """The answer of a view, unless the tool called too much for the LMS that this is."""
    platform = here().platform
    throttle = platform.personality.throttle if platform.behaviour.throttles else None
    if throttle is None or name in UNCOUNTED:
        return _run(name, view)
    is_token = name == "token" and throttle.token_cost > 0
    bucket = platform.token_bucket if is_token else platform.bucket
    refused = bucket.enter(throttle, platform.now())
    if refused is not None:
        return _send(refused)
    response = _run(name, view)
    headers = bucket.leave(throttle, platform.now(), is_token=is_token)
    response.headers.update(headers)
    return response


def _run(name: str, view: Callable[[], Reply | str]) -> Response:
    try:
        answer = view()
    except Refused as refusal:
        if name in IN_A_BROWSER:
            return make_response(show_refusal(refusal))
        answer = here().platform.personality.refuse(refusal, _call())
    if isinstance(answer, str):
        return make_response(answer)
    return _send(answer)


def _send(answer: Reply) -> Response:
    headers: dict[str, Any] = dict(answer.headers)
    status = f"{answer.status} {answer.reason}" if answer.reason else answer.status
    return Response(answer.body, status, headers, content_type=answer.media_type)


def _break(faults: Sequence[Fault], *, after: bool) -> Response | None:
    """The wrong answer that was ordered, if one was."""
    for fault in faults:
        if fault.after is not after:
            continue
        if fault.kind == "drop":
            return _drop()
        if fault.kind == "half":
            return _halve()
        if fault.kind == "garbage":
            return Response("<!doctype html><title>Portal</title><p>Please log in.</p>")
        if fault.kind == "page":
            return Response("<!doctype html><h1>Something went wrong</h1>", fault.status)
        if fault.kind == "status":
            headers = {} if fault.retry_after is None else {"Retry-After": str(fault.retry_after)}
            return Response("[]", fault.status, headers, content_type="application/json")
    return None


def _halve() -> Response:
    """The head of an answer and the first half of its body; then the connection is closed."""
    connection = request.environ.get("werkzeug.socket")

    def send() -> Iterator[bytes]:
        yield b'{"half": '
        if isinstance(connection, socket.socket):
            connection.shutdown(socket.SHUT_RDWR)

    headers = {"Content-Length": "4096", "Connection": "close"}
    return Response(send(), 200, headers, content_type="application/json")


def _drop() -> Response:
    connection = request.environ.get("werkzeug.socket")
    if isinstance(connection, socket.socket):
        connection.shutdown(socket.SHUT_RDWR)
    return Response(status=502)
