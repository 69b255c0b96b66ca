"""What a page of 200 grades costs: GET /api/v1/grades against plain SQLAlchemy Core and jsonify.

Both are called over WSGI in one process, in turns, on the same SQLite file: ours with its key
check, count, names and order; the other reads the same rows with one query and answers them as
JSON. Only the ratio of one run means anything.

    python tests/bench/grades_page.py [--rounds 7] [--calls 40] [--grades 2000]
"""

import argparse
import gc
import logging
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from flask import Flask, jsonify

from mentorai.core.engine import Engine
from mentorai.core.grade_rows import grades, of_mentor, select_grades
from mentorai.core.mentors import Mentor
from mentorai.core.settings import Settings
from mentorai.core.values import Context, Launch, ResourceLink, Role
from mentorai.web.app import create_app

PAGE = 200
COLUMNS = [
    *("id", "mentor_id", "person_id", "person_name", "lms_user_id", "context_id"),
    *("resource_link_id", "quiz_id", "attempt_id", "given", "maximum", "comment", "source"),
    *("release", "submitted_at", "updated_at", "sync_status", "sync_attempts"),
    *("sync_error_code", "sync_error_message", "sync_sent_at", "sync_next_try_at", "sync_result"),
]


def fill(engine: Engine, mentor: Mentor, count: int) -> None:
    """As many people of one course, each with a grade for some quiz."""
    for number in range(count):
        launch = Launch(
            organization_id=mentor.organization_id,
            registration_id="registration",
            deployment_id="1",
            issuer="https://lms.example.edu",
            client_id="client",
            family_code="",
            message_type="LtiResourceLinkRequest",
            subject=f"sub-{number}",
            role=Role.LEARNER,
            target="/",
            name=f"Person {number}",
            context=Context("course-1"),
            resource_link=ResourceLink("link-1"),
            custom={"mentor": mentor.id},
        )
        session = engine.admit(launch)
        with engine.database.write() as connection:
            engine.grades.put(
                connection,
                organization_id=mentor.organization_id,
                mentor_id=mentor.id,
                person_id=session.person_id,
                resource_link_id=session.resource_link_id,
                given=number % 10,
                maximum=10,
                comment="Well argued.",
            )


def make_plain(engine: Engine, mentor: Mentor) -> Flask:
    """The floor: one query, one jsonify."""
    app = Flask("plain")
    query = (
        select_grades()
        .where(of_mentor(mentor.organization_id, mentor.id))
        .order_by(grades.c.updated_at, grades.c.id)
        .limit(PAGE)
    )

    @app.get("/api/v1/grades")
    def list_grades():
        with engine.database.read() as connection:
            rows = connection.execute(query).mappings().all()
        results = [{name: row[name] for name in COLUMNS} for row in rows]
        return jsonify(results=results)

    return app


def measure(call: Callable[[], None], calls: int) -> float:
    """CPU seconds of one call."""
    begin = time.process_time()
    for _ in range(calls):
        call()
    return (time.process_time() - begin) / calls


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--calls", type=int, default=40)
    parser.add_argument("--grades", type=int, default=2_000)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        engine = Engine.open(Settings(data_dir=Path(folder), log_level="error"), plugins=[])
        logging.disable()
        mentor = engine.mentors.add(engine.organizations.get().id, "Tidal Pools")
        fill(engine, mentor, options.grades)
        key = engine.keys.issue(
            mentor.organization_id,
            mentor.id,
            name="bench",
            scopes=["grades:read"],
            expires_at=None,
            author="bench",
        ).text
        ours, plain = create_app(engine).test_client(), make_plain(engine, mentor).test_client()
        headers = {"Authorization": f"Api-Token {key}"}

        def call_ours() -> None:
            answer = ours.get(f"/api/v1/grades?page_size={PAGE}", headers=headers)
            assert len(answer.data) > PAGE

        def call_plain() -> None:
            assert len(plain.get("/api/v1/grades").data) > PAGE

        measure(call_ours, 3), measure(call_plain, 3)
        # As the server does once it is loaded.
        gc.collect()
        gc.freeze()
        rounds = [
            (measure(call_plain, options.calls), measure(call_ours, options.calls))
            for _ in range(options.rounds)
        ]
        engine.close()
    ratios = sorted(plain / ours for plain, ours in rounds)
    print(f"plain {statistics.median(p for p, _ in rounds) * 1e3:.2f} ms, ", end="")
    print(f"ours {statistics.median(o for _, o in rounds) * 1e3:.2f} ms of CPU a page of {PAGE}")
    print(f"ours / plain, requests a second: {statistics.median(ratios):.2f}", end=" ")
    print(f"[{ratios[0]:.2f}-{ratios[-1]:.2f}]")


if __name__ == "__main__":
    main()
