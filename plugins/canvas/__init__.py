"""Canvas, by Instructure: what it is, how it is recognised, and how the tool is registered there.

Launches, grades and rosters are those of any LMS that speaks LTI 1.3.
"""

from typing import Any
from urllib.parse import urlsplit

from mentorai.core import hookimpl
from mentorai.core.values import PlatformProfile, SetupGuide
from mentorai.plugins.canvas.guide import GUIDE

FAMILY = FAMILY_CODE = "canvas"
# Hosted Canvas: one issuer for all schools, whose endpoints lie on the vendor's single sign-on.
VENDOR_DOMAINS = ("instructure.com", "canvaslms.com")
EXTENSION = "https://canvas.instructure.com/lti"
TOOL_CONFIGURATION = "https://purl.imsglobal.org/spec/lti-tool-configuration"
TOOL_ID = "mentorai"
# Names and e-mail addresses, and no more is asked for than LTI's own claims hold.
PRIVACY_LEVEL = "public"
# Message -> where Canvas shows it.
PLACEMENTS = {
    "LtiResourceLinkRequest": ("course_navigation",),
    "LtiDeepLinkingRequest": ("assignment_selection", "link_selection"),
}
WIDTH, HEIGHT = 800, 700
SCREENS = {
    "tool": "Admin, Developer Keys: this tool's LTI key; and Settings, Apps, where it is installed",
    "addresses": "Admin, Developer Keys, this tool's LTI key: redirect URIs, target link URI, JWK",
    "deployments": "Admin or course, Settings, Apps, this app: Deployment Id",
    "services": "Admin, Developer Keys, this tool's LTI key: LTI Advantage Services",
    "privacy": "Admin, Developer Keys, this tool's LTI key: Privacy Level",
    "placements": "Admin, Developer Keys, this tool's LTI key: Placements",
    "platform_facts": "Admin, Developer Keys: the number under Details is the client id",
}


@hookimpl
def platform_profile() -> PlatformProfile:
    """Its token address is its own audience, whatever its configuration names."""
    return PlatformProfile(
        family=FAMILY,
        title="Canvas",
        vendor_domains=VENDOR_DOMAINS,
        token_audience="",
        screens=SCREENS,
    )


@hookimpl
def setup_guide() -> SetupGuide:
    """The steps by which it is connected."""
    return GUIDE


@hookimpl
def recognise_platform(issuer: str, family_code: str) -> str | None:
    """Known by its product family code, or by the vendor's issuer."""
    host = urlsplit(issuer).hostname or ""
    is_vendor = host.endswith(".instructure.com")
    return FAMILY if family_code.strip().lower() == FAMILY_CODE or is_vendor else None


@hookimpl
def refine_registration(platform: str, registration: dict[str, Any]) -> dict[str, Any] | None:
    """Canvas' own claims: what it shares, and where it shows what."""
    if platform != FAMILY:
        return None
    own = registration[TOOL_CONFIGURATION]
    messages = [_place(message) for message in own["messages"]]
    extras = {f"{EXTENSION}/privacy_level": PRIVACY_LEVEL, f"{EXTENSION}/tool_id": TOOL_ID}
    return registration | {TOOL_CONFIGURATION: own | extras | {"messages": messages}}


@hookimpl
def registration_document(platform: str, tool: dict[str, Any]) -> dict[str, Any] | None:
    """The JSON of an LTI developer key, to paste or to point to."""
    if platform != FAMILY:
        return None
    return {
        "title": tool["name"],
        "description": tool["description"],
        "oidc_initiation_url": tool["login_url"],
        "target_link_uri": tool["launch_url"],
        "public_jwk_url": tool["keyset_url"],
        "scopes": [
            scope for scope in tool["scopes"] if "/lti-ags/" in scope or "/lti-nrps/" in scope
        ],
        "custom_fields": tool["custom"],
        "extensions": [
            {
                "platform": "canvas.instructure.com",
                "domain": tool["domain"],
                "tool_id": TOOL_ID,
                "privacy_level": PRIVACY_LEVEL,
                "settings": {"text": tool["name"], "placements": _list_placements(tool)},
            }
        ],
    }


def _place(message: dict[str, Any]) -> dict[str, Any]:
    placements = PLACEMENTS.get(message["type"])
    if not placements:
        return message
    placed = message | {"placements": list(placements)}
    if "course_navigation" in placements:
        # Each course chooses by itself whether the mentor is in its menu.
        placed[f"{EXTENSION}/course_navigation/default_enabled"] = False
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
            found.append(placed)
    return found
