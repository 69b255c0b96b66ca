"""Running cases about a plugin, and saying what came of them to somebody who wants to mend it."""

import textwrap
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from mentorai.core.installed_plugins import InstalledPlugin
from mentorai.plugins.sandbox.certification.report import FAILED, LEFT_OUT, Outcome, try_case
from mentorai.plugins.sandbox.conformance.bench import Bench
from mentorai.plugins.sandbox.conformance.case import PluginCase
from mentorai.plugins.sandbox.conformance.catalogue import LOADING
from mentorai.plugins.sandbox.conformance.loading import Loading
from mentorai.plugins.sandbox.conformance.setting import benched, read_subject

WIDTH = 100
DOES_NOT_LOAD = "it does not load"


def try_plugin(
    cases: Sequence[PluginCase],
    found: InstalledPlugin,
    plugins: Sequence[InstalledPlugin],
    folder: Path,
    claims: Mapping[str, Any],
    *,
    installed: bool = True,
) -> Iterator[Outcome]:
    """Try the cases on one plugin among others; those of loading first, whatever was chosen.

    folder: where the data may be. claims: how its LMS's launches differ from the sandbox's.
    installed: whether another process finds the plugin too.
    """
    first = [try_case(case, Loading(found, plugins)) for case in LOADING]
    yield from (each for each in first if each.case in cases)
    rest = [case for case in cases if case not in LOADING]
    if any(each.result == FAILED for each in first):
        yield from (Outcome(case, LEFT_OUT, DOES_NOT_LOAD, 0.0) for case in rest)
        return
    if not rest:
        return
    subject = read_subject(found, claims, installed=installed)
    with benched(subject, plugins, folder) as bench:
        for case in rest:
            yield play(case, bench)


def play(case: PluginCase, bench: Bench) -> Outcome:
    """Try one case, if the plugin implements what it is about."""
    if case.hooks and not any(bench.has(hook) for hook in case.hooks):
        return Outcome(case, LEFT_OUT, f"it does not implement {' or '.join(case.hooks)}", 0.0)
    with bench.overheard.listening():
        return try_case(case, bench)


def write_case(outcome: Outcome) -> str:
    """One case, for a terminal; one that failed with all that helps to mend it."""
    case = outcome.case
    lines = [f"{outcome.result:10}  {case.id:20}  {case.name}"]
    if outcome.result != FAILED:
        return "\n".join([*lines, _indent("", outcome.seen)])
    lines += [
        _indent("asked     ", case.sent),
        _indent("expected  ", case.expected),
        _indent("seen      ", outcome.seen),
        _indent("read      ", case.clause),
    ]
    return "\n".join(lines)


def _indent(label: str, text: str) -> str:
    margin = " " * 12
    return textwrap.fill(
        text or "-",
        WIDTH,
        initial_indent=f"{margin}{label}",
        subsequent_indent=margin + " " * len(label),
        break_on_hyphens=False,
    )
