"""An installation with something in every table, as the steps of the database meet it."""

from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from datetime import timedelta
from io import BytesIO

import pytest
from sqlalchemy import insert

from mentorai.core import hookimpl
from mentorai.core.api_grades import ApiGrades
from mentorai.core.api_ids import ApiIds
from mentorai.core.clock import now
from mentorai.core.connections import Connections
from mentorai.core.embedding import issue_ticket
from mentorai.core.engine import Engine
from mentorai.core.errors import DeploymentHeld
from mentorai.core.idempotency import RepeatableCalls
from mentorai.core.kept_sheets import KeptSheets
from mentorai.core.key_peppers import Peppers
from mentorai.core.launch_facts import GroupService, LaunchDetails
from mentorai.core.mentors import Mentor
from mentorai.core.pepper_rows import PepperRows
from mentorai.core.settings import Settings
from mentorai.core.sign_ons import SignOff
from mentorai.core.values import (
    ApiTokens,
    Context,
    CourseSection,
    Group,
    Identity,
    Launch,
    Member,
    MentorRef,
    ResourceLink,
    Role,
)
from mentorai.lti.data_privacy import PrivacyRequest
from mentorai.lti.deep_linking import DeepLinkingSettings
from mentorai.lti.launch_log_rows import Sender, Visit
from mentorai.lti.migration_claim import MigrationClaim
from mentorai.lti.notice_services import Offer
from mentorai.lti.notices import HELLO
from mentorai.lti.registration_clients import RegistrationClient
from mentorai.lti.registrations import Registration, School
from mentorai.lti.tokens import token_requests
from mentorai.lti.tool import Tool
from mentorai.lti.tool_description import Supported


class Details(LaunchDetails):
    """A launch that names the service of groups."""

    @property
    def group_service(self) -> GroupService:
        return GroupService("https://school.example:8443/groups")


class Lister:
    """A plugin with one member in its courses, who is in a group and a section."""

    @hookimpl
    def list_members(self) -> Iterator[Member]:
        return iter([Member("s-2", Role.LEARNER, group_ids=("g",))])

    @hookimpl
    def list_sections(self) -> Iterator[Member | CourseSection]:
        return iter([CourseSection("a", "Monday"), Member("s-2", Role.LEARNER, section_ids=("a",))])

    @hookimpl
    def list_groups(self) -> Iterator[Group]:
        return iter([Group("g", "Limpets")])


def fill_installation(settings: Settings) -> None:
    """Make an installation, and put something in the tables of every step."""
    with closing(Engine.open(settings, plugins=[])) as engine:
        _fill(engine)


def _fill(engine: Engine) -> None:
    engine.plugins.add(Lister(), "lister")
    organization = engine.organizations.get()
    mentor = engine.mentors.add(organization.id, "Tidal Pools")
    issued = engine.keys.issue(
        organization.id,
        mentor.id,
        name="report",
        scopes=["chat:write"],
        expires_at=None,
        author="test",
    )
    engine.check_key(issued.text, scope="chat:write", address="192.0.2.1", route="POST /chat")
    RepeatableCalls(engine.database).begin("key", "call", "f" * 64)
    PepperRows(engine.database, Peppers("1:" + "a" * 32)).check()
    engine.enrolments.put(
        organization.id, mentor.id, {"user": "s1"}, platforms=frozenset(), author="test"
    )
    text = BytesIO(b"# Low tide\n\nBarnacles close their plates when the tide goes out.")
    engine.datasets.add(organization.id, mentor.id, "low-tide.md", "text/markdown", text)
    waiting = BytesIO(b"The tide comes in twice a day. " * 5_000)
    engine.trainings.submit(organization.id, mentor.id, "long.txt", "text/plain", waiting)
    tool = engine.room(Tool)
    tool.tool_keys.rotate(at_once=True)
    tool.tool_keys.rotate()
    tool.keyset_fetches.note("MoodleBot", "192.0.2.1")
    tool.invitations.issue(organization.id, author="test", hours=1)
    registration = tool.registrations.add(
        organization.id,
        issuer="https://lms.example",
        client_id="tool",
        auth_url="https://lms.example/auth",
        token_url="https://lms.example/token",
        keyset_url="https://lms.example/keys",
        deployment_ids=["1"],
        deployment_policy="hold",
    )
    with pytest.raises(DeploymentHeld):
        tool.deployments.admit(registration, "2", school=School("guid", "College", "https://c"))
    drafts = tool.registration_drafts
    drafts.put(organization.id, "canvas", {"client_id": "7"}, author="test")
    KeptSheets(engine.database).put(organization.id, "test", "people.csv", b"user,mentor\n")
    client = RegistrationClient("https://lms.example/client", "secret", Supported())
    tool.registration_clients.put(registration.id, client)
    _fill_connections(engine, registration)
    launch = Launch(
        organization_id=organization.id,
        registration_id=registration.id,
        deployment_id="1",
        issuer=registration.issuer,
        client_id=registration.client_id,
        family_code="",
        message_type="LtiResourceLinkRequest",
        subject="s-1",
        role=Role.LEARNER,
        target="/",
        context=Context("course-1"),
        resource_link=ResourceLink("link-1"),
        memberships_url="https://school.example:8443/members",
        details=Details(),
    )
    engine.room(Tool).deep_linking_requests.put(
        replace(launch, role=Role.INSTRUCTOR),
        DeepLinkingSettings("https://lms.example/return", ("ltiResourceLink",)),
        "b" * 64,
    )
    session = engine.admit(launch)
    _fill_messages(engine, registration, mentor)
    assert session.context_id
    engine.rosters.sync(organization.id, session.context_id)
    sender = Sender(registration.id, is_verified=True)
    log = engine.room(Tool).launch_log
    log.note_refused(sender, code="claim_missing", reason="", clause="", visit=Visit("7KQ2", ""))
    log.flush()
    list(engine.ask(session, "When do barnacles close?"))
    hook = engine.webhooks.add(
        organization.id, mentor.id, url="https://x.example", events=["grade.settled"], author="it"
    )
    engine.webhooks.test(hook.webhook)
    _fill_sign_ons(engine, mentor)
    engine.report_score(
        organization_id=organization.id,
        mentor_id=mentor.id,
        person_id=session.person_id,
        resource_link_id=session.resource_link_id,
        given=8,
        maximum=10,
    )


def _fill_connections(engine: Engine, registration: Registration) -> None:
    """Access to the LMS's own API, with tokens."""
    connections = engine.room(Connections)
    connection = connections.put(
        registration.organization_id,
        registration.id,
        "lms_api",
        base_url="https://lms.example",
        account="tool",
        secret="secret",
        scopes=["grades"],
        author="test",
    )
    connections.keep_tokens(connection, ApiTokens("token", now(), "refresh", ("grades",), "Ada"))
    engine.room(ApiIds).note(registration.id, "user", {"s-1": "1001"})
    engine.room(ApiGrades).put(registration.id, "https://lms.example/column", {"s-1": 8.0})


def _fill_sign_ons(engine: Engine, mentor: Mentor) -> None:
    """Somebody who came in by a campus provider, and a session that ran out."""
    who = Identity("oidc:campus", "ada", now() + timedelta(hours=1), sign_on_id="sid-1")
    where = (mentor.organization_id, mentor.id)
    ticket = issue_ticket(engine, *where, who, frame_origins=["https://portal.example.edu"])
    engine.admin_identities.put(mentor.organization_id, who)
    engine.end_sign_on(SignOff(mentor.organization_id, "oidc:campus", "word-1", "ben"))
    engine.sessions.open(
        None,
        organization_id=mentor.organization_id,
        mentor_id=mentor.id,
        person_id=ticket.session.person_id,
        role=Role.LEARNER,
        expires_at=now() - timedelta(hours=1),
        binding="b" * 64,
    )


def _fill_messages(engine: Engine, registration: Registration, mentor: Mentor) -> None:
    """Something in the tables of messages besides launches."""
    tool, organization_id = engine.room(Tool), registration.organization_id
    key = tool.consumer_keys.add(organization_id, "old-key", "old secret")
    with engine.database.write() as connection:
        asking = {"registration_id": registration.id, "scopes": "s", "began_at": now()}
        connection.execute(insert(token_requests).values(asking))
        engine.course_copies.note(connection, organization_id, registration.id, "c2", ["course-1"])
        engine.course_copies.put_former_place(
            connection, organization_id, key.authority, "old-1", MentorRef(mentor.id)
        )
    launch = Launch(
        organization_id=organization_id,
        registration_id=registration.id,
        deployment_id="1",
        issuer=registration.issuer,
        client_id=registration.client_id,
        family_code="",
        message_type="LtiDataPrivacyLaunchRequest",
        subject="s-1",
        role=Role.OTHER,
        target="/",
    )
    tool.privacy_visits.put(launch, PrivacyRequest("s-1", True, False), "b" * 64)
    tool.notice_services.note(launch, Offer("https://lms.example/notices", (HELLO,)))
    claim = MigrationClaim("old-key", "", "", None, "old-1")
    tool.migrations.vouch(replace(launch, resource_link=ResourceLink("link-9")), claim)
