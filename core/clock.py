"""The one place that knows what time it is."""

import time
from datetime import UTC, datetime
from functools import lru_cache


def now() -> datetime:
    """The present instant, aware, in UTC."""
    return datetime.now(UTC)


def write_now() -> str:
    """The present instant as the log has it: `2026-11-30T09:41:07.052600Z`.

    A datetime takes several times as long to say this, for which every answer would wait.
    """
    second, rest = divmod(time.time_ns(), 1_000_000_000)
    return f"{_write_second(second)}.{rest // 1000:06d}Z"


@lru_cache(1)
def _write_second(second: int) -> str:
    return datetime.fromtimestamp(second, UTC).strftime("%Y-%m-%dT%H:%M:%S")
