"""The web application: pages, admin, REST API and the plugins' own routes in one place."""

from collections.abc import Callable
from functools import partial
from typing import Any

import structlog
from flask import Blueprint, Flask, Request, Response, current_app, g, request
from flask.sessions import SecureCookieSession, SecureCookieSessionInterface
from flask_openapi.openapi import OpenAPI
from flask_wtf.csrf import CSRFProtect
from itsdangerous import URLSafeTimedSerializer
from werkzeug.middleware.proxy_fix import ProxyFix
from werkzeug.routing import MapAdapter
from werkzeug.wsgi import get_host

from mentorai.core.engine import Engine
from mentorai.core.errors import MentorAIError
from mentorai.web.admin.desk import find_admin, keep_signed_in
from mentorai.web.api import register_api
from mentorai.web.api.resource import PREFIX
from mentorai.web.connection_pages import make_connection_pages
from mentorai.web.errors import make_problem, register_errors
from mentorai.web.gate import is_carried
from mentorai.web.headers import api_headers, common_headers, register_headers
from mentorai.web.one_at_a_time import OneAtATime
from mentorai.web.requests import RequestLine

log = structlog.get_logger(__name__)

# Where an admin may call the API.
OF_ADMINS = (f"{PREFIX}/keys", f"{PREFIX}/mentors")
SAFE_METHODS = ("GET", "HEAD", "OPTIONS", "TRACE")
# What comes with a document besides its bytes: form fields and multipart borders.
MARGIN_BYTES = 1_000_000


def create_app(engine: Engine) -> OpenAPI:
    """The application of one engine, ready for any WSGI server."""
    app = _Application(__name__, doc_ui=False)
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


class _Application(OpenAPI):
    """Flask without what it does at every request anew, and always with the same result."""

    def ensure_sync(self, func: Callable[..., Any]) -> Callable[..., Any]:
        # It asks of every hook whether it is async.
        return func

    def create_url_adapter(self, request: Request | None) -> MapAdapter | None:
        # It reads the host twice and encodes its name; here the path alone tells addresses apart.
        if request is None:
            return super().create_url_adapter(request)
        request.host = get_host(request.environ)
        return MapAdapter(
            self.url_map,
            server_name=request.host,
            script_name=request.root_path,
            subdomain="",
            url_scheme=request.scheme,
            path_info=request.path,
            default_method=request.method,
            query_args=request.query_string.decode(errors="replace"),
        )


def _wrap(app: Flask, engine: Engine) -> None:
    inside, settings = app.wsgi_app, engine.settings
    # A greenlet, or a database elsewhere, leaves others the time that it waits.
    if engine.database.is_sqlite and settings.worker_class == "gthread":
        inside = OneAtATime(inside)
    if settings.proxies:
        n = settings.proxies
        inside = ProxyFix(inside, x_for=n, x_proto=n, x_host=n)
    app.wsgi_app = RequestLine(  # type: ignore[method-assign]
        inside, common_headers(settings), api_headers(settings)
    )


class _BrowserSessions(SecureCookieSessionInterface):
    """The signed cookie, for browsers: the API reads no cookie and sets none.

    Except where an admin may call, who is known by the cookie there: where keys are managed, and
    where the address names a mentor.
    """

    def __init__(self) -> None:
        self._serializer: URLSafeTimedSerializer | None = None

    def get_signing_serializer(self, app: Flask) -> URLSafeTimedSerializer | None:
        # Flask makes one at each reading and each writing of a cookie.
        if self._serializer is None:
            self._serializer = super().get_signing_serializer(app)
        return self._serializer

    def open_session(self, app: Flask, request: Request) -> SecureCookieSession | None:
        path = request.path
        if path.startswith("/api/") and not path.startswith(OF_ADMINS):
            return None
        return super().open_session(app, request)


def _configure(app: Flask, engine: Engine) -> None:
    app.session_interface = _BrowserSessions()
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
        if request.method not in SAFE_METHODS and request.endpoint and not _is_exempt():
            csrf.protect()


def _is_exempt() -> bool:
    # The API knows its callers by a header that no other site's form can send, and a page that
    # is carried brings a secret of its own.
    if request.path.startswith("/api/"):
        return True
    view = current_app.view_functions[request.endpoint or ""]
    if getattr(view, "csrf_exempt", False) or is_carried():
        return True
    blueprint = current_app.blueprints.get(request.blueprint or "")
    return getattr(blueprint, "csrf_exempt", False)


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
