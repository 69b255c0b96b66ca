"""Moodle: what it is, how it is recognised, and how the tool is registered there.

Launches, grades and rosters are those of any LMS that speaks LTI 1.3. Where campus IT connected
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

if TYPE_CHECKING:
    from mentorai.core.engine import Engine
    from mentorai.plugins.moodle.web_services import WebServices

FAMILY = FAMILY_CODE = "moodle"
# Moodle refuses a registration in plain words instead of OAuth's codes.
BEGIN_ANEW = (
    "In Moodle, begin anew: Site administration, Plugins, External tool, Manage tools, and paste "
    "the same link."
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
    "tool": "Site administration, Plugins, External tool, Manage tools: this tool's card",
    "addresses": "Manage tools, this tool's settings: tool URL, login URL, redirection URI, keyset",
    "deployments": "Manage tools, this tool's card, View configuration details: Deployment ID",
    "services": "Manage tools, this tool's settings, Services: grades and names and roles",
    "privacy": "Manage tools, this tool's settings, Privacy",
    "placements": "the activity in the course; or Content item in this tool's settings",
    "platform_facts": "Manage tools, this tool's card, View configuration details",
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
    )


@hookimpl
def setup_guide() -> SetupGuide:
    """The steps by which it is connected."""
    return GUIDE


@hookimpl
def recognise_platform(family_code: str) -> str | None:
    """Known by its product family code; its issuer is the school's own address."""
    return FAMILY if family_code.strip().lower() == FAMILY_CODE else None


@hookimpl
def registration_document(platform: str, tool: dict[str, Any]) -> dict[str, Any] | None:
    """The fields of its form "External tool configuration"."""
    if platform != FAMILY:
        return None
    custom = "\n".join(f"{name}={variable}" for name, variable in tool["custom"].items())
    return {
        "Tool name": tool["name"],
        "Tool URL": tool["launch_url"],
        "Tool description": tool["description"],
        "LTI version": "LTI 1.3",
        "Public key type": "Keyset URL",
        "Public keyset": tool["keyset_url"],
        "Initiate login URL": tool["login_url"],
        "Redirection URI(s)": tool["launch_url"],
        "Custom parameters": custom,
        "Supports Deep Linking (Content-Item Message)": "yes",
        "Content Selection URL": tool["launch_url"],
        "IMS LTI Assignment and Grade Services": "Use this service for grade sync "
        "and column management",
        "IMS LTI Names and Role Provisioning": "Use this service to retrieve members' information",
        "Share launcher's name with tool": "Always",
        "Share launcher's email with tool": "Always",
        "Accept grades from the tool": "Always",
    }


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

    if platform.family != FAMILY or not is_column(line_item):
        return None
    services = _find_web_services(engine, platform)
    return push(services, line_item, scores) if services else None


@hookimpl
def push_score(
    engine: "Engine", platform: Platform, line_item: LineItem, score: Score
) -> Receipt | None:
    """One, to a column that was found by web services."""
    answers = push_scores(engine, platform, line_item, [score])
    if answers is None:
        return None
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
