"""Access to an LMS's own API: kept sealed, renewed by one at a time, tried, and forgotten."""

import threading
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import timedelta

import pytest
import time_machine
from sqlalchemy import select, update

from mentorai.core import hookimpl, signs_of_life
from mentorai.core.clock import now
from mentorai.core.connection_rows import platform_connections
from mentorai.core.connections import Connections
from mentorai.core.errors import (
    Conflict,
    InputRejected,
    NotFound,
    PlatformRefused,
    PlatformUnavailable,
    SignInNeeded,
)
from mentorai.core.signs_of_life import SILENT_SECONDS
from mentorai.core.values import (
    Ability,
    ApiTokens,
    ConnectionField,
    ConnectionForm,
    ConnectionReport,
    Platform,
)
from mentorai.lti.tool import Tool
from tests.fakes.workers import dead_lease
from tests.rivals import lock_out

SECRET, ACCESS, REFRESH = "the-secret", "the-access-token", "the-refresh-token"


class Lyceum:
    """The plugin of a family with an API of its own; `answer` is what it says of a connection."""

    answer = None

    @hookimpl
    def connection_form(self, platform):
        if platform.family != "lyceum":
            return None
        field = ConnectionField("base_url", "Address")
        return ConnectionForm("lyceum_api", "Lyceum API", "Sends grades.", "Site", (field,))

    @hookimpl
    def check_connection(self, connection):
        if connection.kind != "lyceum_api":
            return None
        if isinstance(self.answer, Exception):
            raise self.answer
        return self.answer


@pytest.fixture
def lyceum(engine):
    plugin = Lyceum()
    engine.plugins.add(plugin, "lyceum")
    return plugin


@pytest.fixture
def registration(engine, organization):
    return engine.room(Tool).registrations.add(
        organization.id,
        issuer="https://lms.example",
        client_id="tool",
        auth_url="https://lms.example/auth",
        token_url="https://lms.example/token",
        keyset_url="https://lms.example/keys",
        deployment_ids=["1"],
    )


@pytest.fixture
def platform(registration):
    return Platform(
        registration.id,
        registration.organization_id,
        "lyceum",
        registration.issuer,
        registration.client_id,
    )


@pytest.fixture
def connections(engine):
    return engine.room(Connections)


@pytest.fixture
def put(connections, registration):
    def put(**changes):
        facts = {
            "base_url": "https://lms.example/",
            "account": " 1001 ",
            "secret": SECRET,
            "scopes": ["grades"],
            "author": "it",
        }
        where = (registration.organization_id, registration.id, "lyceum_api")
        return connections.put(*where, **facts | changes)

    return put


def tokens(**changes):
    given = ApiTokens(ACCESS, now() + timedelta(hours=1), REFRESH, ("grades",), "Ada")
    return replace(given, **changes)


def is_good(kept):
    return kept.expires_at > now()


def test_connection_is_found_where_it_was_put(connections, registration, put):
    made = put()

    where = (registration.organization_id, registration.id)
    assert connections.find(*where, "lyceum_api") == made
    assert connections.list(*where) == [made]
    assert connections.get(registration.organization_id, made.id) == made
    assert connections.find(*where, "other_api") is None
    assert (made.base_url, made.account) == ("https://lms.example", "1001")
    assert (made.state, made.scopes, made.created_by) == ("new", ("grades",), "it")
    assert connections.open_secret(made) == SECRET
    assert connections.open_tokens(made) is None


@pytest.mark.parametrize("connection_id", ["", "nothing", "\x00", "x" * 10_000])
def test_connection_is_not_found_by_what_is_no_id(connections, organization, connection_id):
    with pytest.raises(NotFound):
        connections.get(organization.id, connection_id)


def test_connection_of_another_organization_is_not_found(engine, connections, put):
    made = put()
    other = engine.organizations.put("other", "Other")

    with pytest.raises(NotFound):
        connections.get(other.id, made.id)
    with pytest.raises(NotFound):
        connections.open_secret(replace(made, organization_id=other.id))
    with pytest.raises(NotFound):
        connections.delete(replace(made, organization_id=other.id), author="it")
    assert connections.find(other.id, made.registration_id, made.kind) is None


def test_nothing_secret_is_readable_in_the_database_or_in_what_is_printed(engine, connections, put):
    made = put()
    connections.keep_tokens(made, tokens())

    with engine.database.read() as transaction:
        kept = str(transaction.execute(select(platform_connections)).one())
    for secret in (SECRET, ACCESS, REFRESH):
        assert secret not in kept
        assert secret not in repr(made)
        assert secret not in repr(connections.open_tokens(made))


def test_tokens_are_kept_and_make_it_ready(connections, put):
    made, given = put(), tokens()

    connections.keep_tokens(made, given)

    assert connections.open_tokens(made) == given
    assert connections.get(made.organization_id, made.id).state == "ready"


def test_setting_up_anew_forgets_tokens_and_keeps_the_secret_when_none_is_given(connections, put):
    made = put()
    connections.keep_tokens(made, tokens())

    again = put(account="1002", secret=None)

    assert again.id == made.id
    assert (again.account, again.state) == ("1002", "new")
    assert connections.open_secret(again) == SECRET
    assert connections.open_tokens(again) is None


def test_what_was_given_for_earlier_facts_is_not_kept(connections, put):
    made = put()
    again = put(account="1002")

    with pytest.raises(Conflict):
        connections.keep_tokens(made, tokens())
    connections.note(made, "refused", "Too late.")

    assert connections.open_tokens(again) is None
    assert connections.get(again.organization_id, again.id) == again


def test_putting_at_once_makes_one_connection(connections, registration, put):
    with ThreadPoolExecutor(4) as pool:
        made = list(pool.map(lambda n: put(account=str(n)).id, range(4)))

    assert len(set(made)) == 1
    assert len(connections.list(registration.organization_id, registration.id)) == 1


def test_connection_needs_a_registration(connections, organization):
    with pytest.raises(NotFound):
        connections.put(
            organization.id,
            "none",
            "lyceum_api",
            base_url="https://lms.example",
            account="",
            secret="",
            scopes=[],
            author="it",
        )


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("base_url", ""),
        ("base_url", "lms.example"),
        ("base_url", "ftp://lms.example"),
        ("base_url", "https://"),
        ("base_url", "https://[half"),
        ("base_url", "https://lms.example:port"),
        ("base_url", "https://user:word@lms.example"),
        ("base_url", "https://lms.example/?q=1"),
        ("base_url", "https://lms.example/" + "x" * 500),
        ("account", "x" * 201),
        ("account", "a\x00b"),
        ("secret", "x" * 2_001),
        ("secret", "a\nb"),
    ],
)
def test_connection_is_refused_with_the_field_named_when_it_cannot_be_right(put, field, value):
    with pytest.raises(InputRejected) as caught:
        put(**{field: value})

    assert list(caught.value.errors) == [field]


def test_audit_says_who_made_changed_and_deleted_a_connection(engine, connections, put):
    made = put()
    put(author="another")
    connections.delete(made, author="third")

    _, entries = engine.audit.list(made.organization_id, topic="connection_")
    assert [(entry.action, entry.actor) for entry in entries] == [
        ("connection_deleted", "third"),
        ("connection_changed", "another"),
        ("connection_made", "it"),
    ]
    assert SECRET not in str(entries)


def test_deleted_connection_has_no_secrets_any_more(connections, put):
    made = put()

    connections.delete(made, author="it")

    with pytest.raises(NotFound):
        connections.open_secret(made)
    with pytest.raises(NotFound):
        connections.renew(made, is_good, lambda _: tokens())
    with pytest.raises(NotFound):
        connections.delete(made, author="it")


def test_connection_goes_with_its_registration(engine, connections, registration, put):
    made = put()

    engine.room(Tool).registrations.remove(registration.organization_id, registration.id)

    with pytest.raises(NotFound):
        connections.get(made.organization_id, made.id)


def test_of_many_who_renew_at_once_one_does_and_the_others_see_it(connections, put):
    made = put()
    connections.keep_tokens(made, tokens(expires_at=now()))
    renewed = []

    def renew(number):
        def ask(_):
            renewed.append(number)
            return tokens(access_token=f"token {number}")

        return connections.renew(made, is_good, ask).access_token

    with ThreadPoolExecutor(4) as pool:
        seen = set(pool.map(renew, range(4)))

    assert len(renewed) == 1
    assert seen == {f"token {renewed[0]}"}


def hold(engine, connection, holder):
    """Have somebody be at the tokens of a connection."""
    row = {"renewing_by": holder, "renewing_until": now() + timedelta(seconds=60)}
    with engine.database.write() as transaction:
        transaction.execute(update(platform_connections).values(row))


def test_renewing_waits_for_none_that_died_on_this_machine(engine, connections, put, monkeypatch):
    # Longer than anybody waits for a turn, so that the death itself is seen.
    monkeypatch.setattr(signs_of_life, "SILENT_SECONDS", 60.0)
    made = put()
    hold(engine, made, dead_lease())

    assert connections.renew(made, is_good, lambda _: tokens()).access_token == ACCESS


@pytest.mark.parametrize("hours", [0, 1, -1], ids=["", "clock ahead", "clock set back"])
def test_renewing_waits_seconds_for_one_of_which_nothing_is_seen(engine, connections, put, hours):
    made = put()
    hold(engine, made, "elsewhere")
    began = time.monotonic()

    with time_machine.travel(now() + timedelta(hours=hours), tick=True):
        connections.renew(made, is_good, lambda _: tokens())

    assert time.monotonic() - began >= SILENT_SECONDS


@pytest.mark.parametrize("hours", [0, 1, -1], ids=["", "clock ahead", "clock set back"])
def test_renewing_waits_for_one_that_is_slow_and_lives(connections, put, monkeypatch, hours):
    monkeypatch.setattr(signs_of_life, "SIGN_SECONDS", 0.1)
    monkeypatch.setattr(signs_of_life, "SILENT_SECONDS", 0.5)
    made, asked, is_asking = put(), [], threading.Event()

    def ask(_):
        asked.append(1)
        is_asking.set()
        time.sleep(2)
        return tokens()

    with time_machine.travel(now(), tick=True) as clock, ThreadPoolExecutor(2) as pool:
        first = pool.submit(connections.renew, made, is_good, ask)
        is_asking.wait()
        clock.shift(timedelta(hours=hours))
        second = pool.submit(connections.renew, made, is_good, ask)

        assert first.result() == second.result()
    assert asked == [1]


def test_of_two_who_show_one_refresh_token_the_one_that_is_refused_takes_the_others(
    engine, connections, put
):
    made = put()
    connections.keep_tokens(made, tokens(expires_at=now()))

    def ask_late(_):
        # It was held up, and another took its turn.
        hold(engine, made, "")
        connections.renew(made, is_good, lambda _: tokens(refresh_token="second"))
        raise SignInNeeded

    assert connections.renew(made, is_good, ask_late).refresh_token == "second"
    assert connections.get(made.organization_id, made.id).state == "ready"


def test_what_is_given_late_does_not_replace_what_somebody_signed_in_for(connections, put):
    made = put()
    connections.keep_tokens(made, tokens(expires_at=now()))

    def ask(_):
        connections.keep_tokens(made, tokens(refresh_token="of the sign-in"))
        return tokens(refresh_token="of before")

    assert connections.renew(made, is_good, ask).refresh_token == "of the sign-in"
    assert connections.open_tokens(made).refresh_token == "of the sign-in"


def test_what_a_refresh_token_was_spent_for_is_kept_when_the_database_is_free_again(
    engine, connections, put, monkeypatch
):
    made = put()

    def ask(_):
        lock_out(engine.database, monkeypatch, seconds=3)
        return tokens(refresh_token="second")

    connections.renew(made, is_good, ask)

    assert connections.open_tokens(made).refresh_token == "second"


def test_refusal_is_kept_and_raised_when_nobody_was_given_others(connections, put):
    made = put()
    connections.keep_tokens(made, tokens(expires_at=now()))

    def ask(_):
        raise SignInNeeded("Sign in again.")

    with pytest.raises(SignInNeeded):
        connections.renew(made, is_good, ask)
    found = connections.get(made.organization_id, made.id)
    assert (found.state, found.reason) == ("needs_sign_in", "Sign in again.")


def test_forms_are_those_of_the_plugins_of_this_family(connections, platform, lyceum):
    assert [form.kind for form in connections.list_forms(platform)] == ["lyceum_api"]
    assert connections.list_forms(replace(platform, family="moodle")) == []


@pytest.mark.parametrize(
    ("answer", "state", "reason"),
    [
        (ConnectionReport("Ada", abilities=(Ability("Grades", True),)), "ready", ""),
        (
            ConnectionReport("Ada", abilities=(Ability("Grades", False, "grade:edit", "Roles"),)),
            "ready",
            "Not allowed: grade:edit.",
        ),
        (SignInNeeded("Sign in again."), "needs_sign_in", "Sign in again."),
        (PlatformRefused("Unknown key."), "refused", "Unknown key."),
        (PlatformUnavailable(), "new", ""),
    ],
)
def test_check_keeps_what_was_found(connections, platform, lyceum, put, answer, state, reason):
    made, lyceum.answer = put(), answer

    if isinstance(answer, Exception):
        with pytest.raises(type(answer)):
            connections.check(platform, made)
    else:
        assert connections.check(platform, made) == answer

    found = connections.get(made.organization_id, made.id)
    assert (found.state, found.reason) == (state, reason)
    assert (found.checked_at is None) == (state == "new")


def test_check_says_so_when_no_plugin_knows_the_kind(connections, platform, put):
    with pytest.raises(NotFound):
        connections.check(platform, put())
