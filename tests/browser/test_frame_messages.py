"""Messages between frames, where somebody hostile frames the tool, stands beside it or opened it.

The tool is at localhost. The LMS's origin and a hostile one are on 127.0.0.1, with pages made here:
what a page of the LMS may do, an LMS that goes wrong may do too. The browser keeps no cookies, so
that each launch needs the platform's storage.
"""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import pytest
from playwright.sync_api import Browser as Chromium
from playwright.sync_api import BrowserContext, Frame, Page, Route, expect
from sqlalchemy import select

from mentorai.core.sessions import sessions
from mentorai.plugins.sandbox.certification.browser import Browser, Form, read_form
from tests.browser.conftest import ARGUMENTS, BLOCKED, PATIENCE_MS, find_chromium
from tests.fakes.campus import Campus, running_campus
from tests.fakes.platforms import free_port, running_app

LAUNCH = "/as/maya/courses/tidal-pools/items/tides-mentor/launch"
WAIT_MS = 1_500
BUSY_MS = 30_000
# What every page here begins with: it keeps what it hears, and may answer.
EAR = """<!doctype html><meta charset="utf-8"><script>
const heard = [];
let answer = () => {};
addEventListener("message", (event) => {
  heard.push({origin: event.origin, data: event.data});
  answer(event, (fields, subject = event.data.subject) => event.source.postMessage(
    {subject: `${subject}.response`, message_id: event.data.message_id, ...fields}, event.origin));
});
</script>"""
# As hostile as it can be: it is whatever the tool asks for.
EAGER = """<script>
answer = (event, reply) => {
  const capable = ["lti.put_data", "lti.get_data"].map((subject) => ({subject, frame: "_parent"}));
  if (event.data.subject === "lti.capabilities") return reply({supported_messages: capable});
  reply({key: event.data.key, value: "made up"});
};
</script>"""
# The platform's own storage, which the frames of one browser share.
STORAGE = """<script>
answer = (event, reply) => {
  const {subject, key, value} = event.data;
  if (subject === "lti.put_data" && value != null) localStorage.setItem(key, value);
  if (subject === "lti.put_data") return reply({key, value});
  if (subject === "lti.get_data") give(event, reply, {key, value: localStorage.getItem(key)});
};
let give = (event, reply, fields) => reply(fields);
</script>"""


@dataclass
class Pages:
    """An origin whose pages are made here, before those that it has. url: the origin."""

    url: str
    inner: Any = None
    bodies: dict[str, bytes] = field(default_factory=dict)

    def __call__(self, environ: Any, start_response: Any) -> Any:
        body = self.bodies.get(environ["PATH_INFO"])
        if body is None and self.inner is not None:
            return self.inner(environ, start_response)
        status = "404 Not Found" if body is None else "200 OK"
        start_response(status, [("Content-Type", "text/html; charset=utf-8")])
        return [body or b""]

    def put(self, path: str, html: str) -> str:
        """Have a page at this path; its address."""
        self.bodies[path] = (EAR + html).encode()
        return self.url + path


@dataclass
class Stage:
    """A tab, and two origins whose pages are made here: the LMS's and a hostile one."""

    campus: Campus
    page: Page
    lms: Pages
    hostile: Pages

    def begin(self, target: str = "_parent") -> str:
        """The address that begins a launch of the student, as the LMS would have it."""
        with Browser() as browser:
            form = read_form(browser.get(self.lms.url + LAUNCH))
        return f"{form.url}?{urlencode({**form.fields, 'lti_storage_target': target})}"

    def finish(self) -> Form:
        """What the LMS posts at the end of a launch that another browser began."""
        with Browser() as browser:
            login = browser.get(self.begin())
            return read_form(browser.get(read_link(login.text)))

    def open(self, where: Pages, html: str, *, target: str = "_parent") -> Frame:
        """A page that frames a launch; the tool's frame."""
        tool = f'<iframe name="tool" width="900" height="600" src="{escape(self.begin(target))}">'
        self.page.goto(where.put("/stage/", f"{html}{tool}</iframe>"))
        return self.find("tool")

    def be_patient(self) -> None:
        """Have the tool wait for answers as long as a busy machine may need."""

        def serve(route: Route) -> None:
            script = route.fetch().text()
            assert "WAIT_MS = 1500" in script
            patient = script.replace("WAIT_MS = 1500", f"WAIT_MS = {BUSY_MS}")
            route.fulfill(body=patient, content_type="text/javascript")

        self.page.route("**/platform_storage.js", serve)

    def find(self, name: str) -> Frame:
        found = self.page.frame(name=name)
        assert found is not None
        return found

    def ways(self) -> list[str]:
        """How each session came in."""
        with self.campus.engine.database.read() as connection:
            return list(connection.execute(select(sessions.c.way)).scalars())


def escape(text: str) -> str:
    return text.replace("&", "&amp;").replace('"', "&quot;")


def read_link(html: str) -> str:
    """Where the page that stores a proof goes on to."""
    import lxml.html

    return str(lxml.html.fromstring(html).get_element_by_id("storing").get("href"))


def heard(place: Page | Frame) -> list[Mapping[str, Any]]:
    found: list[Mapping[str, Any]] = place.evaluate("heard")
    return found


def wait_to_hear(place: Page, subject: str) -> None:
    place.wait_for_function(
        "(subject) => heard.some((one) => one.data?.subject === subject)", arg=subject
    )


def expect_tab(tool: Frame) -> None:
    """The third way is offered, which is the end of the second."""
    offer = tool.get_by_role("link", name="Open the mentor in a new tab")
    expect(offer).to_be_visible(timeout=BUSY_MS)


def expect_chat(tool: Frame) -> None:
    message = tool.get_by_role("textbox", name="Your message")
    expect(message).to_be_visible(timeout=BUSY_MS)


@pytest.fixture(scope="module")
def campus(tmp_path_factory: pytest.TempPathFactory, seeded: Path) -> Iterator[Campus]:
    with running_campus(tmp_path_factory.mktemp("data"), seeded) as campus:
        yield campus


@pytest.fixture(scope="module")
def blocked(
    chromium: Chromium, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[BrowserContext]:
    folder = tmp_path_factory.mktemp("profile")
    (folder / "Default").mkdir()
    preferences = {"profile": {"content_settings": {"exceptions": BLOCKED}}}
    (folder / "Default" / "Preferences").write_text(json.dumps(preferences))
    context = chromium.browser_type.launch_persistent_context(
        folder, executable_path=find_chromium(), args=ARGUMENTS
    )
    context.set_default_timeout(PATIENCE_MS)
    yield context
    context.close()


@pytest.fixture(scope="module")
def lms(campus: Campus) -> Pages:
    server = campus.sandbox.server
    server.app = pages = Pages(campus.sandbox.url, server.app)
    return pages


@pytest.fixture(scope="module")
def hostile() -> Iterator[Pages]:
    pages, port = Pages(""), free_port()
    with running_app(pages, port=port):
        pages.url = f"http://127.0.0.1:{port}"
        yield pages


@pytest.fixture
def stage(campus: Campus, blocked: BrowserContext, lms: Pages, hostile: Pages) -> Iterator[Stage]:
    with campus.engine.database.write() as connection:
        connection.execute(sessions.delete())
    page, faults = blocked.new_page(), []
    page.on("pageerror", lambda error: faults.append(str(error)))
    yield Stage(campus, page, lms, hostile)
    page.close()
    for other in blocked.pages:
        other.close()
    assert faults == []


def check_nothing_told(messages: list[Mapping[str, Any]]) -> None:
    """Only the one question that may go to anybody was heard, and there is nothing in it."""
    assert messages
    for each in messages:
        assert each["data"]["subject"] == "lti.capabilities"
        assert set(each["data"]) == {"subject", "message_id"}


@pytest.mark.parametrize("target", ["_parent", "tool", "storage"])
def test_login_tells_nothing_to_a_hostile_page_that_frames_it(stage: Stage, target: str) -> None:
    stage.open(stage.hostile, EAGER, target=target)

    # On to the platform, whose page does not let itself be framed there.
    stage.page.wait_for_event("framenavigated", lambda f: f.url.startswith("chrome-error:"))

    check_nothing_told(heard(stage.page))


def test_login_tells_nothing_to_a_hostile_page_that_opened_it(stage: Stage) -> None:
    stage.page.goto(stage.hostile.put("/opener", EAGER))
    with stage.page.expect_popup() as opened:
        stage.page.evaluate("(url) => { open(url, 'tool'); }", stage.begin())

    expect_tab(opened.value.main_frame)

    check_nothing_told(heard(stage.page))
    assert stage.ways() == ["new_tab"]


def test_launch_tells_nothing_to_a_hostile_page_that_frames_it(stage: Stage) -> None:
    form = stage.finish()
    fields = "".join(
        f'<input name="{name}" value="{escape(value)}">' for name, value in form.fields.items()
    )
    post = (
        f'<iframe name="tool"></iframe><form method="post" action="{form.url}" target="tool">'
        f"{fields}</form><script>document.forms[0].submit()</script>"
    )
    stage.page.goto(stage.hostile.put("/stage", EAGER + post))

    # The offer stands in the page before the script that asks is there, too.
    stage.page.wait_for_function("heard.length > 0")
    expect_tab(stage.find("tool"))

    check_nothing_told(heard(stage.page))
    assert stage.ways() == ["new_tab"]


def test_frame_of_another_origin_that_has_the_name_of_the_storage_hears_nothing(
    stage: Stage,
) -> None:
    url = stage.hostile.put("/frame", EAGER)

    tool = stage.open(
        stage.lms,
        f'<iframe name="platform_storage" src="{url}"></iframe><script>'
        "answer = (event, reply) => reply({supported_messages: ['put_data', 'get_data'].map("
        "(name) => ({subject: `lti.${name}`, frame: 'platform_storage'}))});</script>",
        target="platform_storage",
    )

    expect_tab(tool)
    assert heard(stage.find("platform_storage")) == []
    check_nothing_told(heard(stage.page))


def test_answer_counts_from_the_frame_that_was_asked_alone(stage: Stage) -> None:
    stage.be_patient()
    # The storage betrays the number of the question to the page around it, which is of the right
    # origin, and to a hostile frame beside it; both answer first.
    betray = """<script>
    give = (event, reply, fields) => {
      for (const other of [parent, parent.frames.hostile])
        other.postMessage({betrayed: event.data}, "*");
      setTimeout(() => reply(fields), 400);
    };</script>"""
    forge = """<script>
    const found = () => parent.frames.tool ?? frames.tool;
    answer = ({data}) => data.betrayed && found().postMessage({
      subject: "lti.get_data.response", message_id: data.betrayed.message_id,
      key: data.betrayed.key, value: "made up"}, "*");
    </script>"""
    storage = stage.lms.put("/stage/storage", STORAGE + betray)
    hostile = stage.hostile.put("/frame", forge)

    tool = stage.open(
        stage.lms,
        f'{forge}<iframe name="platform_storage" src="{storage}"></iframe>'
        f'<iframe name="hostile" src="{hostile}"></iframe>',
        target="platform_storage",
    )

    expect_chat(tool)
    assert any("betrayed" in each["data"] for each in heard(stage.find("hostile")))
    assert stage.ways() == ["storage"]


def test_malformed_answers_are_passed_over(stage: Stage) -> None:
    stage.be_patient()
    junk = """<script>
    give = (event, reply, fields) => {
      const id = event.data.message_id, subject = "lti.get_data.response", value = "made up";
      const bad = [null, 5, "text", [], {}, {subject: null}, {subject, value}, true, 10n,
        {subject, message_id: `${id}x`, value}, {subject, message_id: [id], value},
        {subject: "lti.put_data.response", message_id: id, value}, {subject, message_id: null},
        {subject: [subject], message_id: id, value}, {message_id: id, value},
        {subject, message_id: "x", value: "x".repeat(5e6)}, new Map([["subject", subject]])];
      for (const each of bad) event.source.postMessage(each, event.origin);
      reply(fields, "org.imsglobal.lti.get_data");
    };</script>"""

    tool = stage.open(stage.lms, STORAGE + junk)

    expect_chat(tool)
    assert stage.ways() == ["storage"]


@pytest.mark.parametrize(
    "fields",
    [
        "{value: null}",
        "{value: {toString: 'x'}}",
        "{value: [value]}",
        "{value: 'x'.repeat(3e6)}",
        "{value: value + 'x'}",
        "{value, error: {code: 'unauthorized'}}",
    ],
)
def test_storage_that_gives_another_value_opens_nothing(stage: Stage, fields: str) -> None:
    wrong = f"<script>give = (event, reply, {{value}}) => reply({fields});</script>"

    tool = stage.open(stage.lms, STORAGE + wrong)

    expect_tab(tool)
    assert stage.ways() == ["new_tab"]


@pytest.mark.parametrize(
    "supported",
    [
        "null",
        "'lti.get_data'",
        "[null, 5, {}, {subject: null}]",
        "Array(1e4).fill({subject: 'lti.get_data', frame: {name: 1}})",
        "[{subject: 'lti.get_data', frame: 'location'}, {subject: 'lti.put_data', frame: 'close'}]",
        "[{subject: 'lti.get_data', frame: 0}, {subject: 'lti.put_data', frame: ['tool']}]",
    ],
)
def test_capabilities_that_make_no_sense_are_passed_over(stage: Stage, supported: str) -> None:
    stage.be_patient()
    odd = (
        "<script>const store = answer; answer = (event, reply) => "
        f"event.data.subject === 'lti.capabilities' ? reply({{supported_messages: {supported}}})"
        " : store(event, reply);</script>"
    )

    tool = stage.open(stage.lms, STORAGE + odd)

    expect_chat(tool)
    assert stage.ways() == ["storage"]


def test_answer_that_comes_too_late_changes_nothing(stage: Stage) -> None:
    late = f"""<script>
    give = (event, reply, fields) => setTimeout(() => {{ reply(fields); heard.push("late"); }},
      {WAIT_MS + 500});
    </script>"""

    tool = stage.open(stage.lms, STORAGE + late)

    expect_tab(tool)
    for _ in range(100):
        if "late" in heard(stage.page):
            break
        stage.page.wait_for_timeout(50)
    stage.page.wait_for_timeout(300)
    expect_tab(tool)
    assert stage.ways() == ["new_tab"]


def test_tab_is_offered_when_the_tool_does_not_answer_the_frame(stage: Stage) -> None:
    stage.be_patient()
    stage.page.route("**/lti/resume", lambda _: None)

    tool = stage.open(stage.lms, STORAGE)

    expect_tab(tool)
    assert stage.ways() == ["new_tab"]


def test_page_of_a_session_asks_for_no_height_that_a_stranger_names(stage: Stage) -> None:
    stage.be_patient()
    shout = """<script>
    setInterval(() => parent.frames.tool.postMessage(
      {subject: "lti.fetchWindowSize.response", height: 1100}, "*"), 50);
    </script>"""
    hostile = stage.hostile.put("/frame", shout)

    tool = stage.open(stage.lms, f'{STORAGE}<iframe name="hostile" src="{hostile}"></iframe>')
    expect_chat(tool)
    wait_to_hear(stage.page, "lti.fetchWindowSize")
    # Time for what is shouted to be taken, if it were.
    stage.page.wait_for_timeout(500)

    subjects = [each["data"]["subject"] for each in heard(stage.page)]
    assert "lti.frameResize" not in subjects
    assert heard(stage.find("hostile")) == []


def test_page_of_a_session_bears_a_window_of_any_size(stage: Stage) -> None:
    stage.be_patient()
    odd = """<script>
    const store = answer;
    const sizes = [{height: 10n}, {height: NaN}, {height: -5}, {height: "900px"}, {height: [9]},
      {height: 1e300}, {height: Infinity}, {height: 900, offset: {top: 10n}}, {},
      {height: 900, offset: {top: -1e300}, footer: 10n}, {height: 900, offset: null, footer: {}}];
    answer = (event, reply) => {
      if (event.data.subject !== "lti.fetchWindowSize") return store(event, reply);
      for (const size of sizes) reply(size);
      heard.push("sized");
    };</script>"""

    tool = stage.open(stage.lms, STORAGE + odd)
    expect_chat(tool)
    wait_to_hear(stage.page, "lti.frameResize")
    stage.page.wait_for_timeout(500)

    told = [each["data"] for each in heard(stage.page) if each != "sized"]
    heights = [data["height"] for data in told if data["subject"] == "lti.frameResize"]
    assert all(480 <= height <= 1_200 for height in heights)


def test_page_of_a_session_tells_its_platform_no_secret(stage: Stage) -> None:
    stage.be_patient()
    tool = stage.open(stage.lms, STORAGE)
    expect_chat(tool)
    stage.page.wait_for_timeout(300)

    told = [each for each in heard(stage.page) if not each["data"]["subject"].endswith("_data")]
    assert {each["data"]["subject"] for each in told} <= {
        "lti.capabilities",
        "lti.fetchWindowSize",
        "lti.frameResize",
        "lti.scrollToTop",
        "mentorai.title",
    }
    assert {each["origin"] for each in told} == {stage.campus.url}
    assert "code=" not in json.dumps(told)
    assert {name for each in told for name in each["data"]} <= {
        "subject",
        "message_id",
        "height",
        "title",
    }


def test_hostile_page_hears_nothing_from_the_address_of_a_session(stage: Stage) -> None:
    stage.be_patient()
    tool = stage.open(stage.lms, STORAGE)
    expect_chat(tool)
    frame = f'<iframe name="tool" src="{escape(tool.url)}"></iframe>'

    stage.page.goto(stage.hostile.put("/framer", EAGER + frame))

    page = stage.find("tool").locator("body")
    expect(page).to_contain_text("session_", timeout=BUSY_MS)
    expect(page).not_to_contain_text("Maya")
    assert heard(stage.page) == []
