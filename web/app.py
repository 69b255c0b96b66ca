"""The web application: pages, admin, REST API and the plugins' own routes in one place."""

from functools import partial

import structlog
from flask import Blueprint, Flask, Request, Response, g
from flask_openapi.openapi import OpenAPI
from flask_wtf.csrf import CSRFProtect

from mentorai.core.engine import Engine
from mentorai.core.errors import MentorAIError
from mentorai.web.admin.desk import find_admin, keep_signed_in
from mentorai.web.api import register_api
from mentorai.web.api.resource import PREFIX
from mentorai.web.connection_pages import make_connection_pages
from mentorai.web.errors import make_problem, register_errors
from mentorai.web.framework import Application, BrowserSessions, this_request
from mentorai.web.gate import is_carried
from mentorai.web.headers import (
    STATIC,
    api_headers,
    common_headers,
    page_headers,
    register_headers,
)
from mentorai.web.one_at_a_time import OneAtATime
from mentorai.web.proxies import BehindProxies
from mentorai.web.requests import API, RequestLine

log = structlog.get_logger(__name__)

# Where an admin may call the API: where keys are managed, and where the address names a mentor.
OF_ADMINS = (f"{PREFIX}/keys", f"{PREFIX}/mentors")
SAFE_METHODS = ("GET", "HEAD", "OPTIONS", "TRACE")
# What comes with a document besides its bytes: form fields and multipart borders.
MARGIN_BYTES = 1_000_000


def create_app(engine: Engine) -> OpenAPI:
    """The application of one engine, ready for any WSGI server."""
    app = Application(__name__, doc_ui=False)
    app.extensions["mentorai"] = engine
    _configure(app, engine)
    register_errors(app)
    register_headers(app)
    _register_csrf(app)
    _register_health(app, engine)
    register_api(app, engine)
    _register_pages(app, engine)
    added = engine.plugins.ask_all("web_routes", engine=engine)
    for blueprint in (make_connection_pages(engine), *added):
        app.register_blueprint(blueprint)
        # Who of campus IT asks, for a view that is theirs alone.
        offer = partial(_offer_admin, engine)
        app.before_request_funcs.setdefault(blueprint.name, []).append(offer)
        # Only these views can sign anybody in, so that no other answer pays for the look.
        app.after_request_funcs.setdefault(blueprint.name, []).append(keep_signed_in)
    _wrap(app, engine)
    return app


def _offer_admin(engine: Engine) -> None:
    g.find_admin = partial(find_admin, engine)


def _wrap(app: Flask, engine: Engine) -> None:
    inside, settings = app.wsgi_app, engine.settings
    # A greenlet, or a database elsewhere, leaves others the time that it waits.
    if engine.database.is_sqlite and settings.worker_class == "gthread":
        inside = OneAtATime(inside)
    if settings.proxies:
        inside = BehindProxies(inside, settings.proxies)
    app.wsgi_app = RequestLine(  # type: ignore[method-assign]
        inside,
        {API: api_headers(settings), STATIC: common_headers(settings), "": page_headers(settings)},
    )


def _configure(app: Flask, engine: Engine) -> None:
    engine.settings.make_secrets()
    app.session_interface = BrowserSessions(OF_ADMINS)
    app.config.update(
        SECRET_KEY=engine.settings.web_secret,
        SESSION_COOKIE_NAME="__Host-mentorai",
        SESSION_COOKIE_SECURE=True,
        SESSION_COOKIE_HTTPONLY=True,
        SESSION_COOKIE_SAMESITE="None",
        SESSION_COOKIE_PARTITIONED=True,
        SESSION_COOKIE_PATH="/",
        MAX_CONTENT_LENGTH=engine.settings.upload_bytes + MARGIN_BYTES,
        MAX_FORM_MEMORY_SIZE=MARGIN_BYTES,
        MAX_FORM_PARTS=200,
        WTF_CSRF_CHECK_DEFAULT=False,
        # The token lives as long as the cookie it is compared with.
        WTF_CSRF_TIME_LIMIT=None,
        # Campus browsers strip referrers; the token alone decides.
        WTF_CSRF_SSL_STRICT=False,
    )


def _register_csrf(app: Flask) -> None:
    csrf = CSRFProtect(app)

    @app.before_request
    def protect() -> None:
        asked = this_request()
        if asked.method not in SAFE_METHODS and asked.endpoint and not _is_exempt(app, asked):
            csrf.protect()


def _is_exempt(app: Flask, asked: Request) -> bool:
    # The API knows its callers by a header that no other site's form can send, and a page that
    # is carried brings a secret of its own.
    if asked.path.startswith(API):
        return True
    view = app.view_functions[asked.endpoint or ""]
    blueprint = app.blueprints.get(asked.blueprint or "")
    if getattr(view, "csrf_exempt", False) or getattr(blueprint, "csrf_exempt", False):
        return True
    return is_carried()


def _register_health(app: Flask, engine: Engine) -> None:
    def healthz() -> dict[str, str]:
        return {"status": "ok"}

    def readyz() -> Response | dict[str, str]:
        try:
            engine.organizations.get()
        except Exception as error:
            code = error.code if isinstance(error, MentorAIError) else "unavailable"
            log.error("not_ready", exc_info=error)
            return make_problem(503, code, "The database does not answer.")
        return {"status": "ready"}

    app.add_url_rule("/healthz", view_func=healthz)

    def metrics() -> Response:
        # Imported when it is asked for: most installations never do.
        from mentorai.web.metrics import show_metrics

        return show_metrics(engine)

    app.add_url_rule("/readyz", view_func=readyz)
    app.add_url_rule("/metrics", view_func=metrics)


def _register_pages(app: Flask, engine: Engine) -> None:
    from mentorai.web.admin import make_admin
    from mentorai.web.embed import make_embed
    from mentorai.web.embed.tickets import make_ticket_pages

    app.register_blueprint(make_ticket_pages(engine))
    app.register_blueprint(make_embed(engine), url_prefix="/s/<session_id>")
    admin: Blueprint = make_admin(engine)
    app.register_blueprint(admin, url_prefix="/s/<session_id>/admin", name="embedded_admin")
    app.register_blueprint(admin, url_prefix="/admin", name="admin")
