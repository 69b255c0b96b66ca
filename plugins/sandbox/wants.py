"""What a content selection asks the tool for; tests and people may have it ask for other things.

Source: LTI Deep Linking 2.0, section 4.4.1 (deep linking settings claim).
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from mentorai.core.errors import InputRejected

KINDS = ("ltiResourceLink", "link", "file", "html", "image")
TARGETS = ("iframe", "frame", "window", "embed")


@dataclass(frozen=True, slots=True)
class Wants:
    """The settings of a content selection.

    accept_lineitem: None leaves it out. sends_data: whether there is something to give back.
    """

    accept_types: tuple[str, ...] = ("ltiResourceLink",)
    accept_media_types: str = ""
    accept_targets: tuple[str, ...] = ("iframe", "window")
    accept_multiple: bool = True
    accept_lineitem: bool | None = True
    auto_create: bool = True
    title: str = ""
    text: str = ""
    sends_data: bool = True

    def change(self, changes: Mapping[str, Any]) -> "Wants":
        """The same with changes. Raises InputRejected naming what cannot be."""
        errors = {
            name: ["The sandbox cannot do that."]
            for name, value in changes.items()
            if name not in _RULES or not _RULES[name](value)
        }
        if errors:
            raise InputRejected(errors)
        facts: dict[str, Any] = {
            name: tuple(value) if isinstance(value, list) else value
            for name, value in changes.items()
        }
        return replace(self, **facts)

    def as_claim(self, return_url: str, data: str | None) -> dict[str, Any]:
        """The settings claim of one selection."""
        claim: dict[str, Any] = {
            "deep_link_return_url": return_url,
            "accept_types": list(self.accept_types),
            "accept_presentation_document_targets": list(self.accept_targets),
            "accept_multiple": self.accept_multiple,
            "auto_create": self.auto_create,
        }
        more = {
            "accept_media_types": self.accept_media_types or None,
            "accept_lineitem": self.accept_lineitem,
            "title": self.title or None,
            "text": self.text or None,
            "data": data,
        }
        return claim | {name: value for name, value in more.items() if value is not None}


def _among(known: tuple[str, ...]) -> Callable[[Any], bool]:
    return lambda v: isinstance(v, list) and all(each in known for each in v)


def _is_flag(value: object) -> bool:
    return isinstance(value, bool)


def _is_text(value: object) -> bool:
    return isinstance(value, str) and len(value) <= 500


_RULES: Mapping[str, Callable[[Any], bool]] = {
    "accept_types": _among(KINDS),
    "accept_media_types": _is_text,
    "accept_targets": _among(TARGETS),
    "accept_multiple": _is_flag,
    "accept_lineitem": lambda v: v is None or _is_flag(v),
    "auto_create": _is_flag,
    "title": _is_text,
    "text": _is_text,
    "sends_data": _is_flag,
}
