"""Grades under fire: whatever the LMS answers and however often the worker is killed.

    python -m tests.bench.grade_faults canvas --scores 2000 --kills 50

The sandbox is the LMS, in the shape that is named. While scores are reported it answers 401, 429,
500, 502 and pages, calls good answers by a wrong media type, is slow beyond all patience, closes
connections before and after it took a score, and its clock jumps; a real worker process is killed
with SIGKILL again and again. Afterwards every value in the gradebook must be the newest of ours,
none may have been replaced by an older one, and on Canvas no score may have begun another attempt
nor brought a comment twice. Prints what was wrong and ends with 1, or what it took.

Only waits are shorter than in real life, and only in the worker that this file starts.
"""

import argparse
import os
import random
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Mapping
from datetime import timedelta
from pathlib import Path
from typing import Any

from mentorai.core.engine import Engine
from mentorai.core.settings import Settings
from mentorai.core.values import Context, GradeService, Launch, ResourceLink, Role
from mentorai.plugins import canvas, lti_launch, moodle
from mentorai.plugins.sandbox.grades import columns_url
from mentorai.plugins.sandbox.school import COURSES, PEOPLE
from tests.fakes.campus import Campus, running_campus, seed_demo

PLUGINS = [("lti_launch", lti_launch), ("canvas", canvas), ("moodle", moodle)]
SUBMISSION = "https://canvas.instructure.com/lti/submission"
STUDENTS = ("maya", "tomas")
FAULTS: tuple[Mapping[str, Any], ...] = (
    {"endpoint": "scores", "kind": "status", "status": 401},
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
    {"endpoint": "token", "kind": "status", "status": 500},
    {"endpoint": "token", "kind": "drop"},
    {"endpoint": "line_items", "kind": "status", "status": 503},
)
PATIENCE_SECONDS = 600.0


def work(folder: str, url: str) -> None:
    """The worker, less patient than in real life."""
    from mentorai.core import line_items, outbox, platform_rests, retries
    from mentorai.core.jobs import run_worker
    from mentorai.lti import platform_http

    outbox.HANDED_SECONDS = outbox.WAKE_SECONDS = 1.0
    line_items.FINDING = timedelta(seconds=5)
    platform_rests.REST_SECONDS = (1, 1, 2)
    platform_rests.TRIAL = timedelta(seconds=5)
    retries.BACKOFF_SECONDS = (1, 1, 2, 3)
    # Not less than the LMS's clock jumps: what came before a jump back stands in the way so long.
    retries.STALE_SECONDS = (2, 30, 60)
    platform_http.READ_SECONDS = 1.0
    settings = Settings(data_dir=Path(folder), public_url=url, allow_loopback_platforms=True)
    engine = Engine.open(settings, plugins=PLUGINS)
    engine.outbox.lease_seconds = 8.0
    run_worker(engine, parent_pid=os.getppid())
    engine.close()


class Campaign:
    """One installation, one LMS, and what the gradebook must hold in the end."""

    def __init__(self, campus: Campus, personality: str) -> None:
        self.campus, self.personality = campus, personality
        self.platform = campus.sandbox.platform
        self.platform.behave({"personality": personality})
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
        """One fault after the other, once each, until the campaign is over."""
        while not self.is_over.wait(random.uniform(0.05, 0.3)):
            fault = dict(random.choice(FAULTS))
            # A call that is refused twice running is refused for good, and rightly.
            if not self.platform.faults.list():
                self.platform.faults.add(fault.pop("endpoint"), fault.pop("kind"), times=1, **fault)
            if random.random() < 0.02:
                self.platform.behave({"clock_offset_seconds": random.choice((-30.0, 0.0, 30.0))})

    def start_worker(self) -> subprocess.Popen[bytes]:
        """A worker, in a process of its own."""
        folder = str(self.campus.engine.settings.data_dir)
        command = [sys.executable, "-m", __spec__.name, "--work", folder, self.campus.url]
        return subprocess.Popen(command, stderr=subprocess.DEVNULL, stdout=subprocess.DEVNULL)

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
                    worker.wait()
                    worker = self.start_worker()
            self.is_over.set()
            trouble.join()
            deadline = time.monotonic() + PATIENCE_SECONDS
            while self.campus.engine.outbox.waiting() and time.monotonic() < deadline:
                time.sleep(0.2)
        finally:
            self.is_over.set()
            worker.terminate()
            worker.wait()

    def _wait_for_work(self) -> None:
        before, deadline = len(self.platform.scores), time.monotonic() + 10
        wanted = before + random.randint(1, 5)
        while len(self.platform.scores) < wanted and time.monotonic() < deadline:
            time.sleep(0.01)

    def find_wrongs(self) -> list[str]:
        """Whatever must never be."""
        wrongs = [f"{self.campus.engine.outbox.waiting()} still wait"]
        wrongs = [] if wrongs == ["0 still wait"] else wrongs
        quiz_of = {r["id"]: r.get("resourceId") for r in self.platform.shelf.list("line_item")}
        repeated = [quiz for quiz, n in Counter(quiz_of.values()).items() if quiz and n > 1]
        wrongs += [f"quiz {quiz} has several columns" for quiz in repeated]
        people = {PEOPLE_SUBS[name]: s.person_id for name, s in self.sessions.items()}
        held: dict[tuple[str, str], float] = {}
        comments: Counter[tuple[str, str, str]] = Counter()
        for score in self.platform.scores:
            body = score["body"]
            quiz, person = quiz_of.get(score["line_item"]) or "", people[score["user_id"]]
            if body["scoreGiven"] < held.get((quiz, person), 0):
                wrongs.append(f"an older value came after a newer one: {body}")
            held[quiz, person] = body["scoreGiven"]
            comments[quiz, person, body.get("comment", "")] += 1
            if self.personality == "canvas" and body[SUBMISSION].get("new_submission") is not False:
                wrongs.append("a score began another attempt")
        wrongs += [
            f"{key}: {held.get(key)} is there, {value} should be"
            for key, value in self.last.items()
            if held.get(key) != value
        ]
        twice = [key for key, n in comments.items() if key[2] and n > 1]
        if self.personality == "canvas":
            wrongs += [f"a comment came {comments[key]} times: {key}" for key in twice]
        return wrongs


PEOPLE_SUBS = {person.id: person.sub for person in PEOPLE}


def try_faults(folder: Path, personality: str, scores: int, kills: int) -> tuple[list[str], str]:
    """A whole campaign: what was wrong, and a line about it."""
    (folder / "seeded").mkdir()
    (folder / "run").mkdir()
    seed_demo(folder / "seeded")
    began = time.monotonic()
    with running_campus(folder / "run", folder / "seeded" / "mentorai.sqlite3") as campus:
        campaign = Campaign(campus, personality)
        campaign.add_quizzes(max(2, scores // 8))
        campaign.run(scores, kills)
        wrongs = campaign.find_wrongs()
        taken = len(campaign.platform.scores)
    seconds = time.monotonic() - began
    line = f"{personality}: {scores} scores, {kills} kills, {taken} taken, {seconds:.0f} s"
    return wrongs, f"{line}, {len(wrongs)} wrong"


def main() -> int:
    """As in the first lines of this file."""
    parser = argparse.ArgumentParser()
    parser.add_argument("personality", nargs="?", default="plain")
    parser.add_argument("--scores", type=int, default=2_000)
    parser.add_argument("--kills", type=int, default=50)
    parser.add_argument("--work", nargs=2)
    asked = parser.parse_args()
    if asked.work:
        work(*asked.work)
        return 0
    with tempfile.TemporaryDirectory() as folder:
        wrongs, line = try_faults(Path(folder), asked.personality, asked.scores, asked.kills)
    print(line, *wrongs[:20], sep="\n")
    return 1 if wrongs else 0


if __name__ == "__main__":
    sys.exit(main())
