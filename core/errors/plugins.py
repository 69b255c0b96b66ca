"""A plugin, or the language model behind one, did not do what it should."""

from mentorai.core.errors.root import MentorAIError


class ModelError(MentorAIError):
    """The language model did not answer as it should."""

    code = "model_error"


class ModelUnavailable(ModelError):
    """The language model could not be reached."""

    code = "model_unavailable"
    retryable = True


class ModelReplyInvalid(ModelError):
    """The language model sent an answer that could not be understood."""

    code = "model_reply_invalid"


class PluginError(MentorAIError):
    """A plugin did not keep its promises."""

    code = "plugin_error"


class PluginFailed(PluginError):
    """A plugin failed."""

    code = "plugin_failed"

    def __init__(self, plugin: str, hook: str) -> None:
        super().__init__(f"The plugin {plugin} failed in {hook}.")
        self.plugin = plugin
        self.hook = hook


class PluginConflict(PluginError):
    """Two plugins claim the same thing."""

    code = "plugin_conflict"
