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
import random
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Mapping
from multiprocessing.context import ForkServerProcess
from pathlib import Path
from typing import Any

from tests.fakes.campus import Campus, running_campus, seed_demo
from tests.fakes.grades_under_fire import FAULTS, REFUSAL, GradesUnderFire, add_quizzes
from tests.fakes.hasty_worker import Haste, work
from tests.fakes.workers import start_worker

# From one refused token to the next.
APART_SECONDS = 12.0
# The trouble ends when so few scores wait.
LAST_ONES = 20
PATIENCE_SECONDS = 600.0


class Campaign:
    """One installation, one LMS, and the trouble that it meets."""

    def __init__(self, campus: Campus, quizzes: int) -> None:
        self.campus = campus
        self.platform = campus.sandbox.platform
        self.met = 0
        self.is_over = threading.Event()
        self.grades = GradesUnderFire(
            campus.engine,
            campus.registration,
            self.platform,
            add_quizzes(campus.engine, campus.mentor, quizzes),
            random.Random(),
        )

    def misbehave(self) -> None:
        """One fault after the other, each met once at most, until the campaign is over."""
        self.grades.crowd()
        refused_at = 0.0
        while not self.is_over.wait(random.uniform(0.0, 0.1)):
            self.grades.crowd_on()
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
                self.grades.crowd()

    def _meet(self, *wanted: Mapping[str, Any], seconds: float) -> None:
        """Have faults in force until calls met them, for so long at most."""
        faults, deadline = self.platform.faults, time.monotonic() + seconds
        added = {}
        for each in wanted:
            facts = dict(each)
            added[faults.add(facts.pop("endpoint"), facts.pop("kind"), times=1, **facts).id] = each
        while faults.list() and time.monotonic() < deadline:
            self.grades.crowd_on()
            time.sleep(0.01)
        left = {fault.id for fault in faults.list()}
        self.met += sum(each not in left for each in added)
        faults.clear()

    def start_worker(self) -> ForkServerProcess:
        """A worker, in a process of its own."""
        folder = str(self.campus.engine.settings.data_dir)
        return start_worker(work, folder, self.campus.url, Haste())

    def run(self, scores: int, kills: int) -> None:
        """Report, kill, start again; then let the last worker bring what is left."""
        trouble = threading.Thread(target=self.misbehave)
        trouble.start()
        worker = self.start_worker()
        try:
            per_life = max(1, scores // (kills + 1))
            for value in range(1, scores + 1):
                self.grades.report(value)
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


def try_faults(folder: Path, personality: str, scores: int, kills: int) -> tuple[list[str], str]:
    """A whole campaign: what was wrong, and a line about it."""
    (folder / "seeded").mkdir()
    (folder / "run").mkdir()
    seed_demo(folder / "seeded")
    began = time.monotonic()
    database = folder / "seeded" / "mentorai.sqlite3"
    with running_campus(folder / "run", database, personality=personality) as campus:
        campaign = Campaign(campus, quizzes=max(2, scores // 8))
        campaign.run(scores, kills)
        wrongs = campaign.grades.find_wrongs()
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
