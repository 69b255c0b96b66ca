"""The real tool and the sandbox LMS, registered with one another, on loopback ports."""

import shutil
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from flask import Flask

from mentorai.core.engine import Engine
from mentorai.core.jobs import run_worker
from mentorai.core.mentors import Mentor
from mentorai.core.settings import Settings
from mentorai.lti.registrations import Registration
from mentorai.lti.tool import Tool
from mentorai.plugins import lti_launch
from mentorai.plugins import sandbox as sandbox_plugin
from mentorai.plugins.sandbox.platform import Options, describe_platform
from mentorai.plugins.sandbox.wants import Wants
from mentorai.web.app import create_app
from mentorai.web.commands.demo_course import register, seed
from tests.fakes.platforms import RunningSandbox, free_port, running_app, running_sandbox

COURSE = "tidal-pools"


@dataclass(frozen=True)
class Campus:
    """url: of the tool. The mentors and quizzes are those of the demo."""

    url: str
    engine: Engine
    app: Flask
    sandbox: RunningSandbox

    @property
    def registration(self) -> Registration:
        organization = self.engine.organizations.get()
        return self.engine.room(Tool).registrations.list(organization.id)[0]

    @property
    def mentor(self) -> Mentor:
        return self.engine.mentors.get(self.engine.organizations.get().id, COURSE)

    def quiz_id(self, title: str) -> str:
        """The id of the quiz whose title has this in it."""
        quizzes = self.engine.quizzes.list(self.mentor.organization_id)
        return next(quiz.id for quiz in quizzes if title in quiz.title)

    def added(self) -> list[Any]:
        """What content selections added to the course, as the sandbox keeps it."""
        records = self.sandbox.platform.shelf.list("item")
        return [record["item"] for record in records if record["course"] == COURSE]

    def clear(self) -> None:
        """Take away what was added, and ask for the usual things again."""
        platform = self.sandbox.platform
        platform.wants, platform.alter_claims = Wants(), None
        for record in platform.shelf.list("item"):
            platform.shelf.remove("item", record["item"]["id"])

    def ask_for(self, **changes: Any) -> None:
        """Have later content selections ask for other things."""
        self.sandbox.platform.wants = self.sandbox.platform.wants.change(changes)


def seed_demo(folder: Path) -> None:
    """Put the mentors and quizzes of the demo into the installation in this folder."""
    engine = Engine.open(Settings(data_dir=folder), plugins=[])
    nowhere = Options("http://127.0.0.1:9", "http://localhost:9")
    for mentor in describe_platform(nowhere)["mentors"]:
        seed(engine, mentor)
    engine.close()


@contextmanager
def running_campus(
    folder: Path,
    seeded: Path,
    *,
    with_worker: bool = False,
    personality: str = "plain",
    plugins: Sequence[tuple[str, Any]] = (("lti_launch", lti_launch),),
) -> Iterator[Campus]:
    """A campus of its own; `with_worker` brings scores to the gradebook.

    seeded: a database that seed_demo filled, which is copied into the folder. personality: which
    LMS the sandbox is. plugins: the tool's, besides the sandbox's own.
    """
    port = free_port()
    url = f"http://localhost:{port}"
    shutil.copyfile(seeded, folder / seeded.name)
    settings = Settings(data_dir=folder, public_url=url, allow_loopback_platforms=True)
    with running_sandbox(url, personality=personality) as sandbox:
        engine = Engine.open(settings, plugins=[*plugins, ("sandbox", sandbox_plugin)])
        register(engine, sandbox.description["platform"])
        app = create_app(engine)
        stop = threading.Event()
        worker = threading.Thread(target=run_worker, args=(engine,), kwargs={"stop": stop})
        with running_app(app, port=port):
            if with_worker:
                worker.start()
            yield Campus(url, engine, app, sandbox)
            stop.set()
            if with_worker:
                worker.join()
        engine.close()
