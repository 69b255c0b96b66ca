"""Scores on their way: sent, tried again, given up, replaced, and never twice at once."""

import threading
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest
import time_machine
from sqlalchemy import text

from mentorai.core.engine import Engine
from mentorai.core.errors import (
    GradeMaybeLocked,
    NoLineItem,
    NotGradable,
    PlatformRefused,
    PlatformThrottled,
    PlatformUnavailable,
    ScoreStale,
)
from mentorai.core.grades import Grade
from mentorai.core.mentors import Mentor
from mentorai.core.organizations import Organization
from mentorai.core.values import Role, Session

Report = Callable[..., str]
START = datetime(2026, 11, 23, 10, 42, 0, tzinfo=UTC)


@pytest.fixture
def clock() -> object:
    with time_machine.travel(START, tick=False) as traveller:
        yield traveller


def rename(engine: Engine, table: str, name: str) -> None:
    with engine.database.write() as connection:
        connection.execute(text(f"ALTER TABLE {table} RENAME TO {name}"))


def read(engine: Engine, mentor: Mentor, grade_id: str) -> Grade:
    return engine.grades.get(mentor.organization_id, mentor.id, grade_id)


def test_score_is_sent_with_what_the_platform_calls_the_person(engine, gradebook, report, mentor):
    grade_id = report(8, comment="Well done")

    engine.outbox.deliver_due()

    (score,) = gradebook.scores
    assert (score.subject, score.given, score.maximum) == ("s-1", 8, 10)
    assert score.comment == "Well done"
    assert score.at.microsecond == 0
    sync = read(engine, mentor, grade_id).sync
    assert (sync.status, sync.attempts, sync.last_error_code) == ("sent", 1, "")
    assert sync.sent_at is not None
    assert gradebook.settled == [(grade_id, "sent")]
    assert engine.outbox.waiting() == 0


def test_score_waits_and_is_tried_again_when_platform_is_down(
    engine, gradebook, report, mentor, clock
):
    gradebook.faults = [PlatformUnavailable()]
    grade_id = report(8)

    engine.outbox.deliver_due()

    sync = read(engine, mentor, grade_id).sync
    assert (sync.status, sync.attempts) == ("waiting", 1)
    assert sync.last_error_code == "platform_unavailable"
    assert START + timedelta(seconds=8) <= sync.next_try_at <= START + timedelta(seconds=12)
    assert engine.outbox.deliver_due() == 0
    clock.shift(13)
    engine.outbox.deliver_due()
    assert gradebook.given == [8]
    assert read(engine, mentor, grade_id).sync.last_error_code == ""


def test_waits_grow_up_to_about_an_hour(engine, gradebook, report, mentor, clock):
    gradebook.faults = [PlatformUnavailable() for _ in range(9)]
    grade_id = report(8)
    waits = []

    for _ in range(9):
        engine.outbox.deliver_due()
        next_try_at = read(engine, mentor, grade_id).sync.next_try_at
        waits.append((next_try_at - datetime.now(UTC)).total_seconds())
        clock.move_to(next_try_at)

    plain = [10, 30, 120, 300, 900, 1800, 3600, 3600, 3600]
    assert all(abs(wait - step) <= 0.2 * step for wait, step in zip(waits, plain, strict=True))
    engine.outbox.deliver_due()
    assert gradebook.given == [8]


def test_score_is_given_up_after_three_days(engine, gradebook, report, mentor, clock):
    gradebook.faults = [PlatformUnavailable(), PlatformUnavailable()]
    grade_id = report(8)
    engine.outbox.deliver_due()

    clock.shift(timedelta(days=3))
    engine.outbox.deliver_due()

    sync = read(engine, mentor, grade_id).sync
    assert (sync.status, sync.last_error_code) == ("failed", "platform_unavailable")
    assert "3 days" in sync.last_error_message
    assert engine.outbox.waiting() == 0


def test_grade_that_the_lms_fails_to_keep_counts_as_locked_after_some_tries(
    engine, gradebook, report, mentor, clock
):
    failures = [PlatformUnavailable(), *(GradeMaybeLocked() for _ in range(7))]
    gradebook.faults = list(failures)
    grade_id = report(8)

    for _ in failures:
        engine.outbox.deliver_due()
        sync = read(engine, mentor, grade_id).sync
        clock.shift(3_600 * 1.2)

    assert (sync.status, sync.last_error_code) == ("failed", "grade_locked")
    assert sync.attempts == 8


def test_days_without_a_worker_do_not_count_as_trying(engine, gradebook, report, mentor, clock):
    gradebook.faults = [PlatformUnavailable()]
    grade_id = report(8)
    clock.shift(timedelta(days=9))

    engine.outbox.deliver_due()

    assert read(engine, mentor, grade_id).sync.status == "waiting"


def test_wait_is_as_long_as_the_platform_asked(engine, gradebook, report, mentor, clock):
    gradebook.faults = [PlatformThrottled(retry_after_seconds=90)]
    grade_id = report(8)

    engine.outbox.deliver_due()

    assert read(engine, mentor, grade_id).sync.next_try_at == START + timedelta(seconds=90)


def test_busy_platform_is_no_failed_try(engine, gradebook, report, mentor, clock):
    gradebook.faults = [PlatformThrottled(retry_after_seconds=90) for _ in range(2)]
    grade_id = report(8)
    engine.outbox.deliver_due()
    clock.shift(timedelta(days=4))

    engine.outbox.deliver_due()

    sync = read(engine, mentor, grade_id).sync
    assert (sync.status, sync.attempts) == ("waiting", 0)
    assert sync.last_error_code == "platform_throttled"
    clock.shift(91)
    engine.outbox.deliver_due()
    assert read(engine, mentor, grade_id).sync.attempts == 1


@pytest.mark.parametrize("asked", [float("nan"), float("inf"), -5.0, 1e12])
def test_absurd_retry_after_does_not_lose_a_score(engine, gradebook, report, mentor, clock, asked):
    gradebook.faults = [PlatformThrottled(retry_after_seconds=asked)]
    grade_id = report(8)

    engine.outbox.deliver_due()

    next_try_at = read(engine, mentor, grade_id).sync.next_try_at
    assert START + timedelta(seconds=8) <= next_try_at <= START + timedelta(hours=6)


def test_throttled_platform_is_left_alone_by_all_its_scores(
    engine, gradebook, report, arrive, clock
):
    gradebook.faults = [PlatformThrottled(retry_after_seconds=60)]
    report(8)
    other = arrive("s-2")
    clock.shift(1)
    engine.report_score(
        organization_id=other.organization_id,
        mentor_id=other.mentor_id,
        person_id=other.person_id,
        resource_link_id=other.resource_link_id,
        given=3,
        maximum=10,
    )

    engine.outbox.deliver_due(limit=1)
    assert engine.outbox.due() == []

    clock.shift(61)
    engine.outbox.deliver_due()
    assert sorted(gradebook.given) == [3, 8]


@pytest.mark.parametrize("error", [PlatformRefused("Not allowed."), NotGradable()])
def test_score_fails_at_once_when_trying_again_cannot_help(
    engine, gradebook, report, mentor, error
):
    gradebook.faults = [error]
    grade_id = report(8)

    engine.outbox.deliver_due()

    sync = read(engine, mentor, grade_id).sync
    assert (sync.status, sync.last_error_code) == ("failed", error.code)
    assert sync.last_error_message == error.message
    assert gradebook.settled == [(grade_id, "failed")]


def test_failed_score_can_be_sent_again(engine, gradebook, report, mentor, clock):
    gradebook.faults = [PlatformRefused()]
    grade_id = report(8)
    engine.outbox.deliver_due()

    clock.shift(1)
    engine.outbox.resend(read(engine, mentor, grade_id))
    engine.outbox.deliver_due()

    assert gradebook.given == [8]
    assert read(engine, mentor, grade_id).sync.status == "sent"


def test_score_that_a_plugin_breaks_at_waits_and_names_it(engine, gradebook, report, mentor):
    gradebook.faults = [KeyError("secret-token")]
    grade_id = report(8)

    engine.outbox.deliver_due()

    sync = read(engine, mentor, grade_id).sync
    assert (sync.status, sync.last_error_code) == ("waiting", "plugin_failed")
    assert "gradebook" in sync.last_error_message
    assert "secret" not in sync.last_error_message


def test_waits_for_a_plugin_grow_up_to_three_hours(engine, gradebook, report, mentor, clock):
    gradebook.faults = [KeyError() for _ in range(6)]
    grade_id = report(8)
    waits = []

    for _ in range(6):
        engine.outbox.deliver_due()
        next_try_at = read(engine, mentor, grade_id).sync.next_try_at
        waits.append((next_try_at - datetime.now(UTC)).total_seconds())
        clock.move_to(next_try_at)

    plain = [60, 900, 3_600, 10_800, 10_800, 10_800]
    assert all(abs(wait - step) <= 0.2 * step for wait, step in zip(waits, plain, strict=True))
    engine.outbox.deliver_due()
    assert gradebook.given == [8]


def test_score_that_a_plugin_breaks_at_is_given_up_after_thirty_days(
    engine, gradebook, report, mentor, clock
):
    gradebook.faults = [KeyError(), KeyError()]
    grade_id = report(8)
    engine.outbox.deliver_due()

    clock.shift(timedelta(days=30))
    engine.outbox.deliver_due()

    sync = read(engine, mentor, grade_id).sync
    assert (sync.status, sync.last_error_code) == ("failed", "plugin_failed")
    assert "30 days" in sync.last_error_message


def test_newer_score_replaces_one_that_waits(engine, gradebook, report, mentor):
    report(3)
    grade_id = report(8)

    engine.outbox.deliver_due()

    assert gradebook.given == [8]
    assert read(engine, mentor, grade_id).revision == 2


def test_newer_score_waits_for_the_one_in_flight_and_follows_it(
    engine, gradebook, report, mentor, clock
):
    grade_id = report(3)
    (first,) = engine.outbox.due()

    def meanwhile() -> None:
        gradebook.before_push = lambda: None
        report(8)
        assert engine.outbox.deliver_due() == 1
        assert gradebook.scores == []

    gradebook.before_push = meanwhile
    engine.outbox.deliver(first)
    clock.shift(1)
    engine.outbox.deliver_due()

    assert gradebook.given == [3, 8]
    assert gradebook.scores[0].at < gradebook.scores[1].at
    assert read(engine, mentor, grade_id).sync.status == "sent"


def test_failed_try_is_superseded_when_a_newer_score_came_meanwhile(
    engine, gradebook, report, mentor, clock
):
    grade_id = report(3)
    (first,) = engine.outbox.due()
    gradebook.faults = [PlatformUnavailable()]
    gradebook.before_push = lambda: report(8)

    engine.outbox.deliver(first)
    gradebook.before_push = lambda: None
    clock.shift(600)
    engine.outbox.deliver_due()

    assert gradebook.given == [8]
    assert read(engine, mentor, grade_id).sync.attempts == 1


def test_second_score_in_one_second_waits_for_the_next(engine, gradebook, report, mentor, clock):
    report(3)
    engine.outbox.deliver_due()
    grade_id = report(8)

    engine.outbox.deliver_due()
    assert gradebook.given == [3]
    assert read(engine, mentor, grade_id).sync.status == "waiting"

    clock.shift(1)
    engine.outbox.deliver_due()
    assert [score.at for score in gradebook.scores] == [START, START + timedelta(seconds=1)]
    assert read(engine, mentor, grade_id).sync.attempts == 1


def test_scores_that_are_leased_with_one_that_waits_go_though_that_cannot_be_written_down(
    engine, gradebook, report, arrive, clock
):
    report(3)
    engine.outbox.deliver_due()
    report(8)
    report(5, person_id=arrive("s-2").person_id)

    # What settling needs is away.
    rename(engine, "grade_clocks", "grade_clocks_away")
    groups = engine.outbox.lease("registration-1", 10)
    rename(engine, "grade_clocks_away", "grade_clocks")
    engine.outbox.settle([each for group in groups for each in engine.outbox.send(group)])

    assert gradebook.given == [3, 5]
    assert engine.outbox.waiting() == 1
    clock.shift(1)
    engine.outbox.deliver_due()
    assert gradebook.given == [3, 5, 8]


def test_score_is_later_than_the_second_in_which_the_last_was_received(
    engine, gradebook, report, clock
):
    gradebook.before_push = lambda: clock.shift(2.5)
    report(3)
    engine.outbox.deliver_due()
    gradebook.before_push = lambda: None
    report(8)

    engine.outbox.deliver_due()
    clock.shift(1)
    engine.outbox.deliver_due()

    assert gradebook.given == [3, 8]
    assert gradebook.scores[1].at == START + timedelta(seconds=3)


def test_seconds_still_grow_when_our_clock_was_set_back(engine, gradebook, report, clock):
    report(3)
    engine.outbox.deliver_due()
    gradebook.received_at.clear()
    clock.move_to(START - timedelta(hours=1))
    report(8)

    engine.outbox.deliver_due()

    assert [score.at for score in gradebook.scores] == [START, START + timedelta(seconds=1)]


def test_score_refused_as_stale_is_sent_with_a_later_second(
    engine, gradebook, report, mentor, clock
):
    gradebook.faults = [ScoreStale()]
    grade_id = report(8)
    engine.outbox.deliver_due()

    clock.shift(2)
    engine.outbox.deliver_due()

    assert gradebook.given == [8]
    assert read(engine, mentor, grade_id).sync.status == "sent"


def test_score_outlasts_hours_by_which_the_clock_of_the_platform_jumped_back(
    engine, gradebook, report, mentor, clock
):
    held_at = START + timedelta(hours=4)
    gradebook.received_at["https://lms.example/items/1", "s-1"] = held_at
    grade_id = report(8)

    while read(engine, mentor, grade_id).sync.status == "waiting":
        clock.move_to(read(engine, mentor, grade_id).sync.next_try_at)
        engine.outbox.deliver_due()

    assert read(engine, mentor, grade_id).sync.status == "sent"
    assert held_at < gradebook.scores[0].at <= held_at + timedelta(hours=1)


def test_score_waits_until_our_clock_is_where_that_of_the_platform_was(
    engine, gradebook, report, mentor, clock
):
    gradebook.faults = [ScoreStale(platform_at=START + timedelta(hours=3))]
    grade_id = report(8)

    engine.outbox.deliver_due()

    sync = read(engine, mentor, grade_id).sync
    assert (sync.status, sync.next_try_at) == ("waiting", START + timedelta(hours=3))


def test_score_that_stays_stale_for_hours_is_a_failed_one(engine, gradebook, report, mentor, clock):
    gradebook.faults = [ScoreStale() for _ in range(13)]
    grade_id = report(8)

    while read(engine, mentor, grade_id).sync.status == "waiting":
        clock.move_to(read(engine, mentor, grade_id).sync.next_try_at)
        engine.outbox.deliver_due()

    sync = read(engine, mentor, grade_id).sync
    assert (sync.status, sync.last_error_code) == ("failed", "score_stale")
    assert "clock" in sync.last_error_message
    assert timedelta(hours=6) < datetime.now(UTC) - START < timedelta(hours=8)
    assert gradebook.scores == []


def test_row_comes_back_when_its_worker_died(engine, gradebook, report, mentor, clock):
    grade_id = report(8)
    (row_id,) = engine.outbox.due()

    class Killed(BaseException):
        pass

    def kill() -> None:
        gradebook.before_push = lambda: None
        raise Killed

    gradebook.before_push = kill
    with pytest.raises(Killed):
        engine.outbox.deliver(row_id)
    assert engine.outbox.due() == []

    clock.shift(91)
    engine.outbox.deliver_due()
    assert gradebook.given == [8]
    assert read(engine, mentor, grade_id).sync.attempts == 2


def test_old_value_of_a_dead_worker_is_not_sent_after_a_newer_one(engine, gradebook, report, clock):
    report(3)
    (row_id,) = engine.outbox.due()

    def kill() -> None:
        raise KeyboardInterrupt

    gradebook.before_push = kill
    with pytest.raises(KeyboardInterrupt):
        engine.outbox.deliver(row_id)
    gradebook.before_push = lambda: None
    report(8)
    clock.shift(91)

    while engine.outbox.deliver_due():
        clock.shift(5)

    assert gradebook.given == [8]


def test_worker_that_lost_its_lease_settles_nothing(engine, gradebook, report, mentor, clock):
    grade_id = report(8)
    (row_id,) = engine.outbox.due()

    def sleep_too_long() -> None:
        gradebook.before_push = lambda: None
        clock.shift(100)
        gradebook.faults = [PlatformRefused()]
        engine.outbox.deliver(row_id)

    gradebook.before_push = sleep_too_long
    engine.outbox.deliver(row_id)

    assert read(engine, mentor, grade_id).sync.status == "failed"


def test_row_is_sent_once_when_many_threads_deliver_it(engine, gradebook, report):
    report(8)
    (row_id,) = engine.outbox.due()
    together = threading.Barrier(8)

    def work() -> None:
        together.wait()
        engine.outbox.deliver(row_id)

    threads = [threading.Thread(target=work) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert gradebook.given == [8]


def test_column_is_asked_for_once_when_many_scores_go_there(engine, gradebook, report, arrive):
    report(8)
    for n in range(2, 6):
        other = arrive(f"s-{n}")
        engine.report_score(
            organization_id=other.organization_id,
            mentor_id=other.mentor_id,
            person_id=other.person_id,
            resource_link_id=other.resource_link_id,
            given=n,
            maximum=10,
        )
    row_ids = engine.outbox.due()
    together = threading.Barrier(len(row_ids))

    def work(row_id: str) -> None:
        together.wait()
        engine.outbox.deliver(row_id)

    threads = [threading.Thread(target=work, args=(row_id,)) for row_id in row_ids]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert len(gradebook.places) == 1
    with time_machine.travel(datetime.now(UTC) + timedelta(seconds=10)):
        engine.outbox.deliver_due()
    assert len(gradebook.places) == 1
    assert sorted(gradebook.given) == [2, 3, 4, 5, 8]


def test_column_is_asked_for_again_when_asking_failed(engine, gradebook, report, clock):
    gradebook.column_faults = [PlatformUnavailable()]
    report(8)
    engine.outbox.deliver_due()

    clock.shift(15)
    engine.outbox.deliver_due()

    assert gradebook.given == [8]


def test_column_that_was_deleted_is_found_anew(engine, gradebook, report, clock):
    report(3)
    engine.outbox.deliver_due()
    gradebook.faults = [NoLineItem()]
    clock.shift(5)
    report(8)

    engine.outbox.deliver_due()
    engine.outbox.deliver_due()

    assert gradebook.given == [3, 8]
    assert len(gradebook.places) == 2


def test_score_is_not_linked_when_the_course_has_no_column(engine, gradebook, report, mentor):
    gradebook.column_faults = [NoLineItem()]
    grade_id = report(8)

    engine.outbox.deliver_due()

    sync = read(engine, mentor, grade_id).sync
    assert (sync.status, sync.last_error_code) == ("not_linked", "no_line_item")
    assert gradebook.settled == [(grade_id, "not_linked")]


def test_score_of_staff_never_leaves(engine, gradebook, arrive, mentor):
    teacher = arrive("t-1", Role.INSTRUCTOR)

    grade = engine.report_score(
        organization_id=teacher.organization_id,
        mentor_id=mentor.id,
        person_id=teacher.person_id,
        resource_link_id=teacher.resource_link_id,
        given=8,
        maximum=10,
    )
    engine.outbox.deliver_due()

    assert (grade.sync.status, grade.sync.last_error_code) == ("not_linked", "person_is_staff")
    assert gradebook.scores == []
    assert gradebook.settled == [(grade.id, "not_linked")]


COLUMN = "https://lms.example/items/late"


def test_scores_without_a_column_go_when_a_launch_tells_of_one(
    engine, gradebook, report, mentor, arrive
):
    gradebook.column_faults = [NoLineItem(), NoLineItem()]
    reported = [report(8), report(5, person_id=arrive("s-2").person_id)]
    engine.outbox.deliver_due()
    before = [read(engine, mentor, grade_id).sync for grade_id in reported]

    arrive("s-3", column=COLUMN)
    waiting = [read(engine, mentor, grade_id) for grade_id in reported]
    engine.outbox.deliver_due()

    assert [sync.status for sync in before] == ["not_linked"] * 2
    assert [grade.sync.status for grade in waiting] == ["waiting"] * 2
    assert len({grade.updated_at for grade in waiting}) == 2
    assert sorted(gradebook.given) == [5, 8]
    assert [read(engine, mentor, each).sync.status for each in reported] == ["sent"] * 2


def test_score_whose_column_came_after_weeks_is_tried_as_if_it_were_new(
    engine, gradebook, report, mentor, arrive, clock
):
    gradebook.column_faults = [NoLineItem()]
    grade_id = report(8)
    engine.outbox.deliver_due()
    clock.shift(timedelta(days=21))
    arrive("s-3", column=COLUMN)

    gradebook.faults = [PlatformUnavailable()]
    engine.outbox.deliver_due()
    tried = read(engine, mentor, grade_id).sync.status
    clock.shift(60)
    engine.outbox.deliver_due()

    assert (tried, gradebook.given) == ("waiting", [8])


def test_column_of_one_place_sends_no_score_of_another(engine, gradebook, report, mentor, arrive):
    gradebook.column_faults = [NoLineItem()]
    grade_id = report(8)
    engine.outbox.deliver_due()

    arrive(link="link-2")
    arrive(link="link-2", column=COLUMN)

    assert read(engine, mentor, grade_id).sync.status == "not_linked"


def test_launch_that_tells_nothing_new_of_the_column_tries_no_score_again(
    engine, gradebook, report, mentor, arrive
):
    arrive(column=COLUMN)
    gradebook.column_faults = [NoLineItem()]
    grade_id = report(8)
    engine.outbox.deliver_due()

    arrive("s-9", column=COLUMN)

    assert read(engine, mentor, grade_id).sync.status == "not_linked"


def test_score_without_a_resource_link_is_not_linked(engine, student, mentor):
    grade = engine.report_score(
        organization_id=student.organization_id,
        mentor_id=mentor.id,
        person_id=student.person_id,
        given=8,
        maximum=10,
    )

    assert grade.sync.status == "not_linked"
    assert "course page" in grade.sync.last_error_message


def test_score_of_an_anonymous_person_is_not_linked(engine, arrive, mentor):
    nobody = arrive(None)

    grade = engine.report_score(
        organization_id=nobody.organization_id,
        mentor_id=mentor.id,
        person_id=nobody.person_id,
        resource_link_id=nobody.resource_link_id,
        given=8,
        maximum=10,
    )

    assert (grade.sync.status, grade.sync.last_error_code) == ("not_linked", "not_gradable")


def test_plugin_is_told_which_place_and_service(engine, gradebook, report, student):
    report(8)

    engine.outbox.deliver_due()

    (place,) = gradebook.places
    assert place.lms_resource_link_id == "link-1"
    assert place.title == "Week 1"
    assert place.platform.registration_id == "registration-1"
    assert place.service.line_items_url == "https://lms.example/items"
    assert place.score_maximum == 10


def test_delivering_what_does_not_exist_does_nothing(engine, gradebook):
    engine.outbox.deliver("no such row")

    assert gradebook.scores == []


def test_scores_of_one_organization_are_counted_alone(
    engine: Engine, report: Report, organization: Organization, student: Session
):
    other = engine.organizations.put("other", "Other")
    report(8)

    assert engine.outbox.waiting(organization.id) == 1
    assert engine.outbox.waiting(other.id) == 0


def test_score_is_taken_when_the_clock_of_the_platform_is_five_minutes_ahead(
    engine, gradebook, report, mentor, clock
):
    ahead = timedelta(minutes=5)
    report(3)
    engine.outbox.deliver_due()
    clock.shift(10)
    gradebook.faults = [ScoreStale(platform_at=START + ahead)]
    grade_id = report(8)

    engine.outbox.deliver_due()
    clock.shift(2)
    engine.outbox.deliver_due()

    assert gradebook.scores[-1].at == START + ahead + timedelta(seconds=1)
    assert read(engine, mentor, grade_id).sync.status == "sent"


def test_clock_that_is_wrong_by_years_is_not_believed(engine, gradebook, report, clock):
    gradebook.faults = [ScoreStale(platform_at=START + timedelta(days=4_000))]
    report(8)
    engine.outbox.deliver_due()
    clock.shift(2)

    engine.outbox.deliver_due()

    assert gradebook.scores[0].at == START + timedelta(seconds=2)
