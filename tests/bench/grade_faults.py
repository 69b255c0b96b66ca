"""Grades under fire: whatever the LMS answers and however often the worker is killed.

    python -m tests.bench.grade_faults canvas --scores 2000 --kills 50

The sandbox is the LMS, in the shape that is named. While scores are reported it answers 401, 429,
500, 502, 503 and pages, calls good answers by a wrong media type, is slow beyond all patience,
closes connections before and after it took a score and in the middle of an answer, and its clock
jumps; where it counts calls, others use up its bucket (Canvas then answers 403). A real worker
process is killed with SIGKILL again and again. Afterwards every value in the gradebook must be the
newest of ours with the newest comment, none may have been replaced by an older one, none given up,
no column made twice, and on Canvas no score may have begun another attempt nor brought a comment
twice. Prints what was wrong and ends with 1, or what it took.

Only waits are shorter than in real life, and only in the worker that this file starts; a bucket
leaks QUICKER as fast on both sides, since it meets more trouble in a minute than in a year.
"""

import argparse
import os
import random
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from multiprocessing.context import ForkServerProcess
from pathlib import Path
from typing import Any

from sqlalchemy import select

from mentorai.core.engine import Engine
from mentorai.core.grades import grades
from mentorai.core.settings import Settings
from mentorai.core.values import Context, GradeService, Launch, ResourceLink, Role
from mentorai.plugins import blackboard, brightspace, canvas, lti_launch, moodle, openedx, sakai
from mentorai.plugins.sandbox.grades import columns_url
from mentorai.plugins.sandbox.personalities.traits import Throttle
from mentorai.plugins.sandbox.school import COURSES, PEOPLE
from mentorai.plugins.sandbox.throttle import Bucket
from mentorai.plugins.sandbox.wire import Reply
from tests.fakes.campus import Campus, running_campus, seed_demo
from tests.fakes.workers import start_worker

PLUGINS = [
    ("lti_launch", lti_launch),
    ("canvas", canvas),
    ("moodle", moodle),
    ("blackboard", blackboard),
    ("brightspace", brightspace),
    ("sakai", sakai),
    ("openedx", openedx),
]
STUDENTS = ("maya", "tomas")
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
    {"endpoint": "token", "kind": "status", "status": 500},
    {"endpoint": "token", "kind": "status", "status": 429, "retry_after": 1},
    {"endpoint": "token", "kind": "drop"},
    {"endpoint": "line_items", "kind": "status", "status": 503},
    {"endpoint": "line_items", "kind": "drop", "after": True},
    {"endpoint": "line_items", "kind": "half", "after": True},
)
# A token costs Canvas' bucket what leaks in 20 s, and here every fourth second wants another.
QUICKER = 20
# From one refused token to the next.
APART_SECONDS = 12.0
# The trouble ends when so few scores wait.
LAST_ONES = 20
# What others use of a bucket that all share: more than there is, for a moment.
CROWD = 20.0
PATIENCE_SECONDS = 600.0


def work(folder: str, url: str) -> None:
    """The worker, less patient than in real life."""
    from mentorai.core import line_items, outbox, platform_rests, retries
    from mentorai.core.jobs import run_worker
    from mentorai.lti import budgets, host_gates, platform_http

    outbox.HANDED_SECONDS = outbox.WAKE_SECONDS = 1.0
    line_items.FINDING = timedelta(seconds=5)
    platform_rests.REST_SECONDS = (1, 1, 2)
    platform_rests.TRIAL = timedelta(seconds=5)
    retries.BACKOFF_SECONDS = (1, 1, 2, 3)
    # Not less than the LMS's clock jumps: what came before a jump back stands in the way so long.
    retries.STALE_SECONDS = (2, 30, 60)
    platform_http.READ_SECONDS = 1.0
    budgets.TURN_SECONDS = host_gates.TURN_SECONDS = 2.0
    leak = canvas.BUCKET.leak_per_second * QUICKER
    canvas.BUCKET = replace(canvas.BUCKET, leak_per_second=leak)
    settings = Settings(data_dir=Path(folder), public_url=url, allow_loopback_platforms=True)
    engine = Engine.open(settings, plugins=PLUGINS)
    engine.outbox.lease_seconds = 8.0
    # Its log is of no use here.
    for stream in (sys.stdout, sys.stderr):
        os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())
    run_worker(engine, parent_pid=os.getppid())
    engine.close()


class QuickBucket(Bucket):
    """The bucket of the LMS, which leaks quicker."""

    def enter(self, throttle: Throttle, moment: datetime) -> Reply | None:
        return super().enter(_quicken(throttle), moment)

    def leave(self, throttle: Throttle, moment: datetime, *, is_token: bool) -> dict[str, str]:
        return super().leave(_quicken(throttle), moment, is_token=is_token)


def _quicken(throttle: Throttle) -> Throttle:
    return replace(throttle, leak_per_second=throttle.leak_per_second * QUICKER)


class Campaign:
    """One installation, one LMS, and what the gradebook must hold in the end."""

    def __init__(self, campus: Campus, personality: str) -> None:
        self.campus, self.personality = campus, personality
        self.platform = campus.sandbox.platform
        self.throttle = self.platform.personality.throttle
        self.platform.bucket = QuickBucket()
        self.platform.behave({"throttles": self.throttle is not None})
        self.met = 0
        self.quizzes: list[str] = []
        self.last: dict[tuple[str, str], float] = {}
        self.is_over = threading.Event()
        self.sessions = {name: self._launch(name) for name in STUDENTS}

    def _launch(self, name: str) -> Any:
        course = next(course for course in COURSES if course.id == "tidal-pools")
        person = next(person for person in PEOPLE if person.id == name)
        registration = self.campus.registration
        return self.campus.engine.admit(
            Launch(
                organization_id=registration.organization_id,
                registration_id=registration.id,
                deployment_id="1",
                issuer=registration.issuer,
                client_id=registration.client_id,
                family_code=self.personality,
                message_type="LtiResourceLinkRequest",
                subject=person.sub,
                role=Role.LEARNER,
                target="/",
                context=Context(course.context_id),
                resource_link=ResourceLink(course.items[0].resource_link_id, "Week 1"),
                grade_service=GradeService(line_items_url=columns_url(self.platform, course.id)),
                custom={"mentor": "tidal-pools"},
            )
        )

    def add_quizzes(self, count: int) -> None:
        """Quizzes, each of which gets a column of its own."""
        mentor = self.campus.mentor
        question = {"kind": "true_false", "prompt": "A limpet is a plant.", "answer": False}
        for number in range(count):
            quiz = {"title": f"Quiz {number}", "published": True, "questions": [question]}
            made = self.campus.engine.quizzes.put(mentor.organization_id, mentor.id, quiz)
            self.quizzes.append(made.id)

    def report(self, value: int) -> None:
        """A new score, higher than all before, of anybody for anything."""
        name, quiz = random.choice(STUDENTS), random.choice(self.quizzes)
        session = self.sessions[name]
        self.campus.engine.report_score(
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

    def misbehave(self) -> None:
        """One fault after the other, each met once at most, until the campaign is over."""
        self.crowd()
        refused_at = 0.0
        while not self.is_over.wait(random.uniform(0.0, 0.1)):
            fault = random.choice(FAULTS)
            refuses = fault.get("status") == 401 or fault["endpoint"] == "token"
            if refuses and time.monotonic() < refused_at + APART_SECONDS:
                continue
            if refuses:
                # Nobody asks for a token before a call was refused; and one that is refused twice
                # running is refused for good, and rightly.
                refused_at = time.monotonic()
                self._meet(REFUSAL, *([fault] if fault != REFUSAL else []), seconds=2.0)
            else:
                self._meet(fault, seconds=0.5)
            if random.random() < 0.02:
                self.platform.behave({"clock_offset_seconds": random.choice((-30.0, 0.0, 30.0))})
            if random.random() < 0.005:
                self.crowd()

    def _meet(self, *wanted: Mapping[str, Any], seconds: float) -> None:
        """Have faults in force until calls met them, for so long at most."""
        faults, deadline = self.platform.faults, time.monotonic() + seconds
        added = {}
        for each in wanted:
            facts = dict(each)
            added[faults.add(facts.pop("endpoint"), facts.pop("kind"), times=1, **facts).id] = each
        while faults.list() and time.monotonic() < deadline:
            time.sleep(0.01)
        left = {fault.id for fault in faults.list()}
        self.met += sum(each not in left for each in added)
        faults.clear()

    def crowd(self) -> None:
        """Have others use the bucket up, where calls are counted."""
        if self.throttle is not None:
            self.platform.bucket.fill(self.throttle.high_water + CROWD, self.platform.now())

    def start_worker(self) -> ForkServerProcess:
        """A worker, in a process of its own."""
        return start_worker(work, str(self.campus.engine.settings.data_dir), self.campus.url)

    def run(self, scores: int, kills: int) -> None:
        """Report, kill, start again; then let the last worker bring what is left."""
        trouble = threading.Thread(target=self.misbehave)
        trouble.start()
        worker = self.start_worker()
        try:
            per_life = max(1, scores // (kills + 1))
            for value in range(1, scores + 1):
                self.report(value)
                if value % per_life == 0 and value // per_life <= kills:
                    self._wait_for_work()
                    worker.kill()
                    worker.join()
                    worker = self.start_worker()
            self._wait_for(LAST_ONES)
            self.is_over.set()
            trouble.join()
            self._wait_for(0)
        finally:
            self.is_over.set()
            worker.terminate()
            worker.join()

    def _wait_for(self, waiting: int) -> None:
        deadline = time.monotonic() + PATIENCE_SECONDS
        while self.campus.engine.outbox.waiting() > waiting and time.monotonic() < deadline:
            time.sleep(0.2)

    def _wait_for_work(self) -> None:
        before, deadline = len(self.platform.scores), time.monotonic() + 10
        wanted = before + random.randint(1, 5)
        while len(self.platform.scores) < wanted and time.monotonic() < deadline:
            time.sleep(0.01)

    def find_wrongs(self) -> list[str]:
        """Whatever must never be."""
        waiting = self.campus.engine.outbox.waiting()
        wrongs = [f"{waiting} still wait"] if waiting else []
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
        return wrongs + self._list_given_up()

    def _list_given_up(self) -> list[str]:
        query = select(grades.c.sync_status, grades.c.sync_error_message)
        with self.campus.engine.database.read() as connection:
            rows = connection.execute(query.where(grades.c.sync_status != "sent")).all()
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


PEOPLE_SUBS = {person.id: person.sub for person in PEOPLE}


def try_faults(folder: Path, personality: str, scores: int, kills: int) -> tuple[list[str], str]:
    """A whole campaign: what was wrong, and a line about it."""
    (folder / "seeded").mkdir()
    (folder / "run").mkdir()
    seed_demo(folder / "seeded")
    began = time.monotonic()
    database = folder / "seeded" / "mentorai.sqlite3"
    with running_campus(folder / "run", database, personality=personality) as campus:
        campaign = Campaign(campus, personality)
        campaign.add_quizzes(max(2, scores // 8))
        campaign.run(scores, kills)
        wrongs = campaign.find_wrongs()
        taken, turned_away = len(campaign.platform.scores), campaign.platform.bucket.refused
        statuses, met = Counter(r.status for r in campaign.platform.requests), campaign.met
    seconds = time.monotonic() - began
    line = f"{personality}: {scores} scores, {kills} kills, {taken} taken, {seconds:.0f} s"
    line += f", {met} faults met, {turned_away} turned away by its bucket, {len(wrongs)} wrong"
    return wrongs, f"{line}\nits last answers, by status: {dict(sorted(statuses.items()))}"


def main() -> int:
    """As in the first lines of this file."""
    parser = argparse.ArgumentParser()
    parser.add_argument("personality", nargs="?", default="plain")
    parser.add_argument("--scores", type=int, default=2_000)
    parser.add_argument("--kills", type=int, default=50)
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        wrongs, line = try_faults(Path(folder), asked.personality, asked.scores, asked.kills)
    print(line, *wrongs[:20], sep="\n")
    return 1 if wrongs else 0


if __name__ == "__main__":
    sys.exit(main())
