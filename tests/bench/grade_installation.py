"""The installation of grade_sync.py: courses full of people whose grades wait, and its worker.

Run by grade_sync.py: grade_installation.py FOLDER is one worker, which tells its CPU seconds when
it ends.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sqlalchemy import insert

from mentorai.core import hookimpl
from mentorai.core.clock import now
from mentorai.core.engine import Engine
from mentorai.core.grades import grades
from mentorai.core.identifiers import new_id
from mentorai.core.outbox_table import outbox
from mentorai.core.people import enrolments, identities, people
from mentorai.core.settings import Settings
from mentorai.core.values import (
    Bucket,
    Context,
    GradeService,
    Launch,
    PlatformProfile,
    ResourceLink,
    Role,
    Session,
)
from mentorai.lti.ags import SCORE_SCOPE
from mentorai.lti.tool import Tool
from mentorai.plugins import lti_launch

CHUNK = 5_000
COUNTED = "counted"


class Counted:
    """A family of LMS that counts calls as Canvas does."""

    def __init__(self, leak: float) -> None:
        self._leak = leak

    @hookimpl
    def platform_profile(self) -> PlatformProfile:
        """Its bucket."""
        return PlatformProfile(
            family=COUNTED,
            title="Counted",
            bucket=Bucket(
                high_water=600,
                leak_per_second=self._leak,
                up_front=50,
                token_cost=200,
                cost_header="X-Request-Cost",
                remaining_header="X-Rate-Limit-Remaining",
                refusal_text="Rate Limit Exceeded",
            ),
        )


class Capped:
    """A family of which one process has so many calls under way, for the comparison."""

    def __init__(self, calls_at_once: int) -> None:
        self._calls_at_once = calls_at_once

    @hookimpl
    def platform_profile(self) -> PlatformProfile:
        """Its cap."""
        return PlatformProfile("capped", "Capped", calls_at_once=self._calls_at_once)


@dataclass(frozen=True)
class Course:
    """A course of one LMS, with its platform's address."""

    session: Session
    registration_id: str
    address: str


def open_installation(folder: Path, calls_at_once: int = 8, leak: float = 10.0) -> Engine:
    """The engine, with what every LMS needs and no more."""
    settings = Settings(data_dir=folder, allow_loopback_platforms=True, log_level="error")
    plugins = [
        ("lti_launch", lti_launch),
        ("counted", Counted(leak)),
        ("capped", Capped(calls_at_once)),
    ]
    engine = Engine.open(settings, plugins=plugins)
    if not engine.mentors.list(engine.organizations.get().id):
        engine.mentors.add(engine.organizations.get().id, "Tidal Pools")
    return engine


def add_course(engine: Engine, address: str, family: str = "capped", members: int = 0) -> Course:
    """Register a platform and launch once from a course of it.

    members: on its roster; 0: it shows none, so that no worker reads it meanwhile.
    """
    organization = engine.organizations.get()
    found = engine.room(Tool).registrations.add(
        organization.id,
        issuer=address,
        client_id="bench",
        auth_url=f"{address}/auth",
        token_url=f"{address}/token",
        keyset_url=f"{address}/jwks",
        deployment_ids=["1"],
        family=family,
    )
    session = engine.admit(
        Launch(
            organization_id=organization.id,
            registration_id=found.id,
            deployment_id="1",
            issuer=address,
            client_id="bench",
            family_code=family,
            message_type="LtiResourceLinkRequest",
            subject="somebody",
            role=Role.LEARNER,
            target="/",
            context=Context("course-1"),
            memberships_url=f"{address}/members?of={members}" if members else None,
            resource_link=ResourceLink("link-1", "Week 1"),
            grade_service=GradeService(f"{address}/scores", scopes=frozenset([SCORE_SCOPE])),
        )
    )
    return Course(session, found.id, address)


def add_scores(engine: Engine, course: Course, count: int, prefix: str = "person") -> list[str]:
    """As many people of the course, a grade of each waiting in the outbox; the last rows' ids."""
    facts, moment, made = course.session, now(), list[tuple[str, ...]]()
    for first in range(0, count, CHUNK):
        numbers = range(first, min(first + CHUNK, count))
        made = [(new_id(), new_id(), new_id(), f"{prefix}-{number}") for number in numbers]
        owner = {"organization_id": facts.organization_id}
        with engine.database.write() as connection:
            connection.execute(
                insert(people), [owner | {"id": each[0], "created_at": moment} for each in made]
            )
            connection.execute(
                insert(identities),
                [
                    owner
                    | {
                        "id": new_id(),
                        "person_id": each[0],
                        "authority": f"lti:{course.registration_id}",
                        "subject": each[3],
                    }
                    for each in made
                ],
            )
            connection.execute(
                insert(enrolments),
                [
                    owner
                    | {
                        "id": new_id(),
                        "context_id": facts.context_id,
                        "person_id": each[0],
                        "role": "learner",
                        "updated_at": moment,
                    }
                    for each in made
                ],
            )
            connection.execute(insert(grades), [_grade(facts, each, moment) for each in made])
            connection.execute(insert(outbox), [_row(course, each, moment) for each in made])
    return [each[2] for each in made]


def _grade(facts: Session, made: tuple[str, ...], moment: Any) -> dict[str, Any]:
    return {
        "id": made[1],
        "organization_id": facts.organization_id,
        "mentor_id": facts.mentor_id,
        "person_id": made[0],
        "place": f"|{facts.resource_link_id}",
        "context_id": facts.context_id,
        "resource_link_id": facts.resource_link_id,
        "given": 8,
        "maximum": 10,
        "comment": "",
        "source": "api",
        "release": "released",
        "revision": 1,
        "submitted_at": moment,
        "updated_at": moment,
        "sync_row_id": made[2],
        "sync_status": "waiting",
        "sync_attempts": 0,
        "sync_error_code": "",
        "sync_error_message": "",
    }


def _row(course: Course, made: tuple[str, ...], moment: Any) -> dict[str, Any]:
    facts = course.session
    return {
        "id": made[2],
        "organization_id": facts.organization_id,
        "grade_id": made[1],
        "person_id": made[0],
        "resource_link_id": facts.resource_link_id,
        "registration_id": course.registration_id,
        "given": 8,
        "maximum": 10,
        "comment": "",
        "status": "waiting",
        "attempts": 0,
        "stale_attempts": 0,
        "due_at": moment,
        "last_error_code": "",
        "last_error_message": "",
        "created_at": moment,
        "updated_at": moment,
    }
