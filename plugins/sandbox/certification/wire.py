"""The platform on a port of this machine, and everything that reached it, word for word."""

import io
import json
import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qsl

from mentorai.plugins.sandbox.house import House
from mentorai.plugins.sandbox.platform import Options
from mentorai.plugins.sandbox.server import open_server
from mentorai.plugins.sandbox.wire import Reply

BODY_BYTES = 200_000
Environ = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Heard:
    """One request and the status of its answer. bearer: the access token that it showed."""

    method: str
    path: str
    query: str
    media_type: str
    accept: str
    bearer: str
    body: bytes
    status: int
    reply: bytes

    @property
    def form(self) -> dict[str, str]:
        """The body as a form."""
        return dict(parse_qsl(self.body.decode("utf-8", "replace"), keep_blank_values=True))

    def read_json(self, *, reply: bool = False) -> Any:
        """The body, or the answer, as JSON. Raises ValueError."""
        return json.loads(self.reply if reply else self.body)


StandIn = Callable[[Environ], Reply | None]


class Recorder:
    """A WSGI application that notes down what another one was asked.

    answers: what to answer instead, by path with query: status line, media type, body.
    stand_in: asked before the application; None from it lets the application answer.
    """

    def __init__(self, app: Callable[..., Iterable[bytes]]) -> None:
        self._app = app
        self._lock = threading.Lock()
        self._heard: list[Heard] = []
        self.answers: dict[str, tuple[str, str, bytes]] = {}
        self.stand_in: StandIn | None = None

    def heard(self, path_part: str, method: str = "") -> list[Heard]:
        """The requests whose address holds `path_part`, oldest first."""
        with self._lock:
            return [
                each
                for each in self._heard
                if path_part in f"{each.path}?{each.query}" and method in ("", each.method)
            ]

    def granted(self, bearer: str) -> str:
        """The scopes, as they were asked for, of an access token that was given out."""
        for each in self.heard("/lti/token"):
            if each.status == 200 and each.read_json(reply=True).get("access_token") == bearer:
                return each.form.get("scope", "")
        return ""

    def __call__(self, environ: Environ, start_response: Callable[..., Any]) -> Iterable[bytes]:
        length = int(environ.get("CONTENT_LENGTH") or 0)
        body = environ["wsgi.input"].read(min(length, BODY_BYTES)) if length else b""
        environ["wsgi.input"] = io.BytesIO(body)
        seen: list[str] = []

        def start(status: str, headers: Any, *rest: Any) -> Any:
            seen.append(status)
            return start_response(status, headers, *rest)

        path, query = environ.get("PATH_INFO", ""), environ.get("QUERY_STRING", "")
        instead = self.answers.get(f"{path}?{query}" if query else path)
        standing = self.stand_in(environ) if self.stand_in else None
        if instead:
            start(instead[0], [("Content-Type", instead[1])])
            reply = instead[2]
        elif standing:
            headers = [("Content-Type", standing.media_type), *standing.headers.items()]
            start(f"{standing.status} As ordered", headers)
            reply = standing.body
        else:
            reply = b"".join(self._app(environ, start))
        self._note(environ, body, int(seen[0].split()[0]), reply)
        return [reply]

    def _note(self, environ: Environ, body: bytes, status: int, reply: bytes) -> None:
        scheme, _, bearer = environ.get("HTTP_AUTHORIZATION", "").partition(" ")
        heard = Heard(
            method=environ["REQUEST_METHOD"],
            path=environ.get("PATH_INFO", ""),
            query=environ.get("QUERY_STRING", ""),
            media_type=environ.get("CONTENT_TYPE", ""),
            accept=environ.get("HTTP_ACCEPT", ""),
            bearer=bearer if scheme.lower() == "bearer" else "",
            body=body,
            status=status,
            reply=reply[:BODY_BYTES],
        )
        with self._lock:
            self._heard.append(heard)


@dataclass(frozen=True)
class Platform:
    """A platform that answers on a loopback port. base_url: what the tool calls it."""

    house: House
    wire: Recorder
    base_url: str
    real_url: str


@contextmanager
def running_platform(tool_url: str, client_id: str, base_url: str = "") -> Iterator[Platform]:
    """A sandbox LMS for the tool at `tool_url`, recorded. base_url: a name it has to others."""
    # Bound before its own address is known: the port is the system's choice.
    from mentorai.plugins.sandbox.certification.instance import find_port

    port = find_port()
    real_url = f"http://127.0.0.1:{port}"
    options = Options(base_url or real_url, tool_url, client_id=client_id)
    server = open_server(options, "127.0.0.1", port)
    house: House = server.app.extensions["sandbox"]  # type: ignore[attr-defined]
    recorder = Recorder(server.app)
    server.app = recorder
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    try:
        yield Platform(house, recorder, options.base_url, real_url)
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
        house.platform.close()
