"""An LMS's own API on its platform's page: what is secret goes in and never comes out."""

from urllib.parse import urlencode

import pytest

from mentorai.core import hookimpl
from mentorai.core.clock import now
from mentorai.core.connections import Connections
from mentorai.core.engine import Engine
from mentorai.core.errors import (
    PlatformRefused,
    PlatformThrottled,
    PlatformUnavailable,
    SignInNeeded,
)
from mentorai.core.values import (
    Ability,
    ApiTokens,
    ConnectionBegun,
    ConnectionField,
    ConnectionForm,
    ConnectionReport,
)
from mentorai.lti.tool import Tool

SECRET = "s3cret-<of>-the-campus"
GIVEN = {"base_url": "https://lyceum.example", "account": "key-1", "secret": SECRET}


class Lyceum:
    """An LMS with an API of its own."""

    signs_in = may_sign_in = False
    revokes: bool | Exception | None = None
    answer: ConnectionReport | Exception = ConnectionReport(
        "Mentor <integration>",
        "9.1",
        (Ability("Send grades", True), Ability("Read sections", False, "sections:read", "Roles")),
    )

    @hookimpl
    def connection_form(self, platform):
        if platform.family != "lyceum":
            return None
        return ConnectionForm(
            kind="lyceum_api",
            title="Lyceum API",
            purpose="Sends the grades of a course at once.",
            screen="Site, Integrations, Add",
            fields=(
                ConnectionField("base_url", "Address"),
                ConnectionField("account", "Key"),
                ConnectionField("secret", "Secret", is_secret=True),
            ),
            gives=(("Redirect URI", "https://tool.example/back"),),
            scopes=("url:GET|/grades",),
            signs_in=self.signs_in,
            may_sign_in=self.may_sign_in,
        )

    @hookimpl
    def begin_connection(self, connection, state):
        return ConnectionBegun(f"{connection.base_url}/consent?state={state}", "the-verifier")

    @hookimpl
    def finish_connection(self, answer, kept):
        if "code" not in answer:
            raise SignInNeeded("Choose <Allow>.")
        assert kept == "the-verifier"
        return ApiTokens(answer["code"], now(), owner="ruth")

    @hookimpl
    def revoke_connection(self):
        if isinstance(self.revokes, Exception):
            raise self.revokes
        return self.revokes

    @hookimpl
    def check_connection(self):
        if isinstance(self.answer, Exception):
            raise self.answer
        return self.answer


@pytest.fixture
def lyceum():
    return Lyceum()


@pytest.fixture
def engine(settings, lyceum):
    engine = Engine.open(settings, plugins=[("lyceum", lyceum)])
    yield engine
    engine.close()


@pytest.fixture
def lms(engine, organization):
    return engine.room(Tool).registrations.add(
        organization.id,
        issuer="https://lyceum.example",
        client_id="c",
        auth_url="https://lyceum.example/a",
        token_url="https://lyceum.example/t",
        keyset_url="https://lyceum.example/k",
        deployment_ids=["1"],
        family="lyceum",
    )


@pytest.fixture
def page(lms):
    return f"/admin/platforms/{lms.id}/connections"


@pytest.fixture
def find(engine, lms):
    """The connection as it is kept."""
    connections = engine.room(Connections)
    return lambda: connections.find(lms.organization_id, lms.id, "lyceum_api")


@pytest.fixture
def connect(it_person, page):
    def connect(**changes):
        it_person.get(page)
        return it_person.post(f"{page}/lyceum_api", GIVEN | changes)

    return connect


def test_what_could_not_be_tried_yet_is_not_called_allowed(lyceum, connect):
    untried = Ability("Send grades", True, is_tried=False)
    lyceum.answer = ConnectionReport("Mentor", "9.1", (untried,))

    text = connect().text

    assert "Not tried yet" in text
    assert "open a mentor in one, then press Check" in text
    assert "Allowed" not in text


def test_form_names_the_screen_and_has_our_values_to_copy(it_person, page):
    text = it_person.get(page).text

    for words in ("Site, Integrations, Add", "https://tool.example/back", "url:GET|/grades"):
        assert words in text
    assert 'value="https://lyceum.example"' in text


def test_connection_is_kept_and_tried_and_its_secret_is_never_shown(
    engine, it_person, page, connect, find
):
    tried = connect().text
    later = it_person.get(page).text

    assert "Mentor &lt;integration&gt;" in tried
    assert "sections:read" in tried
    assert "Roles" in tried
    assert "Works in part" in tried
    assert engine.room(Connections).open_secret(find()) == SECRET
    for text in (tried, later):
        assert "s3cret" not in text
    assert "never shown" in later


def test_secret_is_kept_when_it_is_left_empty_and_replaced_when_not(engine, connect, find):
    connections = engine.room(Connections)
    connect()

    connect(account="key-2", secret="")
    kept = connections.open_secret(find())
    connect(secret="another")

    assert (find().account, kept) == ("key-1", SECRET)
    assert connections.open_secret(find()) == "another"


def test_secret_does_not_go_to_another_address_unseen(engine, connect, find):
    connect()

    answer = connect(base_url="https://elsewhere.example", secret="")

    assert answer.status_code == 422
    assert "is not sent to another address" in answer.text
    assert find().base_url == GIVEN["base_url"]


@pytest.mark.parametrize(
    ("field", "text"),
    [
        ("secret", ""),
        ("account", ""),
        ("base_url", "lyceum"),
        ("base_url", "http://lyceum.example"),
        ("base_url", "https://10.0.0.7"),
    ],
)
def test_what_is_missing_or_no_address_is_refused_beside_its_field(connect, find, field, text):
    answer = connect(**{field: text})

    assert answer.status_code == 422
    assert f'id="lyceum_api-{field}-wrong-1"' in answer.text
    assert f'href="#lyceum_api-{field}-wrong-1"' in answer.text
    assert "s3cret" not in answer.text
    assert find() is None


def test_person_is_sent_to_sign_in_where_the_lms_wants_it(it_person, lyceum, connect, find):
    lyceum.signs_in = True

    page = it_person.follow(connect())

    assert f'href="/connections/lyceum_api/{find().id}/sign-in"' in page.text


def test_person_may_sign_in_where_it_works_without_too(it_person, lyceum, connect, find):
    lyceum.may_sign_in = True

    button = f'href="/connections/lyceum_api/{find_id(connect, find)}/sign-in"'

    assert button in it_person.get(f"/admin/platforms/{find().registration_id}/connections").text


def find_id(connect, find):
    connect()
    return find().id


def sign_in(it_person, connection, **answer):
    """To the LMS and back, with what it answers."""
    away = it_person.get(f"/connections/lyceum_api/{connection.id}/sign-in")
    state = away.headers["Location"].partition("state=")[2]
    back = urlencode(answer | {"state": state})
    return it_person.get(f"/connections/lyceum_api/callback?{back}")


def test_sign_in_keeps_what_the_lms_gave(engine, it_person, connect, find):
    connect()

    page = sign_in(it_person, find(), code="given")

    assert "The LMS is connected" in page.text
    assert "as ruth" in page.text
    assert engine.room(Connections).open_tokens(find()).access_token == "given"


def test_sign_in_that_was_declined_is_told_and_kept(it_person, connect, find):
    connect()

    page = sign_in(it_person, find(), error="access_denied")

    assert (page.status_code, "Choose &lt;Allow&gt;." in page.text) == (502, True)
    assert (find().state, find().reason) == ("needs_sign_in", "Choose <Allow>.")


def test_sign_in_of_another_kind_is_not_found(it_person, connect, find):
    connect()

    assert it_person.get(f"/connections/other_api/{find().id}/sign-in").status_code == 404


@pytest.mark.parametrize(
    ("revokes", "words"),
    [
        (True, "the LMS took back"),
        (False, "do that there"),
        (PlatformUnavailable(), "do that there"),
        (None, "is deleted, with its secrets.<"),
    ],
    ids=str,
)
def test_lms_is_asked_to_take_back_what_it_gave(
    it_person, lyceum, page, connect, find, revokes, words
):
    connect()
    sign_in(it_person, find(), code="given")
    lyceum.revokes = revokes

    it_person.get(f"{page}/lyceum_api/delete")
    after = it_person.follow(it_person.post(f"{page}/lyceum_api/delete"))

    assert words in after.text
    assert find() is None


@pytest.mark.parametrize(
    ("answer", "state"),
    [
        (PlatformRefused("The LMS does not know this key."), "refused"),
        (PlatformUnavailable("The LMS did not answer."), "new"),
    ],
)
def test_check_says_why_it_does_not_work(it_person, page, lyceum, connect, find, answer, state):
    connect()
    lyceum.answer = answer
    connect()

    text = it_person.post(f"{page}/lyceum_api/check").text

    assert answer.message in text
    assert find().state == state


def test_check_says_when_a_busy_lms_takes_calls_again(it_person, page, lyceum, connect):
    connect()
    lyceum.answer = PlatformThrottled("The calls of a day are used up.", retry_after_seconds=3_600)

    text = it_person.post(f"{page}/lyceum_api/check").text

    assert "The calls of a day are used up. It takes calls again <time" in text
    assert "Look at the address" not in text


def test_connection_is_deleted_after_a_question_and_the_audit_says_who(
    engine, it_person, lms, page, connect, find
):
    connect()

    assert "Delete the connection" in it_person.get(f"{page}/lyceum_api/delete").text
    it_person.follow(it_person.post(f"{page}/lyceum_api/delete"))

    assert find() is None
    entries = engine.audit.list(lms.organization_id)[1]
    done = [each for each in entries if each.action.startswith("connection_")]
    assert [each.action for each in done] == ["connection_deleted", "connection_made"]
    assert all(each.actor.startswith("admin:") for each in done)


@pytest.mark.parametrize("kind", ["other_api", "%00", "x" * 300])
def test_unknown_kind_is_not_found(it_person, page, kind):
    it_person.get(page)

    for path in ("", "/check", "/delete"):
        assert it_person.post(f"{page}/{kind}{path}", GIVEN).status_code == 404


def test_pages_are_for_campus_it_alone(instructor, session, lms, page):
    assert instructor.get(page).status_code == 303
    assert instructor.get(f"/s/{session.id}{page}").status_code == 404


def test_lms_that_nobody_knows_says_what_to_do(engine, it_person, organization):
    made = engine.room(Tool).registrations.add(
        organization.id,
        issuer="https://lms.example",
        client_id="c",
        auth_url="https://lms.example/a",
        token_url="https://lms.example/t",
        keyset_url="https://lms.example/k",
        deployment_ids=["1"],
    )

    text = it_person.get(f"/admin/platforms/{made.id}/connections").text

    assert f'href="/admin/platforms/{made.id}/test"' in text
