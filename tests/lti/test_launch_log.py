"""The launch log itself: what is kept, for how long, and how little a flood can do."""

import json
import subprocess
import sys
import threading
from datetime import timedelta
from typing import Any

import pytest
import structlog
import time_machine
from hypothesis import given
from hypothesis import strategies as st

from mentorai.core.clock import now
from mentorai.core.engine import Engine
from mentorai.core.organizations import Organization
from mentorai.core.settings import Settings
from mentorai.core.values import Launch, Role
from mentorai.lti import launch_log
from mentorai.lti.browsers import name_browser
from mentorai.lti.launch_log import LaunchLog
from mentorai.lti.launch_log_rows import Sender, Visit
from mentorai.lti.redaction import redact_claims
from mentorai.lti.tool import Tool
from tests.fakes.signing_platform import CLAIM, SigningPlatform

REFERENCE = "7KQ2-XM4D-90TZ"


@pytest.fixture
def log(engine: Engine) -> LaunchLog:
    return engine.room(Tool).launch_log


def make_launch(organization: Organization, registration_id: str = "r1") -> Launch:
    return Launch(
        organization_id=organization.id,
        registration_id=registration_id,
        deployment_id="1",
        issuer="https://lms.example",
        client_id="tool",
        family_code="",
        message_type="LtiResourceLinkRequest",
        subject="s",
        role=Role.LEARNER,
        target="/",
    )


def refuse(log: LaunchLog, sender: Sender, reference: str = REFERENCE, **facts: Any) -> None:
    given = {"code": "claim_missing", "reason": "", "clause": ""} | facts
    log.note_refused(sender, visit=Visit(reference, ""), **given)


def test_newest_come_first_and_pages_do_not_overlap(
    log: LaunchLog, organization: Organization
) -> None:
    for number in range(5):
        visit = Visit(f"reference-{number}", "")
        log.note_admitted(make_launch(organization), claims={}, way="cookie", visit=visit)
    log.flush()

    count, first = log.list(organization.id, page_size=3)
    _, second = log.list(organization.id, page=2, page_size=3)

    assert count == 5
    found = [entry.reference for entry in (*first, *second)]
    assert found == [f"reference-{n}" for n in (4, 3, 2, 1, 0)]


def test_another_organization_sees_nothing(engine: Engine, log: LaunchLog) -> None:
    refuse(log, Sender(issuer="https://lms.example"))
    log.flush()
    other = engine.organizations.put("other", "Other")

    assert log.list(other.id) == (0, [])
    assert log.count_outcomes(other.id, None) == {}


def test_stray_belongs_to_the_organization_that_alone_knows_its_issuer(
    engine: Engine, log: LaunchLog, organization: Organization
) -> None:
    other = engine.organizations.put("other", "Other")
    engine.room(Tool).registrations.add(
        other.id,
        issuer="https://lms.example",
        client_id="tool",
        auth_url="https://lms.example/auth",
        token_url="https://lms.example/token",
        keyset_url="https://lms.example/keys",
        deployment_ids=["1"],
    )

    refuse(log, Sender(issuer="https://lms.example", client_id="mistyped"))
    refuse(log, Sender(issuer="https://nobody.example"))
    log.flush()

    assert [entry.client_id for entry in log.list(other.id)[1]] == ["mistyped"]
    assert [entry.issuer for entry in log.list(organization.id)[1]] == ["https://nobody.example"]


def test_registration_keeps_its_last_ones(
    log: LaunchLog, organization: Organization, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(launch_log, "KEPT_VERIFIED", 20)
    monkeypatch.setattr(launch_log, "PRUNE_EVERY", 10)
    for number in range(100):
        visit = Visit(f"r{number:03}", "")
        log.note_admitted(make_launch(organization), claims={}, way="cookie", visit=visit)
        if number % 7 == 0:
            log.flush()
    log.flush()

    count, entries = log.list(organization.id, page_size=200)

    assert 20 <= count < 20 + 10 + 7
    assert entries[0].reference == "r099"


def test_forged_messages_do_not_push_out_what_the_platform_sent(
    log: LaunchLog, organization: Organization, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(launch_log, "KEPT_UNVERIFIED", 10)
    monkeypatch.setattr(launch_log, "PRUNE_EVERY", 5)
    log.note_admitted(make_launch(organization), claims={}, way="cookie", visit=Visit("mine", ""))
    for _ in range(20):
        for _ in range(10):
            refuse(log, Sender("r1"))
        log.flush()

    assert log.list(organization.id, reference="mine")[0] == 1
    assert log.list(organization.id)[0] <= 1 + 10 + 5


def test_flood_of_strangers_is_written_a_little_and_counted(
    log: LaunchLog, organization: Organization
) -> None:
    for number in range(1_000):
        refuse(log, Sender(issuer=f"https://stranger-{number}.example"))
    log.note_admitted(make_launch(organization), claims={}, way="cookie", visit=Visit("mine", ""))

    with structlog.testing.capture_logs() as lines:
        log.flush()

    assert log.list(organization.id)[0] == launch_log.BURST_UNVERIFIED + 1
    assert log.list(organization.id, reference="mine")[0] == 1
    assert [line["left_out"] for line in lines] == [1_000 - launch_log.BURST_UNVERIFIED]


def test_old_entries_go(
    log: LaunchLog, organization: Organization, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(launch_log, "AGE_SECONDS", 0.0)
    with time_machine.travel(now() - timedelta(days=31), tick=False):
        refuse(log, Sender("r1"), "old-one")
        log.flush()

    refuse(log, Sender("r2"), "new-one")
    log.flush()

    assert [entry.reference for entry in log.list(organization.id)[1]] == ["new-one"]


def test_closing_writes_what_waits(settings: Settings, organization: Organization) -> None:
    engine = Engine.open(settings, plugins=[])
    refuse(engine.room(Tool).launch_log, Sender(), "last-one")
    engine.close()

    again = Engine.open(settings, plugins=[])
    count, _ = again.room(Tool).launch_log.list(organization.id, reference="last-one")
    again.close()
    assert count == 1


def test_log_that_cannot_be_written_stops_nobody(log: LaunchLog, engine: Engine) -> None:
    with engine.database.write() as connection:
        connection.exec_driver_sql("ALTER TABLE launch_log RENAME TO elsewhere")
    refuse(log, Sender())

    with structlog.testing.capture_logs() as lines:
        log.flush()

    with engine.database.write() as connection:
        connection.exec_driver_sql("ALTER TABLE elsewhere RENAME TO launch_log")
    assert [line["event"] for line in lines] == ["launch_log_not_written"]


def test_notes_of_many_threads_are_all_kept(log: LaunchLog, organization: Organization) -> None:
    def work(name: int) -> None:
        for number in range(50):
            visit = Visit(f"{name}-{number}", "")
            log.note_admitted(make_launch(organization), claims={}, way="", visit=visit)
            if number % 20 == 0:
                log.flush()

    threads = [threading.Thread(target=work, args=(name,)) for name in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    log.flush()

    assert log.list(organization.id)[0] == 200


def test_process_that_ends_leaves_no_thread_behind(settings: Settings) -> None:
    program = (
        "import sys; from pathlib import Path\n"
        "from mentorai.core.engine import Engine; from mentorai.core.settings import Settings\n"
        "from mentorai.lti.launch_log_rows import Sender, Visit\n"
        "from mentorai.lti.tool import Tool\n"
        "engine = Engine.open(Settings(data_dir=Path(sys.argv[1])), plugins=[])\n"
        "log = engine.room(Tool).launch_log\n"
        "log.note_refused(Sender(), code='x', reason='', clause='', visit=Visit('', ''))"
    )

    done = subprocess.run(
        [sys.executable, "-c", program, str(settings.data_dir / "apart")],
        capture_output=True,
        text=True,
        timeout=30,
    )

    assert (done.returncode, done.stderr) == (0, "")


def test_outcomes_are_counted(log: LaunchLog, organization: Organization) -> None:
    for code in ("nonce_reused", "claim_missing", "nonce_reused"):
        refuse(log, Sender("r1"), code=code)
    log.flush()

    found = log.count_outcomes(organization.id, "r1")

    assert list(found.items()) == [("nonce_reused", 2), ("claim_missing", 1)]
    assert log.count_outcomes(organization.id, "r1", since=now() + timedelta(minutes=1)) == {}


# --- what is shown ------------------------------------------------------------------------


def test_values_of_persons_are_not_shown() -> None:
    platform = SigningPlatform(None, "https://mentor.example")  # type: ignore[arg-type]
    claims = platform.claims("the-nonce", roles=["Learner", "ada@example.edu", {"x": 1}])

    found = redact_claims(claims)

    assert found["values"]["roles"] == ["Learner", "(not shown)", "(not shown)"]
    assert found["values"]["version"] == "1.3.0"
    assert {"email", "nonce", "custom", "context.id"} <= set(found["names"])
    text = json.dumps(found)
    for secret in ("Ada", "ada@", "the-nonce", "Shore life", "type_id=1", "/return"):
        assert secret not in text


json_values = st.recursive(
    st.none() | st.booleans() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=20), inner),
    max_leaves=10,
)
claim_names = st.sampled_from(
    [f"{CLAIM}roles", f"{CLAIM}context", f"{CLAIM}tool_platform", f"{CLAIM}version", "sub"]
)


@given(st.dictionaries(claim_names | st.text(max_size=300), json_values, max_size=100))
def test_any_claims_can_be_kept(claims: dict[str, Any]) -> None:
    found = redact_claims(claims)

    kept = json.dumps(found)
    assert "@" not in kept
    assert "?" not in kept
    assert len(kept) < 40_000


@pytest.mark.parametrize(
    ("user_agent", "name"),
    [
        (
            "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) "
            "Chrome/131.0.0.0 Safari/537.36 Edg/131.0.0.0",
            "Edge 131 on Windows",
        ),
        (
            "Mozilla/5.0 (X11; CrOS x86_64 14541.0.0) AppleWebKit/537.36 (KHTML, like Gecko) "
            "Chrome/130.0.0.0 Safari/537.36",
            "Chrome 130 on ChromeOS",
        ),
        (
            "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15 (KHTML, like "
            "Gecko) Version/18.1 Safari/605.1.15",
            "Safari 18 on macOS",
        ),
        (
            "Mozilla/5.0 (iPhone; CPU iPhone OS 18_1 like Mac OS X) AppleWebKit/605.1.15 (KHTML, "
            "like Gecko) CriOS/131.0.6778.73 Mobile/15E148 Safari/604.1",
            "Chrome 131 on iOS",
        ),
        (
            "Mozilla/5.0 (iPhone; CPU iPhone OS 17_6 like Mac OS X) AppleWebKit/605.1.15 (KHTML, "
            "like Gecko) Mobile/15E148",
            "App on iOS",
        ),
        ("Mozilla/5.0 (X11; Linux x86_64; rv:133.0) Gecko/20100101 Firefox/133.0", "Firefox 133"),
        (
            "Mozilla/5.0 (Linux; Android 14; SM-S921B) AppleWebKit/537.36 (KHTML, like Gecko) "
            "SamsungBrowser/27.0 Chrome/125.0.0.0 Mobile Safari/537.36",
            "Samsung Internet 27 on Android",
        ),
        ("python-requests/2.32", "Other"),
        ("", "Other"),
        ("Chrome/" + "9" * 10_000, "Chrome 9999"),
    ],
)
def test_browser_is_named_coarsely(user_agent: str, name: str) -> None:
    assert name_browser(user_agent).startswith(name)
