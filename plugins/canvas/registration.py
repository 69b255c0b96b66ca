"""What registers the tool in Canvas: the JSON of a developer key, and its dynamic registration.

Both say the same: the same placements, custom fields and privacy.
"""

from typing import Any

from mentorai.plugins.canvas.api_ids import CUSTOM_FIELDS as API_FIELDS

EXTENSION = "https://canvas.instructure.com/lti"
TOOL_CONFIGURATION = "https://purl.imsglobal.org/spec/lti-tool-configuration"
TOOL_ID = "mentorai"
# Names and e-mail addresses, and no more is asked for than LTI's own claims hold.
PRIVACY_LEVEL = "public"
RESOURCE_LINK, DEEP_LINKING = "LtiResourceLinkRequest", "LtiDeepLinkingRequest"
# Message -> where Canvas shows it. What an editor button places has no column in the gradebook.
PLACEMENTS = {
    RESOURCE_LINK: ("course_navigation",),
    DEEP_LINKING: ("assignment_selection", "link_selection", "editor_button"),
}
# Services that Canvas knows; it refuses a key that names others.
SERVICES = ("/lti-ags/", "/lti-nrps/", "/lti/scope/noticehandlers")
# Canvas' own names of what LTI names otherwise, for its own API and for campus IT.
CUSTOM_FIELDS = {
    "canvas_api_domain": "$Canvas.api.domain",
    "canvas_root_account_id": "$Canvas.root_account.global_id",
    **API_FIELDS,
}
WIDTH, HEIGHT = 800, 700


def write_document(tool: dict[str, Any]) -> dict[str, Any]:
    """The JSON of an LTI developer key. tool: as describe_tool gives it."""
    return {
        "title": tool["name"],
        "description": tool["description"],
        "oidc_initiation_url": tool["login_url"],
        "target_link_uri": tool["launch_url"],
        "public_jwk_url": tool["keyset_url"],
        "scopes": [scope for scope in tool["scopes"] if any(s in scope for s in SERVICES)],
        "custom_fields": tool["custom"] | CUSTOM_FIELDS,
        "extensions": [
            {
                "platform": "canvas.instructure.com",
                "domain": tool["domain"],
                "tool_id": TOOL_ID,
                "privacy_level": PRIVACY_LEVEL,
                "settings": {
                    "text": tool["name"],
                    "icon_url": _icon_url(tool["launch_url"]),
                    "placements": list(_list_placements(tool)),
                },
            }
        ],
    }


def extend_registration(registration: dict[str, Any]) -> dict[str, Any]:
    """A dynamic registration with Canvas' own claims."""
    own = registration[TOOL_CONFIGURATION]
    messages = [_place(message) for message in own["messages"]]
    extras = {f"{EXTENSION}/privacy_level": PRIVACY_LEVEL, f"{EXTENSION}/tool_id": TOOL_ID}
    custom = own.get("custom_parameters", {}) | CUSTOM_FIELDS
    own = own | extras | {"messages": messages, "custom_parameters": custom}
    icon = {"logo_uri": _icon_url(own["target_link_uri"])}
    return registration | icon | {TOOL_CONFIGURATION: own}


def _place(message: dict[str, Any]) -> dict[str, Any]:
    placements = PLACEMENTS.get(message["type"])
    if not placements:
        return message
    placed = message | {"placements": list(placements)}
    if "course_navigation" in placements:
        # Each course chooses by itself whether the mentor is in its menu.
        placed[f"{EXTENSION}/course_navigation/default_enabled"] = False
    if "editor_button" in placements:
        placed["icon_uri"] = _icon_url(message["target_link_uri"])
    return placed


def _list_placements(tool: dict[str, Any]) -> list[dict[str, Any]]:
    found = []
    for message_type, placements in PLACEMENTS.items():
        for placement in placements:
            placed = {
                "placement": placement,
                "message_type": message_type,
                "target_link_uri": tool["launch_url"],
                "text": tool["name"],
            }
            if placement == "course_navigation":
                placed["default"] = "disabled"
            else:
                placed |= {"selection_width": WIDTH, "selection_height": HEIGHT}
            if placement == "editor_button":
                placed["icon_url"] = _icon_url(tool["launch_url"])
            found.append(placed)
    return found


def _icon_url(launch_url: str) -> str:
    return f"{launch_url.removesuffix('/lti/launch')}/static/icon.svg"
