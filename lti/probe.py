"""Probes: what one registered platform answers when it is asked everything that launches, grades
and rosters will ask, with nothing changed there.

What was seen is told as an Observation; what to do about it is said by whoever shows it
(web/registration_words.py).
"""

from collections.abc import Iterator, Mapping
from datetime import timedelta

from mentorai.core.clock import now
from mentorai.core.errors import PlatformError
from mentorai.core.offers import Offers
from mentorai.lti.keysets import KEYSET_BYTES, read_keyset
from mentorai.lti.launch_log_rows import ADMITTED
from mentorai.lti.observations import Observation, ask, watch_clock
from mentorai.lti.platform_http import Reply
from mentorai.lti.probe_redirect import probe_redirect
from mentorai.lti.probe_services import probe_services
from mentorai.lti.probe_tokens import probe_tokens
from mentorai.lti.registrations import Registration
from mentorai.lti.tool import Tool

# A launch that needs a fresh key set waits this long for it.
SLOW_SECONDS = 2.0
RECENT = timedelta(days=7)


def probe(tool: Tool, registration: Registration, offers: Offers) -> Iterator[Observation]:
    """Ask the platform everything, one thing after another. Raises nothing of what it answers.

    offers: where its launches said that its services are.
    """
    yield from _look_here(tool, registration)
    yield from probe_keyset(tool, registration.keyset_url)
    granted = yield from probe_tokens(tool, registration)
    yield from probe_redirect(tool, registration)
    if granted:
        yield from probe_services(tool, registration, offers, granted)


def _look_here(tool: Tool, registration: Registration) -> Iterator[Observation]:
    """Is the registration in force, and what did its last launches come to?"""
    if not registration.is_active:
        yield Observation(
            "registration", "registration_inactive", "wrong", {"status": registration.status}
        )
    else:
        deployments = ", ".join(registration.deployment_ids) or "none"
        yield Observation(
            "registration", "registration_active", "well", {"deployments": deployments}
        )
    outcomes = tool.launch_log.count_outcomes(
        registration.organization_id, registration.id, since=now() - RECENT
    )
    admitted = outcomes.get(ADMITTED, 0)
    refused = {code: count for code, count in outcomes.items() if code != ADMITTED}
    if not outcomes:
        yield Observation("launches", "launches_none", "note", {"days": RECENT.days})
        return
    facts = {
        "days": RECENT.days,
        "admitted": admitted,
        "refused": sum(refused.values()),
        "codes": ", ".join(f"{code} {count}" for code, count in refused.items()),
    }
    if not refused:
        yield Observation("launches", "launches_admitted", "well", facts)
    else:
        yield Observation(
            "launches",
            "launches_some_refused" if admitted else "launches_all_refused",
            "note",
            facts,
        )


def probe_keyset(tool: Tool, url: str) -> Iterator[Observation]:
    """Can the platform's keys be had, and can they be used?"""
    accept = {"Accept": "application/json, application/jwk-set+json"}
    answer = ask(lambda: tool.http.get(url, headers=accept, limit_bytes=KEYSET_BYTES, redirects=3))
    facts: dict[str, object] = {"url": url, "seconds": round(answer.seconds, 1)}
    if answer.reply is None:
        yield Observation(
            "key set", "keyset_unreachable", "wrong", facts | {"reason": answer.error}
        )
        return
    yield from watch_clock(answer.reply)
    if answer.seconds > SLOW_SECONDS:
        yield Observation("key set", "keyset_slow", "note", facts)
    if not answer.reply.is_ok:
        yield Observation(
            "key set", "keyset_status", "wrong", facts | {"status": answer.reply.status}
        )
        return
    yield from _probe_keys(answer.reply, facts)


def _probe_keys(reply: Reply, facts: Mapping[str, object]) -> Iterator[Observation]:
    try:
        document = reply.read_json()
    except PlatformError:
        yield Observation("key set", "keyset_not_json", "wrong", facts)
        return
    listed = document.get("keys") if isinstance(document, dict) else None
    if not isinstance(listed, list):
        yield Observation("key set", "keyset_not_a_set", "wrong", facts)
        return
    usable = read_keyset(document)
    counts = {"usable": len(usable), "listed": len(listed), "kids": ", ".join(sorted(usable))}
    if not usable:
        yield Observation("key set", "keyset_no_usable_key", "wrong", {**facts, **counts})
        return
    yield Observation("key set", "keyset_usable", "well", {**facts, **counts})
    if len(usable) < len(listed):
        yield Observation("key set", "keyset_some_left_out", "note", {**facts, **counts})
    if not (reply.headers.get("Cache-Control") or reply.headers.get("Expires")):
        yield Observation("key set", "keyset_no_cache_header", "note", facts)
