import os
import stat
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from mentorai.core.engine import Engine
from mentorai.core.errors import ConfigurationError
from mentorai.core.settings import Settings


@pytest.fixture(autouse=True)
def _clean_environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in list(os.environ):
        if name.startswith("MENTORAI_"):
            monkeypatch.delenv(name)
    monkeypatch.setenv("MENTORAI_DATA_DIR", str(tmp_path))


def test_settings_come_from_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MENTORAI_PORT", "8123")

    assert Settings.load().port == 8123


def test_settings_come_from_file_in_data_directory(tmp_path: Path) -> None:
    (tmp_path / "mentorai.toml").write_text("port = 8124\nlog_level = 'warning'\n")

    settings = Settings.load()

    assert (settings.port, settings.log_level) == (8124, "warning")


def test_settings_file_may_be_named(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    chosen = tmp_path / "elsewhere.toml"
    chosen.write_text("threads = 32\n")
    monkeypatch.setenv("MENTORAI_SETTINGS", str(chosen))

    assert Settings.load().threads == 32


def test_environment_wins_over_file(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "mentorai.toml").write_text("port = 8124\n")
    monkeypatch.setenv("MENTORAI_PORT", "8123")

    assert Settings.load().port == 8123


def test_given_wins_over_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MENTORAI_PORT", "8123")

    assert Settings.load(port=9000).port == 9000


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("port", "eighty"),
        ("port", "0"),
        ("threads", "1"),
        ("public_url", "mentor.example.edu"),
        ("public_url", "https://mentor.example.edu/tool"),
        ("public_url", "ftp://mentor.example.edu"),
        ("worker_class", "fibers"),
        ("key_days", "0"),
        ("log_level", "loud"),
    ],
)
def test_wrong_setting_names_itself(monkeypatch: pytest.MonkeyPatch, name: str, value: str) -> None:
    monkeypatch.setenv(f"MENTORAI_{name.upper()}", value)

    with pytest.raises(ConfigurationError, match=f"MENTORAI_{name.upper()} .{name} in the"):
        Settings.load()


def test_every_wrong_setting_is_named_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MENTORAI_PORT", "x")
    monkeypatch.setenv("MENTORAI_THREADS", "y")

    with pytest.raises(ConfigurationError) as raised:
        Settings.load()

    assert "MENTORAI_PORT" in raised.value.message
    assert "MENTORAI_THREADS" in raised.value.message


def test_wrong_value_is_not_echoed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MENTORAI_PORT", "hunter2")

    with pytest.raises(ConfigurationError) as raised:
        Settings.load()

    assert "hunter2" not in raised.value.message


def test_unknown_name_in_environment_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MENTORAI_PROT", "8000")

    with pytest.raises(ConfigurationError, match="MENTORAI_PROT"):
        Settings.load()


def test_unknown_name_in_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "mentorai.toml").write_text("prot = 8000\n")

    with pytest.raises(ConfigurationError, match="prot in the settings file"):
        Settings.load()


@pytest.mark.parametrize("text", ["port = ", "[[[", "\x00"])
def test_broken_file_is_named(tmp_path: Path, text: str) -> None:
    (tmp_path / "mentorai.toml").write_text(text)

    with pytest.raises(ConfigurationError, match=r"mentorai\.toml"):
        Settings.load()


def test_named_file_that_is_absent_is_refused(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("MENTORAI_SETTINGS", str(tmp_path / "nowhere.toml"))

    with pytest.raises(ConfigurationError, match=r"nowhere\.toml"):
        Settings.load()


def test_slash_after_public_url_is_dropped() -> None:
    assert Settings.load(public_url="https://a.example/").public_url == "https://a.example"


def test_database_lives_in_data_directory_when_none_is_chosen(tmp_path: Path) -> None:
    assert Settings.load().url_of_database == f"sqlite:///{tmp_path / 'mentorai.sqlite3'}"


@pytest.mark.parametrize(
    ("given", "limit"),
    [
        ({"threads": 16}, 12),
        ({"threads": 16, "streams": 5}, 5),
        ({"threads": 16, "streams": 100}, 15),
        ({"threads": 4}, 3),
        ({"worker_class": "gevent"}, 400),
        ({"worker_class": "gevent", "streams": 900}, 900),
    ],
)
def test_streams_leave_threads_for_the_rest(given: dict[str, object], limit: int) -> None:
    assert Settings.load(**given).stream_limit == limit


def test_secret_is_made_once_for_its_owner_alone(tmp_path: Path) -> None:
    made = Settings.load().read_secret("web")

    path = tmp_path / "secrets" / "web"
    assert len(made) == 43
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700
    assert Settings.load().read_secret("web") == made


@pytest.mark.parametrize("first", ["secret", "database"])
def test_data_directory_is_made_for_its_owner_alone(tmp_path: Path, first: str) -> None:
    settings = Settings.load(data_dir=tmp_path / "srv" / "mentor")

    if first == "secret":
        settings.read_secret("web")
    else:
        Engine.open(settings).close()

    for folder in (settings.data_dir, settings.data_dir.parent):
        assert stat.S_IMODE(folder.stat().st_mode) == 0o700


def test_secrets_differ(tmp_path: Path) -> None:
    settings = Settings.load()

    assert settings.read_secret("web") != settings.read_secret("tool_keys")


def test_secret_that_others_can_read_is_refused(tmp_path: Path) -> None:
    Settings.load().read_secret("web")
    (tmp_path / "secrets" / "web").chmod(0o644)

    with pytest.raises(ConfigurationError, match="chmod 600"):
        Settings.load().read_secret("web")


def test_secret_is_not_shown_with_the_settings() -> None:
    settings = Settings.load()

    assert settings.web_secret not in repr(settings)


def test_two_processes_starting_at_once_share_one_secret(tmp_path: Path) -> None:
    program = (
        "from mentorai.core.settings import Settings; "
        "print(Settings.load().read_secret('web'), end='')"
    )

    def start(_: int) -> str:
        done = subprocess.run(
            [sys.executable, "-c", program], capture_output=True, text=True, check=True
        )
        return done.stdout

    with ThreadPoolExecutor(4) as pool:
        seen = set(pool.map(start, range(4)))

    assert seen == {(tmp_path / "secrets" / "web").read_text()}
    assert [path.name for path in (tmp_path / "secrets").iterdir()] == ["web"]


def test_threads_starting_at_once_share_one_secret(tmp_path: Path) -> None:
    settings = Settings.load()

    with ThreadPoolExecutor(16) as pool:
        seen = set(pool.map(lambda _: settings.read_secret("web"), range(64)))

    assert seen == {(tmp_path / "secrets" / "web").read_text()}
