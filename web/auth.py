"""Who calls the API: the key in a header, never in an address."""

from flask import current_app, g, request

from mentorai.core.engine import Engine
from mentorai.core.errors import NotFound, RateLimited
from mentorai.core.keys import CheckedKey
from mentorai.core.rate_limits import Allowance

SCHEMES = ("api-token", "bearer", "token")


def get_engine() -> Engine:
    """The engine of this application."""
    engine: Engine = current_app.extensions["mentorai"]
    return engine


def read_key_text() -> str | None:
    """The key's text in this request's headers, or None.

    `Authorization: Api-Token <key>` (or Bearer) or `X-API-Key: <key>`. A key pasted alone into
    Authorization is read too: that is what people do.
    """
    given = request.headers.get("Authorization", "").strip()
    scheme, _, rest = given.partition(" ")
    if scheme.lower() in SCHEMES:
        return rest.strip() or None
    if given.startswith("mai_"):
        return given
    return request.headers.get("X-API-Key", "").strip() or None


def admit_key(scope: str | None, route: str) -> CheckedKey:
    """Check this request's key and count the call; keep both for `caller` and `find_allowance`.

    route: the operation, as counts of the key's use name it.
    Raises KeyRejected, RateLimited.
    """
    engine = get_engine()
    address = request.remote_addr or ""
    key = engine.check_key(read_key_text(), scope=scope, address=address, route=route)
    g.api_key = key
    limit = key.rate_limit or engine.settings.key_calls_per_minute
    if limit:
        allowance = g.allowance = engine.rate_limits.take(key.id, limit)
        if allowance.is_exceeded:
            raise RateLimited(
                f"This API key may make {limit:,} calls a minute.",
                retry_after_seconds=allowance.reset_seconds,
            )
    return key


def find_allowance() -> Allowance | None:
    """What this request's key may still do in this minute; None if nothing limits it."""
    allowance: Allowance | None = g.get("allowance")
    return allowance


def caller() -> CheckedKey:
    """The key that this request came in with."""
    key: CheckedKey = g.api_key
    return key


def find_caller() -> CheckedKey | None:
    """The key of this request, or None when there was none or it was refused."""
    key: CheckedKey | None = g.get("api_key")
    return key


def bound_mentor() -> tuple[str, str]:
    """The organization and the mentor that this request's key is bound to. Raises NotFound."""
    key = caller()
    if key.mentor_id is None:
        raise NotFound("This key belongs to no mentor.")
    return key.organization_id, key.mentor_id


def author() -> str:
    """How this request's key signs what it changes."""
    return f"API key {caller().name}"
