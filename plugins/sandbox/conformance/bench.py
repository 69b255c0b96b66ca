"""What a case has to play with: the plugin, a toolkit around it, and an LMS that it is for."""

import secrets
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path
from typing import Any

from mentorai.core.clock import now
from mentorai.core.engine import Engine
from mentorai.core.errors import MentorAIError
from mentorai.core.mentors import Mentor
from mentorai.core.values import Launch, LineItem, PlatformProfile, Role, Session
from mentorai.core.values import Platform as PlatformFacts
from mentorai.lti.claims import read_launch
from mentorai.lti.history import add_history
from mentorai.lti.registrations import Registration
from mentorai.lti.submission_review import add_review
from mentorai.lti.tool import Tool
from mentorai.plugins.sandbox.certification.case import Failed, LeftOut
from mentorai.plugins.sandbox.certification.forge import change
from mentorai.plugins.sandbox.certification.wire import Platform
from mentorai.plugins.sandbox.conformance.calls import Hung, call_within
from mentorai.plugins.sandbox.conformance.watch import Overheard, find_strays, list_files
from mentorai.plugins.sandbox.grades import column_url
from mentorai.plugins.sandbox.oidc import Begun, read_claims
from mentorai.plugins.sandbox.platform import SandboxPlatform
from mentorai.plugins.sandbox.school import (
    PEOPLE,
    Course,
    Person,
    find_course,
    find_person,
)

# How long a hook may take: one that calls somebody else, and one that only thinks.
CALLING_SECONDS = 45.0
QUICK_SECONDS = 5.0
CALLING = frozenset(
    (
        *("find_line_item", "push_score", "push_scores", "read_results", "list_members"),
        *("list_groups", "list_sections", "check_connection", "finish_connection"),
        *("push_event", "complete_turn", "validate_credential"),
    )
)
COURSE, ITEM, STUDENT = "tidal-pools", "tides-mentor", "maya"
POINTS = 10.0


@dataclass(frozen=True, slots=True)
class Subject:
    """The plugin that is tested.

    code: what its LMS calls itself in launches. claims: how its launches differ from the
    sandbox's; None leaves one out. installed: whether another process finds it too.
    """

    name: str
    plugin: object
    profile: PlatformProfile | None
    hooks: Sequence[str]
    code: str
    claims: Mapping[str, Any]
    installed: bool

    @property
    def family(self) -> str:
        """The family that it is for; plain `lti` if it is for none."""
        return self.profile.family if self.profile else "lti"


def _as_it_is(answer: Any) -> Any:
    return answer


class Bench:
    """One plugin in one toolkit, with one registration of a sandbox LMS."""

    def __init__(
        self,
        subject: Subject,
        engine: Engine,
        platform: Platform,
        registration: Registration,
        mentor: Mentor,
    ) -> None:
        self.subject = subject
        self.engine = engine
        self.platform = platform
        self.registration = registration
        self.mentor = mentor
        # Hook -> the seconds in which it gave no answer.
        self.hung: dict[str, float] = {}
        # Address -> what the LMS itself calls the column.
        self.column_ids: dict[str, str] = {}
        # What no log may hold, besides what is signed or sealed.
        self.private: set[str] = set()
        self.overheard = Overheard()
        self._files = list_files(self._folder)

    @property
    def tool(self) -> Tool:
        """The tool's rooms."""
        return self.engine.room(Tool)

    @property
    def lms(self) -> SandboxPlatform:
        """The sandbox LMS, from within."""
        return self.platform.house.platform

    @property
    def facts(self) -> PlatformFacts:
        """The platform as hooks are told of it."""
        found = self.registration
        return PlatformFacts(
            found.id, found.organization_id, self.subject.family, found.issuer, found.client_id
        )

    def has(self, hook: str) -> bool:
        """Whether the plugin implements a hook."""
        return hook in self.subject.hooks

    def ask(self, hook: str, /, read: Callable[[Any], Any] = _as_it_is, **facts: Any) -> Any:
        """What the plugin answers by itself. read: makes something of the answer, in its time.

        Raises the errors of ours that it raises; Failed for any other; Hung.
        """
        seconds = CALLING_SECONDS if hook in CALLING else QUICK_SECONDS
        if hook in self.hung:
            raise Hung(f"{hook} gave no answer before; see run.time")
        asked = self.engine.plugins.ask_alone
        try:
            return call_within(seconds, hook, lambda: read(asked(self.subject.name, hook, **facts)))
        except Hung:
            self.hung[hook] = seconds
            raise

    def ask_error(self, hook: str, /, read: Callable[[Any], Any] = _as_it_is, **facts: Any) -> Any:
        """The error of ours that the plugin raises. Raises Failed if it answers; as `ask` does."""
        try:
            answer = self.ask(hook, read, **facts)
        except MentorAIError as error:
            return error
        if answer is None:
            raise LeftOut(f"{hook} gave None for its own family, so lti_launch answers")
        raise Failed(f"{hook} answered {describe(answer)}")

    def claims(self, person: str = STUDENT, item: str = ITEM, **changes: Any) -> dict[str, Any]:
        """The claims of a launch as this LMS sends them. item: empty for the content picker."""
        course, who = get_course(), get_person(person)
        found = self.lms.find_item(course, item) if item else None
        selection = {} if item else {"deep_link_return_url": f"{self.platform.base_url}/back"}
        begun = Begun("", who, course, found, now(), self.platform.base_url, selection)
        claims = read_claims(self.lms, begun) | {"nonce": secrets.token_hex(8)}
        own = {"tool_platform": {"product_family_code": self.subject.code, "guid": "conformance"}}
        return change(change(change(claims, own), self.subject.claims), changes)

    def launch(self, person: str = STUDENT, item: str = ITEM, **changes: Any) -> Launch:
        """A launch as the plugin is given it, before it refines it."""
        claims = self.claims(person, item, **changes)
        launch = read_launch(claims, self.registration, self.engine.settings.public_url)
        launch = add_review(add_history(launch), claims)
        return replace(launch, family_code=self.subject.family)

    def refine(self, launch: Launch) -> Launch:
        """The launch as the plugin leaves it. Raises Failed if it is none."""
        refined = self.ask("refine_launch", platform=launch.platform, launch=launch)
        if refined is None:
            return launch
        if not isinstance(refined, Launch):
            raise Failed(f"refine_launch gave {describe(refined)}, which is no Launch")
        return refined

    def session(self, role: Role = Role.LEARNER, **facts: Any) -> Session:
        """A session as hooks are told of it."""
        given: dict[str, Any] = {
            "id": secrets.token_hex(16),
            "organization_id": self.registration.organization_id,
            "mentor_id": self.mentor.id,
            "person_id": secrets.token_hex(16),
            "role": role,
            "expires_at": now() + timedelta(hours=1),
            "registration_id": self.registration.id,
        }
        return Session(**given | facts)

    def find_secrets(self) -> list[str]:
        """What the plugin logged or printed so far that no log may hold, shortened."""
        known = {*self.private, *(text for each in PEOPLE if each.given for text in _know(each))}
        known |= {path.read_text("utf-8").strip() for path in self._folder.glob("secrets/*")}
        for heard in self.platform.wire.heard("/lti/token"):
            if heard.status == 200:
                known.add(str(heard.read_json(reply=True).get("access_token", "")))
        return self.overheard.find_secrets(known)

    def count_heard(self) -> int:
        """How many characters were logged and printed so far."""
        return len(self.overheard.getvalue())

    def find_strays(self) -> list[str]:
        """New files in the data directory that are in nobody's place there."""
        return find_strays(self._files, self._folder, self.subject.name)

    @property
    def _folder(self) -> Path:
        return self.engine.settings.data_dir

    def add_column(self, points: float = POINTS) -> LineItem:
        """A new gradebook column of the LMS, as an earlier call found it."""
        record = {"id": secrets.token_hex(8), "course": COURSE, "label": "Conformance"}
        self.lms.shelf.put("line_item", record["id"], record | {"scoreMaximum": points})
        url = column_url(self.lms, record)
        self.column_ids[url] = str(record["id"])
        return LineItem(url=url, label="Conformance")


def _know(person: Person) -> tuple[str, ...]:
    return person.name, person.email


def get_course() -> Course:
    """The course of the cases. Raises Failed."""
    course = find_course(COURSE)
    if course is None:
        raise Failed("The sandbox LMS has no such course.")
    return course


def get_person(person_id: str) -> Person:
    """Somebody at the sandbox's college. Raises Failed."""
    person = find_person(person_id)
    if person is None:
        raise Failed(f"The sandbox LMS has no {person_id}.")
    return person


def describe(answer: object) -> str:
    """What was answered, short enough for a report."""
    text = repr(answer)
    return text if len(text) <= 160 else f"{text[:150]}... ({type(answer).__name__})"
