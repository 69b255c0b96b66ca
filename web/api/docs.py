"""The API's own description and the page on which it is tried; nothing comes from outside."""

from importlib.resources import files
from typing import Any

from flask import Response, jsonify, render_template, send_from_directory
from flask_openapi.models.info import Info
from flask_openapi.openapi import OpenAPI
from werkzeug.exceptions import NotFound

from mentorai.core.engine import Engine
from mentorai.web.api.bodies import StrictJson, reject
from mentorai.web.api.resource import PREFIX
from mentorai.web.api.shapes import Problem

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

Where an address takes an id, the word `latest` stands for the newest thing of its kind, except
where something is deleted.
"""


def describe_api(app: OpenAPI, engine: Engine) -> None:
    """Say what the API is, before its resources are registered."""
    app.openapi_version = "3.1.1"
    app.info = Info(title="mentorAI API", version="1", description=DESCRIPTION)
    app.security_schemes = {
        "KeyAuth": {
            "type": "http",
            "scheme": "bearer",
            "description": "Paste the key as it is.",
        },
        "KeyHeader": {
            "type": "apiKey",
            "in": "header",
            "name": "X-API-Key",
            "description": "The same key in a header of its own; one of the two is enough.",
        },
    }
    app.severs = [{"url": "/", "description": engine.settings.public_url}]
    app.validation_error_model = Problem
    app.validation_error_callback = reject
    app.json = StrictJson(app)


def register_docs(app: OpenAPI) -> None:
    """Serve the description, the page and its files."""

    def read_openapi() -> Response:
        response = jsonify(_fill_in(app.api_doc))
        response.headers["Cache-Control"] = "no-cache"
        return response

    app.add_url_rule(f"{PREFIX}/openapi.json", "api_description", read_openapi)
    app.add_url_rule(f"{PREFIX}/docs", "api_docs", _show_docs)
    app.add_url_rule(f"{PREFIX}/docs/<path:name>", "api_docs_file", _send_file)


def _fill_in(description: dict[str, Any]) -> dict[str, Any]:
    """Give what an operation cannot do without its first example, which the page then fills in."""
    for item in description["paths"].values():
        for operation in item.values():
            for parameter in operation.get("parameters", ()):
                examples = parameter["schema"].get("examples")
                if parameter.get("required") and examples:
                    parameter["example"] = examples[0]
    return description


def _show_docs() -> Response:
    response = Response(render_template("api/docs.html"))
    response.headers["Content-Security-Policy"] = POLICY
    return response


def _send_file(name: str) -> Response:
    if name not in FILES:
        raise NotFound
    return send_from_directory(ASSETS, name, max_age=86_400)
