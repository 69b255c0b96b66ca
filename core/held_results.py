"""What a gradebook holds against what it took from us: ours, or what a teacher put there."""

from collections.abc import Mapping, Sequence

from sqlalchemy import Connection, select

from mentorai.core.outbox_table import outbox
from mentorai.core.values import Result

# Platforms round to two places, often of their own maximum.
TOLERANCE = 0.005
# A statement bears only so many values.
TOGETHER = 1_000


def find_taken(
    connection: Connection, organization_id: str, grade_ids: Sequence[str]
) -> Mapping[str, tuple[float, float]]:
    """Points and maximum that the gradebook took last for each of these grades, if any."""
    taken: dict[str, tuple[float, float]] = {}
    for first in range(0, len(grade_ids), TOGETHER):
        sent = (
            select(outbox.c.grade_id, outbox.c.given, outbox.c.maximum)
            .where(
                outbox.c.organization_id == organization_id,
                outbox.c.grade_id.in_(grade_ids[first : first + TOGETHER]),
                outbox.c.status == "sent",
            )
            .order_by(outbox.c.sent_at)
        )
        taken |= {row.grade_id: (row.given, row.maximum) for row in connection.execute(sent)}
    return taken


def is_same(result: Result, given: float, maximum: float) -> bool:
    """Whether a result is these points, by their share, since platforms scale.

    More than the maximum is the same as what a platform cuts off there.
    """
    if result.given is None:
        return False
    theirs = result.maximum or maximum
    apart = abs(result.given / theirs - given / maximum)
    if given > maximum and result.given >= theirs:
        return True
    return apart * theirs <= TOLERANCE + 1e-9 or apart * maximum <= TOLERANCE + 1e-9
