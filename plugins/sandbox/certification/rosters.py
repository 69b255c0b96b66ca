"""N1 to N5: the roster of a course, read by the tool's own services on its own data."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from mentorai.core.values import Member
from mentorai.lti.nrps import list_members
from mentorai.plugins.sandbox.certification.case import NRPS, Case, Run, expect
from mentorai.plugins.sandbox.certification.stage import Stage
from mentorai.plugins.sandbox.certification.wire import Heard
from mentorai.plugins.sandbox.members import MEMBERS_TYPE
from mentorai.plugins.sandbox.oidc import MEMBERS_READ
from mentorai.plugins.sandbox.school import MEMBERSHIP

PATH = "/lti/courses/tidal-pools/members"
CLAIM = "https://purl.imsglobal.org/spec/lti-nrps/claim/namesroleservice"
SMALL_PAGE = 2


@dataclass(frozen=True, slots=True)
class Roster:
    """What was read, and how it was asked for."""

    members: Sequence[Member]
    requests: Sequence[Heard]


def _read(stage: Stage) -> Roster:
    attempt = stage.begin()
    attempt.finish(roles=[f"{MEMBERSHIP}#Instructor"])
    before = len(stage.platform.wire.heard(PATH))
    url = attempt.claims[CLAIM]["context_memberships_url"]
    read = list_members(stage.tool, stage.registration, url)
    members = [each for each in read if isinstance(each, Member)]
    return Roster(members, stage.platform.wire.heard(PATH)[before:])


def _of(judge: Callable[[Stage, Roster], str]) -> Run:
    """A case about the one roster that they all look at."""

    def run(stage: Stage) -> str:
        return judge(stage, stage.once("roster", lambda: _read(stage)))

    return run


def _launched(_stage: Stage, roster: Roster) -> str:
    expect(roster.members, "the roster is empty")
    return f"{len(roster.members)} members after an instructor's launch"


def _received(_stage: Stage, roster: Roster) -> str:
    expect(roster.requests, "no request came")
    first = roster.requests[0]
    expect(first.method == "GET", f"it was a {first.method}")
    return f"GET {first.path}"


def _accepts(_stage: Stage, roster: Roster) -> str:
    accept = roster.requests[0].accept
    expect(accept == MEMBERS_TYPE, f"Accept is {accept}")
    return accept


def _authorized(stage: Stage, roster: Roster) -> str:
    first = roster.requests[0]
    expect(first.status == 200, f"the platform answered {first.status}")
    expect(stage.platform.wire.granted(first.bearer), "the token was not given out for this")
    return "200 with the token that was given out"


def _scoped(stage: Stage, roster: Roster) -> str:
    scopes = stage.platform.wire.granted(roster.requests[0].bearer)
    expect(scopes == MEMBERS_READ, f"the token was asked for with {scopes}")
    return scopes


def _paged(stage: Stage) -> str:
    platform = stage.platform.house.platform
    usual = platform.behaviour.page_size
    platform.behave({"page_size": SMALL_PAGE})
    try:
        roster = _read(stage)
    finally:
        platform.behave({"page_size": usual})
    subjects = {member.subject for member in roster.members}
    expect(len(roster.requests) > 1, "one page was asked for")
    expect(len(subjects) == len(roster.members), "members came twice")
    whole = stage.once("roster", lambda: _read(stage))
    expect(len(subjects) == len(whole.members), f"{len(subjects)} of {len(whole.members)} members")
    return f"{len(subjects)} members on {len(roster.requests)} pages"


def _case(number: str, name: str, clause: str, expected: str, run: Run) -> Case:
    sent = "a roster of the course is read"
    return Case(f"N{number}", name, f"{NRPS}{clause}", sent, expected, run, calls=True)


CASES: Sequence[Case] = (
    _case("1", "launch with a roster service", "3.6.1.1", "the roster can be read",
          _of(_launched)),
    _case("2", "request received", "2.4", "GET", _of(_received)),
    _case("3", "media type", "2.2", MEMBERS_TYPE, _of(_accepts)),
    _case("4", "bearer token", "3.6.1", "a token that the platform gave out", _of(_authorized)),
    _case("5", "scope", "3.6.1.2", "contextmembership.readonly and no other", _of(_scoped)),
    Case("X50", "roster on several pages", f"{NRPS}2.4.2", f"pages of {SMALL_PAGE} members",
         "every member, once", _paged, calls=True),
)  # fmt: skip
