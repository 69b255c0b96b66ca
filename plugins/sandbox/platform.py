"""One sandbox LMS: its options, what it keeps, and what it was told to do wrong."""

from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, Literal, get_args
from urllib.parse import urlsplit

from mentorai.core.clock import now
from mentorai.core.errors import InputRejected
from mentorai.plugins.sandbox.faults import Faults
from mentorai.plugins.sandbox.keys import SigningKeys
from mentorai.plugins.sandbox.personalities import PERSONALITIES
from mentorai.plugins.sandbox.personalities.traits import Addresses, Personality
from mentorai.plugins.sandbox.school import (
    COLLEGE,
    COURSES,
    PEOPLE,
    Course,
    Item,
    Person,
    fixed_id,
    read_mentors,
)
from mentorai.plugins.sandbox.shelf import Record, Shelf
from mentorai.plugins.sandbox.throttle import Bucket
from mentorai.plugins.sandbox.told_ids import Ids, ToldIds, tell_of_the_college
from mentorai.plugins.sandbox.wants import Wants

KEPT_REQUESTS = 2_000
STORAGE_FRAME = "platform_storage"


@dataclass(frozen=True, slots=True)
class Options:
    """How a sandbox is set up; addresses are origins without a slash at the end.

    state_path: where to keep what must outlive the process; None: in memory.
    id_token_seconds: from issue to expiry; some LMSs give no more than a minute.
    personality: which LMS it is at first, by its name among PERSONALITIES.
    issuer_url: the issuer, where that is not the address. portal_url: the origin of sign-in, tokens
    and keys, where a vendor has them on a host of its own for all schools.
    """

    base_url: str = "http://127.0.0.1:8001"
    tool_url: str = "http://localhost:8000"
    client_id: str = "mentorai-in-the-sandbox"
    deployment_id: str = "1"
    state_path: Path | None = None
    id_token_seconds: int = 60
    login_url: str = ""
    redirect_url: str = ""
    keyset_url: str = ""
    personality: str = "plain"
    issuer_url: str = ""
    portal_url: str = ""

    @property
    def portal(self) -> str:
        """The origin of sign-in, tokens and keys."""
        return self.portal_url or self.base_url

    @property
    def issuer(self) -> str:
        """What its tokens name as their issuer."""
        return self.issuer_url or self.base_url

    @property
    def tool_login_url(self) -> str:
        """Where launches begin at the tool."""
        return self.login_url or f"{self.tool_url}/lti/login"

    @property
    def tool_redirect_url(self) -> str:
        """The only address that id_tokens are posted to."""
        return self.redirect_url or f"{self.tool_url}/lti/launch"

    @property
    def tool_keyset_url(self) -> str:
        """Where the tool publishes its keys."""
        return self.keyset_url or f"{self.tool_url}/lti/jwks.json"

    @property
    def tool_origin(self) -> str:
        """What the browser compares messages with."""
        parts = urlsplit(self.tool_url)
        return f"{parts.scheme}://{parts.netloc}"

    @property
    def auth_url(self) -> str:
        """The OIDC authentication endpoint."""
        return self._find_at_portal(self._addresses.sign_in) or f"{self.portal}/lti/auth"

    @property
    def token_url(self) -> str:
        """The OAuth token endpoint."""
        return self._find_at_portal(self._addresses.tokens) or f"{self.portal}/lti/token"

    @property
    def platform_keyset_url(self) -> str:
        """The platform's JWKS."""
        return self._find_at_portal(self._addresses.keys) or f"{self.portal}/lti/jwks.json"

    @property
    def _addresses(self) -> Addresses:
        return PERSONALITIES[self.personality].addresses

    def _find_at_portal(self, path: str) -> str:
        """The address of a vendor's own path at its portal; empty where there is none."""
        if not (self.portal_url and path):
            return ""
        return f"{self.portal_url}{path.format(client_id=self.client_id)}"


@dataclass(frozen=True, slots=True)
class Behaviour:
    """Lasting habits, each seen in some real LMS or some real trouble.

    personality: which LMS it is; changing it also sets the habits that belong to that LMS.
    clock_offset_seconds: the platform's clock against the true one.
    line_item_query: line item addresses carry a query, as Moodle's do.
    login_by: how the browser brings the login initiation.
    score_times: whether a new score's time is compared with the last one's own time (as the
        specification means it) or with the instant that the last one was received (as Moodle does).
    lose_cookies: the launch begins in the frame and ends in the whole window, so that a cookie
        kept for the frame does not come back.
    roster_differences: rosters offer a link to what changed since (NRPS 2.0, section 2.6).
    page_size: the most line items, results or members on one page.
    registration_like: whose way of answering a dynamic registration it has; Moodle answers 200,
        refuses in plain words, and lets nobody change a registration; Canvas shows its
        configuration to who has a token only, and names no deployment.
    registration_token: whether it hands out a token for a registration.
    registration_deployment: whether it names the deployment as soon as a tool is registered.
    storage: what the tool may keep at the platform for its launches: nothing (as in Moodle), in
        the page that frames it, or in a frame beside it (as Canvas has it).
    old_ids: whether launches name the ids of a connection by LTI 1.1 (the migration claim): signed
        as the specification has it, not at all, or over the nonce of an earlier launch.
    throttles: calls fill the bucket of the LMS it is, and are refused when it is full.
    reposts: what the browser brings from the tool comes once more, from a page of the LMS's own, as
        Moodle has it where the cookie of its session does not come along from another site.
    exact_scopes: a token that may change line items may not read them, unless that is among its
        scopes too, as in some versions of Moodle.
    withheld_scopes: scopes that no token is given for, as where campus IT left a service off.
    deployment: where launches come from, as of a school that nobody knows yet; empty: from its own.
    merged: people of whom two accounts became one, where rosters go on with the id of before, as
        Canvas' do; their launches and grades have the new one.
    file_trouble: what becomes of files that come with a score: they are fetched, or whoever keeps
        them says nothing, is too slow, refuses them, or breaks, and the score is not taken.
    ids: how people, courses, links and columns are called: as in every other sandbox; by numbers,
        as in Moodle, or by numbers of which those of a roster's people are no texts; or, as in
        Blackboard, people and courses by 32 hexadecimal characters, links by keys like `_44_1`,
        and addresses of services by keys of the course and of the column.
    """

    personality: str = "plain"
    clock_offset_seconds: float = 0.0
    line_item_query: bool = False
    login_by: Literal["post", "get"] = "post"
    score_times: Literal["sent", "received"] = "sent"
    lose_cookies: bool = False
    roster_differences: bool = False
    page_size: int = 50
    registration_like: Literal["specification", "moodle", "canvas"] = "specification"
    registration_token: bool = True
    registration_deployment: bool = True
    old_ids: Literal["none", "signed", "unsigned", "stale"] = "none"
    storage: Literal["none", "parent", "frame"] = "none"
    throttles: bool = False
    reposts: bool = False
    exact_scopes: bool = False
    withheld_scopes: Sequence[str] = ()
    merged: Sequence[str] = ()
    deployment: str = ""
    file_trouble: Literal["none", "silent", "slow", "refused", "broken"] = "none"
    ids: Ids = "own"

    @property
    def storage_target(self) -> str | None:
        """The frame that a login initiation names (lti_storage_target)."""
        return {"none": None, "parent": "_parent", "frame": STORAGE_FRAME}[self.storage]


@dataclass(frozen=True, slots=True)
class Received:
    """One request to an endpoint and the status of the answer (0: none was given)."""

    at: datetime
    endpoint: str
    method: str
    url: str
    status: int


@dataclass
class SandboxPlatform:
    """Everything one sandbox knows.

    requests: what reached the LTI endpoints, oldest first. scores: every score taken, in order.
    wants: what content selections ask the tool for.
    alter_claims: for tests: changes an id_token's claims just before they are signed.
    """

    options: Options = field(default_factory=Options)
    behaviour: Behaviour = field(default_factory=Behaviour)
    alter_claims: Callable[[dict[str, Any]], dict[str, Any]] | None = None

    def __post_init__(self) -> None:
        self.shelf = Shelf(self.options.state_path)
        self.keys = SigningKeys(self.shelf)
        self.faults = Faults()
        self.wants = Wants()
        self.bucket, self.token_bucket = Bucket(), Bucket()
        self.ids = ToldIds(self)
        self.requests: deque[Received] = deque(maxlen=KEPT_REQUESTS)
        _seed(self.shelf)
        lms = PERSONALITIES[self.options.personality]
        self.behave({"personality": lms.name, "ids": lms.launches.ids})

    @property
    def personality(self) -> Personality:
        """Which LMS it is at this moment."""
        return PERSONALITIES[self.behaviour.personality]

    @property
    def deployment_id(self) -> str:
        """Where launches come from at this moment."""
        return self.behaviour.deployment or self.options.deployment_id

    @property
    def scores(self) -> list[Record]:
        """Every score taken, in order: line_item, user_id, and the body as it was sent."""
        return self.shelf.list("score")

    def now(self) -> datetime:
        """What the platform's clock shows."""
        return now() + timedelta(seconds=self.behaviour.clock_offset_seconds)

    def behave(self, changes: dict[str, Any]) -> Behaviour:
        """Change habits. Raises InputRejected naming each that is unknown or out of range."""
        rules: dict[str, Callable[[Any], bool]] = {
            "personality": lambda v: isinstance(v, str) and v in PERSONALITIES,
            "clock_offset_seconds": lambda v: _number(v) and abs(v) <= 10 * 365 * 86_400,
            "line_item_query": lambda v: isinstance(v, bool),
            "login_by": lambda v: v in ("post", "get"),
            "score_times": lambda v: v in ("sent", "received"),
            "lose_cookies": lambda v: isinstance(v, bool),
            "registration_like": lambda v: v in ("specification", "moodle", "canvas"),
            "registration_token": lambda v: isinstance(v, bool),
            "registration_deployment": lambda v: isinstance(v, bool),
            "storage": lambda v: v in ("none", "parent", "frame"),
            "old_ids": lambda v: v in ("none", "signed", "unsigned", "stale"),
            "roster_differences": lambda v: isinstance(v, bool),
            "throttles": lambda v: isinstance(v, bool),
            "exact_scopes": lambda v: isinstance(v, bool),
            "reposts": lambda v: isinstance(v, bool),
            "withheld_scopes": is_texts,
            "merged": is_texts,
            "ids": lambda v: v in get_args(Ids),
            "deployment": lambda v: isinstance(v, str) and len(v) <= 255 and v.isprintable(),
            "file_trouble": lambda v: v in ("none", "silent", "slow", "refused", "broken"),
            "page_size": lambda v: _number(v) and isinstance(v, int) and 1 <= v <= 200,
        }
        errors = {
            name: ["The sandbox cannot do that."]
            for name, value in changes.items()
            if name not in rules or not rules[name](value)
        }
        if errors:
            raise InputRejected(errors)
        before = self.personality
        self.behaviour = replace(self.behaviour, **self._belonging(changes), **changes)
        if self.personality is not before:
            self.wants = self.personality.selections.wants
        return self.behaviour

    def _belonging(self, changes: dict[str, Any]) -> dict[str, Any]:
        """The habits that come and go with a change of the personality."""
        name = changes.get("personality", self.behaviour.personality)
        if name == self.behaviour.personality:
            return {}
        usual = Behaviour()
        gone = {habit: getattr(usual, habit) for habit in self.personality.habits}
        habits = gone | dict(PERSONALITIES[name].habits)
        return {habit: value for habit, value in habits.items() if habit not in changes}

    def courses(self) -> list[Course]:
        """Every course: those of the college, then the copies."""
        from mentorai.plugins.sandbox.copies import read_course

        return [*COURSES, *(read_course(record) for record in self.shelf.list("course"))]

    def find_course(self, course_id: str) -> Course | None:
        """The course with this short name."""
        return next((course for course in self.courses() if course.id == course_id), None)

    def items(self, course: Course) -> list[Item]:
        """The items of a course: those it came with, then those that were added."""
        added = [r["item"] for r in self.shelf.list("item") if r["course"] == course.id]
        made = (Item(**facts | {"history": tuple(facts.get("history", ()))}) for facts in added)
        return [*course.items, *made]

    def find_item(self, course: Course, item_id: str) -> Item | None:
        """The item of this course with this id."""
        return next((item for item in self.items(course) if item.id == item_id), None)

    def is_hidden(self, item: Item) -> bool:
        """Whether a teacher hid this item from students."""
        return self.shelf.find("hidden", item.id) is not None

    def add_item(self, course: Course, item: Item) -> None:
        """Put a new item at the end of a course."""
        self.shelf.put("item", item.id, {"course": course.id, "item": asdict(item)})

    def close(self) -> None:
        """Let go of the file."""
        self.shelf.close()


def describe_platform(options: Options) -> dict[str, Any]:
    """All that a tool needs to be registered here and seeded, as JSON.

    lms: name, title and about of the personality.
    platform: name, issuer, client_id, auth_url, token_url, keyset_url, deployment_ids,
        frame_origins; family, token_audience and deployment_policy of an LMS that has its own.
    tool: the addresses this platform knows it by.
    mentors: see school.read_mentors. courses: id, context_id, label, title, mentor, items.
    people: id, sub, name, kind, about, url (where this person is signed in). items[].url: the
        path of the item's page after a person's url.
    """
    lms = PERSONALITIES[options.personality]

    def tell(facts: Mapping[str, Any]) -> Any:
        return tell_of_the_college(facts, lms.launches.ids)

    return {
        "lms": {"name": lms.name, "title": lms.title, "about": lms.about},
        "platform": {
            "name": f"{COLLEGE} ({_call_sandbox(lms)})",
            "issuer": options.issuer,
            "client_id": options.client_id,
            "auth_url": options.auth_url,
            "token_url": options.token_url,
            "keyset_url": options.platform_keyset_url,
            "deployment_ids": [options.deployment_id],
            "frame_origins": [options.base_url],
            # Plugins know the sandbox itself by its launches.
            **({} if lms.name == "plain" else {"family": lms.name}),
            # One registration is for all schools of such a vendor, and each has its deployment.
            **({"deployment_policy": "hold"} if lms.launches.issuer else {}),
            **({"token_audience": lms.tokens.audience} if lms.tokens.audience else {}),
        },
        "tool": {
            "login_url": options.tool_login_url,
            "redirect_url": options.tool_redirect_url,
            "keyset_url": options.tool_keyset_url,
        },
        "mentors": read_mentors(),
        "courses": [tell(_describe_course(course)) for course in COURSES],
        "people": [tell(_describe_person(options.base_url, person)) for person in PEOPLE],
        "home_url": f"{options.base_url}/",
        "health_url": f"{options.base_url}/healthz",
        "control_url": f"{options.base_url}/control/",
    }


def _call_sandbox(lms: Personality) -> str:
    return "sandbox LMS" if lms.name == "plain" else f"sandbox LMS, answers like {lms.title}"


def _describe_course(course: Course) -> dict[str, Any]:
    return {
        "id": course.id,
        "context_id": course.context_id,
        "label": course.label,
        "title": course.title,
        "mentor": course.mentor,
        "url": f"courses/{course.id}/",
        "items": [
            {
                "id": item.id,
                "resource_link_id": item.resource_link_id,
                "title": item.title,
                "custom": dict(item.custom),
                "points": item.points,
                "url": f"courses/{course.id}/items/{item.id}/",
            }
            for item in course.items
        ],
    }


def _seed(shelf: Shelf) -> None:
    """Make the gradebook columns that the courses come with, once."""
    if shelf.find("meta", "seeded"):
        return
    for course in COURSES:
        for item in course.items:
            if item.points is not None:
                put_column(shelf, course, item, fixed_id(f"column/{item.id}"))
    shelf.put("meta", "seeded", {"at": now().isoformat()})


def put_column(shelf: Shelf, course: Course, item: Item, column_id: str) -> None:
    """Make the gradebook column of an item that was declared with points."""
    record: Record = {
        "id": column_id,
        "course": course.id,
        "label": item.label or item.title,
        "scoreMaximum": item.points,
        "resourceLinkId": item.resource_link_id,
    }
    record |= {"resourceId": item.resource_id} if item.resource_id else {}
    record |= {"tag": item.tag} if item.tag else {}
    record |= {"submissionReview": dict(item.review)} if item.review else {}
    # What is handed in counts between these (AGS 2.0, section 3.2.9).
    record |= item.submission
    shelf.put("line_item", column_id, record)


def people_of(course: Course, *, former: bool = False) -> Sequence[Person]:
    """The members of a course, in the course's order."""
    members = (*course.members, *(course.former if former else ()))
    known = {person.id: person for person in PEOPLE}
    return [known[member] for member in members]


def _describe_person(base_url: str, person: Person) -> dict[str, str]:
    return {
        "id": person.id,
        "sub": person.sub,
        "name": person.name,
        "kind": person.kind,
        "about": person.about,
        "url": f"{base_url}/as/{person.id}/",
    }


def is_texts(value: object) -> bool:
    """Whether this is a list of texts."""
    return isinstance(value, list | tuple) and all(isinstance(each, str) for each in value)


def _number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)
