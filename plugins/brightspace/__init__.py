"""Brightspace, by D2L: what it is, how it is recognised, and what it wants otherwise.

registration.py has what registers the tool there, scores.py what its refusals of a score mean.
Launches, grades and rosters are those of any LMS that speaks LTI 1.3, but that a score which is to
replace a teacher's grade is looked after.
"""

from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from mentorai.core import hookimpl
from mentorai.core.values import LineItem, Platform, PlatformProfile, Receipt, Score, SetupGuide
from mentorai.plugins.brightspace.guide import GUIDE
from mentorai.plugins.brightspace.registration import write_document
from mentorai.plugins.brightspace.scores import REFUSALS

if TYPE_CHECKING:
    from mentorai.core.engine import Engine

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
    "placements": "External Learning Tools, LTI Advantage, the deployment: View Links",
    "platform_facts": "Manage Extensibility, LTI Advantage, this tool: registration details",
}
ALLOW_GRADES = (
    "Ask your campus IT to allow Assignment and Grade Services both in the tool's registration "
    "(Manage Extensibility, LTI Advantage) and in its deployment (External Learning Tools). Then "
    "resend the grade."
)
GRADE_ADVICE = {
    "teacher_grade_stands": "Nothing to do if the teacher's grade shall stand. Otherwise send ours "
    "in its place; where Brightspace keeps the teacher's all the same, clear the student's grade "
    "under Grades, Enter Grades, the grade item, save, and send ours again.",
    "person_not_in_course": "Nothing to do if the person has left the course or teaches in it. "
    "Otherwise enrol them under Classlist in a role that can be graded in Grades, then resend the "
    "grade.",
    "no_line_item": "If the grade item was deleted, add the link again in Content and open it "
    "once. If it never had one, campus IT allows Assignment and Grade Services. Then resend the "
    "grade.",
    "platform_refused": "Nothing to do if the course is inactive or its end date has passed. "
    f"Otherwise: {ALLOW_GRADES}",
    "scope_not_granted": ALLOW_GRADES,
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
        grade_advice=GRADE_ADVICE,
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
def push_score(
    engine: "Engine", platform: Platform, line_item: LineItem, score: Score
) -> Receipt | None:
    """Bring the score by AGS, and look whether it took the place of a teacher's where it was to."""
    if platform.family != FAMILY:
        return None
    from mentorai.lti.course_services import CourseServices

    services = CourseServices.find(engine, platform)
    if services is None:
        return None
    receipt = services.push_score(line_item, score)
    services.check_replaced(line_item, score)
    return receipt


@hookimpl
def registration_document(platform: str, tool: dict[str, Any]) -> dict[str, Any] | None:
    """The fields of its form "Register Tool" under Manage Extensibility, LTI Advantage."""
    return write_document(tool) if platform == FAMILY else None
