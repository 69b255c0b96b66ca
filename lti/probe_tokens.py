"""Does the platform grant the access tokens that grades and rosters need?

Source: LTI Security Framework 1.0, section 4; RFC 6749, section 5.2 (error codes).
"""

from collections.abc import Generator, Sequence
from dataclasses import dataclass
from typing import Any

from mentorai.core.errors import PlatformError, PlatformThrottled
from mentorai.lti import ags, nrps
from mentorai.lti.observations import Answer, Observation, ask
from mentorai.lti.platform_http import MOVED, Reply
from mentorai.lti.registrations import Registration
from mentorai.lti.tokens import read_error
from mentorai.lti.tool import Tool

NEEDED = (ags.SCORE_SCOPE, ags.LINE_ITEM_SCOPE, nrps.SCOPE)
# Nothing is lost without these where the needed ones are granted.
USEFUL = (ags.LINE_ITEM_READ_SCOPE, f"{ags.SCOPE}result.readonly")
# What an address says at which no tokens are given (any more).
ELSEWHERE = (*MOVED, 404, 405, 410)

Probe = Generator[Observation, None, frozenset[str]]
NOTHING: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class _Grant:
    """What one request came to. error: the OAuth code, or "" when the platform gave none."""

    is_granted: bool
    scopes: frozenset[str] = frozenset()
    error: str = ""


def probe_tokens(tool: Tool, registration: Registration) -> Probe:
    """Ask for all scopes at once, and for each alone if that was refused. Gives those that were
    granted.
    """
    wanted = (*NEEDED, *USEFUL)
    facts: dict[str, object] = {"url": registration.token_url}
    answer = ask(lambda: tool.tokens.request(registration, wanted))
    if isinstance(answer.error, PlatformThrottled):
        yield Observation("token", "calls_throttled", "note")
        return NOTHING
    if answer.reply is None:
        facts |= {"reason": answer.error}
        yield Observation("token", "token_unreachable", "wrong", facts)
        return NOTHING
    status = answer.reply.status
    if status == 429 or status >= 500:
        yield Observation("token", "token_trouble", "wrong", facts | {"status": status})
        return NOTHING
    if status in ELSEWHERE:
        yield Observation("token", "token_elsewhere", "wrong", facts | {"status": status})
        return NOTHING
    together = _read_grant(answer.reply, wanted)
    try:
        alone = _ask_each(tool, registration, wanted, together)
    except PlatformThrottled:
        yield Observation("token", "calls_throttled", "note")
        return NOTHING
    granted = [scope for scope in wanted if alone[scope].is_granted]
    if granted:
        yield from _judge_scopes(alone, together, facts)
        return frozenset(granted)
    errors = {grant.error for grant in alone.values()}
    facts |= {"error": ", ".join(sorted(errors - {""})) or f"status {status}"}
    if errors == {"invalid_scope"}:
        yield Observation("token", "token_no_scope", "wrong", facts)
        return NOTHING
    yield from _try_audiences(tool, registration, facts)
    return NOTHING


def _ask_each(
    tool: Tool, registration: Registration, wanted: Sequence[str], together: _Grant
) -> dict[str, _Grant]:
    """What each scope comes to alone. Raises PlatformThrottled.

    A token is dear on platforms that count calls, so nothing is asked that is known: a token for
    all of them names those that it is for, and a client that is refused is so for any scope.
    """
    if together.is_granted:
        return {scope: _Grant(scope in together.scopes) for scope in wanted}
    alone: dict[str, _Grant] = {}
    for scope in wanted:
        alone[scope] = grant = _ask_alone(tool, registration, scope)
        if grant == together and grant.error not in ("", "invalid_scope"):
            return dict.fromkeys(wanted, grant)
    return alone


def _judge_scopes(
    alone: dict[str, _Grant], together: _Grant, facts: dict[str, object]
) -> Generator[Observation]:
    refused = [scope for scope in NEEDED if not alone[scope].is_granted]
    facts |= {"granted": _names([scope for scope in alone if alone[scope].is_granted])}
    if refused:
        yield Observation("token", "token_refused", "wrong", facts | {"refused": _names(refused)})
    else:
        yield Observation("token", "token_granted", "well", facts)
    useful = [scope for scope in USEFUL if not alone[scope].is_granted]
    if useful:
        facts = facts | {"refused": _names(useful)}
        yield Observation("token", "token_useful_refused", "note", facts)
    if not (together.is_granted or refused or useful):
        # Some platforms refuse the whole request for one scope that they do not grant.
        yield Observation("token", "token_not_together", "note", facts)


def _try_audiences(
    tool: Tool, registration: Registration, facts: dict[str, object]
) -> Generator[Observation]:
    """Which audience of our assertion would the platform take, if not the registered one?"""
    used = registration.token_audience or registration.token_url
    for audience in (registration.token_url, registration.issuer):
        if audience == used:
            continue
        answer = ask(lambda: tool.tokens.request(registration, [NEEDED[0]], audience))  # noqa: B023
        if answer.reply is not None and _read_grant(answer.reply, [NEEDED[0]]).is_granted:
            facts = facts | {"used": used, "audience": audience}
            yield Observation("token", "token_other_audience", "wrong", facts)
            return
    yield Observation("token", "token_client_refused", "wrong", facts | {"used": used})


def _ask_alone(tool: Tool, registration: Registration, scope: str) -> _Grant:
    answer: Answer = ask(lambda: tool.tokens.request(registration, [scope]))
    if isinstance(answer.error, PlatformThrottled):
        raise answer.error
    return _Grant(False) if answer.reply is None else _read_grant(answer.reply, [scope])


def _read_grant(reply: Reply, asked: Sequence[str]) -> _Grant:
    try:
        body: Any = reply.read_json()
    except PlatformError:
        return _Grant(False)
    body = body if isinstance(body, dict) else {}
    if not reply.is_ok or not isinstance(body.get("access_token"), str):
        return _Grant(False, error=read_error(reply))
    # A platform that says nothing of scopes granted what was asked (RFC 6749, section 5.1).
    said = body.get("scope")
    scopes = frozenset(said.split() if isinstance(said, str) and said.strip() else asked)
    return _Grant(bool(scopes & set(asked)), scopes)


def _names(scopes: Sequence[str]) -> str:
    """Scopes by what follows `/scope/` in them: people know them by that."""
    return ", ".join(scope.rpartition("/")[2] for scope in scopes)
