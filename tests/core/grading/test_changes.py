"""Grades pulled by their changes: one order, that of the commits, whatever happens meanwhile."""

import threading
from datetime import timedelta

import pytest
import time_machine

from mentorai.core.clock import now
from mentorai.core.grade_clocks import take_moment


@pytest.fixture
def many(report, engine, arrive):
    """The ids of nine people's grades, in the order in which they changed."""
    ids = []
    for number in range(9):
        session = arrive(f"s-{number}")
        ids.append(report(number, person_id=session.person_id))
    return ids


@pytest.fixture
def pull(engine, mentor):
    """A page of grades behind another's last one."""

    def read(last=None, size=3):
        after = (last.updated_at, last.id) if last else None
        return engine.grades.list(mentor.organization_id, mentor.id, after=after, page_size=size)

    return read


def test_pages_hold_every_grade_once(many, pull):
    first = pull()
    second = pull(first[-1])
    third = pull(second[-1])

    assert [grade.id for grade in (*first, *second, *third)] == many
    assert pull(third[-1]) == []


def test_grade_that_changes_while_pages_are_read_is_neither_lost_nor_doubled(many, pull, report):
    first = pull()
    report(5, person_id=first[0].person_id)
    report(6, person_id=pull(first[-1])[0].person_id)

    seen = [*first]
    while page := pull(seen[-1]):
        seen += page

    assert {grade.id for grade in seen} == set(many)
    states = [(grade.id, grade.revision) for grade in seen]
    assert len(states) == len(set(states))
    assert [grade.given for grade in seen[-2:]] == [5, 6]


def test_changes_of_one_instant_have_an_order(many, pull, report, engine, mentor):
    with time_machine.travel(now() - timedelta(hours=1), tick=False):
        for grade in pull(size=9):
            report(1, person_id=grade.person_id)

    changed = engine.grades.list(mentor.organization_id, mentor.id)
    assert len({grade.updated_at for grade in changed}) == 9
    assert [grade.id for grade in changed] == many


def test_change_that_commits_late_is_not_behind_a_reader(many, pull, report, engine, mentor):
    """The later one waits for the earlier one's commit, so no reader passes it by."""
    last = pull(size=9)[-1]
    begun, may_commit, order = threading.Event(), threading.Event(), []

    def change_slowly():
        with engine.database.write() as connection:
            order.append(("slow", take_moment(connection, mentor.id)))
            begun.set()
            may_commit.wait(30)

    slow = threading.Thread(target=change_slowly)
    slow.start()
    assert begun.wait(30)
    quick = threading.Thread(target=lambda: report(7, person_id=last.person_id))
    quick.start()
    quick.join(0.1)
    assert pull(last) == []
    may_commit.set()
    slow.join(30)
    quick.join(30)

    (changed,) = pull(last)
    assert changed.updated_at > order[0][1]


def test_fate_of_a_score_is_a_change_too(report, pull, engine):
    report(8)
    waiting = pull()[-1]

    engine.outbox.deliver_due()

    (sent,) = pull(waiting)
    assert sent.sync.status == "sent"


def test_held_grade_is_not_sent_until_it_is_released(report, pull, engine, gradebook):
    report(8, release="held")
    engine.outbox.deliver_due()
    (held,) = pull()
    assert (held.release, held.sync.status, gradebook.given) == ("held", "waiting", [])

    engine.override_grade(held, {"release": "released"}, author="test")
    engine.outbox.deliver_due()

    assert gradebook.given == [8]


def test_value_that_waits_is_not_sent_when_its_grade_is_held(report, pull, engine, gradebook):
    report(8)

    engine.override_grade(pull()[0], {"release": "held"}, author="test")
    engine.outbox.deliver_due()

    assert gradebook.given == []


def test_resend_sends_what_the_grade_is_now(report, pull, engine, gradebook):
    report(8)
    stale = pull()[0]
    report(9)

    engine.outbox.resend(stale)
    engine.outbox.deliver_due()

    assert gradebook.given == [9]
