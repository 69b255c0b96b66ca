"""Two who change the same rows wait for one another once, and not each for the other.

Somebody else holds what both need next until each of them has queued, with a row in hand.
"""

import io
from collections.abc import Callable, Iterator, Sequence
from datetime import timedelta
from hashlib import sha256
from itertools import product

import pytest
import time_machine
from sqlalchemy import insert, update

from mentorai.core import hookimpl, webhooks
from mentorai.core.clock import now
from mentorai.core.engine import Engine
from mentorai.core.identifiers import new_id
from mentorai.core.mentors import Mentor
from mentorai.core.outbox_rows import Outcome
from mentorai.core.people import identities, people
from mentorai.core.platform_rests import platform_rests
from mentorai.core.settings import Settings
from mentorai.core.values import (
    Context,
    GradePlace,
    GradeService,
    Launch,
    LineItem,
    Member,
    Platform,
    Receipt,
    ResourceLink,
    Role,
    Score,
    Session,
)
from mentorai.core.webhook_events import DATASET_TRAINED, GRADE_SETTLED
from mentorai.core.webhook_rows import webhooks as webhook_table
from mentorai.core.webhook_sender import WebhookSender
from tests.rivals import Rival, together


class Lms:
    """A platform that takes every score, and lists two courses' members each in its own order."""

    members: Sequence[str] = ("s-1", "s-2", "s-3")

    @hookimpl
    def find_line_item(self, place: GradePlace) -> LineItem:
        return LineItem(url=f"https://lms.example/{place.title}")

    @hookimpl
    def push_score(self, platform: Platform, line_item: LineItem, score: Score) -> Receipt:
        return Receipt(score.at + timedelta(seconds=1))

    @hookimpl
    def list_members(self, context: Context) -> Iterator[Member]:
        names = self.members if context.lms_id == "first" else reversed(self.members)
        return iter([Member(name, Role.LEARNER) for name in names])


@pytest.fixture
def engine(settings: Settings) -> Iterator[Engine]:
    engine = Engine.open(settings, plugins=[("lms", Lms())])
    yield engine
    engine.close()


@pytest.fixture
def other_mentor(engine: Engine, mentor: Mentor) -> Mentor:
    return engine.mentors.add(mentor.organization_id, "Rock Pools")


@pytest.fixture
def hook_up(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> Callable[..., str]:
    """Make a webhook with an id that begins as told: in which order they are locked hangs on it."""

    def add(organization_id: str, mentor_id: str | None, begins: str) -> str:
        monkeypatch.setattr(webhooks, "new_id", lambda: begins + new_id()[1:])
        return engine.webhooks.add(
            organization_id,
            mentor_id,
            url="https://receiver.example/",
            events=[DATASET_TRAINED, GRADE_SETTLED],
            author="it",
        ).webhook.id

    return add


def launch(
    engine: Engine, mentor: Mentor, registration_id: str, course: str, column: str = "a"
) -> Session:
    """A student comes. column: where scores of the place go; others may go there too."""
    return engine.admit(
        Launch(
            organization_id=mentor.organization_id,
            registration_id=registration_id,
            deployment_id="1",
            issuer="https://lms.example",
            client_id=registration_id,
            family_code="",
            message_type="LtiResourceLinkRequest",
            subject="student",
            role=Role.LEARNER,
            target="/",
            context=Context(course),
            resource_link=ResourceLink(f"{column} of {mentor.id}", column),
            memberships_url="https://lms.example/members",
            grade_service=GradeService(None, "https://lms.example/items"),
            custom={"mentor": mentor.id},
        )
    )


def report(
    engine: Engine, mentor: Mentor, registration_id: str = "lane", column: str = "a"
) -> None:
    session = launch(engine, mentor, registration_id, "course", column)
    engine.report_score(
        organization_id=session.organization_id,
        mentor_id=session.mentor_id,
        person_id=session.person_id,
        resource_link_id=session.resource_link_id,
        given=8,
        maximum=10,
    )


def send(engine: Engine, *registration_ids: str) -> list[Outcome]:
    """Send what is due at platforms, and do not write it down yet."""
    leased = [group for each in registration_ids for group in engine.outbox.lease(each, 10)]
    return [outcome for group in leased for outcome in engine.outbox.send(group)]


def add_document(engine: Engine, mentor: Mentor) -> None:
    stream = io.BytesIO(b"Limpets hold on to the rock.")
    engine.datasets.add(mentor.organization_id, mentor.id, "Limpets.md", "text/markdown", stream)


def test_two_workers_write_down_what_the_same_platforms_answered(engine, mentor, other_mentor):
    names = ("lane-1", "lane-2", "lane-3")
    for name in names:
        report(engine, mentor, name)
        report(engine, other_mentor, name, "b")
    sent = send(engine, *names)
    rest = {"failures": 1, "rests": 0, "since": now(), "rests_until": now()}
    with engine.database.write() as connection:
        rows = [rest | {"registration_id": each} for each in names]
        connection.execute(insert(platform_rests), rows)

    failed = together(
        engine.database,
        lambda other: other.lock("platform_rests", registration_id="lane-2"),
        lambda: engine.outbox.settle(sent[0::2]),
        lambda: engine.outbox.settle(sent[1::2][::-1]),
    )

    assert failed == []
    assert engine.outbox.waiting() == 0


def test_scores_are_leased_while_it_is_written_down_when_earlier_ones_came(
    engine, mentor, other_mentor
):
    # Clocks are kept by these hashes, which are sorted otherwise than the URLs.
    in_the_middle = sha256(b"https://lms.example/b").hexdigest()
    for number, (each, column) in enumerate(product((mentor, other_mentor), "abc")):
        with time_machine.travel(now() + number * timedelta(seconds=10)):
            report(engine, each, column=column)
            engine.outbox.settle(send(engine, "lane"))

    with time_machine.travel(now() + timedelta(minutes=1)):
        for column in "abc":
            report(engine, mentor, column=column)
        earlier = send(engine, "lane")
        for column in "abc":
            report(engine, other_mentor, column=column)
        failed = together(
            engine.database,
            lambda other: other.lock("score_clocks", column=in_the_middle),
            lambda: engine.outbox.lease("lane", 10),
            lambda: engine.outbox.settle(earlier),
        )

    assert failed == []


def test_grades_of_two_mentors_and_a_document_are_told_the_same_webhooks(
    engine, mentor, other_mentor, hook_up
):
    first, second = sorted((mentor, other_mentor), key=lambda each: each.id)
    hook_up(mentor.organization_id, None, "f")
    hook_up(mentor.organization_id, second.id, "0")
    its_other = hook_up(mentor.organization_id, second.id, "7")
    report(engine, first)
    report(engine, second, column="b")
    sent = send(engine, "lane")

    failed = together(
        engine.database,
        lambda other: other.lock("webhooks", id=its_other),
        lambda: add_document(engine, second),
        lambda: engine.outbox.settle(sent),
    )

    assert failed == []


def test_webhooks_are_handed_out_while_an_event_is_noted_for_them(engine, mentor, hook_up):
    ids = [hook_up(mentor.organization_id, mentor.id, begins) for begins in "07f"]
    add_document(engine, mentor)
    with engine.database.write() as connection:
        # The row changed last lies behind the others.
        for each in reversed(ids):
            mine = webhook_table.c.id == each
            connection.execute(update(webhook_table).where(mine).values(description="moved"))

    failed = together(
        engine.database,
        lambda other: other.lock("webhooks", id=ids[1]),
        engine.room(WebhookSender).hand_out,
        lambda: engine.datasets.add(
            mentor.organization_id, mentor.id, "More.md", "text/markdown", io.BytesIO(b"Whelks.")
        ),
    )

    assert failed == []


def test_lists_of_two_courses_name_the_same_new_people(engine, mentor):
    courses = [launch(engine, mentor, "lane", each).context_id for each in ("first", "second")]
    place = {"organization_id": mentor.organization_id}

    def come_first(other: Rival) -> None:
        person = place | {"id": new_id()}
        other.connection.execute(insert(people).values(person | {"created_at": now()}))
        known = {"id": new_id(), "person_id": person["id"], "authority": "lti:lane"}
        other.connection.execute(insert(identities).values(place | known | {"subject": "s-2"}))

    failed = together(
        engine.database,
        come_first,
        *[
            lambda course=each: engine.rosters.sync(mentor.organization_id, course)
            for each in courses
        ],
    )

    assert failed == []
