"""The sandbox LMS as a Flask application."""

from typing import Any
from urllib.parse import urlsplit

from flask import Flask, Response
from werkzeug.exceptions import NotFound

from mentorai.plugins.sandbox import (
    routes_control,
    routes_lti,
    routes_messages,
    routes_pages,
    routes_teacher,
    routes_teacher_page,
)
from mentorai.plugins.sandbox.house import House
from mentorai.plugins.sandbox.personalities import PERSONALITIES
from mentorai.plugins.sandbox.platform import Options
from mentorai.plugins.sandbox.school import COLLEGE
from mentorai.plugins.sandbox.wire import Refused

LARGEST_BODY_BYTES = 2_000_000


def create_platform(options: Options | None = None) -> Flask:
    """A sandbox LMS of its own; its state is `app.extensions["sandbox"].platform`."""
    house = House.build(options or Options())
    app = Flask("mentorai-sandbox", root_path=__file__.rpartition("/")[0])
    app.config["MAX_CONTENT_LENGTH"] = LARGEST_BODY_BYTES
    app.config["MAX_FORM_MEMORY_SIZE"] = LARGEST_BODY_BYTES
    # A page elsewhere must not reach this one under a name of its own.
    addresses = (house.platform.options.base_url, house.platform.options.portal)
    hosts = {urlsplit(url).hostname or "" for url in addresses} | {"localhost", "127.0.0.1"}
    app.config["TRUSTED_HOSTS"] = sorted(hosts)
    app.jinja_env.trim_blocks = app.jinja_env.lstrip_blocks = True
    app.extensions["sandbox"] = house
    for part in (routes_lti, routes_pages, routes_messages, routes_control):
        app.register_blueprint(part.routes)
    for part in (routes_teacher, routes_teacher_page):
        app.register_blueprint(part.routes)
    routes_lti.serve_addresses(app)
    _serve_apis(app, house)
    app.register_error_handler(Refused, routes_pages.show_refusal)

    @app.context_processor
    def give_platform() -> dict[str, Any]:
        platform = house.platform
        return {
            "college": COLLEGE,
            "options": platform.options,
            "storage": platform.behaviour.storage,
            "personality": platform.personality,
        }

    @app.get("/healthz")
    def healthz() -> dict[str, str]:
        return {"status": "ok"}

    @app.after_request
    def guard(response: Response) -> Response:
        return _guard(response, house.platform.options)

    return app


def _serve_apis(app: Flask, house: House) -> None:
    """The LMSs' own APIs, each there while the sandbox is that LMS."""
    for personality in PERSONALITIES.values():
        if personality.make_api is None:
            continue
        api = personality.make_api(house.platform)

        def check(name: str = personality.name) -> None:
            if house.platform.behaviour.personality != name:
                raise NotFound

        api.before_request(check)
        app.register_blueprint(api)


def _guard(response: Response, options: Options) -> Response:
    tool = options.tool_origin
    # A launch goes there on its way to the tool.
    known = f"{tool} {options.portal}"
    response.headers.setdefault(
        "Content-Security-Policy",
        f"default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self' data: {tool}; "
        f"connect-src 'self'; frame-src 'self' {known}; form-action 'self' {known}; "
        f"base-uri 'none'; frame-ancestors 'self' {options.base_url}",
    )
    response.headers.setdefault("X-Content-Type-Options", "nosniff")
    # The tool is told which site the launch comes from, and no more than that.
    response.headers.setdefault("Referrer-Policy", "strict-origin-when-cross-origin")
    if response.mimetype == "text/html":
        response.headers.setdefault("Cache-Control", "no-store")
    return response
