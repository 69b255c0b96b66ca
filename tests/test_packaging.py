"""What is installed is what is here: packages, data files, entry points, links for the checkers."""

import configparser
import fnmatch
import re
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
FOLDERS = ("core", "lti", "plugins", "web")


@pytest.fixture(scope="module")
def metadata() -> configparser.ConfigParser:
    parser = configparser.ConfigParser()
    parser.read(ROOT / "setup.cfg", encoding="utf-8")
    return parser


def _lines(text: str) -> list[str]:
    return [line.strip() for line in text.splitlines() if line.strip()]


def _tracked() -> list[str]:
    """The files of the packages, as git knows them or would."""
    command = ["git", "ls-files", "--cached", "--others", "--exclude-standard", "--", *FOLDERS]
    try:
        done = subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True)
    except (OSError, subprocess.CalledProcessError):
        pytest.skip("not a git checkout")
    return [name for name in done.stdout.splitlines() if (ROOT / name).is_file()]


def test_every_package_is_in_the_hand_written_list(metadata: configparser.ConfigParser) -> None:
    listed = _lines(metadata["options"]["packages"])
    found = {
        "mentorai." + ".".join(path.parent.relative_to(ROOT).parts)
        for folder in FOLDERS
        for path in (ROOT / folder).rglob("*.py")
    }

    assert listed == sorted(found)


def test_apostrophes_that_people_read_are_straight() -> None:
    """Some pages had one kind and some the other. What reads people's own words knows both."""
    read = {"core/quoting.py", "core/sentences.py"}
    pages = [n for n in _tracked() if n.endswith((".html", ".py", ".js")) and n not in read]

    assert [name for name in pages if "’" in (ROOT / name).read_text("utf-8")] == []


def test_every_package_has_an_init_file() -> None:
    folders = {path.parent for folder in FOLDERS for path in (ROOT / folder).rglob("*.py")}

    assert [folder for folder in folders if not (folder / "__init__.py").is_file()] == []


def test_every_data_file_is_named_by_package_data(metadata: configparser.ConfigParser) -> None:
    patterns = [
        f"{package.removeprefix('mentorai.').replace('.', '/')}/{pattern}"
        for package, names in metadata["options.package_data"].items()
        for pattern in re.split(r"[,\n]\s*", names.strip())
    ]

    forgotten = [
        name
        for name in _tracked()
        if not name.endswith(".py") and not any(_matches(name, each) for each in patterns)
    ]

    assert forgotten == []


def _matches(name: str, pattern: str) -> bool:
    parts, wanted = name.split("/"), pattern.split("/")
    return len(parts) == len(wanted) and all(map(fnmatch.fnmatch, parts, wanted))


@pytest.mark.parametrize("section", ["console_scripts", "mentorai.plugins", "mentorai.commands"])
def test_entry_points_lead_somewhere(metadata: configparser.ConfigParser, section: str) -> None:
    for line in _lines(metadata["options.entry_points"].get(section, "")):
        module = line.partition("=")[2].strip().partition(":")[0]
        path = ROOT.joinpath(*module.split(".")[1:])
        assert path.with_suffix(".py").is_file() or (path / "__init__.py").is_file(), line


def test_every_built_in_plugin_is_an_entry_point(metadata: configparser.ConfigParser) -> None:
    named = _lines(metadata["options.entry_points"]["mentorai.plugins"])

    assert [line.partition("=")[0].strip() for line in named] == sorted(
        path.parent.name for path in (ROOT / "plugins").glob("*/__init__.py")
    )


def test_namespace_has_no_init_file_of_its_own() -> None:
    assert not (ROOT / "__init__.py").exists()


@pytest.mark.parametrize("folder", FOLDERS)
def test_checkers_find_each_folder_by_its_import_name(folder: str) -> None:
    link = ROOT / ".typing" / "mentorai" / folder

    assert link.is_symlink()
    assert link.readlink() == Path("..", "..", folder)


@pytest.mark.parametrize("folder", FOLDERS)
def test_every_folder_says_that_it_is_typed(folder: str) -> None:
    assert (ROOT / folder / "py.typed").is_file()


def test_no_module_is_called_by_what_it_is_not_about() -> None:
    vague = {"utils", "helpers", "misc", "common", "service"}

    assert [name for name in _tracked() if Path(name).stem in vague] == []
