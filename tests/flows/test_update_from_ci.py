"""The pipeline of docs/how-to-update-a-mentor-from-ci.md, run as a pipeline runs it."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from mentorai.core.engine import Engine
from mentorai.core.mentors import Mentor
from mentorai.core.scopes import TEMPLATES

SCRIPT = Path(__file__).parents[2] / "docs" / "examples" / "update_mentor.py"
LIMPETS = "# Limpets\n\nA limpet returns to its own scar.\n"
LONG = "# Whelks\n\n" + "A whelk drills through the shell of a limpet. " * 2_500


class Pipeline:
    """A checkout with a course in it, and the job that brings it to the mentor."""

    def __init__(self, folder: Path, url: str, key: str) -> None:
        self.folder = folder
        self._environment = {"MENTORAI_URL": url, "MENTORAI_API_KEY": key}
        (folder / "course" / "week-2").mkdir(parents=True)
        (folder / "course" / "limpets.md").write_text(LIMPETS)
        (folder / "course" / "week-2" / "whelks.md").write_text(LONG)
        (folder / "prompt.md").write_text("Answer in one sentence.")

    def run(self, expect: str) -> subprocess.CompletedProcess[str]:
        questions = [{"question": "Where does a limpet return to?", "expect": expect}]
        (self.folder / "questions.json").write_text(json.dumps(questions))
        arguments = ["course", "--questions", "questions.json", "--prompt", "prompt.md"]
        return subprocess.run(
            [sys.executable, str(SCRIPT), *arguments],
            cwd=self.folder,
            env=self._environment,
            capture_output=True,
            text=True,
            timeout=120,
        )


@pytest.fixture
def pipeline(engine: Engine, mentor: Mentor, served: str, tmp_path: Path) -> Pipeline:
    key = engine.keys.issue(
        mentor.organization_id,
        mentor.id,
        name="CI",
        scopes=TEMPLATES["Manage content"],
        expires_at=None,
        author="test",
    )
    return Pipeline(tmp_path, served, key.text)


def test_pipeline_sends_waits_and_checks_and_changes_nothing_when_repeated(
    engine: Engine, mentor: Mentor, pipeline: Pipeline
):
    first = pipeline.run("its own scar")
    second = pipeline.run("its own scar")

    place = (mentor.organization_id, mentor.id)
    assert (first.returncode, first.stderr) == (0, "")
    assert "week-2/whelks.md: pending" in first.stdout
    assert "limpets.md: unchanged\nweek-2/whelks.md: unchanged" in second.stdout
    assert [each.training_status for each in engine.datasets.list(*place)] == ["trained"] * 2
    assert engine.mentors.get(*place).prompt_version == 2


def test_pipeline_puts_the_former_prompt_back_when_a_question_finds_the_wrong_passage(
    engine: Engine, mentor: Mentor, pipeline: Pipeline
):
    failed = pipeline.run("a holdfast")

    after = engine.mentors.get(mentor.organization_id, mentor.id)
    assert failed.returncode == 1
    assert "does not find “a holdfast”" in failed.stderr
    assert after.system_prompt == mentor.system_prompt
    assert after.prompt_version == 3
