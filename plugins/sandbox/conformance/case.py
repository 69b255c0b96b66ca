"""What a case about a plugin is: a certification's case that applies by hooks."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from mentorai.plugins.sandbox.certification.case import Case
from mentorai.plugins.sandbox.conformance.bench import Bench

# What is seen goes into the report; raises Failed if it is not right, LeftOut if it cannot be.
Run = Callable[[Bench], str]
HOOKS_PAGE = "docs/hooks.md"


@dataclass(frozen=True, slots=True)
class PluginCase(Case):
    """One case.

    id: a subject and what is asked of it. clause: where to read about it. hooks: it is left out
    unless the plugin implements one of these; empty: it always applies.
    """

    hooks: Sequence[str] = ()


def about(
    hooks: str,
    case_id: str,
    name: str,
    sent: str,
    expected: str,
    run: Run,
) -> PluginCase:
    """A case about hooks, named with spaces between them; the page of hooks says more."""
    names = hooks.split()
    clause = f"{HOOKS_PAGE}, {names[0]}"
    return PluginCase(case_id, name, clause, sent, expected, run, hooks=names)


def always(case_id: str, name: str, sent: str, expected: str, run: Run) -> PluginCase:
    """A case about every plugin; the page about writing one says more."""
    return PluginCase(case_id, name, "docs/writing-a-plugin.md, What to know", sent, expected, run)
