"""Open edX, the LTI consumer component: what it is, and what it wants otherwise.

It does not say what it is, so campus IT does, when it is registered (family `openedx`).
registration.py has what registers the tool there, guide.py the steps, launches.py what its launches
say in their own way, scores.py what its refusals of a score mean.
"""

from typing import Any

from mentorai.core import hookimpl
from mentorai.core.values import Launch, Platform, PlatformProfile, SetupGuide
from mentorai.plugins.openedx.guide import GUIDE
from mentorai.plugins.openedx.launches import ROLES, refine
from mentorai.plugins.openedx.registration import write_document
from mentorai.plugins.openedx.scores import REFUSALS

FAMILY = "openedx"
FAMILY_CODES = ("openedx", "open edx", "open-edx")
COMPONENT = "Studio, the unit, this LTI Consumer component, Edit"
SCREENS = {
    "tool": COMPONENT,
    "addresses": f"{COMPONENT}: Launch URL, Tool Initiate Login URL, Tool Keyset URL",
    "deployments": "Studio, the unit, below the component: Deployment ID",
    "services": f"{COMPONENT}: Assignment and Grades, Names & Roles (NRPS)",
    "privacy": f"{COMPONENT}: Share Username, Full name, Email; the course's flag for that",
    "placements": "Studio, the unit, Advanced, LTI Consumer; and its link Deep Linking Launch",
    "platform_facts": "Studio, the unit, below the component: Client ID, Keyset URL, Access Token "
    "URL, Login URL",
}


@hookimpl
def platform_profile() -> PlatformProfile:
    """Its token address is the audience of our assertions."""
    return PlatformProfile(
        family=FAMILY,
        title="Open edX",
        token_audience="",
        screens=SCREENS,
        refusals=REFUSALS,
        column_label=100,
        column_tag=50,
        column_whole_points=True,
        # Seen with a token of a key that was deleted.
        stale_token_status=403,
        course_roles=tuple(ROLES),
    )


@hookimpl
def setup_guide() -> SetupGuide:
    """The steps by which it is connected."""
    return GUIDE


@hookimpl
def recognise_platform(family_code: str) -> str | None:
    """Known by what campus IT said, or by a name that an operator gave it."""
    return FAMILY if family_code.strip().lower() in FAMILY_CODES else None


@hookimpl
def refine_launch(platform: Platform, launch: Launch) -> Launch | None:
    """The role in the course, which Open edX names as one in the institution."""
    return refine(launch) if platform.family == FAMILY else None


@hookimpl
def registration_document(platform: str, tool: dict[str, Any]) -> dict[str, Any] | None:
    """The fields of the LTI consumer component in Studio."""
    return write_document(tool) if platform == FAMILY else None
