"""`mentorai tool-keys`, and the links and documents of `mentorai registrations`."""

import json
import os
import re
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from mentorai.core.clock import now
from mentorai.web.commands import main

Run = Callable[..., Result]
PLATFORM = (
    "--name=Campus LMS",
    "--issuer=https://lms.example.edu",
    "--client-id=client-1",
    "--auth-url=https://lms.example.edu/auth",
    "--token-url=https://lms.example.edu/token",
    "--keyset-url=https://lms.example.edu/jwks",
    "--deployment=1",
)


@pytest.fixture
def mentorai(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Run:
    """Run a command on an installation of its own."""
    for name in list(os.environ):
        if name.startswith("MENTORAI_"):
            monkeypatch.delenv(name)
    monkeypatch.setenv("MENTORAI_DATA_DIR", str(tmp_path / "data"))
    return lambda *arguments: CliRunner().invoke(main, arguments, prog_name="mentorai")


def test_rotation_takes_a_day_and_two_steps(mentorai: Run, time_machine: Any) -> None:
    mentorai("registrations", "add", *PLATFORM)
    first = mentorai("tool-keys", "list")
    assert first.stdout.count(" active ") == 1
    assert first.stderr == ""

    published = mentorai("tool-keys", "rotate")
    assert re.search(r"is published and may sign from 20\d\d-", published.stdout)
    listed = mentorai("tool-keys", "list")
    assert "note: Campus LMS has not fetched our key set" in listed.stderr
    early = mentorai("tool-keys", "rotate")
    assert early.exit_code == 1
    assert "[conflict]" in early.stderr

    time_machine.move_to(now() + timedelta(hours=25))
    done = mentorai("tool-keys", "rotate")
    assert done.exit_code == 0
    assert "signs from now on" in done.stdout
    assert "Campus LMS" in done.stderr


def test_leaked_key_is_replaced_and_withdrawn_at_once(mentorai: Run) -> None:
    mentorai("tool-keys", "list")
    assert "signs from now on" in mentorai("tool-keys", "rotate", "--now").stdout
    listed = mentorai("tool-keys", "list").stdout
    (retiring,) = re.findall(r"^(\S+) +retiring", listed, re.MULTILINE)
    (active,) = re.findall(r"^(\S+) +active", listed, re.MULTILINE)

    assert mentorai("tool-keys", "retire", retiring).exit_code == 0
    assert retiring not in mentorai("tool-keys", "list").stdout
    refused = mentorai("tool-keys", "retire", active)
    assert refused.exit_code == 1
    assert "This key signs" in refused.stderr
    assert mentorai("tool-keys", "retire", "nothing").exit_code == 1


def test_doctor_notes_a_platform_without_the_newest_key(mentorai: Run) -> None:
    mentorai("registrations", "add", *PLATFORM)
    mentorai("tool-keys", "rotate")

    done = mentorai("doctor")

    assert "note   tool keys: Campus LMS has not fetched our key set" in done.stdout


def test_invitation_is_made_listed_and_withdrawn(mentorai: Run) -> None:
    made = mentorai("registrations", "invite", "--host", "lms.example.edu", "--hours", "5")
    assert re.fullmatch(r"http://localhost:8000/lti/register/mri_[\w-]{43}\n", made.stdout)
    assert "Works once by lms.example.edu, until" in made.stderr

    listed = mentorai("registrations", "invitations").stdout
    (invitation,) = re.findall(r"^(\S{36}) +lms\.example\.edu", listed, re.MULTILINE)
    assert "mri_" not in listed
    assert mentorai("registrations", "withdraw", invitation).exit_code == 0
    assert "No invitation is open" in mentorai("registrations", "invitations").stdout
    assert mentorai("registrations", "withdraw", invitation).exit_code == 1


def test_invitation_for_no_host_is_refused(mentorai: Run) -> None:
    done = mentorai("registrations", "invite", "--host", "not a host")

    assert done.exit_code == 1
    assert "expected_host" in done.stderr


def test_document_is_printed_as_the_family_wants_it(mentorai: Run) -> None:
    assert "canvas" in mentorai("registrations", "document").stdout
    canvas = json.loads(mentorai("registrations", "document", "canvas").stdout)
    assert canvas["oidc_initiation_url"] == "http://localhost:8000/lti/login"
    moodle = mentorai("registrations", "document", "moodle").stdout
    assert re.search(r"^Public keyset +http://localhost:8000/lti/jwks\.json$", moodle, re.M)
    assert re.search(r"^ {20,}context_id_history=", moodle, re.M)
    unknown = mentorai("registrations", "document", "nothing")
    assert unknown.exit_code == 1
    assert "canvas" in unknown.stderr


def test_registration_that_was_made_by_hand_is_not_updated_from_here(mentorai: Run) -> None:
    made = mentorai("registrations", "add", *PLATFORM)
    found = re.search(r"Registered as (\S+)\. ", made.stdout)
    assert found

    done = mentorai("registrations", "update", found[1])

    assert done.exit_code == 1
    assert "no way to change its registration" in done.stderr


def test_registration_is_enabled_again(mentorai: Run) -> None:
    made = mentorai("registrations", "add", *PLATFORM)
    found = re.search(r"Registered as (\S+)\. ", made.stdout)
    assert found
    mentorai("registrations", "disable", found[1])
    assert " disabled" in mentorai("registrations", "list").stdout

    assert mentorai("registrations", "enable", found[1]).exit_code == 0

    assert " active" in mentorai("registrations", "list").stdout
