"""What `mentorai doctor` looks at. A check only looks: it makes and mends nothing."""

import os
import sqlite3
import stat
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from mentorai.core.clock import now
from mentorai.core.settings import SECRET_NAMES, Settings

if TYPE_CHECKING:
    from mentorai.core.database import Database
    from mentorai.core.engine import Engine
    from mentorai.lti.registrations import Registration
    from mentorai.lti.tool import Tool

TIMEOUT_SECONDS = 5
SKEW_LIMIT = timedelta(seconds=60)
LOOPBACK = ("localhost", "127.0.0.1", "::1")
WRONG_KEYSET = "Is it the key set URL of this LMS? Platforms in the admin changes it."


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing looked at; sentence says what is so and, when it is wrong, what to do.

    is_note: nothing is wrong, but somebody may want to know.
    """

    subject: str
    sentence: str
    is_wrong: bool = False
    is_note: bool = False

    @property
    def word(self) -> str:
        """WRONG, note or ok."""
        return "WRONG" if self.is_wrong else "note" if self.is_note else "ok"


def check_python() -> Iterator[Finding]:
    """Can this Python's SQLite search text?"""
    version = ".".join(str(part) for part in sys.version_info[:3])
    yield Finding("python", f"Python {version}, SQLite {sqlite3.sqlite_version}.")
    try:
        with sqlite3.connect(":memory:") as connection:
            connection.execute("CREATE VIRTUAL TABLE probe USING fts5(words)")
    except sqlite3.OperationalError:
        sentence = "This Python's SQLite has no FTS5: use another Python, or PostgreSQL."
        yield Finding("full-text search", sentence, is_wrong=True)
    else:
        yield Finding("full-text search", "SQLite has FTS5.")


def check_files(settings: Settings) -> Iterator[Finding]:
    """Is the data directory usable, and are the secrets ours alone?"""
    folder = settings.data_dir
    if not folder.is_dir():
        yield Finding("data directory", f"{folder} is not there: run `mentorai init`.", True)
        return
    if not os.access(folder, os.W_OK | os.X_OK):
        sentence = f"{folder} cannot be written by this user: give it to whoever runs the server."
        yield Finding("data directory", sentence, is_wrong=True)
    else:
        yield Finding("data directory", f"{folder} can be written.")
    for name in SECRET_NAMES:
        yield from _check_secret(folder / "secrets" / name)


def _check_secret(path: Path) -> Iterator[Finding]:
    subject = f"secret {path.name}"
    try:
        mode = stat.S_IMODE(path.stat().st_mode)
    except FileNotFoundError:
        yield Finding(subject, "not made yet; the first use makes it.", is_note=True)
        return
    if mode & 0o077:
        sentence = f"{path} can be read by other users ({mode:04o}): chmod 600 {path}"
        yield Finding(subject, sentence, is_wrong=True)
    else:
        yield Finding(subject, f"readable by its owner alone ({mode:04o}).")


def check_database(settings: Settings, database: "Database") -> Iterator[Finding]:
    """Does the database answer, with the tables this version wants?"""
    from mentorai.core.migrations import find_revisions

    if database.is_sqlite and not Path(database.url.database or "").exists():
        sentence = f"{database.url.database} is not there: run `mentorai init`."
        yield Finding("database", sentence, is_wrong=True)
        return
    try:
        present, newest = find_revisions(database)
    except Exception as error:
        reason = str(error).splitlines()[0]
        sentence = f"does not answer ({reason}): look at MENTORAI_DATABASE_URL."
        yield Finding("database", sentence, is_wrong=True)
        return
    name = database.url.render_as_string(hide_password=True)
    yield Finding("database", f"{name} answers.")
    if present != newest:
        sentence = (
            f"at revision {present or 'none'}, and {newest} is the newest: run `mentorai init`."
        )
        yield Finding("migrations", sentence, is_wrong=True)
    else:
        yield Finding("migrations", f"at revision {present}, the newest.")
    if database.is_sqlite and settings.processes > 1:
        yield Finding("database", "SQLite serves several processes; PostgreSQL does it better.")


def check_public_url(settings: Settings) -> Iterator[Finding]:
    """Is the public address one that browsers and LMSs can use, and is it ours?"""
    import requests

    url = settings.public_url
    is_loopback = urlsplit(url).hostname in LOOPBACK
    if not settings.is_secure and not is_loopback:
        sentence = (
            f"{url} is not https: browsers keep no cookie inside an LMS page. Put a proxy with "
            "TLS in front and set MENTORAI_PUBLIC_URL."
        )
        yield Finding("public URL", sentence, is_wrong=True)
    if is_loopback:
        yield Finding("public URL", f"{url} is reached from this machine alone.", is_note=True)
    try:
        answer = requests.get(f"{url}/healthz", timeout=TIMEOUT_SECONDS, allow_redirects=False)
    except requests.RequestException:
        sentence = f"nothing answers at {url}; if the server runs, look at the proxy and DNS."
        yield Finding("server", sentence, is_note=True)
        return
    is_ours = answer.status_code == 200 and answer.text.strip().startswith('{"status"')
    sentence = f"{url}/healthz answers."
    if not is_ours:
        sentence = (
            f"{url}/healthz answers {answer.status_code}, not as mentorAI: look at the proxy."
        )
    yield Finding("server", sentence, is_wrong=not is_ours)
    yield from _compare_clock("the public URL", answer.headers.get("Date"))


def check_plugins(engine: "Engine") -> Iterator[Finding]:
    """Does every installed plugin load?"""
    from mentorai.core.installed_plugins import find_installed_plugins
    from mentorai.core.plugin_manager import CORE

    known = set(engine.plugins.names())
    absent = {each.name: each.reason for each in find_installed_plugins() if not each.plugin}
    for name, reason in sorted(absent.items()):
        sentence = f"{name} is installed and cannot be imported ({reason}): install it anew."
        yield Finding("plugins", sentence, is_wrong=True)
    loaded = known - {CORE}
    yield Finding("plugins", f"{', '.join(sorted(loaded)) or 'none'} loaded.")


def check_key_peppers(engine: "Engine") -> Iterator[Finding]:
    """Under which peppers are the API keys kept?"""
    from mentorai.core.key_peppers import BARE

    peppers = engine.keys.pepper_rows.peppers
    newest = peppers.newest.version if peppers.newest else BARE
    place = f"version {newest}" if newest else "no pepper, as their SHA-256"
    yield Finding("key peppers", f"new API keys are kept under {place}.")
    for version, count in engine.keys.pepper_rows.count().items():
        if not count or (version == newest and version not in peppers.refused):
            continue
        advice = "rotate those keys to have them under the newest pepper."
        if version in peppers.refused:
            advice = "they are refused: rotate or delete them."
        elif version == BARE:
            advice = "`mentorai keys pepper` puts them under the newest."
        place = f"version {version}" if version else "none"
        yield Finding("key peppers", f"{count:,} under {place}: {advice}", is_note=True)


def check_tool_keys(engine: "Engine") -> Iterator[Finding]:
    """Can the key that signs for us be read, and does it sign?"""
    from mentorai.lti.tool import Tool

    tool = engine.room(Tool)
    try:
        count = len(tool.tool_keys.read_keyset()["keys"])
        tool.tool_keys.sign({"purpose": "doctor"})
    except Exception as error:
        sentence = (
            f"cannot be read ({type(error).__name__}): was secrets/tool_keys replaced? Put the "
            "old file back."
        )
        yield Finding("tool keys", sentence, is_wrong=True)
        return
    yield Finding("tool keys", f"{count} published at {tool.keyset_url}; one of them signs.")


def check_key_fetches(engine: "Engine") -> Iterator[Finding]:
    """Have the LMSs fetched our newest key?"""
    from mentorai.lti.keyset_fetches import list_warnings
    from mentorai.lti.tool import Tool

    for sentence in list_warnings(engine.room(Tool), engine.organizations.get().id):
        yield Finding("tool keys", sentence, is_note=True)


def check_registrations(engine: "Engine") -> Iterator[Finding]:
    """Do the registered LMSs publish their keys, and do they agree on the time?"""
    from mentorai.lti.tool import Tool

    yield Finding("clock", f"it is {now():%Y-%m-%d %H:%M:%S} UTC here.")
    tool = engine.room(Tool)
    found = tool.registrations.list(engine.organizations.get().id)
    if not found:
        yield Finding(
            "registrations", "no LMS is registered: `mentorai registrations add`.", is_note=True
        )
    for registration in found:
        yield from _look_who_waits(registration)
        if registration.is_active:
            yield from _check_registration(tool, registration)


def _look_who_waits(registration: "Registration") -> Iterator[Finding]:
    from mentorai.lti.registrations import PENDING

    subject = f"registration {registration.name}"
    if registration.status == PENDING:
        sentence = (
            "registered itself and launches nobody before it is approved: "
            f"`mentorai registrations approve {registration.id}`."
        )
        yield Finding(subject, sentence, is_note=True)
    if registration.held_ids:
        sentence = (
            f"deployments that wait for a decision: {len(registration.held_ids)}; "
            f"`mentorai registrations deployments list {registration.id}`."
        )
        yield Finding(subject, sentence, is_note=True)


def _check_registration(tool: "Tool", registration: "Registration") -> Iterator[Finding]:
    from mentorai.core.errors import PlatformError
    from mentorai.lti.keysets import KEYSET_BYTES, read_keyset
    from mentorai.lti.platform_http import check_reply

    subject = f"registration {registration.name}"
    try:
        reply = tool.http.get(registration.keyset_url, limit_bytes=KEYSET_BYTES, redirects=3)
        check_reply(reply, "a request for its keys")
        keys = read_keyset(reply.read_json())
    except PlatformError as error:
        sentence = f"{registration.keyset_url}: {error.message} {WRONG_KEYSET}"
        yield Finding(subject, sentence, is_wrong=True)
        return
    if not keys:
        sentence = f"{registration.keyset_url} gives no key of use. {WRONG_KEYSET}"
        yield Finding(subject, sentence, is_wrong=True)
        return
    yield Finding(subject, f"publishes {len(keys)} {'key' if len(keys) == 1 else 'keys'}.")
    yield from _compare_clock(registration.name, reply.headers.get("Date"))


def try_registration(engine: "Engine", registration: "Registration") -> Iterator[Finding]:
    """What does one LMS answer to everything that is asked of it?"""
    from mentorai.core.explanations import read_screens
    from mentorai.core.offers import find_offers
    from mentorai.lti.probe import probe
    from mentorai.lti.tool import Tool
    from mentorai.web.registration_words import say

    offers = find_offers(engine.database, registration.organization_id, registration.id)
    profiles = engine.plugins.ask_all("platform_profile")
    screens = read_screens(profiles, registration.family or offers.family)
    yield Finding("LMS", f"{registration.name}, {registration.issuer}, {registration.client_id}.")
    for seen in probe(engine.room(Tool), registration, offers):
        yield Finding(
            seen.subject,
            say(seen, screens),
            is_wrong=seen.state == "wrong",
            is_note=seen.state == "note",
        )


def _compare_clock(whose: str, date: str | None) -> Iterator[Finding]:
    from email.utils import parsedate_to_datetime

    try:
        there: datetime = parsedate_to_datetime(date or "")
    except ValueError:
        return
    skew = now() - there
    if abs(skew) > SKEW_LIMIT:
        sentence = (
            f"{abs(skew.total_seconds()):.0f} s {'ahead of' if skew > timedelta(0) else 'behind'} "
            f"{whose}: launches fail beyond a minute. Set the clock by NTP."
        )
        yield Finding("clock", sentence, is_wrong=True)


def check_outbox(engine: "Engine") -> Iterator[Finding]:
    """Do scores leave? Raises ConfigurationError if the worker's queue is broken."""
    from mentorai.core.jobs import Jobs

    # One that is not there yet is made by whom it shall belong to.
    if (engine.settings.data_dir / "jobs.sqlite3").exists():
        jobs = engine.room(Jobs)
        jobs.open()
        jobs.close()
    waiting = engine.outbox.waiting()
    yield Finding("outbox", f"{waiting} scores wait to be sent.")
