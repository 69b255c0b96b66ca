"""Platforms, Add an LMS, played to the end: our values there, theirs here, and a student's launch.

The LMS is the sandbox as each of those that there are steps for, on addresses of its own.
"""

import re
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack
from pathlib import Path

import pytest
import requests

from mentorai.core.engine import Engine
from mentorai.core.settings import Settings
from mentorai.lti.registrations import Registration
from mentorai.lti.tool import Tool
from mentorai.plugins import blackboard, brightspace, canvas, lti_launch, moodle
from mentorai.plugins import sandbox as sandbox_plugin
from mentorai.plugins.sandbox.personalities import PERSONALITIES
from mentorai.web.app import create_app
from mentorai.web.commands.demo_course import seed
from tests.fakes.browserless import Browser, read_form
from tests.fakes.platforms import RunningSandbox, free_port, running_app, running_sandbox
from tests.fakes.visitor import Visitor

LMSS = {"blackboard": blackboard, "brightspace": brightspace, "canvas": canvas, "moodle": moodle}
EMAIL, PASSWORD = "it@campus.edu", "correct horse battery"
ITEM = ("maya", "tidal-pools", "tides-mentor")
# What campus IT brings to the steps, by what the sandbox calls it.
BROUGHT = {
    "canvas": {"client_id": "Client ID", "address": "Address of this LMS"},
    "moodle": {"client_id": "Client ID", "address": "Issuer"},
    "brightspace": {"client_id": "Client ID", "host": "Issuer", "token_url": "Token URL"},
    "blackboard": {
        "client_id": "Client ID",
        "auth_url": "Authentication URL",
        "token_url": "Token URL",
        "keyset_url": "Keyset URL",
    },
}


class Campus:
    """The tool and one LMS, and who runs them. it_person: signed in to the tool's admin."""

    def __init__(
        self, engine: Engine, lms: RunningSandbox, it_person: Visitor, browser: Browser
    ) -> None:
        self.engine, self.lms, self.it_person, self.browser = engine, lms, it_person, browser
        self.tool = engine.room(Tool)

    def enter(self, family: str) -> Mapping[str, str]:
        """Add the tool in the LMS by hand; what the LMS shows then."""
        if family == "canvas":
            given = {"json": requests.get(self.tool.document_url_of(family), timeout=20).text}
        else:
            given = {
                "name": "mentorAI",
                "login_url": self.tool.login_url,
                "redirect_url": self.tool.launch_url,
                "keyset_url": self.tool.keyset_url,
            }
        page = requests.post(f"{self.lms.url}/as/ines/tool/new/", data=given, timeout=20)
        assert page.status_code == 200, page.text
        return dict(re.findall(r"<dt>([^<]+)</dt><dd><code>([^<]+)</code>", page.text)[:7])

    def bring(self, family: str, **given: str) -> Registration:
        """Fill in the steps' form; the registration that comes of it."""
        self.it_person.get(f"/admin/platforms/add/{family}")
        answer = self.it_person.post(f"/admin/platforms/add/{family}", given)
        assert answer.status_code == 303, answer.text
        (made,) = self.registrations()
        return made

    def press(self, path: str, **form: str) -> None:
        """A button on the page of the only registration."""
        (made,) = self.registrations()
        self.it_person.get(f"/admin/platforms/{made.id}/test")
        answer = self.it_person.post(f"/admin/platforms/{made.id}/{path}", form)
        assert answer.status_code == 303, answer.text

    def registrations(self) -> list[Registration]:
        return list(self.tool.registrations.list(self.engine.organizations.get().id))

    def launch(self) -> requests.Response:
        return self.browser.launch(self.lms.url, *ITEM)


@pytest.fixture
def start(data_dir: Path) -> Iterator[Callable[[str], Campus]]:
    """Start the tool and the sandbox as one LMS."""
    with ExitStack() as stack:
        yield lambda family: open_campus(stack, data_dir, family)


def open_campus(stack: ExitStack, data_dir: Path, family: str) -> Campus:
    port, at = free_port(), free_port()
    launches = PERSONALITIES[family].launches
    lms = stack.enter_context(
        running_sandbox(
            f"http://localhost:{port}",
            port=at,
            personality=family,
            issuer_url=launches.issuer,
            portal_url=f"http://localhost:{at}" if launches.portal else "",
        )
    )
    # What the tool keeps in the LMS's pages takes a browser with scripts.
    lms.house.platform.behave({"storage": "none"})
    settings = Settings(
        data_dir=data_dir, public_url=f"http://localhost:{port}", allow_loopback_platforms=True
    )
    plugins = [("lti_launch", lti_launch), ("sandbox", sandbox_plugin), *LMSS.items()]
    engine = Engine.open(settings, plugins=plugins)
    stack.callback(engine.close)
    stack.callback(engine.room(Tool).http.close)
    engine.admins.take_setup_code(engine.admins.issue_setup_code(), EMAIL, PASSWORD)
    app = create_app(engine)
    stack.enter_context(running_app(app, port=port))
    it_person = Visitor(app, binding="")
    it_person.get("/admin/sign-in")
    it_person.post("/admin/sign-in", {"email": EMAIL, "password": PASSWORD})
    for mentor in lms.description["mentors"]:
        seed(engine, mentor)
    return Campus(engine, lms, it_person, stack.enter_context(Browser()))


@pytest.mark.parametrize("family", LMSS)
def test_lms_is_added_by_hand_and_a_student_opens_the_mentor(
    start: Callable[[str], Campus], family: str
) -> None:
    campus = start(family)
    shown = campus.enter(family)

    brought = {field: shown[label] for field, label in BROUGHT[family].items()}
    made = campus.bring(family, choice="own", **brought)
    held = campus.launch()
    campus.press("deployments/decision", decision="approve", deployment_id=shown["Deployment ID"])
    page = campus.launch()

    assert (made.family, made.issuer) == (family, shown["Issuer"])
    assert "deployment_held" in held.text
    assert "/s/" in page.url


def test_canvas_is_added_by_its_link_and_its_first_launch_waits(
    start: Callable[[str], Campus],
) -> None:
    campus = start("canvas")
    organization_id = campus.engine.organizations.get().id
    invited = {"author": "t", "hours": 1, "expected_host": "127.0.0.1"}
    _, token = campus.tool.invitations.issue(organization_id, **invited)  # type: ignore[arg-type]
    link = campus.lms.house.tool_registrations.begin(campus.tool.invitation_url_of(token))

    consent = campus.browser.get(link, headers={"Referer": campus.lms.url})
    done = campus.browser.submit(read_form(consent))
    (made,) = campus.registrations()
    (told,) = campus.lms.house.tool_registrations.list()
    campus.press("status", status="approve")
    campus.lms.house.tool_registrations.activate(made.client_id)
    held = campus.launch()
    campus.press("deployments/decision", decision="approve", deployment_id=told["deployment_id"])
    page = campus.launch()

    assert "Waits for approval" in done.text
    assert (made.family, made.issuer, made.deployment_ids) == ("canvas", campus.lms.url, ())
    own = told["document"]["https://purl.imsglobal.org/spec/lti-tool-configuration"]
    assert own["https://canvas.instructure.com/lti/privacy_level"] == "public"
    assert "course_navigation" in own["messages"][0]["placements"]
    assert "deployment_held" in held.text
    assert "/s/" in page.url
