"""The platform of grade_sync.py: an asyncio process that takes scores, as slow as wanted.

Run by grade_sync.py: grade_platform.py PORT. An address says how its answer is to be:
/NAME/DELAY_MS/token, /NAME/DELAY_MS/scores, /NAME/DELAY_MS/members?page=N&of=M&limit=L; and
/NAME/DELAY_MS/bucket/scores counts calls in a leaky bucket as Canvas does, one a NAME, and
refuses with 403 when it is full. GET /counts tells what each NAME was
asked for; /NAME/hang never answers.
"""

import asyncio
import json
import socket
import subprocess
import sys
import time
import urllib.request
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qs

HIGH_WATER, MOST, LEAK, UP_FRONT, TOKEN_COST = 600.0, 800.0, 10.0, 50.0, 200.0
MEMBERS_TYPE = "application/vnd.ims.lti-nrps.v2.membershipcontainer+json"


@dataclass
class Leaky:
    """One client's bucket, as Canvas keeps it."""

    cost: float
    leak: float = LEAK
    level: float = 0.0
    at: float = field(default_factory=time.monotonic)

    def begin(self) -> bool:
        """Whether a call may pass; it holds UP_FRONT from now on."""
        self._leak()
        if self.level >= HIGH_WATER:
            return False
        self.level = min(MOST, self.level + UP_FRONT)
        return True

    def end(self, extra: float) -> tuple[float, float]:
        """What the call cost, and what remains."""
        self._leak()
        cost = self.cost + extra
        self.level = min(MOST, max(0.0, self.level - UP_FRONT + cost))
        return cost, HIGH_WATER - self.level

    def _leak(self) -> None:
        moment = time.monotonic()
        self.level = max(0.0, self.level - (moment - self.at) * self.leak)
        self.at = moment


class Platform:
    """What was asked, by name and kind."""

    def __init__(self, cost: float, leak: float) -> None:
        self.counts: Counter[str] = Counter()
        self.first_at: dict[str, float] = {}
        self.last_at: dict[str, float] = {}
        self.seen: dict[str, float] = {}
        self._cost, self._leak = cost, leak
        self._buckets: dict[str, Leaky] = {}

    def tell(self) -> bytes:
        """The counts as JSON."""
        told = {"counts": self.counts, "first_at": self.first_at, "last_at": self.last_at}
        return json.dumps(told | {"seen": self.seen}).encode()

    def begin(self, name: str, kind: str, is_counted: bool) -> bool:
        """Note a call. False if the bucket refuses it."""
        if is_counted and not self._bucket(name, kind).begin():
            self.counts[f"{name}/refused"] += 1
            return False
        self.counts[f"{name}/{kind}"] += 1
        return True

    def end(self, name: str, kind: str, is_counted: bool) -> dict[str, str]:
        """The headers of an answer."""
        moment = time.time()
        self.first_at.setdefault(f"{name}/{kind}", moment)
        self.last_at[f"{name}/{kind}"] = moment
        if not is_counted:
            return {}
        extra = TOKEN_COST if kind == "token" else 0.0
        cost, left = self._bucket(name, kind).end(extra)
        return {"X-Request-Cost": str(cost), "X-Rate-Limit-Remaining": str(left)}

    def note(self, body: bytes) -> None:
        """Remember when the score of somebody whose id says so arrived."""
        if b'"probe-' in body:
            self.seen[json.loads(body)["userId"]] = time.time()

    def _bucket(self, name: str, kind: str) -> Leaky:
        # Requests for tokens name no client yet: Canvas counts them by where they come from.
        counted_as = kind if kind == "token" else name
        return self._buckets.setdefault(counted_as, Leaky(self._cost, self._leak))


class Answers(asyncio.Protocol):
    """HTTP/1.1 with as little work as can be, so that the platform is never what is measured."""

    def __init__(self, platform: Platform) -> None:
        self._platform = platform
        self._buffer = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        self._platform.counts["connections"] += 1

    def data_received(self, data: bytes) -> None:
        self._buffer += data
        head, found, body = self._buffer.partition(b"\r\n\r\n")
        if not found:
            return
        length = 0
        for line in head.split(b"\r\n")[1:]:
            if line[:15].lower() == b"content-length:":
                length = int(line[15:])
        if len(body) >= length:
            self._buffer = body[length:]
            self._answer(head.split(b" ", 2)[1].decode(), body[:length])

    def _answer(self, target: str, body: bytes) -> None:
        path, _, query = target.partition("?")
        if path == "/counts":
            self._send(200, self._platform.tell(), {})
            return
        name, delay_ms, *rest = path.strip("/").split("/")
        if delay_ms == "hang":
            return
        kind, is_counted = rest[-1], "bucket" in rest
        if not self._platform.begin(name, kind, is_counted):
            left = {"X-Rate-Limit-Remaining": "0.0", "Content-Type": "text/plain"}
            self._send(403, b"403 Forbidden (Rate Limit Exceeded)", left)
            return
        asyncio.get_running_loop().call_later(
            int(delay_ms) / 1000, self._finish, name, kind, is_counted, query, body
        )

    def _finish(self, name: str, kind: str, is_counted: bool, query: str, body: bytes) -> None:
        headers = self._platform.end(name, kind, is_counted)
        if kind == "token":
            scope = parse_qs(body.decode())["scope"][0]
            token = {"access_token": f"token-of-{name}", "token_type": "Bearer"}
            self._send(200, json.dumps(token | {"expires_in": 3600, "scope": scope}).encode(), {})
        elif kind == "members":
            self._send_members(name, query, headers)
        else:
            self._platform.note(body)
            self._send(200, b"", headers)

    def _send_members(self, name: str, query: str, headers: dict[str, str]) -> None:
        asked = {key: values[0] for key, values in parse_qs(query).items()}
        page, of, limit = (int(asked.get(key) or 1) for key in ("page", "of", "limit"))
        first = (page - 1) * limit
        members = [_member(number) for number in range(first, min(first + limit, of))]
        host = "{}:{}".format(*self._transport.get_extra_info("sockname"))
        if first + limit < of:
            later = f"http://{host}/{name}/0/members?page={page + 1}&of={of}&limit={limit}"
            headers["Link"] = f'<{later}>; rel="next"'
        listed = {"id": "x", "context": {"id": "course-1"}, "members": members}
        self._send(200, json.dumps(listed).encode(), headers | {"Content-Type": MEMBERS_TYPE})

    def _send(self, status: int, body: bytes, headers: dict[str, str]) -> None:
        lines = [f"HTTP/1.1 {status} X", f"Content-Length: {len(body)}"]
        lines += [f"{name}: {value}" for name, value in headers.items()]
        self._transport.write("\r\n".join(lines).encode() + b"\r\n\r\n" + body)


def _member(number: int) -> dict[str, Any]:
    return {
        "user_id": f"member-{number}",
        "status": "Active",
        "name": f"Maren Aaldering {number}",
        "email": f"member-{number}@school.example",
        "roles": ["http://purl.imsglobal.org/vocab/lis/v2/membership#Learner"],
    }


@contextmanager
def running_platform(cost: float = 0.25, leak: float = LEAK) -> Iterator[str]:
    """The platform in a process of its own; its address.

    cost: of a score, in bucket units. leak: of the bucket, in units a second.
    """
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    process = subprocess.Popen([sys.executable, __file__, str(port), str(cost), str(leak)])
    address = f"http://127.0.0.1:{port}"
    try:
        for _ in range(400):
            try:
                read_counts(address)
                break
            except OSError:
                time.sleep(0.05)
        yield address
    finally:
        process.terminate()
        process.wait()


def read_counts(address: str) -> dict[str, Any]:
    """What the platform was asked so far."""
    with urllib.request.urlopen(f"{address}/counts", timeout=10) as answer:
        told: dict[str, Any] = json.load(answer)
    return told


async def _serve(port: int, cost: float, leak: float) -> None:
    platform = Platform(cost, leak)
    loop = asyncio.get_running_loop()
    server = await loop.create_server(lambda: Answers(platform), "127.0.0.1", port, backlog=512)
    await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(_serve(int(sys.argv[1]), float(sys.argv[2]), float(sys.argv[3])))
