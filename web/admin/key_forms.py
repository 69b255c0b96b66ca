"""The forms of API keys: what was written in them, and what they offer."""

import secrets
from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime, time, timedelta, tzinfo
from typing import Any
from zoneinfo import ZoneInfo

from flask import request

from mentorai.core.clock import now
from mentorai.core.errors import InputRejected
from mentorai.core.key_policies import KeyPolicy
from mentorai.core.key_rows import ApiKey

# A key that can ask and read, and change nothing, until its maker ticks more.
FIRST_SCOPES = ("mentor:read", "chat:write", "datasets:read", "quizzes:read", "grades:read")
COPY_OF = " (2)"


def read_form() -> dict[str, Any]:
    """What the new-key form holds, as it was written."""
    form = request.form
    names = ("name", "last_day", "time_zone", "allowed_ips", "rate_limit", "monthly_quota")
    return {name: form.get(name, "") for name in names} | {
        "never": form.get("never") == "yes",
        "scopes": tuple(form.getlist("scopes")),
        "once": form.get("once", "")[:100],
    }


def read_request(given: Mapping[str, Any]) -> dict[str, Any]:
    """The form as Keys.issue takes it. Raises InputRejected."""
    return {
        "name": given["name"],
        "scopes": given["scopes"],
        "expires_at": _read_last_day(given),
        "never": given["never"],
        "once": given["once"] or None,
        "allowed_ips": given["allowed_ips"].replace(",", " ").split(),
        "rate_limit": read_number(given["rate_limit"], "rate_limit"),
        "monthly_quota": read_number(given["monthly_quota"], "monthly_quota"),
    }


def offer(policy: KeyPolicy, scopes: Sequence[str], like: ApiKey | None) -> dict[str, Any]:
    """What the form holds when it is opened, with the settings of the key `like`."""
    usual = now().date() + timedelta(days=policy.usual_days)
    offered: dict[str, Any] = {
        "name": "",
        "last_day": usual.isoformat(),
        "scopes": [scope for scope in scopes if scope in FIRST_SCOPES] or scopes,
        "never": False,
        "once": secrets.token_urlsafe(16),
        "allowed_ips": "",
        "rate_limit": "",
        "monthly_quota": "",
    }
    if like is None:
        return offered
    return offered | {
        "name": like.name[: 100 - len(COPY_OF)] + COPY_OF,
        "scopes": like.scopes,
        "never": like.expires_at is None and policy.may_never_expire,
        "allowed_ips": "\n".join(like.allowed_ips),
        "rate_limit": like.rate_limit or "",
        "monthly_quota": like.monthly_quota or "",
    }


def read_number(text: str, field: str) -> int | None:
    """A whole number, or None for nothing. Raises InputRejected."""
    text = text.strip()
    if not text:
        return None
    if not (text.isascii() and text.isdecimal() and len(text) <= 12):
        raise InputRejected({field: ["A whole number, please."]})
    return int(text)


def _read_last_day(given: Mapping[str, Any]) -> datetime | None:
    """The end of the last day, in the zone of the person who chose it."""
    if given["never"]:
        return None
    try:
        day = date.fromisoformat(given["last_day"])
    except ValueError as error:
        raise InputRejected({"expires_at": ["Choose a date, please."]}) from error
    try:
        return datetime.combine(day, time(23, 59, 59), _find_zone(given["time_zone"])).astimezone(
            UTC
        )
    except OverflowError as error:
        raise InputRejected({"expires_at": ["This date is too far away."]}) from error


def _find_zone(name: str) -> tzinfo:
    try:
        return ZoneInfo(name)
    except (KeyError, ValueError, OSError):
        return UTC
