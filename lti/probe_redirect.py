"""Does the platform know this tool's client id and redirect URI?

Asked by an authentication request as a launch makes it, for nobody (`login_hint`) and for no
launch: the platform can only answer with an error, and how it does tells. No ticket is kept,
so that whatever it posts would be refused here.
"""

import html
import re
import secrets
from collections.abc import Iterator
from urllib.parse import parse_qsl, urlsplit

from mentorai.lti.login import build_auth_url
from mentorai.lti.observations import Observation, ask
from mentorai.lti.origins import find_origin, join_url
from mentorai.lti.platform_http import Reply
from mentorai.lti.registrations import Registration
from mentorai.lti.tickets import Ticket
from mentorai.lti.tool import Tool

NOBODY = "mentorai-doctor"
PAGE_BYTES = 1_000_000
_ERROR_FIELD = re.compile(r"name=[\"']error[\"'][^>]{0,200}value=[\"']([a-z_]{1,60})[\"']")
_REDIRECT = re.compile(r"redirect[ _]?ur[il]", re.IGNORECASE)
_CLIENT = re.compile(r"client[ _]?id|unauthorized_client|unknown client", re.IGNORECASE)


def probe_redirect(tool: Tool, registration: Registration) -> Iterator[Observation]:
    """Send the request and read what the answer shows."""
    ticket = Ticket(f"state-{NOBODY}-{secrets.token_hex(8)}", secrets.token_hex(16))
    params = {"iss": registration.issuer, "login_hint": NOBODY}
    url = build_auth_url(registration, params, ticket, tool.launch_url)
    answer = ask(lambda: tool.http.get(url, limit_bytes=PAGE_BYTES))
    facts: dict[str, object] = {
        "url": registration.auth_url,
        "redirect_uri": tool.launch_url,
        "client_id": registration.client_id,
    }
    if answer.reply is None:
        facts |= {"reason": answer.error}
        yield Observation("redirect URI", "auth_unreachable", "wrong", facts)
        return
    facts |= {"status": answer.reply.status}
    yield _read_answer(answer.reply, tool.launch_url, facts)


def _read_answer(reply: Reply, launch_url: str, facts: dict[str, object]) -> Observation:
    page = html.unescape(reply.body.decode("utf-8", "replace"))
    location = join_url(reply.url, reply.headers.get("Location") or "")
    if 300 <= reply.status < 400:
        if location.startswith(launch_url):
            error = dict(parse_qsl(urlsplit(location).query + "&" + urlsplit(location).fragment))
            return _read_error(error.get("error", ""), facts)
        facts |= {"host": find_origin(location) or "an address that is none"}
        return Observation("redirect URI", "auth_sign_in", "note", facts)
    found = _ERROR_FIELD.search(page)
    if reply.is_ok and launch_url in page:
        return _read_error(found[1] if found else "", facts)
    if reply.status >= 500:
        return Observation("redirect URI", "auth_trouble", "wrong", facts)
    if not reply.is_ok and _REDIRECT.search(page):
        return Observation("redirect URI", "auth_redirect_refused", "wrong", facts)
    if not reply.is_ok and _CLIENT.search(page):
        return Observation("redirect URI", "auth_client_refused", "wrong", facts)
    return Observation("redirect URI", "auth_unclear", "note", facts)


def _read_error(error: str, facts: dict[str, object]) -> Observation:
    facts |= {"error": error or "none"}
    if error in ("unauthorized_client", "invalid_client"):
        return Observation("redirect URI", "auth_client_refused", "wrong", facts)
    return Observation("redirect URI", "auth_accepted", "well", facts)
