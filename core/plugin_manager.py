"""Plugins found, checked and asked: one policy for a plugin that raises.

ask_first   the first answer that is not None; what a plugin raises as one of our errors
            flies on, anything else becomes PluginFailed
ask_all     every answer that is not None; a plugin that raises is logged and left out
judge       the first Denial; a plugin that raises refuses, unless the database is away
tell        each plugin alone; a plugin that raises is logged
"""

from collections.abc import Collection, Sequence
from typing import Any, cast

import pluggy
import structlog

from mentorai.core import hookspecs
from mentorai.core.errors import (
    ConfigurationError,
    DatabaseUnavailable,
    MentorAIError,
    PluginConflict,
    PluginFailed,
)
from mentorai.core.installed_plugins import find_installed_plugins
from mentorai.core.values import Denial, PlatformProfile

# The name under which the core's own answers to hooks are registered.
CORE = "core"
log = structlog.get_logger(__name__)


class Plugins:
    """The plugins of one engine, asked in the reverse order of their registration."""

    def __init__(self) -> None:
        self._manager = pluggy.PluginManager(hookspecs.PROJECT)
        self._manager.add_hookspecs(hookspecs)
        self._installed: set[str] = set()
        self._profiles: dict[str, PlatformProfile] = {}
        self._askable: dict[str, Sequence[pluggy.HookImpl]] = {}

    def add(self, plugin: object, name: str) -> None:
        """Register one plugin.

        Raises PluginConflict if the name is taken; ConfigurationError if a hook does not fit.
        """
        if self._manager.has_plugin(name):
            raise PluginConflict(f"Two plugins are called {name}.")
        try:
            self._manager.register(plugin, name=name)
        except pluggy.PluginValidationError as error:
            raise ConfigurationError(f"The plugin {name} does not fit: {error}") from error
        self._askable.clear()
        for caller in self._manager.get_hookcallers(plugin) or []:
            for implementation in caller.get_hookimpls():
                if implementation.plugin is plugin and _is_wrapper(implementation):
                    raise ConfigurationError(
                        f"The plugin {name} wraps {caller.name}; hooks cannot be wrapped here."
                    )

    def discover(self, names: Collection[str] | None = None) -> None:
        """Register every installed plugin, lti_launch first so that it is asked last.

        names: register these only.

        One that cannot be imported is logged and left out: a broken extra must not stop a class.
        """
        for found in find_installed_plugins():
            if names is not None and found.name not in names:
                continue
            if found.plugin is None:
                reason = found.reason.partition(":")[0]
                log.error("plugin_absent", plugin=found.name, reason=reason)
                continue
            self.add(found.plugin, found.name)
            self._installed.add(found.name)

    def check(self) -> None:
        """Refuse misspelt hooks and double claims; called once, at start.

        Raises ConfigurationError for a hook nobody knows, PluginConflict for two profiles of
        one family, PluginFailed for a plugin that cannot say what it is.
        """
        try:
            self._manager.check_pending()
        except pluggy.PluginValidationError as error:
            raise ConfigurationError(f"A plugin misspells a hook: {error}") from error
        claimed: dict[str, str] = {}
        for implementation in self._manager.hook.platform_profile.get_hookimpls():
            profile = cast(PlatformProfile, self._call(implementation, "platform_profile", {}))
            family = profile.family
            if family in claimed:
                names = f"{claimed[family]} and {implementation.plugin_name}"
                raise PluginConflict(f"The plugins {names} both claim the family {family}.")
            claimed[family] = implementation.plugin_name
            self._profiles[family] = profile

    def find_profile(self, family: str) -> PlatformProfile | None:
        """What is special about a family of LMS, as its plugin said at start, or None."""
        return self._profiles.get(family)

    def names(self) -> list[str]:
        """The registered plugins' names, sorted."""
        return sorted(name for name, _ in self._manager.list_name_plugin())

    def hooks_of(self, name: str) -> list[str]:
        """The hooks that the plugin `name` implements, sorted."""
        callers = self._manager.get_hookcallers(self._manager.get_plugin(name)) or []
        return sorted(caller.name for caller in callers)

    def has(self, hook: str) -> bool:
        """Whether any plugin implements a hook: for what is only worth preparing if one does."""
        return bool(self._asked(hook))

    def find_installed(self, hook: str) -> list[str] | None:
        """The plugins beside the core that implement a hook, by the names they are installed as.

        None if one of them is not installed, and so cannot be found from another process.
        """
        asked = {implementation.plugin_name for implementation in self._asked(hook)} - {CORE}
        return sorted(asked) if asked <= self._installed else None

    def ask_first(self, hook: str, /, **facts: Any) -> Any:
        """The first plugin's answer that is not None, or None."""
        for implementation in self._asked(hook):
            answer = self._call(implementation, hook, facts)
            if answer is not None:
                return answer
        return None

    def ask_alone(self, name: str, hook: str, /, **facts: Any) -> Any:
        """What the plugin `name` answers by itself; None if it does not implement the hook."""
        for implementation in self._asked(hook):
            if implementation.plugin_name == name:
                return self._call(implementation, hook, facts)
        return None

    def ask_all(self, hook: str, /, **facts: Any) -> list[Any]:
        """Every plugin's answer that is not None."""
        answers = []
        for implementation in self._asked(hook):
            try:
                answer = self._call(implementation, hook, facts)
            except MentorAIError as error:
                log.error("plugin_left_out", hook=hook, code=error.code)
                continue
            if answer is not None:
                answers.append(answer)
        return answers

    def judge(self, hook: str, /, **facts: Any) -> Denial | None:
        """The first Denial, or None when every plugin lets it pass."""
        for implementation in self._asked(hook):
            try:
                denial = self._call(implementation, hook, facts)
            except DatabaseUnavailable:
                # Nothing was judged; whoever asked may ask again.
                raise
            except MentorAIError as error:
                return Denial(reason=error.message, code=error.code)
            if denial is not None:
                return denial if isinstance(denial, Denial) else Denial("A plugin refused.")
        return None

    def tell(self, hook: str, /, **facts: Any) -> None:
        """Tell each plugin; what it raises is its own affair."""
        for implementation in self._asked(hook):
            try:
                self._call(implementation, hook, facts)
            except MentorAIError as error:
                log.error("plugin_not_told", hook=hook, code=error.code)

    def _asked(self, hook: str) -> Sequence[pluggy.HookImpl]:
        # A launch asks a dozen times, and plugins come at start alone.
        found = self._askable.get(hook)
        if found is None:
            caller: pluggy.HookCaller = getattr(self._manager.hook, hook)
            found = self._askable[hook] = tuple(reversed(caller.get_hookimpls()))
        return found

    def _call(self, implementation: pluggy.HookImpl, hook: str, facts: dict[str, Any]) -> Any:
        try:
            return implementation.function(*[facts[name] for name in implementation.argnames])
        except (MentorAIError, MemoryError):
            raise
        except Exception as error:
            log.exception("plugin_failed", plugin=implementation.plugin_name, hook=hook)
            raise PluginFailed(implementation.plugin_name, hook) from error


def _is_wrapper(implementation: pluggy.HookImpl) -> bool:
    return bool(implementation.wrapper or implementation.hookwrapper)
