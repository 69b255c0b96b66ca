"""Requests that are answered one at a time, and one that takes too long."""

import threading
import time
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from typing import Any

import pytest
from werkzeug.test import Client
from werkzeug.wrappers import Response

from mentorai.web import one_at_a_time
from mentorai.web.one_at_a_time import OneAtATime


def answer(environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
    return Response("done")(environ, start_response)


def test_requests_do_not_run_beside_each_other(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(one_at_a_time, "PATIENCE_SECONDS", 60.0)
    inside, most = [], []

    def application(environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        inside.append(1)
        most.append(len(inside))
        time.sleep(0.001)
        inside.pop()
        return answer(environ, start_response)

    queue = OneAtATime(application)
    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda _: Client(queue).get("/").text, range(40)))
    assert answers == ["done"] * 40
    assert max(most) == 1


def test_who_comes_later_does_not_go_first(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(one_at_a_time, "PATIENCE_SECONDS", 60.0)
    answered: list[str] = []
    begun, goes_on = threading.Event(), threading.Event()

    def application(environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        begun.set()
        assert goes_on.wait(60)
        answered.append(environ["PATH_INFO"])
        return answer(environ, start_response)

    queue = OneAtATime(application)

    def ask(*paths: str) -> None:
        for path in paths:
            Client(queue).get(path)

    with ThreadPoolExecutor(4) as pool:
        # The first one's thread asks again while those who wait are still to wake up.
        asking = [pool.submit(ask, "/1", "/5", "/6")]
        assert begun.wait(60)
        for path in ("/2", "/3", "/4"):
            asking.append(pool.submit(ask, path))
            time.sleep(0.2)
        goes_on.set()
        for each in asking:
            each.result()
    assert answered == ["/1", "/2", "/3", "/4", "/5", "/6"]


def test_a_request_that_waits_for_somebody_else_holds_nobody_up() -> None:
    begun, goes_on = threading.Event(), threading.Event()

    def application(environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        if environ["PATH_INFO"] == "/slow":
            begun.set()
            assert goes_on.wait(60)
        return answer(environ, start_response)

    queue = OneAtATime(application)
    with ThreadPoolExecutor(1) as pool:
        slow = pool.submit(lambda: Client(queue).get("/slow").text)
        assert begun.wait(60)
        assert [Client(queue).get("/").text for _ in range(3)] == ["done"] * 3
        goes_on.set()
        assert slow.result() == "done"


def test_a_request_that_fails_lets_the_next_one_go(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(one_at_a_time, "PATIENCE_SECONDS", 60.0)

    def application(environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        if environ["PATH_INFO"] == "/broken":
            raise ZeroDivisionError
        return answer(environ, start_response)

    queue = OneAtATime(application)
    with pytest.raises(ZeroDivisionError):
        Client(queue).get("/broken")
    assert Client(queue).get("/").text == "done"


@pytest.mark.parametrize(
    ("method", "path", "most"),
    [("GET", "/api/v1/key", 2), ("POST", "/api/v1/grades", 1), ("GET", "/lti/login", 1)],
)
def test_what_only_reads_by_the_api_waits_for_nobody(
    monkeypatch: pytest.MonkeyPatch, method: str, path: str, most: int
) -> None:
    monkeypatch.setattr(one_at_a_time, "PATIENCE_SECONDS", 60.0)
    met = threading.Barrier(2)
    inside, seen = [], []

    def application(environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        inside.append(1)
        with suppress(threading.BrokenBarrierError):
            met.wait(60 if most == 2 else 0.1)
        seen.append(len(inside))
        inside.pop()
        return answer(environ, start_response)

    queue = OneAtATime(application)
    with ThreadPoolExecutor(2) as pool:
        list(pool.map(lambda _: Client(queue).open(path, method=method).text, range(2)))
    assert max(seen) == most
