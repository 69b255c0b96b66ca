"""launch: refine_launch mends what the LMS says differently, and nothing else."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

from mentorai.core.launch_facts import LaunchDetails
from mentorai.core.values import Launch
from mentorai.plugins.sandbox.certification.case import Failed, LeftOut, expect
from mentorai.plugins.sandbox.conformance.bench import Bench, describe, get_person
from mentorai.plugins.sandbox.conformance.case import PluginCase, about
from mentorai.plugins.sandbox.oidc import AGS, CLAIM, GROUPS, NRPS
from mentorai.plugins.sandbox.school import INSTITUTION, MEMBERSHIP

# What makes a launch this person's, in this place, of this LMS.
KEPT = (
    *("organization_id", "registration_id", "deployment_id", "issuer", "client_id"),
    *("message_type", "subject", "review_of", "former"),
)
OPTIONAL = (
    *("name", "given_name", "family_name", "email", "locale"),
    *(f"{CLAIM}/{name}" for name in ("context", "tool_platform", "launch_presentation", "custom")),
    *(f"{AGS}/claim/endpoint", f"{NRPS}/claim/namesroleservice", f"{GROUPS}/claim/groupsservice"),
    f"{CLAIM}/platformnotificationservice",
)
SYSTEM = "http://purl.imsglobal.org/vocab/lis/v2/system/person"
# Roles of people who are no staff in the course, whatever they are elsewhere.
NO_STAFF: Sequence[Sequence[str]] = (
    (f"{INSTITUTION}#Instructor",),
    (f"{INSTITUTION}#Administrator",),
    (f"{SYSTEM}#SysAdmin",),
    (f"{INSTITUTION}#Faculty", f"{MEMBERSHIP}#Learner"),
    (f"{INSTITUTION}#Administrator", f"{SYSTEM}#SysAdmin", f"{MEMBERSHIP}#Learner"),
    (f"{MEMBERSHIP}#Mentor", f"{INSTITUTION}#Observer"),
    (f"{MEMBERSHIP}#Learner", "http://purl.imsglobal.org/vocab/lti/system/person#TestUser"),
    ("a-role-that-nobody-knows",),
    (),
)
NESTED: Any = {"a": [{"b": [None, True, 1e300]}]}
HOSTILE: Sequence[Any] = (
    *(None, True, 0, -1, 1e308, "", " ", "$User.id", "x" * 100_000, "a\x00b\nc", "\u202eevil"),
    *("<script>alert(1)</script>", "'; DROP TABLE people; --", "javascript:alert(1)", "../../etc"),
    *([], {}, [[[]]], NESTED, ["x"] * 10_000, {"": ""}),
)  # fmt: skip
PEOPLE = ("maya", "private", "ruth", "jonas", "ines")
ROUNDS = 3


class Noting(Mapping[str, Any]):
    """Claims or parameters that note down which of them are asked for."""

    def __init__(self, given: Mapping[str, Any]) -> None:
        self._given = dict(given)
        self.asked: set[str] = set()

    def __getitem__(self, name: str) -> Any:
        self.asked.add(name)
        return self._given[name]

    def __contains__(self, name: object) -> bool:
        self.asked.add(str(name))
        return name in self._given

    def __iter__(self) -> Iterator[str]:
        return iter(self._given)

    def __len__(self) -> int:
        return len(self._given)


class OtherDetails(LaunchDetails):
    """The details of a launch with other claims in the place of its own."""

    __slots__ = ("_others", "_real")

    def __init__(self, real: LaunchDetails, others: Mapping[str, Any]) -> None:
        self._real = real
        self._others = others

    @property
    def other_claims(self) -> Mapping[str, Any]:
        return self._others

    def __getattribute__(self, name: str) -> Any:
        if name in ("other_claims", "_others", "_real") or name.startswith("__"):
            return object.__getattribute__(self, name)
        return getattr(object.__getattribute__(self, "_real"), name)


def check_kept(launch: Launch, refined: Launch) -> None:
    """Raise Failed unless it is the same person, place and LMS still, with no more power."""
    for name in KEPT:
        before, after = getattr(launch, name), getattr(refined, name)
        expect(before == after, f"{name} was {before!r} and became {describe(after)}")
    for name in ("context", "resource_link"):
        before, after = (getattr(each, name) for each in (launch, refined))
        ids = [each.lms_id if each else None for each in (before, after)]
        expect(ids[0] == ids[1], f"the {name} was {ids[0]!r} and became {ids[1]!r}")
    expect(not launch.is_test_user or refined.is_test_user, "the preview student became a student")
    expect(launch.subject or not refined.role.is_staff, "nobody in particular became staff")
    target = refined.target
    expect(target[:1] == "/" and target[1:2] not in ("/", "\\"), f"it would lead to {target!r}")


def _is_the_same(bench: Bench) -> str:
    launches = [bench.launch(person, item) for person in PEOPLE for item in ("tides-mentor", "")]
    launches += [bench.launch(item="shore-quiz"), bench.launch(sub=None)]
    for launch in launches:
        custom = dict(launch.custom)
        refined = bench.refine(launch)
        check_kept(launch, refined)
        expect(dict(launch.custom) == custom, "it changed the launch that it was given")
        twice = bench.refine(refined)
        expect(twice == refined, "refined twice it is another one")
    return f"{len(launches)} launches, each of the same person in the same place"


def _gives_no_power(bench: Bench) -> str:
    said = bench.subject.profile.course_roles if bench.subject.profile else ()
    tried = [
        roles
        for roles in NO_STAFF
        # Where the family says it by these, and by no role in the course beside them.
        if set(said).isdisjoint(roles) or any(each.startswith(MEMBERSHIP) for each in roles)
    ]
    for roles in tried:
        launch = bench.launch(roles=list(roles))
        refined = bench.refine(launch)
        short = ", ".join(role.rpartition("/")[2] for role in roles) or "no role"
        expect(not refined.role.is_staff, f"{short} became {refined.role.value}")
    for person in ("ruth", "maya"):
        refined = bench.refine(bench.launch(person))
        is_staff = get_person(person).is_staff
        who = "somebody who teaches" if is_staff else "a student"
        expect(refined.role.is_staff is is_staff, f"{who} became {refined.role.value}")
    return f"nobody of {len(tried)} who are no staff in the course became staff"


def _check_usual(bench: Bench) -> None:
    """Raise LeftOut if it does not even keep a usual launch as it is."""
    launch = bench.launch()
    try:
        check_kept(launch, bench.refine(launch))
    except Failed as failure:
        raise LeftOut("see launch.same") from failure


def _needs_nothing(bench: Bench) -> str:
    _check_usual(bench)
    bare: dict[str, Any] = dict.fromkeys(OPTIONAL)
    alone = [{name: None} for name in OPTIONAL]
    for changes in (*alone, bare):
        launch = bench.launch(**changes)
        check_kept(launch, bench.refine(launch))
    return f"each of {len(OPTIONAL)} optional claims left out, then all of them"


def _stands_hostility(bench: Bench) -> str:
    _check_usual(bench)
    claims, customs = set(bench.launch().other_claims), set(bench.launch().custom)
    for value in HOSTILE:
        for _ in range(ROUNDS):
            asked = _try_hostile(bench, value, claims, customs)
            if asked[0] <= claims and asked[1] <= customs:
                break
            claims, customs = claims | asked[0], customs | asked[1]
    names = ", ".join(sorted(claims | customs)) or "none of a vendor's"
    return f"{len(HOSTILE)} odd values in each of what it reads: {names[:300]}"


def _try_hostile(
    bench: Bench, value: Any, claims: set[str], customs: set[str]
) -> tuple[set[str], set[str]]:
    """Refine a launch with the value in all of these; what else the plugin asked for."""
    text = value if isinstance(value, str) else str(value)[:10_000]
    launch = bench.launch()
    custom, others = Noting(dict.fromkeys(customs, text)), Noting(dict.fromkeys(claims, value))
    odd = replace(
        launch,
        custom=custom,
        details=OtherDetails(launch.details, others),
        # Whatever came, these have passed the toolkit's own reading.
        name=text[:1_000] or None,
        locale=text[:64] or launch.locale,
    )
    check_kept(odd, bench.refine(odd))
    return others.asked, custom.asked


CASES: Sequence[PluginCase] = (
    about("refine_launch", "launch.same", "a launch stays the same person's",
          "launches of all kinds of people, of items and of the picker, and an anonymous one",
          "the same person, place and LMS; the launch that was given is untouched", _is_the_same),
    about("refine_launch", "launch.roles", "nobody becomes staff",
          "roles in the institution and the system, observers, the preview student, none at all",
          "no staff", _gives_no_power),
    about("refine_launch", "launch.bare", "it needs no optional claim",
          "a launch without each optional claim, and without all", "the launch, refined or not",
          _needs_nothing),
    about("refine_launch", "launch.hostile", "odd claims do no harm",
          "odd values in every parameter and claim that it reads", "the launch, refined or not",
          _stands_hostility),
)  # fmt: skip
