"""How fast scores reach a gradebook: ours against an ideal client and against pylti1p3's.

Run: .venv/bin/python tests/bench/grade_sync.py [--only rates free bucket fairness roster]
         [--scores 600] [--students 30000] [--speed 6] [--backlog 100000] [--members 50000]

The platform (grade_platform.py) is a process of its own; our worker runs in this one, and CPU is
this process's, its own look at the outbox with it. Only the ratios within one run mean anything.

rates     8 calls at once 20 ms away and 32 at once 200 ms away; `ideal` are as many kept-open
          connections that do nothing but post; `pylti1p3` makes a service object for each score,
          as its README shows, one after the other. CPU a score has the start in it: the first
          worker of an installation makes the tool key, and every one has its threads and
          connections, its token and its column to come by. What one costs that brings a single
          score is told apart, and is subtracted nowhere
free      a backlog 100 ms away, 32 at once
bucket    the same with Canvas' leaky bucket; a score costs 0.25 units. --speed: in both, answers
          come and the bucket leaks so many times faster, or it would take a quarter of an hour
fairness  how long fresh grades of one LMS take while another's backlog drains
roster    one course, read and kept: seconds, and what memory grew by at most
"""

import argparse
import http.client
import resource
import statistics
import tempfile
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from grade_installation import Course, add_course, add_scores, open_installation
from grade_platform import HIGH_WATER, LEAK, read_counts, running_platform

from mentorai.core.engine import Engine
from mentorai.core.jobs import run_worker
from mentorai.lti.tool import Tool

SCENES = ("rates", "free", "bucket", "fairness", "roster")
COST = 0.25
PROBES = 100


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--only", nargs="+", choices=SCENES, default=SCENES)
    parser.add_argument("--scores", type=int, default=600)
    parser.add_argument("--students", type=int, default=30_000)
    parser.add_argument("--speed", type=int, default=6)
    parser.add_argument("--backlog", type=int, default=100_000)
    parser.add_argument("--members", type=int, default=50_000)
    chosen = parser.parse_args()
    with running_platform(COST, LEAK * chosen.speed) as address:
        if "rates" in chosen.only:
            measure_rates(address, chosen.scores, delay_ms=20, at_once=8)
            measure_rates(address, chosen.scores, delay_ms=200, at_once=32)
        if "free" in chosen.only:
            measure_backlog(address, chosen.students, "capped", chosen.speed)
        if "bucket" in chosen.only:
            measure_backlog(address, chosen.students, "counted", chosen.speed)
        if "fairness" in chosen.only:
            measure_fairness(address, chosen.backlog)
        if "roster" in chosen.only:
            measure_roster(address, chosen.members)


def measure_rates(address: str, count: int, *, delay_ms: int, at_once: int) -> None:
    """Ours and the ideal in turn, three rounds; pylti1p3 once, a few scores."""
    ratios, cpu, starts = [], [], []
    for number in range(3):
        name = f"ours-{delay_ms}-{number}"
        ideal = run_ideal(f"{address}/ideal/{delay_ms}/scores", count, at_once)
        with installation(at_once) as engine:
            cpu.append(measure_cpu(engine, f"{address}/{name}/{delay_ms}", count) / count)
        with installation(at_once) as engine:
            starts.append(measure_cpu(engine, f"{address}/start-{name}/{delay_ms}", 1))
        counts = read_counts(address)
        ours = read_rate(counts, name, count)
        ratios.append(ours / ideal)
        tokens = counts["counts"][f"{name}/token"] * 1000 / count
        print(
            f"{delay_ms} ms, {at_once} at once: ours {ours:.0f}/s, ideal {ideal:.0f}/s, "
            f"ratio {ratios[-1]:.2f}, CPU {cpu[-1]:.2f} ms a score, {tokens:.1f} tokens per 1,000, "
            f"a start {starts[-1]:.0f} ms"
        )
    theirs = run_pylti1p3(f"{address}/pylti1p3/{delay_ms}", 10)
    print(
        f"{delay_ms} ms: ours/ideal {statistics.median(ratios):.2f}, "
        f"CPU {statistics.median(cpu):.2f} ms a score, a start {statistics.median(starts):.0f} ms; "
        f"pylti1p3 {theirs:.1f}/s",
        flush=True,
    )


def measure_cpu(engine: Engine, address: str, count: int) -> float:
    """Milliseconds of CPU of a worker that brings so many scores of one course."""
    add_scores(engine, add_course(engine, address), count)
    began = time.process_time()
    with working(engine):
        wait_until_sent(engine)
        return (time.process_time() - began) * 1000


def measure_backlog(address: str, students: int, family: str, speed: int) -> None:
    """A backlog without a bucket (capped) or with it (counted); nothing is extrapolated."""
    name, is_counted = f"canvas-{family}", family == "counted"
    path = "/bucket" if is_counted else ""
    with installation(32, LEAK * speed) as engine:
        course = add_course(engine, f"{address}/{name}/{100 // speed}{path}", family)
        add_scores(engine, course, students)
        began = time.process_time()
        with working(engine):
            wait_until_sent(engine)
        cpu = (time.process_time() - began) * 1000 / students
    counts = read_counts(address)
    rate = read_rate(counts, name, students)
    # Full at the end, empty at first, and the token's cost in it.
    alone = max(0.0, (students * COST - HIGH_WATER) / (LEAK * speed))
    print(
        f"{students} students, {family}, {speed} times as fast: {students / rate:.0f} s "
        f"({rate:.0f}/s), refused {counts['counts'].get(f'{name}/refused', 0)}, CPU {cpu:.2f} ms "
        "a score" + (f", the bucket alone {alone:.0f} s" if is_counted else ""),
        flush=True,
    )


def measure_fairness(address: str, backlog: int) -> None:
    """Fresh grades of one LMS, one every 0.2 s, while the other's backlog drains."""
    with installation(8) as engine:
        busy = add_course(engine, f"{address}/busy/20")
        fresh = add_course(engine, f"{address}/fresh/20")
        add_scores(engine, busy, backlog)
        sent: dict[str, float] = {}
        with working(engine):
            time.sleep(2)
            for number in range(PROBES):
                sent[f"probe-{number}-0"] = report(engine, fresh, f"probe-{number}")
                time.sleep(0.2)
            time.sleep(3)
        left = engine.outbox.waiting()
    seen = read_counts(address)["seen"]
    delays = sorted(seen.get(who, time.time()) - at for who, at in sent.items())
    print(
        f"fresh grade while {left} of {backlog} wait elsewhere: median "
        f"{delays[PROBES // 2]:.2f} s, p99 {delays[int(PROBES * 0.99) - 1]:.2f} s, "
        f"slowest {delays[-1]:.2f} s",
        flush=True,
    )


def measure_roster(address: str, members: int) -> None:
    """One roster by NRPS, every member new."""
    with installation(8) as engine:
        course = add_course(engine, f"{address}/roster/0", members=members)
        tool = engine.room(Tool)
        registration = tool.registrations.find_named(course.registration_id)
        assert registration is not None
        from mentorai.lti import nrps

        before, began = read_peak_mib(), time.monotonic()
        url = f"{course.address}/members?of={members}&limit=200"
        count = sum(1 for _ in nrps.list_members(tool, registration, url, limit=200))
        read = time.monotonic() - began
        began = time.monotonic()
        context_id = course.session.context_id
        assert context_id is not None
        engine.rosters.sync(course.session.organization_id, context_id)
        print(
            f"roster: {count} members read in {read:.1f} s, synced in "
            f"{time.monotonic() - began:.1f} s, peak memory +{read_peak_mib() - before:.0f} MiB",
            flush=True,
        )


def run_ideal(url: str, count: int, at_once: int) -> float:
    """Scores a second of kept-open connections that only post."""
    parts = urlsplit(url)

    def post(share: int) -> None:
        connection = http.client.HTTPConnection(str(parts.hostname), parts.port)
        for _ in range(share):
            connection.request(
                "POST", parts.path, b'{"userId": "x"}', {"Authorization": "Bearer x"}
            )
            connection.getresponse().read()
        connection.close()

    began = time.monotonic()
    with ThreadPoolExecutor(at_once) as pool:
        list(pool.map(post, [count // at_once] * at_once))
    return count // at_once * at_once / (time.monotonic() - began)


def run_pylti1p3(address: str, count: int) -> float:
    """Scores a second with a service object for each, as from a launch that was stored."""
    from cryptography.hazmat.primitives import serialization
    from cryptography.hazmat.primitives.asymmetric import rsa
    from pylti1p3.assignments_grades import AssignmentsGradesService
    from pylti1p3.grade import Grade
    from pylti1p3.registration import Registration
    from pylti1p3.service_connector import ServiceConnector

    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    pem = key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.TraditionalOpenSSL,
        serialization.NoEncryption(),
    ).decode()
    registration = Registration()
    registration.set_auth_token_url(f"{address}/token").set_client_id("bench")
    registration.set_issuer(address).set_tool_private_key(pem)
    scope = "https://purl.imsglobal.org/spec/lti-ags/scope/score"
    began = time.monotonic()
    for number in range(count):
        service = AssignmentsGradesService(
            ServiceConnector(registration), {"scope": [scope], "lineitem": address}
        )
        grade = Grade().set_score_given(8).set_score_maximum(10).set_user_id(f"person-{number}")
        grade.set_timestamp("2026-11-24T10:00:00+0000").set_activity_progress("Completed")
        service.put_grade(grade.set_grading_progress("FullyGraded"))
    return count / (time.monotonic() - began)


def report(engine: Engine, course: Course, prefix: str) -> float:
    """One fresh grade, woken as an API call wakes it; when."""
    moment = time.time()
    for row_id in add_scores(engine, course, 1, prefix):
        engine.outbox.wake(row_id)
    return moment


@contextmanager
def installation(at_once: int, leak: float = LEAK) -> Iterator[Engine]:
    with tempfile.TemporaryDirectory() as folder:
        engine = open_installation(Path(folder), at_once, leak)
        yield engine
        engine.close()


@contextmanager
def working(engine: Engine) -> Iterator[None]:
    """One worker, while this lasts."""
    stop = threading.Event()
    facts: dict[str, Any] = {"stop": stop}
    worker = threading.Thread(target=run_worker, args=(engine,), kwargs=facts)
    worker.start()
    try:
        yield
    finally:
        stop.set()
        worker.join()


def wait_until_sent(engine: Engine) -> None:
    while engine.outbox.waiting():
        time.sleep(0.25)


def read_rate(counts: dict[str, Any], name: str, count: int) -> float:
    """Scores a second between the first answer and the last."""
    seconds = counts["last_at"][f"{name}/scores"] - counts["first_at"][f"{name}/scores"]
    return float(count / seconds)


def read_peak_mib() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


if __name__ == "__main__":
    main()
