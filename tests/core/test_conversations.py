from datetime import timedelta

import pytest
import time_machine

from mentorai.core.clock import now
from mentorai.core.conversation_rows import LOST_AFTER, TITLE_LENGTH
from mentorai.core.engine import Engine
from mentorai.core.errors import InputRejected, NotFound
from mentorai.core.mentors import Mentor
from mentorai.core.values import Citation, Context, Launch, Role, Session

CITATION = Citation(1, 7, "d", "Week 1", "Shore", "Crabs hide.", page=3)


@pytest.fixture
def admit(engine: Engine, mentor: Mentor):
    def admit(subject: str, context: str = "bio") -> Session:
        return engine.admit(
            Launch(
                organization_id=mentor.organization_id,
                registration_id="r",
                deployment_id="1",
                issuer="https://lms.example",
                client_id="c",
                family_code="",
                message_type="LtiResourceLinkRequest",
                subject=subject,
                role=Role.LEARNER,
                target="/",
                context=Context(context),
            )
        )

    return admit


@pytest.fixture
def place(mentor: Mentor) -> tuple[str, str]:
    return mentor.organization_id, mentor.id


def test_opened_conversation_is_there(engine: Engine, place, admit):
    mia = admit("mia")

    opened = engine.conversations.open(*place, person_id=mia.person_id, title="Crabs")

    assert opened.title == "Crabs"
    assert engine.conversations.get(*place, opened.id) == opened
    assert engine.conversations.list(*place, person_id=mia.person_id) == [opened]


def test_latest_is_the_persons_last_used_in_the_context(engine: Engine, place, admit):
    mia, ben = admit("mia"), admit("ben")
    rooms = engine.conversations
    first = rooms.open(*place, person_id=mia.person_id, context_id=mia.context_id)
    rooms.open(*place, person_id=mia.person_id, context_id=mia.context_id)
    rooms.open(*place, person_id=mia.person_id, context_id="another")
    rooms.open(*place, person_id=ben.person_id, context_id=mia.context_id)

    rooms.begin_turn(*place, "Hello", conversation_id=first.id, person_id=mia.person_id)

    latest = rooms.latest(*place, mia.person_id, mia.context_id)
    assert latest is not None
    assert latest.id == first.id
    assert rooms.latest(*place, mia.person_id, None) is None


def test_first_message_gives_the_title(engine: Engine, place):
    turn = engine.conversations.begin_turn(*place, "What\nis a crab?", conversation_id=None)
    engine.conversations.begin_turn(*place, "Why?", conversation_id=turn.conversation_id)

    assert engine.conversations.get(*place, turn.conversation_id).title == "What is a crab?"


def test_long_first_message_gives_a_short_title(engine: Engine, place):
    turn = engine.conversations.begin_turn(*place, "crab " * 1_000, conversation_id=None)

    title = engine.conversations.get(*place, turn.conversation_id).title
    assert len(title) <= TITLE_LENGTH
    assert title.endswith("…")


def test_turns_come_oldest_first_with_all_that_was_kept(engine: Engine, place):
    rooms = engine.conversations
    first = rooms.begin_turn(*place, "One?", conversation_id=None)
    rooms.grow_turn(first, "Crabs hide. [1]", [CITATION], status="done", weak_match=True)
    second = rooms.begin_turn(*place, "Two?", conversation_id=first.conversation_id)
    rooms.grow_turn(second, "Half an ans", [])

    one, two = rooms.turns(*place, first.conversation_id)

    assert (one.message, one.reply, one.status) == ("One?", "Crabs hide. [1]", "done")
    assert (one.citations, one.weak_match) == ((CITATION,), True)
    assert (two.message, two.reply, two.status) == ("Two?", "Half an ans", "writing")


def test_turn_that_stopped_growing_long_ago_reads_as_stopped(engine: Engine, place):
    rooms = engine.conversations
    turn = rooms.begin_turn(*place, "One?", conversation_id=None)

    with time_machine.travel(now() + LOST_AFTER + timedelta(seconds=1), tick=False):
        (later,) = rooms.turns(*place, turn.conversation_id)

    assert later.status == "stopped"


def test_conversations_come_in_pages_the_last_used_first(engine: Engine, place):
    rooms = engine.conversations
    opened = [rooms.open(*place, title=f"{n}") for n in range(3)]

    assert [c.id for c in rooms.list(*place, page=1, page_size=2)] == [opened[2].id, opened[1].id]
    assert [c.id for c in rooms.list(*place, page=2, page_size=2)] == [opened[0].id]
    assert rooms.count(*place) == 3


def test_renamed_conversation_keeps_its_new_title(engine: Engine, place):
    opened = engine.conversations.open(*place, title="Old")

    assert engine.conversations.rename(*place, opened.id, " New ").title == "New"


@pytest.mark.parametrize("title", ["", "  ", "x" * (TITLE_LENGTH + 1), "a\nb", "\x00"])
def test_title_must_be_short_and_printable(engine: Engine, place, title: str):
    opened = engine.conversations.open(*place, title="Old")

    with pytest.raises(InputRejected):
        engine.conversations.rename(*place, opened.id, title)


def test_deleted_conversation_is_gone_and_a_growing_turn_does_not_bring_it_back(
    engine: Engine, place
):
    rooms = engine.conversations
    turn = rooms.begin_turn(*place, "One?", conversation_id=None)

    rooms.delete(*place, turn.conversation_id)
    rooms.grow_turn(turn, "Late", [], status="done")

    with pytest.raises(NotFound):
        rooms.turns(*place, turn.conversation_id)
    assert rooms.count(*place) == 0


def test_another_persons_or_mentors_conversation_is_not_there(engine: Engine, place, admit):
    rooms = engine.conversations
    mia, ben = admit("mia"), admit("ben")
    other = engine.mentors.add(place[0], "Dunes")
    mine = rooms.open(*place, person_id=mia.person_id, title="Mine").id
    elsewhere = (other.organization_id, other.id)

    for reach in (
        lambda: rooms.get(*place, mine, person_id=ben.person_id),
        lambda: rooms.turns(*place, mine, person_id=ben.person_id),
        lambda: rooms.rename(*place, mine, "His", person_id=ben.person_id),
        lambda: rooms.delete(*place, mine, person_id=ben.person_id),
        lambda: rooms.begin_turn(*place, "Hi", conversation_id=mine, person_id=ben.person_id),
        lambda: rooms.get(*elsewhere, mine),
        lambda: rooms.turns(*elsewhere, mine),
        lambda: rooms.delete(*elsewhere, mine),
        lambda: rooms.begin_turn(*elsewhere, "Hi", conversation_id=mine),
        lambda: rooms.get("another organization", place[1], mine),
        lambda: rooms.open("another organization", place[1]),
    ):
        with pytest.raises(NotFound):
            reach()
    assert rooms.list(*place, person_id=ben.person_id) == []
    assert rooms.list(*elsewhere) == []
