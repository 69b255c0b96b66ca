"""A browser without scripts at the pages of the tool, and sessions to visit them in."""

import re
from datetime import timedelta
from typing import Any

from flask import Flask
from flask.sessions import SecureCookieSessionInterface
from itsdangerous import URLSafeTimedSerializer
from werkzeug.test import TestResponse

from mentorai.core.clock import now
from mentorai.core.engine import Engine
from mentorai.core.mentors import Mentor
from mentorai.core.sessions import BINDING_COOKIE
from mentorai.core.values import (
    Context,
    GradeService,
    Launch,
    MentorRef,
    ResourceLink,
    Role,
    Session,
)

BINDING = "b" * 64
ADDRESS = "http://localhost"


def open_session(
    engine: Engine,
    mentor: Mentor,
    role: Role = Role.LEARNER,
    *,
    subject: str = "ana",
    name: str | None = "Ana Souza",
    quiz_id: str | None = None,
    binding: str = BINDING,
    hours: float = 8,
    course: str = "marine-biology",
    grade_service: GradeService | None = None,
) -> Session:
    """A session as a launch would open it, for the browser that shows `binding`."""
    launch = Launch(
        organization_id=mentor.organization_id,
        registration_id="registration",
        deployment_id="1",
        issuer="https://lms.example",
        client_id="client",
        family_code="lti",
        message_type="LtiResourceLinkRequest",
        subject=subject,
        role=role,
        target="/",
        name=name,
        context=Context(course, "BIO", "Marine biology"),
        resource_link=ResourceLink(f"{course}-link", "Week 3"),
        grade_service=grade_service,
    )
    with engine.database.write() as connection:
        arrival = engine.people.put_arrival(connection, launch)
        assert arrival.resource_link_id
        engine.mentors.place(
            connection, launch, arrival.resource_link_id, MentorRef(mentor.id, quiz_id)
        )
        return engine.sessions.open(
            connection,
            organization_id=mentor.organization_id,
            mentor_id=mentor.id,
            person_id=arrival.person.id,
            role=role,
            expires_at=now() + timedelta(hours=hours),
            context_id=arrival.context_id,
            resource_link_id=arrival.resource_link_id,
            registration_id="registration",
            quiz_id=quiz_id,
            binding=binding,
        )


def sign_cookie(app: Flask, facts: dict[str, Any]) -> str:
    """The value of the session cookie that holds these facts."""
    interface = app.session_interface
    assert isinstance(interface, SecureCookieSessionInterface)
    serializer = interface.get_signing_serializer(app)
    assert serializer is not None
    value = serializer.dumps(facts)
    return value if isinstance(value, str) else value.decode()


class Visitor:
    """One browser. It remembers cookies, and the CSRF token of the last page that had one."""

    def __init__(self, app: Flask, binding: str = BINDING) -> None:
        self.client = app.test_client()
        seed = "f" * 40
        self.token = URLSafeTimedSerializer(app.secret_key, salt="wtf-csrf-token").dumps(seed)
        kept = sign_cookie(app, {"csrf_token": seed})
        self.client.set_cookie("__Host-mentorai", kept, domain="localhost")
        if binding:
            self.client.set_cookie(BINDING_COOKIE, binding, domain="localhost")

    def get(self, path: str, **options: Any) -> TestResponse:
        """Open a page."""
        answer = self.client.get(path, base_url=ADDRESS, **options)
        self._remember(answer)
        return answer

    def post(self, path: str, data: Any = None, **options: Any) -> TestResponse:
        """Send a form with the token, as the page that was open would."""
        fields = {"csrf_token": self.token} | (data or {})
        answer = self.client.post(path, data=fields, base_url=ADDRESS, **options)
        self._remember(answer)
        return answer

    def follow(self, answer: TestResponse) -> TestResponse:
        """Go where an answer points to."""
        assert answer.status_code == 303, answer.text
        return self.get(answer.headers["Location"])

    def _remember(self, answer: TestResponse) -> None:
        if answer.mimetype != "text/html":
            return
        found = re.search(r'name="csrf_token" value="([^"]+)"', answer.text)
        if found:
            self.token = found[1]
