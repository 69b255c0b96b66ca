"""The made-up college: its people, its courses, and the material that a tool is seeded with."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any, Literal
from uuid import UUID, uuid5

MATERIAL = Path(__file__).parent / "course"
NAMESPACE = UUID("5b8f5c52-6d0e-4c8f-9a55-0b1d7e1d9c11")
COLLEGE = "Harbour College"
FAMILY_CODE = "mentorai-sandbox"
RESOURCE_LINK = "ltiResourceLink"

Kind = Literal["student", "instructor", "assistant", "it", "preview"]
MEMBERSHIP = "http://purl.imsglobal.org/vocab/lis/v2/membership"
INSTITUTION = "http://purl.imsglobal.org/vocab/lis/v2/institution/person"
# A sub-role is sent beside its principal role (LTI 1.3 core, appendix A.2.3.1).
ROLES: Mapping[Kind, tuple[str, ...]] = {
    "student": (f"{MEMBERSHIP}#Learner", f"{INSTITUTION}#Student"),
    "instructor": (f"{MEMBERSHIP}#Instructor", f"{INSTITUTION}#Faculty"),
    "assistant": (
        f"{MEMBERSHIP}#Instructor",
        "http://purl.imsglobal.org/vocab/lis/v2/membership/Instructor#TeachingAssistant",
    ),
    "it": (f"{INSTITUTION}#Administrator",),
    "preview": (
        f"{MEMBERSHIP}#Learner",
        "http://purl.imsglobal.org/vocab/lti/system/person#TestUser",
    ),
}


def fixed_id(name: str) -> str:
    """An id that is the same in every sandbox."""
    return str(uuid5(NAMESPACE, name))


@dataclass(frozen=True, slots=True)
class Person:
    """Somebody at the college.

    id: the short name in the sandbox's own addresses. given, family, email: empty when the person
    lets tools have none of them.
    """

    id: str
    kind: Kind
    given: str
    family: str
    email: str
    about: str

    @property
    def sub(self) -> str:
        """The id that tools see."""
        return fixed_id(f"person/{self.id}")

    @property
    def name(self) -> str:
        """The full name, or what the college shows instead."""
        return f"{self.given} {self.family}".strip() or "Student without a name"

    @property
    def user_name(self) -> str:
        """What the person signs in with."""
        return "ruth_previewuser" if self.kind == "preview" else self.id

    @property
    def is_staff(self) -> bool:
        """Whether this person teaches."""
        return self.kind in ("instructor", "assistant")

    def shared(self) -> dict[str, str]:
        """What tools may know (OpenID Connect Core 1.0, section 5.1)."""
        if not self.given:
            return {}
        facts = {
            "name": self.name,
            "given_name": self.given,
            "family_name": self.family,
            "email": self.email,
        }
        return {name: text for name, text in facts.items() if text}


@dataclass(frozen=True, slots=True)
class Item:
    """A thing in a course: a resource link, which opens the tool, or another content item.

    label, review (submissionReview): of its gradebook column. html: cleaned. frame: width, height,
    src; window: targetName, width, height, windowFeatures; available, submission: startDateTime,
    endDateTime (ISO 8601). size: of an image, width and height. expires_at: until when a file can
    be fetched, ISO 8601 or empty; file_id: of what was fetched, empty if nothing was.
    history: the ids of the links that it was copied from, the latest first.
    """

    id: str
    module: str
    title: str
    about: str = ""
    url: str = ""
    custom: Mapping[str, str] = field(default_factory=dict)
    points: float | None = None
    resource_id: str = ""
    tag: str = ""
    added: bool = False
    kind: str = RESOURCE_LINK
    label: str = ""
    review: Mapping[str, Any] = field(default_factory=dict)
    icon: str = ""
    html: str = ""
    frame: Mapping[str, Any] = field(default_factory=dict)
    window: Mapping[str, Any] = field(default_factory=dict)
    available: Mapping[str, str] = field(default_factory=dict)
    submission: Mapping[str, str] = field(default_factory=dict)
    history: tuple[str, ...] = ()
    size: Mapping[str, int] = field(default_factory=dict)
    expires_at: str = ""
    file_id: str = ""

    @property
    def is_link(self) -> bool:
        """Whether it opens the tool by a launch."""
        return self.kind == RESOURCE_LINK

    def is_open(self, moment: datetime) -> bool:
        """Whether students may open it at a moment."""
        starts, ends = (self.available.get(name) for name in ("startDateTime", "endDateTime"))
        return (not starts or datetime.fromisoformat(starts) <= moment) and (
            not ends or moment < datetime.fromisoformat(ends)
        )

    @property
    def resource_link_id(self) -> str:
        """The id that tools see."""
        return fixed_id(f"item/{self.id}")


@dataclass(frozen=True, slots=True)
class Course:
    """A course with the items it comes with. former: people who left it. history: the context
    ids that it was copied from, the latest first.
    """

    id: str
    label: str
    title: str
    about: str
    mentor: str
    items: tuple[Item, ...]
    members: tuple[str, ...]
    former: tuple[str, ...] = ()
    history: tuple[str, ...] = ()

    @property
    def context_id(self) -> str:
        """The id that tools see."""
        return fixed_id(f"course/{self.id}")


PEOPLE: tuple[Person, ...] = (
    Person("maya", "student", "Maya", "Lindqvist", "maya.lindqvist@harbour.example", "Student"),
    Person("tomas", "student", "Tomás", "Ōta-Ferreira", "tomas.ota@harbour.example", "Student"),
    Person("private", "student", "", "", "", "Student who shares no name and no e-mail with tools"),
    Person("ruth", "instructor", "Ruth", "Adeyemi", "ruth.adeyemi@harbour.example", "Instructor"),
    Person("jonas", "assistant", "Jonas", "Petrov", "jonas.petrov@harbour.example",
           "Teaching assistant"),
    Person("ines", "it", "Ines", "Campos", "ines.campos@harbour.example",
           "Campus IT: registers tools, teaches nothing"),
)  # fmt: skip


# A teacher's own student, by whom they look at a course; nobody else has it, and no list of people.
PREVIEW = Person("preview", "preview", "Test", "Student", "", "The course as its students see it")


def _quiz(slug: str) -> str:
    return fixed_id(f"quiz/{slug}")


COURSES: tuple[Course, ...] = (
    Course(
        id="tidal-pools",
        label="BIO 140",
        title="Tidal Pools: Life Between the Tides",
        about="Eight readings about the strip of coast that is sea for half the day and land for "
        "the other half: its tides, its hardships, and the animals and seaweeds that stay.",
        mentor="tidal-pools",
        members=("ruth", "jonas", "maya", "tomas", "private"),
        items=(
            Item("tides-mentor", "Week 1: The shore and its tides", "Ask the mentor",
                 "Questions about the readings, answered from the readings.",
                 custom={"mentor": "tidal-pools"}),
            Item("shore-quiz", "Week 1: The shore and its tides", "Quiz 1: Tides and zones",
                 "Six questions, three attempts, the best one counts.",
                 custom={"mentor": "tidal-pools", "quiz": _quiz("tides-and-zones")},
                 points=10.0, resource_id=_quiz("tides-and-zones")),
            Item("life-mentor", "Week 2: Who lives here, and how", "Ask about grazers and hunters",
                 "The same mentor, one week on.", custom={"mentor": "tidal-pools"}),
            Item("life-quiz", "Week 2: Who lives here, and how", "Quiz 2: Life on the rocks",
                 "Six questions, one attempt.",
                 custom={"mentor": "tidal-pools", "quiz": _quiz("life-on-the-rocks")}),
        ),
    ),
    Course(
        id="sourdough",
        label="FOOD 105",
        title="Sourdough: A Living Dough",
        about="A short course about flour, water, and the microbes that raise bread.",
        mentor="sourdough",
        members=("ruth", "maya", "private"),
        former=("tomas",),
        items=(
            Item("dough-mentor", "Start here", "Ask the baker",
                 "A second mentor with readings of its own.", custom={"mentor": "sourdough"}),
        ),
    ),
)  # fmt: skip


def find_person(person_id: str) -> Person | None:
    """The person with this short name."""
    return next((person for person in PEOPLE if person.id == person_id), None)


def find_course(course_id: str) -> Course | None:
    """The course with this short name."""
    return next((course for course in COURSES if course.id == course_id), None)


def read_mentors() -> list[dict[str, Any]]:
    """What a tool is seeded with, for each mentor.

    slug, display_name, description, system_prompt, proactive_prompt, suggested_prompts;
    documents: name, path, media_type; quizzes: id (fixed) and quiz, in the tool's own JSON shape.
    """
    return [_read_mentor(course.mentor) for course in COURSES]


def _read_mentor(slug: str) -> dict[str, Any]:
    mentor: dict[str, Any] = json.loads((MATERIAL / f"{slug}.json").read_text(encoding="utf-8"))
    mentor["documents"] = [
        {"name": f"Reading {n}", "path": str(MATERIAL / file), "media_type": "text/markdown"}
        for n, file in enumerate(mentor["documents"], 1)
    ]
    mentor["quizzes"] = [
        {
            "id": _quiz(name),
            "quiz": json.loads((MATERIAL / f"quiz-{name}.json").read_text(encoding="utf-8")),
        }
        for name in mentor["quizzes"]
    ]
    return mentor
