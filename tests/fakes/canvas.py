"""A Canvas with its own API on a loopback port, and a tool whose IT has connected it."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from urllib.parse import parse_qs, urlsplit

from mentorai.core.connections import Connections
from mentorai.core.engine import Engine
from mentorai.core.values import Connection, Platform
from mentorai.lti.registrations import Registration
from mentorai.lti.tool import Tool
from mentorai.plugins.canvas.api_tokens import KIND, SCOPES, CanvasTokens
from mentorai.plugins.sandbox.house import House
from mentorai.plugins.sandbox.personalities.canvas_api import CanvasRoutes, CanvasServer
from mentorai.plugins.sandbox.platform import Options, SandboxPlatform
from mentorai.plugins.sandbox.routes import create_platform
from tests.fakes.platforms import free_port, running_app


@dataclass(frozen=True)
class RunningCanvas:
    """api: the switches of its own API."""

    url: str
    api: CanvasServer
    platform: SandboxPlatform


@contextmanager
def running_canvas(tool_url: str = "http://localhost:9") -> Iterator[RunningCanvas]:
    """A Canvas, LTI services and own API together."""
    port = free_port()
    app = create_platform(Options(f"http://localhost:{port}", tool_url, personality="canvas"))
    house: House = app.extensions["sandbox"]
    routes = app.blueprints["canvas_api"]
    assert isinstance(routes, CanvasRoutes)
    server = routes.server
    with running_app(app, port=port) as url:
        yield RunningCanvas(url, server, house.platform)
    house.platform.close()


def register_canvas(engine: Engine, canvas: RunningCanvas) -> Registration:
    """The registration of this Canvas."""
    options = canvas.platform.options
    return engine.room(Tool).registrations.add(
        engine.organizations.get().id,
        issuer=canvas.url,
        client_id=options.client_id,
        auth_url=options.auth_url,
        token_url=options.token_url,
        keyset_url=options.platform_keyset_url,
        deployment_ids=[options.deployment_id],
        family="canvas",
    )


def platform_of(registration: Registration) -> Platform:
    """The registration as hooks see it."""
    return Platform(
        registration.id,
        registration.organization_id,
        "canvas",
        registration.issuer,
        registration.client_id,
    )


def connect(engine: Engine, canvas: RunningCanvas, registration: Registration) -> Connection:
    """A connection with the right key, at which nobody has signed in."""
    key = canvas.api.oauth.key
    key.redirect_urls = [engine.room(CanvasTokens).callback_url]
    return engine.room(Connections).put(
        registration.organization_id,
        registration.id,
        KIND,
        base_url=canvas.url,
        account=key.client_id,
        secret=key.secret,
        scopes=SCOPES,
        author="it",
    )


def sign_in(engine: Engine, canvas: RunningCanvas, connection: Connection) -> Connection:
    """The connection after a person has signed in at Canvas."""
    connections = engine.room(Connections)
    asked = parse_qs(urlsplit(connections.begin(connection, "state").url).query)
    back = canvas.api.oauth.begin({name: values[0] for name, values in asked.items()})
    connections.finish(connection, {"code": parse_qs(urlsplit(back).query)["code"][0]}, "")
    return connections.get(connection.organization_id, connection.id)
