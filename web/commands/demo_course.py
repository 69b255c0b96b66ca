"""What the demo puts into the toolkit, as the sandbox LMS describes itself, and the screen."""

import json
import shlex
import subprocess
import sys
import textwrap
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mentorai.core.errors import ConfigurationError, NotFound
from mentorai.web.commands.demo_examples import AUTHOR, QUESTION, keep_keys, seed_examples

if TYPE_CHECKING:
    from mentorai.core.engine import Engine
    from mentorai.core.mentors import Mentor

Json = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Demo:
    """Where everything is. setup_url: None once IT has set up the admin."""

    folder: Path
    tool_url: str
    description: Json
    setup_url: str | None

    @property
    def health_url(self) -> str:
        """What answers when the sandbox LMS is up."""
        return str(self.description["health_url"])

    def page(self, kind: str) -> str:
        """Where the first person of a kind finds the first item of the first course."""
        item = self.description["courses"][0]["items"][0]
        return f"{self._find_person(kind)['url']}{item['url']}"

    def _find_person(self, kind: str) -> Json:
        found: Json = next(p for p in self.description["people"] if p["kind"] == kind)
        return found

    def screen(self) -> str:
        """All that one needs to know, for a terminal."""
        course = self.description["courses"][0]
        if self.setup_url:
            it = f"{self.setup_url}\n                   (once, within 24 hours)"
        else:
            it = f"{self.tool_url}/admin/"
        return SCREEN.format(
            course=course["title"],
            home=self.description["home_url"],
            student=self.page("student"),
            instructor=self.page("instructor"),
            it=it,
            registration=f"{self._find_person('it')['url']}tool/",
            docs=f"{self.tool_url}/api/v1/docs",
            chat=f"{self.tool_url}/api/v1/chat",
            key=shlex.quote(str(self.folder / "api-key")),
            provisioning_key=self.folder / "provisioning-key",
            question=QUESTION,
            control=self.description["control_url"],
            folder=self.folder,
            lms=self._say_lms(),
        )

    def _say_lms(self) -> str:
        """What is simulated, where it is more than the sandbox itself."""
        lms = self.description["lms"]
        if lms["name"] == "plain":
            return ""
        lines = textwrap.wrap(f"{lms['about']} {SIMULATED.format(title=lms['title'])}", 78)
        return "\n".join(
            ("", f"  Simulated: {lms['title']}", *(f"    {line}" for line in lines), "")
        )


SIMULATED = (
    "Its wire is imitated and not its pages; it is not {title}, and says nothing of what your own "
    "does. Its issuer looks like {title}'s where that is the vendor's; all else is on this machine."
)
SCREEN = """
mentorAI runs beside a sandbox LMS whose course is "{course}".
{lms}
  Open as
    a student      {student}
    an instructor  {instructor}
    campus IT      {it}
    anyone else    {home}

  Try
    - as the student: ask "{question}" and open a citation;
      take Quiz 1, then look at Grades in the LMS
    - as the instructor: the mentor's name in the header, then API, then Create New
    - as campus IT: Platforms, Add an LMS; what an administrator of the LMS does for it
      is done at {registration}
      (docs/sandbox.md says what goes where)
    - with the key made for this demo:
        curl -N {chat} \\
          -H "Authorization: Api-Token $(cat {key})" \\
          -H "Accept: text/event-stream" -H "Content-Type: application/json" \\
          -d '{{"prompt": "{question}"}}'
      every endpoint, with examples that work here: {docs}
      (what campus IT does there: the key in {provisioning_key})
    - make the LMS misbehave: {control}

  Data and log are in {folder}. Ctrl-C stops everything.
"""


def prepare(folder: Path, port: int, sandbox_port: int, platform: str = "plain") -> Demo:
    """Register the sandbox, make its mentors, and leave what is there already as it is."""
    from mentorai.web.commands.opening import opened

    tool_url = f"http://localhost:{port}"
    description = _describe(tool_url, sandbox_port, platform)
    with opened() as engine:
        registration_id = register(engine, description["platform"])
        for each in description["mentors"]:
            seed(engine, each)
        seed_examples(engine, description, registration_id)
        keep_keys(engine, description["courses"][0]["mentor"], folder)
        setup_url = None
        if not engine.admins.any():
            setup_url = f"{tool_url}/admin/setup?code={engine.admins.issue_setup_code()}"
    return Demo(folder, tool_url, description, setup_url)


def _describe(tool_url: str, sandbox_port: int, platform: str) -> dict[str, Any]:
    # Asked like anyone asks: this layer knows no plugin.
    asked = ["sandbox", "describe", "--port", str(sandbox_port), "--tool-url", tool_url]
    asked += ["--platform", platform]
    done = subprocess.run(  # noqa: S603  our own program, no shell
        [sys.executable, "-m", "mentorai.web.commands", *asked],
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        # Its last line says why; those before it say how the command is called.
        reason = done.stderr.strip().rpartition("\n")[2].removeprefix("Error: ")
        raise ConfigurationError(f"The sandbox LMS does not describe itself: {reason}.")
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def register(engine: "Engine", platform: Json) -> str:
    """Make the one registration of the sandbox that fits its present port; its id."""
    from mentorai.lti.tool import Tool

    registrations = engine.room(Tool).registrations
    registration = registrations.find(platform["issuer"], platform["client_id"])
    if registration is None:
        organization_id = engine.organizations.get().id
        registration = registrations.add(organization_id, **platform, author=AUTHOR)
    return registration.id


def seed(engine: "Engine", wanted: Json) -> None:
    """Make a mentor as the description wants it; documents and quizzes it has are left alone."""
    mentor = _get_mentor(engine, wanted)
    place = (mentor.organization_id, mentor.id)
    known = {dataset.name for dataset in engine.datasets.list(*place)}
    for document in wanted["documents"]:
        if document["name"] not in known:
            with Path(document["path"]).open("rb") as stream:
                engine.datasets.add(
                    *place, document["name"], document["media_type"], stream, author=AUTHOR
                )
    present = {quiz.id for quiz in engine.quizzes.list(*place)}
    for each in wanted["quizzes"]:
        if each["id"] not in present:
            engine.quizzes.put(*place, each["quiz"], each["id"], may_make=True)


def _get_mentor(engine: "Engine", wanted: Json) -> "Mentor":
    organization_id = engine.organizations.get().id
    try:
        return engine.mentors.get(organization_id, wanted["slug"])
    except NotFound:
        facts = {k: v for k, v in wanted.items() if k not in ("documents", "quizzes")}
        name = facts.pop("display_name")
        return engine.mentors.add(organization_id, name, author=AUTHOR, **facts)
