"""Reminders that a key is about to end: fourteen days, seven days and one day before."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from sqlalchemy import or_, select, update

from mentorai.core.clock import now
from mentorai.core.key_rows import api_keys

if TYPE_CHECKING:
    from mentorai.core.engine import Engine

REMINDER_DAYS = (14, 7, 1)


def find_reminded(moment: datetime, expires_at: datetime | None) -> int | None:
    """The reminder that a key made at `moment` needs no more: its maker just chose the day."""
    if expires_at is None:
        return None
    passed = [days for days in REMINDER_DAYS if expires_at - moment <= timedelta(days=days)]
    return min(passed, default=None)


class KeyReminders:
    """Tells plugins of keys that end soon, once for each of REMINDER_DAYS."""

    def __init__(self, engine: "Engine") -> None:
        self._engine = engine

    def tell(self) -> int:
        """Tell `key_expiring` for every key that came nearer to its end; how many there were.

        Any number of workers may call this at once: each reminder is told by one of them.
        """
        due = [(key_id, days) for key_id, days in self._list_due() if self._take(key_id, days)]
        for key_id, days in due:
            self._engine.plugins.tell("key_expiring", key_id=key_id, days_left=days)
        return len(due)

    def _list_due(self) -> Sequence[tuple[str, int]]:
        moment = now()
        query = select(api_keys.c.id, api_keys.c.expires_at).where(
            api_keys.c.expires_at > moment,
            api_keys.c.expires_at <= moment + timedelta(days=max(REMINDER_DAYS)),
            api_keys.c.revoked_at.is_(None),
            # Who rotated it knows; the key in its place is reminded of in its time.
            api_keys.c.replaced_by.is_(None),
        )
        with self._engine.database.read() as connection:
            rows = connection.execute(query).all()
        nearest = [(row.id, find_reminded(moment, row.expires_at)) for row in rows]
        return [(key_id, days) for key_id, days in nearest if days is not None]

    def _take(self, key_id: str, days: int) -> bool:
        told = update(api_keys).where(
            api_keys.c.id == key_id,
            or_(api_keys.c.reminded_days.is_(None), api_keys.c.reminded_days > days),
        )
        with self._engine.database.write() as connection:
            return connection.execute(told.values(reminded_days=days)).rowcount == 1
