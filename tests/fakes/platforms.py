"""The sandbox LMS, and any WSGI application, on real loopback ports for the length of a test.

with running_sandbox("http://localhost:8000") as sandbox:
    sandbox.faults.add("scores", "status", status=503, times=2)
    ...
    sandbox.platform.scores

The tool and the sandbox must be two sites: give the tool a `localhost` address and leave the
sandbox on 127.0.0.1.
"""

import os
import socket
import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from itertools import cycle
from typing import Any

from werkzeug.serving import BaseWSGIServer, make_server
from werkzeug.wsgi import ClosingIterator

from mentorai.plugins.sandbox.faults import Faults
from mentorai.plugins.sandbox.house import House
from mentorai.plugins.sandbox.platform import Options, SandboxPlatform, describe_platform
from mentorai.plugins.sandbox.server import QuietHandler, open_server

# Each process of each run has a block of ports of its own, below those that the system takes for
# calls: one that it names as free would be a call's before it is listened on. From the first on
# browsers call them all.
BLOCKS = range(12_000, 32_000, 500)


def _take_block() -> int:
    """The first port of a block that no other process has: it stays bound while this one lives."""
    for first in BLOCKS:
        door = socket.socket()
        try:
            door.bind(("127.0.0.1", first))
        except OSError:
            door.close()
        else:
            door.detach()
            return first
    raise RuntimeError("Too many runs at once.")


def _list_ports(first: int) -> list[int]:
    """The other ports of a block, in pairs. The run after this one begins elsewhere."""
    pairs = range(first + 2, first + BLOCKS.step, 2)
    begin = os.getpid() % len(pairs)
    return [*pairs[begin:], *pairs[:begin]]


_ports = cycle(_list_ports(_take_block()))


@dataclass(frozen=True)
class RunningSandbox:
    """A sandbox that answers at `url`. description: what `mentorai sandbox describe` prints.

    server: what serves it; its `app` may be put behind another application.
    """

    url: str
    house: House
    description: dict[str, Any]
    server: BaseWSGIServer

    @property
    def platform(self) -> SandboxPlatform:
        return self.house.platform

    @property
    def faults(self) -> Faults:
        return self.house.platform.faults


def free_port() -> int:
    """A port that nobody listens on, nor on the next one; no other test is given either soon."""
    return next(port for port in _ports if _is_free(port) and _is_free(port + 1))


def _is_free(port: int) -> bool:
    with socket.socket() as probe:
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True


@contextmanager
def running_sandbox(
    tool_url: str = "http://localhost:8000", *, port: int = 0, **options: Any
) -> Iterator[RunningSandbox]:
    """A sandbox LMS for the tool at `tool_url`. options: the other fields of Options."""
    port = port or free_port()
    chosen = Options(f"http://127.0.0.1:{port}", tool_url, **options)
    server = open_server(chosen, "127.0.0.1", port)
    house: House = server.app.extensions["sandbox"]
    with _serving(server):
        yield RunningSandbox(chosen.base_url, house, describe_platform(chosen), server)
    house.platform.close()


@contextmanager
def running_app(app: Any, *, port: int = 0) -> Iterator[str]:
    """A WSGI application at http://localhost:<port>; gives that address."""
    port = port or free_port()
    server = make_server("127.0.0.1", port, app, threaded=True, request_handler=QuietHandler)
    with _serving(server):
        yield f"http://localhost:{port}"


class _ClosingAnswers:
    """An application whose answers are closed in any case.

    werkzeug's server leaves one open when its reader hangs up at the end of it: a file, maybe.
    """

    def __init__(self, app: Any) -> None:
        self._app = app
        self.extensions = getattr(app, "extensions", {})

    def __call__(self, environ: Any, start_response: Any) -> Iterator[bytes]:
        with closing(ClosingIterator(self._app(environ, start_response))) as answer:
            yield from answer


@contextmanager
def _serving(server: BaseWSGIServer) -> Iterator[None]:
    server.app = _ClosingAnswers(server.app)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
