"""Canvas' buckets of calls, and what a refusal by one looks like.

The calls of a tool fill one, for all schools of a client id on one of Canvas' clusters; those that
somebody's access token makes to the API fill that token's own; and requests for tokens, which bear
none, fill that of the address that they come from. Canvas says what is left with each answer; a
call that no longer fits is refused with 403, which also means other things, or 429. Whether it
fits is asked with what every call holds at first: what a token costs on top comes afterwards.
Source: Canvas' developer documentation, Throttling, and its source.
"""

from mentorai.core.errors import PlatformThrottled
from mentorai.core.values import Bucket

REFUSAL = "Rate Limit Exceeded"
# The vendor names 700 for its hosted service; a school of its own may have the source's 600.
BUCKET = Bucket(
    high_water=600,
    leak_per_second=10,
    up_front=50,
    token_cost=200,
    cost_header="X-Request-Cost",
    remaining_header="X-Rate-Limit-Remaining",
    refusal_text=REFUSAL,
)
# Canvas names no time; this gives back what a few calls need.
RETRY_SECONDS = 20.0


def check_not_throttled(status: int, body: bytes) -> None:
    """Raise PlatformThrottled for an answer that says so, and for no other 403."""
    if status == 429 or (status == 403 and REFUSAL.encode() in body[:500]):
        raise PlatformThrottled(retry_after_seconds=RETRY_SECONDS)
