"""A worker is killed with SIGKILL again and again; the gradebook ends up right all the same."""

import json
import os
import random
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from mentorai.core import hookimpl
from mentorai.core.clock import now
from mentorai.core.engine import Engine
from mentorai.core.errors import PlatformUnavailable, ScoreStale
from mentorai.core.settings import Settings
from mentorai.core.values import (
    Context,
    GradePlace,
    GradeService,
    Launch,
    LineItem,
    Platform,
    Receipt,
    ResourceLink,
    Role,
    Score,
    Session,
)
from tests.fakes.workers import start_worker

# So many that the next worker need not wait for leases of the one before.
STUDENTS = 20
KILLS = 15


class Gradebook(ThreadingHTTPServer):
    """Keeps scores as Moodle does, and notes whatever must never happen."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Take)
        self.guard = threading.Lock()
        self.grades: dict[str, float] = {}
        self.received_at: dict[str, int] = {}
        self.last_at: dict[str, str] = {}
        self.busy: set[str] = set()
        self.columns = 0
        self.requests = 0
        self.wrongs: list[str] = []

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}"

    def take(self, subject: str, given: float, at: str) -> int:
        """Keep a score; the HTTP status to answer with."""
        with self.guard:
            self.requests += 1
            if at <= self.last_at.get(subject, ""):
                self.wrongs.append(f"{subject}: second {at} after {self.last_at[subject]}")
            self.last_at[subject] = at
            if subject in self.busy:
                self.wrongs.append(f"{subject}: two scores at once")
            self.busy.add(subject)
        time.sleep(random.uniform(0, 0.02))
        with self.guard:
            self.busy.discard(subject)
            if int(datetime.fromisoformat(at).timestamp()) <= self.received_at.get(subject, 0):
                return 409
            if given < self.grades.get(subject, 0):
                self.wrongs.append(f"{subject}: an older value came after a newer one")
            if given != self.grades.get(subject):
                self.received_at[subject] = int(time.time())
            self.grades[subject] = given
            return 200


class Take(BaseHTTPRequestHandler):
    def do_POST(self) -> None:
        gradebook = self.server
        assert isinstance(gradebook, Gradebook)
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        if self.path == "/columns":
            with gradebook.guard:
                gradebook.columns += 1
            status = 200
        else:
            status = gradebook.take(body["subject"], body["given"], body["at"])
        # The other side may be dead by now.
        try:
            self.send_response(status)
            self.send_header("Content-Length", "0")
            self.end_headers()
        except OSError:
            pass

    def handle_one_request(self) -> None:
        try:
            super().handle_one_request()
        except OSError:
            self.close_connection = True

    def log_message(self, *args: object) -> None:
        pass


@dataclass
class OverHttp:
    """The plugin of the worker."""

    url: str

    @hookimpl
    def find_line_item(self, place: GradePlace) -> LineItem:
        self._post("/columns", {})
        return LineItem(url=f"{self.url}/scores")

    @hookimpl
    def push_score(self, platform: Platform, line_item: LineItem, score: Score) -> Receipt:
        body = {"subject": score.subject, "given": score.given, "at": score.at.isoformat()}
        time.sleep(random.uniform(0, 0.01))
        self._post("/scores", body)
        time.sleep(random.uniform(0, 0.01))
        return Receipt(now())

    def _post(self, path: str, body: dict[str, object]) -> None:
        request = urllib.request.Request(self.url + path, json.dumps(body).encode())
        try:
            urllib.request.urlopen(request, timeout=5).close()
        except urllib.error.HTTPError as error:
            error.close()
            raise (ScoreStale() if error.code == 409 else PlatformUnavailable()) from error
        except OSError as error:
            raise PlatformUnavailable from error


def work(settings: Settings, url: str, lease_seconds: float = 2.0) -> None:
    """The worker, less patient than in real life so that a test does not wait for it."""
    from mentorai.core import orphans, outbox
    from mentorai.core.jobs import run_worker

    outbox.HANDED_SECONDS = outbox.WAKE_SECONDS = orphans.ECHO_SECONDS = 0.5
    engine = Engine.open(settings, plugins=[("http", OverHttp(url))])
    engine.outbox.lease_seconds = lease_seconds
    run_worker(engine, parent_pid=os.getppid())
    engine.close()


@pytest.fixture
def gradebook() -> Iterator[Gradebook]:
    server = Gradebook()
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    yield server
    server.shutdown()
    server.server_close()
    thread.join()


@pytest.fixture
def students(engine: Engine) -> list[Session]:
    organization = engine.organizations.get()
    engine.mentors.add(organization.id, "Tidal Pools")
    return [
        engine.admit(
            Launch(
                organization_id=organization.id,
                registration_id="registration-1",
                deployment_id="1",
                issuer="https://lms.example",
                client_id="tool",
                family_code="sandbox",
                message_type="LtiResourceLinkRequest",
                subject=f"s-{n}",
                role=Role.LEARNER,
                target="/",
                context=Context("course-1"),
                resource_link=ResourceLink("link-1", "Week 1"),
                grade_service=GradeService(line_items_url="https://lms.example/items"),
            )
        )
        for n in range(STUDENTS)
    ]


def report(engine: Engine, student: Session, given: float) -> None:
    engine.report_score(
        organization_id=student.organization_id,
        mentor_id=student.mentor_id,
        person_id=student.person_id,
        resource_link_id=student.resource_link_id,
        given=given,
        maximum=1_000,
    )


def wait_until(condition: object, seconds: float) -> bool:
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if condition():  # type: ignore[operator]
            return True
        time.sleep(0.005)
    return False


def test_gradebook_is_right_at_the_end_however_often_the_worker_was_killed(
    engine, gradebook, students
):
    given = 0.0
    last: dict[str, float] = {}

    def report_some() -> None:
        nonlocal given
        for n, student in enumerate(students):
            if n == 0 or f"s-{n}" not in last or random.random() < 0.6:
                given += 1
                report(engine, student, given)
                last[f"s-{n}"] = given

    place = (engine.settings, gradebook.url)
    for _ in range(KILLS):
        report_some()
        worker = start_worker(work, *place)
        seen = gradebook.requests
        wanted = seen + random.randint(1, 4)
        wait_until(lambda wanted=wanted: gradebook.requests >= wanted, 20)
        report_some()
        time.sleep(random.uniform(0, 0.03))
        worker.kill()
        worker.join()
        assert gradebook.requests > seen

    worker = start_worker(work, *place)
    arrived = wait_until(lambda: engine.outbox.waiting() == 0, 60)
    worker.terminate()
    worker.join(timeout=20)

    assert worker.exitcode == 0
    assert arrived
    assert gradebook.grades == last
    assert gradebook.wrongs == []


def test_scores_of_a_killed_worker_go_on_long_before_its_leases_end(engine, gradebook, students):
    place = (engine.settings, gradebook.url, 3_600.0)
    for student in students:
        report(engine, student, 5)
    worker = start_worker(work, *place)
    assert wait_until(lambda: gradebook.requests > 1, 20)
    worker.kill()
    worker.join()
    held = engine.outbox.waiting()

    worker = start_worker(work, *place)
    arrived = wait_until(lambda: engine.outbox.waiting() == 0, 30)
    worker.terminate()
    worker.join(timeout=20)

    assert held > 0
    assert arrived
    assert set(gradebook.grades.values()) == {5}
    assert len(gradebook.grades) == len(students)
    assert gradebook.wrongs == []


def test_two_workers_never_push_one_persons_scores_at_once(engine, gradebook, students):
    place = (engine.settings, gradebook.url)
    workers = [start_worker(work, *place) for _ in range(2)]
    for given in range(1, 4):
        for student in students:
            report(engine, student, given)
        wait_until(lambda given=given: gradebook.requests >= given, 20)

    arrived = wait_until(lambda: engine.outbox.waiting() == 0, 20)
    for worker in workers:
        worker.terminate()
        worker.join(timeout=20)

    assert [worker.exitcode for worker in workers] == [0, 0]
    assert arrived
    assert set(gradebook.grades.values()) == {3}
    assert gradebook.wrongs == []
