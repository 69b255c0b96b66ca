"""The API's own description and the page on which it is tried; nothing comes from outside."""

from collections.abc import Iterator
from functools import cache
from importlib.resources import files
from typing import Any

from flask import Response, jsonify, render_template, request, send_from_directory
from flask_openapi.models.info import Info
from flask_openapi.openapi import OpenAPI
from werkzeug.exceptions import NotFound

from mentorai.core.engine import Engine
from mentorai.web.api.admins import CSRF_HEADER, admit_if_admin
from mentorai.web.api.bodies import StrictJson, reject
from mentorai.web.api.examples import read_examples
from mentorai.web.api.headers import name_headers
from mentorai.web.api.postman import make_collection
from mentorai.web.api.resource import PREFIX
from mentorai.web.api.shapes import Problem
from mentorai.web.api.snippets import write_snippets
from mentorai.web.auth import admit_key, read_key_text

ASSETS = str(files("flask_openapi_swagger") / "templates" / "swagger")
FILES = ("js/swagger-ui-bundle.js", "css/swagger-ui.css")
# Swagger UI's style sheet has its pictures inside.
POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; "
    "img-src 'self' data:; connect-src 'self'; base-uri 'none'; form-action 'none'; "
    "frame-ancestors 'none'"
)
DESCRIPTION = """\
Everything that one mentor holds, for programs.

Make a key in the mentor's **API** tab, choose **Authorize** here, paste the key, choose
**Authorize** again and close the dialog. Your own programs send it as
`Authorization: Api-Token <key>`; `Bearer <key>` and `X-API-Key: <key>` serve too.

A call may have an `X-Request-Id` of your own (8 to 64 letters, digits, `.`, `_` and `-`).

Where an address takes an id, the word `latest` stands for the newest thing of its kind, except
where something is deleted, and for API keys.

What one mentor has is also under `/api/v1/mentors/{mentor}/...`, for provisioning keys and for
admins. An admin is whoever is signed in at `/admin` in this browser, or sends a token from
`mentorai keys admin-token` as a key is sent. `/api/v1/keys` is for admins alone.
"""


def describe_api(app: OpenAPI, engine: Engine) -> None:
    """Say what the API is, before its resources are registered."""
    app.openapi_version = "3.1.1"
    app.info = Info(title="mentorAI API", version="1", description=DESCRIPTION)
    app.security_schemes = {
        "KeyAuth": {
            "type": "http",
            "scheme": "bearer",
            "description": "Paste the key as it is, or with `Api-Token` before it. This page sends "
            "it as `Authorization: Api-Token <key>`.",
        },
        "KeyHeader": {
            "type": "apiKey",
            "in": "header",
            "name": "X-API-Key",
            "description": "The same key in a header of its own; one of the two is enough.",
        },
        "AdminToken": {
            "type": "http",
            "scheme": "bearer",
            "description": "An administrator's token, an hour long: `mentorai keys admin-token`.",
        },
        "AdminSession": {
            "type": "apiKey",
            "in": "cookie",
            "name": app.config["SESSION_COOKIE_NAME"],
            "description": "The cookie of the browser in which an administrator signed in.",
        },
        "AdminPage": {
            "type": "apiKey",
            "in": "header",
            "name": CSRF_HEADER,
            "description": "What the last answer to that browser had in a header of this name.",
        },
    }
    app.severs = [{"url": "/", "description": engine.settings.public_url}]
    app.validation_error_model = Problem
    app.validation_error_callback = reject
    app.json = StrictJson(app)


def register_docs(app: OpenAPI, engine: Engine) -> None:
    """Serve the description, the page and its files, and the collection for Postman."""

    @cache
    def describe() -> dict[str, Any]:
        return _fill_in(app.api_doc, engine.settings.public_url)

    def read_openapi() -> Response:
        _judge_key("GET /openapi.json")
        return _reply(describe())

    def read_postman() -> Response:
        _judge_key("GET /postman.json")
        description = describe()
        examples = read_examples(description)
        url = engine.settings.public_url
        response = _reply(make_collection(examples, description["info"], url))
        response.headers["Content-Disposition"] = "attachment; filename=mentorai.postman.json"
        return response

    app.add_url_rule(f"{PREFIX}/openapi.json", "api_description", read_openapi)
    app.add_url_rule(f"{PREFIX}/postman.json", "api_postman", read_postman)
    app.add_url_rule(f"{PREFIX}/docs", "api_docs", _show_docs)
    app.add_url_rule(f"{PREFIX}/docs/<path:name>", "api_docs_file", _send_file)


def _judge_key(route: str) -> None:
    """Refuse a key that comes along and is not good, though nothing here needs one."""
    if read_key_text(request.environ) is not None and not admit_if_admin():
        admit_key(None, route)


def _reply(document: dict[str, Any]) -> Response:
    """A document that is the same until the program is another."""
    response = jsonify(document)
    response.add_etag()
    response.headers["Cache-Control"] = "no-cache"
    return response.make_conditional(request)  # type: ignore[return-value]


def _fill_in(description: dict[str, Any], url: str) -> dict[str, Any]:
    """Give each operation its snippets, and what it cannot do without its first example.

    The page fills such an example in.
    """
    for operation in _operations(description):
        for parameter in operation.get("parameters", ()):
            examples = parameter["schema"].get("examples")
            if parameter.get("required") and examples:
                parameter["example"] = examples[0]
    examples_by_id = {one.operation_id: one for one in read_examples(description)}
    for operation in _operations(description):
        example = examples_by_id[operation["operationId"]]
        operation["x-codeSamples"] = write_snippets(example, url)
    name_headers(description)
    return description


def _operations(description: dict[str, Any]) -> Iterator[dict[str, Any]]:
    for item in description["paths"].values():
        yield from item.values()


def _show_docs() -> Response:
    _judge_key("GET /docs")
    checks = {"key_address": f"{PREFIX}/key", "keys_address": f"{PREFIX}/keys?page_size=1"}
    response = Response(render_template("api/docs.html", **checks))
    response.headers["Content-Security-Policy"] = POLICY
    return response


def _send_file(name: str) -> Response:
    if name not in FILES:
        raise NotFound
    return send_from_directory(ASSETS, name, max_age=86_400)
