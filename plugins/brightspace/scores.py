"""What Brightspace's refusals of a score mean."""

from mentorai.core.errors import PersonNotInCourse, PlatformRefused, ScopeNotGranted
from mentorai.core.values import Refusal

NOT_ENROLLED = (
    "Brightspace has no such person in this course: they are not enrolled in it any more."
)
NOT_ALLOWED = (
    "Brightspace let no grade be written here: the course is inactive or over, or the mentor may "
    "not write grades."
)
REFUSALS = (
    Refusal(403, "not enrolled", PersonNotInCourse, NOT_ENROLLED),
    Refusal(404, "user in requested score does not exist", PersonNotInCourse, NOT_ENROLLED),
    Refusal(403, "insufficient scope", lambda _: ScopeNotGranted(("score",)), ""),
    Refusal(403, "", PlatformRefused, NOT_ALLOWED),
)
