"""Reverse proxies in front: what they say of the caller is believed, and only what they say."""

import re
from collections.abc import Iterable
from typing import TYPE_CHECKING

from werkzeug.middleware.proxy_fix import ProxyFix

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

FORWARDED = ("HTTP_X_FORWARDED_FOR", "HTTP_X_FORWARDED_PROTO", "HTTP_X_FORWARDED_HOST")
_WITH_PORT = re.compile(
    r"(?:(?P<v4>[0-9]{1,3}(?:\.[0-9]{1,3}){3})|\[(?P<v6>[0-9A-Fa-f:.]+)\])(?::[0-9]{1,5})?"
)


class BehindProxies:
    """Takes caller, scheme and host from the X-Forwarded headers of so many proxies."""

    def __init__(self, application: "WSGIApplication", count: int) -> None:
        self._application = application
        self._fixed = ProxyFix(self._answer, x_for=count, x_proto=count, x_host=count)

    def __call__(
        self, environ: "WSGIEnvironment", start_response: "StartResponse"
    ) -> Iterable[bytes]:
        for name in FORWARDED:
            # With a quote that a caller opens, nothing of the header could be read, and the call
            # would seem to come from the proxy itself, who may do more: see /metrics.
            if '"' in environ.get(name, ""):
                environ[name] = environ[name].replace('"', "")
        return self._fixed(environ, start_response)

    def _answer(
        self, environ: "WSGIEnvironment", start_response: "StartResponse"
    ) -> Iterable[bytes]:
        # Azure and IIS write 192.0.2.7:50123 and [2001:db8::7]:50123. What is no address stays
        # what it is, and lies in no network.
        found = _WITH_PORT.fullmatch(environ.get("REMOTE_ADDR", ""))
        if found:
            environ["REMOTE_ADDR"] = found["v4"] or found["v6"]
        return self._application(environ, start_response)
