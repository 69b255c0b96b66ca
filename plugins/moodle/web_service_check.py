"""Whether a connection to Moodle's web services serves, and what it lacks: for campus IT."""

from typing import TYPE_CHECKING, Any

from mentorai.core.errors import PlatformRefused, PlatformReplyInvalid
from mentorai.core.values import (
    Ability,
    Connection,
    ConnectionField,
    ConnectionForm,
    ConnectionReport,
)
from mentorai.plugins.moodle.web_service_grades import GRADES, MODULE, REPORT
from mentorai.plugins.moodle.web_service_rosters import FUNCTION as PEOPLE
from mentorai.plugins.moodle.web_services import (
    KIND,
    SERVICE_SCREEN,
    TOKENS_SCREEN,
    WebServiceRefused,
    WebServices,
)

if TYPE_CHECKING:
    from mentorai.core.engine import Engine

SITE_INFO = "core_webservice_get_site_info"
ROLES_SCREEN = "Site administration, Users, Permissions, Define roles: the token's user"
FUNCTIONS_SCREEN = f"{SERVICE_SCREEN}: this service, Functions, Add functions"
# What it is for, the functions, and the capabilities that they need.
PURPOSES = (
    (
        "Groups of a course, and its list of people where LTI gives none",
        (PEOPLE,),
        "moodle/course:viewparticipants, moodle/user:viewdetails, moodle/course:enrolreview, "
        "moodle/site:accessallgroups",
    ),
    (
        "Which grades a teacher changed by hand or locked",
        (REPORT,),
        "gradereport/user:view, moodle/grade:viewall",
    ),
    (
        "Grades where LTI's own grade service is off",
        (MODULE, GRADES, REPORT),
        "moodle/grade:edit, moodle/grade:viewall",
    ),
)


def make_form() -> ConnectionForm:
    """What campus IT enters."""
    return ConnectionForm(
        kind=KIND,
        title="Moodle web services",
        purpose="Shows the groups of a course and which grades a teacher changed, and brings "
        "grades and lists of people where LTI's services are off.",
        screen=TOKENS_SCREEN,
        fields=(
            ConnectionField("base_url", "Site URL", "The address of Moodle's front page."),
            ConnectionField(
                "secret",
                "Token",
                "Of a user who may only what is needed, for a service with the functions below.",
                is_secret=True,
            ),
        ),
    )


def check(engine: "Engine", connection: Connection) -> ConnectionReport:
    """Ask Moodle who we are there, and which functions and courses are open to us.

    Raises PlatformError of every kind.
    """
    services = WebServices(engine, connection)
    try:
        site = services.call(SITE_INFO)
    except WebServiceRefused as error:
        raise PlatformRefused(
            f"{error.message} {FUNCTIONS_SCREEN}: {SITE_INFO} must be among them."
        ) from error
    if not isinstance(site, dict) or not isinstance(site.get("functions"), list):
        raise PlatformReplyInvalid("Moodle did not say which functions are open to this token.")
    offered = {each.get("name") for each in site["functions"] if isinstance(each, dict)}
    course = _find_course(engine, connection)
    abilities = tuple(
        _judge(services, course, purpose, functions, capabilities, offered)
        for purpose, functions, capabilities in PURPOSES
    )
    return ConnectionReport(_word(site, "username"), _word(site, "release"), abilities)


def _judge(
    services: WebServices,
    course: str | None,
    purpose: str,
    functions: tuple[str, ...],
    capabilities: str,
    offered: set[Any],
) -> Ability:
    lacking = ", ".join(name for name in functions if name not in offered)
    if lacking:
        return Ability(purpose, False, lacking, FUNCTIONS_SCREEN)
    if course is None:
        return Ability(purpose, True)
    try:
        _try(services, course, functions)
    except WebServiceRefused as error:
        return Ability(purpose, False, f"{capabilities} ({error.error_code})", ROLES_SCREEN)
    return Ability(purpose, True)


def _try(services: WebServices, course: str, functions: tuple[str, ...]) -> None:
    """Read a little of a course, since a function that is open may still need a capability."""
    if PEOPLE in functions:
        options = [{"name": "onlyactive", "value": 1}, {"name": "limitnumber", "value": 1}]
        services.call(PEOPLE, courseid=course, options=options)


def _find_course(engine: "Engine", connection: Connection) -> str | None:
    """A course of this Moodle that has opened a mentor."""
    known = engine.course_people.list_courses(connection.organization_id)
    mine = (c.lms_id for c in known if c.registration_id == connection.registration_id)
    return next(mine, None)


def _word(site: dict[str, Any], name: str) -> str:
    found = site.get(name)
    return found[:200] if isinstance(found, str) and found.isprintable() else ""
