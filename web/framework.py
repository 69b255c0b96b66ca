"""Flask, without what it does at every request anew and always with the same result."""

from collections.abc import Callable, Iterable
from functools import cache, cached_property, lru_cache
from typing import TYPE_CHECKING, Any, NoReturn
from urllib.parse import quote

from flask import Flask, Request, Response, g, request
from flask.ctx import _AppCtxGlobals
from flask.sessions import (
    NullSession,
    SecureCookieSession,
    SecureCookieSessionInterface,
    SessionMixin,
)
from flask_openapi.openapi import OpenAPI
from itsdangerous import URLSafeTimedSerializer
from werkzeug.datastructures import ImmutableMultiDict
from werkzeug.exceptions import HTTPException
from werkzeug.routing import MapAdapter, RequestRedirect
from werkzeug.sansio.http import parse_cookie
from werkzeug.sansio.utils import get_host

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIEnvironment

HOSTS = 64
# Statuses that have no body, whatever the answer holds; and headers that hold an address.
BODILESS = (204, 304)
ADDRESSES = ("location", "content-location")
SAFE_IN_PATHS = "/!$&'()*+,:;=@"


def this_request() -> Request:
    """The request itself, for who asks it several things: Flask's `request` is found anew at each.

    Half a microsecond a time, which is nothing once, and a tenth of an answer altogether.
    """
    found: Request = request._get_current_object()  # type: ignore[attr-defined]
    return found


def this_g() -> _AppCtxGlobals:
    """What is kept for this request; the same for Flask's `g`."""
    found: _AppCtxGlobals = g._get_current_object()
    return found


class _Request(Request):
    """A request that says its blueprints at once, of which Flask asks three times."""

    @property
    def blueprints(self) -> list[str]:
        """The registered names of the blueprint and of those that it is in."""
        rule = self.url_rule
        return [] if rule is None else _blueprints_of(rule.endpoint)

    @cached_property
    def cookies(self) -> ImmutableMultiDict[str, str]:
        """What the browser sent; Flask walks through everything that is known of the request."""
        sent = self.environ.get("HTTP_COOKIE", "")
        return parse_cookie(sent, self.dict_storage_class)  # type: ignore[return-value]

    def close(self) -> None:
        """Close what was uploaded, if anybody looked for it."""
        if "files" in self.__dict__:
            super().close()


@cache
def _blueprints_of(endpoint: str) -> list[str]:
    names = endpoint.split(".")[:-1]
    return [".".join(names[:length]) for length in range(len(names), 0, -1)]


@lru_cache(HOSTS)
def _read_host(scheme: str, host: str | None, server: tuple[str, int | None] | None) -> str:
    return get_host(scheme, host, server)


class WholeAnswer(Response):
    """An answer that goes to the server as it is, where all its bytes are here.

    Flask copies its headers, looks at each, and wraps the bytes twice.
    """

    def __call__(
        self, environ: "WSGIEnvironment", start_response: "StartResponse"
    ) -> Iterable[bytes]:
        headers = self.headers.to_wsgi_list()
        if environ["REQUEST_METHOD"] == "HEAD" or not self._is_ready(headers):
            return super().__call__(environ, start_response)
        start_response(self.status, headers)
        whole: list[bytes] = self.response  # type: ignore[assignment]
        return whole

    def _is_ready(self, headers: Iterable[tuple[str, str]]) -> bool:
        if self.status_code in BODILESS or self._on_close or not isinstance(self.response, list):
            return False
        names = {name.lower() for name, _ in headers}
        # An address in a header may have to be mended.
        return "content-length" in names and names.isdisjoint(ADDRESSES)


class Application(OpenAPI):
    """The application, as Flask has it."""

    request_class = _Request
    response_class = WholeAnswer

    def make_response(self, rv: Any) -> Response:
        """An answer of what a view gave; one that is an answer already stays what it is."""
        return rv if isinstance(rv, Response) else super().make_response(rv)

    def ensure_sync(self, func: Callable[..., Any]) -> Callable[..., Any]:
        """The hook itself: ours are never async, which Flask would ask of each."""
        return func

    def raise_routing_exception(self, request: Request) -> NoReturn:
        """Where only a slash at the end is too much, lead on to the address without it."""
        shorter = self._find_shorter(request)
        if shorter is not None:
            raise RequestRedirect(shorter)
        super().raise_routing_exception(request)

    def _find_shorter(self, request: Request) -> str | None:
        """The same address without its last slash, if that is one of ours."""
        path = request.path.rstrip("/")
        adapter = self.create_url_adapter(request)
        if not request.path.endswith("/") or adapter is None:
            return None
        # Not elsewhere: //other is another host's address, and a browser takes .. for the way up.
        if path.startswith("//") or not {".", ".."}.isdisjoint(path.split("/")):
            return None
        try:
            adapter.match(path)
        except HTTPException:
            return None
        query = request.query_string.decode("latin-1")
        return quote(request.root_path + path, SAFE_IN_PATHS) + (f"?{query}" if query else "")

    def create_url_adapter(self, request: Request | None) -> MapAdapter | None:
        """What matches the request's path: here that alone tells addresses apart.

        Flask reads the host twice, and encodes its name.
        """
        if request is None:
            return super().create_url_adapter(request)
        environ: WSGIEnvironment = request.environ
        request.host = _read_host(request.scheme, environ.get("HTTP_HOST"), request.server)
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


class BrowserSessions(SecureCookieSessionInterface):
    """The signed cookie, for browsers: the API reads no cookie and sets none.

    of_admins: where an admin may call it, who is known by the cookie there.
    """

    def __init__(self, of_admins: tuple[str, ...]) -> None:
        self._of_admins = of_admins
        self._serializer: URLSafeTimedSerializer | None = None
        # One for all, since nobody can write into it.
        self._none = NullSession()

    def get_signing_serializer(self, app: Flask) -> URLSafeTimedSerializer | None:
        """The signer; Flask makes one at each reading and each writing of a cookie."""
        if self._serializer is None:
            self._serializer = super().get_signing_serializer(app)
        return self._serializer

    def open_session(self, app: Flask, request: Request) -> SecureCookieSession | None:
        """What this browser's cookie says."""
        path = request.path
        if path.startswith("/api/") and not path.startswith(self._of_admins):
            return self._none
        if self.get_cookie_name(app) not in request.environ.get("HTTP_COOKIE", ""):
            # As it is for all who are no admin.
            return self.session_class()
        return super().open_session(app, request)

    def save_session(self, app: Flask, session: SessionMixin, response: Response) -> None:
        """Set the cookie anew if it changed. Most views never look, which is seen at once."""
        if session.accessed or session.modified:
            super().save_session(app, session, response)
