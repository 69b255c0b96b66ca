"""What may be asked of a new API key: its name, its scopes, its last day."""

import unicodedata
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from mentorai.core.clock import now
from mentorai.core.errors import InputRejected
from mentorai.core.scopes import PROVISIONING_SCOPES, SCOPES
from mentorai.core.settings import Settings

NAME_LENGTH = 100
# They show nothing by themselves, but scripts and emoji are written with them.
JOINERS = "\u200c\u200d\ufe0f"


@dataclass(frozen=True, slots=True)
class KeyRequest:
    """A new key's checked facts. expires_at is None for a key without end."""

    name: str
    scopes: tuple[str, ...]
    expires_at: datetime | None


def check_request(
    settings: Settings,
    *,
    kind: str,
    name: str,
    scopes: Sequence[str],
    expires_at: datetime | None,
    never: bool,
) -> KeyRequest:
    """The facts of a new key, its expiry filled in. Raises InputRejected with all that is wrong."""
    allowed = PROVISIONING_SCOPES if kind == "provisioning" else SCOPES
    problems = {
        "name": _judge_name(name),
        "scopes": _judge_scopes(scopes, allowed),
        "expires_at": _judge_expiry(settings, expires_at, never),
    }
    errors = {field: [sentence] for field, sentence in problems.items() if sentence}
    if errors:
        raise InputRejected(errors)
    if expires_at is None and not never:
        days = min(settings.key_days, settings.key_max_days)
        expires_at = now() + timedelta(days=days)
    return KeyRequest(name.strip(), _in_order(scopes, allowed), expires_at)


def fold_name(name: str) -> str:
    """What two names share when they differ in case only (Unicode's canonical caseless match)."""
    folded = unicodedata.normalize("NFD", name).casefold()
    return unicodedata.normalize("NFC", unicodedata.normalize("NFD", folded).casefold())


def _judge_name(name: str) -> str:
    name = name.strip()
    if not 1 <= len(name) <= NAME_LENGTH:
        return f"1 to {NAME_LENGTH} characters, please."
    if not all(_is_printable(character) for character in name):
        return "Only characters that can be seen, please."
    if all(character in JOINERS or unicodedata.category(character) == "Zs" for character in name):
        return "Only characters that can be seen, please."
    return ""


def _is_printable(character: str) -> bool:
    # str.isprintable() refuses the non-breaking space, which people paste without knowing.
    category = unicodedata.category(character)
    return character in JOINERS or not (category.startswith("C") or category in ("Zl", "Zp"))


def _judge_scopes(scopes: Sequence[str], allowed: Mapping[str, str]) -> str:
    if not scopes:
        return "At least one scope, please."
    if any(scope not in allowed for scope in scopes):
        return "There is no such scope; there are: " + ", ".join(allowed) + "."
    return ""


def _judge_expiry(settings: Settings, expires_at: datetime | None, never: bool) -> str:
    if never:
        if expires_at is not None:
            return "Either a date or never, please."
        return "" if settings.key_never_expires else "Here every key must have a last day."
    if expires_at is None:
        return ""
    if expires_at.tzinfo is None:
        return "A time zone is missing."
    if expires_at <= now():
        return "This lies in the past."
    # A person means a day, up to its end; hence the one day more.
    if expires_at - now() > timedelta(days=settings.key_max_days + 1):
        return f"At most {settings.key_max_days} days from now, please."
    return ""


def _in_order(scopes: Iterable[str], allowed: Mapping[str, str]) -> tuple[str, ...]:
    wanted = set(scopes)
    return tuple(scope for scope in allowed if scope in wanted)
