"""Webhooks are told of keys that end soon: 14, 7 and 1 days before, once each."""

from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from sqlalchemy import select

from mentorai.core.clock import now
from mentorai.core.key_rows import api_keys
from mentorai.core.webhook_events import KEY_EXPIRING, note_event

if TYPE_CHECKING:
    from mentorai.core.engine import Engine

DAYS = (1, 7, 14)


def remind_of_keys(engine: "Engine") -> None:
    """Note the reminders that are due. Harmless to repeat: each is kept once a webhook."""
    moment = now()
    query = select(
        api_keys.c.id,
        api_keys.c.organization_id,
        api_keys.c.mentor_id,
        api_keys.c.name,
        api_keys.c.expires_at,
    ).where(
        api_keys.c.revoked_at.is_(None),
        api_keys.c.expires_at > moment,
        api_keys.c.expires_at <= moment + timedelta(days=DAYS[-1]),
    )
    with engine.database.read() as connection:
        keys = connection.execute(query).all()
    for key in keys:
        days = _days_left(key.expires_at - moment)
        with engine.database.write() as connection:
            note_event(
                connection,
                KEY_EXPIRING,
                {
                    "key": key.id,
                    "name": key.name,
                    "expires_at": _write(key.expires_at),
                    "days": days,
                },
                organization_id=key.organization_id,
                mentor_id=key.mentor_id,
                once=f"{KEY_EXPIRING}:{key.id}:{key.expires_at:%Y%m%d%H%M}:{days}",
            )


def _days_left(left: timedelta) -> int:
    return next(days for days in DAYS if left <= timedelta(days=days))


def _write(moment: datetime) -> str:
    return moment.isoformat(timespec="seconds").replace("+00:00", "Z")
