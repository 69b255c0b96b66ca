"""What teachers do to a gradebook behind the tool's back."""

from collections.abc import Mapping
from typing import Any

from mentorai.core.errors import InputRejected, NotFound
from mentorai.plugins.sandbox.grades import Gradebook, is_number
from mentorai.plugins.sandbox.platform import SandboxPlatform, is_texts
from mentorai.plugins.sandbox.school import find_person
from mentorai.plugins.sandbox.shelf import Record


class Teacher:
    """The teachers of one platform; each act is one that the LMS it is would allow."""

    def __init__(self, platform: SandboxPlatform, gradebook: Gradebook) -> None:
        self._platform, self._gradebook = platform, gradebook
        self._shelf = platform.shelf

    def override(self, column_id: str, person_id: object, given: object) -> Record:
        """Change somebody's grade by hand. given: in the column's points.

        Raises NotFound for a column that is not there, InputRejected.
        """
        column = self._get(column_id)
        person = find_person(person_id) if isinstance(person_id, str) else None
        if person is None or not is_number(given):
            raise InputRejected({"person": ["Name a person of the college, and points."]})
        with self._shelf.lock:
            moment = self._platform.now().isoformat()
            first = {"at": moment, "comment": ""}
            key = f"{column_id}/{person.sub}"
            result: Record = first | (self._shelf.find("result", key) or {})
            result |= {"line_item": column_id, "user_id": person.sub, "received": moment}
            result |= {"given": given, "maximum": column["scoreMaximum"], "overridden": True}
            return self._shelf.put("result", key, result)

    def take_back(self, column_id: str, person_id: str) -> None:
        """Let a grade that was changed by hand be the tool's again, with the next score.

        Raises NotFound.
        """
        person = find_person(person_id)
        key = f"{self._get(column_id)['id']}/{person.sub if person else ''}"
        with self._shelf.lock:
            result = self._shelf.find("result", key)
            if result is None or not result.get("overridden"):
                raise NotFound("Nobody changed this grade.")
            self._shelf.put("result", key, result | {"overridden": False})

    def change(self, column_id: str, changes: Mapping[str, Any]) -> Record:
        """Lock a column (`locked`), say how many attempts it takes (`attempts_allowed`), have
        it pass or fail only (`pass_fail`), make it another tool's (`foreign`), give it to some
        students only (`assignees`; none: to all), or to more links (`other_links`, by their ids).

        Raises NotFound, and InputRejected where this LMS has no such thing.
        """
        column, lms = self._get(column_id), self._platform.personality
        traits = lms.scores
        attempts = changes.get("attempts_allowed", 1)
        known = {
            "locked": traits.locks and isinstance(changes.get("locked"), bool),
            "pass_fail": traits.pass_fail and isinstance(changes.get("pass_fail"), bool),
            "foreign": isinstance(changes.get("foreign"), bool),
            "assignees": lms.roster.assigns and is_texts(changes.get("assignees")),
            "other_links": lms.columns.many_links and is_texts(changes.get("other_links")),
            "attempts_allowed": traits.keeps_attempts
            and isinstance(attempts, int)
            and 0 <= attempts < 1_000,
        }
        errors = {name: ["This LMS has no such thing."] for name in changes if not known.get(name)}
        if errors:
            raise InputRejected(errors)
        return self._shelf.put("line_item", column_id, column | dict(changes))

    def remove(self, column_id: str) -> None:
        """Delete a column, with what it held. Raises NotFound."""
        self._gradebook.drop(self._get(column_id)["id"])

    def conclude(self, course_id: str, *, concluded: bool) -> None:
        """End a course, or begin it again. Raises NotFound."""
        if self._platform.find_course(course_id) is None:
            raise NotFound("There is no such course.")
        if concluded:
            self._shelf.put("concluded", course_id, {"course": course_id})
        else:
            self._shelf.remove("concluded", course_id)

    def hide(self, item_id: str, *, hidden: bool) -> None:
        """Hide an item from students, or show it again. Raises NotFound."""
        courses = self._platform.courses()
        if not any(self._platform.find_item(course, item_id) for course in courses):
            raise NotFound("There is no such item.")
        if hidden:
            self._shelf.put("hidden", item_id, {"item": item_id})
        else:
            self._shelf.remove("hidden", item_id)

    def _get(self, column_id: str) -> Record:
        column = self._shelf.find("line_item", column_id)
        if column is None:
            raise NotFound("There is no such line item.")
        return column
