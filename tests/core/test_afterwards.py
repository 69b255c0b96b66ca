"""What is done a moment after something happened."""

import threading
import time

import pytest

from mentorai.core import afterwards
from mentorai.core.afterwards import Afterwards


def wait_for(held, seconds: float = 30.0) -> bool:
    deadline = time.monotonic() + seconds
    while not held() and time.monotonic() < deadline:
        time.sleep(0.005)
    return bool(held())


def test_it_is_done_once_for_all_who_ask_meanwhile():
    done: list[str] = []
    soon = Afterwards(lambda: done.append(threading.current_thread().name), 0.05)

    for _ in range(100):
        soon.ask()

    assert wait_for(lambda: done)
    time.sleep(0.2)
    assert len(done) == 1


def test_one_thread_does_it_again_and_again():
    done: list[int] = []
    soon = Afterwards(lambda: done.append(threading.get_ident()), 0.01)

    for number in range(1, 4):
        soon.ask()
        assert wait_for(lambda number=number: len(done) == number)

    assert len(set(done)) == 1


def test_what_happens_while_it_is_done_is_not_forgotten():
    done, goes_on = [], threading.Event()

    def act() -> None:
        done.append(1)
        assert goes_on.wait(30)

    soon = Afterwards(act, 0.01)
    soon.ask()
    assert wait_for(lambda: done)
    soon.ask()
    goes_on.set()

    assert wait_for(lambda: len(done) == 2)


def test_its_thread_ends_when_nobody_asks_and_another_begins(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(afterwards, "IDLE_SECONDS", 0.01)
    threads: list[threading.Thread] = []
    soon = Afterwards(lambda: threads.append(threading.current_thread()), 0.01)

    soon.ask()
    assert wait_for(lambda: threads and not threads[0].is_alive())
    soon.ask()

    assert wait_for(lambda: len(threads) == 2)


def test_it_is_done_again_after_it_failed():
    tries: list[int] = []

    def fail() -> None:
        tries.append(1)
        raise ZeroDivisionError

    soon = Afterwards(fail, 0.01)
    for number in (1, 2):
        soon.ask()
        assert wait_for(lambda number=number: len(tries) == number)
