"""`mentorai serve`: the web server, and the job worker as its child."""

import os
import socket
import sys

import click

from mentorai.core.errors import ConfigurationError
from mentorai.core.settings import Settings


@click.command("serve")
@click.option("--host", help="The address to listen on.")
@click.option("--port", type=click.IntRange(1, 65535), help="The port to listen on.")
@click.option(
    "--worker/--no-worker", default=None, help="Whether to deliver scores in here as well."
)
@click.option("--quiet", is_flag=True, help="Print no setup link.")
def command(host: str | None, port: int | None, worker: bool | None, quiet: bool) -> None:
    """Serve the pages and the API, and deliver scores.

    Ctrl-C or SIGTERM ends it; answers that are being written get ten seconds to finish.
    """
    settings = _choose(host, port, worker)
    if settings.worker_class == "gevent":
        _wait_by_gevent()
    refuse_taken_port(settings.host, settings.port, "--port or MENTORAI_PORT")
    _make_ready(quiet)
    _serve(settings)


def _choose(host: str | None, port: int | None, worker: bool | None) -> Settings:
    """The settings, with the command line's choices put where child processes find them too."""
    given = {"HOST": host, "PORT": port, "WORKER_INSIDE": worker}
    for name, value in given.items():
        if value is not None:
            os.environ[f"MENTORAI_{name}"] = str(value).lower()
    settings = Settings.load()
    if "public_url" not in settings.model_fields_set:
        os.environ["MENTORAI_PUBLIC_URL"] = f"http://localhost:{settings.port}"
        settings = Settings.load()
    return settings


def _wait_by_gevent() -> None:
    # Before anything else is imported: what holds on to the waiting kind of socket keeps it.
    try:
        from gevent import monkey
    except ImportError as error:
        raise ConfigurationError(
            "MENTORAI_WORKER_CLASS is gevent, which is not installed: "
            'pip install "mentorai-toolkit[gevent]"'
        ) from error
    monkey.patch_all()


def refuse_taken_port(host: str, port: int, choice: str) -> None:
    """Raise ConfigurationError when someone else listens there; `choice` says how to go elsewhere.

    Port and address are only tried, not kept.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as attempt:
        if sys.platform != "win32":
            attempt.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            attempt.bind((host, port))
        except OSError as error:
            raise ConfigurationError(
                f"Port {port} of {host} cannot be used ({error.strerror}); "
                f"choose another with {choice}."
            ) from error


def _make_ready(quiet: bool) -> None:
    """Bring the database up to date, and say once where IT sets up the admin."""
    from mentorai.web.commands.init import print_setup_link
    from mentorai.web.commands.opening import opened

    with opened() as engine:
        if not quiet and not engine.admins.any():
            print_setup_link(engine)


def _serve(settings: Settings) -> None:
    from mentorai.web import server
    from mentorai.web.commands.children import Child

    click.echo(
        f"mentorAI listens on http://{settings.host}:{settings.port} "
        f"and is reached at {settings.public_url}"
    )
    if settings.processes > 1 and not settings.url_of_limits:
        click.echo(
            f"Warning: each of the {settings.processes} processes counts API calls by itself, so a "
            f"key may make up to {settings.processes} times its limit. Set MENTORAI_LIMITS_URL to "
            "a Redis that they share.",
            err=True,
        )
    worker = Child("worker") if settings.worker_inside else None
    if worker is None:
        server.run(settings, tend=_nothing, stop=_nothing)
    else:
        server.run(settings, tend=worker.tend, stop=worker.stop)


def _nothing() -> None:
    """No worker in here."""
