"""What `mentorai demo` puts in: every example of the API's page succeeds on it as it stands."""

import shutil
import stat
from collections.abc import Iterator
from pathlib import Path

import pytest

from mentorai.core.engine import Engine
from mentorai.core.identifiers import new_id
from mentorai.core.scopes import SCOPES
from mentorai.core.settings import Settings
from mentorai.plugins import lti_launch
from mentorai.plugins import sandbox as sandbox_plugin
from mentorai.web.admin_tokens import make_admin_token
from mentorai.web.api.examples import Example, read_examples
from mentorai.web.api.resource import PREFIX
from mentorai.web.app import create_app
from mentorai.web.commands.demo_course import register
from mentorai.web.commands.demo_examples import keep_keys, seed_examples
from tests.fakes.platforms import RunningSandbox, running_sandbox

ORDER = ("GET", "PATCH", "PUT", "POST", "DELETE")
FILES = ("api-key", "provisioning-key")


@pytest.fixture
def sandbox() -> Iterator[RunningSandbox]:
    with running_sandbox() as sandbox:
        yield sandbox


@pytest.fixture
def demo(tmp_path: Path, seeded: Path, sandbox: RunningSandbox) -> Iterator[Engine]:
    """An engine with all that the demo's own process puts into it."""
    shutil.copyfile(seeded, tmp_path / seeded.name)
    settings = Settings(data_dir=tmp_path, allow_loopback_platforms=True)
    plugins = [("lti_launch", lti_launch), ("sandbox", sandbox_plugin)]
    engine = Engine.open(settings, plugins=plugins)
    _put_in(engine, sandbox)
    yield engine
    engine.close()


def test_every_example_succeeds_on_the_demo_as_it_stands(demo: Engine) -> None:
    """What speaks of something goes before what makes one: the demo itself must have it."""
    client = create_app(demo).test_client()
    mentor_key, provisioning_key = (
        (demo.settings.data_dir / name).read_text("ascii") for name in FILES
    )
    code = demo.admins.issue_setup_code()
    admin = demo.admins.take_setup_code(code, "it@campus.edu", "correct horse")
    token = make_admin_token(demo.settings.web_secret, admin)
    examples = read_examples(client.get(f"{PREFIX}/openapi.json").json)
    by_id = {one.operation_id: one for one in examples}
    made: dict[str, str] = {}
    makers = set()
    failures = []

    def authorize(example: Example) -> dict[str, str]:
        if example.is_for_admins:
            return {"Authorization": f"Bearer {token}"}
        is_mentors = set(example.scopes) <= set(SCOPES)
        return {"X-API-Key": mentor_key if is_mentors else provisioning_key}

    def call(example: Example, **made: str) -> dict:
        answer = client.open(
            example.path.format(**example.places, **made),
            method=example.method,
            query_string=example.query,
            # Each POST may be repeated, and most are one transaction then.
            headers={**authorize(example), "Idempotency-Key": new_id()},
            **({"json": example.body} if example.body is not None else {}),
        )
        if answer.status_code >= 300:
            failures.append(f"{example.method} {example.path}: {answer.text}")
        return answer.get_json(silent=True) or {}

    for example in sorted(examples, key=lambda one: (ORDER.index(one.method), not one.places)):
        if example.operation_id in makers:
            continue
        for name, (maker, field) in example.made_by.items():
            if name not in made:
                made[name] = call(by_id[maker])[field]
                makers.add(maker)
        call(example, **{name: made[name] for name in example.made_by})

    assert failures == []


def test_second_start_of_the_demo_doubles_nothing(demo: Engine, sandbox: RunningSandbox) -> None:
    texts = [(demo.settings.data_dir / name).read_text("ascii") for name in FILES]
    before = _count(demo)

    _put_in(demo, sandbox)

    assert _count(demo) == before == (1, 1, 1, 1, 1, 1, 3)
    assert [(demo.settings.data_dir / name).read_text("ascii") for name in FILES] == texts


def test_key_of_an_older_demo_is_replaced_by_one_with_every_scope(demo: Engine) -> None:
    path = demo.settings.data_dir / "api-key"
    organization_id = demo.organizations.get().id
    mentor = demo.mentors.get(organization_id, "tidal-pools")
    small = demo.keys.issue(
        *(organization_id, mentor.id),
        name="Small",
        scopes=("chat:write",),
        expires_at=None,
        author="test",
    )
    path.write_text(small.text, "ascii")

    keep_keys(demo, "tidal-pools", demo.settings.data_dir)

    checked = demo.keys.check(path.read_text("ascii"), scope=None, address="127.0.0.1")
    assert checked.scopes == set(SCOPES)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def _put_in(engine: Engine, sandbox: RunningSandbox) -> None:
    registration_id = register(engine, sandbox.description["platform"])
    seed_examples(engine, sandbox.description, registration_id)
    keep_keys(engine, sandbox.description["courses"][0]["mentor"], engine.settings.data_dir)


def _count(engine: Engine) -> tuple[int, ...]:
    """Conversations, grades, webhooks, enrolments, keys of both kinds, mentors."""
    organization_id = engine.organizations.get().id
    place = (organization_id, engine.mentors.get(organization_id, "tidal-pools").id)
    return (
        engine.conversations.count(*place),
        engine.grades.count(*place),
        len(engine.webhooks.list(*place)),
        engine.enrolments.count(*place),
        len(engine.keys.list(*place)),
        len(engine.keys.list(organization_id, None)),
        len(engine.mentors.list(organization_id)),
    )
