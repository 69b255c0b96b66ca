"""A whole launch without a browser: the forms that a browser would send on, sent on.

browser = Browser()
page = browser.launch(sandbox.url, "maya", "tidal-pools", "tides-mentor")

The tool's cookies are `Secure` and the test's addresses are http: a real browser makes an exception
for loopback, `requests` does not, so the jar here is told to.
"""

from typing import Any

import requests

from mentorai.plugins.sandbox.certification import browser
from mentorai.plugins.sandbox.certification.browser import Form, read_form

__all__ = ["Browser", "Form", "launch", "read_form"]


class Browser(browser.Browser):
    """The shipped browser, which also knows its way about the sandbox's pages."""

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
