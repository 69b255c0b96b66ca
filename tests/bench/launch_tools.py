"""The three servers that launch.py measures, under one and the same gunicorn.

Run by launch.py: launch_tools.py NAME PORT KEYSET_URL FOLDER
"""

import os
import sys
from pathlib import Path
from typing import Any

THREADS, PROCESSES = 4, 2
ISSUER, CLIENT_ID, DEPLOYMENT = "http://127.0.0.1:9", "bench", "1"
TOOLS = ("bare", "pylti1p3", "ours")


def serve(name: str, port: int, keyset_url: str, folder: Path) -> None:
    """Run one of the three under gunicorn, the same for all."""
    import gc

    from gunicorn.app.base import BaseApplication

    load = {"bare": make_bare, "pylti1p3": make_pylti1p3, "ours": make_ours}[name]
    if name == "ours":
        prepare_ours(port, keyset_url, folder)

    class Server(BaseApplication):
        def load_config(self) -> None:
            self.cfg.set("bind", f"127.0.0.1:{port}")
            self.cfg.set("workers", PROCESSES)
            self.cfg.set("threads", THREADS)
            self.cfg.set("worker_class", "gthread")
            self.cfg.set("keepalive", 60)
            self.cfg.set("loglevel", "warning")
            self.cfg.set("control_socket_disable", True)

        def load(self) -> Any:
            app = load(port, keyset_url, folder)
            gc.collect()
            gc.freeze()
            return app

    Server().run()


def make_bare(_port: int, _keyset_url: str, _folder: Path) -> Any:
    """Two routes that check nothing."""
    from flask import Flask, redirect, request

    app = Flask("bare")

    @app.post("/lti/login")
    def login() -> Any:
        answer = redirect(
            f"{ISSUER}/auth?state={os.urandom(16).hex()}&nonce={os.urandom(16).hex()}"
        )
        answer.set_cookie("state", request.form["login_hint"])
        return answer

    @app.post("/lti/launch")
    def launch() -> str:
        return f"{len(request.form['id_token'])} {request.form['state']}"

    return app


def make_pylti1p3(_port: int, keyset_url: str, _folder: Path) -> Any:
    """The library's Flask adapter with its defaults."""
    from flask import Flask, request
    from pylti1p3.contrib.flask import FlaskMessageLaunch, FlaskOIDCLogin, FlaskRequest
    from pylti1p3.tool_config import ToolConfDict

    app = Flask("pylti1p3")
    app.secret_key = "only for this bench"
    registration = {
        "default": True,
        "client_id": CLIENT_ID,
        "auth_login_url": f"{ISSUER}/auth",
        "auth_token_url": f"{ISSUER}/token",
        "key_set_url": keyset_url,
        "deployment_ids": [DEPLOYMENT],
    }
    tools = ToolConfDict({ISSUER: [registration]})

    @app.post("/lti/login")
    def login() -> Any:
        return FlaskOIDCLogin(FlaskRequest(), tools).redirect(request.form["target_link_uri"])

    @app.post("/lti/launch")
    def launch() -> str:
        message = FlaskMessageLaunch(FlaskRequest(), tools)
        return str(message.get_launch_data()["name"])

    return app


def _settings(port: int, folder: Path) -> Any:
    from mentorai.core.settings import Settings

    return Settings(
        data_dir=folder / "ours",
        public_url=f"http://localhost:{port}",
        allow_loopback_platforms=True,
    )


def prepare_ours(port: int, keyset_url: str, folder: Path) -> None:
    """One registration and one mentor."""
    from mentorai.core.engine import Engine
    from mentorai.lti.tool import Tool as LtiTool

    engine = Engine.open(_settings(port, folder))
    organization_id = engine.organizations.get().id
    engine.mentors.add(organization_id, "Biology")
    engine.room(LtiTool).registrations.add(
        organization_id,
        issuer=ISSUER,
        client_id=CLIENT_ID,
        auth_url=f"{ISSUER}/auth",
        token_url=f"{ISSUER}/token",
        keyset_url=keyset_url,
        deployment_ids=[DEPLOYMENT],
    )
    engine.close()


def make_ours(port: int, _keyset_url: str, folder: Path) -> Any:
    """The whole application, as `mentorai serve` runs it."""
    from mentorai.core.engine import Engine
    from mentorai.web.app import create_app

    return create_app(Engine.open(_settings(port, folder)))


if __name__ == "__main__":
    serve(sys.argv[1], int(sys.argv[2]), sys.argv[3], Path(sys.argv[4]))
