"""How Canvas takes a tool that registers itself: what it says besides, wants besides, and refuses.

Source: canvas-lms, doc/api/registration.md and placements_overview.md; LTI Dynamic Registration
1.0, section 3.
"""

from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

from mentorai.plugins.sandbox.school import COLLEGE

OWN = "https://canvas.instructure.com/lti"
TOOL = "https://purl.imsglobal.org/spec/lti-tool-configuration"
SCOPES = (
    f"{OWN}/public_jwk/scope/update",
    f"{OWN}/account_lookup/scope/show",
    "https://canvas.instructure.com/lti-ags/progress/scope/show",
)
PLACEMENTS: Mapping[str, tuple[str, ...]] = {
    "LtiResourceLinkRequest": (
        "account_navigation",
        "course_home_sub_navigation",
        "course_navigation",
        "course_settings_sub_navigation",
        "global_navigation",
        "student_context_card",
        "tool_configuration",
        "user_navigation",
    ),
    "LtiDeepLinkingRequest": (
        "assignment_selection",
        "collaboration",
        "editor_button",
        "homework_submission",
        "link_selection",
        "migration_selection",
    ),
}
PRIVACY_LEVELS = ("public", "name_only", "email_only", "anonymous")


def describe(base_url: str) -> Mapping[str, Any]:
    """What its platform configuration says besides."""
    return {
        "version": "vCloud",
        f"{OWN}/account_name": COLLEGE,
        f"{OWN}/account_lti_guid": f"{urlsplit(base_url).hostname}:canvas-lms",
        "messages_supported": [
            {"type": kind, "placements": list(places)} for kind, places in PLACEMENTS.items()
        ],
    }


def find_fault(document: Mapping[str, Any]) -> str:
    """What Canvas refuses in a tool's registration, in a sentence; empty if nothing."""
    own = document[TOOL]
    messages, custom = own.get("messages"), own.get("custom_parameters") or {}
    if not isinstance(document.get("scope"), str):
        return "scope must be one text, with spaces between."
    if own.get(f"{OWN}/privacy_level", "anonymous") not in PRIVACY_LEVELS:
        return f"privacy_level must be one of {', '.join(PRIVACY_LEVELS)}."
    if not isinstance(custom, dict) or any(not isinstance(each, str) for each in custom.values()):
        return "custom_parameters must be texts."
    if not isinstance(messages, list) or not all(_is_placed(each) for each in messages):
        return "messages must each have a type and placements that are known."
    return ""


def tell(document: Mapping[str, Any]) -> Mapping[str, str]:
    """What campus IT reads of a tool that registered itself in Canvas' way."""
    own = document.get(TOOL) or {}
    level = own.get(f"{OWN}/privacy_level")
    if level is None:
        return {}
    placed = [
        f"{place} (off until a course switches it on)" if _is_off(message, place) else place
        for message in own["messages"]
        for place in message.get("placements", ())
    ]
    return {"Placements": ", ".join(placed), "Privacy level": level}


def _is_placed(message: object) -> bool:
    if not isinstance(message, dict):
        return False
    known = PLACEMENTS.get(message.get("type", ""), ())
    places = message.get("placements", [])
    return isinstance(places, list) and all(place in known for place in places)


def _is_off(message: Mapping[str, Any], place: str) -> bool:
    return message.get(f"{OWN}/{place}/default_enabled") is False
