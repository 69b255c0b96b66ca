"""How a platform wants to be called: so many calls at once, within what its client may spend."""

from collections.abc import Callable
from dataclasses import dataclass, replace

from mentorai.core.values import Bucket, PlatformProfile
from mentorai.lti.budgets import Budget, Budgets
from mentorai.lti.origins import find_origin
from mentorai.lti.registrations import Registration


@dataclass(frozen=True, slots=True)
class Pace:
    """calls_at_once: to one host from this process at most; None: as many as help.

    budget: what the calls are counted in, if they are. extra: units that this one costs on top
        when it is over.
    reserve: the share of the budget that this one leaves to others, since it can wait.
    """

    calls_at_once: int | None = None
    budget: Budget | None = None
    extra: float = 0.0
    reserve: float = 0.0


FREE = Pace()


class Paces:
    """The pace of every registration, from the profile of its family.

    find_profile: gives None while nobody knows yet which LMS it is.
    """

    def __init__(
        self, find_profile: Callable[[Registration], PlatformProfile | None], budgets: Budgets
    ) -> None:
        self._find_profile = find_profile
        self._budgets = budgets
        self._known: dict[tuple[str, str], Pace] = {}
        self._lifted: set[str] = set()

    def find(self, registration: Registration) -> Pace:
        """How this platform wants to be called; a client's schools share one budget."""
        key = (registration.id, registration.family)
        known = self._known.get(key)
        if known is None:
            profile = self._find_profile(registration)
            if profile is None:
                return FREE
            known = self._known[key] = self._make(registration, profile)
        return known

    def _make(self, registration: Registration, profile: PlatformProfile) -> Pace:
        owner = f"{registration.issuer} {registration.client_id}"
        budget = self._budgets.get(owner, profile.bucket) if profile.bucket else None
        return Pace(profile.calls_at_once, budget)

    def find_for_api(
        self, registration: Registration | None, owner: str, bucket: Bucket | None
    ) -> Pace:
        """How an API of the platform's own wants to be called: as the platform, in another budget.

        owner: whose calls it counts together, in words of ours; bucket: how, if it does.
        """
        pace = self.find(registration) if registration else FREE
        if registration is not None and registration.id in self._lifted:
            return pace
        return replace(pace, budget=self._budgets.get(owner, bucket) if bucket else None)

    def lift(self, registration: Registration) -> None:
        """Count this platform's calls no more in this process, nor those of its own API: it is one
        that does not count.
        """
        self._lifted.add(registration.id)
        self._known[registration.id, registration.family] = FREE

    def find_for_token(self, registration: Registration) -> Pace:
        """The same for a request for an access token, which may be counted by itself."""
        pace = self.find(registration)
        if pace.budget is None or not pace.budget.bucket.token_cost:
            return pace
        bucket = pace.budget.bucket
        budget = self._budgets.get(f"tokens of {find_origin(registration.token_url)}", bucket)
        return replace(pace, budget=budget, extra=bucket.token_cost)
