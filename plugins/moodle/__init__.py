"""Moodle: what it is, how it is recognised, and what it wants otherwise.

registration.py has what registers the tool there, guide.py the steps, launches.py what its launches
say in their own way, scores.py what its refusals of a score mean. Where campus IT connected
Moodle's web services (web_service*.py), groups, teachers' changes, and what LTI leaves out come by
them.
"""

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

from mentorai.core import hookimpl
from mentorai.core.values import (
    Connection,
    ConnectionForm,
    ConnectionReport,
    Context,
    GradePlace,
    Group,
    Launch,
    LineItem,
    Member,
    Platform,
    PlatformProfile,
    Receipt,
    Result,
    Score,
    SetupGuide,
)
from mentorai.plugins.moodle.guide import GUIDE
from mentorai.plugins.moodle.launches import refine
from mentorai.plugins.moodle.registration import write_document
from mentorai.plugins.moodle.scores import REFUSALS, push_by_lti

if TYPE_CHECKING:
    from mentorai.core.engine import Engine
    from mentorai.plugins.moodle.web_services import WebServices

FAMILY = "moodle"
# Its product family code, and what it calls itself in the claim `ext`.
FAMILY_CODES = ("moodle", "moodle-2")
# Moodle refuses a registration in plain words instead of OAuth's codes.
BEGIN_ANEW = (
    "In Moodle, begin anew: Site administration, Plugins, Activity modules, External tool, Manage "
    "tools, and paste the same link."
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
    "tool": "Site administration, Plugins, Activity modules, External tool, Manage tools: this "
    "tool's card",
    "addresses": "Manage tools, this tool's settings: tool URL, login URL, redirection URI, keyset",
    "deployments": "Manage tools, this tool's card, View configuration details: Deployment ID",
    "services": "Manage tools, this tool's settings, Services: grades and names and roles",
    "privacy": "Manage tools, this tool's settings, Privacy",
    "placements": "the activity in the course; or Content item in this tool's settings",
    "platform_facts": "Manage tools, this tool's card, View configuration details",
}
EDIT_GRADE = (
    "in Moodle open Grades, Grader report, switch Edit mode on, this grade's menu, Edit grade"
)
GRADE_ADVICE = {
    "teacher_grade_stands": "Nothing to do if the teacher's grade shall stand: Moodle keeps it "
    f"whatever is sent. Otherwise {EDIT_GRADE}, untick Overridden and save; then send ours in its "
    "place.",
    "grade_locked": f"Nothing to do if the locked grade shall stand. Otherwise {EDIT_GRADE}, and "
    "untick Locked; if it is the column or its category that is locked, in Grades, Gradebook "
    "setup, Edit. Then resend the grade.",
    "grade_maybe_locked": "Look in Moodle under Grades, Gradebook setup whether the column or its "
    "category is locked, and in the Grader report whether this grade is. It is tried again by "
    "itself for about two hours.",
    "person_not_in_course": "Nothing to do if the person has left the course or teaches in it. "
    "Otherwise in Moodle open Participants and enrol them as a student, then resend the grade.",
    "no_line_item": "If the activity was deleted in Moodle, add it again and open it once. If it "
    "has no column, edit its settings and tick Accept grades from the tool under Privacy. Then "
    "resend the grade.",
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
        grade_advice=GRADE_ADVICE,
        refusals=REFUSALS,
        hides_zero=True,
    )


@hookimpl
def setup_guide() -> SetupGuide:
    """The steps by which it is connected."""
    return GUIDE


@hookimpl
def recognise_platform(family_code: str) -> str | None:
    """Known by what it calls itself; its issuer is the school's own address."""
    return FAMILY if family_code.strip().lower() in FAMILY_CODES else None


@hookimpl
def refine_launch(platform: Platform, launch: Launch) -> Launch | None:
    """The language as the web writes it."""
    return refine(launch) if platform.family == FAMILY else None


@hookimpl
def registration_document(platform: str, tool: dict[str, Any]) -> dict[str, Any] | None:
    """The fields of its form "External tool configuration"."""
    return write_document(tool) if platform == FAMILY else None


@hookimpl
def connection_form(platform: Platform) -> ConnectionForm | None:
    """The site's address and a token."""
    from mentorai.plugins.moodle.web_service_check import make_form

    return make_form() if platform.family == FAMILY else None


@hookimpl
def check_connection(engine: "Engine", connection: Connection) -> ConnectionReport | None:
    """Who we are there, and which functions are open to us."""
    from mentorai.plugins.moodle.web_service_check import check
    from mentorai.plugins.moodle.web_services import KIND

    return check(engine, connection) if connection.kind == KIND else None


@hookimpl
def find_line_item(engine: "Engine", place: GradePlace) -> LineItem | None:
    """The activity's own column, where the launch offered no grade service."""
    if place.service.line_item_url or place.service.line_items_url:
        return None
    from mentorai.plugins.moodle.web_service_grades import find_column

    services = _find_web_services(engine, place.platform)
    return find_column(services, place) if services else None


@hookimpl
def push_scores(
    engine: "Engine", platform: Platform, line_item: LineItem, scores: Sequence[Score]
) -> Sequence[Receipt | Exception] | None:
    """Many at once, to a column that was found by web services."""
    from mentorai.plugins.moodle.web_service_grades import is_column, push
    from mentorai.plugins.moodle.web_services import get_web_services

    if platform.family != FAMILY or not is_column(line_item):
        return None
    return push(get_web_services(engine, platform), line_item, scores)


@hookimpl
def push_score(
    engine: "Engine", platform: Platform, line_item: LineItem, score: Score
) -> Receipt | None:
    """One: by LTI if it is final, or to a column that was found by web services."""
    if platform.family != FAMILY:
        return None
    answers = push_scores(engine, platform, line_item, [score])
    if answers is None:
        from mentorai.lti.course_services import CourseServices

        services = CourseServices.find(engine, platform)
        if services is None:
            return None
        return push_by_lti(services, line_item, score, _find_web_services(engine, platform))
    (answer,) = answers
    if isinstance(answer, Exception):
        raise answer
    return answer


@hookimpl
def read_results(
    engine: "Engine", platform: Platform, line_item: LineItem
) -> Sequence[Result] | None:
    """With what teachers changed or locked, which LTI does not tell."""
    from mentorai.plugins.moodle.web_service_results import read_with_marks

    services = _find_web_services(engine, platform)
    return read_with_marks(engine, platform, services, line_item) if services else None


@hookimpl
def list_members(
    engine: "Engine", platform: Platform, memberships_url: str, context: Context
) -> Iterator[Member | Group] | None:
    """The list by web services, where LTI offered none."""
    return None if memberships_url else list_sections(engine, platform, context)


@hookimpl
def list_sections(
    engine: "Engine", platform: Platform, context: Context
) -> Iterator[Member | Group] | None:
    """Who is in which group: Moodle has no sections."""
    from mentorai.plugins.moodle.web_service_rosters import list_people

    services = _find_web_services(engine, platform)
    return list_people(services, context) if services else None


def _find_web_services(engine: "Engine", platform: Platform) -> "WebServices | None":
    from mentorai.plugins.moodle.web_services import find_web_services

    return find_web_services(engine, platform) if platform.family == FAMILY else None
