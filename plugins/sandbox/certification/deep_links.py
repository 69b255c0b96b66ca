"""D1 to D7: content selection, from the request to the placed item that opens."""

import base64
import json
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import lxml.html
import requests
from joserfc import jwt
from joserfc.jwk import KeySet

from mentorai.plugins.sandbox.certification.browser import Form, read_form, read_text
from mentorai.plugins.sandbox.certification.case import (
    DEEP_LINKING,
    SECURITY,
    Case,
    Failed,
    Run,
    expect,
)
from mentorai.plugins.sandbox.certification.stage import Attempt, Stage
from mentorai.plugins.sandbox.oidc import CLAIM, DEEP_LINK
from mentorai.plugins.sandbox.school import find_course, find_person

COURSE = "tidal-pools"
RETURN = "/lti/deep-links/"
LONGEST_SECONDS = 3_600


@dataclass(frozen=True, slots=True)
class Picked:
    """A whole content selection. asked: the request's claims; claims: the answer's."""

    asked: Mapping[str, Any]
    header: Mapping[str, Any]
    claims: Mapping[str, Any]
    returned: requests.Response
    added: Sequence[str]


def begin(stage: Stage, **changes: Any) -> tuple[Attempt, requests.Response]:
    """An instructor opens the tool's picker; its page."""
    person, course = find_person("ruth"), find_course(COURSE)
    if person is None or course is None:
        raise Failed("The sandbox LMS has no instructor.")
    begun = stage.platform.house.deep_links.begin(person, course)
    browser = stage.browser()
    form = stage.authenticate(browser, Form(begun.url, "post", begun.fields))
    claims = _read_claims(form.fields["id_token"])
    attempt = Attempt(stage, browser, stage.registration, form.fields["state"], claims)
    answer = attempt.post(attempt.sign(**changes))
    place = answer.headers.get("Location", "")
    seen = f"{answer.status_code} {read_text(answer)}"
    expect(answer.status_code in (302, 303) and place[:1] == "/", f"not accepted: {seen}")
    page = browser.get(f"{stage.tool_url}{place}")
    expect(page.status_code == 200, f"the picker answered {page.status_code}")
    expect(stage.mentor.id in page.text, "the picker does not offer the mentor")
    return attempt, page


def _pick(stage: Stage) -> Picked:
    """The whole way: the mentor is picked, and the answer goes to the platform."""
    platform, course = stage.platform.house.platform, find_course(COURSE)
    if course is None:
        raise Failed("The sandbox LMS has no course.")
    before = {item.id for item in platform.items(course)}
    attempt, page = begin(stage)
    answer = attempt.browser.submit(choose(page, stage.mentor.id))
    expect(answer.status_code == 200, f"the picker's form answered {answer.status_code}")
    back = read_form(answer)
    token = back.fields.get("JWT", "")
    expect(token, f"the answer holds no JWT: {read_text(answer)}")
    returned = attempt.browser.submit(back)
    keys = KeySet.import_key_set(requests.get(stage.tool.keyset_url, timeout=10).json())
    read = jwt.decode(token, keys, algorithms=["RS256"])
    added = [item.id for item in platform.items(course) if item.id not in before]
    return Picked(attempt.claims, read.header, read.claims, returned, added)


def choose(page: requests.Response, ending: str) -> Form:
    """The picker's form, as the page has it, with that ticked whose name ends like this."""
    for form in lxml.html.fromstring(page.content, base_url=page.url).forms:
        for field in form.xpath(".//input[@type='checkbox' or @type='radio']"):
            if str(field.get("value", "")).endswith(ending):
                field.checked = True
                fields = {name: str(value) for name, value in form.form_values()}
                return Form(form.action or page.url, "post", fields)
    raise Failed(f"the picker's form does not offer {ending}")


def _read_claims(token: str) -> dict[str, Any]:
    body = token.split(".")[1]
    claims: dict[str, Any] = json.loads(base64.urlsafe_b64decode(body + "=" * (-len(body) % 4)))
    return claims


def _accept_bare(stage: Stage) -> str:
    attempt, page = begin(stage)
    expect(f"{CLAIM}/target_link_uri" not in attempt.claims, "the request names a target")
    return f"the picker, {page.status_code}"


def _accept_with_target(stage: Stage) -> str:
    _, page = begin(stage, target_link_uri=stage.launch_url)
    return f"the picker, {page.status_code}"


def _of(judge: Callable[[Stage, Picked], str]) -> Run:
    """A case about the one content selection that they all look at."""

    def run(stage: Stage) -> str:
        return judge(stage, stage.once("deep linking", lambda: _pick(stage)))

    return run


def _received(stage: Stage, picked: Picked) -> str:
    heard = stage.platform.wire.heard(RETURN, "POST")
    expect(heard and "JWT" in heard[-1].form, "no JWT came to the return URL")
    said = read_text(picked.returned)
    expect(picked.returned.status_code == 200, f"the platform answered: {said}")
    return f"JWT posted, {picked.returned.status_code} from the platform"


def _is_response(_stage: Stage, picked: Picked) -> str:
    kind = picked.claims.get(f"{CLAIM}/message_type")
    expect(kind == "LtiDeepLinkingResponse", f"message_type is {kind}")
    return str(kind)


def _in_time(_stage: Stage, picked: Picked) -> str:
    issued, expires = picked.claims.get("iat"), picked.claims.get("exp")
    if not isinstance(issued, int) or not isinstance(expires, int):
        raise Failed(f"iat is {issued}, exp is {expires}")
    expect(abs(issued - time.time()) < LONGEST_SECONDS, f"iat is {issued}")
    expect(0 < expires - issued <= LONGEST_SECONDS, f"it lasts {expires - issued} s")
    return f"it lasts {expires - issued} s"


def _signed(stage: Stage, picked: Picked) -> str:
    listed = requests.get(stage.tool.keyset_url, timeout=10).json()["keys"]
    kids = [key.get("kid") for key in listed]
    expect(picked.header.get("kid") in kids, f"kid {picked.header.get('kid')} is not published")
    expect(picked.header.get("alg") == "RS256", f"alg is {picked.header.get('alg')}")
    return "RS256 by a published key"


def _complete(stage: Stage, picked: Picked) -> str:
    settings = picked.asked[f"{DEEP_LINK}/deep_linking_settings"]
    wanted = {
        "iss": stage.registration.client_id,
        f"{CLAIM}/version": "1.3.0",
        f"{CLAIM}/deployment_id": picked.asked[f"{CLAIM}/deployment_id"],
        f"{DEEP_LINK}/data": settings["data"],
    }
    for name, value in wanted.items():
        expect(picked.claims.get(name) == value, f"{name} is {picked.claims.get(name)}")
    audience = picked.claims.get("aud")
    named = audience if isinstance(audience, list) else [audience]
    expect(stage.platform.base_url in named, f"aud is {audience}")
    expect(picked.claims.get("nonce"), "there is no nonce")
    expect(isinstance(picked.claims.get(f"{DEEP_LINK}/content_items"), list), "no content_items")
    return "iss, aud, nonce, deployment_id, version, content_items, data"


def _confirmed(stage: Stage, picked: Picked) -> str:
    """What was placed is what was picked: the item opens the mentor."""
    items = picked.claims[f"{DEEP_LINK}/content_items"]
    expect(len(items) == 1 and items[0].get("type") == "ltiResourceLink", f"items: {items}")
    expect(items[0].get("title") == stage.mentor.display_name, f"title: {items[0].get('title')}")
    expect(len(picked.added) == 1, f"the platform made {len(picked.added)} items")
    course, item = stage.find_place(COURSE, picked.added[0])
    attempt = stage.begin(place=(course.id, item.id))
    admitted = attempt.finish(custom=dict(item.custom))
    expect(admitted.session.mentor_id == stage.mentor.id, "the item opens another mentor")
    return "one ltiResourceLink; the placed item opens the mentor"


def _case(number: str, name: str, clause: str, expected: str, run: Run) -> Case:
    return Case(f"D{number}", name, clause, "a content selection by an instructor", expected, run)


RESPONSE = f"{DEEP_LINKING}4.5"
CASES: Sequence[Case] = (
    _case("1", "request accepted, without a target", f"{DEEP_LINKING}4.4", "the picker",
          _accept_bare),
    _case("1.target", "request accepted, with a target", f"{DEEP_LINKING}4.4", "the picker",
          _accept_with_target),
    _case("2", "response received", RESPONSE, "JWT, posted to the return URL", _of(_received)),
    _case("3", "message type of the response", f"{RESPONSE}.1", "LtiDeepLinkingResponse",
          _of(_is_response)),
    _case("4", "times of the response", f"{SECURITY}5.2", "iat is now, exp is later",
          _of(_in_time)),
    _case("5", "signature of the response", f"{SECURITY}5.2", "RS256, by a key of the tool's set",
          _of(_signed)),
    _case("6", "required claims of the response", f"{RESPONSE}.1",
          "all there, data as it was sent", _of(_complete)),
    _case("7", "values of the response", f"{DEEP_LINKING}3.2", "what was picked is placed",
          _of(_confirmed)),
)  # fmt: skip
