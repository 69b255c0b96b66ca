"""Calling a hook as somebody who trusts nobody: within a time, and with nothing unforeseen."""

import threading
import traceback
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from mentorai.core.errors import MentorAIError, PluginFailed
from mentorai.plugins.sandbox.certification.case import Failed, LeftOut

Answer = TypeVar("Answer")
# The toolkit's own frames, which say nothing to the author of a plugin.
OURS = ("plugin_manager.py", "calls.py", "threading.py", "bench.py")


class Hung(LeftOut):
    """The hook did not answer in time, here or before."""


@dataclass
class _Outcome:
    answer: object = None
    error: BaseException | None = None


def call_within(seconds: float, hook: str, act: Callable[[], Answer]) -> Answer:
    """What `act` gives; it is left behind in a thread of its own when its time is up.

    Raises Hung; Failed for what is no error of ours; the errors of ours as they come.
    """
    outcome = _Outcome()

    def run() -> None:
        try:
            outcome.answer = act()
        except BaseException as error:
            # Also SystemExit, which would end a thread without a word.
            outcome.error = error

    thread = threading.Thread(target=run, name=f"hook {hook}", daemon=True)
    thread.start()
    thread.join(seconds)
    if thread.is_alive():
        raise Hung(f"{hook} gave no answer in {seconds:g} s; see run.time")
    if outcome.error is not None:
        raise read_error(hook, outcome.error) from outcome.error
    answer: Answer = outcome.answer  # type: ignore[assignment]
    return answer


def read_error(hook: str, error: BaseException) -> Exception:
    """An error of ours, or of a case, as it is; anything else as a failure that says where."""
    if isinstance(error, PluginFailed) and error.__cause__ is not None:
        error = error.__cause__
    if isinstance(error, MentorAIError | Failed | LeftOut):
        return error
    words = " ".join(str(error).split())[:200]
    said = f"{type(error).__name__} ({words})" if words else type(error).__name__
    return Failed(f"{hook} raised {said}{_find_place(error)}")


def _find_place(error: BaseException) -> str:
    frames = traceback.extract_tb(error.__traceback__)
    theirs = [each for each in frames if Path(each.filename).name not in OURS]
    if not theirs:
        return ""
    last = theirs[-1]
    return f" at {Path(last.filename).name}:{last.lineno}"
