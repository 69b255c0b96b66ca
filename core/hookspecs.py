"""Every hook, one flat list: read it from top to bottom to learn what a plugin can do.

The name's form tells the kind (docs/hooks.md):
judge_* asks all, and one Denial, or a plugin that raises, refuses;
recognise_, refine_, choose_, find_, push_, list_, read_, complete_, validate_,
begin_, finish_, revoke_, check_connection and registration_document take the first answer that is
not None ("not mine" is None);
a past participle is told afterwards, and its errors are logged;
nouns collect what every plugin gives.

An implementation may leave out arguments that it does not need.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, BinaryIO

import pluggy

from mentorai.core.launch_facts import GroupService
from mentorai.core.values import (
    AdminTab,
    ApiTokens,
    Connection,
    ConnectionBegun,
    ConnectionForm,
    ConnectionReport,
    Context,
    CourseSection,
    Denial,
    EndReason,
    Event,
    GradePlace,
    Group,
    Identity,
    Launch,
    LineItem,
    Link,
    Member,
    MentorRef,
    Passage,
    Platform,
    PlatformProfile,
    Receipt,
    RequestFacts,
    Result,
    RosterEnd,
    Score,
    Section,
    Session,
    SetupGuide,
    Turn,
    TurnRequest,
)

if TYPE_CHECKING:
    from mentorai.core.engine import Engine

PROJECT = "mentorai"
hookspec = pluggy.HookspecMarker(PROJECT)
hookimpl = pluggy.HookimplMarker(PROJECT)

# --- what an LMS is -----------------------------------------------------------------------


@hookspec
def platform_profile() -> PlatformProfile:  # type: ignore[empty-body]
    """Give what is special about your family of LMS. Collected once, at start."""


@hookspec(firstresult=True)
def recognise_platform(issuer: str, family_code: str) -> str | None:
    """Name the family of LMS behind a launch. Asked once a launch; lti_launch answers last."""


@hookspec(firstresult=True)
def refine_launch(platform: Platform, launch: Launch) -> Launch | None:
    """Mend what this family of LMS says differently. Asked once a launch, after its checks."""


@hookspec(firstresult=True)
def registration_document(platform: str, tool: dict[str, Any]) -> dict[str, Any] | None:
    """Give the document that an administrator of this family pastes to register the tool.

    Asked by `mentorai registrations document`, the Platforms page and /lti/configuration/.
    """


@hookspec(firstresult=True)
def refine_registration(platform: str, registration: dict[str, Any]) -> dict[str, Any] | None:
    """Add what this family of LMS wants in the registration that is about to be sent to it."""


@hookspec
def setup_guide() -> SetupGuide:  # type: ignore[empty-body]
    """Give the steps by which campus IT connects your family of LMS. Asked by Platforms, Add."""


# --- an LMS's own API ----------------------------------------------------------------------


@hookspec
def connection_form(engine: "Engine", platform: Platform) -> ConnectionForm | None:
    """Say how the own API of your family of LMS is set up. Collected for the platform's page."""


@hookspec(firstresult=True)
def check_connection(
    engine: "Engine", platform: Platform, connection: Connection
) -> ConnectionReport | None:
    """Try a connection to an LMS's own API, and say what it allows. None: not your kind.

    Raises SignInNeeded, PlatformRefused when it is of no use; PlatformUnavailable and its like.
    """


@hookspec(firstresult=True)
def begin_connection(
    engine: "Engine", connection: Connection, state: str
) -> ConnectionBegun | None:
    """Say where campus IT signs in at the LMS, to let us use its API. None: not your kind.

    The LMS sends the browser back to `engine.room(Connections).callback_url(connection.kind)`.
    """


@hookspec(firstresult=True)
def finish_connection(
    engine: "Engine", connection: Connection, answer: Mapping[str, str], kept: str
) -> ApiTokens | None:
    """Give the tokens for what the browser brought back from the LMS. None: not your kind.

    Raises SignInNeeded when the person declined; PlatformError when the LMS does not serve.
    """


@hookspec(firstresult=True)
def revoke_connection(engine: "Engine", connection: Connection) -> bool | None:
    """Have the LMS take back what it gave; asked before a connection is deleted. Whether it did.

    None: not your kind, or it cannot be asked. Raises PlatformError.
    """


# --- who may come in ----------------------------------------------------------------------


@hookspec
def judge_launch(launch: Launch) -> Denial | None:
    """Refuse a launch, or let it pass with None. Asked before a session is opened."""


@hookspec
def judge_session(session: Session, request_facts: RequestFacts) -> Denial | None:
    """Refuse a request of an open session, or let it pass with None."""


@hookspec
def judge_turn(session: Session, message: str) -> Denial | None:
    """Refuse a message, or let it pass with None. Asked before the mentor answers."""


@hookspec(firstresult=True)
def choose_mentor(engine: "Engine", launch: Launch) -> MentorRef | None:
    """Choose who answers in this place. The core asks last: placement, custom, only mentor."""


@hookspec(firstresult=True)
def validate_credential(engine: "Engine", organization_id: str, credential: str) -> Identity | None:
    """Say whose credential this is. Asked by /sso/validate after our own sessions, and by
    /sso/tickets. None: not yours, or not good any more.
    """


# --- grades and rosters -------------------------------------------------------------------


@hookspec(firstresult=True)
def find_line_item(engine: "Engine", place: GradePlace) -> LineItem | None:
    """Find the gradebook column of a place, or make it. Asked once a place, then remembered.

    Raises NoLineItem if the platform offers none; PlatformError if it cannot be reached.
    """


@hookspec(firstresult=True)
def push_score(
    engine: "Engine", platform: Platform, line_item: LineItem, score: Score
) -> Receipt | None:
    """Bring one score to the platform. Asked by the outbox, never twice at once for a person.

    Raises ScoreRejected when sending it again cannot help; PlatformError otherwise.
    """


@hookspec(firstresult=True)
def push_scores(
    engine: "Engine", platform: Platform, line_item: LineItem, scores: Sequence[Score]
) -> Sequence[Receipt | Exception] | None:
    """Bring many scores at once; one answer a score, in order. None: one by one; an empty
    sequence: this column one by one.

    Asked by the outbox when several scores of one column are due, each of another person.
    """


@hookspec(firstresult=True)
def read_results(
    engine: "Engine", platform: Platform, line_item: LineItem
) -> Sequence[Result] | None:
    """Read what the gradebook holds. Asked when somebody compares it with our grades."""


@hookspec(firstresult=True)
def list_members(
    engine: "Engine", platform: Platform, memberships_url: str, context: Context
) -> Iterator[Member | CourseSection | Group | RosterEnd] | None:
    """Read the roster of a context, page by page, or what changed in it. Asked by roster sync.

    memberships_url: empty where the platform offered the tool no list; then an answer, given only
    by who has another way, also says that there is one. Nothing is called before the first row is.
    A RosterEnd may come last: its address is asked about in the place of the next whole read.
    """


@hookspec(firstresult=True)
def list_sections(
    engine: "Engine", platform: Platform, context: Context
) -> Iterator[Member | CourseSection | Group] | None:
    """Read who is in which section or group, by the LMS's own API. Asked by roster sync, after
    a whole list that the platform's roster service gave and that does not know sections.

    Of a Member, only section_ids and group_ids are used; nobody is put on the roster by this.
    """


@hookspec(firstresult=True)
def list_groups(
    engine: "Engine", platform: Platform, service: GroupService
) -> Iterator[Group] | None:
    """Read the groups of a context. Asked by roster sync, where the launch named the service."""


# --- events -------------------------------------------------------------------------------


@hookspec(firstresult=True)
def push_event(engine: "Engine", url: str, headers: Mapping[str, str], body: bytes) -> int | None:
    """Bring a webhook's event to its receiver; the status of its answer.

    Asked for each try, by one worker at a time for a webhook. Raises PlatformError if nothing came
    back, or the receiver is to be left alone for a while (PlatformUnavailable, PlatformThrottled).
    """


# --- answering ----------------------------------------------------------------------------


@hookspec(firstresult=True)
def read_document(media_type: str, stream: BinaryIO) -> Sequence[Section] | None:
    """Read a document into sections of plain text. The core's readers answer last.

    Raises DocumentUnreadable if the kind is yours and the content is broken.
    """


@hookspec(firstresult=True)
def find_passages(engine: "Engine", mentor_id: str, question: str) -> Sequence[Passage] | None:
    """Find the passages that may answer a question, best first. The core's search is last."""


@hookspec(firstresult=True)
def complete_turn(request: TurnRequest) -> Iterator[Event] | None:
    """Answer a message: TokenEvents, a SourcesEvent, a DoneEvent. The core quotes last.

    Raises ModelError before the first event to let the quoting answer step in.
    """


# --- told afterwards ----------------------------------------------------------------------


@hookspec
def engine_started(engine: "Engine") -> None:
    """The toolkit is ready in this process; keep the engine if you need it."""


@hookspec
def launch_admitted(engine: "Engine", launch: Launch, session: Session) -> None:
    """A launch was accepted and its session opened."""


@hookspec
def turn_finished(session: Session | None, turn: Turn) -> None:
    """A reply is complete, stopped or failed. session is None for a turn by API key."""


@hookspec
def score_settled(grade_id: str, status: str) -> None:
    """A score was sent, superseded, failed for good, or found to have no gradebook."""


@hookspec
def key_checked(key_id: str, accepted: bool, code: str) -> None:
    """An API key was accepted or refused; code is empty or the error's code."""


@hookspec
def key_expiring(key_id: str, days_left: int) -> None:
    """An API key ends in days_left days: told once for 14, 7 and 1."""


@hookspec
def session_ended(session: Session, reason: EndReason) -> None:
    """A session ended: the person left it, their campus signed them out, or it ran out."""


# --- pages and commands -------------------------------------------------------------------


@hookspec
def web_routes(engine: "Engine") -> Any:
    """Give a Flask Blueprint, or None. Collected once, when the web application is made."""


@hookspec
def frame_ancestors(engine: "Engine", session: Session) -> Sequence[str]:  # type: ignore[empty-body]
    """Give the origins whose pages may frame this session."""


@hookspec
def sign_in_links(engine: "Engine") -> Sequence[Link]:  # type: ignore[empty-body]
    """Give ways to sign in to the standalone admin."""


@hookspec
def admin_tabs() -> Sequence[AdminTab]:  # type: ignore[empty-body]
    """Give tabs to add to a mentor's pages in the admin."""


@hookspec
def commands() -> Sequence[Any]:  # type: ignore[empty-body]
    """Give click commands to add to `mentorai`."""
