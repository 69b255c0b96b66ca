"""`mentorai certify` as people call it: what it prints, how it ends, and that nothing stays."""

import json
import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest
import requests
from sqlalchemy import inspect

from mentorai.core.engine import Engine
from mentorai.core.settings import Settings
from mentorai.lti.tool import Tool
from mentorai.plugins.sandbox.certification.catalogue import CASES
from mentorai.plugins.sandbox.certification.instance import Instance, running_instance

SECONDS = 120
# Of every kind that leaves something: persons, links, content selections, side registrations.
SOME = "B1,B12,T1,T9,T10,D7,X15,X29,N1"


def environment(settings: Settings | None) -> dict[str, str]:
    """What `mentorai` would have around it on the machine of an installation."""
    own = {name: value for name, value in os.environ.items() if not name.startswith("MENTORAI_")}
    if settings is None:
        return own
    return own | {
        "MENTORAI_DATA_DIR": str(settings.data_dir),
        "MENTORAI_DATABASE_URL": settings.database_url,
        "MENTORAI_PUBLIC_URL": settings.public_url,
        "MENTORAI_ALLOW_LOOPBACK_PLATFORMS": str(settings.allow_loopback_platforms).lower(),
    }


def certify(
    *arguments: str, settings: Settings | None = None
) -> "subprocess.CompletedProcess[str]":
    command = [sys.executable, "-m", "mentorai.web.commands", "certify", *arguments]
    return subprocess.run(
        command, env=environment(settings), capture_output=True, text=True, timeout=SECONDS
    )


def count_rows(settings: Settings) -> Mapping[str, int]:
    """How much there is in an installation, by table, save what is a log or ends by itself."""
    ending = {"launch_tickets", "deep_linking_requests", "launch_log", "audit_entries"}
    engine = Engine.open(settings, plugins=[])
    found = {}
    with engine.database.read() as connection:
        for name in set(inspect(connection).get_table_names()) - ending:
            count = connection.exec_driver_sql(f"SELECT count(*) FROM {name}").scalar_one()
            found[name] = int(count)
    engine.close()
    return found


@pytest.fixture(scope="module")
def guarded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Instance]:
    """An installation as it is in real use: it calls no platform on its own machine."""
    with running_instance(tmp_path_factory.mktemp("guarded"), calls=False) as instance:
        yield instance


def test_certify_starts_a_toolkit_of_its_own_and_ends_it(tmp_path: Path) -> None:
    report = tmp_path / "report.json"

    done = certify("--only", "B1,T3,A13", "--json", str(report))

    assert done.returncode == 0, done.stdout + done.stderr
    assert re.search(r"^pass +B1 +no kid in header  \(LTI Security Framework", done.stdout, re.M)
    assert "4 cases in" in done.stdout
    assert "4 passed, 0 failed" in done.stdout
    told = json.loads(report.read_text("utf-8"))
    assert [case["result"] for case in told["cases"]] == ["pass"] * 4
    assert told["cases"][0]["clause"].startswith("LTI Security Framework 1.0")
    with pytest.raises(requests.ConnectionError):
        requests.get(f"{told['tool']}/healthz", timeout=2)


def test_certify_leaves_nothing_in_a_live_installation(guarded: Instance) -> None:
    # The first run makes the tool's key, which stays.
    requests.get(f"{guarded.settings.public_url}/lti/jwks.json", timeout=10)
    before = count_rows(guarded.settings)

    url = guarded.settings.public_url
    done = certify("--url", url, "--only", SOME, settings=guarded.settings)

    assert done.returncode == 0, done.stdout + done.stderr
    assert re.search(r"^not tested +N1 ", done.stdout, re.M)
    assert done.stdout.rstrip().endswith("passed, 0 failed, 1 not tested.")
    assert count_rows(guarded.settings) == before


def test_certify_leaves_nothing_in_a_live_installation_when_interrupted(guarded: Instance) -> None:
    requests.get(f"{guarded.settings.public_url}/lti/jwks.json", timeout=10)
    before = count_rows(guarded.settings)
    url = guarded.settings.public_url
    with subprocess.Popen(
        [sys.executable, "-m", "mentorai.web.commands", "certify", "--url", url],
        env=environment(guarded.settings),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    ) as process:
        assert process.stdout is not None
        seen = [process.stdout.readline() for _ in range(4)]
        engine = Engine.open(guarded.settings, plugins=[])
        organization_id = engine.organizations.get().id
        # One at first, and more as cases need them.
        names = {each.name for each in engine.room(Tool).registrations.list(organization_id)}
        assert names
        assert all("temporary, made by mentorai certify" in name for name in names)
        engine.close()
        process.send_signal(signal.SIGINT)
        process.send_signal(signal.SIGINT)
        rest = process.stdout.read()

    assert any("pass" in line for line in seen)
    assert process.returncode != 0
    assert count_rows(guarded.settings) == before, rest


def test_certify_refuses_an_installation_that_is_not_the_one_set_up_here(
    guarded: Instance, tmp_path: Path
) -> None:
    elsewhere = guarded.settings.model_copy(update={"data_dir": tmp_path, "database_url": ""})

    other_keys = certify("--url", guarded.settings.public_url, settings=elsewhere)
    other_url = certify("--url", "https://mentor.example.edu", settings=guarded.settings)

    assert other_keys.returncode == other_url.returncode == 1
    assert "other keys" in other_keys.stderr
    assert "not of https://mentor.example.edu" in other_url.stderr


def test_certify_knows_its_cases() -> None:
    listed = certify("--list")
    unknown = certify("--only", "B99")

    assert len(listed.stdout.splitlines()) == len(CASES)
    assert (unknown.returncode, "B99" in unknown.stderr) == (2, True)
