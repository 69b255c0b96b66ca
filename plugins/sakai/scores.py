"""What Sakai's refusals of a score mean: it answers 400 to nearly everything, and says why."""

from mentorai.core.errors import NoLineItem, PersonNotInCourse, PlatformRefused, ScopeNotGranted
from mentorai.core.values import Refusal

NOT_THERE = "Sakai has no such member of this site: the person has left it."
NO_SITE = "Sakai let no grade be written here: the site is gone, or the mentor was taken out of it."
NO_COLUMN = "The gradebook column is no longer there."
REFUSALS = (
    Refusal(400, "user does not belong to site", PersonNotInCourse, NOT_THERE),
    Refusal(400, "could not load site", PlatformRefused, NO_SITE),
    Refusal(400, "missing tool", PlatformRefused, NO_SITE),
    Refusal(400, "no placements for tool", PlatformRefused, NO_SITE),
    Refusal(400, "grade failure", NoLineItem, NO_COLUMN),
    Refusal(400, "not in access token", lambda _: ScopeNotGranted(("score",)), ""),
)
