"""The stories on one page: admit, ask, report a score, check a key. The rooms do the work."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import ExitStack
from dataclasses import replace
from datetime import timedelta
from typing import Any, Self, TypeVar

from sqlalchemy.exc import IntegrityError

from mentorai.core import built_in, logs
from mentorai.core.admin_identities import AdminIdentities
from mentorai.core.admins import Admins
from mentorai.core.analytics import Analytics
from mentorai.core.arrivals import KnownArrival, find_arrival
from mentorai.core.audit import Audit
from mentorai.core.chat import Chat
from mentorai.core.clock import now
from mentorai.core.conversations import Conversations
from mentorai.core.course_copies import CourseCopies
from mentorai.core.course_people import CoursePeople
from mentorai.core.database import Database
from mentorai.core.datasets import Datasets
from mentorai.core.enrolments import Enrolments
from mentorai.core.errors import (
    KeyRejected,
    LaunchDenied,
    MentorNotChosen,
    RateLimited,
    TurnDenied,
)
from mentorai.core.grades import Grade, Grades
from mentorai.core.kept_data import KeptData
from mentorai.core.key_checks import Listener
from mentorai.core.key_reminders import KeyReminders
from mentorai.core.key_text import read_key_id
from mentorai.core.keys import CheckedKey, Keys
from mentorai.core.late_columns import queue_unlinked
from mentorai.core.listed_enrolments import ListedEnrolments
from mentorai.core.mentor_choice import find_mentor
from mentorai.core.mentors import Mentors
from mentorai.core.organizations import Organizations
from mentorai.core.outbox import Outbox
from mentorai.core.people import People
from mentorai.core.plugin_manager import CORE, Plugins
from mentorai.core.quizzes import Quizzes
from mentorai.core.rate_limits import RateLimits
from mentorai.core.retrieval import Retrieval
from mentorai.core.reviews import Review, Reviews
from mentorai.core.rosters import Rosters
from mentorai.core.sessions import Sessions
from mentorai.core.settings import Settings
from mentorai.core.sign_ons import SignOff, SignOns
from mentorai.core.trainings import Trainings
from mentorai.core.values import EndReason, Event, Launch, MentorRef, Session
from mentorai.core.webhooks import Webhooks

Room = TypeVar("Room")

NAMED_IS_GONE = "The custom parameter “mentor” names a mentor that is not here."


class Engine:
    """Everything one installation can do, in one process."""

    def __init__(self, settings: Settings, plugins: Plugins) -> None:
        self.settings = settings
        self.plugins = plugins
        self.database = Database(settings.url_of_database)
        self.organizations = Organizations(self.database)
        self.people = People(self.database)
        self.mentors = Mentors(self.database)
        self.course_copies = CourseCopies(self.database)
        self.sessions = Sessions(self.database)
        self.admins = Admins(self.database)
        self.admin_identities = AdminIdentities(self.database)
        self.sign_ons = SignOns(self.database, self.people)
        self.audit = Audit(self.database)
        self.keys = Keys(self.database, settings)
        self.key_reminders = KeyReminders(self)
        self.rate_limits = RateLimits(settings)
        self.datasets = Datasets(self.database, settings, plugins)
        self.trainings = Trainings(self)
        self.retrieval = Retrieval(self.database)
        self.conversations = Conversations(self.database)
        self.chat = Chat(self)
        self.quizzes = Quizzes(self.database)
        self.grades = Grades(self.database)
        self.outbox = Outbox(self)
        self.reviews = Reviews(self.database)
        self.webhooks = Webhooks(self)
        self.kept_data = KeptData(self.database, self.audit)
        self.rosters = Rosters(self)
        self.course_people = CoursePeople(self.database)
        self.enrolments = Enrolments(self.database)
        self.listed_enrolments = ListedEnrolments(self.database)
        self.analytics = Analytics(self.database, settings)
        self._rooms: dict[Any, Any] = {}
        self._before_close: list[Callable[[], None]] = [self.keys.flush, self.rate_limits.close]

    @classmethod
    def open(cls, settings: Settings, plugins: Iterable[tuple[str, object]] | None = None) -> Self:
        """An engine with its tables in place and its plugins checked and told.

        plugins: names and plugins to use instead of the installed ones (tests).
        Raises ConfigurationError, PluginConflict.
        """
        logs.configure(settings.log_level)
        manager = Plugins()
        manager.add(built_in, CORE)
        if plugins is None:
            manager.discover()
        else:
            for name, plugin in plugins:
                manager.add(plugin, name)
        manager.check()
        engine = cls(settings, manager)
        with ExitStack() as if_it_fails:
            if_it_fails.callback(engine.database.close)
            engine.database.upgrade()
            engine.keys.pepper_rows.check()
            engine.organizations.put("default", "Default")
            manager.tell("engine_started", engine=engine)
            if_it_fails.pop_all()
        return engine

    def room(self, kind: Callable[["Engine"], Room]) -> Room:
        """The one `kind(engine)` of this engine: how a plugin keeps its own state here."""
        if kind not in self._rooms:
            self._rooms.setdefault(kind, kind(self))
        found: Room = self._rooms[kind]
        return found

    def admit(
        self,
        launch: Launch,
        *,
        way: str = "cookie",
        binding: str = "",
        session_id: str | None = None,
    ) -> Session:
        """Let a validated launch in: recognise, refine, judge, choose the mentor, open a session.

        way: how the browser was recognised (cookie, storage, new_tab). binding: what the browser
        must show to use the session, kept as a hash. session_id: the id the session is to have.
        A launch that names whose work is to be reviewed chooses no mentor: it leads to that work,
        wherever it was handed in.
        Raises LaunchDenied; MentorNotChosen when no mentor answers in this place; NotFound when
        the person to review is not in this course.
        """
        launch = self.judge(launch)
        review = self.reviews.get(launch) if launch.review_of is not None else None
        known = None if review else find_arrival(self.database, launch)
        ref = review.ref if review else self.choose_mentor(launch, known.ref if known else None)
        facts: dict[str, Any] = {
            "organization_id": launch.organization_id,
            "mentor_id": ref.mentor_id,
            "role": launch.role,
            "expires_at": now() + timedelta(hours=self.settings.session_hours),
            "registration_id": launch.registration_id,
            "quiz_id": ref.quiz_id,
            "locale": launch.locale,
            "return_url": launch.return_url,
            "way": way,
            "binding": binding,
            "session_id": session_id,
        }
        if review:
            session = self._open_review(launch, review, facts)
        else:
            session = self._open_session(launch, ref, facts, known)
        self.plugins.tell("launch_admitted", engine=self, launch=launch, session=session)
        return session

    def judge(self, launch: Launch) -> Launch:
        """The launch refined, once every plugin lets it pass. Raises LaunchDenied."""
        launch = self.refine(launch)
        denial = self.plugins.judge("judge_launch", launch=launch)
        if denial:
            raise LaunchDenied(denial.reason)
        return launch

    def _open_review(self, launch: Launch, review: Review, facts: Mapping[str, Any]) -> Session:
        # What the message says of place and column is true of the work and not of the place,
        # so neither is written down.
        with self.database.write() as connection:
            person = self.people.put_visitor(connection, launch, review.context_id)
            return self.sessions.open(
                connection,
                person_id=person.id,
                context_id=review.context_id,
                resource_link_id=review.resource_link_id,
                start=f"review/{review.person_id}/",
                **facts,
            )

    def _open_session(
        self, launch: Launch, ref: MentorRef, facts: Mapping[str, Any], known: KnownArrival | None
    ) -> Session:
        if known is not None and known.ref == ref:
            # Nothing new but the session itself, whose foreign keys hold the rest in place.
            return self.sessions.open(None, **known.session_facts, **facts)
        try:
            return self._put_arrival(launch, ref, facts)
        except IntegrityError:
            # A roster, or another launch, made the same person or place at this moment.
            return self._put_arrival(launch, ref, facts)

    def _put_arrival(self, launch: Launch, ref: MentorRef, facts: Mapping[str, Any]) -> Session:
        with self.database.write() as connection:
            arrival = self.people.put_arrival(connection, launch)
            if arrival.resource_link_id:
                self.mentors.place(connection, launch, arrival.resource_link_id, ref)
            if arrival.resource_link_id and arrival.is_graded_now:
                queue_unlinked(connection, arrival.resource_link_id)
            return self.sessions.open(connection, **arrival.session_facts, **facts)

    def refine(self, launch: Launch) -> Launch:
        """The launch with its family recognised and what that family says differently mended."""
        family = self.plugins.ask_first(
            "recognise_platform", issuer=launch.issuer, family_code=launch.family_code
        )
        family = family or "lti"
        if family != launch.family_code:
            launch = replace(launch, family_code=family)
        refined: Launch | None = self.plugins.ask_first(
            "refine_launch", platform=launch.platform, launch=launch
        )
        return refined or launch

    def choose_mentor(self, launch: Launch, placed: MentorRef | None = None) -> MentorRef:
        """Who answers in the launch's place. placed: who did before, where that is known already.

        Raises MentorNotChosen.
        """
        ref: MentorRef | None = self.plugins.ask_first("choose_mentor", engine=self, launch=launch)
        ref = ref or find_mentor(self, launch, placed)
        if ref is None:
            raise MentorNotChosen(NAMED_IS_GONE if launch.custom.get("mentor") else "")
        return ref

    def ask(
        self, session: Session, message: str, *, conversation_id: str | None = None
    ) -> Iterator[Event]:
        """Answer a message of a person in a session, event by event; the turn is kept.

        Raises before the first event: TurnDenied, InputRejected, NotFound, TooManyStreams.
        Closing the iterator stops the answer and keeps what there is of it.
        """
        denial = self.plugins.judge("judge_turn", session=session, message=message)
        if denial:
            raise TurnDenied(denial.reason)
        return self.chat.answer(
            organization_id=session.organization_id,
            mentor_id=session.mentor_id,
            message=message,
            conversation_id=conversation_id,
            session=session,
        )

    def report_score(self, **facts: Any) -> Grade:
        """Take a score and its outbox row in one transaction (see Grades.put), and wake the worker.

        Raises ScoreOutOfRange, InputRejected, NotFound.
        """
        with self.database.write() as connection:
            grade = self.grades.put(connection, **facts)
            row_id = self.outbox.put(connection, grade)
        if row_id:
            self.outbox.wake(row_id)
        return self.grades.get(grade.organization_id, grade.mentor_id, grade.id)

    def override_grade(
        self, seen: Grade, changes: Mapping[str, Any], *, author: str, only_as_seen: bool = False
    ) -> Grade:
        """Put a grade right by hand (see Grades.override), note who did, and wake the worker.

        Raises ScoreOutOfRange, InputRejected, NotFound, Conflict.
        """
        with self.database.write() as connection:
            grade = self.grades.override(connection, seen, changes, only_as_seen=only_as_seen)
            self.audit.write(
                connection,
                organization_id=seen.organization_id,
                mentor_id=seen.mentor_id,
                actor=author,
                action="grade_overridden",
                subject=seen.id,
                facts={"changed": sorted(changes), "from": [seen.given, seen.maximum]},
            )
            row_id = self.outbox.put(connection, grade)
        if row_id:
            self.outbox.wake(row_id)
        return self.grades.get(grade.organization_id, grade.mentor_id, grade.id)

    def end_session(self, session: Session, reason: EndReason) -> None:
        """End a session; plugins are told once, whoever ended it."""
        self._tell_ended(self.sessions.end(session.id), reason)

    def end_expired_sessions(self) -> None:
        """Have plugins told of the sessions that ran out since this was last done."""
        self._tell_ended(self.sessions.end_expired(), "expired")

    def end_sign_on(self, word: SignOff) -> None:
        """A campus provider says that somebody signed out: end what their sign-on had opened."""
        ended = self.sign_ons.take(word)
        self._tell_ended(self.sessions.end(*ended.session_ids), "logged_out")
        for admin_id in ended.admin_ids:
            self.admins.sign_out(admin_id)

    def _tell_ended(self, sessions: Iterable[Session], reason: EndReason) -> None:
        for session in sessions:
            self.plugins.tell("session_ended", session=session, reason=reason)

    def check_key(
        self,
        text: str | None,
        *,
        scope: str | None,
        address: str,
        route: str = "",
        **told: Listener,
    ) -> CheckedKey:
        """The key behind `text`, if it is alive and has `scope`; plugins are told either way.

        route: what it calls, as its counts name it. told: `recognised` and `admit`, as
        KeyChecks.check has them.
        Raises KeyMissing, KeyUnknown, KeyExpired, KeyInactive, KeyAddressRefused, RateLimited,
        KeyScopeTooSmall.
        """
        try:
            key = self.keys.check(text, scope=scope, address=address, route=route, **told)
        except (KeyRejected, RateLimited) as error:
            key_id = read_key_id(text or "")
            if key_id is not None:
                self.plugins.tell("key_checked", key_id=key_id, accepted=False, code=error.code)
            raise
        self.plugins.tell("key_checked", key_id=key.id, accepted=True, code="")
        return key

    def before_close(self, write: Callable[[], None]) -> None:
        """Call `write` when the engine is closed: what a room still has in memory."""
        self._before_close.append(write)

    def close(self) -> None:
        """Write what is still in memory and give the connections back."""
        with ExitStack() as ends:
            ends.callback(self.database.close)
            # Each is called, whatever the others raise.
            for write in self._before_close:
                ends.callback(write)
