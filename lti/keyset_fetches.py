"""Who fetched our key set, and when: coarsely, and no more than can truthfully be said.

A fetch carries no name. What it does carry is a User-Agent and an address. Some platforms write
their own address into the User-Agent (Moodle does), and one on a bare IP address is known by it;
of all others one can say only that somebody fetched, or that nobody did.
"""

import threading
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Literal
from urllib.parse import urlsplit

from sqlalchemy import Column, String, Table, insert, select, update
from sqlalchemy.exc import IntegrityError

from mentorai.core.clock import now
from mentorai.core.database import Database, Instant, metadata
from mentorai.core.row_locks import delete_old
from mentorai.lti.registrations import Registration
from mentorai.lti.tool_keys import ToolKey

if TYPE_CHECKING:
    from mentorai.lti.tool import Tool

AGENT_LENGTH, ADDRESS_LENGTH = 160, 64
READERS = 200
WINDOW_SECONDS = 60.0
READERS_A_WINDOW = 60

keyset_fetches = Table(
    "keyset_fetches",
    metadata,
    Column("agent", String(AGENT_LENGTH), primary_key=True),
    Column("address", String(ADDRESS_LENGTH), primary_key=True),
    Column("fetched_at", Instant, nullable=False),
)

News = Literal["fetched", "not_fetched", "unknown"]


@dataclass(frozen=True, slots=True)
class Fetch:
    """The last fetch of one reader. agent: what it calls itself. address: where it came from."""

    agent: str
    address: str
    fetched_at: datetime


class KeysetFetches:
    """The readers of our key set, each with the time of its last fetch, to about a minute."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._lock = threading.Lock()
        self._window = 0.0
        self._written: set[tuple[str, str]] = set()
        self._pending: dict[tuple[str, str], datetime] = {}

    def note(self, agent: str, address: str) -> None:
        """Note a fetch. A reader is written once a minute, and so many readers at most."""
        name = (_clean(agent, AGENT_LENGTH), _clean(address, ADDRESS_LENGTH))
        for reader, moment in self._choose(name, now()):
            self._write(reader, moment)

    def list(self) -> Sequence[Fetch]:
        """The last fetch of each reader, newest first."""
        query = select(keyset_fetches).order_by(keyset_fetches.c.fetched_at.desc())
        with self._database.read() as connection:
            return [Fetch(*row) for row in connection.execute(query.limit(READERS))]

    def _choose(
        self, name: tuple[str, str], moment: datetime
    ) -> Iterable[tuple[tuple[str, str], datetime]]:
        """What to write now: this fetch, or those that waited for the minute to end."""
        with self._lock:
            due: dict[tuple[str, str], datetime] = {}
            if time.monotonic() - self._window > WINDOW_SECONDS:
                due, self._pending = self._pending, {}
                self._window, self._written = time.monotonic(), set(due)
            is_full = len(self._written) >= READERS_A_WINDOW
            if name not in self._written and not is_full:
                due[name] = moment
                self._written.add(name)
            elif name in self._pending or len(self._pending) < READERS_A_WINDOW:
                self._pending[name] = moment
            return list(due.items())

    def _write(self, reader: tuple[str, str], moment: datetime) -> None:
        where = (keyset_fetches.c.agent == reader[0], keyset_fetches.c.address == reader[1])
        change = update(keyset_fetches).where(*where)
        facts = {"agent": reader[0], "address": reader[1], "fetched_at": moment}
        try:
            with self._database.write() as connection:
                # Another process may have seen this reader later.
                later = change.where(keyset_fetches.c.fetched_at < moment)
                known = select(keyset_fetches.c.agent).where(*where)
                if connection.execute(known).first() is not None:
                    connection.execute(later.values(fetched_at=moment))
                    return
                connection.execute(insert(keyset_fetches).values(facts))
                oldest = (
                    select(keyset_fetches.c.fetched_at)
                    .order_by(keyset_fetches.c.fetched_at.desc())
                    .offset(READERS)
                    .limit(1)
                    .scalar_subquery()
                )
                delete_old(connection, keyset_fetches, keyset_fetches.c.fetched_at <= oldest)
        except IntegrityError:
            # Another process wrote the same reader at the same time, which is as good.
            return


def list_warnings(tool: "Tool", organization_id: str) -> list[str]:
    """What an administrator should know of our newest key and the platforms that launch here."""
    keys, fetches = tool.tool_keys.list(), tool.keyset_fetches.list()
    if len(keys) < 2:
        # While there is one key only, every platform has met it or will.
        return []
    found = []
    for registration in tool.registrations.list(organization_id):
        if registration.is_active:
            news = judge_fetches(keys[0], registration, fetches)
            found.append(_explain(keys[0], registration.name or registration.issuer, news))
    return [sentence for sentence in found if sentence]


def judge_fetches(key: ToolKey, registration: Registration, fetches: Sequence[Fetch]) -> News:
    """Whether this platform has fetched our key set since `key` was published in it.

    fetched: a reader that can only be this platform has, since. not_fetched: nobody has, or the
    reader that is this platform has not. unknown: others have, and who they are cannot be told.
    """
    own = [fetch for fetch in fetches if _is_of(registration, fetch)]
    if any(fetch.fetched_at >= key.created_at for fetch in own):
        return "fetched"
    since = any(fetch.fetched_at >= key.created_at for fetch in fetches)
    return "unknown" if since and not own else "not_fetched"


def _explain(key: ToolKey, name: str, news: News) -> str | None:
    since = f"the key {key.kid} was published ({key.created_at:%Y-%m-%d %H:%M} UTC)"
    if news == "fetched":
        return None
    if news == "not_fetched":
        return (
            f"{name} has not fetched our key set since {since}. Until it has, it may refuse what "
            "we sign with that key."
        )
    return (
        f"whether {name} has fetched our key set since {since} cannot be told: others have, and "
        "this LMS does not say who it is."
    )


def _is_of(registration: Registration, fetch: Fetch) -> bool:
    agent = fetch.agent.lower()
    urls = (registration.issuer, registration.token_url, registration.keyset_url)
    hosts = {urlsplit(url).hostname or "" for url in urls} - {""}
    return any(fetch.address == host or _names(agent, host.lower()) for host in hosts)


def _names(agent: str, host: str) -> bool:
    """Whether a User-Agent holds this host as a whole name."""
    before, found, after = agent.partition(host)
    edges = before[-1:] + after[:1]
    return bool(found) and not any(each.isalnum() or each in ".-" for each in edges)


def _clean(text: str, length: int) -> str:
    kept = "".join(each for each in text if each.isascii() and each.isprintable())
    return kept[:length]
