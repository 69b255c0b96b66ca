"""An instructor in a course, campus IT at /admin, and the pages of one mentor for each."""

import pytest
from flask import Flask

from mentorai.core.engine import Engine
from mentorai.core.mentors import Mentor
from mentorai.core.values import Role, Session
from tests.fakes.visitor import Visitor, open_session
from tests.web.data_guard import DataGuard

EMAIL, PASSWORD = "it@campus.edu", "correct horse battery"


@pytest.fixture(autouse=True)
def _guarded(data_guard: DataGuard) -> None:
    """Whatever a page runs says whose rows it means."""


@pytest.fixture
def session(engine: Engine, mentor: Mentor) -> Session:
    return open_session(engine, mentor, Role.INSTRUCTOR, subject="lee", name="Prof. Lee")


@pytest.fixture
def instructor(app: Flask, session: Session) -> Visitor:
    """A browser that shows the instructor's binding."""
    return Visitor(app)


@pytest.fixture
def pages(session: Session, mentor: Mentor) -> str:
    """Where the instructor's pages of the mentor are."""
    return f"/s/{session.id}/admin/mentors/{mentor.slug}"


@pytest.fixture
def it_person(app: Flask, engine: Engine) -> Visitor:
    """A browser in which campus IT has signed in."""
    engine.admins.take_setup_code(engine.admins.issue_setup_code(), EMAIL, PASSWORD)
    visitor = Visitor(app, binding="")
    visitor.get("/admin/sign-in")
    visitor.post("/admin/sign-in", {"email": EMAIL, "password": PASSWORD})
    return visitor
