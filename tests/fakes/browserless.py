"""A whole launch without a browser: the forms that a browser would send on, sent on.

browser = Browser()
page = browser.launch(sandbox.url, "maya", "tidal-pools", "tides-mentor")

The tool's cookies are `Secure` and the test's addresses are http: a real browser makes an exception
for loopback, `requests` does not, so the jar here is told to.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from http.cookiejar import Cookie, DefaultCookiePolicy
from typing import Any
from urllib.parse import urljoin, urlsplit

import lxml.html
import requests

TIMEOUT_SECONDS = 20


class LoopbackPolicy(DefaultCookiePolicy):
    """Takes Secure cookies from loopback over http, and sends them back, as browsers do."""

    def set_ok(self, cookie: Cookie, request: Any) -> bool:
        # Each request's jar has a policy of its own, so the exception is made on arrival.
        cookie.secure = False
        return super().set_ok(cookie, request)


@dataclass(frozen=True)
class Form:
    """A form of a page: where it goes and what it holds."""

    url: str
    method: str
    fields: Mapping[str, str]

    def with_fields(self, **changes: str | None) -> "Form":
        """The same form with fields changed, or, for None, left out."""
        fields = {**self.fields, **changes}
        return replace(self, fields={k: v for k, v in fields.items() if v is not None})


class Browser:
    """One browser: its cookies last from launch to launch. Close it, or use it in `with`."""

    def __init__(self) -> None:
        self.session = requests.Session()
        self.session.cookies.set_policy(LoopbackPolicy())

    def __enter__(self) -> "Browser":
        return self

    def __exit__(self, *_: object) -> None:
        self.session.close()

    def get(self, url: str, **options: Any) -> requests.Response:
        return self.session.get(url, timeout=TIMEOUT_SECONDS, **options)

    def submit(self, form: Form, **options: Any) -> requests.Response:
        """Send a form; redirects are followed unless `allow_redirects=False`."""
        options = {"timeout": TIMEOUT_SECONDS} | options
        if form.method == "get":
            return self.session.get(form.url, params=dict(form.fields), **options)
        # A browser says where a form comes from; some servers look.
        return self.session.post(form.url, data=dict(form.fields), **options)

    def begin(self, sandbox_url: str, person: str, course: str, item: str) -> Form:
        """The login initiation of an item, not yet brought to the tool."""
        page = self.get(f"{sandbox_url}/as/{person}/courses/{course}/items/{item}/launch")
        return read_form(page)

    def begin_picker(self, sandbox_url: str, person: str, course: str) -> Form:
        """The login initiation of the content picker."""
        return read_form(self.get(f"{sandbox_url}/as/{person}/courses/{course}/add/launch"))

    def authenticate(self, login: Form) -> Form:
        """Bring a login initiation to the tool and its request to the platform.

        Gives the form that holds the id_token (or the error), not yet brought to the tool.
        """
        return read_form(self.submit(login))

    def launch(
        self, sandbox_url: str, person: str, course: str, item: str, **options: Any
    ) -> requests.Response:
        """Open an item as a person; gives the tool's answer after its redirects."""
        login = self.begin(sandbox_url, person, course, item)
        return self.submit(self.authenticate(login), **options)

    def open_picker(self, sandbox_url: str, person: str, course: str) -> requests.Response:
        """Open the content picker as a person; gives the tool's page."""
        return self.submit(self.authenticate(self.begin_picker(sandbox_url, person, course)))


def launch(
    sandbox_url: str, person: str, course: str = "tidal-pools", item: str = "tides-mentor"
) -> tuple[Browser, requests.Response]:
    """A new browser that has opened an item, and the page it sees."""
    browser = Browser()
    return browser, browser.launch(sandbox_url, person, course, item)


def read_form(page: requests.Response, number: int = 0) -> Form:
    """A form of a page, with the values that its fields hold.

    Raises AssertionError, with what the page says, if there is no such form.
    """
    document = lxml.html.fromstring(page.content)
    assert len(document.forms) > number, (page.status_code, page.url, document.text_content())
    form = document.forms[number]
    address = urljoin(page.url, form.get("action") or urlsplit(page.url).path)
    fields = {name: value for name, value in form.form_values() if value is not None}
    return Form(address, (form.get("method") or "get").lower(), fields)
