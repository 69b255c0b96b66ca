"""Blackboard Learn, by Anthology: what it is, how it is recognised, and what it wants otherwise.

One issuer and one client id for all schools: the deployment alone tells them apart.
registration.py has what registers the tool in the vendor's developer portal, guide.py the steps,
launches.py what its launches say in their own way, scores.py how a score is shaped for it and what
its refusals mean, comments.py keeps the comments that a score without one would wipe.
"""

from typing import TYPE_CHECKING, Any

from mentorai.core import hookimpl
from mentorai.core.values import (
    Launch,
    LineItem,
    Platform,
    PlatformProfile,
    Receipt,
    Score,
    SetupGuide,
)
from mentorai.plugins.blackboard.guide import GUIDE
from mentorai.plugins.blackboard.launches import refine
from mentorai.plugins.blackboard.registration import write_document
from mentorai.plugins.blackboard.scores import REFUSALS, shape_score

if TYPE_CHECKING:
    from mentorai.core.engine import Engine

FAMILY, FAMILY_CODE = "blackboard", "blackboardlearn"
ISSUER = "https://blackboard.com"
# Its sign-on, keys and tokens come from the vendor's portal, whatever the school's host is called.
VENDOR_DOMAINS = ("blackboard.com", "anthology.com")
SCREENS = {
    "tool": "Administrator Panel, Integrations, LTI Tool Providers: this tool",
    "addresses": "developer.blackboard.com, My Apps, this application: login, redirect, JWKS URLs",
    "deployments": "Administrator Panel, Integrations, LTI Tool Providers, this tool: Deployment",
    "services": "LTI Tool Providers, this tool, Edit: Allow grade service access, Allow Membership "
    "Service Access",
    "privacy": "LTI Tool Providers, this tool, Edit: User Fields to Send",
    "placements": "LTI Tool Providers, this tool, Manage Placements",
    "platform_facts": "developer.blackboard.com, My Apps, this application: Application ID is the "
    "client id",
}
# Who is in which group comes only when it is asked for.
ROSTER_QUERY = {"groups": "true"}
RESULTS_PAGE = 1_000


@hookimpl
def platform_profile() -> PlatformProfile:
    """Its token address is its own audience. No column of ours can be tied to a resource link."""
    return PlatformProfile(
        family=FAMILY,
        title="Blackboard Learn",
        vendor_domains=VENDOR_DOMAINS,
        token_audience="",
        screens=SCREENS,
        shares_issuer=True,
        refusals=REFUSALS,
        binds_columns=False,
        roster_query=ROSTER_QUERY,
        results_page=RESULTS_PAGE,
    )


@hookimpl
def setup_guide() -> SetupGuide:
    """The steps by which it is connected."""
    return GUIDE


@hookimpl
def recognise_platform(issuer: str, family_code: str) -> str | None:
    """Known by its product family code, or by the vendor's one issuer."""
    is_vendor = issuer.rstrip("/") == ISSUER
    return FAMILY if family_code.strip().lower() == FAMILY_CODE or is_vendor else None


@hookimpl
def refine_launch(platform: Platform, launch: Launch) -> Launch | None:
    """Without template variables that nobody filled in."""
    return refine(launch) if platform.family == FAMILY else None


@hookimpl
def push_score(
    engine: "Engine", platform: Platform, line_item: LineItem, score: Score
) -> Receipt | None:
    """Bring the score by AGS, with the comment that is there where ours has none."""
    if platform.family != FAMILY:
        return None
    from mentorai.lti.course_services import CourseServices
    from mentorai.plugins.blackboard.comments import Comments

    services = CourseServices.find(engine, platform)
    if services is None:
        return None
    kept = "" if score.comment else engine.room(Comments).find(services, line_item, score.subject)
    return services.push_score(line_item, shape_score(score, kept))


@hookimpl
def registration_document(platform: str, tool: dict[str, Any]) -> dict[str, Any] | None:
    """The fields of the developer portal, and what the school's administrator sets."""
    return write_document(tool) if platform == FAMILY else None
