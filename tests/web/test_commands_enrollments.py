import pytest
from click.testing import CliRunner

from mentorai.web.commands import main


@pytest.fixture
def run(monkeypatch, settings, engine, mentor):
    monkeypatch.setenv("MENTORAI_DATA_DIR", str(settings.data_dir))
    monkeypatch.setenv("MENTORAI_DATABASE_URL", settings.database_url)
    return lambda *words: CliRunner().invoke(main, ["enrollments", *words])


def test_file_is_looked_at_then_applied(run, tmp_path):
    file = tmp_path / "people.csv"
    file.write_text("user,role,section\na,learner,S1\nb,assistant,S1\n", "utf-8")

    looked = run("apply", str(file), "--mentor", "tidal-pools", "--dry-run")
    assert (looked.exit_code, "Nothing was written" in looked.output) == (0, True)
    assert run("list").output == "Nobody is enrolled.\n"
    applied = run("apply", str(file), "--mentor", "tidal-pools")
    assert "line 3: created user=b section=S1" in applied.output
    assert "2 created" in applied.output
    assert "2 unchanged" in run("apply", str(file), "--mentor", "tidal-pools").output
    assert "tidal-pools  b     S1       assistant" in run("list", "--section", "S1").output


def test_bad_rows_are_named_and_fail_the_command(run, tmp_path):
    file = tmp_path / "people.csv"
    file.write_text("user,mentor\na,tidal-pools\nb,nobody\n", "utf-8")

    refused = run("apply", str(file))
    assert refused.exit_code == 1
    assert "line 3, mentor: There is no such mentor." in refused.output
    assert run("list").output == "Nobody is enrolled.\n"
    passed_over = run("apply", str(file), "--partial")
    assert (passed_over.exit_code, "1 created" in passed_over.output) == (1, True)
