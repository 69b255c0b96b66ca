"""What Canvas' own API knows of courses, and how it takes many grades at once.

Its ids are numbers, and other ones than those of LTI. The gradebook is that of the LTI services.
"""

import re
from collections.abc import Mapping, Sequence

from mentorai.plugins.sandbox.memberships import list_memberships
from mentorai.plugins.sandbox.personalities.canvas import FIRST_COURSE
from mentorai.plugins.sandbox.platform import SandboxPlatform
from mentorai.plugins.sandbox.school import PEOPLE, PREVIEW, Course, Person
from mentorai.plugins.sandbox.shelf import Record
from mentorai.plugins.sandbox.told_ids import count_id
from mentorai.plugins.sandbox.wire import Refused

FIRST_USER, FIRST_ASSIGNMENT, FIRST_SECTION = 1_001, 501, 301
KINDS = {
    "student": "StudentEnrollment",
    "instructor": "TeacherEnrollment",
    "assistant": "TaEnrollment",
}
NOT_FOUND = "The specified resource does not exist."
POSTED = re.compile(r"grade_data\[(\d+)\]\[(posted_grade|text_comment)\]")


class CanvasCourses:
    """The courses of one Canvas. polls: how often a Progress is asked before it is done."""

    def __init__(self, platform: SandboxPlatform) -> None:
        self._platform = platform
        self.polls = 0
        self.updates: list[Mapping[int, Mapping[str, str]]] = []
        self._jobs: dict[int, Record] = {}

    def number_of(self, person: Person) -> int:
        """The number of a person (`$Canvas.user.id`)."""
        return FIRST_USER + (*PEOPLE, PREVIEW).index(person)

    def number_of_course(self, course_id: str) -> int:
        """The number of a course (`$Canvas.course.id`)."""
        course = next(each for each in self._platform.courses() if each.id == course_id)
        return count_id("course", course.context_id, {"course": FIRST_COURSE})

    def number_of_column(self, column_id: str) -> int:
        """The number of a column's assignment (`$Canvas.assignment.id`)."""
        ids = [column["id"] for column in self._platform.shelf.list("line_item")]
        return FIRST_ASSIGNMENT + ids.index(column_id)

    def get_course(self, number: int) -> Course:
        """The course with this number. Raises Refused."""
        for course in self._platform.courses():
            if self.number_of_course(course.id) == number:
                return course
        raise Refused(404, NOT_FOUND)

    def get_column(self, course: int, number: int) -> Record:
        """The column behind an assignment. Raises Refused."""
        columns = self._platform.shelf.list("line_item")
        if not 0 <= number - FIRST_ASSIGNMENT < len(columns):
            raise Refused(404, NOT_FOUND)
        column = columns[number - FIRST_ASSIGNMENT]
        if column["course"] != self.get_course(course).id:
            raise Refused(404, NOT_FOUND)
        return column

    def show_assignment(self, course: int, number: int) -> Record:
        """One assignment."""
        column = self.get_column(course, number)
        return {
            "id": number,
            "course_id": course,
            "name": column["label"],
            "points_possible": column["scoreMaximum"],
            "grading_type": "points",
            "published": True,
        }

    def list_submissions(self, course: int, number: int) -> Sequence[Record]:
        """One row for each student, graded or not."""
        column = self.get_column(course, number)
        found = []
        for person in self._students(self.get_course(course)):
            result = self._platform.shelf.find("result", f"{column['id']}/{person.sub}") or {}
            score = result.get("given")
            # A tool's own grades carry a negative number.
            grader = result.get("grader", 77 if result.get("overridden") else -3)
            found.append(
                {
                    "user_id": self.number_of(person),
                    "assignment_id": number,
                    "score": score,
                    "entered_score": score,
                    "grader_id": None if score is None else grader,
                    "workflow_state": "unsubmitted" if score is None else "graded",
                }
            )
        return found

    def list_enrollments(self, course: int) -> Sequence[Record]:
        """Who is in a course, in which of its two sections."""
        found = []
        for each in list_memberships(self._platform, self.get_course(course)):
            if each.person.kind in KINDS and each.status == "Active":
                number = self.number_of(each.person)
                kind = KINDS[each.person.kind]
                found.append(
                    {
                        "id": 9_000 + number,
                        "user_id": number,
                        "course_id": course,
                        "course_section_id": FIRST_SECTION + number % 2,
                        "enrollment_state": "active",
                        "type": kind,
                        "role": kind,
                        "user": {"id": number, "name": each.person.name},
                    }
                )
        return found

    def list_sections(self, course: int) -> Sequence[Record]:
        """The sections of a course."""
        self.get_course(course)
        names = ("Monday section", "Thursday section")
        return [
            {"id": FIRST_SECTION + n, "name": name, "course_id": course}
            for n, name in enumerate(names)
        ]

    def update_grades(self, course: int, number: int, form: Mapping[str, str], user: int) -> Record:
        """Queue grades for many; a job that is asked about until it is done."""
        column = self.get_column(course, number)
        asked: dict[int, dict[str, str]] = {}
        for name, value in form.items():
            matched = POSTED.fullmatch(name)
            if matched:
                asked.setdefault(int(matched[1]), {})[matched[2]] = value
        self.updates.append(asked)
        job_id = 7_001 + len(self._jobs)
        self._jobs[job_id] = {
            "id": job_id,
            "context_id": course,
            "context_type": "Course",
            "user_id": user,
            "tag": "submissions_update",
            "completion": None,
            "workflow_state": "queued",
            "message": None,
            "url": f"{self._platform.options.base_url}/api/v1/progress/{job_id}",
            "left": self.polls,
            "work": (column["id"], asked),
        }
        return self._show_job(job_id)

    def poll(self, job_id: int) -> Record:
        """How far a job is. Raises Refused."""
        job = self._jobs.get(job_id)
        if job is None:
            raise Refused(404, NOT_FOUND)
        if job["left"] > 0:
            job |= {"left": job["left"] - 1, "workflow_state": "running", "completion": 10.0}
        elif job["workflow_state"] in ("queued", "running"):
            self._work(job)
        return self._show_job(job_id)

    def _work(self, job: Record) -> None:
        column_id, asked = job["work"]
        column = self._platform.shelf.find("line_item", column_id) or {}
        students = {
            self.number_of(person): person
            for person in self._students(self.get_course(job["context_id"]))
        }
        moment = self._platform.now().isoformat()
        for number, grade in asked.items():
            if number not in students:
                continue
            sub = students[number].sub
            old = self._platform.shelf.find("result", f"{column_id}/{sub}") or {}
            comment = "\n".join(filter(None, (old.get("comment"), grade.get("text_comment"))))
            record = {"line_item": column_id, "user_id": sub, "at": moment, "received": moment}
            record |= {"given": float(grade["posted_grade"]), "maximum": column["scoreMaximum"]}
            # To the LTI services it is a person's grade and not a tool's.
            record |= {"comment": comment, "overridden": True, "grader": job["user_id"]}
            self._platform.shelf.put("result", f"{column_id}/{sub}", record)
        missing = ", ".join(f"'{number}'" for number in asked if number not in students)
        state = "failed" if missing else "completed"
        message = f"Couldn't find User(s) with API ids {missing}" if missing else None
        job |= {"workflow_state": state, "completion": 100.0, "message": message}

    def _students(self, course: Course) -> Sequence[Person]:
        return [
            each.person
            for each in list_memberships(self._platform, course)
            if each.person.kind == "student" and each.status == "Active"
        ]

    def _show_job(self, job_id: int) -> Record:
        return {n: v for n, v in self._jobs[job_id].items() if n not in ("left", "work")}
