"""Every number of every subject and grouping against the rows, as JSON and as CSV."""

import csv
import io
from collections import defaultdict
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import HealthCheck, Phase, example, given, settings
from hypothesis import strategies as st
from sqlalchemy import delete, insert

from mentorai.core.analytics import SUBJECTS
from mentorai.core.attempts import attempts
from mentorai.core.conversation_rows import conversations, turns
from mentorai.core.engine import Engine
from mentorai.core.identifiers import new_id
from mentorai.core.people import people
from mentorai.core.places import contexts, resource_links
from mentorai.core.sessions import sessions
from mentorai.web.app import create_app

FIRST, LAST, ZONE = date(2026, 3, 27), date(2026, 4, 2), ZoneInfo("Europe/Madrid")
BEGIN = datetime(2026, 3, 25, tzinfo=UTC)
PERIOD = f"start_date={FIRST}&end_date={LAST}&time_zone={ZONE.key}"
PERSONS, COURSES, QUIZZES = ("p1", "p2", "p3", "p4", "p5"), ("c1", "c2"), ("q1", "q2")
HEADINGS = (("d1", "Tides"), ("d1", "Limpets"), ("d2", "Tides"))
ASKED = [(subject, by) for subject, what in SUBJECTS.items() for by in what.groupings]
FEW = 3

person, course = st.sampled_from(PERSONS), st.none() | st.sampled_from(COURSES)
minutes = st.integers(0, 11 * 24 * 60)
# What happened: whose it was (None: by API key), when, where, and what it was.
visits = st.tuples(person, minutes, course)
messages = st.tuples(
    st.none() | person, minutes, course, st.booleans(), st.sets(st.sampled_from(HEADINGS))
)
points = st.none() | st.integers(0, 4)
tries = st.tuples(person, minutes, course, st.sampled_from(QUIZZES), points, st.booleans())


@pytest.fixture
def places(engine, organization):
    """Persons, courses, and a link of each course."""
    own = {"organization_id": organization.id, "created_at": BEGIN}
    lms = {"registration_id": "r", "label": ""}
    link = {"deployment_id": "1", "family": "lti", "issuer": "i", "client_id": "c"}
    link |= {"registration_id": "r", "title": "", "grade_scopes": ""}
    with engine.database.write() as connection:
        connection.execute(insert(people), [{"id": one, **own} for one in PERSONS])
        for one in COURSES:
            row = {"id": one, "lms_context_id": one, "title": one, **lms, **own}
            connection.execute(insert(contexts).values(row))
            row = {"id": one, "lms_resource_link_id": one, "context_id": one, **link, **own}
            connection.execute(insert(resource_links).values(row))


@pytest.fixture
def clients(settings, api):
    """By the people whom a number must come from at least, a client."""
    found, engines = {}, []
    for minimum in (1, FEW):
        changed = settings.model_copy(update={"analytics_minimum_people": minimum})
        engines.append(Engine.open(changed, plugins=[]))
        found[minimum] = create_app(engines[-1]).test_client()
        found[minimum].environ_base |= api.environ_base
    yield found
    for engine in engines:
        engine.close()


def keep(connection, own, happened):
    """The rows that all this leaves behind."""
    for table in (sessions, turns, conversations, attempts):
        connection.execute(delete(table))
    for whose, at, where in happened["visits"]:
        row = {"id": new_id(), "person_id": whose, "context_id": where, "created_at": at, **own}
        row |= {"role": "learner", "way": "page", "binding_hash": "", "expires_at": at}
        connection.execute(insert(sessions).values(row))
    for whose, at, where, is_weak, cited in happened["messages"]:
        times = {"created_at": at, "updated_at": at}
        row = {"id": new_id(), "person_id": whose, "context_id": where, "title": "", **own, **times}
        row["key_id"] = None if whose else "key"
        connection.execute(insert(conversations).values(row))
        citations = [{"document_id": d, "document_name": d, "heading": h} for d, h in cited]
        turn = {"id": new_id(), "conversation_id": row["id"], "ordinal": 1, **times}
        turn |= {"message": "?", "reply": "!", "status": "done"}
        connection.execute(
            insert(turns).values(turn | {"citations": citations, "weak_match": is_weak})
        )
    for n, (whose, at, where, quiz, given_points, is_staff) in enumerate(happened["attempts"]):
        row = {"id": new_id(), "person_id": whose, "resource_link_id": where, "started_at": at}
        row |= {"quiz_id": quiz, "quiz_title": quiz, "keep": "best", "place": "", "number": n}
        row |= {"staff": is_staff, "questions": [], "answers": {}, "saves": 0, "marks": []}
        status = "open" if given_points is None else "submitted"
        row |= {"status": status, "given": given_points, "maximum": 4, **own}
        connection.execute(insert(attempts).values(row))


def tell(subject, happened):
    """What adds to a subject's numbers: whose, when, course, what of it, groups it falls into."""
    if subject in ("overview", "users"):
        yield from ((*visit, {"visits": 1}, {}) for visit in happened["visits"])
    for whose, at, where, is_weak, cited in happened["messages"]:
        counts = {"messages": 1, "conversations": 1, "weak_matches": int(is_weak), "uses": 1}
        groups = {
            "document": {d for d, _ in cited} or {""},
            "heading": {f"{d} {h}" for d, h in cited} or {""},
            "tool": {"chat" if whose else "chat_by_api"},
        }
        if subject != "progress":
            yield whose, at, where, counts, groups
    for whose, at, where, quiz, given_points, is_staff in happened["attempts"]:
        counts = {"attempts": 1, "uses": 1}
        if given_points is not None:
            counts |= {"submitted": 1, "percent": 25 * given_points}
        if not is_staff and subject in ("overview", "users", "tools", "progress"):
            yield whose, at, where, counts, {"quiz": {quiz}, "tool": {"quiz"}}


def name_groups(by, whose, day, where, groups):
    """The groups that something falls into."""
    week = day - timedelta(days=day.weekday())
    known = {
        "all": {"all"},
        "day": {f"{day}"},
        "week": {f"{week}"},
        "month": {f"{day:%Y-%m}"},
        "course": {where or ""},
        "user": {whose} - {None},
    }
    return known[by] if by in known else groups[by]


def count(subject, by, happened):
    """Group -> count -> its number and whose it is; the whole period is the group `None`."""
    sums = defaultdict(lambda: defaultdict(lambda: [0, set()]))
    if by in ("day", "week", "month"):
        for n in range((LAST - FIRST).days + 1):
            for name in name_groups(by, None, FIRST + timedelta(days=n), None, {}):
                sums[name]["people"] = [0, set()]
    for whose, at, where, counts, groups in tell(subject, happened):
        day = at.astimezone(ZONE).date()
        if not FIRST <= day <= LAST:
            continue
        for name in (None, *name_groups(by, whose, day, where, groups)):
            for column, more in counts.items():
                if more or column == "percent":
                    sums[name][column][0] += more
                    sums[name][column][1] |= {whose} - {None}
            sums[name]["people"][1] |= {whose} - {None}
            sums[name]["people"][0] = len(sums[name]["people"][1])
    return sums


def number(group, column):
    """One number of a group, as it is told where nothing is hidden."""
    if column != "mean_percent":
        return group[column][0]
    submitted = group["submitted"][0]
    return round(group["percent"][0] / submitted, 1) if submitted else None


def check_hidden(told, sums, by):
    """Nothing that few people made is told, nor can it be computed, and all else is right."""
    shown = {line["group"]: line["values"] for line in told["results"]} | {None: told["total"]}
    for column in told["total"]:
        source = "submitted" if column == "mean_percent" else column
        hidden = set()
        for name, values in shown.items():
            if values[column] is not None:
                assert values[column] == number(sums[name], column)
                assert not 0 < len(sums[name][source][1]) < FEW
            elif name is not None and number(sums[name], column) is not None:
                hidden.add(name)
        if by != "user" and hidden and told["total"][column] is not None:
            assert len(hidden) > 1
            assert len(set().union(*(sums[name][source][1] for name in hidden))) >= FEW
    assert by != "user" or not told["results"]


# Many things in few examples, which are not made smaller when one fails: that takes minutes.
@settings(
    max_examples=5,
    phases=[Phase.explicit, Phase.generate],
    deadline=None,
    database=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@example(raw={"visits": [], "messages": [], "attempts": []})
@given(
    raw=st.fixed_dictionaries(
        {
            "visits": st.lists(visits, min_size=8, max_size=12),
            "messages": st.lists(messages, min_size=15, max_size=25),
            "attempts": st.lists(tries, min_size=15, max_size=25),
        }
    )
)
def test_every_number_is_that_of_the_rows(engine, mentor, places, clients, raw):
    happened = {
        kind: [(one[0], BEGIN + timedelta(minutes=one[1]), *one[2:]) for one in some]
        for kind, some in raw.items()
    }
    with engine.database.write() as connection:
        own = {"organization_id": mentor.organization_id, "mentor_id": mentor.id}
        keep(connection, own, happened)

    for subject, by in ASKED:
        address = f"/api/v1/analytics/{subject}?{PERIOD}&group_by={by}"
        told, sheet = (clients[1].get(address + form) for form in ("", "&format=csv"))
        sums = count(subject, by, happened)

        columns = list(told.json["total"])
        groups = {line["group"]: line["values"] for line in told.json["results"]}
        assert groups.keys() == sums.keys() - {None}, (subject, by)
        for name, values in [*groups.items(), (None, told.json["total"])]:
            assert values == {column: number(sums[name], column) for column in columns}, (by, name)
        rows = [
            [line["group"], line["label"], *line["values"].values()]
            for line in told.json["results"]
        ]
        head, *lines = csv.reader(io.StringIO(sheet.text))
        assert head == ["group", "label", *columns]
        for row, cells in zip(rows, lines, strict=True):
            assert [*cells[:2], *(float(cell) if cell else None for cell in cells[2:])] == row
        check_hidden(clients[FEW].get(address).json, sums, by)
