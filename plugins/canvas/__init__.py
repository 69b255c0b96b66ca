"""Canvas, by Instructure: what it is, how it is recognised, and what it wants otherwise.

registration.py has what registers the tool there, launches.py what its launches say in their own
way, scores.py how a score is shaped for it and what its refusals mean.
"""

from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from mentorai.core import hookimpl
from mentorai.core.values import (
    Bucket,
    Launch,
    LineItem,
    Platform,
    PlatformProfile,
    Receipt,
    Score,
    SetupGuide,
)
from mentorai.plugins.canvas.guide import GUIDE
from mentorai.plugins.canvas.launches import refine
from mentorai.plugins.canvas.registration import extend_registration, write_document
from mentorai.plugins.canvas.scores import REFUSALS, push_by_lti

if TYPE_CHECKING:
    from mentorai.core.engine import Engine

FAMILY = FAMILY_CODE = "canvas"
# Hosted Canvas: one issuer for all schools, whose endpoints lie on the vendor's single sign-on.
VENDOR_DOMAINS = ("instructure.com", "canvaslms.com")
SCREENS = {
    "tool": "Admin, Developer Keys: this tool's LTI key; and Settings, Apps, where it is installed",
    "addresses": "Admin, Developer Keys, this tool's LTI key: redirect URIs, target link URI, JWK",
    "deployments": "Admin or course, Settings, Apps, this app: Deployment Id",
    "services": "Admin, Developer Keys, this tool's LTI key: LTI Advantage Services",
    "privacy": "Admin, Developer Keys, this tool's LTI key: Privacy Level",
    "placements": "Admin, Developer Keys, this tool's LTI key: Placements",
    "platform_facts": "Admin, Developer Keys: the number under Details is the client id",
}
# What it gives at once, whatever is asked for.
ROSTER_PAGE = 50
# Its request throttle, of one bucket for all schools of a client id on one of its clusters. The
# vendor names 700 for its hosted service; a school of its own may have the source's 600.
BUCKET = Bucket(
    high_water=600,
    leak_per_second=10,
    up_front=50,
    token_cost=200,
    cost_header="X-Request-Cost",
    remaining_header="X-Rate-Limit-Remaining",
    refusal_text="Rate Limit Exceeded",
)


@hookimpl
def platform_profile() -> PlatformProfile:
    """Its token address is its own audience, whatever its configuration names."""
    return PlatformProfile(
        family=FAMILY,
        title="Canvas",
        vendor_domains=VENDOR_DOMAINS,
        token_audience="",
        screens=SCREENS,
        bucket=BUCKET,
        shares_issuer=True,
        refusals=REFUSALS,
        course_is_link=True,
        roster_page=ROSTER_PAGE,
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
def refine_launch(platform: Platform, launch: Launch) -> Launch | None:
    """The school's own host, and a name for the place in the course's menu."""
    return refine(launch) if platform.family == FAMILY else None


@hookimpl
def push_score(
    engine: "Engine", platform: Platform, line_item: LineItem, score: Score
) -> Receipt | None:
    """Bring the score by AGS, as a grade and not as a submission."""
    if platform.family != FAMILY:
        return None
    from mentorai.lti.course_services import CourseServices

    services = CourseServices.find(engine, platform)
    return push_by_lti(services, line_item, score) if services else None


@hookimpl
def refine_registration(platform: str, registration: dict[str, Any]) -> dict[str, Any] | None:
    """Canvas' own claims: what it shares, and where it shows what."""
    return extend_registration(registration) if platform == FAMILY else None


@hookimpl
def registration_document(platform: str, tool: dict[str, Any]) -> dict[str, Any] | None:
    """The JSON of an LTI developer key, to paste or to point to."""
    return write_document(tool) if platform == FAMILY else None
