"""A worker process with the plugins of every LMS, less patient than in real life."""

import os
import sys
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import NamedTuple

from mentorai.core.engine import Engine
from mentorai.core.settings import Settings
from mentorai.plugins import blackboard, brightspace, canvas, lti_launch, moodle, openedx, sakai
from mentorai.plugins.sandbox.tokens import LIFETIME_SECONDS

PLUGINS = [
    ("lti_launch", lti_launch),
    ("canvas", canvas),
    ("moodle", moodle),
    ("blackboard", blackboard),
    ("brightspace", brightspace),
    ("sakai", sakai),
    ("openedx", openedx),
]
# A token costs Canvas' bucket what leaks in 20 s, and under fire another is wanted every few
# seconds: so it leaks so much quicker, on both sides.
QUICKER = 20
QUICK_BUCKET = replace(canvas.BUCKET, leak_per_second=canvas.BUCKET.leak_per_second * QUICKER)


class Haste(NamedTuple):
    """How long the worker waits for what, in seconds."""

    lease: float = 8.0
    finding: float = 5.0
    # How long a token serves; the sandbox's own lasts an hour.
    token: float = 3_540.0
    rests: tuple[float, ...] = (1, 1, 2)
    trial: float = 5.0
    backoff: tuple[float, ...] = (1, 1, 2, 3)
    # Longer than the LMS is slow.
    unheard: float = 3.0
    # Not less than the LMS's clock jumps: what came before a jump back stands in the way so long.
    stale: tuple[float, ...] = (2, 30, 60)
    read: float = 1.0
    turn: float = 2.0


def work(folder: str, url: str, haste: Haste) -> None:
    """Bring scores until this process, or the one that started it, ends."""
    from mentorai.core import line_items, outbox, outbox_rows, platform_rests, retries
    from mentorai.core.jobs import run_worker
    from mentorai.lti import budgets, host_gates, platform_http, tokens

    outbox.HANDED_SECONDS = outbox.WAKE_SECONDS = 1.0
    line_items.FINDING = timedelta(seconds=haste.finding)
    platform_rests.REST_SECONDS = haste.rests  # type: ignore[assignment]
    platform_rests.TRIAL = timedelta(seconds=haste.trial)
    retries.BACKOFF_SECONDS = haste.backoff  # type: ignore[assignment]
    retries.UNHEARD_SECONDS = outbox_rows.UNHEARD_SECONDS = haste.unheard
    retries.STALE_SECONDS = haste.stale  # type: ignore[assignment]
    tokens.MARGIN = timedelta(seconds=LIFETIME_SECONDS - haste.token)
    platform_http.READ_SECONDS = haste.read
    budgets.TURN_SECONDS = host_gates.TURN_SECONDS = host_gates.COME_BACK_SECONDS = haste.turn
    canvas.BUCKET = QUICK_BUCKET
    settings = Settings(data_dir=Path(folder), public_url=url, allow_loopback_platforms=True)
    engine = Engine.open(settings, plugins=PLUGINS)
    engine.outbox.lease_seconds = haste.lease
    # Its log is of no use here.
    for stream in (sys.stdout, sys.stderr):
        os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())
    run_worker(engine, parent_pid=os.getppid())
    engine.close()
