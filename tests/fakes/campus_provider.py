"""Real OpenID Connect providers, started with Node for the length of a test module.

Skipped where Node or the package is absent, unless REQUIRE_OIDC_PROVIDER says that they must be
here: `npm install --prefix tests/fakes/oidc_provider --no-package-lock`.
"""

import json
import os
import shutil
import subprocess
from base64 import urlsafe_b64encode
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest
import requests

from tests.fakes.browserless import Browser, read_form
from tests.fakes.platforms import free_port

FOLDER = Path(__file__).parent / "oidc_provider"
SECRET = "only for tests, and long enough for it"
PORTAL = "portal"
PORTAL_PAGE = "https://portal.example.edu/back"


@dataclass(frozen=True)
class CampusProvider:
    """One provider that answers at `issuer`, and knows the tool as `mentorai`."""

    name: str
    issuer: str

    def put_people(self, **claims: dict[str, Any]) -> None:
        """What it says of its people, by subject."""
        self._pull("people", claims)

    def rotate(self) -> None:
        """Sign with new keys, and publish the old ones no more."""
        self._pull("rotate", None)

    def sign_out(self, browser: Browser) -> None:
        """The person signs out at the provider."""
        page = browser.submit(
            read_form(browser.get(f"{self.issuer}/session/end")).with_fields(logout="yes")
        )
        assert page.status_code == 200, page.text

    def issue_token(self, browser: Browser, person: str) -> str:
        """An id token of the person, as the campus's portal gets it."""
        verifier = "v" * 64
        challenge = urlsafe_b64encode(sha256(verifier.encode()).digest()).decode().rstrip("=")
        asked = {
            "client_id": PORTAL,
            "response_type": "code",
            "scope": "openid profile",
            "redirect_uri": PORTAL_PAGE,
            "code_challenge": challenge,
            "code_challenge_method": "S256",
        }
        page = browser.get(f"{self.issuer}/auth", params=asked, hooks={"response": _stop_at_portal})
        code = self.press_on(browser, page, person, hooks={"response": _stop_at_portal}).headers[
            "X-Code"
        ]
        answer = requests.post(
            f"{self.issuer}/token",
            data={
                "grant_type": "authorization_code",
                "code": code,
                "redirect_uri": PORTAL_PAGE,
                "code_verifier": verifier,
            },
            auth=(PORTAL, SECRET),
            timeout=30,
        )
        token: str = answer.json()["id_token"]
        return token

    def press_on(
        self, browser: Browser, page: requests.Response, person: str, **options: Any
    ) -> requests.Response:
        """Sign in and consent, until the provider lets the browser go."""
        while page.url.startswith(f"{self.issuer}/interaction/"):
            form = read_form(page)
            if form.fields.get("prompt") == "login":
                form = form.with_fields(login=person, password="any")
            page = browser.submit(form, **options)
        return page

    def _pull(self, lever: str, value: object) -> None:
        requests.post(f"{self.issuer}/lever/{lever}", json=value, timeout=30).raise_for_status()


@contextmanager
def running_providers(tool_port: int, *names: str) -> Iterator[list[CampusProvider]]:
    """A provider for each name, each of which the tool at that port may use."""
    node = shutil.which("node")
    if node is None or not (FOLDER / "node_modules" / "oidc-provider").is_dir():
        reason = "there is no Node with oidc-provider here"
        if os.environ.get("REQUIRE_OIDC_PROVIDER"):
            pytest.fail(reason)
        pytest.skip(reason)
    found = [CampusProvider(name, f"http://127.0.0.1:{free_port()}") for name in names]
    campuses = [_describe(provider, tool_port) for provider in found]
    process = subprocess.Popen(
        [node, "provider.mjs", json.dumps(campuses)],
        cwd=FOLDER,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    assert process.stdin is not None
    assert process.stdout is not None
    try:
        for _ in names:
            assert process.stdout.readline() == "ready\n"
        yield found
    finally:
        process.stdin.close()
        process.wait(10)
        process.stdout.close()


def _describe(provider: CampusProvider, tool_port: int) -> dict[str, object]:
    tool = f"http://localhost:{tool_port}"
    mentorai = {
        "client_id": "mentorai",
        "client_secret": SECRET,
        "redirect_uris": [f"{tool}/sign-on/{provider.name}/callback"],
        "post_logout_redirect_uris": [f"{tool}/admin/sign-in"],
        "backchannel_logout_uri": f"http://127.0.0.1:{tool_port}/sign-on/{provider.name}/logout",
        "backchannel_logout_session_required": True,
    }
    portal = {"client_id": PORTAL, "client_secret": SECRET, "redirect_uris": [PORTAL_PAGE]}
    return {"port": int(provider.issuer.rpartition(":")[2]), "clients": [mentorai, portal]}


def _stop_at_portal(answer: requests.Response, **_: Any) -> requests.Response:
    """The portal is nobody here: read the code where the browser would be sent to it."""
    target = answer.headers.get("Location", "")
    if target.startswith(PORTAL_PAGE):
        answer.headers["X-Code"] = dict(
            pair.split("=", 1) for pair in target.partition("?")[2].split("&")
        )["code"]
        del answer.headers["Location"]
    return answer
