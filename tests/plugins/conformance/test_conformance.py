"""Every plugin of ours holds to every case, and a case finds what it is there to find."""

import json
import shutil
from collections.abc import Callable, Mapping, Sequence
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest

from mentorai.core.engine import Engine
from mentorai.core.installed_plugins import InstalledPlugin
from mentorai.core.settings import Settings
from mentorai.lti import platform_http
from mentorai.lti.tool import Tool
from mentorai.plugins.sandbox.certification.report import FAILED, PASSED, Outcome
from mentorai.plugins.sandbox.conformance import bench
from mentorai.plugins.sandbox.conformance.catalogue import CASES
from mentorai.plugins.sandbox.conformance.report import try_plugin, write_case
from tests.plugins.conformance.broken_plugins import BROKEN, CLAIMS, Quad

ROOT = Path(__file__).parents[3]
# lti_launch first, as it is registered.
NAMES = sorted(
    (path.parent.name for path in (ROOT / "plugins").glob("*/__init__.py")),
    key=lambda name: (name != "lti_launch", name),
)
BUILT_IN: Sequence[tuple[str, object]] = [
    (name, import_module(f"mentorai.plugins.{name}")) for name in NAMES
]
EXAMPLE = ROOT / "docs" / "examples" / "lyceum-lms-plugin"
# What is slow by its nature: an LMS that says nothing, and ten thousand members.
SLOW = ("refusal.silence", "roster.huge")
# Enough of the others for what shows over a whole run.
RARE = ("launch.same", "score.taken", "judge.turn", "frame.origins")
SECTIONS = ("sections.named", "sections.broken")
Try = Callable[..., Sequence[Outcome]]


@pytest.fixture(scope="session")
def furnished(tables: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A data directory with its tables and its key, which takes longer than most cases."""
    folder = tmp_path_factory.mktemp("furnished")
    shutil.copyfile(tables, folder / tables.name)
    engine = Engine.open(Settings(data_dir=folder), plugins=[])
    engine.room(Tool).tool_keys.read_keyset()
    engine.close()
    return folder


@pytest.fixture
def data_dir(furnished: Path, tmp_path: Path) -> Path:
    return shutil.copytree(furnished, tmp_path / "data")


@pytest.fixture
def kit(data_dir: Path, monkeypatch: pytest.MonkeyPatch) -> Try:
    """Tries a plugin as the command does; an LMS that says nothing is given up sooner."""
    monkeypatch.setattr(platform_http, "READ_SECONDS", 1.0)
    monkeypatch.setattr(bench, "QUICK_SECONDS", 1.0)

    def run(
        name: str, plugin: object, only: Sequence[str] = (), claims: Mapping[str, Any] = {}
    ) -> Sequence[Outcome]:
        chosen = [case for case in CASES if not only or case.id in only]
        found = InstalledPlugin(name, "a test", plugin)
        installed = [InstalledPlugin(n, "ours", p) for n, p in BUILT_IN if n != name] + [found]
        return list(try_plugin(chosen, found, installed, data_dir, claims, installed=False))

    return run


@pytest.mark.parametrize(("name", "plugin"), BUILT_IN, ids=[name for name, _ in BUILT_IN])
def test_built_in_plugin_passes_every_case_that_applies(
    name: str, plugin: object, kit: Try
) -> None:
    outcomes = kit(name, plugin)

    failed = [write_case(each) for each in outcomes if each.result == FAILED]
    assert not failed, "\n".join(failed)
    assert len(outcomes) == len(CASES)
    # Where the sandbox speaks the LMS's own API, that is tried in earnest.
    sections = {each.case.id: each.result for each in outcomes if each.case.id in SECTIONS}
    if name in ("canvas", "moodle", "blackboard"):
        assert sections == dict.fromkeys(SECTIONS, PASSED)


def test_plugin_with_nothing_wrong_passes(kit: Try) -> None:
    usual = [case.id for case in CASES if case.id not in SLOW]

    outcomes = kit("quad", Quad(), usual, CLAIMS)

    failed = [write_case(each) for each in outcomes if each.result == FAILED]
    assert not failed, "\n".join(failed)


def test_example_of_a_third_party_passes(kit: Try, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(EXAMPLE / "src"))
    claims = json.loads((EXAMPLE / "tests" / "launch.json").read_text("utf-8"))

    outcomes = kit("lyceum", import_module("lyceum_lms"), claims=claims)

    failed = [write_case(each) for each in outcomes if each.result == FAILED]
    assert not failed, "\n".join(failed)
    tried = {each.case.id for each in outcomes if each.result == PASSED}
    assert {"score.taken", "roster.whole", "launch.hostile", "pages.own"} <= tried


@pytest.mark.parametrize(
    ("make", "case_ids"), BROKEN, ids=[getattr(make, "__name__", "") for make, _ in BROKEN]
)
def test_broken_plugin_fails_exactly_the_cases_that_look_for_it(
    make: Callable[[], object], case_ids: str, kit: Try
) -> None:
    subjects = {case_id.partition(".")[0] for case_id in case_ids.split()} | {"load", "run"}
    only = [
        case.id
        for case in CASES
        if case.id in case_ids
        or (case.id not in SLOW and case.id.partition(".")[0] in subjects)
        or (case.id in RARE and case_ids.startswith("run"))
    ]

    outcomes = kit("quad", make(), only=only, claims=CLAIMS)

    failed = [write_case(each) for each in outcomes if each.result == FAILED]
    assert [each.case.id for each in outcomes if each.result == FAILED] == case_ids.split(), failed
