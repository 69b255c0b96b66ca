import re
from datetime import UTC, datetime
from pathlib import Path

import time_machine

from mentorai.core.clock import now

ROOT = Path(__file__).parents[2]


def test_clock_is_aware_and_utc() -> None:
    assert now().tzinfo is UTC


def test_clock_gives_the_present() -> None:
    moment = datetime(2026, 11, 23, 12, tzinfo=UTC)

    with time_machine.travel(moment, tick=False):
        assert now() == moment


def test_nobody_else_asks_for_the_time_of_day() -> None:
    askers = [
        path.relative_to(ROOT).as_posix()
        for folder in ("core", "lti", "plugins", "web")
        for path in (ROOT / folder).rglob("*.py")
        if re.search(r"datetime\.(now|utcnow|today)\(", path.read_text("utf-8"))
    ]

    assert askers == ["core/clock.py"]
