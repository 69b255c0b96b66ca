"""Deployments: which installations of the tool inside a platform may launch.

What a registration does with one that it does not know is its policy: reject it, hold it until
campus IT decides, or accept it. Only a launch that passed every check, its ticket too, has one
written down, once, and no platform can have more written down than the limits here.
Source: LTI Core 1.3, section 3.1.3.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from sqlalchemy import ColumnElement, Connection, func, insert, select, update

from mentorai.core.audit import Audit
from mentorai.core.clock import now
from mentorai.core.database import Database
from mentorai.core.errors import (
    DeploymentHeld,
    DeploymentRefused,
    NotFound,
    UnknownDeployment,
)
from mentorai.core.identifiers import new_id
from mentorai.lti.registration_rows import (
    ACCEPT,
    ACTIVE,
    HELD,
    HOLD,
    REFUSED,
    Deployment,
    Registration,
    School,
    deployments,
    get_row,
)

if TYPE_CHECKING:
    from mentorai.lti.registrations import Registrations

HELD_LIMIT = 50
ACCEPTED_LIMIT = 5_000
SEEN_IN_LENGTH = 200
SCHOOL_LENGTH = 500
NO_SCHOOL = School()
CLAUSE = "LTI Core 1.3, section 5.3.3 (LTI Deployment ID claim)"
POLICY_ACTOR = "policy"
FULL = (
    "This deployment of the LMS is new, and so many wait for approval already that campus IT must "
    "decide on those first."
)


@dataclass(frozen=True, slots=True)
class _Place:
    """A deployment as a launch shows it."""

    deployment_id: str
    seen_in: str
    school: School

    @property
    def facts(self) -> dict[str, str]:
        """What campus IT tells it by, each by what it is called."""
        found = {
            "Deployment id": self.deployment_id,
            "School": self.school.name,
            "Its address": self.school.url,
            "Its own id (guid)": self.school.guid,
            "Course": self.seen_in,
        }
        return {name: text for name, text in found.items() if text}


class Deployments:
    """The deployments of every registration."""

    def __init__(self, database: Database, registrations: "Registrations") -> None:
        self._database = database
        self._registrations = registrations
        self._audit = Audit(database)

    def list(self, organization_id: str, registration_id: str) -> Sequence[Deployment]:
        """The deployments of one registration, oldest first. Raises NotFound."""
        order = (deployments.c.created_at, deployments.c.deployment_id)
        with self._database.read() as connection:
            get_row(connection, organization_id, registration_id)
            rows = connection.execute(
                select(deployments)
                .where(
                    deployments.c.organization_id == organization_id,
                    deployments.c.registration_id == registration_id,
                )
                .order_by(*order)
            ).all()
        return [
            Deployment(
                registration_id=row.registration_id,
                deployment_id=row.deployment_id,
                state=row.state,
                seen_in=row.seen_in,
                created_at=row.created_at,
                school=School(row.school_guid, row.school_name, row.school_url),
            )
            for row in rows
        ]

    def admit(
        self,
        registration: Registration,
        deployment_id: str,
        seen_in: str = "",
        school: School = NO_SCHOOL,
        *,
        tells: bool = False,
    ) -> None:
        """Let a launch of this deployment pass, or write down that it wants to.

        Ask it last, when the message is known to be meant: it is what a launch first writes.
        seen_in: the course that it comes from. school: whose the platform says that it is.
        tells: whether the person is one to pass on to campus IT what they decide on.
        Raises DeploymentHeld, DeploymentRefused, UnknownDeployment.
        """
        place = _Place(deployment_id, _fit(seen_in, SEEN_IN_LENGTH), _fit_school(school))
        state = registration.deployments.get(deployment_id)
        try:
            if state is None:
                state = self._take(registration, place)
            if state == HELD:
                raise DeploymentHeld(clause=CLAUSE)
        except DeploymentHeld as held:
            if tells:
                held.registration_id, held.facts = registration.id, place.facts
            raise
        if state == REFUSED:
            raise DeploymentRefused(clause=CLAUSE)

    def approve(
        self, organization_id: str, registration_id: str, deployment_id: str, author: str = ""
    ) -> None:
        """Let a deployment launch that was held or refused. Raises NotFound."""
        self._decide(organization_id, registration_id, deployment_id, ACTIVE, author)

    def refuse(
        self, organization_id: str, registration_id: str, deployment_id: str, author: str = ""
    ) -> None:
        """Refuse launches of a deployment from now on. Raises NotFound."""
        self._decide(organization_id, registration_id, deployment_id, REFUSED, author)

    def _take(self, registration: Registration, seen: "_Place") -> str:
        """The state of a deployment that was not known a moment ago."""
        place = (registration.organization_id, registration.id)
        with self._database.write() as connection:
            # What is known may be two seconds old; the row is what counts, one launch at a time.
            row = get_row(connection, *place, lock=True)
            state = find_state(connection, registration.id, seen.deployment_id)
            if state is None:
                state = _judge(connection, registration.id, row.deployment_policy)
                add_row(connection, *place, seen.deployment_id, state, seen.seen_in, seen.school)
                self._audit.write(
                    connection,
                    organization_id=registration.organization_id,
                    actor=POLICY_ACTOR,
                    action="deployment_accepted" if state == ACTIVE else "deployment_held",
                    subject=registration.id,
                    facts={
                        "deployment_id": seen.deployment_id,
                        "seen_in": seen.seen_in,
                        "school": seen.school.name,
                    },
                )
        self._registrations.forget()
        return state

    def _decide(
        self,
        organization_id: str,
        registration_id: str,
        deployment_id: str,
        state: str,
        author: str,
    ) -> None:
        with self._database.write() as connection:
            get_row(connection, organization_id, registration_id, lock=True)
            before = find_state(connection, registration_id, deployment_id)
            if before is None:
                raise NotFound("There is no such deployment.")
            if before != state:
                set_state(connection, registration_id, deployment_id, state)
                self._audit.write(
                    connection,
                    organization_id=organization_id,
                    actor=author,
                    action="deployment_approved" if state == ACTIVE else "deployment_refused",
                    subject=registration_id,
                    facts={"deployment_id": deployment_id, "before": before},
                )
        self._registrations.forget()


def find_state(connection: Connection, registration_id: str, deployment_id: str) -> str | None:
    """The state of a deployment; None if it is not known."""
    found: str | None = connection.execute(
        select(deployments.c.state).where(*_is(registration_id, deployment_id))
    ).scalar()
    return found


def set_state(connection: Connection, registration_id: str, deployment_id: str, state: str) -> None:
    """Change the state of a known deployment."""
    connection.execute(
        update(deployments).where(*_is(registration_id, deployment_id)).values(state=state)
    )


def add_row(
    connection: Connection,
    organization_id: str,
    registration_id: str,
    deployment_id: str,
    state: str = ACTIVE,
    seen_in: str = "",
    school: School = NO_SCHOOL,
) -> None:
    """Write down one more deployment."""
    connection.execute(
        insert(deployments).values(
            id=new_id(),
            organization_id=organization_id,
            registration_id=registration_id,
            deployment_id=deployment_id,
            state=state,
            seen_in=seen_in,
            school_guid=school.guid,
            school_name=school.name,
            school_url=school.url,
            created_at=now(),
        )
    )


def _fit(text: str, length: int) -> str:
    return "".join(filter(str.isprintable, text))[:length]


def _fit_school(school: School) -> School:
    guid, name, url = (_fit(text, SCHOOL_LENGTH) for text in (school.guid, school.name, school.url))
    return School(guid, name, url)


def _judge(connection: Connection, registration_id: str, policy: str) -> str:
    """What becomes of an unknown deployment. Raises DeploymentHeld, UnknownDeployment."""
    if policy == HOLD:
        if _count(connection, registration_id, HELD) >= HELD_LIMIT:
            raise DeploymentHeld(FULL, clause=CLAUSE)
        return HELD
    if policy == ACCEPT and _count(connection, registration_id, ACTIVE) < ACCEPTED_LIMIT:
        return ACTIVE
    raise UnknownDeployment(clause=CLAUSE)


def _count(connection: Connection, registration_id: str, state: str) -> int:
    counted = select(func.count()).where(
        deployments.c.registration_id == registration_id, deployments.c.state == state
    )
    return int(connection.execute(counted).scalar_one())


def _is(registration_id: str, deployment_id: str) -> tuple[ColumnElement[bool], ...]:
    return (
        deployments.c.registration_id == registration_id,
        deployments.c.deployment_id == deployment_id,
    )
