"""A course whose gradebook is a plugin that behaves like Moodle's."""

from collections.abc import Callable, Iterator
from datetime import datetime

import hypothesis
import pytest

from mentorai.core import hookimpl
from mentorai.core.clock import now
from mentorai.core.engine import Engine
from mentorai.core.errors import MentorAIError, ScoreStale
from mentorai.core.mentors import Mentor
from mentorai.core.organizations import Organization
from mentorai.core.settings import Settings
from mentorai.core.values import (
    Context,
    GradePlace,
    GradeService,
    Launch,
    LineItem,
    Platform,
    Receipt,
    ResourceLink,
    Role,
    Score,
    Session,
)

Arrive = Callable[..., Session]

# How long one example takes says more about the machine than about the code.
hypothesis.settings.register_profile("patient", deadline=None)
hypothesis.settings.load_profile("patient")


class Gradebook:
    """Takes scores as Moodle does: the second must be later than that of the last receipt."""

    def __init__(self) -> None:
        self.scores: list[Score] = []
        self.places: list[GradePlace] = []
        self.settled: list[tuple[str, str]] = []
        self.faults: list[MentorAIError | Exception] = []
        self.column_faults: list[MentorAIError] = []
        self.received_at: dict[tuple[str, str], datetime] = {}
        self.before_push: Callable[[], None] = lambda: None

    @hookimpl
    def find_line_item(self, place: GradePlace) -> LineItem:
        self.places.append(place)
        if self.column_faults:
            raise self.column_faults.pop(0)
        made = f"https://lms.example/items/{len(self.places)}"
        return LineItem(url=place.service.line_item_url or made, label=place.title)

    @hookimpl
    def push_score(self, platform: Platform, line_item: LineItem, score: Score) -> Receipt:
        self.before_push()
        if self.faults:
            raise self.faults.pop(0)
        moment = now()
        last = self.received_at.get((line_item.url, score.subject))
        if last and score.at <= last.replace(microsecond=0):
            raise ScoreStale
        self.received_at[line_item.url, score.subject] = moment
        self.scores.append(score)
        return Receipt(moment)

    @hookimpl
    def score_settled(self, grade_id: str, status: str) -> None:
        self.settled.append((grade_id, status))

    @property
    def given(self) -> list[float]:
        return [score.given for score in self.scores]


@pytest.fixture
def gradebook() -> Gradebook:
    return Gradebook()


@pytest.fixture
def engine(settings: Settings, gradebook: Gradebook) -> Iterator[Engine]:
    engine = Engine.open(settings, plugins=[("gradebook", gradebook)])
    yield engine
    engine.close()


@pytest.fixture
def arrive(engine: Engine, organization: Organization, mentor: Mentor) -> Arrive:
    """Launch from the course as `subject`; the session that opens."""

    def launch(
        subject: str | None = "s-1",
        role: Role = Role.LEARNER,
        link: str | None = "link-1",
        column: str | None = None,
        custom: dict[str, str] | None = None,
    ) -> Session:
        return engine.admit(
            Launch(
                organization_id=organization.id,
                registration_id="registration-1",
                deployment_id="1",
                issuer="https://lms.example",
                client_id="tool",
                family_code="sandbox",
                message_type="LtiResourceLinkRequest",
                subject=subject,
                role=role,
                target="/",
                name=f"Person {subject}",
                context=Context("course-1", "TP1", "Tide pools"),
                resource_link=ResourceLink(link, "Week 1") if link else None,
                grade_service=GradeService(column, "https://lms.example/items"),
                custom=custom or {},
            )
        )

    return launch


@pytest.fixture
def student(arrive: Arrive) -> Session:
    return arrive()


@pytest.fixture
def report(engine: Engine, student: Session) -> Callable[..., str]:
    """Report a score, of the student unless another is named; the grade's id."""

    def put(given: float, **facts: object) -> str:
        usual = {
            "organization_id": student.organization_id,
            "mentor_id": student.mentor_id,
            "person_id": student.person_id,
            "resource_link_id": student.resource_link_id,
            "maximum": 10,
        }
        grade = engine.report_score(given=given, **usual | facts)
        return grade.id

    return put
