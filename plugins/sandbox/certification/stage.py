"""Where cases are played: an installation that has, for the while, a platform and a mentor."""

import re
import secrets
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, TypeVar

import requests

from mentorai.core import errors
from mentorai.core.clock import now
from mentorai.core.engine import Engine
from mentorai.core.errors import LaunchRejected, MentorAIError
from mentorai.core.mentors import Mentor
from mentorai.core.traces import Traces, count_traces, is_known
from mentorai.core.values import Person, Session
from mentorai.lti.registrations import Registration
from mentorai.lti.tool import Tool
from mentorai.plugins.sandbox.certification.browser import (
    HTML,
    Browser,
    Form,
    read_form,
    read_query,
    read_text,
)
from mentorai.plugins.sandbox.certification.case import Failed, expect
from mentorai.plugins.sandbox.certification.forge import change, sign
from mentorai.plugins.sandbox.certification.wire import Platform
from mentorai.plugins.sandbox.oidc import Begun, read_claims
from mentorai.plugins.sandbox.school import Course, Item, find_course, find_person

PROGRAM = "application/json"
SESSION = re.compile(r"/s/([0-9a-f-]{36})/")
CODE = re.compile(r"<code>([a-z_]+)</code>")
HELD = re.compile(r"/s/[0-9a-f-]{36}/|/lti/continue\?code=")
SEEN_CHARACTERS = 200
Made = TypeVar("Made")
KINDS: Mapping[str, type[MentorAIError]] = {
    kind.code: kind
    for kind in vars(errors).values()
    if isinstance(kind, type) and issubclass(kind, LaunchRejected)
}


@dataclass(frozen=True, slots=True)
class Admitted:
    """A launch that was let in. answer: to the launch; page: where it led."""

    session: Session
    person: Person
    answer: requests.Response
    page: requests.Response


@dataclass(frozen=True)
class Attempt:
    """A launch that has begun: its ticket, and the claims that would finish it well."""

    stage: "Stage"
    browser: Browser
    registration: Registration
    state: str
    claims: Mapping[str, Any]

    @property
    def subject(self) -> str:
        """Who launches, as the platform calls them."""
        return str(self.claims["sub"])

    def change(self, **changes: Any) -> dict[str, Any]:
        """The good claims, changed; None leaves one out."""
        return change(self.claims, changes)

    def sign(self, header: Mapping[str, Any] | None = None, **changes: Any) -> str:
        """A token of changed claims, signed as the platform signs."""
        key = self.stage.platform.house.platform.keys.signing_key()
        return sign(self.change(**changes), key, header=header)

    def post(
        self,
        token: str,
        *,
        accept: str = HTML,
        browser: Browser | None = None,
        fields: Mapping[str, str] = {},
    ) -> requests.Response:
        """Bring a token to the tool; gives its own answer, not where that leads.

        fields: what the form holds besides or instead.
        """
        whole = {"state": self.state, "id_token": token} | dict(fields)
        form = Form(self.stage.launch_url, "post", whole)
        headers = {"Accept": accept}
        return (browser or self.browser).submit(form, headers=headers, allow_redirects=False)

    def finish(self, **changes: Any) -> Admitted:
        """End the launch well. Raises Failed if the person is not let in."""
        return self.stage.read_admission(self, self.post(self.sign(**changes)))


class Stage:
    """What a case has to play with. calls: whether the tool can call the platform."""

    def __init__(
        self,
        engine: Engine,
        platform: Platform,
        registration: Registration,
        mentor: Mentor,
        *,
        calls: bool,
        register: Callable[[str], Registration],
    ) -> None:
        self.engine = engine
        self.platform = platform
        self.registration = registration
        self.mentor = mentor
        self.calls = calls
        self.launch_url = engine.room(Tool).launch_url
        self._register = register
        self._browsers: list[Browser] = []
        self._made: dict[str, Any] = {}

    @property
    def tool(self) -> Tool:
        """The tool's rooms, on the data of the installation."""
        return self.engine.room(Tool)

    def browser(self) -> Browser:
        """A new browser."""
        browser = Browser({self.platform.base_url: self.platform.real_url})
        self._browsers.append(browser)
        return browser

    def close(self) -> None:
        """Close every browser."""
        for browser in self._browsers:
            browser.session.close()

    def once(self, name: str, make: Callable[[], Made]) -> Made:
        """What `make` gives; made the first time that it is asked for. A failure stays one."""
        if name not in self._made:
            try:
                self._made[name] = make()
            except Failed as failure:
                self._made[name] = failure
        found = self._made[name]
        if isinstance(found, Failed):
            raise found
        made: Made = found
        return made

    def side(self, name: str) -> Registration:
        """Another registration of the same platform, whose key set has an address of its own."""
        return self.once(f"side/{name}", lambda: self._register(name))

    def begin(
        self,
        *,
        browser: Browser | None = None,
        registration: Registration | None = None,
        place: tuple[str, str] = ("tidal-pools", "tides-mentor"),
        subject: str = "",
        **login: str,
    ) -> Attempt:
        """Begin a launch: login at the tool, authentication at the platform.

        place: the course and the item in it. subject: who launches; somebody new if empty.
        login: changes to what the platform begins with.
        """
        browser = browser or self.browser()
        registration = registration or self.registration
        course, item = self.find_place(*place)
        form = self.find_login(registration, course, item).with_fields(**login)
        asked = self._login(browser, form)
        if registration is self.registration:
            self._ask_platform(browser, asked)
        claims = self._claims(registration, course, item, asked["nonce"], subject)
        return Attempt(self, browser, registration, asked["state"], claims)

    def authenticate(self, browser: Browser, login: Form) -> Form:
        """Login at the tool, authentication at the platform: the form that would end the launch."""
        return self._ask_platform(browser, self._login(browser, login))

    def find_place(self, course_id: str, item_id: str) -> tuple[Course, Item]:
        """A course of the sandbox LMS and an item in it."""
        course = find_course(course_id)
        item = self.platform.house.platform.find_item(course, item_id) if course else None
        if course is None or item is None:
            raise Failed(f"The sandbox LMS has no {course_id}/{item_id}.")
        return course, item

    def find_login(self, registration: Registration, course: Course, item: Item) -> Form:
        """What the platform begins a launch with."""
        person = find_person("maya")
        if person is None:
            raise Failed("The sandbox LMS has no student.")
        begun = self.platform.house.launches.begin(person, course, item, self.platform.base_url)
        return Form(begun.url, "post", begun.fields).with_fields(client_id=registration.client_id)

    def refuse(
        self,
        attempt: Attempt,
        token: str,
        kind: type[LaunchRejected],
        says: str = "",
        fields: Mapping[str, str] = {},
    ) -> str:
        """Post what must be refused, and finish the same launch well afterwards.

        says: a word of the reason. Gives what was seen; raises Failed unless the answer is a page
        with a code of `kind`, opens nothing, leaves no row, and uses nothing up.
        """
        registration_id = attempt.registration.id
        before = self.count(registration_id)
        answer = attempt.post(token, fields=fields)
        code = self.read_refusal(answer, kind)
        if says:
            again = attempt.post(token, accept=PROGRAM, fields=fields)
            detail = str(again.json().get("detail"))
            expect(says in detail, f"the reason does not name {says}: {detail}")
        after = self.count(registration_id)
        expect(after == before, f"rows were left: {before} became {after}")
        known = is_known(self.engine.database, registration_id, attempt.subject)
        expect(not known, "the person is known afterwards")
        attempt.finish()
        return f"{answer.status_code} {code}; the same ticket then opened with a good token"

    def read_refusal(self, answer: requests.Response, kind: type[MentorAIError]) -> str:
        """The code of a page that refuses. Raises Failed unless it is one of `kind`."""
        seen = f"{answer.status_code} {read_text(answer)[:SEEN_CHARACTERS]}"
        expect(400 <= answer.status_code < 500, seen)
        expect(not HELD.search(answer.text), f"the page leads on: {seen}")
        codes: list[str] = [code for code in CODE.findall(answer.text) if code in KINDS]
        expect(codes, f"the page has no code: {seen}")
        expect(issubclass(KINDS[codes[0]], kind), f"the code is {codes[0]}, not {kind.code}")
        return codes[0]

    def read_admission(self, attempt: Attempt, answer: requests.Response) -> Admitted:
        """Who was let in. Raises Failed if nobody was."""
        place = answer.headers.get("Location", "")
        found = SESSION.search(place)
        seen = f"{answer.status_code} {read_text(answer)[:SEEN_CHARACTERS]}"
        if answer.status_code not in (302, 303) or found is None:
            raise Failed(f"the launch was not let in: {seen}")
        organization_id = self.registration.organization_id
        session = self.engine.sessions.find(organization_id, found[1])
        person = self.engine.people.find(organization_id, session.person_id) if session else None
        if session is None or person is None:
            raise Failed("the launch led to a session that there is not")
        page = attempt.browser.get(f"{self.tool_url}{place}" if place[0] == "/" else place)
        expect(page.status_code == 200, f"the session's page answered {page.status_code}")
        return Admitted(session, person, answer, page)

    @property
    def tool_url(self) -> str:
        """Where the tool is."""
        return self.engine.settings.public_url

    def count(self, registration_id: str = "") -> Traces:
        """What the launches of a registration, by default the first, have left so far."""
        return count_traces(self.engine.database, registration_id or self.registration.id)

    def _login(self, browser: Browser, form: Form) -> dict[str, str]:
        """Bring a login initiation to the tool; what the tool then asks the platform."""
        answer = browser.submit(form, allow_redirects=False)
        place = answer.headers.get("Location", "")
        asked = read_query(place)
        leads_on = place.partition("?")[0] == self.registration.auth_url
        if answer.status_code not in (302, 303) or not leads_on or not asked.get("nonce"):
            seen = read_text(answer)[:SEEN_CHARACTERS]
            raise Failed(f"the login did not lead to the platform: {answer.status_code} {seen}")
        return asked | {"url": place}

    def _ask_platform(self, browser: Browser, asked: Mapping[str, str]) -> Form:
        page = browser.get(asked["url"])
        expect(page.status_code == 200, f"the platform refused the request: {read_text(page)}")
        form = read_form(page)
        error = form.fields.get("error_description", "")
        expect("id_token" in form.fields, f"the platform refused the request: {error}")
        expect(form.url == self.launch_url, f"the platform would post to {form.url}")
        expect(form.fields.get("state") == asked["state"], "the platform lost the state")
        return form

    def _claims(
        self, registration: Registration, course: Course, item: Item, nonce: str, subject: str
    ) -> dict[str, Any]:
        person = find_person("maya")
        if person is None:
            raise Failed("The sandbox LMS has no student.")
        begun = Begun("", person, course, item, now(), self.platform.base_url)
        changes = {
            "aud": registration.client_id,
            "nonce": nonce,
            "sub": subject or f"certification-{secrets.token_hex(6)}",
            "custom": {"mentor": self.mentor.slug},
        }
        return change(read_claims(self.platform.house.platform, begun), changes)
