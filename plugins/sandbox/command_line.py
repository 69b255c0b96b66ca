"""`mentorai sandbox`: run the sandbox LMS, or say what a tool needs to know of it."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar
from urllib.parse import urlsplit

import click

if TYPE_CHECKING:
    from mentorai.plugins.sandbox.platform import Options

View = TypeVar("View", bound=Callable[..., Any])
PORT = 8001
TOOL_URL = "http://localhost:8000"


@click.group()
def sandbox() -> None:
    """Try everything without an LMS: a small LTI 1.3 platform with courses and people."""


def where(view: View) -> View:
    """The options that say where the sandbox and the tool are."""
    choices = (
        click.option("--host", default="127.0.0.1", show_default=True, help="Address it has."),
        click.option(
            "--port", default=PORT, show_default=True, type=click.IntRange(1, 65535), help="Port."
        ),
        click.option(
            "--base-url", default="", help="How browsers reach it, if not by host and port."
        ),
        click.option(
            "--tool-url", default=TOOL_URL, show_default=True, help="Where the toolkit is."
        ),
        click.option(
            "--platform",
            default="plain",
            show_default=True,
            help="Answer like canvas, moodle, blackboard, brightspace, sakai or openedx.",
        ),
    )
    for choice in reversed(choices):
        view = choice(view)
    return view


@sandbox.command()
@where
@click.option(
    "--state",
    type=click.Path(dir_okay=False, path_type=Path),
    help="Keep gradebook, keys and added items in this file; otherwise they end with it.",
)
def serve(
    host: str, port: int, base_url: str, tool_url: str, platform: str, state: Path | None
) -> None:
    """Run the sandbox LMS until it is stopped."""
    from mentorai.core.errors import ConfigurationError
    from mentorai.plugins.sandbox.server import run

    base_url = _origin(base_url or f"http://{host}:{port}", "--base-url")
    options = _choose(base_url, _origin(tool_url, "--tool-url"), platform, state)
    try:
        run(options, host, port)
    except OSError as error:
        what = error.filename or f"Port {port} on {host}"
        reason = f"{what} cannot be used ({error.strerror}); choose another."
        raise ConfigurationError(reason) from error


@sandbox.command()
@where
@click.option("--silent", is_flag=True, help="Print nothing: for callers in the same process.")
def describe(
    host: str, port: int, base_url: str, tool_url: str, platform: str, silent: bool
) -> dict[str, Any]:
    """Print, as JSON, what registers the sandbox in the toolkit and seeds its courses.

    Called as `describe.main([...], standalone_mode=False)` it also returns that as a dict.
    """
    from mentorai.plugins.sandbox.platform import describe_platform

    base_url = _origin(base_url or f"http://{host}:{port}", "--base-url")
    options = _choose(base_url, _origin(tool_url, "--tool-url"), platform)
    description = describe_platform(options)
    if not silent:
        click.echo(json.dumps(description, ensure_ascii=False, indent=2))
    return description


def _choose(base_url: str, tool_url: str, platform: str, state: Path | None = None) -> "Options":
    """The options of a sandbox that is this LMS from the start, with ids as that LMS makes them."""
    from mentorai.plugins.sandbox.personalities import PERSONALITIES
    from mentorai.plugins.sandbox.platform import Options

    if platform not in PERSONALITIES:
        words = f"choose one of {', '.join(PERSONALITIES)}"
        raise click.BadParameter(words, param_hint="--platform")
    launches = PERSONALITIES[platform].launches
    usual = Options()
    return Options(
        base_url,
        tool_url,
        client_id=launches.client_id or usual.client_id,
        deployment_id=launches.deployment_id or usual.deployment_id,
        state_path=state,
        personality=platform,
        issuer_url=launches.issuer,
        portal_url=_find_portal(base_url) if launches.portal else "",
    )


def _find_portal(base_url: str) -> str:
    """The vendor's own host: this machine by its other name; empty if it has none."""
    parts = urlsplit(base_url)
    other = {"127.0.0.1": "localhost", "localhost": "127.0.0.1"}.get(parts.hostname or "")
    return f"{parts.scheme}://{other}:{parts.port}" if other and parts.port else ""


def _origin(url: str, option: str) -> str:
    parts = urlsplit(url)
    if parts.scheme not in ("http", "https") or not parts.hostname or parts.path.strip("/"):
        raise click.BadParameter("it must look like http://localhost:8000", param_hint=option)
    return f"{parts.scheme}://{parts.netloc}"
