"""Numbers against the rows that they are counted from."""

from collections import defaultdict
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import delete, insert

from mentorai.core.analytics import Analytics
from mentorai.core.conversation_rows import conversations, turns
from mentorai.core.errors import InputRejected, NotFound
from mentorai.core.identifiers import new_id
from mentorai.core.people import people
from mentorai.core.periods import Period, read_period
from mentorai.core.settings import Settings
from mentorai.core.small_groups import Number, find_hidden

FIRST, LAST = date(2026, 3, 27), date(2026, 4, 2)
BEGIN = datetime(2026, 3, 25, tzinfo=UTC)
ZONES = ("UTC", "Europe/Madrid", "Asia/Kathmandu", "America/Los_Angeles")
PERSONS = [f"{n:08d}-0000-4000-8000-000000000000" for n in range(6)]

# A message: whose it is (None: by API key), minutes after BEGIN, whether the material covered it.
messages = st.tuples(
    st.none() | st.sampled_from(PERSONS), st.integers(0, 12 * 24 * 60), st.booleans()
)


def keep(connection, organization_id, mentor_id, said):
    """A conversation of one turn for each message, as the rows that a chat leaves behind."""
    for person_id, minutes, is_weak in said:
        at, made = BEGIN + timedelta(minutes=minutes), new_id()
        times = {"created_at": at, "updated_at": at}
        row = {"id": made, "organization_id": organization_id, "mentor_id": mentor_id, "title": ""}
        row |= {"person_id": person_id, "key_id": None if person_id else "key"}
        connection.execute(insert(conversations).values(**row, **times))
        turn = {"id": new_id(), "conversation_id": made, "ordinal": 1, "message": "?", "reply": "!"}
        turn |= {"status": "done", "citations": [], "weak_match": is_weak}
        connection.execute(insert(turns).values(**turn, **times))


@pytest.fixture
def persons(engine, organization):
    rows = [{"id": one, "organization_id": organization.id, "created_at": BEGIN} for one in PERSONS]
    with engine.database.write() as connection:
        connection.execute(insert(people), rows)


def analytics(engine, minimum):
    return Analytics(engine.database, Settings(analytics_minimum_people=minimum))


@settings(
    max_examples=25,
    deadline=None,
    database=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(said=st.lists(messages, max_size=30), zone=st.sampled_from(ZONES))
def test_numbers_are_those_of_the_rows(engine, organization, mentor, persons, said, zone):
    other = "another mentor's"
    with engine.database.write() as connection:
        connection.execute(delete(conversations))
        keep(connection, organization.id, mentor.id, said)
    expected: dict[str, dict[str, set | float]] = defaultdict(
        lambda: {"people": set(), "messages": 0, "weak_matches": 0}
    )
    for person_id, minutes, is_weak in said:
        day = (BEGIN + timedelta(minutes=minutes)).astimezone(ZoneInfo(zone)).date()
        if FIRST <= day <= LAST:
            for key in (day.isoformat(), "total"):
                expected[key]["people"] |= {person_id} - {None}
                expected[key]["messages"] += 1
                expected[key]["weak_matches"] += is_weak

    period = Period(FIRST, LAST, ZoneInfo(zone))
    count = analytics(engine, 1).count(organization.id, mentor.id, "conversations", period, "day")

    assert other not in count.columns
    assert [line.key for line in count.lines] == [f"{FIRST + timedelta(days=n)}" for n in range(7)]
    for key, values in [("total", count.total), *((o.key, o.values) for o in count.lines)]:
        assert values["people"] == len(expected[key]["people"])
        assert values["messages"] == values["conversations"] == expected[key]["messages"]
        assert values["weak_matches"] == expected[key]["weak_matches"]


groups = st.lists(st.sets(st.integers(0, 12), max_size=8), max_size=8)


@given(persons=groups, minimum=st.integers(1, 6))
def test_what_is_hidden_cannot_be_computed_from_the_total(persons, minimum):
    column = [Number(len(some), set(some)) for some in persons]
    total = Number(sum(map(len, persons)), set().union(*persons))

    hidden = find_hidden(column, total, minimum)

    assert {n for n, one in enumerate(column) if one.is_small(minimum)} <= hidden
    if hidden and not total.is_small(minimum):
        assert len(hidden) > 1
        assert len(set().union(*(column[n].people for n in hidden))) >= minimum


def test_nothing_more_is_hidden_than_need_be():
    column = [Number(n, set(range(n))) for n in (9, 2, 7, 0, 8)]

    assert find_hidden(column, Number(26, set(range(9))), 5) == {1, 2}
    assert find_hidden(column[2:], Number(15, set(range(8))), 5) == set()


def test_small_groups_are_hidden(engine, organization, mentor, persons):
    said = [(one, 3 * 24 * 60, False) for one in PERSONS] + [(PERSONS[0], 4 * 24 * 60, True)]
    with engine.database.write() as connection:
        keep(connection, organization.id, mentor.id, said)
    period = Period(FIRST, LAST, ZoneInfo("UTC"))

    count = analytics(engine, 5).count(organization.id, mentor.id, "conversations", period)

    told = {line.key: line.values["messages"] for line in count.lines}
    assert count.total["messages"] == 7
    assert count.total["weak_matches"] is None
    # The 28th is a large group; alone beside the total it would give the 29th away.
    assert (told["2026-03-28"], told["2026-03-29"], told["2026-03-30"]) == (None, None, 0)
    people = analytics(engine, 5).count(organization.id, mentor.id, "users", period, "user")
    assert (people.lines, people.hidden > 0) == ([], True)
    named = analytics(engine, 1).count(organization.id, mentor.id, "users", period, "user")
    assert sorted(line.values["messages"] for line in named.lines) == [1, 1, 1, 1, 1, 2]


def test_quiz_is_counted_with_its_mean(engine, organization, mentor, persons):
    questions = [{"kind": "true_false", "prompt": "A plant?", "answer": False, "points": 2}]
    quiz = engine.quizzes.put(
        organization.id, mentor.id, {"title": "Tides", "published": True, "questions": questions}
    )
    for person_id, answer in zip(PERSONS, (False, False, False, True, True, None), strict=True):
        who = (organization.id, mentor.id)
        attempt = engine.quizzes.start_attempt(*who, quiz.id, person_id, None)
        if answer is not None:
            given = {attempt.questions[0]["id"]: answer}
            engine.quizzes.submit(engine, *who, attempt.id, person_id, given)

    count = analytics(engine, 5).count(organization.id, mentor.id, "progress", read_period())

    (line,) = count.lines
    assert (line.label, dict(line.values)) == (
        "Tides",
        {"people": 6, "attempts": 6, "submitted": 5, "mean_percent": 60.0},
    )
    tools = analytics(engine, 5).count(organization.id, mentor.id, "tools", read_period())
    assert [(one.key, one.values["uses"]) for one in tools.lines] == [("quiz", 6)]
    topics = analytics(engine, 5).count(organization.id, mentor.id, "topics", read_period())
    assert topics.lines == []


def test_mentor_of_another_organization_is_not_found(engine, mentor):
    elsewhere = engine.organizations.put("elsewhere", "Elsewhere")

    with pytest.raises(NotFound):
        engine.analytics.count(elsewhere.id, mentor.id, "overview", read_period())


def test_days_begin_where_the_reader_is():
    period = read_period("custom", date(2026, 3, 29), date(2026, 3, 29), "Europe/Madrid")

    # The clocks went forward on this day: it had 23 hours.
    assert period.end - period.start == timedelta(hours=23)
    assert period.start == datetime(2026, 3, 28, 23, tzinfo=UTC)


@pytest.mark.parametrize(
    ("asked", "field"),
    [
        (("today", date(2026, 1, 1)), "date_filter"),
        (("custom",), "start_date"),
        ((None, None, date(2026, 1, 1)), "start_date"),
        ((None, date(2026, 1, 2), date(2026, 1, 1)), "end_date"),
        ((None, date(2001, 1, 1), date(2026, 1, 1)), "end_date"),
        ((None, date(1, 1, 1), date(1, 1, 2)), "start_date"),
        ((None, date(9999, 12, 30), date(9999, 12, 31)), "start_date"),
        (("7d", None, None, "Europe/Nowhere"), "time_zone"),
        (("7d", None, None, "../../etc/passwd"), "time_zone"),
        (("7d", None, None, ""), "time_zone"),
    ],
    ids=str,
)
def test_wrong_period_is_refused(asked, field):
    with pytest.raises(InputRejected) as caught:
        read_period(*asked)

    assert caught.value.errors.keys() == {field}
