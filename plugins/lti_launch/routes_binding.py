"""What a browser shows to be known again: a cookie, and while a launch is under way one a login."""

import hashlib
import re
import secrets

from flask import after_this_request, g, request
from werkzeug.wrappers import Response as AnyResponse

from mentorai.core.sessions import BINDING_COOKIE

APART = "__Host-mentorai-login-"
APART_SECONDS = 600
LOGINS = 20
BINDING_PATTERN = re.compile(r"[0-9a-f]{64}")


def find_binding() -> str:
    """What this browser shows to be known again: from its cookie, empty if it has none."""
    shown = request.cookies.get(BINDING_COOKIE, "")
    return shown if BINDING_PATTERN.fullmatch(shown) else ""


def put_binding() -> str:
    """What this browser shows, given to it with this answer if it has nothing to show."""
    if "binding" not in g:
        g.binding = find_binding() or _give_binding()
    binding: str = g.binding
    return binding


def put_login_binding() -> tuple[str, bool]:
    """The binding for a login that begins now, and whether it is new to this browser."""
    shown = find_binding()
    if shown:
        return shown, False
    binding = _give_binding()
    # A page may frame two launches in a browser that has no cookie yet. Each login then makes
    # a binding of its own, and the last one's cookie is all that the browser would keep.
    _give_cookie(APART + hashlib.sha256(binding.encode()).hexdigest()[:16], binding, APART_SECONDS)
    return binding, True


def find_bindings() -> list[str]:
    """All that this browser shows: its binding, and those of logins that it began at once."""
    apart = [value for name, value in request.cookies.items() if name.startswith(APART)]
    return [binding for binding in (find_binding(), *apart[:LOGINS]) if binding]


def _give_binding() -> str:
    binding = secrets.token_hex(32)
    _give_cookie(BINDING_COOKIE, binding, None)
    return binding


def _give_cookie(name: str, value: str, max_age_seconds: int | None) -> None:
    # Not signed: it is a random text, and only its hash is kept here. Written out, because name
    # and value are plain letters and each login gives two.
    kept = "" if max_age_seconds is None else f" Max-Age={max_age_seconds};"
    cookie = f"{name}={value}; Secure; HttpOnly;{kept} Path=/; SameSite=None; Partitioned"

    @after_this_request
    def give(answer: AnyResponse) -> AnyResponse:
        answer.headers.add("Set-Cookie", cookie)
        return answer
