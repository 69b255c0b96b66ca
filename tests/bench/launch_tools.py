"""The servers that launch.py measures, under one and the same gunicorn.

Run by launch.py: launch_tools.py NAME PORT KEYSET_URL FOLDER
"""

import json
import os
import sys
from pathlib import Path
from typing import Any

from launch_wire import PROCESS_PATH

THREADS, PROCESSES = 4, 2
ISSUER, CLIENT_ID, DEPLOYMENT = "http://127.0.0.1:9", "bench", "1"
# Each with the status of whoever it let in.
TOOLS = {"bare": 200, "floor": 303, "ticket": 303, "pylti1p3": 200, "example": 200, "ours": 303}


def serve(name: str, port: int, keyset_url: str, folder: Path) -> None:
    """Run one of them under gunicorn, the same for all."""
    import gc

    from gunicorn.app.base import BaseApplication

    load = {
        "bare": make_bare,
        "floor": make_floor,
        "ticket": make_ticket_floor,
        "pylti1p3": make_pylti1p3,
        "example": make_example,
        "ours": make_ours,
    }[name]

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
            return _tell_process(app)

    Server().run()


def _tell_process(app: Any) -> Any:
    """The application, which also says which process answers, to who opens a connection."""

    def answer(environ: dict[str, Any], start_response: Any) -> Any:
        if environ["PATH_INFO"] != PROCESS_PATH:
            return app(environ, start_response)
        start_response("204 No Content", [("Process", str(os.getpid()))])
        return ()

    return answer


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


def make_floor(port: int, keyset_url: str, folder: Path) -> Any:
    """By hand, with every check; person and launch are stored."""
    return _make_floor(port, keyset_url, folder, stores=True)


def make_ticket_floor(port: int, keyset_url: str, folder: Path) -> Any:
    """The same, and nothing is stored but the ticket."""
    return _make_floor(port, keyset_url, folder, stores=False)


def _make_floor(port: int, keyset_url: str, folder: Path, *, stores: bool) -> Any:
    import launch_floor

    known = {
        "issuer": ISSUER,
        "client_id": CLIENT_ID,
        "deployment": DEPLOYMENT,
        "keyset_url": keyset_url,
        "launch_url": f"http://localhost:{port}/lti/launch",
    }
    return launch_floor.make_floor(known, folder / f"floor-{port}.sqlite", stores=stores)


def make_pylti1p3(_port: int, keyset_url: str, _folder: Path) -> Any:
    """The library's Flask adapter with its defaults."""
    from flask import Flask, request
    from pylti1p3.contrib.flask import FlaskMessageLaunch, FlaskOIDCLogin, FlaskRequest
    from pylti1p3.tool_config import ToolConfDict

    app = Flask("pylti1p3")
    app.secret_key = "only for this bench"
    tools = ToolConfDict({ISSUER: [_pylti1p3_registration(keyset_url)]})

    @app.post("/lti/login")
    def login() -> Any:
        return FlaskOIDCLogin(FlaskRequest(), tools).redirect(request.form["target_link_uri"])

    @app.post("/lti/launch")
    def launch() -> str:
        message = FlaskMessageLaunch(FlaskRequest(), tools)
        return str(message.get_launch_data()["name"])

    return app


def make_example(port: int, keyset_url: str, folder: Path) -> Any:
    """The same as its README has it: a JSON file of tools, and a cache that all processes share.

    The key set is fetched at every launch, as it is unless one asks for something else.
    """
    from flask import Flask, request
    from flask_caching import Cache
    from pylti1p3.contrib.flask import (
        FlaskCacheDataStorage,
        FlaskMessageLaunch,
        FlaskOIDCLogin,
        FlaskRequest,
    )
    from pylti1p3.tool_config import ToolConfJsonFile

    app = Flask("example")
    app.secret_key = "only for this bench"
    # It holds 500 entries by default, so that half of a round's logins would be forgotten.
    files = {"CACHE_TYPE": "FileSystemCache", "CACHE_DIR": str(folder / f"cache-{port}")}
    cache = Cache(app, config=files | {"CACHE_THRESHOLD": 1_000_000, "CACHE_DEFAULT_TIMEOUT": 600})
    config = _write_pylti1p3_files(keyset_url, folder / f"example-{port}")

    @app.post("/lti/login")
    def login() -> Any:
        tools, storage = ToolConfJsonFile(str(config)), FlaskCacheDataStorage(cache)
        begun = FlaskOIDCLogin(FlaskRequest(), tools, launch_data_storage=storage)
        return begun.redirect(request.form["target_link_uri"])

    @app.post("/lti/launch")
    def launch() -> str:
        tools, storage = ToolConfJsonFile(str(config)), FlaskCacheDataStorage(cache)
        message = FlaskMessageLaunch(FlaskRequest(), tools, launch_data_storage=storage)
        return str(message.get_launch_data()["name"])

    return app


def _pylti1p3_registration(keyset_url: str) -> dict[str, Any]:
    return {
        "default": True,
        "client_id": CLIENT_ID,
        "auth_login_url": f"{ISSUER}/auth",
        "auth_token_url": f"{ISSUER}/token",
        "key_set_url": keyset_url,
        "deployment_ids": [DEPLOYMENT],
    }


def _write_pylti1p3_files(keyset_url: str, folder: Path) -> Path:
    from joserfc.jwk import RSAKey

    # Each process writes its own; nobody reads what another half wrote.
    folder = folder / str(os.getpid())
    folder.mkdir(parents=True)
    key = RSAKey.generate_key(2048)
    (folder / "private.key").write_bytes(key.as_pem(private=True))
    (folder / "public.key").write_bytes(key.as_pem(private=False))
    files = {"private_key_file": "private.key", "public_key_file": "public.key"}
    config = folder / "tools.json"
    config.write_text(json.dumps({ISSUER: [_pylti1p3_registration(keyset_url) | files]}))
    return config


def open_ours(port: int, folder: Path) -> Any:
    """The engine on the files of the server at this port."""
    from mentorai.core.engine import Engine
    from mentorai.core.settings import Settings

    settings = Settings(
        data_dir=folder / f"ours-{port}",
        public_url=f"http://localhost:{port}",
        allow_loopback_platforms=True,
    )
    return Engine.open(settings)


def prepare_ours(port: int, keyset_url: str, folder: Path, token_url: str = "") -> str:
    """One registration and one mentor; the id of the registration."""
    from mentorai.lti.tool import Tool as LtiTool

    engine = open_ours(port, folder)
    organization_id = engine.organizations.get().id
    engine.mentors.add(organization_id, "Biology")
    registration = engine.room(LtiTool).registrations.add(
        organization_id,
        issuer=ISSUER,
        client_id=CLIENT_ID,
        auth_url=f"{ISSUER}/auth",
        token_url=token_url or f"{ISSUER}/token",
        keyset_url=keyset_url,
        deployment_ids=[DEPLOYMENT],
    )
    engine.close()
    return str(registration.id)


def make_ours(port: int, _keyset_url: str, folder: Path) -> Any:
    """The whole application, as `mentorai serve` runs it."""
    from mentorai.core import logs
    from mentorai.web.app import create_app

    app = create_app(open_ours(port, folder))
    logs.gather()
    return app


if __name__ == "__main__":
    serve(sys.argv[1], int(sys.argv[2]), sys.argv[3], Path(sys.argv[4]))
