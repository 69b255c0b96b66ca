"""The People tab and the comparison with the gradebook, as an instructor and campus IT see them."""

import re
from collections.abc import Iterator, Sequence

import pytest

from mentorai.core import hookimpl
from mentorai.core.engine import Engine
from mentorai.core.errors import PlatformRefused, PlatformUnavailable
from mentorai.core.line_items import LineItems
from mentorai.core.settings import Settings
from mentorai.core.values import (
    GradePlace,
    GradeService,
    Group,
    LineItem,
    Member,
    Platform,
    PlatformProfile,
    Receipt,
    Result,
    Role,
    Score,
)
from tests.fakes.visitor import open_session


class Lms:
    """A plugin with a roster and a gradebook."""

    members: Sequence[Member] = (
        Member("lee", Role.INSTRUCTOR, name="Prof. Lee"),
        Member("s-1", Role.LEARNER, name="<script>alert(1)</script>", group_ids=("g",)),
        Member("s-2", Role.LEARNER, active=False),
    )
    results: Sequence[Result] = ()
    error: Exception | None = None

    @hookimpl
    def list_members(self, memberships_url: str) -> Iterator[Member] | None:
        if not memberships_url:
            return None
        if self.error:
            raise self.error
        return iter(self.members)

    @hookimpl
    def list_groups(self) -> Iterator[Group]:
        return iter([Group("g", "Limpets", "Lab <b>teams</b>")])

    @hookimpl
    def find_line_item(self, place: GradePlace) -> LineItem:
        return LineItem(f"https://lms.example/items/{place.resource_link_id}")

    @hookimpl
    def platform_profile(self) -> PlatformProfile:
        advice = {"teacher_grade_stands": "Untick Overridden.", "grade_locked": "Unlock it there."}
        advice["platform_refused"] = "Tools, this tool: allow grades."
        return PlatformProfile("lti", "Campus LMS", grade_advice=advice)

    @hookimpl
    def push_score(self, score: Score) -> Receipt:
        return Receipt(score.at)

    @hookimpl
    def read_results(self, platform: Platform, line_item: LineItem) -> Sequence[Result]:
        if self.error:
            raise self.error
        return self.results


@pytest.fixture
def lms() -> Lms:
    return Lms()


@pytest.fixture
def engine(settings: Settings, lms: Lms) -> Iterator[Engine]:
    engine = Engine.open(settings, plugins=[("lms", lms)])
    yield engine
    engine.close()


@pytest.fixture
def listed(engine: Engine, session) -> str:
    """The course of the instructor's session, whose LMS lists its people."""
    from mentorai.core.places import contexts

    urls = {"memberships_url": "https://lms.example/m", "groups_url": "https://lms.example/g"}
    with engine.database.write() as connection:
        connection.execute(contexts.update().values(urls))
    return str(session.context_id)


def test_people_who_came_are_listed_without_any_roster(engine, mentor, instructor, pages):
    open_session(engine, mentor, subject="ana", name="Ana Souza")

    page = instructor.get(f"{pages}/people")

    assert page.status_code == 200
    assert "Ana Souza" in page.text
    assert "Prof. Lee" in page.text
    assert "does not show its list of people" in page.text
    assert "Read the list now" not in page.text


def test_list_is_read_after_it_was_asked_for(engine, mentor, instructor, pages, listed):
    before = instructor.get(f"{pages}/people")
    asked = instructor.follow(instructor.post(f"{pages}/people/sync", {"course": listed}))
    engine.rosters.sync_due(listed)

    page = instructor.get(f"{pages}/people")

    assert "has not been read yet" in before.text
    assert "about to be read" in asked.text
    assert "was last read" in page.text
    assert "3 people" in page.text
    assert "Inactive" in page.text
    assert "Lab &lt;b&gt;teams&lt;/b&gt;: Limpets" in page.text
    assert "<script>alert" not in page.text


def test_list_that_cannot_be_read_says_why(engine, mentor, instructor, pages, listed, lms):
    lms.error = PlatformUnavailable()
    instructor.get(f"{pages}/people")
    instructor.post(f"{pages}/people/sync", {"course": listed})
    engine.rosters.sync_due(listed)

    page = instructor.get(f"{pages}/people")

    assert PlatformUnavailable().message in page.text
    assert "Nobody was taken off." in page.text


def test_instructor_sees_the_people_of_their_own_course_alone(
    engine, mentor, instructor, pages, listed
):
    other = open_session(engine, mentor, subject="eve", name="Eve Elsewhere", course="chemistry")

    page = instructor.get(f"{pages}/people")
    refused = instructor.get(f"{pages}/people?course={other.context_id}")
    posted = instructor.post(f"{pages}/people/sync", {"course": other.context_id})

    assert "Eve Elsewhere" not in page.text
    assert (refused.status_code, posted.status_code) == (404, 404)


def test_learner_does_not_see_the_list(app, engine, mentor, pages):
    from tests.fakes.visitor import Visitor

    learner = open_session(engine, mentor, subject="ana")

    page = Visitor(app).get(f"/s/{learner.id}/admin/mentors/{mentor.slug}/people")

    assert page.status_code == 403


def test_campus_it_chooses_among_the_courses_of_a_mentor(engine, mentor, it_person, session):
    other = open_session(engine, mentor, subject="eve", name="Eve Elsewhere", course="chemistry")

    first = it_person.get(f"/admin/mentors/{mentor.slug}/people")
    second = it_person.get(f"/admin/mentors/{mentor.slug}/people?course={other.context_id}")

    assert first.text.count("<option") == 2
    assert "Eve Elsewhere" in second.text


@pytest.mark.parametrize(
    ("wanted", "shown"),
    [
        ("", {"Prof. Lee", "Grace Hopper", "Ada Lovelace"}),
        ("?name=HOPP", {"Grace Hopper"}),
        ("?group=g", {"Grace Hopper"}),
        ("?section=s&role=learner", {"Ada Lovelace"}),
        ("?role=instructor", {"Prof. Lee"}),
        ("?status=inactive", {"Ada Lovelace"}),
        ("?name=%25", set()),
        ("?section=%00&group='%20OR%201=1--", set()),
    ],
)
def test_list_is_narrowed(engine, instructor, lms, pages, listed, wanted, shown):
    lms.members = (
        Member("lee", Role.INSTRUCTOR, name="Prof. Lee"),
        Member("s-1", Role.LEARNER, name="Grace Hopper", group_ids=("g",)),
        Member("s-2", Role.LEARNER, name="Ada Lovelace", active=False, section_ids=("s",)),
    )
    engine.rosters.sync(engine.organizations.get().id, listed)

    page = instructor.get(f"{pages}/people{wanted}")

    assert page.status_code == 200
    names = re.findall(r'data-label="Name">([^<]+)</th>', page.text)
    assert set(names) == shown
    assert ("Show all" in page.text) == bool(wanted)


def test_people_whose_names_are_withheld_are_explained(
    engine, mentor, instructor, pages, listed, lms
):
    lms.members = (Member("s-9", Role.LEARNER),)
    engine.rosters.sync(engine.organizations.get().id, listed)

    page = instructor.get(f"{pages}/people").text

    assert "One person has no name here" in page
    assert re.search(r"Person [0-9a-f]{6}</th>", page)


def test_people_of_another_organization_are_not_found(engine, it_person):
    other = engine.organizations.put("other", "Other")
    theirs = engine.mentors.add(other.id, "Secret")

    assert it_person.get(f"/admin/mentors/{theirs.slug}/people").status_code == 404


def test_mentor_without_a_course_says_so(mentor, it_person):
    page = it_person.get(f"/admin/mentors/{mentor.slug}/people")

    assert "No course yet" in page.text


@pytest.mark.parametrize("page", ["0", "-1", "99", "x", "9" * 30])
def test_odd_pages_of_people_are_harmless(instructor, pages, page):
    assert instructor.get(f"{pages}/people?page={page}").status_code == 200


# --- compared with the gradebook --------------------------------------------------------------


@pytest.fixture
def graded(engine, mentor):
    """A quiz that three students handed in, with a column in the gradebook; its id."""
    draft = {
        "title": "Low tide",
        "published": True,
        "questions": [
            {"kind": "true_false", "prompt": "A limpet is a plant.", "answer": False, "points": 2}
        ],
    }
    who = (mentor.organization_id, mentor.id)
    quiz = engine.quizzes.put(*who, draft)
    for subject in ("s-1", "s-2", "s-3"):
        session = open_session(
            engine,
            mentor,
            subject=subject,
            name=f"Student {subject}",
            grade_service=GradeService(None, "https://lms.example/items"),
        )
        attempt = engine.quizzes.start_attempt(
            *who, quiz.id, session.person_id, session.resource_link_id
        )
        answers = {question["id"]: False for question in quiz.questions}
        engine.quizzes.submit(engine, *who, attempt.id, session.person_id, answers)
    engine.outbox.deliver_due()
    assert LineItems(engine.database).find(session.resource_link_id, quiz.id)
    return quiz.id


def test_grades_are_compared_and_can_be_sent_again(engine, graded, instructor, pages, lms):
    lms.results = [Result("s-1", 2, 2), Result("s-2", 1, 2), Result("x", 1, 2)]
    assert "Compare with the gradebook" in instructor.get(f"{pages}/grades").text

    page = instructor.post(f"{pages}/grades/compare", {"quiz": graded})
    resent = instructor.follow(
        instructor.post(re.search(r'action="([^"]+/resend)"', page.text)[1])  # type: ignore[index]
    )

    assert page.status_code == 200
    told = " ".join(page.text.split())
    assert "1 grade is the same, 1 was changed there by a teacher, 0 differ, 1 is missing" in told
    assert "1 result of people who have no grade here" in page.text
    assert (page.text.count(">Resend<"), page.text.count(">Send ours in its place<")) == (1, 1)
    assert "on its way again" in resent.text


def test_teachers_grades_and_locked_ones_come_with_what_to_do_in_that_lms(
    engine, graded, instructor, pages, lms
):
    lms.results = [
        Result("s-1", 1, 2),
        Result("s-2", 1, 2, overridden=True),
        Result("s-3", 2, 2, locked=True),
    ]
    instructor.get(f"{pages}/grades")

    compared = instructor.post(f"{pages}/grades/compare", {"quiz": graded}).text
    listed = instructor.get(f"{pages}/grades").text

    assert (compared.count("Untick Overridden."), listed.count("Untick Overridden.")) == (1, 2)
    assert (compared.count("Locked there</span>"), compared.count("Unlock it")) == (1, 1)
    assert "The gradebook held 1 when it was compared." in listed
    assert (listed.count(">Resend<"), listed.count(">Send ours in its place<")) == (1, 2)


def test_gradebook_that_cannot_be_read_says_what_to_do_in_that_lms(graded, instructor, pages, lms):
    lms.error = PlatformRefused("The LMS answered 403.")
    instructor.get(f"{pages}/grades")

    compared = instructor.post(f"{pages}/grades/compare", {"quiz": graded}).text

    assert compared.count("The LMS answered 403.") == 3
    assert compared.count("<strong>Not compared.</strong> Tools, this tool: allow grades.") == 1


def test_comparison_of_another_mentors_quiz_is_not_found(engine, organization, instructor, pages):
    other = engine.mentors.add(organization.id, "Other")
    quiz = engine.quizzes.put(organization.id, other.id, {"title": "Theirs"})
    instructor.get(f"{pages}/grades")

    for quiz_id in (quiz.id, "made-up", ""):
        assert instructor.post(f"{pages}/grades/compare", {"quiz": quiz_id}).status_code == 404
