"""Whether a connection to Moodle's web services serves, and what it lacks: for campus IT."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from mentorai.core.errors import PlatformRefused, PlatformReplyInvalid
from mentorai.core.line_items import LineItems
from mentorai.core.values import (
    Ability,
    Connection,
    ConnectionField,
    ConnectionForm,
    ConnectionReport,
)
from mentorai.plugins.moodle.web_service_grades import (
    COMPONENT,
    GRADES,
    MODULE,
    NOT_ALLOWED,
    REPORT,
    SOURCE,
    shows_none,
)
from mentorai.plugins.moodle.web_service_rosters import FUNCTION as PEOPLE
from mentorai.plugins.moodle.web_service_rosters import find_student
from mentorai.plugins.moodle.web_services import (
    KIND,
    SERVICE_SCREEN,
    WebServiceRefused,
    WebServices,
)

if TYPE_CHECKING:
    from mentorai.core.course_people import Course
    from mentorai.core.engine import Engine

SITE_INFO = "core_webservice_get_site_info"
ROLES_SCREEN = "Site administration, Users, Permissions, Define roles: the token's user"
FUNCTIONS_SCREEN = f"{SERVICE_SCREEN}: this service, Functions, Add functions"
# What it is for, and the functions.
PURPOSES = (
    ("Groups of a course, and its list of people where LTI gives none", (PEOPLE,)),
    ("Which grades a teacher changed by hand or locked", (REPORT,)),
    ("Grades where LTI's own grade service is off", (MODULE, GRADES, REPORT)),
)
# The capabilities that each function needs in a course.
CAPABILITIES = {
    PEOPLE: "moodle/course:viewparticipants, moodle/user:viewdetails, moodle/course:enrolreview, "
    "moodle/site:accessallgroups",
    # Without the last two Moodle leaves out our activities, or those that are hidden.
    REPORT: "gradereport/user:view, moodle/grade:viewall, mod/lti:view, moodle/grade:viewhidden",
    MODULE: "moodle/course:view",
    GRADES: "moodle/grade:edit",
}
# Moodle refuses nothing, and leaves out what its role does not let it see.
NOT_SHOWN = "none of our columns is shown"
# Of so many people of a course one is likely a student.
PEOPLE_TRIED = 20
# A course that the token's user may not enter: they are enrolled in none, or lack course:view.
NO_ENTRY = frozenset({"requireloginerror", "errorcoursecontextnotvalid"})


def make_form() -> ConnectionForm:
    """What campus IT enters."""
    return ConnectionForm(
        kind=KIND,
        title="Moodle web services",
        purpose="Shows the groups of a course and which grades a teacher changed, and brings "
        "grades and lists of people where LTI's services are off.",
        screen=f"{SERVICE_SCREEN} (a service with the functions), then Manage tokens",
        gives=(
            ("Functions of the service", "\n".join([SITE_INFO, *CAPABILITIES])),
            ("Capabilities of the user's role", "\n".join(_list_capabilities())),
        ),
        fields=(
            ConnectionField("base_url", "Site URL", "The address of Moodle's front page."),
            ConnectionField(
                "secret",
                "Token",
                "Of a user who may only what is needed, for the service with these functions.",
                is_secret=True,
            ),
        ),
    )


def _list_capabilities() -> list[str]:
    """Each capability once."""
    named = [names.split(", ") for names in CAPABILITIES.values()]
    return list(dict.fromkeys(["webservice/rest:use", *(name for each in named for name in each)]))


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
    urls = LineItems(engine.database).list_urls(course) if course else []
    refused = _try_all(services, course.lms_id, urls, offered) if course else None
    abilities = tuple(
        _judge(purpose, functions, offered, refused) for purpose, functions in PURPOSES
    )
    return ConnectionReport(_word(site, "username"), _word(site, "release"), abilities)


def _judge(
    purpose: str, functions: tuple[str, ...], offered: set[Any], refused: Mapping[str, str] | None
) -> Ability:
    """Whether a purpose is served. refused: what was refused in a course; None: none was tried."""
    lacking = ", ".join(name for name in functions if name not in offered)
    if lacking:
        return Ability(purpose, False, lacking, FUNCTIONS_SCREEN)
    if refused is None:
        return Ability(purpose, True, is_tried=False)
    told = [f"{CAPABILITIES[f]} for {f} ({refused[f]})" for f in functions if f in refused]
    return Ability(purpose, not told, "; ".join(told), ROLES_SCREEN if told else "")


def _try_all(
    services: WebServices, course: str, columns: Sequence[str], offered: set[Any]
) -> dict[str, str]:
    """What Moodle says to each function that it will not do in this course: its error codes.

    columns: the addresses of ours in it, as far as they are known.

    A function that is open may still need a capability. Nothing is changed: grades are sent to an
    activity that cannot be, which Moodle looks for after it has seen who calls.
    """
    refused: dict[str, str] = {}

    def ask(function: str, **asked: Any) -> Any:
        try:
            return services.call(function, **asked) if function in offered else None
        except WebServiceRefused as error:
            if function == PEOPLE or error.error_code in NOT_ALLOWED | NO_ENTRY:
                refused[function] = error.error_code
            return None

    options = [{"name": "onlyactive", "value": 1}, {"name": "limitnumber", "value": PEOPLE_TRIED}]
    person = find_student(ask(PEOPLE, courseid=course, options=options))
    # Of one person: a report of all would be megabytes. Who is no student has none, which is fine.
    report = ask(REPORT, courseid=course, userid=person or 1)
    if shows_none(report, columns):
        refused[REPORT] = NOT_SHOWN
    ask(MODULE, module="lti", instance=0)
    ask(GRADES, source=SOURCE, courseid=course, component=COMPONENT, activityid=0, itemnumber=0)
    return refused


def _find_course(engine: "Engine", connection: Connection) -> "Course | None":
    """A course of this Moodle that has opened a mentor."""
    known = engine.course_people.list_courses(connection.organization_id)
    mine = (c for c in known if c.registration_id == connection.registration_id)
    return next(mine, None)


def _word(site: dict[str, Any], name: str) -> str:
    found = site.get(name)
    return found[:200] if isinstance(found, str) and found.isprintable() else ""
