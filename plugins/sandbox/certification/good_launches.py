"""T1 to T10 and S1 to S10: the good launches of an instructor (T) and of a learner (S)."""

from collections.abc import Sequence
from typing import Any

from mentorai.core.errors import LaunchRejected
from mentorai.core.values import Role
from mentorai.plugins.sandbox.certification.case import CORE, Case, Run, expect
from mentorai.plugins.sandbox.certification.stage import Admitted, Attempt, Stage
from mentorai.plugins.sandbox.school import INSTITUTION, MEMBERSHIP

WIZARD = "http://example.edu/roles#Wizard"
NAMELESS = {"name": None, "given_name": None, "family_name": None}
ROLES = f"{CORE}5.3.7"
PERSON = f"{CORE}5.3.6"


def admit(role: Role, **changes: Any) -> Run:
    """Launch with changed claims; the person is let in as `role`."""

    def run(stage: Stage) -> str:
        return _describe(_admit(stage.begin(), role, changes))

    return run


def _admit(attempt: Attempt, role: Role, changes: dict[str, Any]) -> Admitted:
    admitted = attempt.finish(**changes)
    expect(admitted.session.role is role, f"the role became {admitted.session.role.value}")
    return admitted


def _describe(admitted: Admitted) -> str:
    return f"{admitted.page.status_code}, {admitted.session.role.value}"


def _admit_whole(role: Role, names: Sequence[str]) -> Run:
    """A full launch: also the session is this browser's alone, and the person is enrolled."""

    def run(stage: Stage) -> str:
        before = stage.count()
        attempt = stage.begin()
        admitted = _admit(attempt, role, {"roles": list(names)})
        other = stage.browser().get(admitted.page.url)
        expect(other.status_code == 403, f"another browser got {other.status_code}")
        after = stage.count()
        rows = (after.persons - before.persons, after.enrolments - before.enrolments)
        expect(rows == (1, 1), f"persons and enrolments grew by {rows}")
        expect(
            admitted.person.name == attempt.claims["name"], f"the name is {admitted.person.name}"
        )
        return f"{_describe(admitted)}; another browser is refused the session"

    return run


def _admit_known(role: Role, name: str, changes: dict[str, Any]) -> Run:
    """The person is known by what the platform told of them, and again the next time."""

    def run(stage: Stage) -> str:
        first = stage.begin()
        admitted = _admit(first, role, {"roles": [f"{MEMBERSHIP}#{name}"]} | changes)
        claims = first.change(**changes)
        kept = (admitted.person.name, admitted.person.email)
        told = (claims.get("name"), claims.get("email"))
        expect(kept == told, f"the person is kept as {kept}, not {told}")
        again = stage.begin(subject=first.subject)
        second = _admit(again, role, {"roles": [f"{MEMBERSHIP}#{name}"]} | changes)
        expect(second.person.id == admitted.person.id, "the second launch made another person")
        return f"{_describe(admitted)}; the same person the second time"

    return run


def _without_role(roles: Sequence[str]) -> Run:
    """Nobody's role: let in without powers, or refused in a friendly way."""

    def run(stage: Stage) -> str:
        attempt = stage.begin()
        answer = attempt.post(attempt.sign(roles=list(roles)))
        if answer.status_code >= 400:
            return f"{answer.status_code} {stage.read_refusal(answer, LaunchRejected)}"
        return _describe_powerless(stage.read_admission(attempt, answer))

    return run


def _describe_powerless(admitted: Admitted) -> str:
    expect(admitted.session.role is Role.OTHER, f"the role is {admitted.session.role.value}")
    return _describe(admitted)


def _outside_a_course(role: Role, name: str) -> Run:
    def run(stage: Stage) -> str:
        changes = {"roles": [f"{MEMBERSHIP}#{name}"], "context": None}
        admitted = _admit(stage.begin(), role, changes)
        expect(admitted.session.context_id is None, "the session has a course")
        return f"{_describe(admitted)}, outside any course"

    return run


def _new_link(role: Role, name: str) -> Run:
    def run(stage: Stage) -> str:
        before = stage.count().links
        attempt = stage.begin()
        link = {"id": f"new-{attempt.subject}", "title": "A new link"}
        changes = {"roles": [f"{MEMBERSHIP}#{name}"], "resource_link": link}
        admitted = _admit(attempt, role, changes)
        expect(admitted.session.resource_link_id, "the session has no link")
        expect(stage.count().links == before + 1, "no new link was kept")
        return f"{_describe(admitted)}, and one link more"

    return run


def _cases(letter: str, role: Role, name: str, elsewhere: str) -> Sequence[Case]:
    who = role.value
    full = f"{MEMBERSHIP}#{name}"

    def case(number: str, title: str, clause: str, expected: str, run: Run) -> Case:
        return Case(f"{letter}{number}", f"{who}: {title}", clause, title, expected, run)

    as_role = f"let in as {who}"
    return (
        case("1", "full launch", f"{CORE}5.2", as_role, _admit_whole(role, [full])),
        case("2", "several roles", ROLES, "the role in the course decides",
             admit(role, roles=[f"{INSTITUTION}#{elsewhere}", full])),
        case("3", "short role name", f"{CORE}A.2.2", as_role, admit(role, roles=[name])),
        case("4", "unknown role beside a known one", ROLES, as_role,
             admit(role, roles=[WIZARD, full])),
        case("4.alone", "unknown role alone", ROLES, "let in without powers",
             admit(Role.OTHER, roles=[WIZARD])),
        case("5", "no role" if letter == "T" else "an empty role", ROLES,
             "let in without powers, or refused", _without_role([] if letter == "T" else [""])),
        case("6", "e-mail only", PERSON, as_role, _admit_known(role, name, NAMELESS)),
        case("7", "names only", PERSON, as_role, _admit_known(role, name, {"email": None})),
        case("8", "no personal data", PERSON, as_role,
             _admit_known(role, name, NAMELESS | {"email": None})),
        case("9", "no context", f"{CORE}5.4.1", as_role, _outside_a_course(role, name)),
        case("10", "new resource link", f"{CORE}5.3.5", as_role, _new_link(role, name)),
    )  # fmt: skip


CASES: Sequence[Case] = (
    *_cases("T", Role.INSTRUCTOR, "Instructor", "Student"),
    *_cases("S", Role.LEARNER, "Learner", "Instructor"),
)
