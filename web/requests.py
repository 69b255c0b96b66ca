"""What happens to every request whatever answers it: an id, common headers, a line in the log.

It wraps the application from outside, because a Flask hook costs as much as some whole answers.
"""

import random
import re
import time
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from mentorai.core.logs import name_request, write_call

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

API = "/api/"
REQUEST_ID = "mentorai.request_id"
MORE_HEADERS = "mentorai.headers"
SANE_REQUEST_ID = re.compile(r"[A-Za-z0-9._-]{8,64}")
QUIET = ("/healthz", "/readyz")
# People read it out on the telephone: no letter that is taken for a digit or another letter.
LETTERS = b"0123456789ABCDEFGHJKMNPQRSTVWXYZ"
_READABLE = bytes(LETTERS[byte % 32] for byte in range(256))


class RequestLine:
    """Gives each request its id, its answer the common headers, and the log a line.

    headers: by how a path begins, what every answer there carries, unless it says something else
    itself; the first that fits counts. They are added here because an answer feels each header
    that the framework handles. A view may add more with `add_header`.
    """

    def __init__(
        self,
        application: "WSGIApplication",
        headers: Mapping[str, Sequence[tuple[str, str]]],
    ) -> None:
        self._application = application
        self._headers = tuple(headers.items())

    def __call__(
        self, environ: "WSGIEnvironment", start_response: "StartResponse"
    ) -> Iterable[bytes]:
        asked = environ.get("HTTP_X_REQUEST_ID", "")
        request_id = asked if SANE_REQUEST_ID.fullmatch(asked) else make_reference()
        environ[REQUEST_ID] = request_id
        more: list[tuple[str, str]] = []
        environ[MORE_HEADERS] = more
        always = self._find_headers(environ["PATH_INFO"])
        started = time.perf_counter()
        name_request(request_id)

        def start(status: str, headers: list[tuple[str, str]], *error: Any) -> Any:
            own = {name for name, _ in headers}
            headers += [pair for pair in always if pair[0] not in own]
            headers += more
            headers.append(("X-Request-Id", request_id))
            _write_line(environ, request_id, status, time.perf_counter() - started)
            return start_response(status, headers, *error)

        return self._application(environ, start)

    def _find_headers(self, path: str) -> Sequence[tuple[str, str]]:
        for beginning, headers in self._headers:
            if path.startswith(beginning):
                return headers
        return ()


def add_header(environ: "WSGIEnvironment", name: str, value: str) -> None:
    """Have the answer carry a header, also if it turns out to be an error's."""
    environ[MORE_HEADERS].append((name, value))


def make_reference() -> str:
    """A new request id of 60 random bits, in three groups of four: `7KQ2-XM4D-90TZ`."""
    # No secret, and the system's random bytes would have other threads go first.
    text = random.randbytes(12).translate(_READABLE).decode()  # noqa: S311
    return f"{text[:4]}-{text[4:8]}-{text[8:]}"


def _write_line(environ: "WSGIEnvironment", request_id: str, status: str, seconds: float) -> None:
    # Never the query string: codes and states travel in it.
    path = environ["PATH_INFO"]
    if not path.isascii():
        path = path.encode("latin-1").decode("utf-8", "replace")
    level = "debug" if path in QUIET else "info"
    method = environ["REQUEST_METHOD"]
    write_call(method, path, int(status[:3]), round(seconds * 1000, 1), request_id, level)
