"""Blackboard Learn, by Anthology: what it is, how it is recognised, and what it wants otherwise.

One issuer and one client id for all schools: the deployment alone tells them apart.
registration.py has what registers the tool in the vendor's developer portal, guide.py the steps,
launches.py what its launches say in their own way, scores.py how a score is shaped for it and what
its refusals mean, comments.py keeps the comments that a score without one would wipe. Where campus
IT connected the REST API (rest_*.py), sections and what LTI does not offer come by it.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from mentorai.core import hookimpl
from mentorai.core.values import (
    ApiTokens,
    Connection,
    ConnectionBegun,
    ConnectionForm,
    ConnectionReport,
    Context,
    CourseSection,
    GradePlace,
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
from mentorai.plugins.blackboard.guide import GUIDE
from mentorai.plugins.blackboard.launches import refine
from mentorai.plugins.blackboard.registration import write_document
from mentorai.plugins.blackboard.scores import REFUSALS, shape_score

if TYPE_CHECKING:
    from mentorai.core.engine import Engine
    from mentorai.plugins.blackboard.rest_client import BlackboardRest
    from mentorai.plugins.blackboard.rest_tokens import BlackboardTokens

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
ALLOW_GRADES = (
    "Ask your campus IT to allow the grade service: LTI Tool Providers, this tool, Edit, Allow "
    "grade service access. Then resend the grade."
)
GRADE_ADVICE = {
    "teacher_grade_stands": "Nothing to do if the teacher's grade shall stand: Blackboard keeps an "
    "override whatever is sent. Otherwise in the Gradebook open the student's grade and choose "
    "Undo Override in its menu (in the Original Course View: View Grade Details, Revert); then "
    "send ours in its place.",
    "person_not_in_course": "Nothing to do if the person has left the course or teaches in it. "
    "Otherwise make them an available student under Roster (in the Original Course View: Users), "
    "then resend the grade.",
    "no_line_item": "If the item was deleted, add it again in Course Content and open it once. If "
    "it never had a column, campus IT allows the grade service: LTI Tool Providers, this tool, "
    "Edit. Then resend the grade.",
    "platform_refused": "Nothing to do if the course is complete or closed. Otherwise: "
    f"{ALLOW_GRADES}",
    "scope_not_granted": ALLOW_GRADES,
}


@hookimpl
def platform_profile() -> PlatformProfile:
    """Its token address is its own audience. No column of ours can be tied to a resource link."""
    return PlatformProfile(
        family=FAMILY,
        title="Blackboard Learn",
        vendor_domains=VENDOR_DOMAINS,
        token_audience="",
        screens=SCREENS,
        grade_advice=GRADE_ADVICE,
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
    """Bring the score by AGS, with the comment that is there where ours has none; or by REST, to
    a column that was found so.
    """
    if platform.family != FAMILY:
        return None
    from mentorai.lti.course_services import CourseServices
    from mentorai.plugins.blackboard.comments import Comments
    from mentorai.plugins.blackboard.rest_client import get_rest
    from mentorai.plugins.blackboard.rest_grades import is_column, push

    if is_column(line_item):
        return push(get_rest(engine, platform), line_item, score)
    services = CourseServices.find(engine, platform)
    if services is None:
        return None
    kept = "" if score.comment else engine.room(Comments).find(services, line_item, score.subject)
    receipt = services.push_score(line_item, shape_score(score, kept))
    services.check_replaced(line_item, score)
    return receipt


@hookimpl
def registration_document(platform: str, tool: dict[str, Any]) -> dict[str, Any] | None:
    """The fields of the developer portal, and what the school's administrator sets."""
    return write_document(tool) if platform == FAMILY else None


@hookimpl
def connection_form(engine: "Engine", platform: Platform) -> ConnectionForm | None:
    """The school's own host, and the application's key and secret."""
    from mentorai.plugins.blackboard.rest_check import make_form

    return make_form(engine) if platform.family == FAMILY else None


@hookimpl
def check_connection(engine: "Engine", connection: Connection) -> ConnectionReport | None:
    """As whom we act there, and which entitlements are missing."""
    from mentorai.plugins.blackboard.rest_check import check
    from mentorai.plugins.blackboard.rest_tokens import KIND

    return check(engine, connection) if connection.kind == KIND else None


@hookimpl
def find_line_item(engine: "Engine", place: GradePlace) -> LineItem | None:
    """A column of ours by REST, where the launch offered no grade service."""
    if place.service.line_item_url or place.service.line_items_url:
        return None
    from mentorai.plugins.blackboard.rest_grades import find_column

    rest = _find_rest(engine, place.platform)
    return find_column(rest, place) if rest else None


@hookimpl
def read_results(
    engine: "Engine", platform: Platform, line_item: LineItem
) -> Sequence[Result] | None:
    """What a column holds that was found by REST."""
    from mentorai.plugins.blackboard.rest_client import get_rest
    from mentorai.plugins.blackboard.rest_grades import ColumnResults, is_column

    if platform.family != FAMILY or not is_column(line_item):
        return None
    return engine.room(ColumnResults).read(get_rest(engine, platform), line_item)


@hookimpl
def list_members(
    engine: "Engine", platform: Platform, memberships_url: str, context: Context
) -> Iterator[Member | CourseSection] | None:
    """The list by REST, where LTI offered none."""
    return None if memberships_url else list_sections(engine, platform, context)


@hookimpl
def list_sections(
    engine: "Engine", platform: Platform, context: Context
) -> Iterator[Member | CourseSection] | None:
    """Who came from which of the courses that were merged into one."""
    from mentorai.plugins.blackboard.rest_rosters import list_people

    rest = _find_rest(engine, platform)
    return list_people(rest, context) if rest else None


@hookimpl
def begin_connection(
    engine: "Engine", connection: Connection, state: str
) -> ConnectionBegun | None:
    """Where a person signs in to Learn, to have us act as them."""
    tokens = _find_tokens(engine, connection)
    return tokens.begin(connection, state) if tokens else None


@hookimpl
def finish_connection(
    engine: "Engine", connection: Connection, answer: Mapping[str, str], kept: str
) -> ApiTokens | None:
    """The tokens for the code that Learn gave."""
    tokens = _find_tokens(engine, connection)
    return tokens.finish(connection, answer, kept) if tokens else None


def _find_tokens(engine: "Engine", connection: Connection) -> "BlackboardTokens | None":
    from mentorai.plugins.blackboard.rest_tokens import KIND, BlackboardTokens

    return engine.room(BlackboardTokens) if connection.kind == KIND else None


def _find_rest(engine: "Engine", platform: Platform) -> "BlackboardRest | None":
    from mentorai.plugins.blackboard.rest_client import find_rest

    return find_rest(engine, platform) if platform.family == FAMILY else None
