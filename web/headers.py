"""What every answer tells the browser: what it may load, and who may frame it.

Pages under /s/, /lti/ and /embed/ live in a platform's or a portal's frame; all others refuse to
be framed.
A view may name the only targets of its forms in `g.form_targets`, who may frame it in `g.framers`
(origins), and in `g.script_nonce` what alone its scripts run by. An answer that brings its own
Content-Security-Policy keeps it.
"""

from collections.abc import Sequence

from flask import Flask, Response, current_app
from flask.ctx import _AppCtxGlobals

from mentorai.core.engine import Engine
from mentorai.core.settings import Settings
from mentorai.web.framework import this_g, this_request
from mentorai.web.gate import find_framers
from mentorai.web.requests import API

STATIC = "/static/"
FRAMED = ("/s/", "/lti/", "/embed/")
POLICY = (
    "default-src 'none'; script-src {scripts}; style-src 'self'; img-src 'self' data:; "
    "font-src 'self'; connect-src 'self'; base-uri 'none'; form-action {forms}{frames}"
)
API_POLICY = "default-src 'none'; frame-ancestors 'none'"


def common_headers(settings: Settings) -> list[tuple[str, str]]:
    """What every answer carries, whatever it is."""
    headers = [
        ("X-Content-Type-Options", "nosniff"),
        ("Referrer-Policy", "same-origin"),
        ("Cross-Origin-Resource-Policy", "same-origin"),
    ]
    if settings.is_secure:
        headers.append(("Strict-Transport-Security", "max-age=31536000"))
    return headers


def api_headers(settings: Settings) -> list[tuple[str, str]]:
    """What every answer under /api/ carries, unless it says something else itself."""
    return [
        *common_headers(settings),
        ("Cache-Control", "no-store"),
        ("Content-Security-Policy", API_POLICY),
        ("X-Frame-Options", "DENY"),
    ]


def page_headers(settings: Settings) -> list[tuple[str, str]]:
    """What every page carries, unless it says something else itself."""
    return [*common_headers(settings), ("Cache-Control", "no-store")]


def register_headers(app: Flask) -> None:
    """Add what depends on the answer."""
    app.after_request(_add_headers)


def _add_headers(response: Response) -> Response:
    headers, path = response.headers, this_request().path
    if path.startswith(API):
        # They are the same for all, and cost less outside the framework (requests.py).
        return response
    # To ask the headers themselves for what is not there costs an exception.
    if all(name.lower() != "content-security-policy" for name, _ in headers):
        headers.add("Content-Security-Policy", _policy(response, path))
    if not path.startswith(FRAMED):
        headers["X-Frame-Options"] = "DENY"
    return response


def _policy(response: Response, path: str) -> str:
    frames, held = "", this_g()
    allowed = _frame_ancestors(response, path, held)
    if allowed is not None:
        frames = "; frame-ancestors " + " ".join(allowed)
    forms = " ".join(held.get("form_targets", ["'self'"]))
    scripts = f"'nonce-{held.script_nonce}'" if "script_nonce" in held else "'self'"
    return POLICY.format(scripts=scripts, forms=forms, frames=frames)


def _frame_ancestors(response: Response, path: str, held: _AppCtxGlobals) -> Sequence[str] | None:
    """The origins that may frame this answer; None for anyone.

    Before a session is known nobody can tell which platform asks; what is shown then are the
    steps of a launch and errors, which the person must be able to see inside the course page.
    """
    if not path.startswith(FRAMED):
        return ["'none'"]
    if "framers" in held:
        return ["'self'", *dict.fromkeys(held.framers)]
    session = held.get("session")
    if session is None:
        is_open = path.startswith("/lti/") or response.status_code >= 400
        return None if is_open else ["'self'"]
    engine: Engine = current_app.extensions["mentorai"]
    return ["'self'", *find_framers(engine, session)]
