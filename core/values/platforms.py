"""An LMS, and what is special about its family."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Bucket:
    """How a family of LMS counts the calls of one client: what they cost fills a bucket, which
    leaks by itself, and a call that finds it full is refused.

    A quota of calls a day is one too: of that many units, which leaks that many in a day.

    high_water: units; with so many or more in it calls are refused.
    leak_per_second: units that run out by themselves.
    up_front: units that a call holds while it is under way; then its cost takes their place.
    token_cost: units that a request for an access token has cost on top when it is over, in a
        bucket of its own: it names no client yet, and is counted by where it comes from. Zero: it
        is a call of the client like any other.
    cost_header: where an answer says what its call cost; empty: nobody says, and it is `up_front`.
    remaining_header: where an answer says what is left under the high water; empty: nobody says.
    limit_header: where an answer says what the high water is; empty: it is as given here.
    refusal_text: words by which a 403 says that the bucket is full, as a 429 always does.
    """

    high_water: float
    leak_per_second: float
    up_front: float = 1.0
    token_cost: float = 0.0
    cost_header: str = ""
    remaining_header: str = ""
    limit_header: str = ""
    refusal_text: str = ""


@dataclass(frozen=True, slots=True)
class Refusal:
    """An answer by which a family of LMS refuses a score, and what it means.

    status: of the answer. words: what its reason or its body says, in lower case; empty: anything.
    error: what to raise, given `sentence`, which says it to an instructor.
    """

    status: int
    words: str
    error: Callable[[str], Exception]
    sentence: str


@dataclass(frozen=True, slots=True)
class PlatformProfile:
    """What is special about one family of LMS, as data and not as branches.

    vendor_domains: domains of the vendor where addresses of any of its platforms may lie, besides
        the platform's own domain (dynamic registration looks at it).
    token_audience: what its token address wants as `aud` of our assertions; empty: the address
        itself; None: what the platform's configuration names as authorization_server, else empty.
    registration_errors: words with which it refuses a registration -> what to do about it.
    screens: where things are changed there, in its own words, by the keys of
        core/explanations.py SCREENS; a key that is left out keeps the general words.
    grade_advice: what somebody who teaches does there about a grade that did not arrive, in its own
        words, by the error's code; a code that is left out keeps the words of
        core/grade_advice.py.
    calls_at_once: the most calls that one process has under way at one of its hosts; None: as
        many as it answers the quicker for.
    bucket: how it counts calls, if it counts them: one for all schools of a client id.
    shares_issuer: all schools that have it send one issuer, which alone tells nobody apart.
    refusals: what its answers to a score mean where the status alone does not say it.
    binds_columns: whether we may tie a gradebook column to a resource link.
    column_label, column_tag: the most characters that the label and the tag of a column have there.
    column_plain_tag: the tag must be letters, digits and hyphens: others come back changed.
    column_whole_points: a column's maximum must be a whole number; that of a score need not.
    takes_over_labels: whether a new column of the label of another is that other, whose ever it
        is: ours get labels that no other has.
    stale_token_status: the status, besides 401, by which it says that it takes a token no more.
    course_is_link: whether a launch from the course's menu names the course itself as its resource
        link, to which no column can be tied.
    roster_page: members asked for at once; 0: nothing is asked, and all come together.
    roster_query: what else a roster is asked for.
    results_page: results asked for at once; 0: nothing is asked, for it may fail on that.
    hides_zero: whether a result without a score may be a grade of zero.
    course_roles: names of roles in the institution or the system by which a launch of this family
        says what somebody is in the course; refine_launch may make staff of these, and of no other
        that stands outside the course.
    """

    family: str
    title: str
    vendor_domains: tuple[str, ...] = ()
    token_audience: str | None = None
    registration_errors: Mapping[str, str] = field(default_factory=dict)
    screens: Mapping[str, str] = field(default_factory=dict)
    grade_advice: Mapping[str, str] = field(default_factory=dict)
    calls_at_once: int | None = None
    bucket: Bucket | None = None
    shares_issuer: bool = False
    refusals: tuple[Refusal, ...] = ()
    binds_columns: bool = True
    column_label: int = 200
    column_tag: int = 200
    column_plain_tag: bool = False
    column_whole_points: bool = False
    takes_over_labels: bool = False
    stale_token_status: int = 401
    course_is_link: bool = False
    roster_page: int = 200
    roster_query: Mapping[str, str] = field(default_factory=dict)
    results_page: int = 0
    hides_zero: bool = False
    course_roles: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Platform:
    """One registered LMS installation: a registration and the family it was recognised as."""

    registration_id: str
    organization_id: str
    family: str
    issuer: str
    client_id: str
