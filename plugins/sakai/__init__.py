"""Sakai: what it is, how it is recognised, and how the tool is registered there.

registration.py has what registers the tool there, scores.py what its refusals of a score mean.
Launches, columns and rosters are those of any LMS that speaks LTI 1.3.
"""

from typing import TYPE_CHECKING, Any

from mentorai.core import hookimpl
from mentorai.core.values import LineItem, Platform, PlatformProfile, Receipt, Score, SetupGuide
from mentorai.plugins.sakai.guide import GUIDE
from mentorai.plugins.sakai.registration import write_document
from mentorai.plugins.sakai.scores import REFUSALS, push

if TYPE_CHECKING:
    from mentorai.core.engine import Engine

FAMILY = "sakai"
# Its launches say the one, and what a tool reads to register itself says the other.
FAMILY_CODES = ("sakai", "sakailms.org")
SCREENS = {
    "tool": "Administration Workspace, External Tools: this tool",
    "addresses": "Administration Workspace, External Tools, this tool: LTI 1.3 settings",
    "services": "Administration Workspace, External Tools, this tool: return grades and create "
    "columns (a score needs both), provide roster",
    "privacy": "Administration Workspace, External Tools, this tool: names and e-mail addresses",
    "platform_facts": "Administration Workspace, External Tools, this tool: LTI 1.3 settings",
}


@hookimpl
def platform_profile() -> PlatformProfile:
    """Its token address is the audience of our assertions.

    It keeps no resource link of a column, and its tag as a piece of an address; takes a new column
    of a known label for the known one; and answers 403 to a token that it does not take, as after a
    restart, which makes it new keys.
    """
    return PlatformProfile(
        family=FAMILY,
        title="Sakai",
        token_audience="",
        screens=SCREENS,
        refusals=REFUSALS,
        binds_columns=False,
        column_plain_tag=True,
        takes_over_labels=True,
        stale_token_status=403,
    )


@hookimpl
def setup_guide() -> SetupGuide:
    """The steps by which it is connected."""
    return GUIDE


@hookimpl
def recognise_platform(family_code: str) -> str | None:
    """Known by its product family codes; its issuer is the school's own address."""
    return FAMILY if family_code.strip().lower() in FAMILY_CODES else None


@hookimpl
def registration_document(platform: str, tool: dict[str, Any]) -> dict[str, Any] | None:
    """The fields of its form for an external tool of LTI 1.3 (Administration Workspace)."""
    return write_document(tool) if platform == FAMILY else None


@hookimpl
def push_score(
    engine: "Engine", platform: Platform, line_item: LineItem, score: Score
) -> Receipt | None:
    """By AGS; trouble that is a column that is gone is told as such."""
    if platform.family != FAMILY:
        return None
    from mentorai.lti.course_services import CourseServices

    services = CourseServices.find(engine, platform)
    return push(services, line_item, score) if services else None
