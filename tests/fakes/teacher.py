"""An instructor at the picker, in a browser without scripts."""

from typing import Any

import lxml.html
import requests
from joserfc import jwt
from joserfc.jwk import KeySet

from tests.fakes.browserless import Browser, read_form
from tests.fakes.campus import COURSE, Campus

DL = "https://purl.imsglobal.org/spec/lti-dl/claim/"


class Teacher:
    """Ruth, who places things in her course."""

    def __init__(self, campus: Campus, browser: Browser) -> None:
        self.campus, self.browser = campus, browser

    def open(self) -> requests.Response:
        """The picker's first page."""
        return self.browser.open_picker(self.campus.sandbox.url, "ruth", COURSE)

    def press(
        self, page: requests.Response, act: str, *choices: str, **fields: Any
    ) -> requests.Response:
        """Send the form of a page by one of its buttons, with these things ticked."""
        more: dict[str, Any] = {"choice": list(choices)} if choices else {}
        return self.browser.submit(read_form(page).with_fields(act=act, **fields, **more))

    def deliver(self, answer: requests.Response) -> requests.Response:
        """Bring the answer to the platform."""
        assert answer.status_code == 200, answer.text
        return self.browser.submit(read_form(answer))

    def claims(self, answer: requests.Response) -> dict[str, Any]:
        """What the answer says, its signature checked by our published keys."""
        keys = requests.get(f"{self.campus.url}/lti/jwks.json", timeout=10).json()
        token = read_form(answer).fields["JWT"]
        return dict(jwt.decode(token, KeySet.import_key_set(keys), algorithms=["RS256"]).claims)

    def place(self, *choices: str, **fields: Any) -> requests.Response:
        """Place things with the usual details, or with these changed."""
        page = self.open()
        if fields:
            page = self.press(page, "details", *choices)
        return self.deliver(self.press(page, "place", *choices, **fields))


def text_of(page: requests.Response) -> str:
    """What a page says, in one line."""
    return " ".join(lxml.html.fromstring(page.content).text_content().split())


def change_settings(campus: Campus, **changes: Any) -> None:
    """Have the next requests carry other settings; None leaves one out."""

    def alter(claims: dict[str, Any]) -> dict[str, Any]:
        settings = claims[f"{DL}deep_linking_settings"] | changes
        kept = {name: value for name, value in settings.items() if value is not None}
        return claims | {f"{DL}deep_linking_settings": kept}

    campus.sandbox.platform.alter_claims = alter
