"""Every case there is, in the order in which they are run."""

from collections.abc import Sequence

from mentorai.plugins.sandbox.conformance import (
    answers,
    connections,
    launches,
    loading,
    pages,
    platforms,
    refusals,
    rosters,
    scores,
    whole_run,
)
from mentorai.plugins.sandbox.conformance.case import PluginCase

LOADING = loading.CASES
# The last ones look back at all the others.
OTHERS: Sequence[PluginCase] = (
    *platforms.CASES,
    *launches.CASES,
    *scores.CASES,
    *refusals.CASES,
    *rosters.CASES,
    *connections.CASES,
    *pages.CASES,
    *answers.CASES,
    *whole_run.CASES,
)
CASES: Sequence[PluginCase] = (*LOADING, *OTHERS)
