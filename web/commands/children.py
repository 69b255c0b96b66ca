"""Processes that belong to this one: started, started again when they crash, never orphaned."""

import ctypes
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Mapping
from contextlib import ExitStack
from pathlib import Path

PAUSE_SECONDS = (1.0, 2.0, 5.0, 15.0, 30.0)
STEADY_SECONDS = 60.0
PR_SET_PDEATHSIG = 1


def die_with(parent_pid: int) -> None:
    """Have this process stopped by SIGTERM when its parent is gone, however that came about."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGTERM)
    elif hasattr(os, "getppid"):
        threading.Thread(target=_watch, args=(parent_pid,), daemon=True).start()
    if os.getppid() != parent_pid:
        # It was gone before we asked to be told.
        sys.exit(1)


def _watch(parent_pid: int) -> None:
    while os.getppid() == parent_pid:
        time.sleep(1.0)
    os.kill(os.getpid(), signal.SIGTERM)


class Child:
    """One `mentorai` process of ours.

    arguments: as on the command line. environment: added to this process's own.
    log: a file that takes what it prints; None: it prints where this process does.
    """

    def __init__(
        self,
        *arguments: str,
        environment: Mapping[str, str] | None = None,
        log: Path | None = None,
    ) -> None:
        self.name = arguments[0]
        self._arguments = arguments
        self._environment = dict(environment or {})
        self._log = log
        self._process: subprocess.Popen[bytes] | None = None
        self._started_at = 0.0
        self._crashes = 0
        self._start_at: float | None = None

    def start(self) -> None:
        """Start the process.

        It has a process group of its own, so that Ctrl-C reaches this process alone, which then
        ends its children one after another.
        """
        own = [sys.executable, "-m", "mentorai.web.commands", "--parent", str(os.getpid())]
        with ExitStack() as stack:
            output = stack.enter_context(self._log.open("ab")) if self._log else None
            self._process = subprocess.Popen(  # noqa: S603  our own program, no shell
                [*own, *self._arguments],
                env=os.environ | self._environment,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                process_group=0 if sys.platform != "win32" else None,
            )
        self._started_at = time.monotonic()
        self._start_at = None

    @property
    def pid(self) -> int | None:
        """The process, while there is one."""
        return self._process.pid if self._process else None

    def is_running(self) -> bool:
        """Whether the process lives."""
        return self._process is not None and self._process.poll() is None

    def tend(self) -> None:
        """Start the process, and again when it has died: after a pause that grows each time."""
        moment = time.monotonic()
        if self._process is None:
            self.start()
        if self.is_running():
            return
        if self._start_at is None:
            steady = moment - self._started_at > STEADY_SECONDS
            self._crashes = 0 if steady else self._crashes
            pause = PAUSE_SECONDS[min(self._crashes, len(PAUSE_SECONDS) - 1)]
            self._crashes += 1
            self._start_at = moment + pause
            print(f"mentorai {self.name} ended; again in {pause:.0f} s.", file=sys.stderr)
        elif moment >= self._start_at:
            self.start()

    def ask_to_stop(self) -> None:
        """Send SIGTERM, if there is anyone to get it."""
        if self._process is not None and self.is_running():
            self._process.terminate()

    def stop(self, timeout_seconds: float = 10.0) -> None:
        """End the process: by SIGTERM, and when it takes too long by SIGKILL."""
        self.ask_to_stop()
        if self._process is None:
            return
        try:
            self._process.wait(timeout_seconds)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
