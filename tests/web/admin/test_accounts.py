from datetime import timedelta

import pytest
import time_machine

from mentorai.core.clock import now
from mentorai.web.admin.accounts import TRIES
from tests.fakes.visitor import Visitor

EMAIL, PASSWORD = "it@campus.edu", "correct horse battery"


@pytest.fixture
def stranger(app):
    return Visitor(app, binding="")


@pytest.fixture
def admin(engine):
    return engine.admins.take_setup_code(engine.admins.issue_setup_code(), EMAIL, PASSWORD)


def sign_in(visitor, password=PASSWORD, **fields):
    visitor.get("/admin/sign-in")
    return visitor.post("/admin/sign-in", {"email": EMAIL, "password": password, **fields})


def test_setup_link_makes_the_admin_and_signs_in(engine, stranger):
    code = engine.admins.issue_setup_code()
    stranger.get(f"/admin/setup?code={code}")

    home = stranger.follow(
        stranger.post("/admin/setup", {"code": code, "email": EMAIL, "password": PASSWORD})
    )

    assert home.status_code == 200
    assert EMAIL in home.text
    assert stranger.get(f"/admin/setup?code={code}").status_code == 404


def test_setup_form_says_what_is_wrong_and_stays_usable(engine, stranger):
    code = engine.admins.issue_setup_code()
    stranger.get(f"/admin/setup?code={code}")

    page = stranger.post("/admin/setup", {"code": code, "email": "nobody", "password": "short"})

    assert page.status_code == 422
    assert "12 to 200 characters" in page.text
    assert 'value="nobody"' in page.text
    assert "short" not in page.text
    assert stranger.get(f"/admin/setup?code={code}").status_code == 200


@pytest.mark.parametrize("code", ["", "wrong", "x" * 5000])
def test_wrong_setup_link_is_not_found(stranger, code):
    assert stranger.get("/admin/setup", query_string={"code": code}).status_code == 404


def test_sign_in_leads_to_the_page_that_was_asked_for(stranger, admin):
    asked = stranger.get("/admin/platforms")

    answer = sign_in(stranger, next="/admin/platforms")

    assert asked.headers["Location"] == "/admin/sign-in?next=/admin/platforms"
    assert answer.headers["Location"] == "/admin/platforms"


@pytest.mark.parametrize(
    "place",
    [
        "https://evil.example/",
        "//evil.example/admin/",
        "/\\evil.example",
        "/admin/\\x",
        "/s/1/",
        "x",
    ],
)
def test_sign_in_never_leads_elsewhere(stranger, admin, place):
    assert sign_in(stranger, next=place).headers["Location"] == "/admin/"


def test_wrong_password_says_nothing_of_what_was_wrong(stranger, admin):
    wrong = sign_in(stranger, "wrong horse battery")
    unknown = stranger.post("/admin/sign-in", {"email": "x@y.z", "password": PASSWORD})

    sentence = "The e-mail address or the password is not right."
    assert wrong.status_code == unknown.status_code == 422
    assert sentence in wrong.text
    assert sentence in unknown.text


def test_many_failures_from_one_address_must_wait(stranger, admin):
    for _ in range(TRIES):
        sign_in(stranger, "wrong horse battery")

    answer = sign_in(stranger)

    assert answer.status_code == 429
    assert 1 <= int(answer.headers["Retry-After"]) <= 300
    assert "Too many tries" in answer.text


def test_signed_out_cookie_cannot_be_shown_again(app, stranger, admin):
    sign_in(stranger)
    kept = stranger.client.get_cookie("__Host-mentorai").value
    stranger.get("/admin/")
    stranger.post("/admin/sign-out")

    thief = Visitor(app, binding="")
    thief.client.set_cookie("__Host-mentorai", kept, domain="localhost")

    assert stranger.get("/admin/").status_code == 303
    assert thief.get("/admin/").status_code == 303


def test_sign_in_ends_after_the_session_hours(stranger, admin):
    sign_in(stranger)

    with time_machine.travel(now() + timedelta(hours=8, seconds=1), tick=False):
        assert stranger.get("/admin/").status_code == 303


def test_sign_in_page_tells_of_the_setup_link_when_nobody_is_there(stranger):
    assert "Nobody has set up this admin yet." in stranger.get("/admin/sign-in").text


def test_admin_is_not_framed(stranger):
    page = stranger.get("/admin/sign-in")

    assert page.headers["X-Frame-Options"] == "DENY"
    assert "frame-ancestors 'none'" in page.headers["Content-Security-Policy"]
