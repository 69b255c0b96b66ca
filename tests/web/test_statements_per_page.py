"""How many statements a page or a list costs: no more for many rows than for few."""

import io
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from threading import get_ident

from flask import Flask
from sqlalchemy import event

from mentorai.core.database import Database
from mentorai.core.engine import Engine
from mentorai.core.mentors import Mentor
from mentorai.core.quizzes import Quiz
from mentorai.core.scopes import SCOPES
from mentorai.core.values import Role
from mentorai.lti.launch_log_rows import Sender, Visit
from mentorai.lti.tool import Tool
from mentorai.web.app import create_app
from tests.fakes.visitor import Visitor, open_session

MORE = 10
PASSWORD = "correct horse battery"
QUESTION = {"kind": "true_false", "prompt": "A limpet is a plant.", "answer": False, "points": 2}
SHORE = "# {}\n\nBarnacles close their plates when the tide goes out, on shore {}.\n\n"
ROLE = "http://purl.imsglobal.org/vocab/lis/v2/membership#R{}"


class School:
    """One organization, and as many more of everything as it is told."""

    def __init__(self, engine: Engine, mentor: Mentor) -> None:
        self.engine = engine
        self.mentor = mentor
        self.place = (mentor.organization_id, mentor.id)
        self.size = 0
        self.quiz: Quiz = engine.quizzes.put(*self.place, self._draft("Low tide", 1))

    def grow(self, count: int) -> None:
        """Put that many more rows behind every list."""
        numbers = range(self.size, self.size + count)
        self.size += count
        for number in numbers:
            author = self._add_admin(number)
            self._add_keys(number, author)
            self._add_material(number, author)
            self._add_platform(number, author)
            self._add_person(number)
        self.engine.quizzes.put(*self.place, self._draft("Low tide", self.size), self.quiz.id)
        self.engine.keys.flush()
        # What waits in memory is on no page yet, and would be on some of the second look.
        self.engine.room(Tool).launch_log.flush()

    def _draft(self, title: str, questions: int) -> Mapping[str, object]:
        return {"title": title, "published": True, "questions": [QUESTION] * questions}

    def _add_admin(self, number: int) -> str:
        admins = self.engine.admins
        code = admins.issue_setup_code()
        return f"admin:{admins.take_setup_code(code, f'it{number}@campus.edu', PASSWORD).id}"

    def _add_keys(self, number: int, author: str) -> None:
        facts = {"scopes": list(SCOPES), "expires_at": None, "author": author}
        self.engine.mentors.add(self.place[0], f"Mentor {number}")
        self.engine.keys.issue(*self.place, name=f"Key {number}", **facts)
        for mentor_id in (self.place[1], None):
            hook = self.engine.webhooks.add(
                self.place[0],
                mentor_id,
                url=f"https://receiver{number}.example",
                events=["grade.settled"],
                author=author,
            )
            self.engine.webhooks.test(hook.webhook)

    def _add_material(self, number: int, author: str) -> None:
        text = SHORE.format(number, number).encode()
        self.engine.datasets.add(
            *self.place, f"Shore {number}.md", "text/markdown", io.BytesIO(text)
        )
        self.engine.quizzes.put(*self.place, self._draft(f"Quiz {number}", 1))
        prompt = {"system_prompt": f"Speak of shore {number}."}
        self.engine.mentors.change(*self.place, prompt, author=author)
        enrolment = {"user": f"s{number}", "section": f"BIO-{number}"}
        self.engine.enrolments.put(*self.place, enrolment, platforms=frozenset(), author=author)

    def _add_platform(self, number: int, author: str) -> None:
        tool, origin = self.engine.room(Tool), f"https://lms{number}.example"
        added = tool.registrations.add(
            self.place[0],
            issuer=origin,
            client_id="tool",
            auth_url=f"{origin}/auth",
            token_url=f"{origin}/token",
            keyset_url=f"{origin}/keys",
            deployment_ids=["1", "2"],
        )
        first = tool.registrations.list(self.place[0])[0]
        tool.registrations.add_deployment(self.place[0], first.id, f"more {number}", author)
        tool.registrations.put_override(
            self.place[0],
            first.id,
            ROLE.format(number),
            "learner",
            beyond_course=True,
            author=author,
        )
        tool.registration_drafts.put(self.place[0], "canvas", {}, author=author)
        tool.invitations.issue(self.place[0], author=author, hours=1)
        for sender in (Sender(added.id, True), Sender(first.id, True), Sender(issuer=origin)):
            tool.launch_log.note_refused(
                sender, code="claim_missing", reason="", clause="", visit=Visit("7KQ2", "")
            )

    def _add_person(self, number: int) -> None:
        session = open_session(self.engine, self.mentor, subject=f"s{number}", name=f"P {number}")
        list(self.engine.ask(session, "When do barnacles close their plates?"))
        who = (*self.place, self.quiz.id, session.person_id, session.resource_link_id)
        attempt = self.engine.quizzes.start_attempt(*who)
        answers = {question["id"]: False for question in attempt.questions}
        self.engine.quizzes.submit(self.engine, *self.place, attempt.id, session.person_id, answers)


class Reader:
    """Whoever opens every page and every list: campus IT, staff of a course, holder of a key."""

    def __init__(self, app: Flask, school: School) -> None:
        self._app = app
        self._database = school.engine.database
        staff = open_session(school.engine, school.mentor, Role.INSTRUCTOR, subject="lee")
        self._names = {
            "mentor": school.mentor.slug,
            "quiz_id": school.quiz.id,
            "registration_id": school.engine.room(Tool).registrations.list(school.place[0])[0].id,
            "session_id": staff.id,
        }
        key = school.engine.keys.issue(
            *school.place, name="reader", scopes=list(SCOPES), expires_at=None, author="test"
        )
        self._headers = {"Authorization": f"Api-Token {key.text}"}
        self._staff, self._it = Visitor(app), Visitor(app, binding="")
        self._it.get("/admin/sign-in")
        self._it.post("/admin/sign-in", {"email": "it0@campus.edu", "password": PASSWORD})

    def count(self) -> Mapping[str, int]:
        """How many statements each page costs that there is, by its rule."""
        return {rule: self._count(rule) for rule in self._find_rules()}

    def _find_rules(self) -> Iterator[str]:
        for rule in self._app.url_map.iter_rules():
            is_list = rule.rule.startswith(("/admin/", "/s/", "/api/v1/"))
            is_read = "GET" in (rule.methods or ())
            if is_list and is_read and rule.arguments <= self._names.keys():
                yield rule.rule

    def _count(self, rule: str) -> int:
        path = re.sub(r"<(\w+)>", lambda found: self._names[found[1]], rule)
        with counted(self._database) as statements:
            self._open(path)
        return len(statements)

    def _open(self, path: str) -> None:
        if path.startswith("/api/"):
            url = f"{path}?page_size=200"
            assert self._app.test_client().get(url, headers=self._headers).status_code < 500
        else:
            visitor = self._it if path.startswith("/admin/") else self._staff
            assert visitor.get(path).status_code < 500


@contextmanager
def counted(database: Database) -> Iterator[list[str]]:
    """The statements that this thread executes meanwhile: others write what waits."""
    heard: list[str] = []
    reader = get_ident()

    def hear(_connection, _cursor, statement, *_) -> None:
        if get_ident() == reader:
            heard.append(statement)

    event.listen(database.engine, "before_cursor_execute", hear)
    yield heard
    event.remove(database.engine, "before_cursor_execute", hear)


def test_no_page_costs_more_statements_when_lists_are_longer(engine, mentor):
    school = School(engine, mentor)
    school.grow(2)
    reader = Reader(create_app(engine), school)
    reader.count()
    few = reader.count()

    school.grow(MORE)
    many = reader.count()

    # One or two more are of what a process remembers for seconds only. The first look was to have
    # it remember.
    assert {page for page in few if many[page] >= few[page] + MORE} == set()
