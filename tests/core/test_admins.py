from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
import time_machine
from argon2 import extract_parameters
from argon2.profiles import RFC_9106_LOW_MEMORY
from sqlalchemy import select

from mentorai.core.admins import _hasher, admins, setup_codes
from mentorai.core.clock import now
from mentorai.core.errors import InputRejected, NotFound
from mentorai.core.values import Identity

EMAIL, PASSWORD = "it@campus.edu", "correct horse battery"


@pytest.fixture(autouse=True)
def _passwords_hashed_as_in_real_use(monkeypatch):
    monkeypatch.setattr("mentorai.core.admins._hasher", _hasher)


@pytest.fixture
def admin(engine):
    return engine.admins.take_setup_code(engine.admins.issue_setup_code(), EMAIL, PASSWORD)


def test_there_is_nobody_before_the_setup_link_was_used(engine):
    code = engine.admins.issue_setup_code()
    before = engine.admins.any()

    engine.admins.take_setup_code(code, EMAIL, PASSWORD)

    assert (before, engine.admins.any()) == (False, True)


def test_password_is_kept_as_a_hash_that_is_dear_to_guess(engine, admin):
    with engine.database.read() as connection:
        kept = connection.execute(select(admins.c.password_hash)).scalar_one()

    assert extract_parameters(kept) == RFC_9106_LOW_MEMORY


def test_setup_code_makes_one_admin_of_its_organization(engine, organization):
    code = engine.admins.issue_setup_code()

    admin = engine.admins.take_setup_code(code, f"  {EMAIL.upper()} ", PASSWORD)

    assert (admin.email, admin.organization_id) == (EMAIL, organization.id)
    with pytest.raises(NotFound):
        engine.admins.take_setup_code(code, "second@campus.edu", PASSWORD)


def test_setup_code_is_of_no_use_after_a_day(engine):
    code = engine.admins.issue_setup_code()

    with time_machine.travel(now() + timedelta(hours=24, seconds=1)), pytest.raises(NotFound):
        engine.admins.take_setup_code(code, EMAIL, PASSWORD)


def test_looking_at_a_setup_code_does_not_use_it_up(engine):
    code = engine.admins.issue_setup_code()

    engine.admins.check_setup_code(code)

    assert engine.admins.take_setup_code(code, EMAIL, PASSWORD)


@pytest.mark.parametrize(
    ("email", "password", "field"),
    [
        ("nobody", PASSWORD, "email"),
        ("a@b@c", PASSWORD, "email"),
        ("", PASSWORD, "email"),
        ("x" * 300 + "@campus.edu", PASSWORD, "email"),
        (EMAIL, "", "password"),
        (EMAIL, "eleven char", "password"),
        (EMAIL, "x" * 201, "password"),
        (EMAIL, "aaaaaaaaaaaaaa", "password"),
        (EMAIL, EMAIL, "password"),
    ],
)
def test_wrong_input_is_named_and_leaves_the_code_usable(engine, email, password, field):
    code = engine.admins.issue_setup_code()

    with pytest.raises(InputRejected) as caught:
        engine.admins.take_setup_code(code, email, password)

    assert list(caught.value.errors) == [field]
    engine.admins.take_setup_code(code, EMAIL, PASSWORD)


def test_of_many_takers_of_a_setup_code_one_gets_it(engine):
    code = engine.admins.issue_setup_code()

    def take(n):
        try:
            return engine.admins.take_setup_code(code, f"it{n}@campus.edu", PASSWORD)
        except NotFound:
            return None

    with ThreadPoolExecutor(3) as pool:
        made = [admin for admin in pool.map(take, range(3)) if admin]

    assert len(made) == 1


def test_admin_signs_in_with_the_password(engine, admin):
    assert engine.admins.sign_in(EMAIL.upper(), PASSWORD) == admin


def test_wrong_password_and_unknown_address_are_refused_alike(engine, admin):
    with pytest.raises(InputRejected) as wrong:
        engine.admins.sign_in(EMAIL, "wrong horse battery")
    with pytest.raises(InputRejected) as unknown:
        engine.admins.sign_in("nobody@campus.edu", PASSWORD)

    assert wrong.value.errors == unknown.value.errors


def test_second_setup_link_sets_a_new_password_and_ends_old_sign_ins(engine, admin):
    code = engine.admins.issue_setup_code()

    again = engine.admins.take_setup_code(code, EMAIL, "another horse battery")

    assert again.id == admin.id
    assert again.stamp != admin.stamp
    with pytest.raises(InputRejected):
        engine.admins.sign_in(EMAIL, PASSWORD)


def test_setup_link_of_another_organization_does_not_take_an_admin_over(engine, admin):
    engine.organizations.put("other", "Other")
    code = engine.admins.issue_setup_code("other")

    with pytest.raises(InputRejected):
        engine.admins.take_setup_code(code, EMAIL, "another horse battery")

    assert engine.admins.sign_in(EMAIL, PASSWORD) == admin


def test_signing_out_changes_the_stamp(engine, admin):
    engine.admins.sign_out(admin.id)

    assert engine.admins.get(admin.id).stamp != admin.stamp


def test_unknown_admin_and_organization_are_not_found(engine):
    with pytest.raises(NotFound):
        engine.admins.get("nobody")
    with pytest.raises(NotFound):
        engine.admins.issue_setup_code("nowhere")


def test_neither_password_nor_code_is_stored_in_clear(engine, admin):
    code = engine.admins.issue_setup_code()

    with engine.database.read() as connection:
        kept = [connection.execute(select(table)).all() for table in (admins, setup_codes)]

    dump = repr(kept)
    assert EMAIL in dump
    assert PASSWORD not in dump
    assert code not in dump


def test_who_came_by_a_campus_account_gets_no_password(engine, organization):
    hour = now() + timedelta(hours=1)
    mallory = Identity("oidc:campus", "m-1", hour, email=EMAIL)
    theirs = engine.admin_identities.put(organization.id, mallory)

    with pytest.raises(InputRejected):
        engine.admins.take_setup_code(engine.admins.issue_setup_code(), EMAIL, PASSWORD)

    for password in ("", PASSWORD):
        with pytest.raises(InputRejected):
            engine.admins.sign_in(theirs.email, password)
