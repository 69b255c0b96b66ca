"""What an LMS does in its own way, as data that the services of the sandbox look at.

Every default is what the specifications say, and what the sandbox does as itself.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING, Any, Literal

from mentorai.plugins.sandbox.wire import Call, Media, Refused, Reply

if TYPE_CHECKING:
    from flask import Blueprint

    from mentorai.plugins.sandbox.platform import SandboxPlatform

Envelope = Callable[[Refused, Call], Reply]
Words = Mapping[str, tuple[int, str]]


@dataclass(frozen=True, slots=True)
class Addresses:
    """Paths of the services; {course} and {column} are filled in."""

    line_items: str = "/lti/courses/{course}/line_items"
    line_item: str = "/lti/courses/{course}/line_items/{column}"
    members: str = "/lti/courses/{course}/members"


@dataclass(frozen=True, slots=True)
class Links:
    """How a Link header is written (RFC 8288): its relations, their quotes, and the ampersand.

    keeps: the parameters that lead on to the next page; None: all that were sent.
    """

    relations: Sequence[str] = ("next",)
    quotes: tuple[str, str] = ('"', '"')
    ampersand: str = "&"
    keeps: Sequence[str] | None = None


@dataclass(frozen=True, slots=True)
class Submission:
    """What a score says of the work behind it, for an LMS that looks.

    is_new: it counts as another attempt. preserves: a grade that is there stays when the score
    brings none. yields: a teacher's grade stays. submitted_at: when the work was handed in.
    shown: what the answer says of it besides.
    """

    is_new: bool = False
    preserves: bool = False
    yields: bool = False
    submitted_at: str = ""
    shown: Mapping[str, Any] = field(default_factory=dict)


def read_nothing(_body: Mapping[str, Any], _moment: datetime) -> Submission:
    """Most LMSs make nothing of it."""
    return Submission()


@dataclass(frozen=True, slots=True)
class ScoreTraits:
    """How a gradebook takes a score (AGS 2.0, section 3.4).

    equal_times: a score of the very time of the last one is taken. whole_seconds: times are
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
        graded.
    read_submission: what the score says of attempts. Raises Refused.
    answers: what comes back: the address of the result, nothing, or the score as it was kept.
    """

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
    read_submission: Callable[[Mapping[str, Any], datetime], Submission] = read_nothing
    answers: Literal["result_url", "nothing", "score"] = "result_url"
    status: int = 200


@dataclass(frozen=True, slots=True)
class ColumnTraits:
    """How line items are kept and listed (AGS 2.0, section 3.2).

    keeps_coupled: a column that came with its link cannot be deleted. drops_link: a PUT without
        resourceLinkId takes it away. empty_texts: texts that are absent are shown as ''.
    any_maximum: a maximum of zero is taken. links: of the list.
    """

    keeps_coupled: bool = False
    drops_link: bool = False
    empty_texts: bool = False
    any_maximum: bool = False
    links: Links = field(default_factory=Links)


@dataclass(frozen=True, slots=True)
class ResultTraits:
    """How results are shown (AGS 2.0, section 3.3).

    breaks_on_limit: a `limit` ends in an error page. hides_zero: a grade of zero has no
        resultScore. shows_receipt: the timestamp is that of the receipt. newest_first: the order.
    hides_comment_of_one: a result that was asked for by user_id comes without its comment.
    """

    breaks_on_limit: bool = False
    hides_zero: bool = False
    shows_receipt: bool = False
    newest_first: bool = False
    hides_comment_of_one: bool = False
    links: Links = field(default_factory=Links)


def show_plainly(refusal: Refused, _call: Call) -> Reply:
    """A refusal as the sandbox itself words it."""
    body = {"status": refusal.status, "reason": refusal.message}
    return Reply.of(body, status=refusal.status, headers=refusal.headers)


@dataclass(frozen=True, slots=True)
class Personality:
    """One LMS to be.

    title: the product's name, for people. about: what is simulated, in a sentence or two.
    habits: fields of Behaviour that belong to it.
    words: rule (the `rule` of a Refused) -> the status and the words of its refusal; {body} is
        what was sent, in one line. envelope: how a refusal looks on the wire.
    ends_courses: a course that was concluded takes nothing more.
    make_api: routes of an API of its own, besides LTI.
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
    words: Words = field(default_factory=dict)
    envelope: Envelope = show_plainly
    ends_courses: bool = True
    make_api: "Callable[[SandboxPlatform], Blueprint] | None" = None

    def refuse(self, refusal: Refused, call: Call) -> Reply:
        """A refusal as this LMS gives it."""
        status, words = self.words.get(refusal.rule, (refusal.status, refusal.message))
        text = words.replace("{body}", " ".join(call.body.decode(errors="replace").split()))
        own = Refused(status, text, rule=refusal.rule, headers=refusal.headers)
        return self.envelope(own, call)
