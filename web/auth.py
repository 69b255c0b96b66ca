"""Who calls the API: the key in a header, never in an address."""

from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from typing import TYPE_CHECKING

from flask import current_app, g, request

from mentorai.core.engine import Engine
from mentorai.core.errors import KeyMissing, NotFound, RateLimited
from mentorai.core.keys import CheckedKey
from mentorai.core.rate_limits import WINDOW_SECONDS
from mentorai.web.framework import this_request
from mentorai.web.requests import add_header

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIEnvironment

SCHEMES = ("api-token", "bearer", "token")
# What a browser puts into Authorization by itself, for a proxy that asked it to sign in.
BROWSERS_SCHEMES = ("basic", "digest", "negotiate", "ntlm")


@dataclass(frozen=True, slots=True)
class CallingAdmin:
    """An admin as a caller, without a key (web/api/admins.py): of all of an organization."""

    id: str
    organization_id: str
    mentor_id: None = None
    rate_limit: None = None


Caller = CheckedKey | CallingAdmin


def get_engine() -> Engine:
    """The engine of this application."""
    engine: Engine = current_app.extensions["mentorai"]
    return engine


def read_key_text(environ: "WSGIEnvironment") -> str | None:
    """The key's text in a request's headers, or None.

    `Authorization: Api-Token <key>` (or Bearer) or `X-API-Key: <key>`. A key pasted alone into
    Authorization is read too: that is what people do.
    """
    given: str = environ.get("HTTP_AUTHORIZATION", "").strip()
    scheme, _, rest = given.partition(" ")
    if scheme.lower() in SCHEMES:
        return rest.strip() or None
    if given.startswith("mai_"):
        return given
    return environ.get("HTTP_X_API_KEY", "").strip() or None


def names_key(environ: "WSGIEnvironment") -> bool:
    """Whether a request means to be judged by a key, though it may have written none, or badly."""
    scheme = environ.get("HTTP_AUTHORIZATION", "").strip().partition(" ")[0].lower()
    return "HTTP_X_API_KEY" in environ or (bool(scheme) and scheme not in BROWSERS_SCHEMES)


def admit_key(scope: str | None, route: str) -> None:
    """Check this request's key, count the call, and keep the key for `caller`.

    A call past the minute's limit is refused before it counts against the month's.

    route: the operation, as counts of the key's use name it.
    Raises KeyRejected, RateLimited.
    """
    engine, asked = get_engine(), this_request()
    environ = asked.environ
    g.api_caller = engine.check_key(
        read_key_text(environ),
        scope=scope,
        address=asked.remote_addr or "",
        route=route,
        recognised=lambda key: _tell_end(key, environ),
        admit=lambda key: _keep_to_limit(key, engine, environ),
    )


def _tell_end(key: CheckedKey, environ: "WSGIEnvironment") -> None:
    if key.expires_at is not None:
        add_header(environ, "X-Key-Expires", _write_instant(key.expires_at))


@lru_cache(1024)
def _write_instant(moment: datetime) -> str:
    # Of one key it is always the same, and Python takes longer for it than for all the rest here.
    return moment.isoformat(timespec="seconds")


def take_caller(admin: CallingAdmin) -> None:
    """Keep an admin for `caller`; they make as many calls as a key. Raises RateLimited."""
    g.api_caller = admin
    _keep_to_limit(admin, get_engine(), request.environ)


def _keep_to_limit(key: Caller, engine: Engine, environ: "WSGIEnvironment") -> None:
    limit = key.rate_limit or engine.settings.key_calls_per_minute
    if not limit:
        return
    allowance = engine.rate_limits.take(key.id, limit)
    # draft-ietf-httpapi-ratelimit-headers: what is left, and the policy that it is left of.
    left, seconds = allowance.remaining, allowance.reset_seconds
    add_header(environ, "RateLimit", f'"key";r={left};t={seconds}')
    add_header(environ, "RateLimit-Policy", f'"key";q={limit};w={WINDOW_SECONDS}')
    if allowance.is_exceeded:
        raise RateLimited(
            f"No more than {limit:,} calls a minute, please.",
            retry_after_seconds=seconds,
        )


def caller() -> Caller:
    """Who this request comes from: its key, or the admin that it was let in for."""
    found = find_caller()
    if found is None:
        raise KeyMissing
    return found


def find_caller() -> Caller | None:
    """Who this request comes from, or None when nobody was let in."""
    found: Caller | None = g.get("api_caller")
    return found


def calling_key() -> CheckedKey:
    """The key that this request came in with."""
    found = caller()
    if isinstance(found, CallingAdmin):
        raise KeyMissing
    return found


def name_mentor(name: str) -> None:
    """Keep the mentor that this request's address names, by id or slug.

    Raises NotFound, also for one that a mentor key is not bound to.
    """
    key = caller()
    if "\0" in name:
        raise NotFound("There is no such mentor.")
    mentor = get_engine().mentors.get(key.organization_id, name)
    if key.mentor_id not in (None, mentor.id):
        raise NotFound("There is no such mentor.")
    g.named_mentor_id = mentor.id


def reach() -> tuple[str, str | None]:
    """The organization, and the mentor that the request's key is bound to or its address names.

    None for the mentor: all of them, for a provisioning key.
    """
    key = caller()
    return key.organization_id, g.get("named_mentor_id") or key.mentor_id


def bound_mentor() -> tuple[str, str]:
    """The organization and the one mentor that this request is about. Raises NotFound."""
    organization_id, mentor_id = reach()
    if mentor_id is None:
        raise NotFound("This key belongs to no one mentor; name it: /api/v1/mentors/{mentor}/...")
    return organization_id, mentor_id


def author() -> str:
    """How whoever this request comes from signs what it changes."""
    found = caller()
    if isinstance(found, CallingAdmin):
        return f"admin:{found.id}"
    return f"API key {found.name}"
