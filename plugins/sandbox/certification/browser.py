"""A browser without scripts: cookies kept from page to page, forms sent on as they stand.

It knows cookies as browsers do and none by name, so that what a tool keeps there is the tool's.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from http.cookiejar import Cookie, DefaultCookiePolicy
from typing import Any
from urllib.parse import parse_qsl, urljoin, urlsplit

import lxml.html
import requests

TIMEOUT_SECONDS = 30
HTML = "text/html,application/xhtml+xml"


class LoopbackPolicy(DefaultCookiePolicy):
    """Takes Secure cookies from loopback over http, and sends them back, as browsers do."""

    def set_ok(self, cookie: Cookie, request: Any) -> bool:
        """Whether to keep a cookie."""
        # Each request's jar has a policy of its own, so the exception is made on arrival.
        if urlsplit(request.get_full_url()).hostname in ("localhost", "127.0.0.1"):
            cookie.secure = False
        return super().set_ok(cookie, request)


@dataclass(frozen=True, slots=True)
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
    """One browser. Close it, or use it in `with`.

    hosts: origins and where they are really found, as a hosts file would say.
    """

    def __init__(self, hosts: Mapping[str, str] | None = None) -> None:
        self.session = requests.Session()
        self.session.cookies.set_policy(LoopbackPolicy())
        self._hosts = dict(hosts or {})

    def __enter__(self) -> "Browser":
        return self

    def __exit__(self, *_: object) -> None:
        self.session.close()

    def get(self, url: str, **options: Any) -> requests.Response:
        """Open a page."""
        return self.session.get(self._place(url), **_with_defaults(options))

    def submit(self, form: Form, **options: Any) -> requests.Response:
        """Send a form; redirects are followed unless `allow_redirects=False`."""
        options = _with_defaults(options)
        url = self._place(form.url)
        if form.method == "get":
            return self.session.get(url, params=dict(form.fields), **options)
        return self.session.post(url, data=dict(form.fields), **options)

    def _place(self, url: str) -> str:
        for origin, real in self._hosts.items():
            if url == origin or url.startswith(f"{origin}/"):
                return real + url.removeprefix(origin)
        return url


def _with_defaults(options: dict[str, Any]) -> dict[str, Any]:
    headers = {"Accept": HTML} | options.pop("headers", {})
    return {"timeout": TIMEOUT_SECONDS, "headers": headers} | options


def read_form(page: requests.Response, number: int = 0) -> Form:
    """A form of a page, with the values that its fields hold.

    Raises AssertionError, with what the page says, if there is no such form.
    """
    document = lxml.html.fromstring(page.content)
    if len(document.forms) <= number:
        raise AssertionError((page.status_code, page.url, document.text_content()))
    form = document.forms[number]
    address = urljoin(page.url, form.get("action") or urlsplit(page.url).path)
    fields = {name: value for name, value in form.form_values() if value is not None}
    return Form(address, (form.get("method") or "get").lower(), fields)


def read_text(page: requests.Response) -> str:
    """What a page says, in one line."""
    if not page.content.strip():
        return ""
    return " ".join(str(lxml.html.fromstring(page.content).text_content()).split())


def read_query(url: str) -> dict[str, str]:
    """The query of an address, each name once."""
    return dict(parse_qsl(urlsplit(url).query, keep_blank_values=True))
