"""`mentorai plugins`: what is installed, why one is left out, and how one is tried."""

import json
import os
import re
from collections.abc import Callable
from importlib.metadata import EntryPoint, EntryPoints
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from mentorai.core import hookimpl, installed_plugins
from mentorai.web.commands import main

Run = Callable[..., Result]


class Misspelt:
    @hookimpl
    def judge_lunch(self) -> None: ...


@pytest.fixture
def mentorai(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Run:
    """Run a command on an installation of its own."""
    for name in list(os.environ):
        if name.startswith("MENTORAI_"):
            monkeypatch.delenv(name)
    monkeypatch.setenv("MENTORAI_DATA_DIR", str(tmp_path / "data"))
    return lambda *arguments: CliRunner().invoke(main, arguments)


def test_plugins_without_a_command_are_listed(mentorai: Run) -> None:
    assert mentorai("plugins").output == mentorai("plugins", "list").output


def test_plugin_that_is_left_out_is_listed_with_the_reason(
    mentorai: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    group = installed_plugins.ENTRY_POINTS
    entries = [EntryPoint("broken", "no.such.module", group), EntryPoint("idle", "json", group)]
    monkeypatch.setattr("importlib.metadata.entry_points", lambda **_: EntryPoints(entries))

    done = mentorai("plugins")

    assert done.exit_code == 0
    assert re.search(r"^broken .*left out, .*No module named 'no'", done.output, re.MULTILINE)
    assert re.search(r"^idle .*none: is @hookimpl forgotten", done.output, re.MULTILINE)


def test_plugin_that_does_not_fit_is_listed_with_the_reason(
    mentorai: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    entry = EntryPoint("odd", "odd_plugin", installed_plugins.ENTRY_POINTS)
    monkeypatch.setattr("importlib.metadata.entry_points", lambda **_: EntryPoints([entry]))
    monkeypatch.setattr(EntryPoint, "load", lambda _entry: Misspelt())

    done = mentorai("plugins")

    assert done.exit_code == 1
    assert re.search(r"^odd .*stops the start: A plugin misspells", done.output, re.MULTILINE)


class TestPluginsTest:
    def test_says_case_by_case_what_was_seen(self, mentorai: Run, tmp_path: Path) -> None:
        report = tmp_path / "report.json"

        done = mentorai("plugins", "test", "sakai", "--only", "load,profile", "--json", str(report))

        assert done.exit_code == 0
        assert re.search(r"^pass +profile.whole .*\n +Sakai, family sakai", done.output, re.M)
        assert "5 cases in" in done.output
        written = json.loads(report.read_text("utf-8"))
        assert (written["plugin"], written["passed"], written["failed"]) == ("sakai", 5, 0)

    def test_fails_with_what_helps_to_mend_it(self, mentorai: Run, tmp_path: Path) -> None:
        claims = tmp_path / "claims.json"
        claims.write_text('{"tool_platform": {"product_family_code": "something-else"}}')

        done = mentorai(
            "plugins", "test", "sakai", "--only", "recognise.own", "--claims", str(claims)
        )

        assert done.exit_code == 1
        assert "FAIL        recognise.own" in done.output
        for label in ("asked", "expected", "seen      'something-else' is None", "read"):
            assert f"            {label}" in done.output

    @pytest.mark.parametrize(
        ("arguments", "says"),
        [
            (["nowhere"], "no plugin nowhere is installed; there are lti_launch, "),
            (["sakai", "--only", "score.nothing"], "there is no case 'score.nothing'"),
            (["sakai", "--claims", __file__], "it is not JSON"),
        ],
    )
    def test_says_what_it_cannot_do(self, mentorai: Run, arguments: list[str], says: str) -> None:
        done = mentorai("plugins", "test", *arguments)

        assert done.exit_code == 2
        assert says in " ".join(done.stderr.replace("\n", " ").split())

    def test_lists_its_cases(self, mentorai: Run) -> None:
        assert re.search(r"^score.taken  ", mentorai("plugins", "test", "x", "--list").output, re.M)
