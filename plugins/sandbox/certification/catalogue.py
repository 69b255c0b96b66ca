"""Every case there is, in the order of the guide, then ours."""

from collections.abc import Sequence

from mentorai.plugins.sandbox.certification import (
    bad_launches,
    columns,
    deep_links,
    forged_launches,
    good_launches,
    keyset_launches,
    placed_kinds,
    repeated_launches,
    rosters,
    scores,
)
from mentorai.plugins.sandbox.certification.case import Case

CASES: Sequence[Case] = (
    *bad_launches.CASES,
    *good_launches.CASES,
    *deep_links.CASES,
    *placed_kinds.CASES,
    *rosters.CASES,
    *scores.CASES,
    *columns.CASES,
    *forged_launches.CASES,
    *repeated_launches.CASES,
    *keyset_launches.CASES,
)
