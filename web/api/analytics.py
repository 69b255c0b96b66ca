"""/analytics: how the mentor is used, in numbers."""

import csv
import io
from collections.abc import Callable
from datetime import date, datetime
from typing import Any, Literal

from flask import Response, request
from pydantic import BaseModel, Field, create_model

from mentorai.core.analytics import SUBJECTS, Count
from mentorai.core.periods import read_period
from mentorai.core.sheets import FORMULA
from mentorai.web.api.replies import cut_page, reply_page
from mentorai.web.api.resource import Resource
from mentorai.web.api.shapes import Day, Page, PageQuery
from mentorai.web.auth import bound_mentor, get_engine

api = Resource("analytics", "How the mentor is used, in numbers.")

CSV = "text/csv"
Values = dict[str, float | None]


class AnalyticsQuery(PageQuery):
    """Which days, in whose time zone, and in which form."""

    date_filter: Literal["today", "7d", "30d", "90d", "custom"] | None = Field(
        default=None, description="Days up to today; `custom` with dates. 30d if nothing is given."
    )
    start_date: Day | None = Field(default=None, description="The first day.")
    end_date: Day | None = Field(default=None, description="The last day; today if not given.")
    time_zone: str = Field(
        default="UTC",
        max_length=64,
        description="Where days begin, as IANA names it.",
        examples=["Europe/Madrid"],
    )
    format: Literal["json", "csv"] = "json"


class PeriodFacts(BaseModel):
    """Whole days in a time zone."""

    start_date: date
    end_date: date
    time_zone: str
    start: datetime = Field(description="The first instant.")
    end: datetime = Field(description="The first instant after it.")


class GroupFacts(BaseModel):
    """One group. `values` by name; null where too few people stand behind a number."""

    group: str
    label: str
    values: Values


class AnalyticsPage(Page):
    """Groups: parts of time in their order, others with the largest first."""

    results: list[GroupFacts]
    period: PeriodFacts
    group_by: str
    total: Values = Field(description="Of the whole period; people are counted once.")
    hidden: int = Field(description="How many numbers are null for too few people.")
    minimum_people: int = Field(description="How many people a number comes from at least.")
    enrolled: int | None = Field(
        description="Learners on the campus's own lists; null if they are too few to tell."
    )


def _describe(count: Count, query: AnalyticsQuery) -> Response:
    period = count.period
    lines = cut_page(count.lines, query.page, query.page_size)
    results = [GroupFacts(group=o.key, label=o.label, values=dict(o.values)) for o in lines]
    return reply_page(
        AnalyticsPage,
        results,
        len(count.lines),
        query.page,
        query.page_size,
        period=PeriodFacts(
            start_date=period.first,
            end_date=period.last,
            time_zone=period.zone.key,
            start=period.start,
            end=period.end,
        ),
        group_by=count.group_by,
        total=dict(count.total),
        hidden=count.hidden,
        minimum_people=count.minimum,
        enrolled=count.enrolled,
    )


def _write_csv(subject: str, count: Count) -> Response:
    text = io.StringIO()
    # All in quotes: a spreadsheet that divides by semicolons would divide a name that has one.
    writer = csv.writer(text, quoting=csv.QUOTE_ALL)
    writer.writerow(("group", "label", *count.columns))
    for line in count.lines:
        numbers = ("" if value is None else f"{value:.15g}" for value in line.values.values())
        writer.writerow((_as_text(line.key), _as_text(line.label), *numbers))
    response = Response(text.getvalue(), mimetype=CSV)
    name = f"{subject}-{count.period.first}-{count.period.last}.csv"
    response.headers["Content-Disposition"] = f"attachment; filename={name}"
    return response


def _as_text(cell: str) -> str:
    """The cell as a spreadsheet takes it: as a text, however it begins."""
    return f"'{cell}" if cell.startswith((*FORMULA, "\t", "\r")) else cell


def _add(subject: str, summary: str, sentence: str) -> None:
    groupings = SUBJECTS[subject].groupings
    choice: Any = Literal[groupings]
    kind: Any = create_model(
        f"{subject.title()}Query",
        __base__=AnalyticsQuery,
        __doc__="Which days, in which groups and form.",
        group_by=(
            choice,
            Field(default=groupings[0], description="How the numbers are grouped."),
        ),
    )

    def read(query: AnalyticsQuery) -> Response:
        period = read_period(query.date_filter, query.start_date, query.end_date, query.time_zone)
        group_by: str = query.group_by  # type: ignore[attr-defined]
        count = get_engine().analytics.count(*bound_mentor(), subject, period, group_by)
        made = _write_csv(subject, count) if query.format == "csv" else _describe(count, query)
        made.add_etag()
        made.headers["Cache-Control"] = "private, no-cache"
        return made.make_conditional(request)  # type: ignore[return-value]

    read.__name__ = f"count_{subject}"
    read.__doc__ = sentence
    read.__annotations__["query"] = kind
    add: Callable[[Any], Any] = api.operation(
        "get",
        f"/analytics/{subject}",
        scope="analytics:read",
        summary=summary,
        returns=AnalyticsPage,
        also_as={CSV: '"group","label","people"\n'},
    )
    add(read)


_add(
    "overview",
    "Count everything",
    "Visits, conversations, messages, messages that the material hardly covered (`weak_matches`), "
    "attempts at quizzes, submitted ones and their mean, and the people behind them.",
)
_add(
    "conversations",
    "Count the conversations",
    "Conversations begun, messages, and messages that the material hardly covered, by time or "
    "course.",
)
_add(
    "users",
    "Count the people",
    "The people who came, asked or tried a quiz, and how often, by time or course; by `user` where "
    "the installation hides no small groups.",
)
_add(
    "topics",
    "Count the topics",
    "Messages by the document, or the heading, that their answers cite. One that cites two counts "
    "for both; one that cites none is in the group without a name.",
)
_add(
    "tools",
    "Count the tools",
    "Uses of the chat, of the chat by API key, and of quizzes.",
)
_add(
    "progress",
    "Count the progress",
    "Attempts at quizzes by students, those that were submitted, and their mean in percent.",
)
