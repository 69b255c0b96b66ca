"""Scores that a plugin takes together: each settled by its own answer, as if it had gone alone."""

from collections.abc import Callable, Iterator, Sequence
from datetime import timedelta

import pytest
import time_machine

from mentorai.core import hookimpl
from mentorai.core.clock import now
from mentorai.core.engine import Engine
from mentorai.core.errors import (
    NoLineItem,
    NotGradable,
    PlatformThrottled,
    PlatformUnavailable,
    ScoreStale,
)
from mentorai.core.mentors import Mentor
from mentorai.core.settings import Settings
from mentorai.core.values import LineItem, Receipt, Score


class Bulk:
    """A plugin that takes many scores at once."""

    def __init__(self) -> None:
        self.calls: list[list[Score]] = []
        self.columns: list[LineItem] = []
        self.answers: dict[str, Receipt | Exception] = {}
        self.error: Exception | None = None
        self.takes = True
        self.alone: set[str] = set()
        self.shortens = False
        self.meanwhile: Callable[[], None] = lambda: None

    @hookimpl
    def push_scores(
        self, line_item: LineItem, scores: Sequence[Score]
    ) -> Sequence[Receipt | Exception] | None:
        self.calls.append(list(scores))
        self.columns.append(line_item)
        self.meanwhile()
        if self.error:
            raise self.error
        if line_item.url in self.alone:
            return ()
        if not self.takes:
            return None
        found = [self.answers.get(score.subject, Receipt(now())) for score in scores]
        return found[1:] if self.shortens else found


@pytest.fixture
def bulk() -> Bulk:
    return Bulk()


@pytest.fixture
def engine(settings: Settings, gradebook, bulk: Bulk) -> Iterator[Engine]:
    engine = Engine.open(settings, plugins=[("gradebook", gradebook), ("bulk", bulk)])
    yield engine
    engine.close()


@pytest.fixture
def report_class(engine: Engine, arrive) -> Callable[[int], dict[str, str]]:
    """Report a score for each of so many students; the grades' ids by subject."""

    def put(count: int, link: str = "link-1") -> dict[str, str]:
        found = {}
        for number in range(count):
            session = arrive(f"s-{number}", link=link)
            grade = engine.report_score(
                organization_id=session.organization_id,
                mentor_id=session.mentor_id,
                person_id=session.person_id,
                resource_link_id=session.resource_link_id,
                given=number % 10,
                maximum=10,
            )
            found[f"s-{number}"] = grade.id
        return found

    return put


def statuses(engine: Engine, mentor: Mentor, grades: dict[str, str]) -> dict[str, str]:
    return {
        subject: engine.grades.get(mentor.organization_id, mentor.id, grade_id).sync.status
        for subject, grade_id in grades.items()
    }


def test_due_scores_of_a_column_go_together(engine, bulk, gradebook, report_class, mentor):
    grades = report_class(3)

    engine.outbox.deliver(engine.outbox.due()[0])

    assert sorted(score.subject for score in bulk.calls[0]) == ["s-0", "s-1", "s-2"]
    assert set(statuses(engine, mentor, grades).values()) == {"sent"}
    assert gradebook.scores == []
    assert sorted(gradebook.settled) == sorted((grade_id, "sent") for grade_id in grades.values())


def test_no_more_than_fifty_go_together(engine, bulk, report_class):
    report_class(53)

    engine.outbox.deliver_due()

    assert [len(call) for call in bulk.calls] == [50, 3]
    assert engine.outbox.waiting() == 0


def test_scores_of_two_columns_do_not_go_together(engine, bulk, gradebook, report_class):
    report_class(2)
    report_class(2, link="link-2")

    engine.outbox.deliver_due()

    assert [len(call) for call in bulk.calls] == [2, 2]
    assert len({column.url for column in bulk.columns}) == 2


def test_one_score_goes_alone(engine, bulk, gradebook, report_class):
    report_class(1)

    engine.outbox.deliver_due()

    assert bulk.calls == []
    assert len(gradebook.scores) == 1


def test_each_answer_settles_its_own_score(engine, bulk, report_class, mentor):
    bulk.answers = {
        "s-1": NotGradable(),
        "s-2": PlatformUnavailable(),
        "s-3": ScoreStale(),
        "s-4": NoLineItem(),
        "s-5": KeyError("secret"),
    }
    grades = report_class(7)

    engine.outbox.deliver(engine.outbox.due()[0])

    found = statuses(engine, mentor, grades)
    assert found == {
        "s-0": "sent",
        "s-1": "failed",
        "s-2": "waiting",
        "s-3": "waiting",
        "s-4": "waiting",
        "s-5": "waiting",
        "s-6": "sent",
    }


def test_call_that_fails_fails_for_every_score_in_it(engine, bulk, report_class, mentor):
    bulk.error = PlatformThrottled(retry_after_seconds=60)
    grades = report_class(3)

    engine.outbox.deliver(engine.outbox.due()[0])

    assert set(statuses(engine, mentor, grades).values()) == {"waiting"}
    assert engine.outbox.due() == []


def test_score_that_the_plugin_breaks_at_holds_up_no_other_of_its_column(
    engine, bulk, gradebook, report_class, mentor
):
    bulk.error = KeyError()
    grades = report_class(3)
    gradebook.faults = [KeyError()]

    for seconds in (0, 5):
        # Those that went with the first were given its second and wait for the next.
        with time_machine.travel(now() + timedelta(seconds=seconds)):
            engine.outbox.deliver_due()

    assert sorted(statuses(engine, mentor, grades).values()) == ["sent", "sent", "waiting"]
    assert len(bulk.calls) == 1


def test_wrong_number_of_answers_is_not_believed(engine, bulk, report_class, mentor):
    bulk.shortens = True
    grades = report_class(3)

    engine.outbox.deliver(engine.outbox.due()[0])

    assert set(statuses(engine, mentor, grades).values()) == {"waiting"}


def test_scores_go_one_by_one_when_the_plugin_declines(
    engine, bulk, gradebook, report_class, mentor
):
    bulk.takes = False
    grades = report_class(3)

    with time_machine.travel(now() + timedelta(seconds=5), tick=True) as traveller:
        engine.outbox.deliver_due()
        traveller.shift(5)
        engine.outbox.deliver_due()

    assert set(statuses(engine, mentor, grades).values()) == {"sent"}
    assert sorted(gradebook.given) == [0, 1, 2]
    assert len(bulk.calls) == 1
    assert {
        engine.grades.get(mentor.organization_id, mentor.id, each).sync.attempts
        for each in grades.values()
    } == {1}


def test_no_other_worker_takes_a_score_that_is_on_its_way(engine, bulk, gradebook, report_class):
    report_class(3)
    row_ids = engine.outbox.due()

    def work_meanwhile() -> None:
        bulk.meanwhile = lambda: None
        for row_id in row_ids:
            engine.outbox.deliver(row_id)

    bulk.meanwhile = work_meanwhile
    engine.outbox.deliver(row_ids[0])

    assert len(bulk.calls) == 1
    assert gradebook.scores == []


def test_scores_of_a_worker_that_died_come_back(engine, bulk, report_class, mentor):
    grades = report_class(3)

    def die() -> None:
        bulk.meanwhile = lambda: None
        raise KeyboardInterrupt

    bulk.meanwhile = die
    with pytest.raises(KeyboardInterrupt):
        engine.outbox.deliver(engine.outbox.due()[0])
    assert engine.outbox.due() == []

    with time_machine.travel(now() + timedelta(seconds=95), tick=True):
        engine.outbox.deliver_due()

    assert set(statuses(engine, mentor, grades).values()) == {"sent"}


def test_newer_value_follows_the_one_that_is_on_its_way(engine, bulk, report_class, mentor):
    report_class(2)

    def report_again() -> None:
        bulk.meanwhile = lambda: None
        report_class(2)

    bulk.meanwhile = report_again
    engine.outbox.deliver(engine.outbox.due()[0])
    with time_machine.travel(now() + timedelta(seconds=5), tick=True):
        engine.outbox.deliver_due()

    first, second = bulk.calls
    by_subject = {score.subject: score.at for score in first}
    assert all(score.at > by_subject[score.subject] for score in second)
    assert engine.outbox.waiting() == 0


def test_column_goes_alone_for_a_while_and_others_go_together(
    engine, bulk, gradebook, report_class, mentor
):
    report_class(3)
    engine.outbox.deliver(engine.outbox.due()[0])
    bulk.alone = {bulk.columns[0].url}

    grades = report_class(3)
    report_class(3, link="link-2")
    for seconds in (5, 10):
        # Those that went with the first were given its second and wait for the next.
        with time_machine.travel(now() + timedelta(seconds=seconds)):
            engine.outbox.deliver_due()

    assert len([column for column in bulk.columns if column.url in bulk.alone]) == 2
    assert len(bulk.calls[-1]) == 3
    assert set(statuses(engine, mentor, grades).values()) == {"sent"}
    assert len(gradebook.scores) == 3
