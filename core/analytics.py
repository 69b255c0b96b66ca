"""Analytics: how one mentor is used, counted from the rows themselves whenever somebody asks.

Nothing is counted beforehand, so a number is never older than the question; it is counted here and
not by the database, so that both databases and every time zone give the same.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, select

from mentorai.core import usage
from mentorai.core.database import Database
from mentorai.core.enrolment_rows import campus_enrolments
from mentorai.core.errors import InputRejected, NotFound
from mentorai.core.mentors import mentors
from mentorai.core.people import people
from mentorai.core.periods import Part, Period
from mentorai.core.places import contexts
from mentorai.core.settings import Settings
from mentorai.core.small_groups import Number, find_hidden

PEOPLE = "people"
TIMES: tuple[Part, ...] = ("day", "week", "month")
# From which of two sums a mean is made; the first of them is never shown by itself.
MEANS = {"mean_percent": ("percent", "submitted")}


@dataclass(frozen=True, slots=True)
class Subject:
    """What can be asked for: where its facts come from, what is counted, how it is grouped."""

    readers: tuple[usage.Reader, ...]
    counts: tuple[str, ...]
    groupings: tuple[str, ...]


SUBJECTS: Mapping[str, Subject] = {
    "overview": Subject(
        (usage.read_visits, usage.read_conversations, usage.read_messages, usage.read_attempts),
        (
            *("visits", "conversations", "messages", "weak_matches"),
            *("attempts", "submitted", "mean_percent"),
        ),
        ("all",),
    ),
    "conversations": Subject(
        (usage.read_conversations, usage.read_messages),
        ("conversations", "messages", "weak_matches"),
        (*TIMES, "course"),
    ),
    "users": Subject(
        (usage.read_visits, usage.read_messages, usage.read_attempts),
        ("visits", "messages", "attempts"),
        (*TIMES, "course", "user"),
    ),
    "topics": Subject((usage.read_topics,), ("messages",), ("document", "heading")),
    "tools": Subject((usage.read_uses,), ("uses",), ("tool", *TIMES)),
    "progress": Subject(
        (usage.read_attempts,),
        ("attempts", "submitted", "mean_percent"),
        ("quiz", "course", *TIMES, "user"),
    ),
}


@dataclass(frozen=True, slots=True)
class Line:
    """One group. values: count -> number; None where it would tell of single people."""

    key: str
    label: str
    values: Mapping[str, float | None]


@dataclass(frozen=True, slots=True)
class Count:
    """An answer. columns: the names of the values, in order; hidden: how many are None.

    enrolled: the people whom the campus's own lists enrolled, or None if they are too few to tell.
    """

    period: Period
    group_by: str
    columns: tuple[str, ...]
    total: Mapping[str, float | None]
    lines: Sequence[Line]
    hidden: int
    minimum: int
    enrolled: int | None


class _Tally:
    """The numbers of one group."""

    def __init__(self, names: Sequence[str]) -> None:
        self.numbers = {name: Number() for name in names}

    def add(self, fact: usage.Fact) -> None:
        for name, value in fact.counts.items():
            if name in self.numbers:
                self.numbers[name].add(value, fact.person_id)
        self.numbers[PEOPLE].people.add(fact.person_id)
        self.numbers[PEOPLE].people.discard(None)
        self.numbers[PEOPLE].value = len(self.numbers[PEOPLE].people)


class Analytics:
    """The numbers of every mentor; each call names the one it means."""

    def __init__(self, database: Database, settings: Settings) -> None:
        self._database = database
        self._minimum = settings.analytics_minimum_people

    def count(
        self, organization_id: str, mentor_id: str, subject: str, period: Period, group_by: str = ""
    ) -> Count:
        """Count a subject of SUBJECTS in a period. group_by: one of its groupings; its first if
        empty.

        Raises InputRejected (group_by), NotFound (no such mentor).
        """
        asked = SUBJECTS[subject]
        group_by = group_by or asked.groupings[0]
        if group_by not in asked.groupings:
            sentence = "One of these, please: " + ", ".join(asked.groupings) + "."
            raise InputRejected({"group_by": [sentence]})
        names = _inner_names(asked.counts)
        total, tallies = _Tally(names), {}
        labels: dict[str, str] = {}
        if group_by in TIMES:
            for part in period.list_parts(group_by):
                tallies[part], labels[part] = _Tally(names), part
        where = (organization_id, mentor_id)
        with self._database.read() as connection:
            _check_mentor(connection, where)
            for reader in asked.readers:
                for fact in reader(connection, where, period):
                    total.add(fact)
                    for key, label in _places(fact, group_by, period):
                        labels[key] = label
                        tallies.setdefault(key, _Tally(names)).add(fact)
            labels |= _find_labels(connection, organization_id, group_by, list(tallies))
            enrolled = _count_enrolled(connection, where)
        count = self._show(asked, group_by, period, total, tallies, labels)
        few = enrolled.is_small(self._minimum)
        return Count(**count, enrolled=None if few else len(enrolled.people))

    def _show(
        self,
        asked: Subject,
        group_by: str,
        period: Period,
        total: _Tally,
        tallies: Mapping[str, _Tally],
        labels: Mapping[str, str],
    ) -> dict[str, Any]:
        keys = list(tallies)
        shown: dict[str, dict[str, float | None]] = {key: {} for key in keys}
        whole: dict[str, float | None] = {}
        for name, number in total.numbers.items():
            column = [tallies[key].numbers[name] for key in keys]
            hidden = find_hidden(column, number, self._minimum)
            for n, key in enumerate(keys):
                shown[key][name] = None if n in hidden else column[n].value
            whole[name] = None if number.is_small(self._minimum) else number.value
        columns = (PEOPLE, *asked.counts)
        lines = [Line(key, labels[key], _finish(shown[key], columns)) for key in keys]
        # A line that says nothing but who it is about would say that they were here.
        is_left_out = group_by == "user"
        kept = [one for one in lines if not is_left_out or one.values[PEOPLE] is not None]
        return {
            "period": period,
            "group_by": group_by,
            "columns": columns,
            "total": _finish(whole, columns),
            "lines": kept if group_by in TIMES else sorted(kept, key=_rank),
            "hidden": sum(value is None for one in lines for value in one.values.values()),
            "minimum": self._minimum,
        }


def _inner_names(counts: Sequence[str]) -> list[str]:
    """What is added up: the people, the counts, and what means are made from."""
    sums = [name for name in counts if name not in MEANS]
    sums += [name for mean in counts if mean in MEANS for name in MEANS[mean]]
    return list(dict.fromkeys([PEOPLE, *sums]))


def _finish(
    values: Mapping[str, float | None], columns: Sequence[str]
) -> Mapping[str, float | None]:
    made = dict(values)
    for mean, (above, below) in MEANS.items():
        dividend, divisor = values.get(above), values.get(below)
        made[mean] = round(dividend / divisor, 1) if dividend is not None and divisor else None
    return {name: made[name] for name in columns}


def _rank(line: Line) -> tuple[Any, ...]:
    # Most first; where that is hidden, last, and then by name, which tells nothing.
    first = list(line.values.values())[1]
    return first is None, -(first or 0), line.label, line.key


def _places(fact: usage.Fact, group_by: str, period: Period) -> Sequence[tuple[str, str]]:
    if group_by == "all":
        return [("all", "All")]
    if group_by in TIMES:
        part = period.find_part(fact.at, group_by)
        return [(part, part)]
    if group_by == "course":
        return [(fact.context_id or "", "Outside a course")]
    if group_by == "user":
        return [(fact.person_id, "")] if fact.person_id else []
    return fact.places[group_by]


def _find_labels(
    connection: Connection, organization_id: str, group_by: str, keys: Sequence[str]
) -> dict[str, str]:
    if group_by == "course":
        table, names = contexts, (contexts.c.title, contexts.c.label)
    elif group_by == "user":
        table, names = people, (people.c.name,)  # type: ignore[assignment]
    else:
        return {}
    query = select(table.c.id, *names).where(table.c.organization_id == organization_id)
    found = {}
    for begin in range(0, len(keys), 500):
        some = table.c.id.in_(keys[begin : begin + 500])
        for row in connection.execute(query.where(some)):
            found[row.id] = next((name for name in row[1:] if name), row.id)
    return found


def _check_mentor(connection: Connection, where: tuple[str, str]) -> None:
    query = select(mentors.c.id).where(
        mentors.c.organization_id == where[0], mentors.c.id == where[1]
    )
    if connection.execute(query).first() is None:
        raise NotFound("There is no such mentor.")


def _count_enrolled(connection: Connection, where: tuple[str, str]) -> Number:
    query = select(campus_enrolments.c.identity_id).where(
        campus_enrolments.c.organization_id == where[0],
        campus_enrolments.c.mentor_id == where[1],
        campus_enrolments.c.role == "learner",
    )
    return Number(people=set(connection.execute(query).scalars()))
