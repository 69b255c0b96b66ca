"""Sakai: what it is, how it is recognised, and how the tool is registered there.

Launches, grades and rosters are those of any LMS that speaks LTI 1.3.
"""

from typing import Any

from mentorai.core import hookimpl
from mentorai.core.values import PlatformProfile, SetupGuide
from mentorai.plugins.sakai.guide import GUIDE

FAMILY = FAMILY_CODE = "sakai"
SCREENS = {
    "tool": "Administration Workspace, External Tools: this tool",
    "addresses": "Administration Workspace, External Tools, this tool: LTI 1.3 settings",
    "services": "Administration Workspace, External Tools, this tool: grades and roster",
    "privacy": "Administration Workspace, External Tools, this tool: names and e-mail addresses",
    "platform_facts": "Administration Workspace, External Tools, this tool: LTI 1.3 settings",
}


@hookimpl
def platform_profile() -> PlatformProfile:
    """Its token address is the audience of our assertions."""
    return PlatformProfile(family=FAMILY, title="Sakai", token_audience="", screens=SCREENS)


@hookimpl
def setup_guide() -> SetupGuide:
    """The steps by which it is connected."""
    return GUIDE


@hookimpl
def recognise_platform(family_code: str) -> str | None:
    """Known by its product family code; its issuer is the school's own address."""
    return FAMILY if family_code.strip().lower() == FAMILY_CODE else None


@hookimpl
def registration_document(platform: str, tool: dict[str, Any]) -> dict[str, Any] | None:
    """The fields of its form for an external tool of LTI 1.3 (Administration Workspace)."""
    if platform != FAMILY:
        return None
    return {
        "Tool Title": tool["name"],
        "Description": tool["description"],
        "Launch URL": tool["launch_url"],
        "Tool supports LTI 1.3": "yes",
        "LTI 1.3 Tool Keyset URL": tool["keyset_url"],
        "LTI 1.3 Tool OpenID Connect/Initialization Endpoint": tool["login_url"],
        "LTI 1.3 Tool Redirect Endpoint(s)": tool["launch_url"],
        "Custom Parameters": "\n".join(
            f"{name}={variable}" for name, variable in tool["custom"].items()
        ),
        "Send User Names to External Tool": "yes",
        "Send Email Addresses to External Tool": "yes",
        "Provide Roster to External Tool": "yes",
        "Allow External Tool to return grades and create columns": "yes",
        "Placements": "Lessons (content item), Course Navigation (launch)",
    }
