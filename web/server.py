"""The server process: gunicorn as the settings want it, or waitress where there is no fork."""

import gc
import sys
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from mentorai.core.settings import Settings

if TYPE_CHECKING:
    from flask import Flask

GRACE_SECONDS = 10
STALL_SECONDS = 60
# As long as gunicorn allows: the hints of a login by GET alone may have four thousand letters each.
LINE_LENGTH = 8_190


def load_app(settings: Settings) -> "Flask":
    """The web application on an engine of its own, for the process that is to answer.

    What it loaded is out of the collector's way: the slowest launches become about half as slow.
    Lines of the log are written a few together.
    """
    from mentorai.core import logs
    from mentorai.core.engine import Engine
    from mentorai.web.app import create_app

    app: Flask = create_app(Engine.open(settings))
    logs.gather()
    gc.collect()
    gc.freeze()
    return app


def options(settings: Settings) -> dict[str, Any]:
    """What gunicorn is told.

    A stream lives in a thread or greenlet while the process itself keeps beating, so `timeout`
    ends a process that hangs and never a long answer.
    """
    return {
        "bind": [f"{settings.host}:{settings.port}"],
        "workers": settings.processes,
        "threads": settings.threads,
        "worker_class": settings.worker_class,
        "worker_connections": max(1000, settings.stream_limit * 2),
        "timeout": STALL_SECONDS,
        "graceful_timeout": GRACE_SECONDS,
        "keepalive": 5,
        "limit_request_line": LINE_LENGTH,
        "loglevel": "warning",
        "proc_name": "mentorai",
        "control_socket_disable": True,
        # Headers of proxies are the web application's business, by the setting `proxies`.
        "forwarded_allow_ips": "",
        "worker_exit": _close,
    }


def _close(_server: object, worker: Any) -> None:
    """Write what a process kept in memory, such as when keys were last used, before it ends."""
    app = getattr(worker, "wsgi", None)
    if app is not None:
        app.extensions["mentorai"].close()


def run(settings: Settings, tend: Callable[[], None], stop: Callable[[], None]) -> None:
    """Serve until told to stop.

    tend: called about once a second while serving. stop: called once, at the end.
    """
    if sys.platform == "win32":
        _run_waitress(settings, tend, stop)
    else:
        _run_gunicorn(settings, tend, stop)


def _run_gunicorn(settings: Settings, tend: Callable[[], None], stop: Callable[[], None]) -> None:
    from gunicorn.app.base import BaseApplication
    from gunicorn.arbiter import Arbiter

    from mentorai.web.unreadable import WholeBodies, make_worker_class

    class Master(Arbiter):  # type: ignore[misc, unused-ignore]
        def manage_workers(self) -> None:
            super().manage_workers()
            if self.LISTENERS:
                tend()

        def handle_hup(self) -> None:
            # The terminal was closed. Nobody could end the server that stayed behind.
            raise StopIteration

    class Server(BaseApplication):  # type: ignore[misc, unused-ignore]
        def load_config(self) -> None:
            for name, value in options(settings).items():
                self.cfg.set(name, value)
            self.cfg.set("worker_class", make_worker_class(settings.worker_class))

        def load(self) -> "Flask":
            app = load_app(settings)
            app.wsgi_app = WholeBodies(app.wsgi_app)  # type: ignore[method-assign]
            return app

        def run(self) -> None:
            try:
                Master(self).run()
            finally:
                stop()

    Server().run()


def _run_waitress(settings: Settings, tend: Callable[[], None], stop: Callable[[], None]) -> None:
    import threading

    from waitress import serve

    ended = threading.Event()

    def tend_always() -> None:
        while not ended.wait(1.0):
            tend()

    threading.Thread(target=tend_always, daemon=True).start()
    app = load_app(settings)
    try:
        serve(
            app,
            host=settings.host,
            port=settings.port,
            threads=settings.threads,
            clear_untrusted_proxy_headers=False,
        )
    finally:
        ended.set()
        app.extensions["mentorai"].close()
        stop()
