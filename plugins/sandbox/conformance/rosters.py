"""roster, groups: who is in a course, whole or not at all."""

import json
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any
from urllib.parse import parse_qs, urlencode

from mentorai.core.errors import MentorAIError, PlatformError
from mentorai.core.launch_facts import GroupService
from mentorai.core.values import Context, CourseSection, Group, Member, Role, RosterEnd
from mentorai.plugins.sandbox.certification.case import Failed, LeftOut, expect
from mentorai.plugins.sandbox.certification.wire import Environ
from mentorai.plugins.sandbox.conformance.bench import (
    COURSE,
    Bench,
    describe,
    get_course,
    get_person,
)
from mentorai.plugins.sandbox.conformance.case import PluginCase, about
from mentorai.plugins.sandbox.members import MEMBERS_TYPE
from mentorai.plugins.sandbox.school import MEMBERSHIP
from mentorai.plugins.sandbox.wire import Reply

MANY, LARGE_PAGE = 10_000, 500
# At most so many of them may have been fetched when the first member is given.
EAGER_PAGES = 2
LOOSE = 3
STRANGER = "a-stranger"


def _url(bench: Bench) -> str:
    return f"{bench.platform.base_url}/lti/courses/{COURSE}/members"


def _asked(bench: Bench) -> dict[str, Any]:
    """What list_members is asked."""
    course = get_course()
    return {
        "engine": bench.engine,
        "platform": bench.facts,
        "memberships_url": _url(bench),
        "context": Context(course.context_id, course.label, course.title),
    }


def _read(bench: Bench) -> list[Member]:
    """The roster. Raises Failed unless it is Members and what they are in, a RosterEnd last."""
    found = bench.ask("list_members", list_or_none, **_asked(bench))
    if found is None:
        raise LeftOut("list_members gave None for its own family, so lti_launch reads the roster")
    if found and isinstance(found[-1], RosterEnd):
        found = found[:-1]
    odd = [each for each in found if not isinstance(each, Member | CourseSection | Group)]
    expect(not odd, f"in the roster there is {describe(odd[:1])}")
    return [each for each in found if isinstance(each, Member)]


def list_or_none(answer: Any) -> list[Any] | None:
    """A whole answer that comes piece by piece."""
    return None if answer is None else list(answer)


def _is_whole(bench: Bench) -> str:
    wanted = {get_person(person).sub for person in get_course().members}
    for size in (50, 2, 1):
        bench.lms.behave({"page_size": size})
        try:
            subjects = [each.subject for each in _read(bench)]
        finally:
            bench.lms.behave({"page_size": 50})
        expect(len(subjects) == len(set(subjects)), f"in pages of {size} somebody comes twice")
        lost = wanted - set(subjects)
        expect(not lost, f"in pages of {size}: {len(lost)} of {len(wanted)} are missing")
    return f"{len(wanted)} members, each once, in one page and in many"


def _has_roles(bench: Bench) -> str:
    found = {each.subject: each for each in _read(bench)}
    for person in get_course().members:
        member, who = found[get_person(person).sub], get_person(person)
        is_staff = member.role.is_staff
        expect(is_staff is who.is_staff, f"a {who.kind} became {member.role.value}")
        expect(isinstance(member.role, Role), f"the role is {describe(member.role)}")
        if not who.given:
            # A name is None, and not a text that stands for one.
            expect(not member.name and not member.email, f"a withheld name became {member.name!r}")
    return "staff are staff, students are not, and a withheld name is None"


def _is_huge(bench: Bench) -> str:
    bench.platform.wire.stand_in = _many(bench)
    before = len(bench.platform.wire.heard("/members"))
    pages_at_first: list[int] = []

    def count(answer: Any) -> int | None:
        if answer is None:
            return None
        subjects = set()
        for each in answer:
            if not pages_at_first:
                pages_at_first.append(len(bench.platform.wire.heard("/members")) - before)
            subjects.update([each.subject] if isinstance(each, Member) else [])
        return len(subjects)

    try:
        found = bench.ask(
            "list_members", count,
            **_asked(bench),
        )  # fmt: skip
    finally:
        bench.platform.wire.stand_in = None
    if found is None:
        raise LeftOut("list_members gave None for its own family")
    expect(found == MANY, f"{found} of {MANY} members came")
    eager = pages_at_first[0] > EAGER_PAGES
    expect(not eager, f"{pages_at_first[0]} pages were fetched before the first member was given")
    return f"{MANY} members, given while they are read"


def _many(bench: Bench, broken: Reply | None = None) -> Callable[[Environ], Reply | None]:
    """A roster of many in pages, in the place of the course's own.

    broken: what comes in the place of the second page and all after it.
    """

    def answer(environ: Environ) -> Reply | None:
        if not environ["PATH_INFO"].endswith("/members"):
            return None
        query = parse_qs(environ.get("QUERY_STRING", ""))
        first = int(query.get("after", ["0"])[0])
        if first and broken:
            return broken
        last = min(first + LARGE_PAGE, MANY)
        members = [
            {"user_id": f"person-{n}", "roles": [f"{MEMBERSHIP}#Learner"], "status": "Active"}
            for n in range(first, last)
        ]
        following = f'<{_url(bench)}?{urlencode({"after": last})}>; rel="next"'
        headers = {"Link": following} if last < MANY else {}
        return Reply(200, json.dumps({"members": members}).encode(), MEMBERS_TYPE, headers)

    return answer


def _breaks_off(bench: Bench) -> str:
    """The second page fails: whoever was not on the first must not seem to have left."""
    for broken in (Reply(500), Reply(200, b"<!doctype html><p>Please log in.</p>", "text/html")):
        bench.platform.wire.stand_in = _many(bench, broken)
        try:
            members = _read(bench)
        except MentorAIError as error:
            is_right = isinstance(error, PlatformError)
            expect(is_right, f"a roster that breaks off raised {type(error).__name__}")
        else:
            raise Failed(f"a roster that broke off ended quietly after {len(members)} members")
        finally:
            bench.platform.wire.stand_in = None
    return "a PlatformError, and not a shorter roster"


def _is_another_courses(bench: Bench) -> str:
    """Some LMS answers with whatever course its caches hold: its people are not this course's."""
    container = {
        "context": {"id": "another-course"},
        "members": [{"user_id": STRANGER, "roles": [f"{MEMBERSHIP}#Learner"]}],
    }
    reply = Reply(200, json.dumps(container).encode(), MEMBERS_TYPE)
    bench.platform.wire.stand_in = lambda environ: (
        reply if environ["PATH_INFO"].endswith("/members") else None
    )
    try:
        members = _read(bench)
    except MentorAIError as error:
        members = []
        is_right = isinstance(error, PlatformError)
        expect(is_right, f"the roster of another course raised {type(error).__name__}")
    finally:
        bench.platform.wire.stand_in = None
    taken = any(each.subject == STRANGER for each in members)
    expect(not taken, "a member of another course was taken for one of this")
    return "nobody of the other course was given"


def _is_left(bench: Bench) -> str:
    if bench.subject.profile is None:
        raise LeftOut("it serves every family that nobody else does")
    stranger = replace(bench.facts, family="a-stranger")
    asked: dict[str, dict[str, Any]] = {
        "list_members": _asked(bench),
        "list_sections": {"context": _asked(bench)["context"]},
        "list_groups": {"service": _service(bench)},
    }
    tried = [hook for hook in asked if bench.has(hook)]
    for hook in tried:
        answer = bench.ask(hook, **{"engine": bench.engine, **asked[hook], "platform": stranger})
        expect(answer is None, f"{hook} for another family gave {describe(answer)}")
    return f"None from {', '.join(tried)}"


def _service(bench: Bench) -> GroupService:
    base = f"{bench.platform.base_url}/lti/courses/{COURSE}"
    return GroupService(f"{base}/groups", f"{base}/group_sets")


def _groups_are_whole(bench: Bench) -> str:
    found = bench.ask(
        "list_groups", list_or_none,
        engine=bench.engine, platform=bench.facts, service=_service(bench),
    )  # fmt: skip
    if found is None:
        raise LeftOut("list_groups gave None for its own family, so lti_launch reads the groups")
    odd = [each for each in found if not isinstance(each, Group)]
    expect(not odd, f"among the groups there is {describe(odd[:1])}")
    ids = [each.lms_id for each in found]
    expect(len(ids) == LOOSE and len(set(ids)) == LOOSE, f"{len(ids)} groups of {LOOSE} came")
    expect(any(each.set_name for each in found), "no group is in its set")
    return f"{len(ids)} groups, with their sets"


CASES: Sequence[PluginCase] = (
    about("list_members", "roster.whole", "a roster is whole",
          "a course of five, in one page and in many", "each member once", _is_whole),
    about("list_members", "roster.roles", "a roster says who teaches",
          "an instructor, an assistant and students, one without a name",
          "staff are staff, nobody else is; no name is None", _has_roles),
    about("list_members", "roster.huge", "a roster may be huge",
          f"{MANY} members in pages of {LARGE_PAGE}", "each member, given while they are read",
          _is_huge),
    about("list_members", "roster.broken", "a roster that breaks off is none",
          "a second page that fails, and one that is a page for people",
          "a PlatformError: nobody is taken off a course for it", _breaks_off),
    about("list_members", "roster.another", "the roster of another course is none",
          "a roster that names another course as its own",
          "its people are not given as this course's; a PlatformError", _is_another_courses),
    about("list_members list_sections list_groups", "roster.others",
          "others' rosters are left alone", "a platform of another family", "None", _is_left),
    about("list_groups", "groups.whole", "groups are whole", "a course with three groups",
          "each group once, with its set", _groups_are_whole),
)  # fmt: skip
