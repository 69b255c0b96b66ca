"""`mentorai launches` as campus IT sees it at a terminal."""

import json
import os
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from mentorai.core.engine import Engine
from mentorai.core.settings import Settings
from mentorai.core.values import Launch, Role
from mentorai.lti.launch_log_rows import Sender, Visit
from mentorai.lti.tool import Tool
from mentorai.web.commands import main

Run = Callable[..., Result]


@pytest.fixture
def mentorai(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Run:
    """The command on an installation whose log holds a launch, a refusal and a stray."""
    for name in list(os.environ):
        if name.startswith("MENTORAI_"):
            monkeypatch.delenv(name)
    monkeypatch.setenv("MENTORAI_DATA_DIR", str(tmp_path))
    engine = Engine.open(Settings.load(), plugins=[])
    organization_id = engine.organizations.get().id
    tool = engine.room(Tool)
    registration = tool.registrations.add(
        organization_id,
        issuer="https://lms.example",
        client_id="client-7",
        auth_url="https://lms.example/auth",
        token_url="https://lms.example/token",
        keyset_url="https://lms.example/keys",
        deployment_ids=["1"],
        name="Campus LMS",
    )
    launch = Launch(
        organization_id=organization_id,
        registration_id=registration.id,
        deployment_id="1",
        issuer=registration.issuer,
        client_id=registration.client_id,
        family_code="",
        message_type="LtiResourceLinkRequest",
        subject="s",
        role=Role.LEARNER,
        target="/",
    )
    log = tool.launch_log
    log.note_admitted(launch, claims={}, way="storage", visit=Visit("AAAA-AAAA-AAAA", ""))
    facts = {"reason": "The reason.", "clause": "The clause"}
    visit = Visit("BBBB-BBBB-BBBB", "")
    log.note_refused(Sender(registration.id, True), code="nonce_reused", visit=visit, **facts)
    stray = Sender(issuer="https://typo.example", client_id="client-8")
    visit = Visit("CCCC-CCCC-CCCC", "")
    log.note_refused(stray, code="unknown_registration", visit=visit, **facts)
    engine.close()
    return lambda *arguments: CliRunner().invoke(
        main, ["launches", *arguments], prog_name="mentorai"
    )


def references(done: Result) -> list[str]:
    assert done.exit_code == 0, done.output
    known = ("AAAA", "BBBB", "CCCC")
    lines = done.output.splitlines()
    return [name for line in lines for name in known if f"{name}-{name}-{name}" in line]


def test_launches_are_listed_newest_first(mentorai: Run) -> None:
    done = mentorai()

    assert references(done) == ["CCCC", "BBBB", "AAAA"]
    assert "no registration (issuer https://typo.example, client id client-8)" in done.output
    assert "admitted  Campus LMS  LtiResourceLinkRequest  deployment 1  storage" in done.output
    assert "The reason. [The clause]" in done.output


def test_launches_are_narrowed(mentorai: Run) -> None:
    assert references(mentorai("--refused")) == ["CCCC", "BBBB"]
    assert references(mentorai("--registration", "client-7")) == ["BBBB", "AAAA"]
    assert references(mentorai("--registration", "client-7", "--refused")) == ["BBBB"]
    assert references(mentorai("--reference", "cccc-cccc-cccc")) == ["CCCC"]
    assert references(mentorai("--limit", "1")) == ["CCCC"]
    assert mentorai("--reference", "nothing").output == "No such launch is in the log.\n"


def test_json_is_one_object_a_line(mentorai: Run) -> None:
    rows = [json.loads(line) for line in mentorai("--json").output.splitlines()]

    assert [row["outcome"] for row in rows] == ["unknown_registration", "nonce_reused", "admitted"]
    assert rows[2]["way"] == "storage"
    assert mentorai("--json", "--reference", "nothing").output == ""


def test_unknown_registration_is_refused(mentorai: Run) -> None:
    done = mentorai("--registration", "nobody")

    assert done.exit_code == 1
    assert "[not_found]" in done.stderr
