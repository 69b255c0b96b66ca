"""The documents say what is so: every hook, setting, error code and command is in them."""

import ast
import inspect
import re
from dataclasses import MISSING, fields, is_dataclass
from pathlib import Path
from types import ModuleType
from typing import get_args

import click
import pytest
from annotated_types import Ge, Le
from pydantic.fields import FieldInfo

from mentorai.core import errors, hookimpl, hookspecs, values
from mentorai.core.errors import MentorAIError
from mentorai.core.explanations import EXPLANATIONS, SCREENS
from mentorai.core.grade_advice import ADVICE
from mentorai.core.plugin_manager import Plugins
from mentorai.core.scopes import PROVISIONING_SCOPES, SCOPES
from mentorai.core.settings import Settings
from mentorai.web.commands import BUILT_IN, main
from mentorai.web.errors import CODES, STATUSES

ROOT = Path(__file__).parents[1]
DOCS = ROOT / "docs"


def _read_signatures() -> dict[str, str]:
    """Each hook's name and its signature as its author wrote it."""
    found = {}
    for node in ast.parse(inspect.getsource(hookspecs)).body:
        if isinstance(node, ast.FunctionDef):
            assert node.returns is not None
            arguments = ", ".join(
                f"{argument.arg}: {ast.unparse(argument.annotation)}"
                for argument in node.args.args
                if argument.annotation
            )
            text = f"{node.name}({arguments}) -> {ast.unparse(node.returns)}"
            found[node.name] = text.replace("'", "")
    return found


SIGNATURES = _read_signatures()
HOOKS_PAGE = (DOCS / "hooks.md").read_text("utf-8")
CODES_OF_OURS = {
    kind.code: kind
    for kind in vars(errors).values()
    if inspect.isclass(kind) and issubclass(kind, MentorAIError)
}


def _part(hook: str) -> str:
    """What docs/hooks.md says of a hook."""
    begin = HOOKS_PAGE.index(f"### `{hook}(")
    return re.split(r"^#{2,3} ", HOOKS_PAGE[begin + 4 :], flags=re.MULTILINE)[0]


def test_headings_of_hooks_are_their_exact_signatures() -> None:
    headings = re.findall(r"^### `(.+)`$", HOOKS_PAGE, re.MULTILINE)

    assert headings == list(SIGNATURES.values())


@pytest.mark.parametrize("hook", SIGNATURES)
def test_every_argument_of_a_hook_is_explained(hook: str) -> None:
    explained = re.findall(r"^- `(\w+)`: ", _part(hook), re.MULTILINE)

    assert explained == list(inspect.signature(getattr(hookspecs, hook)).parameters)


@pytest.mark.parametrize("hook", SIGNATURES)
def test_example_of_a_hook_is_a_plugin(hook: str) -> None:
    example = re.findall(r"```python\n(.+?)```", _part(hook), re.DOTALL)[0]
    names = {**vars(values), **vars(errors), "hookimpl": hookimpl}
    module = ModuleType(f"example_{hook}")
    vars(module).update({k: v for k, v in names.items() if not k.startswith("__")})

    exec(compile(example, f"docs/hooks.md: {hook}", "exec"), vars(module))

    plugins = Plugins()
    plugins.add(module, "example")
    plugins.check()
    assert plugins.hooks_of("example") == [hook]


@pytest.mark.parametrize("name", [n for n, kind in vars(values).items() if is_dataclass(kind)])
def test_every_field_of_a_value_is_documented(name: str) -> None:
    kind = getattr(values, name)
    _, is_what, always, maybe = _row("hooks.md", name)

    needed = [f.name for f in fields(kind) if (f.default, f.default_factory) == (MISSING, MISSING)]
    first = re.sub(r"\s+", " ", str(inspect.getdoc(kind)).partition("\n\n")[0])
    assert is_what == first
    assert re.findall(r"`(\w+)`", always) == needed
    assert re.findall(r"`(\w+)`", maybe) == [f.name for f in fields(kind) if f.name not in needed]


def _asked_hooks() -> set[str]:
    """The hooks that some code of ours asks, tells or collects."""
    found: set[str] = set()
    for folder in ("core", "lti", "plugins", "web"):
        for path in (ROOT / folder).rglob("*.py"):
            calls = r"(?:ask_first|ask_all|judge|tell|_call)\(\s*(?:\w+, )?\"(\w+)\""
            found |= set(re.findall(calls, path.read_text("utf-8")))
    return found


def test_every_hook_is_asked() -> None:
    assert SIGNATURES.keys() - _asked_hooks() == set()


@pytest.mark.parametrize("hook", SIGNATURES)
def test_every_hook_is_tested(hook: str) -> None:
    implemented = rf"@hookimpl\s+def {hook}\("
    tests = [p.read_text("utf-8") for p in (ROOT / "tests").rglob("test_*.py")]

    assert any(re.search(implemented, text) for text in tests)


@pytest.mark.parametrize("name", Settings.model_fields)
def test_every_setting_is_documented(name: str) -> None:
    field = Settings.model_fields[name]
    row = _row("settings.md", name)

    assert row[1] == _say_values(field)
    assert row[3] == field.description
    if isinstance(field.default, int | str):
        text = str(field.default).lower()
        assert row[2].replace("empty", "").strip("`") == text


def _say_values(field: FieldInfo) -> str:
    """What the page says of the values that a setting may have."""
    if field.annotation is bool:
        return "true or false"
    if choices := get_args(field.annotation):
        return " or ".join(f"`{choice}`" for choice in choices)
    if field.annotation is int:
        least = (f", at least {limit.ge:_}" for limit in field.metadata if isinstance(limit, Ge))
        most = (f", at most {limit.le:_}" for limit in field.metadata if isinstance(limit, Le))
        return "".join(("whole number", *least, *most))
    return "path" if field.annotation is Path else "text"


def test_no_setting_is_documented_that_does_not_exist() -> None:
    documented = re.findall(r"^\| `(\w+)` \|", (DOCS / "settings.md").read_text("utf-8"), re.M)

    assert documented == list(Settings.model_fields)


@pytest.mark.parametrize("code", CODES_OF_OURS)
def test_every_error_code_is_documented(code: str) -> None:
    kinds = [kind for kind in STATUSES if kind.code == code]
    row = _row("errors.md", code)

    assert int(row[1]) in {STATUSES[kind] for kind in kinds}
    assert row[2] in {(kind.__doc__ or "").strip().splitlines()[0] for kind in kinds}
    assert (row[3] == "yes") == kinds[0].retryable
    assert row[4]


# What has no class of ours and no status of its own.
CODES_OF_NOBODY = ("csrf_failed", "internal_error", "request_refused")


@pytest.mark.parametrize("code", sorted({*CODES.values(), *CODES_OF_NOBODY}))
def test_every_code_of_http_is_documented(code: str) -> None:
    assert _row("errors.md", code)


def test_no_code_is_documented_that_does_not_exist() -> None:
    documented = re.findall(r"^\| `(\w+)` \| ", (DOCS / "errors.md").read_text("utf-8"), re.M)

    assert set(documented) - {*CODES_OF_OURS, *CODES.values(), *CODES_OF_NOBODY} == set()


@pytest.mark.parametrize("code", EXPLANATIONS)
def test_every_explanation_is_documented(code: str) -> None:
    page = (DOCS / "errors.md").read_text("utf-8")
    part = page[page.index(f"### `{code}`\n") :].split("\n#", 1)[0]
    words = EXPLANATIONS[code]

    for text in (words.clause, words.student, words.instructor, words.it, words.screen):
        assert text in part


@pytest.mark.parametrize("code", ADVICE)
def test_what_to_do_about_a_grade_is_documented(code: str) -> None:
    assert _row("how-grades-reach-the-gradebook.md", code)[2] == ADVICE[code]


@pytest.mark.parametrize(
    "kind",
    [
        k
        for k in CODES_OF_OURS.values()
        if issubclass(k, errors.ScoreRejected | errors.PlatformError)
    ],
    ids=lambda kind: kind.code,
)
def test_there_is_something_to_do_about_every_reason(kind: type[MentorAIError]) -> None:
    assert ADVICE[kind.code]


@pytest.mark.parametrize("screen", SCREENS)
def test_every_screen_is_documented(screen: str) -> None:
    assert _row("errors.md", screen, quoted=False)[1] == SCREENS[screen]


@pytest.mark.parametrize("scope", [*SCOPES, *PROVISIONING_SCOPES])
def test_every_scope_is_documented(scope: str) -> None:
    assert f"`{scope}`" in (DOCS / "api.md").read_text("utf-8")


@pytest.mark.parametrize("name", BUILT_IN)
def test_every_command_is_documented(name: str) -> None:
    assert f"`mentorai {name}" in (DOCS / "operations.md").read_text("utf-8")


PAGES = [ROOT / "README.md", *sorted(DOCS.rglob("*.md"))]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_lead_somewhere(page: Path) -> None:
    links = re.findall(r"\]\(([^)#]+)(?:#[^)]*)?\)", page.read_text("utf-8"))

    local = [link for link in links if not re.match(r"https?:", link)]
    assert [link for link in local if not (page.parent / link).exists()] == []


def _anchors(page: Path) -> set[str]:
    """The addresses of a page's headings, as GitHub makes them."""
    headings = re.findall(r"^#+ (.+)$", page.read_text("utf-8"), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_into_a_page_lead_to_a_heading(page: Path) -> None:
    links = re.findall(r"\]\(([^):]*)#([^)]+)\)", page.read_text("utf-8"))

    assert [
        (name, anchor)
        for name, anchor in links
        if anchor not in _anchors(page.parent / name if name else page)
    ] == []


def _walk(command: click.Command, context: click.Context, *names: str) -> dict[str, click.Command]:
    """This command and all below it, by the words that call them."""
    found = {" ".join(names): command}
    if isinstance(command, click.Group):
        for name in command.list_commands(context):
            below = command.get_command(context, name)
            assert below is not None
            found |= _walk(below, click.Context(below, parent=context), *names, name)
    return found


COMMANDS = _walk(main, click.Context(main))
# Told as what a plugin's author may add.
COMMANDS_OF_OTHERS = ("mentorai lyceum", "mentorai plugins export")


def _calls(text: str) -> list[list[str]]:
    """The words of each `mentorai ...` of a page, in its text and in its examples."""
    lines = text.replace("\\\n", " ")
    calls = re.findall(r"^ *(mentorai [a-z].*)$", lines, re.MULTILINE)
    calls += re.findall(r"`(mentorai\s[^`]+)`", lines)
    calls += re.findall(r"\$\((mentorai [^)]+)\)", lines)
    return [call.split()[1:] for call in calls if not call.startswith(COMMANDS_OF_OTHERS)]


def _find_command(words: list[str]) -> tuple[click.Command, list[str]]:
    """The command that these words call, and the words after its name."""
    count = max(n for n in range(len(words) + 1) if " ".join(words[:n]) in COMMANDS)
    return COMMANDS[" ".join(words[:count])], words[count:]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_commands_of_a_page_are_there_with_their_options(page: Path) -> None:
    for words in _calls(page.read_text("utf-8")):
        command, rest = _find_command(words)
        options = {name for each in command.params for name in (*each.opts, *each.secondary_opts)}
        named = {word.rstrip("`,.:;)") for word in rest if word.startswith("--")}

        assert named <= options | {"--help"}, words
        if isinstance(command, click.Group) and rest and not rest[0].startswith("-"):
            assert command.invoke_without_command, words


@pytest.mark.parametrize("name", [name for name in COMMANDS if name])
def test_every_command_is_named_among_the_operations(name: str) -> None:
    group, _, last = name.rpartition(" ")
    rows = re.findall(r"^\| (`mentorai .+?) \| ", (DOCS / "operations.md").read_text("utf-8"), re.M)

    mine = [row for row in rows if row.startswith(f"`mentorai {group or last}".rstrip())]
    assert any(f"`{last}`" in row or f" {last}`" in row or f" {last} " in row for row in mine)


CONTRACT = (ROOT / "tests" / "web" / "api" / "contract.txt").read_text("utf-8")


def test_every_operation_of_the_api_is_documented_with_its_scope() -> None:
    part = (DOCS / "api.md").read_text("utf-8").partition("## Endpoints")[2].partition("\n## ")[0]
    documented = {
        (method, path): re.findall(r"`([^`]+)`", scopes)[0 if method == "GET" else -1 :][:1]
        for methods, paths, scopes in re.findall(r"^\| ([A-Z, ]+) \| (.+?) \| (.+) \|$", part, re.M)
        for method in methods.split(", ")
        for path in re.findall(r"`(/[^`?]+)", paths)
    }

    promised = {
        (method, path): [scope] if ":" in scope else []
        for method, path, scope in re.findall(r"^([A-Z]+) +(\S+) +(\S+)", CONTRACT, re.M)
        # Never for a key: they have a table of their own.
        if not path.startswith("/keys")
    }
    assert documented == promised


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_python_in_documents_can_be_read(page: Path) -> None:
    for example in re.findall(r"```python\n(.+?)```", page.read_text("utf-8"), re.DOTALL):
        # What is checked word for word against its file may be a part of it.
        if example not in EXCERPTS:
            ast.parse(example)


GUIDE = (DOCS / "writing-a-plugin.md").read_text("utf-8")
EXCERPTS = re.findall(r"```(?:python|toml)\n(.+?)```", GUIDE, re.DOTALL)


@pytest.mark.parametrize("excerpt", EXCERPTS, ids=lambda excerpt: excerpt.partition("\n")[0])
def test_excerpt_is_the_real_code_of_the_example(excerpt: str) -> None:
    named, _, code = excerpt.partition("\n")
    path = DOCS / "examples" / "lyceum-lms-plugin" / named.removeprefix("# ")

    assert code in path.read_text("utf-8")


def test_every_page_is_reached_from_the_readme() -> None:
    linked = (ROOT / "README.md").read_text("utf-8")

    assert [page.name for page in DOCS.glob("*.md") if f"docs/{page.name}" not in linked] == []


def _row(page: str, name: str, *, quoted: bool = True) -> list[str]:
    for line in (DOCS / page).read_text("utf-8").splitlines():
        cells = [cell.strip() for cell in line.strip().strip("|").split(" | ")]
        if cells[0].strip("| ") == (f"`{name}`" if quoted else name):
            return [cell.strip("| ") for cell in cells]
    pytest.fail(f"docs/{page} has no row for {name}")
