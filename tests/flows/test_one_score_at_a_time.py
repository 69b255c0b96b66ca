"""What one person has in one column reaches the LMS one score at a time, whoever sends it.

Counted at the door of the sandbox, with several workers, where several grades share a column.
"""

import json
import threading
import time
from collections.abc import Iterable, Iterator
from io import BytesIO
from pathlib import Path
from typing import Any

import pytest
from werkzeug.wsgi import ClosingIterator

from mentorai.core import lanes
from mentorai.core.engine import Engine
from mentorai.core.lanes import Lanes
from mentorai.core.values import Context, GradeService, Launch, ResourceLink, Role, Session
from mentorai.plugins import lti_launch
from mentorai.plugins.sandbox.grades import column_url
from mentorai.plugins.sandbox.school import COURSES, PEOPLE
from tests.fakes.campus import COURSE, Campus, running_campus

STUDENTS = ("maya", "tomas")
LINKS = ("link-1", "link-2")
# Longer than a second, after which another score may bear the next one.
SLOW_SECONDS = 1.2
ROUNDS = 2


class Door:
    """Stands before the sandbox and counts the scores of each column and person that are in it."""

    def __init__(self, app: Any) -> None:
        self.extensions = app.extensions
        self._app = app
        self._guard = threading.Lock()
        self._inside: dict[tuple[str, str], int] = {}
        self.count = self.most = self.most_of_all = 0

    def __call__(self, environ: Any, start_response: Any) -> Iterable[bytes]:
        if not environ["PATH_INFO"].endswith("/scores"):
            return self._app(environ, start_response)
        body = environ["wsgi.input"].read(int(environ["CONTENT_LENGTH"]))
        environ["wsgi.input"] = BytesIO(body)
        where = environ["PATH_INFO"], json.loads(body)["userId"]
        self._enter(where)
        return ClosingIterator(self._app(environ, start_response), lambda: self._leave(where))

    def _enter(self, where: tuple[str, str]) -> None:
        with self._guard:
            self.count += 1
            self._inside[where] = self._inside.get(where, 0) + 1
            self.most = max(self.most, *self._inside.values())
            self.most_of_all = max(self.most_of_all, sum(self._inside.values()))

    def _leave(self, where: tuple[str, str]) -> None:
        with self._guard:
            self._inside[where] -= 1


@pytest.fixture
def campus(tmp_path: Path, seeded: Path) -> Iterator[Campus]:
    with running_campus(tmp_path, seeded) as campus:
        campus.sandbox.faults.add("scores", "slow", seconds=SLOW_SECONDS)
        yield campus


@pytest.fixture
def door(campus: Campus) -> Door:
    campus.sandbox.server.app = door = Door(campus.sandbox.server.app)
    return door


@pytest.fixture
def workers(campus: Campus, request, monkeypatch) -> Iterator[list[Lanes]]:
    """So many as asked for, each with connections of its own, as processes have them."""
    monkeypatch.setattr(lanes, "SWEEP_SECONDS", 0.1)
    plugins = [("lti_launch", lti_launch)]
    engines = [Engine.open(campus.engine.settings, plugins=plugins) for _ in range(request.param)]
    yield [engine.room(Lanes) for engine in engines]
    for engine in engines:
        engine.room(Lanes).stop(20)
        engine.close()


def launch(campus: Campus, name: str, link: str) -> Session:
    """Open a link whose scores go to the column that all links share."""
    course = next(course for course in COURSES if course.id == COURSE)
    person = next(person for person in PEOPLE if person.id == name)
    registration, platform = campus.registration, campus.sandbox.platform
    column = next(row for row in platform.shelf.list("line_item") if row["course"] == COURSE)
    return campus.engine.admit(
        Launch(
            organization_id=registration.organization_id,
            registration_id=registration.id,
            deployment_id="1",
            issuer=registration.issuer,
            client_id=registration.client_id,
            family_code="",
            message_type="LtiResourceLinkRequest",
            subject=person.sub,
            role=Role.LEARNER,
            target="/",
            context=Context(course.context_id),
            resource_link=ResourceLink(link, "Week 1"),
            grade_service=GradeService(line_item_url=column_url(platform, column)),
            custom={"mentor": COURSE},
        )
    )


def report(engine: Engine, session: Session, given: int) -> None:
    engine.report_score(
        organization_id=session.organization_id,
        mentor_id=session.mentor_id,
        person_id=session.person_id,
        resource_link_id=session.resource_link_id,
        given=given,
        maximum=10,
    )


@pytest.mark.parametrize("workers", [2, 10], indirect=True)
def test_no_two_scores_of_one_person_are_at_the_lms_at_once(campus, door, workers):
    sessions = [launch(campus, name, link) for name in STUDENTS for link in LINKS]
    for worker in workers:
        worker.start()

    for given in range(ROUNDS):
        for session in sessions:
            report(campus.engine, session, given)
        time.sleep(SLOW_SECONDS / 2)
    deadline = time.monotonic() + 60
    while campus.engine.outbox.waiting() and time.monotonic() < deadline:
        time.sleep(0.05)

    assert campus.engine.outbox.waiting() == 0
    # More than one score was under way, but of one person never.
    assert (door.most, door.most_of_all) == (1, len(STUDENTS))
    assert door.count >= len(sessions)
