"""The grades of one LMS under fire: what is reported, what goes wrong, and what must be there.

Scores of two students in many quizzes go to a sandbox that has every fault of FAULTS, and whose
bucket others fill up where it has one. Afterwards every value in the gradebook must be the newest
of ours with the newest comment, none may have been replaced by an older one, none given up, no
column made twice, and on Canvas no score may have begun another attempt nor brought a comment
twice.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from random import Random
from typing import Any

from sqlalchemy import select

from mentorai.core.engine import Engine
from mentorai.core.grades import grades
from mentorai.core.mentors import Mentor
from mentorai.core.values import Context, GradeService, Launch, ResourceLink, Role
from mentorai.lti.registrations import Registration
from mentorai.plugins.sandbox.grades import columns_url
from mentorai.plugins.sandbox.personalities.traits import Throttle
from mentorai.plugins.sandbox.platform import SandboxPlatform
from mentorai.plugins.sandbox.school import COURSES, PEOPLE
from mentorai.plugins.sandbox.throttle import Bucket
from mentorai.plugins.sandbox.wire import Reply
from tests.fakes.hasty_worker import QUICKER

STUDENTS = ("maya", "tomas")
PEOPLE_SUBS = {person.id: person.sub for person in PEOPLE}
# All that an LMS, and what lies before it, may do to a call.
REFUSAL: Mapping[str, Any] = {"endpoint": "scores", "kind": "status", "status": 401}
FAULTS: tuple[Mapping[str, Any], ...] = (
    REFUSAL,
    {"endpoint": "scores", "kind": "status", "status": 429, "retry_after": 1},
    {"endpoint": "scores", "kind": "status", "status": 429},
    {"endpoint": "scores", "kind": "status", "status": 500},
    {"endpoint": "scores", "kind": "status", "status": 502},
    {"endpoint": "scores", "kind": "status", "status": 502, "after": True},
    {"endpoint": "scores", "kind": "slow", "seconds": 1.5},
    {"endpoint": "scores", "kind": "drop"},
    {"endpoint": "scores", "kind": "drop", "after": True},
    {"endpoint": "scores", "kind": "garbage"},
    {"endpoint": "scores", "kind": "garbage", "after": True},
    {"endpoint": "scores", "kind": "media_type"},
    {"endpoint": "scores", "kind": "half"},
    {"endpoint": "scores", "kind": "half", "after": True},
    {"endpoint": "scores", "kind": "page", "status": 503},
    {"endpoint": "scores", "kind": "page", "status": 500, "after": True},
    {"endpoint": "results", "kind": "status", "status": 500},
    {"endpoint": "results", "kind": "garbage"},
    {"endpoint": "results", "kind": "media_type"},
    {"endpoint": "token", "kind": "status", "status": 500},
    {"endpoint": "token", "kind": "status", "status": 429, "retry_after": 1},
    {"endpoint": "token", "kind": "drop"},
    {"endpoint": "token", "kind": "media_type"},
    {"endpoint": "token", "kind": "page", "status": 502},
    {"endpoint": "line_items", "kind": "status", "status": 503},
    {"endpoint": "line_items", "kind": "media_type"},
    {"endpoint": "line_items", "kind": "page", "status": 500},
    {"endpoint": "line_items", "kind": "drop", "after": True},
    {"endpoint": "line_items", "kind": "half", "after": True},
)
# What others use of a bucket that all share: more than there is, for a moment.
CROWD = 20.0


class QuickBucket(Bucket):
    """The bucket of the LMS, which leaks quicker."""

    def enter(self, throttle: Throttle, moment: datetime) -> Reply | None:
        return super().enter(_quicken(throttle), moment)

    def leave(self, throttle: Throttle, moment: datetime, *, is_token: bool) -> dict[str, str]:
        return super().leave(_quicken(throttle), moment, is_token=is_token)


def _quicken(throttle: Throttle) -> Throttle:
    return replace(throttle, leak_per_second=throttle.leak_per_second * QUICKER)


def add_quizzes(engine: Engine, mentor: Mentor, count: int) -> Sequence[str]:
    """The ids of new quizzes, each of which gets a column of its own."""
    question = {"kind": "true_false", "prompt": "A limpet is a plant.", "answer": False}
    quizzes = [
        {"title": f"Quiz {number}", "published": True, "questions": [question]}
        for number in range(count)
    ]
    return [engine.quizzes.put(mentor.organization_id, mentor.id, quiz).id for quiz in quizzes]


class GradesUnderFire:
    """The grades of one LMS, and what its gradebook must hold in the end."""

    def __init__(
        self,
        engine: Engine,
        registration: Registration,
        platform: SandboxPlatform,
        quizzes: Sequence[str],
        random: Random,
    ) -> None:
        self.engine, self.registration, self.platform = engine, registration, platform
        self.quizzes, self.random = quizzes, random
        self.name = platform.behaviour.personality
        self.throttle = platform.personality.throttle
        platform.bucket, platform.token_bucket = QuickBucket(), QuickBucket()
        platform.behave({"throttles": self.throttle is not None})
        self._refusals = 0
        self.last: dict[tuple[str, str], float] = {}
        self.sessions = {name: self._launch(name) for name in STUDENTS}

    def _launch(self, name: str) -> Any:
        course = next(course for course in COURSES if course.id == "tidal-pools")
        person = next(person for person in PEOPLE if person.id == name)
        registration, tell = self.registration, self.platform.ids.tell
        return self.engine.admit(
            Launch(
                organization_id=registration.organization_id,
                registration_id=registration.id,
                deployment_id="1",
                issuer=registration.issuer,
                client_id=registration.client_id,
                family_code=self.name,
                message_type="LtiResourceLinkRequest",
                subject=tell(person.sub),
                role=Role.LEARNER,
                target="/",
                context=Context(tell(course.context_id)),
                resource_link=ResourceLink(tell(course.items[0].resource_link_id), "Week 1"),
                grade_service=GradeService(line_items_url=columns_url(self.platform, course.id)),
                custom={"mentor": "tidal-pools"},
            )
        )

    def report(self, value: int) -> None:
        """A new score, higher than all before, of anybody for anything."""
        name, quiz = self.random.choice(STUDENTS), self.random.choice(self.quizzes)
        session = self.sessions[name]
        self.engine.report_score(
            organization_id=session.organization_id,
            mentor_id=session.mentor_id,
            person_id=session.person_id,
            quiz_id=quiz,
            resource_link_id=session.resource_link_id,
            given=value,
            maximum=10_000,
            comment=f"Mark {value}",
        )
        self.last[quiz, session.person_id] = value

    def crowd(self) -> None:
        """Have others use the bucket up, where calls are counted, until one of ours is refused."""
        if self.throttle is not None:
            self._refusals = self.platform.bucket.refused + 1

    def is_crowded(self) -> bool:
        """Whether others use the bucket up, and none of ours was refused yet."""
        return self.platform.bucket.refused < self._refusals

    def crowd_on(self) -> None:
        """While it is crowded, fill the bucket up again: it leaks all the time."""
        if self.throttle is not None and self.is_crowded():
            self.platform.bucket.fill(self.throttle.high_water + CROWD, self.platform.now())

    def find_wrongs(self) -> list[str]:
        """Whatever must never be."""
        wrongs = list[str]()
        quiz_of = {r["id"]: r.get("resourceId") for r in self.platform.shelf.list("line_item")}
        repeated = [quiz for quiz, n in Counter(quiz_of.values()).items() if quiz and n > 1]
        wrongs += [f"quiz {quiz} has several columns" for quiz in repeated]
        people = {PEOPLE_SUBS[name]: s.person_id for name, s in self.sessions.items()}
        newest: Counter[tuple[str, str]] = Counter()
        for score in self.platform.scores:
            name, value = (score["line_item"], score["user_id"]), score["body"]["scoreGiven"]
            if value < newest[name]:
                wrongs.append(f"an older value came after a newer one: {score['body']}")
            newest[name] = value
        held = {}
        for result in self.platform.shelf.list("result"):
            quiz = quiz_of.get(result["line_item"]) or ""
            held[quiz, people[result["user_id"]]] = result["given"]
            wrongs += _judge_comments(result)
        wrongs += [
            f"{key}: {held.get(key)} is there, {value} should be"
            for key, value in self.last.items()
            if held.get(key) != value
        ]
        return wrongs + self._list_unsent()

    def _list_unsent(self) -> list[str]:
        mine = grades.c.person_id.in_([session.person_id for session in self.sessions.values()])
        query = select(grades.c.sync_status, grades.c.sync_error_message)
        with self.engine.database.read() as connection:
            rows = connection.execute(query.where(mine, grades.c.sync_status != "sent")).all()
        return [f"a grade is {row.sync_status}: {row.sync_error_message}" for row in rows]


def _judge_comments(result: Mapping[str, Any]) -> list[str]:
    """What is wrong with the comments, and the attempts, of a cell of the gradebook."""
    value = f"{result['given']:g}" if result["given"] is not None else "none"
    wrongs = []
    if result["comment"] != f"Mark {value}":
        wrongs.append(f"beside {value} stands the comment {result['comment']}")
    repeated = [text for text, n in Counter(result.get("comments", ())).items() if n > 1]
    wrongs += [f"a comment came several times: {text}" for text in repeated]
    if result.get("attempts"):
        wrongs.append(f"{value} began {result['attempts']} attempts")
    return wrongs
