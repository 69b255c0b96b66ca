"""load: can the plugin be imported, does it fit, and is it alone in its family."""

import inspect
from collections.abc import Sequence
from dataclasses import dataclass

from mentorai.core import hookspecs
from mentorai.core.errors import MentorAIError
from mentorai.core.installed_plugins import InstalledPlugin
from mentorai.core.plugin_manager import CORE, Plugins
from mentorai.plugins.sandbox.certification.case import Failed, LeftOut, expect
from mentorai.plugins.sandbox.conformance.case import PluginCase

MARK = f"{hookspecs.PROJECT}_impl"
WHERE = "docs/hooks.md, The four kinds"


@dataclass(frozen=True, slots=True)
class Loading:
    """The plugin that is tested, and everything that is installed, itself too."""

    found: InstalledPlugin
    installed: Sequence[InstalledPlugin]


def _is_imported(loading: Loading) -> str:
    found = loading.found
    if found.plugin is None:
        raise Failed(found.reason)
    return f"{getattr(found.plugin, '__name__', type(found.plugin).__name__)} {found.origin}"


def _fits(loading: Loading) -> str:
    alone = _load_alone(loading.found)
    hooks = alone.hooks_of(loading.found.name)
    expect(hooks, "it implements no hook: is @hookimpl forgotten?")
    return ", ".join(hooks)


def _is_marked(loading: Loading) -> str:
    plugin = loading.found.plugin
    if plugin is None:
        raise LeftOut("it cannot be imported")
    names = [name for name, _ in inspect.getmembers(hookspecs, inspect.isfunction)]
    forgotten = [
        name
        for name in names
        if inspect.isroutine(own := getattr(plugin, name, None)) and not hasattr(own, MARK)
    ]
    expect(not forgotten, f"named like a hook, without @hookimpl: {', '.join(forgotten)}")
    return "every function with a hook's name is marked"


def _is_alone(loading: Loading) -> str:
    try:
        _load_alone(loading.found)
    except Failed as failure:
        raise LeftOut("see load.fits") from failure
    together = Plugins()
    for each in loading.installed:
        if each.plugin is not None:
            together.add(each.plugin, each.name)
    try:
        together.check()
    except MentorAIError as error:
        raise Failed(error.message) from error
    return f"among {len(together.names())} plugins"


def _load_alone(found: InstalledPlugin) -> Plugins:
    if found.plugin is None:
        raise LeftOut("it cannot be imported")
    expect(found.name != CORE, f"{CORE} is the name of the toolkit's own answers")
    alone = Plugins()
    try:
        alone.add(found.plugin, found.name)
        alone.check()
    except MentorAIError as error:
        cause = f" ({error.__cause__})" if error.__cause__ else ""
        raise Failed(f"{error.message}{cause}") from error
    return alone


CASES: Sequence[PluginCase] = (
    PluginCase("load.imported", "it can be imported", WHERE, "the entry point",
               "a module or object", _is_imported),
    PluginCase("load.fits", "its hooks fit", WHERE, "each hook's name and arguments",
               "hooks that there are, with arguments that they have", _fits),
    PluginCase("load.marked", "no hook is forgotten", WHERE, "functions with a hook's name",
               "each is marked @hookimpl", _is_marked),
    PluginCase("load.alone", "no other plugin has its family", f"{WHERE}; platform_profile",
               "every installed plugin together", "no family is claimed twice", _is_alone),
)  # fmt: skip
