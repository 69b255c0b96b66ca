"""Small groups: numbers that come from so few people that they would tell of single ones.

A number that comes from fewer people than a minimum is hidden. Where a total is shown, one hidden
number could be computed from the others; so more are hidden, the smallest first, until what is
hidden in the column comes from two places and the minimum of people at least.
"""

from collections.abc import Hashable, Sequence
from dataclasses import dataclass, field


@dataclass(slots=True)
class Number:
    """A number, and the people whom it comes from."""

    value: float = 0
    people: set[Hashable] = field(default_factory=set)

    def add(self, value: float, person: Hashable | None) -> None:
        """Count one thing more; person: whose it is, or None for nobody's."""
        self.value += value
        if person is not None:
            self.people.add(person)

    def is_small(self, minimum: int) -> bool:
        """Whether fewer people than `minimum`, and not none, stand behind it."""
        return 0 < len(self.people) < minimum


def find_hidden(column: Sequence[Number], total: Number, minimum: int) -> set[int]:
    """Which numbers of a column must not be shown beside its total."""
    hidden = {n for n, number in enumerate(column) if number.is_small(minimum)}
    if not hidden or total.is_small(minimum):
        return hidden
    others = sorted(
        (n for n, number in enumerate(column) if number.people and n not in hidden),
        key=lambda n: (len(column[n].people), n),
    )
    covered = set().union(*(column[n].people for n in hidden))
    for n in others:
        if len(hidden) > 1 and len(covered) >= minimum:
            break
        hidden.add(n)
        covered |= column[n].people
    return hidden
