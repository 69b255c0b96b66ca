"""Launches: begun here, authenticated by the tool's request, answered with a signed id_token.

Sources: 1EdTech Security Framework 1.0, section 5.1; LTI 1.3 core, sections 5 and appendix C.
"""

import json
import secrets
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from threading import Lock
from typing import Any

import requests

from mentorai.core.clock import now
from mentorai.plugins.sandbox.copies import substitute
from mentorai.plugins.sandbox.faults import Fault
from mentorai.plugins.sandbox.memberships import is_enrolled
from mentorai.plugins.sandbox.messages import build_old_ids
from mentorai.plugins.sandbox.notices import build_claim
from mentorai.plugins.sandbox.platform import SandboxPlatform
from mentorai.plugins.sandbox.school import COLLEGE, ROLES, Course, Item, Person
from mentorai.plugins.sandbox.wire import Refused

CLAIM = "https://purl.imsglobal.org/spec/lti/claim"
AGS = "https://purl.imsglobal.org/spec/lti-ags"
NRPS = "https://purl.imsglobal.org/spec/lti-nrps"
DEEP_LINK = "https://purl.imsglobal.org/spec/lti-dl/claim"
BASIC_OUTCOMES = "https://purl.imsglobal.org/spec/lti-bo/claim/basicoutcome"
LAUNCH_LIFETIME = timedelta(minutes=5)
PROBE_TIMEOUT_SECONDS = 5

LINE_ITEM = f"{AGS}/scope/lineitem"
LINE_ITEM_READ = f"{AGS}/scope/lineitem.readonly"
RESULT_READ = f"{AGS}/scope/result.readonly"
SCORE = f"{AGS}/scope/score"
MEMBERS_READ = f"{NRPS}/scope/contextmembership.readonly"
GROUPS = "https://purl.imsglobal.org/spec/lti-gs"
GROUPS_READ = f"{GROUPS}/scope/contextgroup.readonly"
GRADE_SCOPES = (LINE_ITEM, LINE_ITEM_READ, RESULT_READ, SCORE)


@dataclass(frozen=True, slots=True)
class Begun:
    """A launch that a person began: of an item, or, without one, of the content picker.

    changes: claims that differ; None leaves one out.
    """

    hint: str
    person: Person
    course: Course
    item: Item | None
    at: datetime
    return_url: str
    selection: Mapping[str, Any] = field(default_factory=dict)
    changes: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Form:
    """A form that the browser sends on by itself."""

    url: str
    fields: Mapping[str, str]
    method: str = "post"
    whole_window: bool = False


class Launches:
    """The launches of one platform that are under way; each is answered once."""

    def __init__(self, platform: SandboxPlatform) -> None:
        self._platform = platform
        self._lock = Lock()
        self._begun: dict[str, Begun] = {}

    def begin(
        self,
        person: Person,
        course: Course,
        item: Item | None,
        return_url: str,
        selection: Mapping[str, Any] = {},
        *,
        changes: Mapping[str, Any] | None = None,
    ) -> Form:
        """The login initiation that the browser is to bring to the tool.

        item: None begins the content picker. selection: its deep linking settings.
        changes: claims that differ, when it is another message than a launch.
        """
        platform = self._platform
        # Real hints hold quotes and braces, and must come back byte for byte.
        return_url = add_session(platform, return_url)
        hint = json.dumps({"launch": secrets.token_urlsafe(18)}, separators=(",", ":"))
        begun = Begun(hint, person, course, item, now(), return_url, selection, changes or {})
        with self._lock:
            self._forget_old()
            self._begun[hint] = begun
        options = platform.options
        fields = {
            "iss": options.issuer,
            "target_link_uri": _target(platform, item),
            "login_hint": platform.ids.tell(person.sub),
            "lti_message_hint": hint,
            "client_id": options.client_id,
            "lti_deployment_id": platform.deployment_id,
            **platform.personality.launches.login,
        }
        target = platform.behaviour.storage_target
        if target:
            fields["lti_storage_target"] = target
        return Form(options.tool_login_url, fields, platform.behaviour.login_by)

    def authenticate(self, asked: Mapping[str, str], fault: Fault | None = None) -> Form:
        """Answer an authentication request with what the browser is to post to the tool.

        Raises Refused: 400 when it is not safe to answer there (an unknown client, or an address
        that is not registered), 303 to the page where a person has to enrol first.
        """
        platform = self._platform
        redirect_url = platform.options.tool_redirect_url
        traits = platform.personality.launches
        if asked.get("client_id") != platform.options.client_id and not traits.tells_clients:
            raise Refused(400, "No tool with this client_id is registered here.")
        if asked.get("redirect_uri") != redirect_url:
            words = "This redirect_uri is not registered for the tool."
            raise Refused(traits.shown_status, words)
        state = {"state": asked["state"]} if "state" in asked else {}
        if traits.any_state:
            state = {"state": asked.get("state", "")}
        found = self._judge(asked, fault)
        if not isinstance(found, Begun):
            code, description = found
            if traits.shown_here & {code, description.partition(" ")[0]}:
                raise Refused(traits.shown_status, "Invalid request")
            return Form(redirect_url, {"error": code, "error_description": description} | state)
        self._check_enrolled(found)
        if traits.probes:
            _probe(redirect_url)
        token = {"id_token": self._sign(found, asked["nonce"])}
        return Form(redirect_url, token | state, whole_window=platform.behaviour.lose_cookies)

    def _judge(self, asked: Mapping[str, str], fault: Fault | None) -> Begun | tuple[str, str]:
        """The launch that is asked about, or an OAuth error and a sentence."""
        if fault:
            return fault.error, "The sandbox was told to."
        if asked.get("client_id") != self._platform.options.client_id:
            return "unauthorized_client", "client_id is unknown."
        wrong = _find_error(asked, any_prompt=self._platform.personality.launches.any_prompt)
        if wrong:
            return wrong
        begun = self._take(asked)
        if begun is None:
            return "invalid_request", "lti_message_hint is unknown, used, or too old."
        if asked.get("login_hint") != self._platform.ids.tell(begun.person.sub):
            return "access_denied", "login_hint names another person."
        return begun

    def _check_enrolled(self, begun: Begun) -> None:
        """Raise Refused (303) where who is not in the course is led to the page for that."""
        path = self._platform.personality.launches.enrolment
        # Campus IT is in no course, and may open each; a message about a person names none.
        if not path or begun.person.kind == "it" or f"{CLAIM}/context" in begun.changes:
            return
        if not is_enrolled(self._platform, begun.course, begun.person):
            path = path.format(course=self._platform.ids.tell_course(begun.course.id))
            url = f"{self._platform.options.base_url}{path}"
            words = "You have to enrol in this course first."
            raise Refused(303, words, headers={"Location": url})

    def _take(self, asked: Mapping[str, str]) -> Begun | None:
        with self._lock:
            self._forget_old()
            return self._begun.pop(asked.get("lti_message_hint", ""), None)

    def _forget_old(self) -> None:
        oldest = now() - LAUNCH_LIFETIME
        for hint in [h for h, begun in self._begun.items() if begun.at < oldest]:
            del self._begun[hint]

    def _sign(self, begun: Begun, nonce: str) -> str:
        claims = read_claims(self._platform, begun) | {"nonce": nonce}
        claims |= build_old_ids(self._platform, claims, begun.person, begun.item)
        claims = self._platform.ids.tell(claims)
        if self._platform.alter_claims:
            claims = self._platform.alter_claims(claims)
        return self._platform.keys.sign(claims)


def read_claims(platform: SandboxPlatform, begun: Begun) -> dict[str, Any]:
    """The claims of one launch, without its nonce (LTI 1.3 core, section 5.3)."""
    from mentorai.plugins.sandbox.members import members_url

    options, issued_at = platform.options, int(platform.now().timestamp())
    course, item = begun.course, begun.item
    services = f"{options.base_url}/lti/courses/{platform.ids.tell_course(course.id)}"
    traits = platform.personality.launches
    claims: dict[str, Any] = {
        "iss": options.issuer,
        "aud": options.client_id,
        "sub": begun.person.sub,
        "iat": issued_at,
        "exp": issued_at + (traits.lifetime_seconds or options.id_token_seconds),
        **(begun.person.shared() if traits.shares else {}),
        "locale": "en",
        f"{CLAIM}/version": "1.3.0",
        f"{CLAIM}/deployment_id": platform.deployment_id,
        f"{CLAIM}/roles": list(ROLES[begun.person.kind]),
        f"{CLAIM}/context": {
            "id": course.context_id,
            "label": course.label,
            "title": course.title,
            "type": [traits.context_type],
        },
        f"{CLAIM}/tool_platform": {
            "guid": traits.guid or options.base_url,
            "name": COLLEGE,
            "product_family_code": traits.family_code,
            "version": traits.version,
            # The issuer is the vendor's there, and tells nothing of the school.
            **({"url": options.base_url} if traits.portal else {}),
        },
        f"{CLAIM}/launch_presentation": _present(begun, traits.presents),
        f"{NRPS}/claim/namesroleservice": {
            "context_memberships_url": members_url(platform, course),
            "service_versions": ["2.0"],
        },
        f"{CLAIM}/platformnotificationservice": build_claim(options.base_url),
        f"{GROUPS}/claim/groupsservice": {
            "scope": [GROUPS_READ],
            "context_groups_url": f"{services}/groups",
            "context_group_sets_url": f"{services}/group_sets",
            "service_versions": ["1.0"],
        },
    }
    claims |= _item_claims(platform, course, item) if item else _picker_claims(begun)
    claims |= outcomes_claim(platform, begun.person, item)
    own = traits.custom(platform, begun.person, course, item)
    if own:
        claims[f"{CLAIM}/custom"] = {**claims.get(f"{CLAIM}/custom", {}), **own}
    merged = claims | dict(traits.adds(begun.person, course, item)) | dict(begun.changes)
    return {name: value for name, value in merged.items() if value is not None}


def _present(begun: Begun, told: frozenset[str] | None) -> dict[str, str]:
    """How the launch is shown (LTI 1.3 core, section 5.4.4), as far as this LMS tells it."""
    item = begun.item
    shown = {
        "document_target": "window" if item and item.window else "iframe",
        "locale": "en",
        "return_url": begun.return_url,
    }
    return {name: text for name, text in shown.items() if told is None or name in told}


def _item_claims(platform: SandboxPlatform, course: Course, item: Item) -> dict[str, Any]:
    return {
        f"{CLAIM}/message_type": "LtiResourceLinkRequest",
        f"{CLAIM}/target_link_uri": _target(platform, item),
        f"{CLAIM}/resource_link": {
            "id": item.resource_link_id,
            "title": item.title,
            "description": item.about,
        },
        f"{CLAIM}/custom": substitute(item.custom, course, item),
        f"{AGS}/claim/endpoint": grade_claim(platform, course, item),
    }


def _picker_claims(begun: Begun) -> dict[str, Any]:
    return {
        f"{CLAIM}/message_type": "LtiDeepLinkingRequest",
        f"{DEEP_LINK}/deep_linking_settings": dict(begun.selection),
    }


def grade_claim(platform: SandboxPlatform, course: Course, item: Item) -> dict[str, Any]:
    """What a launch of an item says of the gradebook (AGS 2.0, section 3.1)."""
    from mentorai.plugins.sandbox.grades import column_url, columns_url
    from mentorai.plugins.sandbox.on_demand import on_demand_url

    claim: dict[str, Any] = {
        "scope": list(GRADE_SCOPES),
        "lineitems": columns_url(platform, course.id),
    }
    tied = [
        record
        for record in platform.shelf.list("line_item")
        if record["course"] == course.id and record.get("resourceLinkId") == item.resource_link_id
    ]
    # More than one column of a link: the platform cannot say which (AGS 2.0, section 3.2.2).
    if len(tied) == 1 or (tied and platform.personality.launches.names_first):
        claim["lineitem"] = column_url(platform, tied[0])
    elif not tied and platform.personality.addresses.on_demand:
        claim["lineitem"] = on_demand_url(platform, course, item)
    return claim


def add_session(platform: SandboxPlatform, url: str) -> str:
    """An address to come back to, with what the LMS adds of the person's session there."""
    query = platform.personality.launches.return_query
    return f"{url}?{query}" if query else url


def outcomes_claim(platform: SandboxPlatform, person: Person, item: Item | None) -> dict[str, Any]:
    """What an LMS that has the grade service of LTI 1.1, too, says of it for a graded link."""
    path = platform.personality.launches.outcomes
    if not path or item is None or item.points is None:
        return {}
    named = platform.ids.tell({"instanceid": item.resource_link_id, "userid": person.sub})
    claim = {
        "lis_result_sourcedid": json.dumps({"data": named}),
        "lis_outcome_service_url": f"{platform.options.base_url}{path}",
    }
    return {BASIC_OUTCOMES: claim}


def _target(platform: SandboxPlatform, item: Item | None) -> str:
    return (item.url if item else "") or platform.options.tool_redirect_url


def _probe(url: str) -> None:
    """Ask by HEAD whether there is anything, as some LMSs do before they post a launch there."""
    with suppress(requests.RequestException):
        requests.head(url, timeout=PROBE_TIMEOUT_SECONDS)


def _find_error(asked: Mapping[str, str], *, any_prompt: bool) -> tuple[str, str] | None:
    """What is wrong with an authentication request, as an OAuth error and a sentence."""
    if asked.get("response_type") != "id_token":
        return "unsupported_response_type", "response_type must be id_token."
    if asked.get("scope") != "openid":
        return "invalid_scope", "scope must be openid."
    required = {"response_mode": "form_post", "prompt": "none"}
    for name, value in required.items():
        if name == "prompt" and any_prompt and not asked.get(name):
            continue
        if asked.get(name) != value:
            return "invalid_request", f"{name} must be {value}."
    if not asked.get("nonce"):
        return "invalid_request", "nonce is missing."
    return None
