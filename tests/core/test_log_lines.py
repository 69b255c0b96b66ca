"""Lines of the log that are gathered, and those that never wait."""

import os
import subprocess
import sys
import threading
import time

import pytest

from mentorai.core import log_lines
from mentorai.core.log_lines import LogLines


class Written:
    """What has come to standard error so far."""

    def __init__(self, capsys: pytest.CaptureFixture[str]) -> None:
        self._capsys = capsys
        self._text = ""

    def read(self) -> str:
        self._text += self._capsys.readouterr().err
        return self._text

    def wait_for(self, text: str) -> str:
        """What has come as soon as it is this, or at last."""
        deadline = time.monotonic() + 20
        while self.read() != text and time.monotonic() < deadline:
            time.sleep(0.01)
        return self._text


@pytest.fixture
def written(capsys: pytest.CaptureFixture[str]) -> Written:
    return Written(capsys)


def gathering(monkeypatch: pytest.MonkeyPatch, seconds: float) -> LogLines:
    monkeypatch.setattr(log_lines, "GATHER_SECONDS", seconds)
    lines = LogLines()
    lines.gather()
    return lines


def test_line_is_written_at_once_where_none_are_gathered(written: Written) -> None:
    LogLines().info("one")

    assert written.read() == "one\n"


def test_gathered_lines_are_written_soon_and_in_order(
    monkeypatch: pytest.MonkeyPatch, written: Written
) -> None:
    lines = gathering(monkeypatch, 0.05)

    for number in range(3):
        lines.info(str(number))

    assert written.wait_for("0\n1\n2\n") == "0\n1\n2\n"


def test_lines_are_gathered_again_after_some_were_written(
    monkeypatch: pytest.MonkeyPatch, written: Written
) -> None:
    lines = gathering(monkeypatch, 0.01)
    lines.info("first")
    written.wait_for("first\n")

    lines.info("second")

    assert written.wait_for("first\nsecond\n") == "first\nsecond\n"


def test_trouble_is_told_at_once_with_what_was_said_before_it(
    monkeypatch: pytest.MonkeyPatch, written: Written
) -> None:
    lines = gathering(monkeypatch, 3600)
    lines.info("asked")

    lines.warning("refused")

    assert written.read() == "asked\nrefused\n"


def test_nobody_s_memory_fills_with_lines_that_nobody_takes(
    monkeypatch: pytest.MonkeyPatch, written: Written
) -> None:
    monkeypatch.setattr(log_lines, "GATHERED_LINES", 3)
    lines = gathering(monkeypatch, 3600)

    for number in range(5):
        lines.info(str(number))

    assert written.read() == "0\n1\n2\n3\n"
    lines.write()


def test_no_line_of_many_threads_is_lost(monkeypatch: pytest.MonkeyPatch, written: Written) -> None:
    lines = gathering(monkeypatch, 0.001)

    def say(name: int) -> None:
        for number in range(2_000):
            lines.info(f"{name}.{number}")

    threads = [threading.Thread(target=say, args=(name,)) for name in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    lines.write()

    said = written.read().splitlines()
    assert sorted(said) == sorted(f"{name}.{n}" for name in range(4) for n in range(2_000))


WRITER = """
import sys
from mentorai.core import log_lines
log_lines.GATHER_SECONDS = 3600
lines = log_lines.LogLines()
lines.gather()
for number in range(400):
    lines.info(sys.argv[1] * 99)
"""


def test_what_was_gathered_is_written_when_its_process_ends() -> None:
    ended = subprocess.run(
        [sys.executable, "-c", WRITER, "a"], capture_output=True, text=True, check=True
    )

    assert ended.stderr == ("a" * 99 + "\n") * 400


def test_lines_of_several_processes_into_one_pipe_stay_whole() -> None:
    reader, pipe = os.pipe()
    writers = [
        subprocess.Popen([sys.executable, "-c", WRITER, letter], stderr=pipe) for letter in "abcd"
    ]
    os.close(pipe)
    with open(reader) as stream:
        said = stream.read().splitlines()
    for writer in writers:
        writer.wait()

    assert sorted(said) == [letter * 99 for letter in "abcd" for _ in range(400)]
