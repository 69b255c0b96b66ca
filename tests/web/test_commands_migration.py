"""`mentorai migration` and `mentorai registrations notices`, as somebody at a terminal sees it."""

import base64
import hashlib
import hmac
import os
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from mentorai.core.engine import Engine
from mentorai.core.settings import Settings
from mentorai.core.values import Context, Launch, MentorRef, ResourceLink, Role
from mentorai.lti.migration_claim import MigrationClaim
from mentorai.lti.tool import Tool
from mentorai.web.commands import main

Run = Callable[..., Result]
SECRET = "old secret"


@pytest.fixture
def installation(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Settings:
    for name in list(os.environ):
        if name.startswith("MENTORAI_"):
            monkeypatch.delenv(name)
    monkeypatch.setenv("MENTORAI_DATA_DIR", str(tmp_path))
    return Settings(data_dir=tmp_path)


@pytest.fixture
def mentorai(installation: Settings) -> Run:
    def run(*arguments: str, typed: str | None = None) -> Result:
        return CliRunner().invoke(main, arguments, input=typed, prog_name="mentorai")

    return run


@pytest.fixture
def engine(installation: Settings) -> Iterator[Engine]:
    engine = Engine.open(installation, plugins=[])
    yield engine
    engine.close()


@pytest.fixture
def registration_id(engine: Engine) -> str:
    made = engine.room(Tool).registrations.add(
        engine.organizations.get().id,
        issuer="https://lms.example",
        client_id="client-1",
        auth_url="https://lms.example/auth",
        token_url="https://lms.example/token",
        keyset_url="https://lms.example/jwks",
        deployment_ids=["1"],
    )
    return made.id


@pytest.fixture
def person_id(engine: Engine, registration_id: str) -> str:
    """Somebody who came from an earlier registration as `ana`."""
    mentor = engine.mentors.add(engine.organizations.get().id, "Tidal Pools")
    return engine.admit(make_launch(engine, "earlier", "ana", mentor.id)).person_id


def make_launch(
    engine: Engine, registration_id: str, subject: str, mentor_id: str = "", link: str = "1"
) -> Launch:
    return Launch(
        organization_id=engine.organizations.get().id,
        registration_id=registration_id,
        deployment_id="1",
        issuer="https://lms.example",
        client_id="client-1",
        family_code="lti",
        message_type="LtiResourceLinkRequest",
        subject=subject,
        role=Role.LEARNER,
        target="/",
        context=Context("c"),
        resource_link=ResourceLink(link),
        custom={"mentor": mentor_id} if mentor_id else {},
    )


def unproven(user_id: str, link: str | None = None) -> MigrationClaim:
    return MigrationClaim("old-key", "", "", user_id, link)


def proven(user_id: str) -> MigrationClaim:
    due = hmac.new(SECRET.encode(), b"signed", hashlib.sha256).digest()
    signature = base64.b64encode(due).decode()
    return MigrationClaim("old-key", signature, "signed", user_id, None)


def make_file(tmp_path: Path, *lines: str, encoding: str = "utf-8") -> str:
    path = tmp_path / "table.csv"
    path.write_bytes("\n".join(lines).encode(encoding))
    return str(path)


def test_key_is_kept_sealed_and_its_secret_never_shown(mentorai: Run, engine: Engine) -> None:
    added = mentorai("migration", "add-key", "old-key", typed=f"{SECRET}\n")
    listed = mentorai("migration", "keys")

    assert added.exit_code == 0, added.output
    assert "old-key" in listed.output
    assert SECRET not in added.output + listed.output
    keys = engine.room(Tool).consumer_keys
    key = keys.get(engine.organizations.get().id, "old-key")
    assert keys.read_secret(key) == SECRET
    with engine.database.read() as connection:
        (sealed,) = connection.exec_driver_sql("SELECT sealed_secret FROM consumer_keys").one()
    assert SECRET not in sealed


def test_key_is_kept_once_and_forgotten_when_told(mentorai: Run) -> None:
    mentorai("migration", "add-key", "old-key", "--secret-file", "-", typed=SECRET)

    again = mentorai("migration", "add-key", "old-key", "--secret-file", "-", typed="x")
    removed = [mentorai("migration", "remove-key", "old-key") for _ in range(2)]

    assert (again.exit_code, "[conflict]" in again.output) == (1, True)
    assert [one.exit_code for one in removed] == [0, 1]


def test_people_are_imported_by_our_id_or_by_an_earlier_registration(
    mentorai: Run, engine: Engine, person_id: str, tmp_path: Path
) -> None:
    mentorai("migration", "add-key", "old-key", typed=f"{SECRET}\n")
    by_id = make_file(tmp_path, "user_id, person_id", f"one, {person_id}", encoding="utf-8-sig")
    first = mentorai("migration", "import-people", "old-key", by_id)
    by_sub = make_file(tmp_path, "user_id,registration_id,sub", "two,earlier,ana")
    second = mentorai("migration", "import-people", "old-key", by_sub)

    assert "1 old user ids" in first.output + second.output, first.output
    key = engine.room(Tool).consumer_keys.get(engine.organizations.get().id, "old-key")
    with engine.database.read() as connection:
        found = [
            engine.people.find_identity(connection, key.organization_id, key.authority, old)
            for old in ("one", "two")
        ]
    assert [person and person.id for person in found] == [person_id, person_id]


@pytest.mark.parametrize(
    ("lines", "says"),
    [
        ((), "must name the columns"),
        (("name", "x"), "must name the columns"),
        (("user_id,person_id", "ok,{person}", "x,nobody"), "Line 3: There is no such person."),
        (("user_id,person_id", "ok,{person}", ",{person}"), "Line 3: user_id is missing"),
        (("user_id,registration_id,sub", "ok,earlier,ana", "x,earlier,zoe"), "Line 3: nobody"),
        (("user_id,person_id", "ok,{person}", "x" * 256 + ",{person}"), "Line 3: user_id"),
        (("user_id,person_id", "ok,{person}", 'x,"broken'), "is no CSV"),
    ],
)
def test_table_is_taken_whole_or_not_at_all(
    mentorai: Run,
    engine: Engine,
    person_id: str,
    tmp_path: Path,
    lines: tuple[str, ...],
    says: str,
) -> None:
    mentorai("migration", "add-key", "old-key", typed=f"{SECRET}\n")
    table = make_file(tmp_path, *(line.replace("{person}", person_id) for line in lines))

    done = mentorai("migration", "import-people", "old-key", table)

    assert done.exit_code == 1
    assert says in done.output
    key = engine.room(Tool).consumer_keys.get(engine.organizations.get().id, "old-key")
    with engine.database.read() as connection:
        found = engine.people.find_identity(connection, key.organization_id, key.authority, "ok")
    assert found is None


def test_old_id_is_not_given_to_a_second_person(
    mentorai: Run, engine: Engine, person_id: str, tmp_path: Path
) -> None:
    mentorai("migration", "add-key", "old-key", typed=f"{SECRET}\n")
    other = engine.admit(make_launch(engine, "earlier", "zoe")).person_id
    heading = "user_id,person_id"
    mentorai(
        "migration", "import-people", "old-key", make_file(tmp_path, heading, f"1,{person_id}")
    )

    done = mentorai(
        "migration", "import-people", "old-key", make_file(tmp_path, heading, f"1,{other}")
    )

    assert done.exit_code == 1
    assert "another person's already" in done.output


def test_place_of_a_mentor_that_is_not_here_is_not_imported(
    mentorai: Run, person_id: str, tmp_path: Path
) -> None:
    mentorai("migration", "add-key", "old-key", typed=f"{SECRET}\n")
    heading = "resource_link_id,mentor,quiz"

    good = make_file(tmp_path, heading, "old-1,tidal-pools,")
    assert mentorai("migration", "import-places", "old-key", good).exit_code == 0
    for line in ("old-2,nobody,", "old-2,tidal-pools,no-quiz", "old-2,,"):
        bad = make_file(tmp_path, heading, line)
        assert mentorai("migration", "import-places", "old-key", bad).exit_code == 1


def test_unproven_place_waits_and_is_taken_over_once_approved(
    mentorai: Run, engine: Engine, registration_id: str, person_id: str, tmp_path: Path
) -> None:
    algae = engine.mentors.add(engine.organizations.get().id, "Algae")
    mentorai("migration", "add-key", "old-key", typed=f"{SECRET}\n")
    table = make_file(tmp_path, "resource_link_id,mentor", "old-7,algae")
    mentorai("migration", "import-places", "old-key", table)
    migrations = engine.room(Tool).migrations
    launch = make_launch(engine, registration_id, "bo", link="7")

    before = migrations.vouch(launch, unproven("old-bo", "old-7"))
    listed = mentorai("migration", "waiting").output
    approved = mentorai("migration", "approve", "--all-of", registration_id)
    after = migrations.vouch(launch, unproven("old-bo", "old-7"))

    assert before.former is None
    assert "the LMS did not sign it" in listed
    assert "1 approved" in approved.output
    assert engine.choose_mentor(after) == MentorRef(algae.id)


def test_request_is_decided_once(
    mentorai: Run, engine: Engine, registration_id: str, person_id: str, tmp_path: Path
) -> None:
    mentorai("migration", "add-key", "old-key", typed=f"{SECRET}\n")
    table = make_file(tmp_path, "user_id,person_id", f"old-bo,{person_id}")
    mentorai("migration", "import-people", "old-key", table)
    migrations = engine.room(Tool).migrations
    migrations.vouch(make_launch(engine, registration_id, "bo"), unproven("old-bo"))
    (request,) = migrations.list(engine.organizations.get().id)

    refused = mentorai("migration", "refuse", request.id)
    approved = mentorai("migration", "approve", request.id)
    migrations.vouch(make_launch(engine, registration_id, "bo"), unproven("old-bo"))

    assert refused.exit_code == 0
    assert (approved.exit_code, "[conflict]" in approved.output) == (1, True)
    assert "Nothing waits" in mentorai("migration", "waiting").output


def test_two_persons_are_not_made_one_until_it_says_so(
    mentorai: Run, engine: Engine, registration_id: str, person_id: str, tmp_path: Path
) -> None:
    mentorai("migration", "add-key", "old-key", typed=f"{SECRET}\n")
    launch = make_launch(engine, registration_id, "bo")
    newcomer = engine.admit(launch).person_id
    table = make_file(tmp_path, "user_id,person_id", f"old-bo,{person_id}")
    mentorai("migration", "import-people", "old-key", table)
    migrations = engine.room(Tool).migrations

    session = engine.admit(migrations.vouch(launch, proven("old-bo")))
    listed = mentorai("migration", "waiting").output
    mentorai("migration", "approve", "--all-of", registration_id)

    assert session.person_id == newcomer
    assert "known here by both ids" in listed
    assert engine.admit(launch).person_id == person_id


def test_person_whose_old_id_nobody_knew_is_known_by_it_from_then_on(
    mentorai: Run, engine: Engine, registration_id: str, person_id: str
) -> None:
    mentorai("migration", "add-key", "old-key", typed=f"{SECRET}\n")
    migrations = engine.room(Tool).migrations
    first = make_launch(engine, registration_id, "bo")
    here = engine.admit(first).person_id
    migrations.vouch(first, proven("old-bo"))

    second = make_launch(engine, "another registration", "bo-2")
    there = engine.admit(migrations.vouch(second, proven("old-bo"))).person_id

    assert there == here


def test_approving_wants_to_know_what(mentorai: Run) -> None:
    assert mentorai("migration", "approve").exit_code == 2
    assert mentorai("migration", "approve", "x", "--all-of", "y").exit_code == 2
    assert mentorai("migration", "approve", "x").exit_code == 1


def test_notices_say_so_when_no_launch_named_a_service(mentorai: Run, registration_id: str) -> None:
    done = mentorai("registrations", "notices", registration_id)

    assert done.exit_code == 0
    assert "No launch of this LMS has named" in done.output
    assert mentorai("registrations", "notices", "nothing").exit_code == 1
