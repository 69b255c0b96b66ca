"""Plugins that are right but for one thing, and the cases that are there to find it."""

import logging
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import islice
from pathlib import Path
from typing import Any

from mentorai.core import hookimpl
from mentorai.core.clock import now
from mentorai.core.connections import Connections
from mentorai.core.engine import Engine
from mentorai.core.errors import (
    DocumentUnreadable,
    MentorAIError,
    NoLineItem,
    PlatformRefused,
    PlatformReplyInvalid,
    PlatformUnavailable,
    SignInNeeded,
)
from mentorai.core.values import (
    AdminTab,
    ApiTokens,
    Connection,
    ConnectionBegun,
    ConnectionField,
    ConnectionForm,
    ConnectionReport,
    Context,
    CourseSection,
    Denial,
    DoneEvent,
    Launch,
    LineItem,
    Link,
    Member,
    Platform,
    PlatformProfile,
    Receipt,
    Role,
    Score,
    Section,
    Session,
    TokenEvent,
    TurnRequest,
)
from mentorai.lti import ags, nrps
from mentorai.lti.platform_http import check_reply
from mentorai.lti.tool import Tool

FAMILY, API = "quad", "quad_api"
OWN_CLAIM = "https://quad.example/term"
CLAIMS = {
    "tool_platform": {"product_family_code": FAMILY},
    OWN_CLAIM: {"name": "Autumn"},
}


class Quad:
    """A plugin for an LMS, with nothing wrong in it."""

    @hookimpl
    def platform_profile(self) -> PlatformProfile:
        return PlatformProfile(
            family=FAMILY, title="Quad", vendor_domains=("quad-lms.com",), token_audience=""
        )

    @hookimpl
    def recognise_platform(self, family_code: str) -> str | None:
        return FAMILY if family_code.strip().lower() == FAMILY else None

    @hookimpl
    def registration_document(self, platform: str, tool: dict[str, Any]) -> dict[str, Any] | None:
        names = ("launch_url", "login_url", "keyset_url")
        return {name: tool[name] for name in names} if platform == FAMILY else None

    @hookimpl
    def refine_registration(
        self, platform: str, registration: dict[str, Any]
    ) -> dict[str, Any] | None:
        return registration | {"quad": True} if platform == FAMILY else None

    @hookimpl
    def refine_launch(self, platform: Platform, launch: Launch) -> Launch | None:
        term = launch.other_claims.get(OWN_CLAIM)
        named = term.get("name") if isinstance(term, dict) else None
        if platform.family != FAMILY or not isinstance(named, str) or not launch.locale:
            return None
        return replace(launch, locale=launch.locale.replace("_", "-"))

    @hookimpl
    def push_score(
        self, engine: Engine, platform: Platform, line_item: LineItem, score: Score
    ) -> Receipt | None:
        if platform.family != FAMILY:
            return None
        return self.send(engine, platform, line_item, score)

    def send(
        self, engine: Engine, platform: Platform, line_item: LineItem, score: Score
    ) -> Receipt:
        return ags.push_score(*find(engine, platform), line_item, score)

    @hookimpl
    def list_members(
        self, engine: Engine, platform: Platform, memberships_url: str, context: Context
    ) -> Iterator[Any] | None:
        if platform.family != FAMILY:
            return None
        return self.read(engine, platform, memberships_url, context.lms_id)

    def read(
        self, engine: Engine, platform: Platform, memberships_url: str, context_id: str
    ) -> Iterator[Any]:
        where = find(engine, platform)
        return nrps.list_members(*where, memberships_url, context_id=context_id)

    @hookimpl
    def connection_form(self, platform: Platform) -> ConnectionForm | None:
        return self.make_form() if platform.family == FAMILY else None

    def make_form(self) -> ConnectionForm:
        fields = (
            ConnectionField("base_url", "Address"),
            ConnectionField("secret", "Token", is_secret=True),
        )
        shown = ("Quad API", "Shows sections.", "Settings, Tokens")
        return ConnectionForm(API, *shown, fields, may_sign_in=True)

    @hookimpl
    def begin_connection(self, connection: Connection, state: str) -> ConnectionBegun | None:
        return self.begin(connection, state) if connection.kind == API else None

    def begin(self, connection: Connection, state: str) -> ConnectionBegun:
        return ConnectionBegun(f"{connection.base_url}/quad/consent?state={state}")

    @hookimpl
    def finish_connection(
        self, connection: Connection, answer: Mapping[str, str]
    ) -> ApiTokens | None:
        if connection.kind != API:
            return None
        if "code" not in answer:
            raise SignInNeeded
        return ApiTokens(answer["code"], now())

    @hookimpl
    def check_connection(self, engine: Engine, connection: Connection) -> ConnectionReport | None:
        return self.check(engine, connection) if connection.kind == API else None

    def check(self, engine: Engine, connection: Connection) -> ConnectionReport:
        found = call_api(engine, connection, "me")
        if not isinstance(found, dict) or not isinstance(found.get("name"), str):
            raise PlatformReplyInvalid
        return ConnectionReport(found["name"])

    @hookimpl
    def list_sections(self, engine: Engine, platform: Platform) -> Iterator[Any] | None:
        if platform.family != FAMILY:
            return None
        where = (platform.organization_id, platform.registration_id, API)
        connection = engine.room(Connections).find(*where)
        return self.name_sections(engine, connection) if connection else None

    def name_sections(self, engine: Engine, connection: Connection) -> Iterator[Any]:
        for row in call_api(engine, connection, "sections"):
            yield CourseSection(row["id"], row["name"])

    @hookimpl
    def judge_launch(self, launch: Launch) -> Denial | None:
        return None if launch.context else Denial("Open it in a course.")

    @hookimpl
    def frame_ancestors(self) -> Sequence[str]:
        return ["https://portal.quad-lms.com"]

    @hookimpl
    def sign_in_links(self) -> Sequence[Link]:
        return [Link("Quad account", "/quad/sign-in")]

    @hookimpl
    def read_document(self, media_type: str, stream: Any) -> Sequence[Section] | None:
        if media_type != "text/csv":
            return None
        try:
            return [Section("Table", stream.read().decode("utf-8"))]
        except UnicodeDecodeError as error:
            raise DocumentUnreadable from error

    @hookimpl
    def complete_turn(self, request: TurnRequest) -> Iterator[Any]:
        return iter([TokenEvent(request.message[:5]), DoneEvent()])


def find(engine: Engine, platform: Platform) -> tuple[Tool, Any]:
    tool = engine.room(Tool)
    return tool, tool.registrations.get(platform.organization_id, platform.registration_id)


def call_api(engine: Engine, connection: Connection, path: str) -> Any:
    reply = engine.room(Tool).http.get(f"{connection.base_url}/quad/{path}", headers={})
    check_reply(reply, "a question")
    return reply.read_json()


class Misspelt(Quad):
    @hookimpl
    def push_scorse(self) -> None: ...


class OddArgument(Quad):
    @hookimpl
    def judge_turn(self, messages: str) -> None: ...


class Unmarked(Quad):
    def judge_turn(self, message: str) -> None: ...


class LikeCanvas(Quad):
    @hookimpl
    def platform_profile(self) -> PlatformProfile:
        return PlatformProfile(family="canvas", title="Quad")


class PublicSuffix(Quad):
    @hookimpl
    def platform_profile(self) -> PlatformProfile:
        return PlatformProfile(family=FAMILY, title="Quad", vendor_domains=("co.uk",))


class CaseMatters(Quad):
    @hookimpl
    def recognise_platform(self, family_code: str) -> str | None:
        return FAMILY if family_code == FAMILY else None


class Greedy(Quad):
    @hookimpl
    def recognise_platform(self, issuer: str, family_code: str) -> str | None:
        is_vendor = issuer.endswith("quad-lms.com")
        return FAMILY if is_vendor or family_code.strip().lower() == FAMILY else None


class NoKeyset(Quad):
    @hookimpl
    def registration_document(self, platform: str, tool: dict[str, Any]) -> dict[str, Any] | None:
        known = {"launch": tool["launch_url"], "login": tool["login_url"]}
        return known if platform == FAMILY else None


class EverybodysDocument(Quad):
    @hookimpl
    def registration_document(self, tool: dict[str, Any]) -> dict[str, Any]:
        return {name: tool[name] for name in ("launch_url", "login_url", "keyset_url")}


class ChangesRegistration(Quad):
    @hookimpl
    def refine_registration(
        self, platform: str, registration: dict[str, Any]
    ) -> dict[str, Any] | None:
        registration["quad"] = True
        return registration if platform == FAMILY else None


class OtherPerson(Quad):
    @hookimpl
    def refine_launch(self, launch: Launch) -> Launch | None:
        return replace(launch, subject=launch.email) if launch.email else None


class RaisesDeans(Quad):
    @hookimpl
    def refine_launch(self, launch: Launch) -> Launch | None:
        is_dean = any("institution/person#Administrator" in role for role in launch.roles)
        return replace(launch, role=Role.ADMINISTRATOR) if is_dean and launch.subject else None


class NeedsLocale(Quad):
    @hookimpl
    def refine_launch(self, launch: Launch) -> Launch:
        return replace(launch, locale=launch.locale.replace("_", "-"))  # type: ignore[union-attr]


class TrustsClaims(Quad):
    @hookimpl
    def refine_launch(self, launch: Launch) -> Launch | None:
        if OWN_CLAIM not in launch.other_claims:
            return None
        return replace(launch, locale=launch.other_claims[OWN_CLAIM]["name"])


class ForgetsComment(Quad):
    def send(self, engine: Any, platform: Any, line_item: Any, score: Score) -> Receipt:
        return super().send(engine, platform, line_item, replace(score, comment=""))


class DropsZero(Quad):
    def send(self, engine: Any, platform: Any, line_item: Any, score: Score) -> Receipt:
        if not score.given:
            return Receipt(now())
        return super().send(engine, platform, line_item, score)


class WholeDays(Quad):
    """Sends days for times, so that two of a day clash."""

    def send(self, engine: Any, platform: Any, line_item: Any, score: Score) -> Receipt:
        score = replace(score, at=score.at.replace(hour=0, minute=0, second=0))
        return super().send(engine, platform, line_item, score)


class RepeatsComment(Quad):
    def send(self, engine: Any, platform: Any, line_item: Any, score: Score) -> Receipt:
        if score.comment.startswith("Well") and score.at > now().replace(microsecond=0):
            score = replace(score, comment=f"{score.comment} {score.comment}")
        return super().send(engine, platform, line_item, score)


class SwallowsRefusals(Quad):
    def send(self, engine: Any, platform: Any, line_item: Any, score: Score) -> Receipt:
        try:
            return super().send(engine, platform, line_item, score)
        except PlatformUnavailable:
            return Receipt(now())


class LetsErrorsFly(Quad):
    def send(self, engine: Any, platform: Any, line_item: Any, score: Score) -> Receipt:
        try:
            return super().send(engine, platform, line_item, score)
        except NoLineItem as error:
            raise KeyError("column") from error


class SendsForAll(Quad):
    @hookimpl
    def push_score(
        self, engine: Engine, platform: Platform, line_item: LineItem, score: Score
    ) -> Receipt | None:
        return self.send(engine, platform, line_item, score)


class FirstPageOnly(Quad):
    def read(self, engine: Any, platform: Any, url: str, context_id: str) -> Iterator[Any]:
        return islice(super().read(engine, platform, url, context_id), 4_000)


class WholeRosterFirst(Quad):
    def read(self, engine: Any, platform: Any, url: str, context_id: str) -> Iterator[Any]:
        return iter(list(super().read(engine, platform, url, context_id)))


class QuietEnd(Quad):
    def read(self, engine: Any, platform: Any, url: str, context_id: str) -> Iterator[Any]:
        try:
            yield from super().read(engine, platform, url, context_id)
        except MentorAIError:
            return


class AnyCourse(Quad):
    def read(self, engine: Any, platform: Any, url: str, context_id: str) -> Iterator[Any]:
        return super().read(engine, platform, url, "")


class AllStaff(Quad):
    def read(self, engine: Any, platform: Any, url: str, context_id: str) -> Iterator[Any]:
        for each in super().read(engine, platform, url, context_id):
            yield replace(each, role=Role.INSTRUCTOR) if isinstance(each, Member) else each


class ShowsSecret(Quad):
    def make_form(self) -> ConnectionForm:
        return replace(super().make_form(), fields=(ConnectionField("secret", "Token"),))


class NowhereToSignIn(Quad):
    begin_connection = None  # type: ignore[assignment]


class SignsInForAll(Quad):
    @hookimpl
    def begin_connection(self, connection: Connection, state: str) -> ConnectionBegun:
        return self.begin(connection, state)


class ForgetsState(Quad):
    def begin(self, connection: Connection, state: str) -> ConnectionBegun:
        return super().begin(connection, "")


class ConnectsForAll(Quad):
    @hookimpl
    def connection_form(self) -> ConnectionForm:
        return self.make_form()


class ChecksAnyKind(Quad):
    @hookimpl
    def check_connection(self) -> ConnectionReport:
        raise PlatformUnavailable


class AlwaysWell(Quad):
    def check(self, engine: Any, connection: Any) -> ConnectionReport:
        try:
            return super().check(engine, connection)
        except MentorAIError:
            return ConnectionReport("")


class TellsSecret(Quad):
    def check(self, engine: Any, connection: Any) -> ConnectionReport:
        try:
            return super().check(engine, connection)
        except PlatformUnavailable as error:
            secret = engine.room(Connections).open_secret(connection)
            raise PlatformUnavailable(f"It did not take {secret}.") from error


class TrustsApi(Quad):
    def check(self, engine: Any, connection: Any) -> ConnectionReport:
        return ConnectionReport(call_api(engine, connection, "me")["name"])


class NamelessSections(Quad):
    def name_sections(self, engine: Any, connection: Any) -> Iterator[Any]:
        try:
            yield from super().name_sections(engine, connection)
        except PlatformRefused:
            yield Member("s-1", Role.LEARNER, section_ids=("7",))


class QuietSections(Quad):
    def name_sections(self, engine: Any, connection: Any) -> Iterator[Any]:
        try:
            yield from super().name_sections(engine, connection)
        except MentorAIError:
            return


class RaisingJudge(Quad):
    @hookimpl
    def judge_launch(self, launch: Launch) -> Denial | None:
        title = launch.context.title  # type: ignore[union-attr]
        return None if title else Denial("The course has no title.")


class NoReason(Quad):
    @hookimpl
    def judge_turn(self, message: str) -> Any:
        return Denial("") if not message else None


class FramesAPage(Quad):
    @hookimpl
    def frame_ancestors(self) -> Sequence[str]:
        return ["https://portal.quad-lms.com/"]


class FramesText(Quad):
    @hookimpl
    def frame_ancestors(self) -> Sequence[str]:
        return "https://portal.quad-lms.com"


class LinksToScript(Quad):
    @hookimpl
    def sign_in_links(self) -> Sequence[Link]:
        return [Link("Quad account", "javascript:alert(1)")]


class TabToNowhere(Quad):
    @hookimpl
    def admin_tabs(self) -> Sequence[AdminTab]:
        return [AdminTab("Quad", "quad.missing")]


class BadReader(Quad):
    @hookimpl
    def read_document(self, media_type: str, stream: Any) -> Sequence[Section] | None:
        if media_type != "text/csv":
            return None
        return [Section("Table", stream.read().decode("utf-8"))]


class EndlessAnswer(Quad):
    @hookimpl
    def complete_turn(self, request: TurnRequest) -> Iterator[Any]:
        return iter([TokenEvent(request.message[:5])])


class Unstarted(Quad):
    @hookimpl
    def key_expiring(self, key_id: str, days_left: int) -> None:
        raise RuntimeError(key_id)


class Sleepy(Quad):
    @hookimpl
    def judge_turn(self) -> None:
        time.sleep(30)


class SharesState(Quad):
    """Keeps the launch that it is at in itself, as if nobody else launched."""

    @hookimpl
    def refine_launch(self, launch: Launch) -> Launch | None:
        self.launch = launch
        time.sleep(0.002)
        return replace(self.launch, locale="en-GB") if self.launch.subject else None


class Talkative(Quad):
    @hookimpl
    def refine_launch(self, launch: Launch) -> None:
        logging.getLogger("quad").warning("launch of %s <%s>", launch.name, launch.email)


class PrintsTokens(Quad):
    def send(self, engine: Any, platform: Any, line_item: Any, score: Score) -> Receipt:
        receipt = super().send(engine, platform, line_item, score)
        tool, registration = find(engine, platform)
        print(tool.tokens.get(registration, [ags.SCORE_SCOPE]))
        return receipt


class WritesAnywhere(Quad):
    @hookimpl
    def frame_ancestors(self, engine: Engine, session: Session) -> Sequence[str]:
        Path(engine.settings.data_dir, "quad.log").write_text(session.id)
        return []


BROKEN: Sequence[tuple[Callable[[], object], str]] = (
    (Misspelt, "load.fits"),
    (OddArgument, "load.fits"),
    (Unmarked, "load.marked"),
    (LikeCanvas, "load.alone"),
    (PublicSuffix, "profile.whole"),
    (CaseMatters, "recognise.own"),
    (Greedy, "recognise.others"),
    (NoKeyset, "document.usable"),
    (EverybodysDocument, "document.own"),
    (ChangesRegistration, "registration.kept"),
    (OtherPerson, "launch.same"),
    (RaisesDeans, "launch.roles"),
    (NeedsLocale, "launch.bare"),
    (TrustsClaims, "launch.hostile"),
    (ForgetsComment, "score.comment"),
    (DropsZero, "score.exact"),
    (WholeDays, "score.later score.again"),
    (RepeatsComment, "score.again"),
    (SwallowsRefusals, "refusal.500 refusal.502 refusal.closed refusal.token"),
    (LetsErrorsFly, "refusal.404"),
    (SendsForAll, "score.others"),
    (FirstPageOnly, "roster.huge"),
    (WholeRosterFirst, "roster.huge"),
    (QuietEnd, "roster.broken"),
    (AnyCourse, "roster.another"),
    (AllStaff, "roster.roles"),
    (ShowsSecret, "connection.form"),
    (NowhereToSignIn, "connection.form"),
    (SignsInForAll, "connection.others"),
    (ForgetsState, "connection.begun"),
    (ConnectsForAll, "connection.others"),
    (ChecksAnyKind, "connection.others"),
    (AlwaysWell, "connection.refused"),
    (TellsSecret, "connection.refused"),
    (TrustsApi, "connection.odd"),
    (NamelessSections, "sections.named"),
    (QuietSections, "sections.broken"),
    (RaisingJudge, "judge.launch"),
    (NoReason, "judge.turn"),
    (FramesAPage, "frame.origins"),
    (FramesText, "frame.origins"),
    (LinksToScript, "pages.links"),
    (TabToNowhere, "pages.tabs"),
    (BadReader, "document.odd"),
    (EndlessAnswer, "model.answer"),
    (Unstarted, "told.quietly"),
    (Sleepy, "run.time"),
    (SharesState, "run.threads"),
    (Talkative, "run.secrets"),
    (PrintsTokens, "run.secrets"),
    (WritesAnywhere, "run.files"),
)
