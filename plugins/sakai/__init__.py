"""Sakai: what it is, how it is recognised, and how the tool is registered there.

registration.py has what registers the tool there, scores.py what its refusals of a score mean.
Launches, grades and rosters are those of any LMS that speaks LTI 1.3.
"""

from typing import Any

from mentorai.core import hookimpl
from mentorai.core.values import PlatformProfile, SetupGuide
from mentorai.plugins.sakai.guide import GUIDE
from mentorai.plugins.sakai.registration import write_document
from mentorai.plugins.sakai.scores import REFUSALS

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
    """Its token address is the audience of our assertions.

    It keeps no resource link of a column, takes a new column of a known label for the known one,
    and answers 403 to a token that it does not take, as after a restart, which makes it new keys.
    """
    return PlatformProfile(
        family=FAMILY,
        title="Sakai",
        token_audience="",
        screens=SCREENS,
        refusals=REFUSALS,
        binds_columns=False,
        takes_over_labels=True,
        stale_token_status=403,
    )


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
    return write_document(tool) if platform == FAMILY else None
