"""`mentorai registrations`: deployments, roles and addresses of one LMS at a terminal."""

import os
import re
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from mentorai.core.engine import Engine
from mentorai.core.errors import DeploymentHeld
from mentorai.core.settings import Settings
from mentorai.lti.registrations import PENDING
from mentorai.lti.tool import Tool
from mentorai.web.commands import main

Run = Callable[..., Result]
FACTS = (
    "--issuer=https://lms.example",
    "--client-id=client-1",
    "--auth-url=https://lms.example/auth",
    "--token-url=https://lms.example/token",
    "--keyset-url=https://lms.example/jwks",
)
INSTRUCTOR = "http://purl.imsglobal.org/vocab/lis/v2/membership#Instructor"


@pytest.fixture
def mentorai(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Run:
    """Run `mentorai registrations` on an installation of its own."""
    for name in list(os.environ):
        if name.startswith("MENTORAI_"):
            monkeypatch.delenv(name)
    monkeypatch.setenv("MENTORAI_DATA_DIR", str(tmp_path / "data"))
    return lambda *arguments: CliRunner().invoke(
        main, ["registrations", *arguments], prog_name="mentorai"
    )


@pytest.fixture
def lms(mentorai: Run) -> str:
    """The id of an LMS that holds unknown deployments."""
    added = mentorai("add", *FACTS, "--unknown-deployments", "hold")
    return str(re.findall(r"[0-9a-f-]{36}", added.output)[0])


@pytest.fixture
def held(lms: str) -> str:
    """A deployment of it that waits."""
    engine = Engine.open(Settings.load(), plugins=[])
    tool = engine.room(Tool)
    registration = tool.registrations.get(engine.organizations.get().id, lms)
    with pytest.raises(DeploymentHeld):
        tool.deployments.admit(registration, "d-2", "Shore life")
    engine.close()
    return "d-2"


def test_new_lms_is_told_its_own_login_address(mentorai: Run) -> None:
    done = mentorai("add", *FACTS, "--deployment", "1")

    registration_id = re.findall(r"[0-9a-f-]{36}", done.output)[0]
    assert f"http://localhost:8000/lti/login/{registration_id}\n" in done.output


def test_lms_without_deployments_is_refused_unless_unknown_ones_may_wait(mentorai: Run) -> None:
    refused = mentorai("add", *FACTS)
    taken = mentorai("add", *FACTS, "--unknown-deployments", "accept")

    assert "deployment_ids:" in refused.stderr
    assert taken.exit_code == 0


def test_lms_is_shown_with_all_that_is_known(mentorai: Run, lms: str, held: str) -> None:
    mentorai("roles", "put", lms, "Instructor", "assistant")

    shown = mentorai("show", lms).output

    assert re.search(r"^Unknown deployments +hold$", shown, re.M)
    assert re.search(r"^Held deployments +d-2$", shown, re.M)
    assert re.search(rf"^Role {re.escape(INSTRUCTOR)} assistant$", shown, re.M)
    assert f"http://localhost:8000/lti/login/{lms}" in shown


def test_list_counts_what_waits(mentorai: Run, lms: str, held: str) -> None:
    assert re.search(r"client-1 +1 +active$", mentorai("list").output, re.M)


def test_held_deployment_is_listed_and_approved(mentorai: Run, lms: str, held: str) -> None:
    before = mentorai("deployments", "list", lms).output
    done = mentorai("deployments", "approve", lms, held)
    after = mentorai("deployments", "list", lms).output

    assert done.exit_code == 0
    assert re.search(r"^d-2 +held +\d{4}-\d\d-\d\d +Shore life$", before, re.M)
    assert re.search(r"^d-2 +active ", after, re.M)


def test_held_deployment_is_refused(mentorai: Run, lms: str, held: str) -> None:
    mentorai("deployments", "refuse", lms, held)

    assert re.search(r"^d-2 +refused ", mentorai("deployments", "list", lms).output, re.M)


@pytest.mark.parametrize(
    ("given", "audience"),
    [
        (("--family", "Brightspace"), "https://api.brightspace.com/auth/token"),
        (("--family", "brightspace", "--token-audience", "https://x.example"), "https://x.example"),
        (("--family", "canvas"), ""),
        ((), ""),
    ],
)
def test_family_of_a_new_lms_says_the_audience_of_its_tokens(
    mentorai: Run, given: tuple[str, ...], audience: str
) -> None:
    added = mentorai("add", *FACTS, "--deployment", "1", *given)

    engine = Engine.open(Settings.load(), plugins=[])
    (made,) = engine.room(Tool).registrations.list(engine.organizations.get().id)
    engine.close()
    assert added.exit_code == 0
    assert made.token_audience == audience
    assert made.family == (given[1].lower() if given else "")


def test_family_that_no_plugin_knows_is_taken_and_told(mentorai: Run) -> None:
    made = mentorai("add", *FACTS, "--deployment", "1", "--family", "lyceum")
    shown = mentorai("show", made.stdout.split()[2].rstrip("."))

    assert made.exit_code == 0
    assert made.stderr == "No plugin knows the family lyceum: it is served as any LMS is.\n"
    assert re.search(r"^Family +lyceum$", shown.stdout, re.MULTILINE)


def test_deployment_is_added_before_it_launches(mentorai: Run, lms: str) -> None:
    mentorai("deployments", "add", lms, "7")

    assert re.search(r"^7 +active ", mentorai("deployments", "list", lms).output, re.M)


def test_policy_is_chosen(mentorai: Run, lms: str) -> None:
    mentorai("deployments", "policy", lms, "accept")

    assert mentorai("deployments", "list", lms).output.endswith("Unknown ones: accept.\n")


def test_pending_lms_is_approved(mentorai: Run, lms: str) -> None:
    engine = Engine.open(Settings.load(), plugins=[])
    waiting = engine.room(Tool).registrations.add(
        engine.organizations.get().id,
        issuer="https://other.example",
        client_id="c",
        auth_url="https://other.example/auth",
        token_url="https://other.example/token",
        keyset_url="https://other.example/keys",
        deployment_ids=["1"],
        status=PENDING,
    )
    engine.close()

    mentorai("approve", waiting.id)

    assert re.search(rf"^{waiting.id} .* active$", mentorai("list").output, re.M)


def test_disabled_lms_is_enabled_again(mentorai: Run, lms: str) -> None:
    mentorai("disable", lms)
    mentorai("enable", lms)

    assert re.search(r"^Status +active$", mentorai("show", lms).output, re.M)


def test_role_is_put_listed_and_dropped(mentorai: Run, lms: str) -> None:
    mentorai("roles", "put", lms, "Instructor", "assistant")
    listed = mentorai("roles", "list", lms).output
    mentorai("roles", "drop", lms, "Instructor")

    assert re.search(rf"^{re.escape(INSTRUCTOR)} +assistant$", listed, re.M)
    assert mentorai("roles", "list", lms).output == "Every role is as usual.\n"


def test_role_in_the_institution_makes_staff_only_when_it_is_said(mentorai: Run, lms: str) -> None:
    given = ("roles", "put", lms, "urn:lti:instrole:ims/lis/Faculty", "instructor")

    refused = mentorai(*given)
    taken = mentorai(*given, "--beyond-course")

    assert "beyond_course:" in refused.stderr
    assert taken.exit_code == 0


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        (("show", "nowhere"), 1),
        (("approve", "nowhere"), 1),
        (("deployments", "list", "nowhere"), 1),
        (("deployments", "approve", "LMS", "nowhere"), 1),
        (("deployments", "add", "LMS", ""), 1),
        (("deployments", "policy", "LMS", "all"), 2),
        (("roles", "put", "LMS", "Learner", "god"), 2),
        (("roles", "put", "LMS", "Mentor", "instructor", "--beyond-course"), 1),
        (("roles", "drop", "LMS", "Learner"), 1),
    ],
)
def test_wrong_order_changes_nothing(
    mentorai: Run, lms: str, arguments: tuple[str, ...], code: int
) -> None:
    before = mentorai("show", lms).output

    done = mentorai(*(lms if each == "LMS" else each for each in arguments))

    assert done.exit_code == code
    assert done.stdout == ""
    assert mentorai("show", lms).output == before
