"""mentorAI's own paths for API tokens: an organization's keys listed, made and deleted.

API keys never make API keys. So these take an administrator's token (web/admin_tokens.py) where
mentorAI takes one of its keys; what they make are provisioning keys with every scope.
"""

import re
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from flask import Blueprint, Response, jsonify, request
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from mentorai.core.admins import Admin
from mentorai.core.clock import now
from mentorai.core.errors import InputRejected, KeyMissing, NotFound, SessionDenied
from mentorai.core.keys import ApiKey
from mentorai.core.scopes import PROVISIONING_SCOPES
from mentorai.web.admin_tokens import PREFIX, check_admin_token
from mentorai.web.api.bodies import check_address, read_object, reject
from mentorai.web.api.compatibility import UNNAMED
from mentorai.web.auth import get_engine, read_key_text

TOKENS = "/core/platform/api-tokens/"
# "[DD] [HH:[MM:]]ss[.uuuuuu]"
DURATION = re.compile(r"(?:(\d{1,5}) )?(?:(?:(\d{1,6}):)?(\d{1,6}):)?(\d{1,9})(?:\.\d{1,6})?")
# mentorAI's programs hold no other names, and no key without an end.
UNHOLDABLE = re.compile(r"[^-a-zA-Z0-9_]")
NEVER = datetime(9999, 12, 31, tzinfo=UTC)

api = Blueprint("compatibility_tokens", __name__, url_prefix="/api")
api.before_request(check_address)


class NewToken(BaseModel):
    """A key to make."""

    model_config = ConfigDict(hide_input_in_errors=True)

    name: str = Field(min_length=1, max_length=100)
    platform_key: str = Field(max_length=200)
    expires_in: str | None = Field(default=None, max_length=40)


@api.get(TOKENS, strict_slashes=False)
def list_tokens() -> Response:
    """The organization's own keys, without their secrets."""
    admin = _come_in(request.args.get("platform_key", ""))
    return jsonify([_describe(key) for key in _list(admin)])


@api.post(TOKENS, strict_slashes=False)
def make_token() -> tuple[Response, int]:
    """Make a key; its text is in this answer and nowhere else."""
    admin = _check_admin()
    try:
        asked = NewToken.model_validate(read_object())
    except ValidationError as error:
        reject(error)
    _check_organization(admin, asked.platform_key)
    issued = get_engine().keys.issue(
        admin.organization_id,
        None,
        name=asked.name,
        scopes=tuple(PROVISIONING_SCOPES),
        expires_at=_read_end(asked.expires_in),
        kind="provisioning",
        author=f"admin:{admin.id}",
    )
    answer = jsonify(_describe(issued.key) | {"key": issued.text})
    answer.headers["Cache-Control"] = "no-store"
    return answer, 201


@api.delete(f"{TOKENS}<name>", strict_slashes=False)
@api.delete(f"{TOKENS}<name>/")
def delete_token(name: str) -> Response:
    """End a key for good."""
    admin = _come_in(request.args.get("platform_key", ""))
    # Two keys may be shown by one name: then this is not the way to end either.
    found = [key for key in _list(admin) if name in (key.name, _name(key))]
    if len(found) != 1:
        raise NotFound("There is no such key.")
    get_engine().keys.delete(admin.organization_id, None, found[0].id, f"admin:{admin.id}")
    return Response(status=204)


def _come_in(platform_key: str) -> Admin:
    admin = _check_admin()
    _check_organization(admin, platform_key)
    return admin


def _check_admin() -> Admin:
    text = read_key_text(request.environ)
    if text is None:
        raise KeyMissing
    if not text.startswith(PREFIX):
        get_engine().check_key(text, scope=None, address=request.remote_addr or "", route=TOKENS)
        raise SessionDenied("API keys never list, make or delete API keys; administrators do.")
    return check_admin_token(get_engine(), text)


def _check_organization(admin: Admin, platform_key: str) -> None:
    slug = get_engine().organizations.get_slug(admin.organization_id)
    if slug not in (UNNAMED, platform_key):
        raise NotFound("There is no such organization.")


def _list(admin: Admin) -> Sequence[ApiKey]:
    return get_engine().keys.list(admin.organization_id, None)


def _read_end(expires_in: str | None) -> datetime | None:
    if not expires_in:
        return None
    found = DURATION.fullmatch(expires_in.strip())
    if found is None:
        raise InputRejected({"expires_in": ["Days, hours, minutes, seconds: 30 00:00:00."]})
    days, hours, minutes, seconds = (int(part or 0) for part in found.groups())
    try:
        return now() + timedelta(days=days, hours=hours, minutes=minutes, seconds=seconds)
    except OverflowError as error:
        raise InputRejected({"expires_in": ["This lies too far ahead."]}) from error


def _name(key: ApiKey) -> str:
    return UNHOLDABLE.sub("_", key.name)


def _describe(key: ApiKey) -> dict[str, Any]:
    return {
        "username": key.author,
        "name": _name(key),
        "key": key.hint,
        "platform_key": get_engine().organizations.get_slug(key.organization_id),
        "expires": (key.expires_at or NEVER).isoformat(),
        "created": key.created_at.isoformat(),
    }
