"""The rooms of one sandbox, put together."""

from dataclasses import dataclass
from typing import Self

from mentorai.plugins.sandbox.deep_links import DeepLinks
from mentorai.plugins.sandbox.grades import Gradebook
from mentorai.plugins.sandbox.notices import NoticeHandlers
from mentorai.plugins.sandbox.oidc import Launches
from mentorai.plugins.sandbox.platform import Options, SandboxPlatform
from mentorai.plugins.sandbox.scores import Scores
from mentorai.plugins.sandbox.teacher import Teacher
from mentorai.plugins.sandbox.tokens import Tokens
from mentorai.plugins.sandbox.tool_registrations import ToolRegistrations


@dataclass(frozen=True)
class House:
    """The rooms of one sandbox."""

    platform: SandboxPlatform
    launches: Launches
    tokens: Tokens
    gradebook: Gradebook
    scores: Scores
    teacher: Teacher
    deep_links: DeepLinks
    tool_registrations: ToolRegistrations
    notice_handlers: NoticeHandlers

    @classmethod
    def build(cls, options: Options) -> Self:
        """The rooms of a sandbox with these options."""
        platform = SandboxPlatform(options)
        registrations = ToolRegistrations(platform)
        launches, tokens = Launches(platform), Tokens(platform)
        links = DeepLinks(platform, launches, tokens.tool_keys)
        gradebook = Gradebook(platform)
        return cls(
            platform,
            launches,
            tokens,
            gradebook,
            Scores(platform, gradebook),
            Teacher(platform, gradebook),
            links,
            registrations,
            NoticeHandlers(platform),
        )
