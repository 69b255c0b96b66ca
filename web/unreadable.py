"""Requests that gunicorn cannot read, refused as all others are: with a problem.

Left to itself it answers them with a page of its own, and hands what is wrong in the middle of a
body to the application as an error that looks like a fault of ours.
"""

from http import HTTPStatus
from typing import TYPE_CHECKING, Any

import structlog
from gunicorn.http.errors import (
    ConfigurationProblem,
    ExpectationFailed,
    ForbiddenProxyRequest,
    InvalidResponseHeader,
    InvalidResponseHeaderName,
    LimitRequestHeaders,
    LimitRequestLine,
    ParseException,
)
from gunicorn.util import load_class

from mentorai.web.errors import name_refusal, write_problem
from mentorai.web.requests import make_reference

if TYPE_CHECKING:
    from collections.abc import Iterable

    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

STATUSES: dict[type[Exception], int] = {
    ForbiddenProxyRequest: 403,
    LimitRequestLine: 414,
    ExpectationFailed: 417,
    LimitRequestHeaders: 431,
}
# What the application answered, or the settings say, and no caller sent.
OURS = (ConfigurationProblem, InvalidResponseHeader, InvalidResponseHeaderName)
log = structlog.get_logger(__name__)


def make_worker_class(name: str) -> type:
    """gunicorn's worker of this name, which tells callers with a problem what it cannot read."""

    class Worker(load_class(name)):  # type: ignore[misc, unused-ignore]
        def handle_error(self, req: Any, client: Any, addr: Any, exc: Exception) -> None:
            if isinstance(exc, ParseException) and not isinstance(exc, OURS):
                _refuse(client, exc)
            else:
                super().handle_error(req, client, addr, exc)

    return Worker


class WholeBodies:
    """An application for which a body in chunks that are none is one that broke off."""

    def __init__(self, application: "WSGIApplication") -> None:
        self._application = application

    def __call__(
        self, environ: "WSGIEnvironment", start_response: "StartResponse"
    ) -> "Iterable[bytes]":
        if "HTTP_TRANSFER_ENCODING" in environ:
            environ["wsgi.input"] = _Chunks(environ["wsgi.input"])
        return self._application(environ, start_response)


class _Chunks:
    def __init__(self, body: Any) -> None:
        self._body = body

    def read(self, size: int = -1) -> bytes:
        try:
            found: bytes = self._body.read(size)
        except ParseException as error:
            # Whoever reads a body is ready for this one.
            raise OSError("the chunks of the body are wrong") from error
        return found


def _refuse(client: Any, error: Exception) -> None:
    status = STATUSES.get(type(error), 400)
    reference = make_reference()
    body = write_problem(status, *name_refusal(status), reference).encode()
    head = (
        f"HTTP/1.1 {status} {HTTPStatus(status).phrase}\r\n"
        "Connection: close\r\n"
        "Content-Type: application/problem+json\r\n"
        f"Content-Length: {len(body)}\r\n"
        f"X-Request-Id: {reference}\r\n\r\n"
    )
    # Never the error's own sentence, which repeats what was sent.
    log.info("request_unreadable", request_id=reference, status=status, kind=type(error).__name__)
    try:
        client.sendall(head.encode() + body)
    except OSError:
        log.debug("caller_gone", request_id=reference)
