"""A1 to A9 and A13 to A17: a column found or made, and a score in it, by the tool's own worker.

A person of the platform launches, gets a score here, and what the installation then sends is
looked at on the platform's side of the wire.
"""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import requests
from joserfc import jwt
from joserfc.jwk import KeySet

from mentorai.core.grades import Grade
from mentorai.plugins.sandbox.certification.case import AGS, SECURITY, Case, Failed, Run, expect
from mentorai.plugins.sandbox.certification.stage import Stage
from mentorai.plugins.sandbox.certification.wire import Heard
from mentorai.plugins.sandbox.grades import (
    ACTIVITY,
    LINE_ITEM_TYPE,
    LINE_ITEMS_TYPE,
    column_url,
)
from mentorai.plugins.sandbox.oidc import AGS as AGS_NAME
from mentorai.plugins.sandbox.oidc import LINE_ITEM, LINE_ITEM_READ, SCORE
from mentorai.plugins.sandbox.school import find_person
from mentorai.plugins.sandbox.scores import SCORE_TYPE
from mentorai.plugins.sandbox.tokens import ASSERTION_TYPE

CLAIM = f"{AGS_NAME}/claim/endpoint"
FORM = "application/x-www-form-urlencoded"
GIVEN, MAXIMUM = 8.0, 10.0
DELIVERY_SECONDS = 30.0
LINE_ITEMS, SCORES = "/line_items", "/scores"
ASSERTION_SECONDS = 3_600
# A link with a column of its own; one without, in the same course; one in another course.
WITH_COLUMN = ("tidal-pools", "shore-quiz")
WITHOUT_COLUMN = ("tidal-pools", "tides-mentor")
ELSEWHERE = ("sourdough", "dough-mentor")


@dataclass(frozen=True, slots=True)
class Sent:
    """A score on its way: what became of it, and what reached the platform meanwhile."""

    grade: Grade
    subject: str
    link_id: str
    heard: Sequence[Heard]

    def find(self, method: str, ending: str) -> Heard:
        """The first such request. Raises Failed."""
        for each in self.heard:
            if each.method == method and each.path.endswith(ending):
                return each
        raise Failed(f"no {method} of {ending} came; {self.grade.sync.status}")


# What a case looks for in what was sent; it gives what was seen, or raises Failed.
Judge = Callable[[Stage, Sent], str]


def send(stage: Stage, place: tuple[str, str], **claims: Any) -> Sent:
    """Launch as a student, get a score, and wait until it was delivered. Raises Failed."""
    person = find_person("maya")
    if person is None:
        raise Failed("The sandbox LMS has no student.")
    attempt = stage.begin(place=place, subject=person.sub)
    admitted = attempt.finish(**claims)
    before = len(stage.platform.wire.heard("/lti/"))
    grade = stage.engine.report_score(
        organization_id=stage.mentor.organization_id,
        mentor_id=stage.mentor.id,
        person_id=admitted.person.id,
        resource_link_id=admitted.session.resource_link_id,
        given=GIVEN,
        maximum=MAXIMUM,
        source="api",
    )
    grade = _wait(stage, grade)
    heard = stage.platform.wire.heard("/lti/")[before:]
    _, item = stage.find_place(*place)
    return Sent(grade, person.sub, item.resource_link_id, heard)


def _wait(stage: Stage, grade: Grade) -> Grade:
    deadline = time.monotonic() + DELIVERY_SECONDS
    while True:
        now = stage.engine.grades.get(grade.organization_id, grade.mentor_id, grade.id)
        if now.sync.status == "sent":
            return now
        over = time.monotonic() > deadline
        if over or now.sync.status != "waiting":
            raise Failed(f"the score was not delivered: {now.sync}")
        time.sleep(0.1)


def check_scope(stage: Stage, heard: Heard, scope: str) -> str:
    """The scope that the request's token was asked for with. Raises Failed unless it is `scope`."""
    asked = stage.platform.wire.granted(heard.bearer)
    expect(asked == scope, f"the token was asked for with {asked or 'nothing'}")
    expect(heard.status < 300, f"the platform answered {heard.status}")
    return asked


def _known_column(stage: Stage) -> Sent:
    return stage.once("score/known", lambda: send(stage, WITH_COLUMN))


def _made_column(stage: Stage) -> Sent:
    return stage.once("score/made", lambda: send(stage, WITHOUT_COLUMN))


def _known(judge: Judge) -> Run:
    """A case about the score for a link that has a column."""
    return lambda stage: judge(stage, _known_column(stage))


def _made(judge: Judge) -> Run:
    """A case about the score for a link whose column the tool has to make."""
    return lambda stage: judge(stage, _made_column(stage))


def _token_request(stage: Stage) -> Heard:
    _known_column(stage)
    asked = [each for each in stage.platform.wire.heard("/lti/token") if each.status == 200]
    expect(asked, "no token was asked for")
    return asked[0]


def _grants(stage: Stage) -> str:
    heard = _token_request(stage)
    media_type = heard.media_type.partition(";")[0]
    expect(heard.method == "POST" and media_type == FORM, f"{heard.method}, {heard.media_type}")
    for name, value in (
        ("grant_type", "client_credentials"),
        ("client_assertion_type", ASSERTION_TYPE),
    ):
        expect(heard.form.get(name) == value, f"{name} is {heard.form.get(name)}")
    return "client_credentials with a JWT of the client"


def _asserts(stage: Stage) -> str:
    token = _token_request(stage).form.get("client_assertion", "")
    keys = KeySet.import_key_set(requests.get(stage.tool.keyset_url, timeout=10).json())
    read = jwt.decode(token, keys, algorithms=["RS256"])
    claims, client_id = read.claims, stage.registration.client_id
    expect(read.header.get("kid"), "the header names no kid")
    expect(claims.get("iss") == client_id, f"iss is {claims.get('iss')}")
    expect(claims.get("sub") == client_id, f"sub is {claims.get('sub')}")
    audience = claims.get("aud")
    named = audience if isinstance(audience, list) else [audience]
    expect(stage.registration.token_url in named, f"aud is {audience}")
    expect(claims.get("jti"), "there is no jti")
    seconds = claims["exp"] - claims["iat"]
    expect(0 < seconds <= ASSERTION_SECONDS, f"it lasts {seconds} s")
    return f"iss, sub, aud, jti; it lasts {seconds} s"


def comes(method: str, ending: str, status: int) -> Judge:
    """Such a request came, and the platform answered it so."""

    def judge(_stage: Stage, sent: Sent) -> str:
        heard = sent.find(method, ending)
        expect(heard.status == status, f"the platform answered {heard.status}")
        return f"{method} {heard.path}, {heard.status}"

    return judge


def accepts(method: str, ending: str, media_type: str) -> Judge:
    """Such a request asked for exactly this media type."""

    def judge(_stage: Stage, sent: Sent) -> str:
        accept = sent.find(method, ending).accept
        expect(accept == media_type, f"Accept is {accept}")
        return accept

    return judge


def holds(method: str, ending: str, media_type: str) -> Judge:
    """Such a request brought this media type."""

    def judge(_stage: Stage, sent: Sent) -> str:
        given = sent.find(method, ending).media_type.partition(";")[0]
        expect(given == media_type, f"Content-Type is {given}")
        return given

    return judge


def may(method: str, ending: str, scope: str) -> Judge:
    """Such a request came with a token of exactly this scope."""

    def judge(stage: Stage, sent: Sent) -> str:
        return check_scope(stage, sent.find(method, ending), scope)

    return judge


def _makes_what(_stage: Stage, sent: Sent) -> str:
    body = sent.find("POST", LINE_ITEMS).read_json()
    expect(body.get("label"), "there is no label")
    expect(body.get("scoreMaximum") == MAXIMUM, f"scoreMaximum is {body.get('scoreMaximum')}")
    expect(body.get("resourceLinkId") == sent.link_id, "resourceLinkId is not the launch's")
    return f"label {body['label']!r}, scoreMaximum {body['scoreMaximum']}, resourceLinkId"


def _posts_what(_stage: Stage, sent: Sent) -> str:
    body = sent.find("POST", SCORES).read_json()
    expect(body.get("userId") == sent.subject, f"userId is {body.get('userId')}")
    points = (body.get("scoreGiven"), body.get("scoreMaximum"))
    expect(points == (GIVEN, MAXIMUM), f"the points are {points}")
    expect(body.get("gradingProgress") == "FullyGraded", str(body.get("gradingProgress")))
    expect(body.get("activityProgress") in ACTIVITY, str(body.get("activityProgress")))
    moment = datetime.fromisoformat(str(body.get("timestamp")))
    expect(moment.utcoffset() is not None, "the timestamp has no zone")
    return f"userId, {GIVEN:g} of {MAXIMUM:g}, FullyGraded, timestamp with its zone"


def _arrived(stage: Stage, sent: Sent) -> str:
    """The platform's gradebook holds the score, and the tool knows it."""
    path = sent.find("POST", SCORES).path.split("/")
    column_id = path[path.index("line_items") + 1]
    result = stage.platform.house.gradebook.find_result(column_id, sent.subject)
    expect(result is not None and result["given"] == GIVEN, f"the gradebook holds {result}")
    expect(sent.grade.sync.status == "sent", f"here it is {sent.grade.sync.status}")
    return f"{GIVEN:g} of {MAXIMUM:g} in the gradebook, `sent` here"


def _post_with_score_scope_only(stage: Stage) -> str:
    """The platform lets the tool post scores and nothing else."""
    platform = stage.platform.house.platform
    column = next(c for c in platform.shelf.list("line_item") if c["course"] == WITH_COLUMN[0])
    claim = {"scope": [SCORE], "lineitem": column_url(platform, column)}
    sent = send(stage, WITH_COLUMN, **{CLAIM: claim})
    check_scope(stage, sent.find("POST", SCORES), SCORE)
    others = [each.path for each in sent.heard if each.path.endswith(LINE_ITEMS)]
    expect(not others, f"it also asked for {others}")
    return "posted, and asked for nothing else"


def _use_two_contexts(stage: Stage) -> str:
    """Each course's scores go to that course's own columns."""
    one, other = _made_column(stage), send(stage, ELSEWHERE)
    paths = (one.find("POST", SCORES).path, other.find("POST", SCORES).path)
    for (course, _), path in zip((WITHOUT_COLUMN, ELSEWHERE), paths, strict=True):
        expect(f"/courses/{course}/line_items/" in path, f"a score went to {path}")
    return "each in its own course"


def _keep_the_query(stage: Stage) -> str:
    """A line item's address has a query, as Moodle's do: the path grows before it."""
    platform = stage.platform.house.platform
    platform.behave({"line_item_query": True})
    try:
        sent = send(stage, ("tidal-pools", "life-mentor"))
    finally:
        platform.behave({"line_item_query": False})
    heard = sent.find("POST", SCORES)
    expect(heard.query == "type_id=1", f"the query is {heard.query}")
    return f"POST {heard.path}?{heard.query}, {heard.status}"


def _case(number: str, name: str, clause: str, expected: str, run: Run) -> Case:
    sent = "a score for a student"
    return Case(number, name, clause, sent, expected, run, calls=True)


TOKENS = f"{SECURITY}4.1"
COLUMNS = f"{AGS}3.2"
PUBLISH = f"{AGS}3.4"
CASES: Sequence[Case] = (
    _case("A1", "token request: grant", f"{TOKENS}.1", "client_credentials, a form", _grants),
    _case("A2", "token request: assertion", f"{TOKENS}.1", "signed by the tool, for this platform",
          _asserts),
    _case("A3", "line items GET", f"{COLUMNS}.5", "GET on the line items of the course",
          _made(comes("GET", LINE_ITEMS, 200))),
    _case("A4", "line items GET: media type", f"{COLUMNS}.5", LINE_ITEMS_TYPE,
          _made(accepts("GET", LINE_ITEMS, LINE_ITEMS_TYPE))),
    _case("A5", "line items GET: token and scope", f"{AGS}3.2.1", "lineitem.readonly, no other",
          _made(may("GET", LINE_ITEMS, LINE_ITEM_READ))),
    _case("A6", "line item POST", f"{COLUMNS}.6", "201", _made(comes("POST", LINE_ITEMS, 201))),
    _case("A7", "line item POST: media type", f"{COLUMNS}.6", LINE_ITEM_TYPE,
          _made(holds("POST", LINE_ITEMS, LINE_ITEM_TYPE))),
    _case("A8", "line item POST: token and scope", f"{AGS}3.2.1", "lineitem, no other",
          _made(may("POST", LINE_ITEMS, LINE_ITEM))),
    _case("A9", "line item POST: body", f"{COLUMNS}.8", "label, scoreMaximum, resourceLinkId",
          _made(_makes_what)),
    _case("A13", "score POST", f"{PUBLISH}.1", "POST on /scores of the column",
          _known(comes("POST", SCORES, 200))),
    _case("A14", "score POST: media type", f"{PUBLISH}.1", SCORE_TYPE,
          _known(holds("POST", SCORES, SCORE_TYPE))),
    _case("A15", "score POST: token and scope", PUBLISH, "score, no other",
          _known(may("POST", SCORES, SCORE))),
    _case("A16", "score POST: body", PUBLISH, "who, how much, when, how far",
          _known(_posts_what)),
    _case("A17", "score POST: proof of receipt", f"{PUBLISH}.1", "the gradebook holds it",
          _known(_arrived)),
    _case("P1", "token for the score scope only", f"{AGS}3.1", "the score is posted still",
          _post_with_score_scope_only),
    _case("P3", "line items across two contexts", f"{AGS}3.2", "each course has its own columns",
          _use_two_contexts),
    _case("X51", "line item address with a query", f"{PUBLISH}.1", "/scores before the query",
          _keep_the_query),
)  # fmt: skip
