"""What a case is: a name, the clause it stands on, what is sent, what is expected, and how."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeVar

if TYPE_CHECKING:
    from mentorai.plugins.sandbox.certification.stage import Stage

SECURITY = "LTI Security Framework 1.0, section "
CORE = "LTI Core 1.3, section "
DEEP_LINKING = "LTI Deep Linking 2.0, section "
AGS = "LTI AGS 2.0, section "
NRPS = "LTI NRPS 2.0, section "

# What a case gives back is what was seen, for the report; it raises Failed if that is not right.
Run = Callable[["Stage"], str]


class Failed(Exception):
    """What was seen instead of what was expected, in one sentence."""


class LeftOut(Exception):
    """Why a case could not be tried, in one sentence."""


@dataclass(frozen=True, slots=True)
class Case:
    """One case.

    id: as the certification guide numbers it; ours beyond the guide begin with X, a variant has
        a dot (`B6.iss`).
    calls: whether the tool must be able to call the platform on this machine for it.
    run: is given the Stage; or, for cases about a plugin, what they play with.
    """

    id: str
    name: str
    clause: str
    sent: str
    expected: str
    run: Callable[[Any], str]
    calls: bool = False


AnyCase = TypeVar("AnyCase", bound=Case)


def expect(holds: object, seen: str) -> None:
    """Raise Failed with what was seen unless it holds."""
    if not holds:
        raise Failed(seen)


def choose(cases: Sequence[AnyCase], wanted: Sequence[str]) -> Sequence[AnyCase]:
    """The cases of these ids, with their variants; all of them if none is named.

    Raises KeyError with the id that no case has.
    """
    if not wanted:
        return cases
    for name in wanted:
        if not any(_is_of(case, name) for case in cases):
            raise KeyError(name)
    return [case for case in cases if any(_is_of(case, name) for name in wanted)]


def _is_of(case: Case, name: str) -> bool:
    return case.id.lower() == name.lower() or case.id.lower().startswith(f"{name.lower()}.")
