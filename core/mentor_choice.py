"""Which mentor answers in a place, where no plugin says so."""

from contextlib import suppress
from typing import TYPE_CHECKING

from mentorai.core.errors import NotFound
from mentorai.core.values import Launch, MentorRef

if TYPE_CHECKING:
    from mentorai.core.engine import Engine


def find_mentor(engine: "Engine", launch: Launch, placed: MentorRef | None) -> MentorRef | None:
    """The one that `custom` names; else the place's mentor; else the one of the place that this
    one was copied from; else the only one there is.

    placed: the place's mentor, where that is known already.
    """
    named = launch.custom.get("mentor")
    if named:
        with suppress(NotFound):
            mentor = engine.mentors.get(launch.organization_id, named)
            return MentorRef(mentor.id, launch.custom.get("quiz"))
    ref = placed or engine.mentors.find_placement(launch)
    ref = ref or engine.course_copies.find_inherited(launch)
    if ref or named:
        return ref
    known = engine.mentors.list(launch.organization_id)
    return MentorRef(known[0].id) if len(known) == 1 else None
