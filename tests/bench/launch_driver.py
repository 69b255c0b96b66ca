"""The browsers of launch.py: logins and launches over kept-open connections.

One thread drives them all, with requests that were made before the clock began: the driver shares
two cores with the servers, and whatever it spends is added to each of them.
"""

import statistics
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from selectors import EVENT_READ, DefaultSelector
from typing import cast
from urllib.parse import parse_qs, urlencode, urlsplit

from joserfc import jwt
from joserfc.jwk import RSAKey
from launch_tools import CLIENT_ID, DEPLOYMENT, ISSUER, PROCESSES
from launch_wire import Answer, Wire, open_evenly, write_post

CLIENTS = 8
LTI = "https://purl.imsglobal.org/spec/lti/claim"
# What an LMS sends with every launch; the token has about 3 KB, as real ones have.
AGS = "https://purl.imsglobal.org/spec/lti-ags"
COMMON_CLAIMS = {
    "given_name": "Student",
    "family_name": "Number",
    "locale": "en-US",
    "picture": f"{ISSUER}/pictures/0123456789abcdef0123456789abcdef.png",
    f"{LTI}/roles": [
        "http://purl.imsglobal.org/vocab/lis/v2/institution/person#Student",
        "http://purl.imsglobal.org/vocab/lis/v2/membership#Learner",
        "http://purl.imsglobal.org/vocab/lis/v2/system/person#User",
    ],
    f"{LTI}/context": {
        "id": "course-1",
        "label": "BIO 101",
        "title": "Biology",
        "type": ["http://purl.imsglobal.org/vocab/lis/v2/course#CourseOffering"],
    },
    f"{LTI}/resource_link": {"id": "link-1", "title": "Week 1", "description": "Read " * 20},
    f"{LTI}/tool_platform": {
        "guid": "bench",
        "product_family_code": "bench",
        "name": "Bench University",
        "version": "2026.11",
        "url": ISSUER,
    },
    f"{LTI}/launch_presentation": {
        "document_target": "iframe",
        "width": 800,
        "height": 600,
        "return_url": f"{ISSUER}/courses/1/return",
        "locale": "en-US",
    },
    f"{LTI}/lis": {"person_sourcedid": "sis:4711", "course_offering_sourcedid": "sis:bio-101"},
    f"{LTI}/custom": {"term": "2026-fall", "section": "01", "points": "10"},
    f"{AGS}/claim/endpoint": {
        "lineitems": f"{ISSUER}/api/lti/courses/1/line_items",
        "lineitem": f"{ISSUER}/api/lti/courses/1/line_items/7",
        "scope": [f"{AGS}/scope/{name}" for name in ("lineitem", "score", "result.readonly")],
    },
    "https://purl.imsglobal.org/spec/lti-nrps/claim/namesroleservice": {
        "context_memberships_url": f"{ISSUER}/api/lti/courses/1/names_and_roles",
        "service_versions": ["2.0"],
    },
}


class Refused(Exception):
    """The tool did not let somebody in."""


@dataclass
class Pair:
    """One browser: its cookies and what the tool asked of the platform."""

    number: int
    cookies: dict[str, str] = field(default_factory=dict)
    state: str = ""
    nonce: str = ""
    token: str = ""
    launch_seconds: float = 0.0
    status: int = 0


@dataclass(frozen=True)
class Round:
    """What one round took: seconds of the two phases, and of each launch that was timed.

    sent: how many pairs there were, with those before the clock; refused: of all of them.
    """

    login_seconds: float
    launch_seconds: float
    latencies: Sequence[float]
    sent: int
    refused: Sequence[str]

    @property
    def rate(self) -> float:
        """Pairs a second."""
        return len(self.latencies) / (self.login_seconds + self.launch_seconds)

    def percentile_ms(self, part: int) -> float:
        """The launch that `part` of a hundred are faster than, in milliseconds."""
        return statistics.quantiles(self.latencies, n=100, method="inclusive")[part - 1] * 1000


def run_round(
    port: int,
    keys: Sequence[RSAKey],
    count: int,
    *,
    before_launch: Callable[[int], None] = lambda _: None,
    first: int = 0,
    welcome: int = 303,
    may_refuse: bool = False,
) -> Round:
    """`count` logins, then `count` launches, at the tool on this port.

    One more a connection goes before each clock: a virtual machine may take the memory away of who
    did nothing for a tenth of a second, as all servers do while tokens are signed.
    keys: sign in turn, each an equal share.
    before_launch: is told the number of the launch that is about to be sent.
    first: the number of the first person; each comes once.
    welcome: the status of whoever was let in.
    Raises Refused, unless may_refuse.
    """
    pairs = [Pair(first + number) for number in range(count + CLIENTS)]
    logins = [_write_login(port, pair) for pair in pairs]
    login_seconds = _timed(port, pairs, logins, _end_login)
    for number, pair in enumerate(pairs):
        pair.token = _sign(keys[number * len(keys) // len(pairs)], port, pair)
    launches = [_write_launch(port, pair) for pair in pairs]
    launch_seconds = _timed(port, pairs, launches, _end_launch, before_launch)
    refused = [f"launch answered {pair.status}" for pair in pairs if pair.status != welcome]
    if refused and not may_refuse:
        raise Refused(refused[0])
    latencies = [pair.launch_seconds for pair in pairs[CLIENTS:]]
    return Round(login_seconds, launch_seconds, latencies, len(pairs), refused)


def _timed(
    port: int,
    pairs: Sequence[Pair],
    requests: Sequence[bytes],
    end: Callable[[Pair, Answer, float], None],
    before: Callable[[int], None] = lambda _: None,
) -> float:
    """Seconds that the requests of these pairs took, each connection its share in turn."""
    wires = open_evenly(port, CLIENTS, PROCESSES)
    _exchange(wires, range(CLIENTS), pairs, requests, end, before)
    started = time.perf_counter()
    _exchange(wires, range(CLIENTS, len(requests)), pairs, requests, end, before)
    seconds = time.perf_counter() - started
    for wire in wires:
        wire.close()
    return seconds


def _exchange(
    wires: Sequence[Wire],
    numbers: range,
    pairs: Sequence[Pair],
    requests: Sequence[bytes],
    end: Callable[[Pair, Answer, float], None],
    before: Callable[[int], None],
) -> None:
    """Send the requests of these numbers, and take their answers."""
    with DefaultSelector() as selector:
        for number, wire in zip(numbers, wires, strict=False):
            before(number)
            selector.register(wire, EVENT_READ)
            wire.send(number, requests[number])
        while selector.get_map():
            for key, _ in selector.select():
                wire = cast(Wire, key.fileobj)
                answer = wire.receive()
                if answer is None:
                    continue
                end(pairs[wire.number], answer, time.perf_counter() - wire.begun)
                following = wire.number + len(wires)
                if following in numbers:
                    before(following)
                    wire.send(following, requests[following])
                else:
                    selector.unregister(wire)


def _write_login(port: int, pair: Pair) -> bytes:
    fields = {
        "iss": ISSUER,
        "client_id": CLIENT_ID,
        "lti_deployment_id": DEPLOYMENT,
        "login_hint": f"user-{pair.number}",
        "target_link_uri": f"http://localhost:{port}/lti/launch",
    }
    return write_post(port, "/lti/login", urlencode(fields).encode(), pair.cookies)


def _end_login(pair: Pair, answer: Answer, _seconds: float) -> None:
    if answer.status not in (302, 303):
        raise Refused(f"login answered {answer.status}")
    asked = parse_qs(urlsplit(answer.find("location")).query)
    pair.state, pair.nonce = asked["state"][0], asked["nonce"][0]
    _keep_cookies(pair, answer)


def _write_launch(port: int, pair: Pair) -> bytes:
    fields = {"id_token": pair.token, "state": pair.state}
    return write_post(port, "/lti/launch", urlencode(fields).encode(), pair.cookies)


def _end_launch(pair: Pair, answer: Answer, seconds: float) -> None:
    pair.status, pair.launch_seconds = answer.status, seconds
    _keep_cookies(pair, answer)


def _keep_cookies(pair: Pair, answer: Answer) -> None:
    for name, value in answer.fields:
        if name == "set-cookie":
            cookie, _, kept = value.partition(";")[0].partition("=")
            pair.cookies[cookie] = kept


def _sign(key: RSAKey, port: int, pair: Pair) -> str:
    present = int(time.time())
    claims = {
        "iss": ISSUER,
        "aud": CLIENT_ID,
        "sub": f"user-{pair.number}",
        "iat": present,
        "exp": present + 300,
        "nonce": pair.nonce,
        "name": f"Student {pair.number}",
        "email": f"student-{pair.number}@example.edu",
        f"{LTI}/message_type": "LtiResourceLinkRequest",
        f"{LTI}/version": "1.3.0",
        f"{LTI}/deployment_id": DEPLOYMENT,
        f"{LTI}/target_link_uri": f"http://localhost:{port}/lti/launch",
    }
    claims |= COMMON_CLAIMS
    return jwt.encode({"alg": "RS256", "kid": key.kid}, claims, key)
