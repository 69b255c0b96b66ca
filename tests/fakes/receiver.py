"""A receiver of webhooks: a real little HTTP server that keeps what it is sent."""

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


class Receiver:
    """Keeps each request; answers with `statuses` in turn, then 204."""

    def __init__(self) -> None:
        self.taken: list[tuple[dict[str, str], bytes]] = []
        self.statuses: list[int] = []
        self.headers: dict[str, str] = {}
        self.answer = b""
        self.before_answer: Callable[[], None] = lambda: None
        self.url = ""

    @property
    def ids(self) -> list[str]:
        """The `webhook-id` of each request, in order."""
        return [headers["webhook-id"] for headers, _ in self.taken]

    def wait_for(self, count: int, *, seconds: float) -> bool:
        """Whether so many requests came within the time."""
        latest = time.monotonic() + seconds
        while len(self.taken) < count and time.monotonic() < latest:
            time.sleep(0.02)
        return len(self.taken) >= count


@contextmanager
def running_receiver() -> Iterator[Receiver]:
    """A receiver on a free port of this machine."""
    receiver = Receiver()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            receiver.taken.append(({k.lower(): v for k, v in self.headers.items()}, body))
            receiver.before_answer()
            # Whoever sent it may be dead by now.
            with suppress(OSError):
                self._answer()

        def _answer(self) -> None:
            self.send_response(receiver.statuses.pop(0) if receiver.statuses else 204)
            for name, value in receiver.headers.items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(receiver.answer)))
            self.end_headers()
            self.wfile.write(receiver.answer)

        def log_message(self, *_: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    receiver.url = f"http://127.0.0.1:{server.server_port}/events"
    try:
        yield receiver
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
