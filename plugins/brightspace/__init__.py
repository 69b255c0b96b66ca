"""Brightspace, by D2L: what it is, how it is recognised, and what it wants otherwise.

registration.py has what registers the tool there, scores.py what its refusals of a score mean.
Launches, grades and rosters are those of any LMS that speaks LTI 1.3.
"""

from typing import Any
from urllib.parse import urlsplit

from mentorai.core import hookimpl
from mentorai.core.values import PlatformProfile, SetupGuide
from mentorai.plugins.brightspace.guide import GUIDE
from mentorai.plugins.brightspace.registration import write_document
from mentorai.plugins.brightspace.scores import REFUSALS

FAMILY, FAMILY_CODE = "brightspace", "desire2learn"
# Tokens come from the vendor, whatever the school's own host is called.
VENDOR_DOMAINS = ("brightspace.com",)
# One audience for all schools; a list of two is refused with a server error.
TOKEN_AUDIENCE = "https://api.brightspace.com/auth/token"  # noqa: S105 - an address
SCREENS = {
    "tool": "Admin Tools, Manage Extensibility, LTI Advantage: this tool's registration",
    "addresses": "Manage Extensibility, LTI Advantage, this tool: redirect URLs, login URL, keyset",
    "deployments": "Admin Tools, External Learning Tools, LTI Advantage: this tool's deployment",
    "services": "Manage Extensibility, LTI Advantage, this tool, Extensions; and its deployment",
    "privacy": "External Learning Tools, LTI Advantage, the deployment: Security Settings",
    "platform_facts": "Manage Extensibility, LTI Advantage, this tool: registration details",
}


@hookimpl
def platform_profile() -> PlatformProfile:
    """Its audience is not its token address."""
    return PlatformProfile(
        family=FAMILY,
        title="Brightspace",
        vendor_domains=VENDOR_DOMAINS,
        token_audience=TOKEN_AUDIENCE,
        screens=SCREENS,
        refusals=REFUSALS,
    )


@hookimpl
def setup_guide() -> SetupGuide:
    """The steps by which it is connected."""
    return GUIDE


@hookimpl
def recognise_platform(issuer: str, family_code: str) -> str | None:
    """Known by its product family code, or by a host of the vendor's."""
    host = urlsplit(issuer).hostname or ""
    is_vendor = host.endswith(".brightspace.com")
    return FAMILY if family_code.strip().lower() == FAMILY_CODE or is_vendor else None


@hookimpl
def registration_document(platform: str, tool: dict[str, Any]) -> dict[str, Any] | None:
    """The fields of its form "Register Tool" under Manage Extensibility, LTI Advantage."""
    return write_document(tool) if platform == FAMILY else None
