"""What people see of the sandbox, what it keeps, and its command."""

import json
from collections.abc import Iterator
from pathlib import Path

import click
import pytest
from click.testing import CliRunner

from mentorai.core.questions import read_draft
from mentorai.plugins import sandbox as plugin
from mentorai.plugins.sandbox.command_line import sandbox as command
from mentorai.plugins.sandbox.school import MATERIAL, read_mentors
from mentorai.web.commands import main
from tests.fakes.browserless import launch
from tests.fakes.platforms import free_port, running_app, running_sandbox
from tests.fakes.sandbox_client import SandboxClient, sandbox_client
from tests.fakes.toy_tool import ToyTool

COURSE = "/as/{}/courses/tidal-pools"


@pytest.fixture
def sandbox() -> Iterator[SandboxClient]:
    with sandbox_client() as client:
        yield client


def test_start_page_names_everybody(sandbox: SandboxClient) -> None:
    page = sandbox.get("/").text

    assert all(f'href="/as/{person}/"' in page for person in sandbox.subs)


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("/as/nobody/", 404),
        ("/as/maya/courses/nowhere/", 404),
        ("/as/maya/courses/tidal-pools/items/nothing/", 404),
        ("/as/tomas/courses/sourdough/", 403),
        ("/as/maya/courses/tidal-pools/add/", 403),
    ],
)
def test_closed_door_says_so(sandbox: SandboxClient, path: str, status: int) -> None:
    page = sandbox.get(path)

    assert page.status_code == status
    assert "This did not work" in page.text


def test_frame_has_a_title_and_lets_the_tool_copy(sandbox: SandboxClient) -> None:
    page = sandbox.get(COURSE.format("maya") + "/items/shore-quiz/").text

    assert 'title="Quiz 1: Tides and zones"' in page
    assert "clipboard-write http://localhost:8000" in page
    assert 'data-origin="http://localhost:8000"' in page


def test_student_sees_their_own_grades_only(sandbox: SandboxClient) -> None:
    bearer = sandbox.bearer()
    sandbox.push(bearer, "maya", comment="For Maya.")
    sandbox.push(bearer, "tomas", scoreGiven=3, comment="For Tomás.")

    page = sandbox.get(COURSE.format("maya") + "/grades/").text

    assert "For Maya." in page
    assert "For Tomás." not in page


def test_staff_see_all_grades(sandbox: SandboxClient) -> None:
    sandbox.push(sandbox.bearer(), "private", scoreGiven=6.5, comment="<b>x</b>")

    page = sandbox.get(COURSE.format("jonas") + "/grades/").text

    assert "<strong>6.5</strong> / 10" in page
    assert "Student without a name" in page
    assert "&lt;b&gt;x&lt;/b&gt;" in page


def test_item_that_came_with_the_course_stays(sandbox: SandboxClient) -> None:
    answer = sandbox.post(COURSE.format("ruth") + "/items/shore-quiz/remove")

    assert answer.status_code == 403


def test_pages_allow_no_inline_script_and_no_foreign_frame(sandbox: SandboxClient) -> None:
    policy = sandbox.get("/").headers["Content-Security-Policy"]

    assert "default-src 'none'" in policy
    assert "frame-src 'self' http://localhost:8000" in policy
    assert "unsafe-inline" not in policy


def test_foreign_host_name_is_refused(sandbox: SandboxClient) -> None:
    assert sandbox.client.get("/", base_url="http://evil.example").status_code == 400


def test_page_that_is_too_large_is_refused(sandbox: SandboxClient) -> None:
    answer = sandbox.push_raw(sandbox.bearer(), "x" * 2_100_000)

    assert answer.status_code == 413


def test_gradebook_and_keys_outlive_the_process(tmp_path: Path) -> None:
    path = tmp_path / "sandbox.sqlite3"
    with sandbox_client(state_path=path) as first:
        first.push(first.bearer())
        kid = first.platform.keys.kid

    with sandbox_client(state_path=path) as second:
        assert second.platform.keys.kid == kid
        assert [score["body"]["scoreGiven"] for score in second.platform.scores] == [8]
        assert len(second.platform.shelf.list("line_item")) == 1
        assert second.push(second.bearer()).status_code == 409


def test_file_is_for_its_owner_alone(tmp_path: Path) -> None:
    path = tmp_path / "sandbox.sqlite3"
    with sandbox_client(state_path=path):
        assert path.stat().st_mode & 0o777 == 0o600


def test_two_sandboxes_share_nothing() -> None:
    with sandbox_client() as first, sandbox_client() as second:
        first.push(first.bearer())

        assert second.platform.scores == []
        assert first.platform.keys.kid != second.platform.keys.kid


def test_whole_launch_works_over_real_ports() -> None:
    tool = ToyTool()
    with running_app(tool.app) as tool_url, running_sandbox(tool_url) as sandbox:
        tool.description = sandbox.description

        browser, page = launch(sandbox.url, "tomas")

        with browser:
            assert page.json()["claims"]["name"] == "Tomás Ōta-Ferreira"
            assert page.json()["cookies"] == {"toy": "1"}
            assert page.json()["state"] == "the state"


def test_description_registers_and_seeds() -> None:
    runner = CliRunner()

    printed = runner.invoke(command, ["describe", "--port", "9001"]).output

    described = json.loads(printed)
    assert described["platform"]["issuer"] == "http://127.0.0.1:9001"
    assert described["platform"]["keyset_url"] == "http://127.0.0.1:9001/lti/jwks.json"
    assert [mentor["slug"] for mentor in described["mentors"]] == ["tidal-pools", "sourdough"]
    assert described["people"][0]["url"] == "http://127.0.0.1:9001/as/maya/"


def test_description_is_given_to_callers_in_the_same_process() -> None:
    describe = command.commands["describe"]

    described = describe.main(["--silent"], standalone_mode=False)

    assert described["tool"]["login_url"] == "http://localhost:8000/lti/login"


@pytest.mark.parametrize("url", ["localhost:8000", "ftp://x", "http://x/path"])
def test_wrong_address_names_its_option(url: str) -> None:
    answer = CliRunner().invoke(command, ["describe", "--tool-url", url])

    assert answer.exit_code == 2
    assert "--tool-url" in answer.output


def test_taken_port_is_named(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("MENTORAI_DATA_DIR", str(tmp_path))
    with running_sandbox(port=free_port()) as sandbox:
        port = sandbox.url.rpartition(":")[2]

        answer = CliRunner().invoke(main, ["sandbox", "serve", "--port", port])

    assert answer.exit_code == 1
    assert answer.stderr.startswith(f"mentorai: Port {port} on 127.0.0.1 cannot be used")


def test_plugin_gives_one_command_group() -> None:
    (group,) = plugin.commands()

    assert isinstance(group, click.Group)
    assert sorted(group.commands) == ["describe", "serve"]


def test_plugin_knows_its_own_launches_only() -> None:
    assert plugin.recognise_platform("mentorai-sandbox") == "sandbox"
    assert plugin.recognise_platform("moodle") is None
    assert plugin.platform_profile().family == "sandbox"


def test_material_is_all_there_and_all_used() -> None:
    named = {document["path"] for mentor in read_mentors() for document in mentor["documents"]}

    assert named == {str(path) for path in MATERIAL.glob("*.md")}


def test_quizzes_fit_the_tool_and_cover_every_kind() -> None:
    drafts = [read_draft(quiz["quiz"]) for mentor in read_mentors() for quiz in mentor["quizzes"]]

    kinds = {question.kind for draft in drafts for question in draft.questions}
    assert kinds == {"choice", "choices", "true_false", "number", "text"}
    assert [sum(q.points for q in draft.questions) for draft in drafts] == [10, 10]


def test_links_name_quizzes_that_exist(sandbox: SandboxClient) -> None:
    known = {quiz["id"] for mentor in read_mentors() for quiz in mentor["quizzes"]}
    items = [item for course in sandbox.tool.description["courses"] for item in course["items"]]

    assert {item["custom"]["quiz"] for item in items if "quiz" in item["custom"]} == known
