"""What to do about a grade that did not reach the gradebook, in words for those who teach.

The reason is the error's own sentence; this goes beside it, by the error's code, on the page of
the grades and in the API. docs/errors.md says the same. A PlatformProfile may say it in the words
of its LMS, since people do it there.
"""

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING

from mentorai.core.places import find_families

if TYPE_CHECKING:
    from mentorai.core.engine import Engine
    from mentorai.core.grade_rows import Grade

ASK_IT = "Ask your campus IT: "
TRIED_AGAIN = "Nothing to do: it is tried again by itself."

ADVICE: Mapping[str, str] = {
    "person_is_staff": "Nothing to do. If this person is a student after all: change the role in "
    "the LMS, have the mentor opened from the course once more, then resend the grade.",
    "person_not_in_course": "Nothing to do if the person has left. Otherwise enrol them as a "
    "student in the LMS, then resend the grade.",
    "not_gradable": "Look in the LMS whether this person is a student of the course and whether "
    "the grade is locked; put that right, then resend the grade.",
    "grade_locked": "Nothing to do if the locked grade shall stand. Otherwise unlock the grade "
    "or its column in the gradebook, then resend the grade.",
    "grade_maybe_locked": "Look in the gradebook whether the grade, its column or its category is "
    "locked. It is tried again by itself for about two hours.",
    "course_concluded": "Nothing to do if the course is over. If it was opened again, resend the "
    "grade.",
    "attempts_exhausted": "Allow the student one more attempt in the assignment's settings in the "
    "LMS, then resend the grade.",
    "no_line_item": "If the activity or its column was deleted in the LMS, add it again and open "
    "it once, then resend the grade. If it never had a column, your campus IT lets the tool sync "
    "grades (AGS).",
    "teacher_grade_stands": "Nothing to do if the teacher's grade shall stand. Otherwise send ours "
    "in its place; where the LMS keeps the teacher's all the same, take it back in the gradebook "
    "first.",
    "score_stale": "Nothing to do if the newer grade is right: compare with the gradebook. "
    "Otherwise resend the grade; if it lasts, campus IT compares the clock of the LMS with ours.",
    "score_out_of_range": "Put the points right: 0 or more, of more than 0.",
    "score_rejected": "The reason says what the LMS did not like; put that right, then resend the "
    "grade.",
    "platform_unavailable": TRIED_AGAIN,
    "platform_throttled": TRIED_AGAIN,
    "platform_reply_invalid": TRIED_AGAIN,
    "platform_refused": ASK_IT + "the tool's permissions in the LMS, then resend the grade.",
    "platform_error": ASK_IT + "the log of the worker says what the LMS answered.",
    "scope_not_granted": ASK_IT + "the LMS must allow this tool what the reason names (`lineitem`, "
    "`score`, `result.readonly`, `contextmembership.readonly`, `contextgroup.readonly`).",
    "sign_in_needed": ASK_IT + "somebody signs in at the LMS again, on its page in the admin; then "
    "resend the grade.",
    "plugin_failed": ASK_IT + "the log says where; the plugin's author mends it. It is tried again "
    "by itself for 30 days, and at once when the worker starts with the mended plugin; after that, "
    "resend the grade.",
    "internal_error": "Nothing to do: it is tried again by itself. If it lasts, campus IT finds it "
    "in the log.",
}


TEACHER_GRADE = "teacher_grade_stands"
LOCKED_GRADE = "grade_locked"


class GradeAdvice:
    """What to do about some grades, each in the words of the LMS that it goes to."""

    def __init__(self, engine: "Engine", grades: "Iterable[Grade]") -> None:
        links = {
            (grade.organization_id, grade.resource_link_id)
            for grade in grades
            if grade.resource_link_id
        }
        self._families: dict[str, str] = {}
        for organization_id in {organization_id for organization_id, _ in links}:
            mine = [link_id for owner, link_id in links if owner == organization_id]
            with engine.database.read() as connection:
                self._families |= find_families(connection, organization_id, mine)
        profiles = engine.plugins.ask_all("platform_profile") if self._families else ()
        self._own = {profile.family: profile.grade_advice for profile in profiles}

    def find(self, grade: "Grade", code: str) -> str:
        """What to do about an error with this code, or nothing for a code that is not ours."""
        family = self._families.get(grade.resource_link_id or "", "")
        return self._own.get(family, {}).get(code) or ADVICE.get(code, "")
