import importlib
import pkgutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import replace
from datetime import timedelta
from io import BytesIO
from pathlib import Path

import pytest
from sqlalchemy import insert, inspect

import mentorai.core
import mentorai.lti
from mentorai.core import hookimpl
from mentorai.core.api_grades import ApiGrades
from mentorai.core.api_ids import ApiIds
from mentorai.core.clock import now
from mentorai.core.connections import Connections
from mentorai.core.database import Database, metadata
from mentorai.core.embedding import issue_ticket
from mentorai.core.engine import Engine
from mentorai.core.errors import DeploymentHeld
from mentorai.core.kept_sheets import KeptSheets
from mentorai.core.launch_facts import GroupService, LaunchDetails
from mentorai.core.mentors import Mentor
from mentorai.core.migrations import downgrade, find_revisions, versions
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
from mentorai.lti.tool_keys import ToolKeys

STEPS = sorted(path.stem[1:5] for path in Path(versions.__file__).parent.glob("r*.py"))
Step = Callable[[str], Engine]


@pytest.fixture(params=["sqlite", "postgres"])
def database(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Database]:
    url = f"sqlite:///{tmp_path / 'mentorai.sqlite3'}"
    if request.param == "postgres":
        url = request.getfixturevalue("postgres_database")
    database = Database(url)
    yield database
    database.close()


@pytest.fixture
def step_down_and_up(database: Database, tmp_path: Path) -> Iterator[Step]:
    """Fill an installation, step down to a revision and up again, and open what is there then."""
    url = database.url.render_as_string(hide_password=False)
    settings = Settings(data_dir=tmp_path, database_url=url, allow_loopback_platforms=True)
    with ExitStack() as ends:

        def step(revision: str) -> Engine:
            engine = Engine.open(settings, plugins=[])
            fill(engine)
            engine.close()
            downgrade(database, revision)
            database.upgrade()
            engine = Engine.open(settings, plugins=[])
            ends.callback(engine.close)
            return engine

        yield step


def test_fresh_database_is_at_no_revision(database: Database) -> None:
    present, newest = find_revisions(database)

    assert present is None
    assert newest is not None


def test_upgrade_reaches_the_newest_revision(database: Database) -> None:
    database.upgrade()

    present, newest = find_revisions(database)
    assert present == newest


def test_upgrade_again_changes_nothing(database: Database) -> None:
    database.upgrade()
    before = _schema(database)

    database.upgrade()

    assert _schema(database) == before


def test_downgrade_takes_every_table_away(database: Database) -> None:
    database.upgrade()

    downgrade(database, "base")

    assert set(inspect(database.engine).get_table_names()) <= {"alembic_version"}


@pytest.mark.parametrize("revision", ["base", *STEPS])
def test_steps_down_and_up_again_keep_what_was_there_before_them(
    step_down_and_up: Step, revision: str
) -> None:
    engine = step_down_and_up(revision)
    organization = engine.organizations.get()
    kept = [mentor.display_name for mentor in engine.mentors.list(organization.id)]
    assert kept == ([] if revision == "base" else ["Tidal Pools"])
    if revision == "base":
        engine.mentors.add(organization.id, "Tidal Pools")
    mentor = engine.mentors.list(organization.id)[0]
    found = engine.retrieval.search(mentor.id, "When do barnacles close?")
    assert len(found) == (0 if revision in ("base", "0001", "0002") else 1)


def test_no_deployment_launches_that_was_held_when_a_step_down_forgets_its_state(
    step_down_and_up: Step,
) -> None:
    engine = step_down_and_up("0006")
    kept = engine.room(Tool).registrations.list(engine.organizations.get().id)[0]
    assert kept.deployments == {"1": "active"}
    assert kept.deployment_policy == "reject"


def test_keys_survive_the_step_that_knows_their_life(database: Database, tmp_path: Path) -> None:
    """Of two keys that signed at once one goes on, and one that never signed is gone below."""
    url = database.url.render_as_string(hide_password=False)
    settings = Settings(data_dir=tmp_path, database_url=url)
    database.upgrade("0007")
    with database.write() as connection:
        for kid, day in (("old", "01"), ("new", "02")):
            connection.exec_driver_sql(
                "INSERT INTO tool_keys (kid, status, public_jwk, sealed_jwk, created_at) "
                f"VALUES ('{kid}', 'active', '{{}}', 'sealed', '2026-01-{day} 00:00:00')"
            )

    database.upgrade()

    keys = ToolKeys(database, settings).list()
    assert [(key.kid, key.status) for key in keys] == [("new", "active"), ("old", "retiring")]
    assert keys[0].activated_at == keys[0].created_at
    downgrade(database, "0007")
    with database.read() as connection:
        kept = connection.exec_driver_sql("SELECT kid FROM tool_keys ORDER BY kid").scalars().all()
    assert kept == ["new", "old"]


def test_hosts_that_earlier_launches_named_are_kept(step_down_and_up: Step) -> None:
    engine = step_down_and_up("0010")
    (registration,) = engine.room(Tool).registrations.list(engine.organizations.get().id)
    engine.room(Tool).service_origins.check(registration, "https://school.example:8443/any")


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


def fill(engine: Engine) -> None:
    """Something in the tables of every step."""
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
    fill_connections(engine, registration)
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
    fill_messages(engine, registration, mentor)
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
    fill_sign_ons(engine, mentor)
    engine.report_score(
        organization_id=organization.id,
        mentor_id=mentor.id,
        person_id=session.person_id,
        resource_link_id=session.resource_link_id,
        given=8,
        maximum=10,
    )


def fill_connections(engine: Engine, registration: Registration) -> None:
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


def fill_sign_ons(engine: Engine, mentor: Mentor) -> None:
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


def test_nobody_is_told_of_sessions_that_ran_out_before_anybody_was(
    step_down_and_up: Step,
) -> None:
    engine = step_down_and_up("0012")
    assert engine.sessions.end_expired() == []


def fill_messages(engine: Engine, registration: Registration, mentor: Mentor) -> None:
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


def test_tables_are_those_that_the_rooms_define(engine: Engine) -> None:
    """What migrations make and what the code expects are the same columns."""
    for package in (mentorai.core, mentorai.lti):
        for module in pkgutil.iter_modules(package.__path__, f"{package.__name__}."):
            importlib.import_module(module.name)

    made = inspect(engine.database.engine)
    for table in metadata.sorted_tables:
        if table.name not in made.get_table_names():
            pytest.fail(f"{table.name} is not made by any migration")
        columns = {column["name"]: column["nullable"] for column in made.get_columns(table.name)}
        assert columns == {column.name: column.nullable for column in table.columns}, table.name


def test_processes_starting_at_once_make_one_set_of_tables(tmp_path: Path) -> None:
    program = (
        "import sys; from mentorai.core.database import Database; Database(sys.argv[1]).upgrade()"
    )
    url = f"sqlite:///{tmp_path / 'mentorai.sqlite3'}"

    started = [
        subprocess.Popen([sys.executable, "-c", program, url], stderr=subprocess.PIPE)
        for _ in range(3)
    ]
    ended = [process.communicate()[1] for process in started]

    assert [process.returncode for process in started] == [0, 0, 0], ended


def _schema(database: Database) -> list[tuple[str, list[str]]]:
    found = inspect(database.engine)
    return [
        (name, [column["name"] for column in found.get_columns(name)])
        for name in sorted(found.get_table_names())
    ]
