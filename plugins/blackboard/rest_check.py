"""Whether a connection to Blackboard's REST API serves, and what it lacks: for campus IT."""

from typing import TYPE_CHECKING

from mentorai.core.connections import Connections
from mentorai.core.errors import PlatformRefused
from mentorai.core.values import (
    Ability,
    Connection,
    ConnectionField,
    ConnectionForm,
    ConnectionReport,
)
from mentorai.plugins.blackboard.rest_client import (
    ENTITLEMENTS_SCREEN,
    BlackboardRest,
    RestRefused,
    course_path,
    user_path,
)
from mentorai.plugins.blackboard.rest_grades import MODIFY
from mentorai.plugins.blackboard.rest_rosters import VIEW_USERS, read_text
from mentorai.plugins.blackboard.rest_tokens import KIND, NOT_LEARN, SCOPES, BlackboardTokens

if TYPE_CHECKING:
    from mentorai.core.engine import Engine

# What it is for, what is tried in a course, and the entitlement that it takes.
PURPOSES = (
    ("Sections of merged courses, and lists of people where LTI gives none", "/users", VIEW_USERS),
    ("Grades where LTI's own grade service is not offered", "/gradebook/columns", MODIFY),
)
VERSIONS = {"/users": "/v1", "/gradebook/columns": "/v2"}


def make_form(engine: "Engine") -> ConnectionForm:
    """What campus IT enters."""
    return ConnectionForm(
        kind=KIND,
        title="Blackboard REST API",
        purpose="Shows the sections of merged courses, and brings grades and lists of people where "
        "LTI's services are not offered.",
        screen="developer.blackboard.com, My Apps, this application: Manage Keys, Redirect URIs; "
        "and in Learn: Administrator Panel, Integrations, REST API Integrations, Create "
        "Integration",
        fields=(
            ConnectionField("base_url", "Learn URL", "Where people sign in to Learn."),
            ConnectionField(
                "account", "Application Key", "Of developer.blackboard.com, not its Application ID."
            ),
            ConnectionField("secret", "Application Secret", is_secret=True),
        ),
        gives=(
            ("Redirect URI, to sign in as a person", engine.room(BlackboardTokens).callback_url),
        ),
        scopes=SCOPES,
        may_sign_in=True,
    )


def check(engine: "Engine", connection: Connection) -> ConnectionReport:
    """Ask Learn for its version, who we are there, and a little of a course.

    Raises SignInNeeded; PlatformError of every kind.
    """
    rest = BlackboardRest(engine, connection)
    try:
        version = rest.get("/v1/system/version", needs="nothing", can_wait=False)
    except RestRefused as error:
        raise PlatformRefused(NOT_LEARN) from error
    numbers = [version.get("learn", {}).get(n) for n in ("major", "minor", "patch")]
    course = _find_course(engine, connection)
    abilities = tuple(_judge(rest, course, *purpose) for purpose in PURPOSES)
    name = _find_name(engine, rest, connection)
    return ConnectionReport(name, ".".join(str(n) for n in numbers if n is not None), abilities)


def _judge(
    rest: BlackboardRest, course: str | None, purpose: str, path: str, needs: str
) -> Ability:
    if course is None:
        return Ability(purpose, True, is_tried=False)
    try:
        address = f"{VERSIONS[path]}{course_path(course)}{path}"
        rest.get(address, {"limit": 1}, needs=needs, can_wait=False)
    except RestRefused as error:
        if error.status == 403:
            return Ability(purpose, False, needs, ENTITLEMENTS_SCREEN)
        return Ability(purpose, False, error.message)
    return Ability(purpose, True)


def _find_course(engine: "Engine", connection: Connection) -> str | None:
    """A course of this Learn that has opened a mentor."""
    known = engine.course_people.list_courses(connection.organization_id)
    mine = (c.lms_id for c in known if c.registration_id == connection.registration_id)
    return next(mine, None)


def _find_name(engine: "Engine", rest: BlackboardRest, connection: Connection) -> str:
    """As whom we act: the person who signed in, or the integration's own user."""
    tokens = engine.room(Connections).open_tokens(connection)
    if tokens is None or not tokens.owner:
        return "the integration's own user"
    try:
        found = rest.get(f"/v1{user_path(tokens.owner)}", needs="user.VIEW", can_wait=False)
    except RestRefused:
        return tokens.owner
    return read_text(found, "userName") or tokens.owner
