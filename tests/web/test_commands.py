"""`mentorai` as somebody at a terminal sees it."""

import os
import re
import stat
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import click
import pytest
from click.testing import CliRunner, Result

from mentorai.core.clock import now
from mentorai.core.engine import Engine
from mentorai.core.scopes import TEMPLATES
from mentorai.core.settings import Settings
from mentorai.web.commands import BUILT_IN, main
from tests.fakes.platforms import free_port

Run = Callable[..., Result]
PLATFORM = (
    "--issuer=https://lms.example",
    "--client-id=client-1",
    "--auth-url=https://lms.example/auth",
    "--token-url=https://lms.example/token",
    "--keyset-url=https://lms.example/jwks",
    "--deployment=1",
)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "data"


@pytest.fixture
def mentorai(monkeypatch: pytest.MonkeyPatch, folder: Path) -> Iterator[Run]:
    """Run a command on an installation of its own."""
    for name in list(os.environ):
        if name.startswith("MENTORAI_"):
            monkeypatch.delenv(name)
    monkeypatch.setenv("MENTORAI_DATA_DIR", str(folder))
    kept = dict(os.environ)
    yield lambda *arguments: CliRunner().invoke(main, arguments, prog_name="mentorai")
    # The demo puts its settings there, for its children.
    os.environ.clear()
    os.environ.update(kept)


@pytest.fixture
def with_mentor(mentorai: Run) -> Run:
    assert mentorai("mentors", "add", "Tidal Pools").exit_code == 0
    return mentorai


def test_help_names_every_command(mentorai: Run) -> None:
    done = mentorai("--help")

    assert done.exit_code == 0
    for name, sentence in BUILT_IN.items():
        assert re.search(rf"^  {name} +{re.escape(sentence)}$", done.output, re.MULTILINE)


def test_key_is_rotated_and_policy_kept(with_mentor: Run) -> None:
    arguments = ("--mentor", "tidal-pools")
    text = with_mentor("keys", "issue", "Dashboard", *arguments, "--from", "10.0.0.0/8").stdout
    first = text.strip()[4:14]

    rotated = with_mentor("keys", "rotate", first, *arguments, "--overlap", "1h")
    again = with_mentor("keys", "rotate", first, *arguments)
    listed = with_mentor("keys", "list", *arguments).output

    assert re.fullmatch(r"mai_\w{60}\n", rotated.stdout)
    assert "rotated already" in again.stderr
    assert listed.count("Dashboard") == 2


def test_key_is_stopped_started_and_deleted(with_mentor: Run) -> None:
    arguments = ("--mentor", "tidal-pools")
    key_id = with_mentor("keys", "issue", "Dashboard", *arguments).stdout[4:14]
    with_mentor("keys", "deactivate", key_id, *arguments)

    with_mentor("keys", "activate", key_id, *arguments)
    active = with_mentor("keys", "list", *arguments).output
    doubted = with_mentor("keys", "delete", key_id, *arguments)
    with_mentor("keys", "delete", key_id, *arguments, "--yes")

    assert " active " in active
    assert doubted.exit_code == 1
    assert "There is no key yet." in with_mentor("keys", "list", *arguments).output


def test_keys_are_put_under_a_pepper_and_stay_the_same(
    with_mentor: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    text = with_mentor("keys", "issue", "Dashboard", "--mentor", "tidal-pools").stdout.strip()
    without = with_mentor("keys", "pepper")
    monkeypatch.setenv("MENTORAI_KEY_PEPPERS", "1:" + "a" * 32)

    done = with_mentor("keys", "pepper")

    engine = Engine.open(Settings.load(), plugins=[])
    key = engine.check_key(text, scope=None, address="127.0.0.1")
    engine.close()
    assert (without.exit_code, done.output) == (1, "API keys put under the newest pepper: 1.\n")
    assert "there is no pepper yet" in without.stderr
    assert key.name == "Dashboard"


def test_policy_for_keys_is_shown_and_changed(with_mentor: Run) -> None:
    before = with_mentor("keys", "policy").output
    after = with_mentor("keys", "policy", "--max-days", "9", "--scope", "chat:write").output
    refused = with_mentor("keys", "issue", "Dashboard", "--mentor", "tidal-pools")
    wrong = with_mentor("keys", "policy", "--max-days", "0")

    assert "Days at most    365" in before
    assert "Scopes          all" in before
    assert "Days at most    9" in after
    assert "Scopes          chat:write" in after
    assert refused.exit_code != 0
    assert wrong.exit_code != 0


@pytest.mark.parametrize("name", BUILT_IN)
def test_every_command_explains_itself(mentorai: Run, name: str) -> None:
    done = mentorai(name, "--help")

    assert done.exit_code == 0
    assert BUILT_IN[name].rstrip(".") in done.output


def test_every_template_of_scopes_is_in_the_help(mentorai: Run) -> None:
    said = " ".join(mentorai("keys", "issue", "--help").output.split())

    assert [name for name in TEMPLATES if name not in said] == []


def test_help_imports_nothing_that_it_does_not_need() -> None:
    program = (
        "import sys\n"
        "from mentorai.web.commands import main\n"
        "main(['--help'], standalone_mode=False)\n"
        "heavy = {'flask', 'sqlalchemy', 'alembic', 'pydantic', 'pylti1p3', 'requests', 'pluggy'}\n"
        "print('imported:', sorted(heavy & set(sys.modules)))"
    )

    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)

    assert done.stdout.endswith("imported: []\n"), done.stdout + done.stderr


def test_unknown_command_is_a_usage_error(mentorai: Run) -> None:
    done = mentorai("serv")

    assert done.exit_code == 2
    assert "No such command 'serv'" in done.output


def test_wrong_setting_is_one_sentence_with_its_code(
    mentorai: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MENTORAI_PORT", "eighty")

    done = mentorai("mentors", "list")

    assert done.exit_code == 1
    assert done.stdout == ""
    assert re.fullmatch(r"mentorai: MENTORAI_PORT .*\[configuration_invalid\]\n", done.stderr)


def test_database_that_is_away_is_one_sentence_with_the_reason(
    mentorai: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MENTORAI_DATABASE_URL", "postgresql+psycopg://me:secret@127.0.0.1:1/none")

    done = mentorai("mentors", "list")

    assert done.exit_code == 1
    assert re.fullmatch(
        r"mentorai: The database did not answer: .*127\.0\.0\.1.* \[database_unavailable\]\n",
        done.stderr,
    )
    assert "secret" not in done.stderr


NOT_THERE = {
    "mentors list": ("datasets", "list", "--mentor", "nobody"),
    "registrations list": ("registrations", "show", "nothing"),
    "registrations invitations": ("registrations", "withdraw", "nothing"),
    "keys list": ("keys", "deactivate", "nothing"),
    "tool-keys list": ("tool-keys", "retire", "nothing"),
    "migration keys": ("migration", "remove-key", "nothing"),
    "migration waiting": ("migration", "approve", "nothing"),
}


@pytest.mark.parametrize("shown", NOT_THERE)
def test_what_is_not_there_leads_to_what_is(mentorai: Run, shown: str) -> None:
    done = mentorai(*NOT_THERE[shown])

    assert done.exit_code == 1
    assert done.stderr.endswith(f" `mentorai {shown}` shows what there is. [not_found]\n")
    assert mentorai(*shown.split()).exit_code == 0


@pytest.mark.parametrize(
    ("call", "code"),
    [
        ("keys admin-token nobody@campus.example", "not_found"),
        ("datasets add missing.md --mentor tidal-pools", "document_rejected"),
        ("enrollments apply setup.cfg", "validation_failed"),
        ("migration approve --all-of nothing", "not_found"),
        ("demo --platform lyceum --port {port} --folder {folder}", "configuration_invalid"),
        ("--data-dir /dev/null/here mentors list", "internal_error"),
    ],
)
def test_refusal_ends_with_one_sentence_and_its_code(
    with_mentor: Run, folder: Path, call: str, code: str
) -> None:
    done = with_mentor(*call.format(folder=folder, port=free_port()).split())

    assert done.exit_code == 1
    assert re.fullmatch(rf"mentorai: .+\. \[{code}\]", done.stderr.splitlines()[-1])
    assert "Traceback" not in done.stderr
    assert "Usage" not in done.stderr


def test_unforeseen_error_is_one_sentence_too(
    mentorai: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> Engine:
        raise ZeroDivisionError("something\nof two lines")

    monkeypatch.setattr(Engine, "open", fail)

    done = mentorai("mentors", "list")

    assert done.exit_code == 1
    assert done.stderr.startswith("mentorai: ZeroDivisionError: something (")
    assert done.stderr.endswith(" [internal_error]\n")
    assert done.stderr.count("\n") == 1


def test_data_directory_may_be_named_on_the_command_line(mentorai: Run, tmp_path: Path) -> None:
    done = mentorai("--data-dir", str(tmp_path / "other"), "init")

    assert done.exit_code == 0
    assert (tmp_path / "other" / "mentorai.sqlite3").exists()


def test_init_makes_what_is_needed_and_a_setup_link(mentorai: Run, folder: Path) -> None:
    done = mentorai("init")

    assert re.search(r"http://localhost:8000/admin/setup\?code=[\w-]{40,}", done.output)
    assert (folder / "mentorai.sqlite3").exists()
    modes = {p.name: stat.S_IMODE(p.stat().st_mode) for p in (folder / "secrets").iterdir()}
    assert modes == {"web": 0o600, "tool_keys": 0o600}


def test_init_prints_no_link_once_there_is_an_administrator(mentorai: Run) -> None:
    _set_up_admin(mentorai("init").output)

    assert "setup" not in mentorai("init").output


def test_init_makes_a_new_link_for_a_lost_password(mentorai: Run) -> None:
    _set_up_admin(mentorai("init").output)

    assert "/admin/setup?code=" in mentorai("init", "--setup-link").output


def _set_up_admin(output: str) -> None:
    code = re.findall(r"code=([\w-]+)", output)[0]
    engine = Engine.open(Settings.load(), plugins=[])
    engine.admins.take_setup_code(code, "it@campus.edu", "a long enough password")
    engine.close()


def test_mentors_are_added_and_listed(mentorai: Run) -> None:
    added = mentorai("mentors", "add", "Café Biology", "--description", "Week by week")
    listed = mentorai("mentors", "list")

    assert "cafe-biology" in added.output
    assert re.search(r"^cafe-biology +Café Biology +\d{4}-\d\d-\d\d$", listed.output, re.MULTILINE)


def test_mentor_takes_its_prompt_from_a_file(mentorai: Run, tmp_path: Path) -> None:
    (tmp_path / "prompt.txt").write_text("Be brief.")

    mentorai("mentors", "add", "Brief", "--prompt-file", str(tmp_path / "prompt.txt"))

    engine = Engine.open(Settings.load(), plugins=[])
    mentor = engine.mentors.get(engine.organizations.get().id, "brief")
    engine.close()
    assert mentor.system_prompt == "Be brief."


def test_second_mentor_of_a_name_is_a_conflict(with_mentor: Run) -> None:
    done = with_mentor("mentors", "add", "Tidal Pools")

    assert done.exit_code == 1
    assert "[conflict]" in done.stderr


def test_empty_name_names_the_field(mentorai: Run) -> None:
    done = mentorai("mentors", "add", " ")

    assert done.exit_code == 1
    assert "display_name:" in done.stderr


def test_no_mentor_says_how_to_make_one(mentorai: Run) -> None:
    assert "mentorai mentors add" in mentorai("mentors", "list").output


@pytest.fixture
def readings(tmp_path: Path) -> list[str]:
    texts = {
        "limpets.md": "# Limpets\n\nLimpets graze on algae and return to one place.\n",
        "tides.txt": "The moon pulls the sea. There are two high tides a day.\n",
    }
    for name, text in texts.items():
        (tmp_path / name).write_text(text)
    return [str(tmp_path / name) for name in texts]


def test_documents_are_taken_with_progress_and_a_summary(
    with_mentor: Run, readings: list[str]
) -> None:
    done = with_mentor("datasets", "add", *readings, "--mentor", "tidal-pools")

    assert done.exit_code == 0
    assert "[1/2] limpets.md: 1 passage" in done.output
    assert "[2/2] tides.txt: 1 passage" in done.output
    assert re.search(r"^2 taken, 0 unchanged, 0 failed; 2 passages in \d", done.output, re.M)


def test_documents_added_again_are_unchanged(with_mentor: Run, readings: list[str]) -> None:
    with_mentor("datasets", "add", *readings, "--mentor", "tidal-pools")

    done = with_mentor("datasets", "add", *readings, "--mentor", "tidal-pools")

    assert done.exit_code == 0
    assert "limpets.md: unchanged" in done.output
    assert "0 taken, 2 unchanged, 0 failed" in done.output


def test_unreadable_file_is_named_and_the_others_are_taken(
    with_mentor: Run, readings: list[str], tmp_path: Path
) -> None:
    (tmp_path / "noise.bin").write_bytes(bytes(range(256)) * 4)
    wrong = [str(tmp_path / "noise.bin"), str(tmp_path / "nowhere.md"), str(tmp_path)]

    done = with_mentor("datasets", "add", *wrong, *readings, "--mentor", "tidal-pools")

    assert done.exit_code == 1
    assert "2 taken, 0 unchanged, 3 failed" in done.output
    for name in wrong:
        assert name in done.stderr


def test_documents_for_a_missing_mentor_are_not_taken(mentorai: Run, readings: list[str]) -> None:
    done = mentorai("datasets", "add", *readings, "--mentor", "nobody")

    assert done.exit_code == 1
    assert done.stderr == (
        "mentorai: There is no such mentor. `mentorai mentors list` shows what there is. "
        "[not_found]\n"
    )


def test_documents_are_listed(with_mentor: Run, readings: list[str]) -> None:
    with_mentor("datasets", "add", *readings, "--mentor", "tidal-pools")

    done = with_mentor("datasets", "list", "--mentor", "tidal-pools")

    assert re.search(r"^limpets\.md +text/markdown +\d+ +1 +trained$", done.output, re.MULTILINE)


def test_issued_key_is_all_that_standard_output_holds(with_mentor: Run) -> None:
    done = with_mentor("keys", "issue", "Dashboard", "--mentor", "tidal-pools")

    assert re.fullmatch(r"mai_[0-9A-Za-z]{10}_[0-9A-Za-z]{49}\n", done.stdout)
    assert "not be shown again" in done.stderr


def test_issued_key_works_within_its_scopes(with_mentor: Run) -> None:
    arguments = ("--mentor", "tidal-pools", "--scope", "grades:read", "--days", "7")

    text = with_mentor("keys", "issue", "Dashboard", *arguments).stdout.strip()

    engine = Engine.open(Settings.load(), plugins=[])
    key = engine.check_key(text, scope=None, address="127.0.0.1")
    engine.close()
    assert key.scopes == {"grades:read"}
    assert key.expires_at is not None
    assert (key.expires_at - now()).days == 6


def test_key_list_never_shows_the_secret(with_mentor: Run) -> None:
    text = with_mentor("keys", "issue", "Dashboard", "--mentor", "tidal-pools").stdout.strip()

    done = with_mentor("keys", "list", "--mentor", "tidal-pools")

    assert re.search(r"Dashboard +active", done.output)
    assert text.rpartition("_")[2][:8] not in done.output


def test_deactivated_key_is_refused(with_mentor: Run) -> None:
    text = with_mentor("keys", "issue", "Dashboard", "--mentor", "tidal-pools").stdout
    key_id = text.split("_")[1]

    with_mentor("keys", "deactivate", key_id, "--mentor", "tidal-pools")

    done = with_mentor("keys", "list", "--mentor", "tidal-pools")
    assert re.search(rf"^{key_id} +Dashboard +inactive", done.output, re.MULTILINE)


def test_provisioning_key_belongs_to_no_mentor(mentorai: Run) -> None:
    issued = mentorai("keys", "issue", "SIS", "--provisioning")

    assert issued.exit_code == 0
    assert "mentors:provision" in mentorai("keys", "list").output


@pytest.mark.parametrize(
    ("arguments", "code", "sentence"),
    [
        (("Dashboard",), 2, "--mentor"),
        (("Dashboard", "--mentor", "tidal-pools", "--provisioning"), 2, "--mentor"),
        (("Dashboard", "--mentor", "nobody"), 1, "[not_found]"),
        (("Dashboard", "--mentor", "tidal-pools", "--scope", "all"), 1, "scopes:"),
        (("Dashboard", "--mentor", "tidal-pools", "--template", "Root"), 2, "Read only"),
        (("Dashboard", "--mentor", "tidal-pools", "--days", "9999"), 1, "expires_at:"),
        (("Dashboard", "--mentor", "tidal-pools", "--never"), 1, "expires_at:"),
        (("", "--mentor", "tidal-pools"), 1, "name:"),
    ],
)
def test_wrong_key_is_not_issued(
    with_mentor: Run, arguments: tuple[str, ...], code: int, sentence: str
) -> None:
    done = with_mentor("keys", "issue", *arguments)

    assert done.exit_code == code
    assert sentence in done.stderr
    assert done.stdout == ""


def test_unknown_key_is_not_found(with_mentor: Run) -> None:
    done = with_mentor("keys", "deactivate", "0000000000", "--mentor", "tidal-pools")

    assert done.exit_code == 1
    assert "[not_found]" in done.stderr


def test_registered_lms_is_told_what_to_enter(mentorai: Run) -> None:
    done = mentorai("registrations", "add", *PLATFORM, "--name", "Campus")

    assert done.exit_code == 0
    for path in ("/lti/login", "/lti/launch", "/lti/jwks.json"):
        assert f"http://localhost:8000{path}" in done.output


def test_registrations_are_listed_and_disabled(mentorai: Run) -> None:
    added = mentorai("registrations", "add", *PLATFORM, "--name", "Campus")
    registration_id = re.findall(r"[0-9a-f-]{36}", added.output)[0]

    mentorai("registrations", "disable", registration_id)

    listed = mentorai("registrations", "list").output
    assert re.search(rf"^{registration_id} +Campus +https://lms\.example.*disabled$", listed, re.M)


def test_same_registration_twice_is_a_conflict(mentorai: Run) -> None:
    mentorai("registrations", "add", *PLATFORM)

    done = mentorai("registrations", "add", *PLATFORM)

    assert done.exit_code == 1
    assert "[conflict]" in done.stderr


def test_registration_without_https_names_its_field(mentorai: Run) -> None:
    insecure = [
        each.replace("https://lms.example/jwks", "http://lms.example/") for each in PLATFORM
    ]

    done = mentorai("registrations", "add", *insecure)

    assert done.exit_code == 1
    assert "keyset_url:" in done.stderr


def test_unknown_registration_is_not_found(mentorai: Run) -> None:
    done = mentorai("registrations", "disable", "nowhere")

    assert done.exit_code == 1
    assert "[not_found]" in done.stderr


def test_plugins_are_listed_with_their_hooks(mentorai: Run) -> None:
    done = mentorai("plugins", "list")

    assert done.exit_code == 0
    assert re.search(r"^lti_launch +mentorai-toolkit .*push_score", done.output, re.MULTILINE)
    assert re.search(r"^sandbox +mentorai-toolkit", done.output, re.MULTILINE)


def test_command_of_a_plugin_is_listed_and_runs(mentorai: Run) -> None:
    assert re.search(r"^  sandbox ", mentorai("--help").output, re.MULTILINE)
    assert mentorai("sandbox", "describe").exit_code == 0


def test_command_given_by_hook_alone_runs(mentorai: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    from mentorai.core.hookspecs import hookimpl
    from mentorai.core.plugin_manager import Plugins

    @click.command("greet")
    def greet() -> None:
        click.echo("Good morning")

    class Greeting:
        @hookimpl
        def commands(self) -> list[click.Command]:
            return [greet]

    monkeypatch.setattr(Plugins, "discover", lambda plugins: plugins.add(Greeting(), "greeting"))

    assert mentorai("greet").output == "Good morning\n"
