"""Canvas, by Instructure: what it is, how it is recognised, and what it wants otherwise.

registration.py has what registers the tool there, launches.py what its launches say in their own
way, scores.py how a score is shaped for it and what its refusals mean. connection.py, api_*.py,
bulk_grades.py, own_grades.py and sections.py are about its own API, where that is connected.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from mentorai.core import hookimpl
from mentorai.core.values import (
    ApiTokens,
    Connection,
    ConnectionBegun,
    ConnectionForm,
    ConnectionReport,
    Context,
    CourseSection,
    Launch,
    LineItem,
    Member,
    Platform,
    PlatformProfile,
    Receipt,
    RosterEnd,
    Score,
    SetupGuide,
)
from mentorai.plugins.canvas.api_ids import CUSTOM_FIELDS, note_launch
from mentorai.plugins.canvas.guide import GUIDE
from mentorai.plugins.canvas.launches import refine
from mentorai.plugins.canvas.registration import extend_registration, write_document
from mentorai.plugins.canvas.scores import REFUSALS, push_by_lti
from mentorai.plugins.canvas.throttle import BUCKET

if TYPE_CHECKING:
    from mentorai.core.engine import Engine
    from mentorai.plugins.canvas.api_tokens import CanvasTokens

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
GRADE_ADVICE = {
    "teacher_grade_stands": "Nothing to do if the teacher's grade shall stand in Canvas. Otherwise "
    "send ours in its place.",
    "person_not_in_course": "Nothing to do if the person has left the course or teaches in it. "
    "Otherwise in Canvas open People and add them as a student, then resend the grade.",
    "attempts_exhausted": "Edit the assignment in Canvas and raise the number under Submission "
    "Attempts, then resend the grade.",
    "course_concluded": "Nothing to do if the course is over. Otherwise change its end date in "
    "Canvas under Settings, Course Details, then resend the grade.",
    "no_line_item": "If the assignment was deleted in Canvas, add it again (Submission Type "
    "External Tool, Find) and open it once, then resend the grade.",
}
# What it gives at once, whatever is asked for.
ROSTER_PAGE = 50


@hookimpl
def platform_profile() -> PlatformProfile:
    """Its token address is its own audience, whatever its configuration names."""
    return PlatformProfile(
        family=FAMILY,
        title="Canvas",
        vendor_domains=VENDOR_DOMAINS,
        token_audience="",
        screens=SCREENS,
        grade_advice=GRADE_ADVICE,
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
def connection_form(engine: "Engine", platform: Platform) -> ConnectionForm | None:
    """Its own API: a developer key, and a person who signs in."""
    if platform.family != FAMILY:
        return None
    from mentorai.plugins.canvas.connection import make_form

    return make_form(engine)


@hookimpl
def check_connection(
    engine: "Engine", platform: Platform, connection: Connection
) -> ConnectionReport | None:
    """Who signed in, and which scopes the key lacks."""
    from mentorai.plugins.canvas.api_tokens import KIND

    if platform.family != FAMILY or connection.kind != KIND:
        return None
    from mentorai.plugins.canvas.connection import check

    return check(engine, connection)


@hookimpl
def begin_connection(
    engine: "Engine", connection: Connection, state: str
) -> ConnectionBegun | None:
    """Where a person signs in at Canvas."""
    tokens = _find_tokens(engine, connection)
    return ConnectionBegun(tokens.begin(connection, state)) if tokens else None


@hookimpl
def finish_connection(
    engine: "Engine", connection: Connection, answer: Mapping[str, str]
) -> ApiTokens | None:
    """The tokens for the code that Canvas gave."""
    tokens = _find_tokens(engine, connection)
    return tokens.finish(connection, answer) if tokens else None


@hookimpl
def revoke_connection(engine: "Engine", connection: Connection) -> bool | None:
    """Canvas forgets the sign-in."""
    tokens = _find_tokens(engine, connection)
    return tokens.revoke(connection) if tokens else None


def _find_tokens(engine: "Engine", connection: Connection) -> "CanvasTokens | None":
    from mentorai.plugins.canvas.api_tokens import KIND, CanvasTokens

    return engine.room(CanvasTokens) if connection.kind == KIND else None


@hookimpl
def launch_admitted(engine: "Engine", launch: Launch) -> None:
    """Canvas' own numbers, for its own API."""
    # The column that SpeedGrader's address names is not the one of the launch's own numbers.
    if launch.review_of is not None:
        return
    if launch.family_code == FAMILY and CUSTOM_FIELDS.keys() & launch.custom.keys():
        note_launch(engine, launch)


@hookimpl
def push_scores(
    engine: "Engine", platform: Platform, line_item: LineItem, scores: Sequence[Score]
) -> Sequence[Receipt | Exception] | None:
    """By its own API, where that is connected and the column is one of an assignment."""
    if platform.family != FAMILY:
        return None
    from mentorai.plugins.canvas.api_client import CanvasApi
    from mentorai.plugins.canvas.bulk_grades import BulkGrades

    api = CanvasApi.find(engine, platform)
    return BulkGrades(engine, platform, line_item, api).push(scores) if api else None


@hookimpl
def push_score(
    engine: "Engine", platform: Platform, line_item: LineItem, score: Score
) -> Receipt | None:
    """By its own API where that brought the person's last one; else by AGS, as a submission only
    where the student handed in.
    """
    if platform.family != FAMILY:
        return None
    from mentorai.lti.course_services import CourseServices
    from mentorai.plugins.canvas.own_grades import holds_own, let_go, push_own

    receipt = push_own(engine, platform, line_item, score)
    services = CourseServices.find(engine, platform)
    if receipt is not None or services is None:
        return receipt
    is_own = holds_own(services, line_item, score.subject)
    receipt = push_by_lti(services, line_item, score, yields=not (is_own or score.replaces_teacher))
    if is_own:
        let_go(services, line_item, score.subject)
    return receipt


@hookimpl
def list_members(
    engine: "Engine", platform: Platform, memberships_url: str, context: Context
) -> Iterator[Member | RosterEnd] | None:
    """The roster by NRPS, with Canvas' own numbers where its own API is connected."""
    if platform.family != FAMILY or not memberships_url:
        return None
    from mentorai.plugins.canvas import sections

    return sections.list_members(engine, platform, memberships_url, context)


@hookimpl
def list_sections(
    engine: "Engine", platform: Platform, context: Context
) -> Iterator[Member | CourseSection] | None:
    """The sections of a course, by its own API."""
    if platform.family != FAMILY:
        return None
    from mentorai.plugins.canvas import sections

    return sections.list_sections(engine, platform, context)


@hookimpl
def refine_registration(platform: str, registration: dict[str, Any]) -> dict[str, Any] | None:
    """Canvas' own claims: what it shares, and where it shows what."""
    return extend_registration(registration) if platform == FAMILY else None


@hookimpl
def registration_document(platform: str, tool: dict[str, Any]) -> dict[str, Any] | None:
    """The JSON of an LTI developer key, to paste or to point to."""
    return write_document(tool) if platform == FAMILY else None
