"""What Open edX's refusals of a score mean."""

from mentorai.core.errors import ScoreStale
from mentorai.core.values import Refusal

OLDER = "Open edX holds a newer score for this person."
REFUSALS = (
    Refusal(400, "later point in time", ScoreStale, OLDER),
    Refusal(400, "already exists", ScoreStale, OLDER),
)
