"""Worker processes that may be killed, forked from one that has imported everything already.

The imports are most of what a worker's start costs, and a test that kills many pays them once.
"""

import sys
from collections.abc import Callable
from multiprocessing import get_context
from multiprocessing.context import ForkServerProcess
from pathlib import Path

from mentorai.core.lease_holders import issue_lease

NURSERY = get_context("forkserver")
NURSERY.set_forkserver_preload(["mentorai.core.jobs", "mentorai.core.engine", "huey.consumer"])
# A process that starts looks for `tests` where this one does; pytest finds it without a path.
ROOT = str(Path(__file__).parents[2])


def start_worker(work: Callable[..., None], *facts: object) -> ForkServerProcess:
    """A process that does `work`, a function of a module, with these facts."""
    worker = NURSERY.Process(target=work, args=facts)
    sys.path.append(ROOT)
    try:
        worker.start()
    finally:
        sys.path.remove(ROOT)
    return worker


def dead_lease() -> str:
    """A lease of a process of this machine that is there no more: its number is ours by now."""
    machine, pid, started, count = issue_lease().split("-")
    return f"{machine}-{pid}-{int(started, 16) - 1:x}-{count}"
