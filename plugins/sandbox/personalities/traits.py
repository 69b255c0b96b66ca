"""What an LMS does in its own way, as data that the services of the sandbox look at.

Every default is what the specifications say, and what the sandbox does as itself.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING, Any, Literal

from mentorai.plugins.sandbox.school import FAMILY_CODE, Course, Item, Person
from mentorai.plugins.sandbox.told_ids import Ids
from mentorai.plugins.sandbox.wants import Wants
from mentorai.plugins.sandbox.wire import JSON, Call, Media, Refused, Reply

if TYPE_CHECKING:
    from flask import Blueprint

    from mentorai.plugins.sandbox.platform import SandboxPlatform

# All that a launch can be refused for; an LMS that shows it on a page never tells the tool.
SIGN_IN_ERRORS = frozenset(
    {
        "unsupported_response_type",
        "invalid_scope",
        "invalid_request",
        "unauthorized_client",
        "access_denied",
    }
)
Envelope = Callable[[Refused, Call], Reply]
Words = Mapping[str, tuple[int, str]]


@dataclass(frozen=True, slots=True)
class Addresses:
    """Paths of the services; {course} and {column} are filled in.

    sign_in, tokens, keys: where each school's LMS, or its vendor's portal, has sign-in, tokens and
    keys, so that a tool that is told their address finds them; they are where the sandbox has them,
    too. {client_id} is filled in.
    on_demand: of the column of a link that has none, which its first score makes ({placement} names
        the link); empty: a link without a column names none.
    first_course, first_column: their numbers, where addresses have such although claims name those
        by other ids.
    """

    sign_in: str = ""
    tokens: str = ""
    keys: str = ""
    line_items: str = "/lti/courses/{course}/line_items"
    line_item: str = "/lti/courses/{course}/line_items/{column}"
    members: str = "/lti/courses/{course}/members"
    on_demand: str = ""
    first_course: int = 0
    first_column: int = 0


@dataclass(frozen=True, slots=True)
class Links:
    """How a Link header is written (RFC 8288): its relations, their quotes, and the ampersand.

    relations: none, and lists are never cut into pages. start: the parameter that says where a page
        begins; counts_pages: by its number, of which the first is 1.
    keeps: the parameters that lead on to the next page; None: all that were sent.
    """

    relations: Sequence[str] = ("next",)
    start: str = "after"
    counts_pages: bool = False
    quotes: tuple[str, str] = ('"', '"')
    ampersand: str = "&"
    keeps: Sequence[str] | None = None


@dataclass(frozen=True, slots=True)
class Submission:
    """What a score says of the work behind it, for an LMS that looks.

    is_new: it counts as another attempt. preserves: a grade that is there stays when the score
    brings none. yields: a teacher's grade stays. submitted_at: when the work was handed in.
    has_files: files come with it, which the LMS fetches. shown: what the answer says of it besides.
    """

    is_new: bool = False
    preserves: bool = False
    yields: bool = False
    submitted_at: str = ""
    has_files: bool = False
    shown: Mapping[str, Any] = field(default_factory=dict)


def read_nothing(_body: Mapping[str, Any], _moment: datetime) -> Submission:
    """Most LMSs make nothing of it."""
    return Submission()


def read_no_more(_platform: "SandboxPlatform", user_id: str) -> str:
    """Most LMSs know a person by one id."""
    return user_id


@dataclass(frozen=True, slots=True)
class ScoreTraits:
    """How a gradebook takes a score (AGS 2.0, section 3.4).

    any_times: no time is looked at. equal_times: a score of the very time of the last one is taken.
        whole_seconds: times are
        compared without fractions. changes_only: the time of the last score moves only when the
        grade or its comment did.
    is_loose: unknown progress, numbers as text, a maximum of zero and times without an offset are
        all taken. clamps: what is out of range becomes the nearest that is not.
    graded: the grading progress that sets a grade. clears: what takes a grade away: nothing, any
        score that sets none, or the reset of an activity (NotReady and Initialized).
    keeps_attempts: attempts are counted and each comment is added, the same one too; otherwise
        the last score counts, and one without a comment leaves none.
    keeps_overridden: a grade that a teacher changed stays, and the score is taken all the same.
    locks: teachers can lock a column there. takes_suspended: somebody who is suspended keeps being
        graded. takes_staff: and so is who teaches. takes_anybody: and so is whoever the LMS knows.
        tells_strangers: people who are nowhere in the LMS are refused in other words.
    pass_fail: teachers can have a column that only passes or fails, where any points are all.
    shows_html: a comment is HTML, in which the end of a line is a space.
    crashes_on_names: an id of a person that is no id there at all ends in a gateway's error.
    forgets_leavers: who is taken out of a course loses the grades, and gets none back.
    read_person: the id of ours of somebody whom a score may also name otherwise.
    read_submission: what the score says of attempts. Raises Refused.
    answers: what comes back: the address of the result, nothing, or the score as it was kept.
    """

    any_times: bool = False
    equal_times: bool = False
    whole_seconds: bool = False
    changes_only: bool = False
    is_loose: bool = False
    clamps: bool = False
    graded: frozenset[str] = frozenset({"FullyGraded"})
    clears: Literal["never", "ungraded", "reset"] = "never"
    keeps_attempts: bool = False
    keeps_overridden: bool = True
    locks: bool = True
    takes_suspended: bool = False
    takes_staff: bool = False
    takes_anybody: bool = False
    tells_strangers: bool = False
    pass_fail: bool = False
    shows_html: bool = False
    crashes_on_names: bool = False
    forgets_leavers: bool = False
    read_person: "Callable[[SandboxPlatform, str], str]" = read_no_more
    read_submission: Callable[[Mapping[str, Any], datetime], Submission] = read_nothing
    answers: Literal["result_url", "nothing", "score"] = "result_url"
    status: int = 200


def show_nothing(_column: Mapping[str, Any]) -> Mapping[str, Any]:
    """Most line items hold the standard's own members only."""
    return {}


@dataclass(frozen=True, slots=True)
class ColumnTraits:
    """How line items are kept and listed (AGS 2.0, section 3.2).

    keeps_coupled: a column that came with its link cannot be deleted. keeps_all: no tool may delete
        any.
    drops_link: a PUT without resourceLinkId takes it away. empty_texts: texts that are absent are
        shown as ''. keeps_link: a column that a tool makes is tied to the link that it names, and
        lists can be narrowed to a link. by_label: a new column of the label of another is that
        other. made_status: of the answer to a new one.
    encodes_texts: tag and resourceId are kept as pieces of an address, and looked for as they came.
    any_maximum: a maximum of zero is taken. whole_maximum: and no fraction. texts: the most
        characters of each text. links: of the list. adds: what each holds besides.
    launch_url: the member that tells where a column's link leads, in a list that is asked for
        `include[]=launch_url`; empty: no list has it.
    rescales: grades keep their share of the maximum when that changes. keeps: members of its own
        that come back as they were sent. read_only: members that no tool may send.
    many_links: a column can be of more links than the one that it names; lists that are asked for
        those have it, and their launches do not.
    """

    keeps_coupled: bool = False
    keeps_all: bool = False
    drops_link: bool = False
    empty_texts: bool = False
    any_maximum: bool = False
    keeps_link: bool = True
    by_label: bool = False
    encodes_texts: bool = False
    made_status: int = 201
    whole_maximum: bool = False
    texts: Mapping[str, int] = field(default_factory=dict)
    launch_url: str = ""
    rescales: bool = False
    keeps: frozenset[str] = frozenset()
    read_only: frozenset[str] = frozenset()
    many_links: bool = False
    adds: Callable[[Mapping[str, Any]], Mapping[str, Any]] = show_nothing
    links: Links = field(default_factory=Links)


@dataclass(frozen=True, slots=True)
class ResultTraits:
    """How results are shown (AGS 2.0, section 3.3).

    breaks_on_limit: a `limit` ends in an error page. hides_zero: a grade of zero has no
        resultScore. shows_receipt: the timestamp is that of the receipt. newest_first: the order.
    hides_comment_of_one: a result that was asked for by user_id comes without its comment.
    empty_comment: a comment that there is not is shown as ''. ignores_user: `user_id` narrows
        nothing. short_maximum: resultMaximum has no fraction where it is a whole number.
    """

    breaks_on_limit: bool = False
    hides_zero: bool = False
    shows_receipt: bool = False
    newest_first: bool = False
    hides_comment_of_one: bool = False
    empty_comment: bool = False
    ignores_user: bool = False
    short_maximum: bool = False
    links: Links = field(default_factory=Links)


@dataclass(frozen=True, slots=True)
class TokenTraits:
    """How access tokens are given (RFC 7523, section 3; RFC 6749, section 5).

    media_type: of every answer. kind: what a token looks like. scheme: how token_type is spelled.
    audience: what an assertion must name; empty: the token endpoint. breaks_on_list: more than one
        audience ends in an error page. breaks_on_kid: what it says of a kid that it does not find
        is no JSON.
    unchecked: the rules of tokens.py that are not looked at, and `sub`, which is one there too.
    errors: rule -> status, error, and description (empty: none is sent; None: ours).
    all_or_none: a request is refused whole for one scope that the tool may not have.
    detail_header: names that scope.
    tool_id: what `type_id` must be in the address of a service, where there is one.
    answers_get: a token that is asked for by GET is refused as any other, and not by 405.
    exact_scheme: `Bearer` is told from `bearer`. challenges: a service's refusal carries
        WWW-Authenticate. challenge: what the token endpoint's 401 says there.
    """

    media_type: str = JSON
    kind: Literal["opaque", "hex", "jwt"] = "opaque"
    scheme: str = "Bearer"
    audience: str = ""
    breaks_on_list: bool = False
    breaks_on_kid: bool = False
    unchecked: frozenset[str] = frozenset()
    errors: Mapping[str, tuple[int, str, str | None]] = field(default_factory=dict)
    all_or_none: bool = False
    detail_header: str = ""
    tool_id: str = ""
    answers_get: bool = False
    exact_scheme: bool = False
    challenges: bool = True
    challenge: str = ""


def share_nothing(_person: Person) -> Mapping[str, Any]:
    """Most rosters hold the standard's own members only."""
    return {}


@dataclass(frozen=True, slots=True)
class RosterTraits:
    """How a roster is told (NRPS 2.0, section 2).

    media_type: of the answer; empty: the standard's. short_roles: names without their vocabulary.
    assistants_learn: a teacher who may not edit is called Learner. hides_suspended: only active
        people are there. adds: what each member holds besides.
    one_message: with rlid, `message` is an object and not a list. pages_when_asked: everybody
        comes on one page unless a `limit` was sent. groups: when group_enrollments are told.
    shares: names and e-mail addresses are told. previews: the user by whom a teacher sees the
        course as students do is on it too. assigns: a column can be for some students only, and
        with rlid of its link no others are told; whoever teaches is.
    ignores_filters: neither `role` nor `rlid` narrows anything, or is looked at. two_roles: of
        roles only Instructor and Learner narrow it.
    hides_by_link: with the rlid of a link that a teacher hid, only who may see it is there.
    course_is_link: the course's own id is a link, too, whose rlid narrows nothing.
    speaks_old: whoever asks for the media type of the memberships service of before gets its body.
    """

    media_type: str = ""
    short_roles: bool = False
    assistants_learn: bool = False
    hides_suspended: bool = False
    adds: Callable[[Person], Mapping[str, Any]] = share_nothing
    one_message: bool = False
    pages_when_asked: bool = False
    groups: Literal["always", "asked", "never"] = "always"
    shares: bool = True
    previews: bool = False
    assigns: bool = False
    ignores_filters: bool = False
    two_roles: bool = False
    hides_by_link: bool = False
    course_is_link: bool = False
    speaks_old: bool = False
    links: Links = field(default_factory=Links)


def add_no_claims(_person: Person, _course: Course, _item: Item | None) -> Mapping[str, Any]:
    """What the specification has is all there is."""
    return {}


def add_no_custom(
    _platform: "SandboxPlatform", _person: Person, _course: Course, _item: Item | None
) -> Mapping[str, str]:
    """Most LMSs send the parameters of the item only."""
    return {}


@dataclass(frozen=True, slots=True)
class LaunchTraits:
    """How a launch looks (LTI 1.3 core, section 5; 1EdTech Security Framework, section 5.1).

    issuer: the vendor's own for all schools; empty: the address of this LMS. client_id,
    deployment_id: as they look there, for a sandbox that is started as it. family_code,
    version, guid: of the tool_platform claim; without a guid it is the address. registers_as: the
        family code of its configuration; empty: that of its launches.
    lifetime_seconds: of an id_token; None: as the sandbox was started. context_type: as it is
        spelled.
    ids: how people, courses and links are called in a sandbox that is started as it.
    presents: the members of launch_presentation that are told; None: all.
    adds: claims of its own; None takes one away. custom: parameters of its own, or that a tool
        registers there. login: fields of
        the login initiation besides.
    shown_here: the errors of an authentication request, or the parameters that are wrong, that
        end in a page here and not at the tool; shown_status: of that page. any_prompt: `prompt`
        may be absent.
        tells_clients: an unknown client_id is told to the tool. any_state: `state` may be absent,
        and comes back empty.
    enrolment: the path of the page to which who is not in the course is led on the way, in the
        place of an answer to the tool; empty: the launch goes on. {course} is filled in.
    return_query: what the addresses to come back to say of the person's session in the LMS.
    outcomes: the path of the grade service of LTI 1.1, which a graded link names besides; empty:
        there is none.
    names_first: of more line items than one of a link the first is named, and not none.
    previews: teachers can open the course as a student who is not real.
    portal: sign-in, tokens and keys are at the vendor's, which is another host than the school's;
        a launch names the school's own address.
    probes: the launch address is asked by HEAD before a form is posted there. shares: names and
        e-mail addresses are told. names_alg: its keys say by which algorithm they sign.
    """

    issuer: str = ""
    client_id: str = ""
    deployment_id: str = ""
    family_code: str = FAMILY_CODE
    version: str = "1"
    guid: str = ""
    registers_as: str = ""
    lifetime_seconds: int | None = None
    ids: Ids = "own"
    context_type: str = "http://purl.imsglobal.org/vocab/lis/v2/course#CourseSection"
    presents: frozenset[str] | None = None
    adds: Callable[[Person, Course, Item | None], Mapping[str, Any]] = add_no_claims
    login: Mapping[str, str] = field(default_factory=dict)
    shown_here: frozenset[str] = frozenset()
    shown_status: int = 400
    any_prompt: bool = False
    tells_clients: bool = False
    any_state: bool = False
    enrolment: str = ""
    return_query: str = ""
    outcomes: str = ""
    names_first: bool = False
    previews: bool = False
    portal: bool = False
    custom: Callable[["SandboxPlatform", Person, Course, Item | None], Mapping[str, str]] = (
        add_no_custom
    )
    probes: bool = False
    shares: bool = True
    names_alg: bool = True


@dataclass(frozen=True, slots=True)
class SelectionTraits:
    """How a content selection goes (Deep Linking 2.0, section 4).

    wants: what it asks for at first. unchecked: claims of the answer that are not looked at.
    forgives: an answer that is no token, or brings nothing, ends the selection without an error.
    any_kind: items of kinds that it did not ask for are taken. ignores: of an item.
    opens: the address of a new link is fetched once, without a launch.
    """

    wants: Wants = field(default_factory=Wants)
    unchecked: frozenset[str] = frozenset()
    forgives: bool = False
    any_kind: bool = False
    ignores: frozenset[str] = frozenset()
    opens: bool = False


@dataclass(frozen=True, slots=True)
class Throttle:
    """How an LMS slows a tool down: a bucket that each call fills and time empties.

    high_water: above it calls are refused. leak_per_second: how fast it empties.
    up_front: what a call counts while it runs; cost: what it counted when it is over; token_cost:
        what a token counts besides, in a bucket of its own.
    status, words, media_type: of a refusal.
    remaining_header, cost_header, limit_header: what tells of it; empty: nothing does.
    retry_after: the refusal says when to come again.
    """

    high_water: float
    leak_per_second: float
    up_front: float = 0.0
    cost: float = 1.0
    token_cost: float = 0.0
    status: int = 429
    words: str = ""
    media_type: str = JSON
    remaining_header: str = ""
    cost_header: str = ""
    limit_header: str = ""
    retry_after: bool = False


def show_plainly(refusal: Refused, _call: Call) -> Reply:
    """A refusal as the sandbox itself words it."""
    body = {"status": refusal.status, "reason": refusal.message}
    return Reply.of(body, status=refusal.status, headers=refusal.headers)


@dataclass(frozen=True, slots=True)
class ToolAddresses:
    """What campus IT enters of a tool, to add it by hand."""

    name: str
    login_url: str
    redirect_url: str
    keyset_url: str


@dataclass(frozen=True, slots=True)
class ApiAccess:
    """What campus IT enters to connect the API of this LMS."""

    account: str
    secret: str


@dataclass(frozen=True, slots=True)
class Personality:
    """One LMS to be.

    title: the product's name, for people. about: what is simulated, in a sentence or two.
    habits: fields of Behaviour that belong to it.
    words: rule (the `rule` of a Refused) -> the status and the words of its refusal; {body} is
        what was sent, in one line. One with a slash, as `no_token/expired`, is also found by what
        is before it. envelope: how a refusal looks on the wire.
    ends_courses: a course that was concluded takes nothing more.
    make_api: routes of an API of its own, besides LTI. find_access: what opens it.
    registers: tools can register themselves there. read_json: the addresses of a tool in the JSON
        that is pasted to add it by hand (raises ValueError); None where there is a form for each.
    """

    name: str
    title: str
    about: str
    habits: Mapping[str, Any] = field(default_factory=dict)
    addresses: Addresses = field(default_factory=Addresses)
    media: Media = field(default_factory=Media)
    scores: ScoreTraits = field(default_factory=ScoreTraits)
    columns: ColumnTraits = field(default_factory=ColumnTraits)
    results: ResultTraits = field(default_factory=ResultTraits)
    tokens: TokenTraits = field(default_factory=TokenTraits)
    roster: RosterTraits = field(default_factory=RosterTraits)
    launches: LaunchTraits = field(default_factory=LaunchTraits)
    selections: SelectionTraits = field(default_factory=SelectionTraits)
    throttle: Throttle | None = None
    words: Words = field(default_factory=dict)
    envelope: Envelope = show_plainly
    ends_courses: bool = True
    make_api: "Callable[[SandboxPlatform], Blueprint] | None" = None
    find_access: Callable[[], ApiAccess] | None = None
    registers: bool = True
    read_json: Callable[[str], ToolAddresses] | None = None

    def refuse(self, refusal: Refused, call: Call) -> Reply:
        """A refusal as this LMS gives it."""
        rule = refusal.rule if refusal.rule in self.words else refusal.rule.partition("/")[0]
        status, words = self.words.get(rule, (refusal.status, refusal.message))
        text = words.replace("{body}", " ".join(call.body.decode(errors="replace").split()))
        headers = refusal.headers if self.tokens.challenges else {}
        own = Refused(status, text, rule=rule, headers=headers)
        return self.envelope(own, call)
