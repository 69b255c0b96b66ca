"""Moodle: what it is, how it is recognised, and how the tool is registered there.

Launches, grades and rosters are those of any LMS that speaks LTI 1.3.
"""

from typing import Any

from mentorai.core import hookimpl
from mentorai.core.values import PlatformProfile

FAMILY = FAMILY_CODE = "moodle"
# Moodle refuses a registration in plain words instead of OAuth's codes.
BEGIN_ANEW = (
    "In Moodle, begin anew: Site administration, Plugins, External tool, Manage tools, and paste "
    "the same link."
)
CHECK_ADDRESS = "Look whether MENTORAI_PUBLIC_URL is the address that browsers use."
REGISTRATION_ERRORS = {
    "missing_registration_token": BEGIN_ANEW,
    "token_already_used": BEGIN_ANEW,
    "Expired token": BEGIN_ANEW,
    "Incorrect scope": BEGIN_ANEW,
    "missing_domain": CHECK_ADDRESS,
    "domain_targetlinkuri_mismatch": CHECK_ADDRESS,
    "invalid_redirect_uris": CHECK_ADDRESS,
    "Unsupported operation": "This Moodle changes no registration from outside: change the tool "
    "in Manage tools.",
}
SCREENS = {
    "tool": "Site administration, Plugins, External tool, Manage tools: this tool's card",
    "addresses": "Manage tools, this tool's settings: tool URL, login URL, redirection URI, keyset",
    "deployments": "Manage tools, this tool's card, View configuration details: Deployment ID",
    "services": "Manage tools, this tool's settings, Services: grades and names and roles",
    "privacy": "Manage tools, this tool's settings, Privacy",
    "placements": "the activity in the course; or Content item in this tool's settings",
    "platform_facts": "Manage tools, this tool's card, View configuration details",
}


@hookimpl
def platform_profile() -> PlatformProfile:
    """It does not look at the audience of an assertion, so its token address serves."""
    return PlatformProfile(
        family=FAMILY,
        title="Moodle",
        token_audience="",
        registration_errors=REGISTRATION_ERRORS,
        screens=SCREENS,
    )


@hookimpl
def recognise_platform(family_code: str) -> str | None:
    """Known by its product family code; its issuer is the school's own address."""
    return FAMILY if family_code.strip().lower() == FAMILY_CODE else None


@hookimpl
def registration_document(platform: str, tool: dict[str, Any]) -> dict[str, Any] | None:
    """The fields of its form "External tool configuration"."""
    if platform != FAMILY:
        return None
    custom = "\n".join(f"{name}={variable}" for name, variable in tool["custom"].items())
    return {
        "Tool name": tool["name"],
        "Tool URL": tool["launch_url"],
        "Tool description": tool["description"],
        "LTI version": "LTI 1.3",
        "Public key type": "Keyset URL",
        "Public keyset": tool["keyset_url"],
        "Initiate login URL": tool["login_url"],
        "Redirection URI(s)": tool["launch_url"],
        "Custom parameters": custom,
        "Supports Deep Linking (Content-Item Message)": "yes",
        "Content Selection URL": tool["launch_url"],
        "IMS LTI Assignment and Grade Services": "Use this service for grade sync "
        "and column management",
        "IMS LTI Names and Role Provisioning": "Use this service to retrieve members' information",
        "Share launcher's name with tool": "Always",
        "Share launcher's email with tool": "Always",
        "Accept grades from the tool": "Always",
    }
