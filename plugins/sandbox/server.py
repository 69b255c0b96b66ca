"""The sandbox on a port of its own, served by threads of this process."""

import signal
import socket
import threading
from types import FrameType

from werkzeug.serving import BaseWSGIServer, WSGIRequestHandler, make_server

from mentorai.plugins.sandbox.platform import Options
from mentorai.plugins.sandbox.routes import create_platform


class QuietHandler(WSGIRequestHandler):
    """Requests are noted down by the sandbox itself, and its clock may be wrong by order."""

    def log(self, type: str, message: str, *args: object) -> None:  # noqa: A002
        """Say nothing."""

    def date_time_string(self, timestamp: float | None = None) -> str:
        """The Date header, by the clock of the sandbox."""
        house = (
            getattr(self.server.app, "extensions", {}).get("sandbox") if timestamp is None else None
        )
        return super().date_time_string(house.platform.now().timestamp() if house else timestamp)


def open_server(options: Options, host: str, port: int) -> BaseWSGIServer:
    """A sandbox that listens already. Raises OSError if the port cannot be had."""
    # werkzeug would end the whole process when the port is taken; a socket of ours says so.
    listener = socket.create_server((host, port), backlog=128)
    with listener:
        return make_server(
            host,
            port,
            create_platform(options),
            threaded=True,
            request_handler=QuietHandler,
            fd=listener.fileno(),
        )


def run(options: Options, host: str, port: int) -> None:
    """Serve until SIGTERM or SIGINT."""
    server = open_server(options, host, port)

    def stop(_number: int = 0, _frame: FrameType | None = None) -> None:
        # shutdown waits for the loop, which a signal handler has interrupted.
        threading.Thread(target=server.shutdown, daemon=True).start()

    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, stop)
    try:
        server.serve_forever(poll_interval=0.1)
    finally:
        server.server_close()
