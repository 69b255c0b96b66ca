"""Periods: whole days in somebody's time zone, as instants, and the parts they fall into."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import Literal
from zoneinfo import ZoneInfo

from mentorai.core.clock import now
from mentorai.core.errors import InputRejected

LONGEST_DAYS = 1_100
SPANS = {"today": 1, "7d": 7, "30d": 30, "90d": 90}
Part = Literal["day", "week", "month"]


@dataclass(frozen=True, slots=True)
class Period:
    """From the beginning of `first` to the end of `last`, days as `zone` has them."""

    first: date
    last: date
    zone: ZoneInfo

    @property
    def start(self) -> datetime:
        """The first instant, in UTC."""
        return self._midnight(self.first)

    @property
    def end(self) -> datetime:
        """The first instant after it, in UTC."""
        return self._midnight(self.last + timedelta(days=1))

    def find_part(self, at: datetime, part: Part) -> str:
        """The day (ISO), week (its Monday) or month (`2026-11`) in which an instant lies."""
        return _name(at.astimezone(self.zone).date(), part)

    def list_parts(self, part: Part) -> Sequence[str]:
        """All parts of the period, in order."""
        count = (self.last - self.first).days + 1
        days = (self.first + timedelta(days=n) for n in range(count))
        return list(dict.fromkeys(_name(day, part) for day in days))

    def _midnight(self, day: date) -> datetime:
        return datetime.combine(day, time(), self.zone).astimezone(UTC)


def read_period(
    date_filter: str | None = None,
    start_date: date | None = None,
    end_date: date | None = None,
    time_zone: str = "UTC",
) -> Period:
    """The period that was asked for: the last 30 days, today among them, if nothing was.

    date_filter: today, 7d, 30d, 90d, or custom with the dates. start_date, end_date: both days
    belong to it; without an end, up to today. time_zone: as IANA names it.
    Raises InputRejected.
    """
    zone = _find_zone(time_zone)
    today = now().astimezone(zone).date()
    if date_filter not in (None, "custom"):
        if start_date or end_date:
            raise InputRejected({"date_filter": ["Either this or dates, please; not both."]})
        return Period(today - timedelta(days=SPANS[date_filter] - 1), today, zone)
    if start_date is None:
        if end_date or date_filter:
            raise InputRejected({"start_date": ["This is needed with custom or end_date."]})
        return Period(today - timedelta(days=SPANS["30d"] - 1), today, zone)
    last = end_date or today
    if last < start_date:
        raise InputRejected({"end_date": ["This lies before the start."]})
    if (last - start_date).days >= LONGEST_DAYS:
        raise InputRejected({"end_date": [f"At most {LONGEST_DAYS} days, please."]})
    if start_date.year < 2000 or last.year > 2200:
        raise InputRejected({"start_date": ["A year from 2000 to 2200, please."]})
    return Period(start_date, last, zone)


def _find_zone(name: str) -> ZoneInfo:
    try:
        return ZoneInfo(name)
    except (KeyError, ValueError, OSError):
        sentence = "There is no such time zone; one looks like Europe/Madrid."
        raise InputRejected({"time_zone": [sentence]}) from None


def _name(day: date, part: Part) -> str:
    if part == "month":
        return f"{day:%Y-%m}"
    if part == "week":
        return (day - timedelta(days=day.weekday())).isoformat()
    return day.isoformat()
