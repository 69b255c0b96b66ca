"""What an administrator pastes into an LMS to register this tool there by hand."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from mentorai.lti.tool import Tool
from mentorai.lti.tool_description import describe_tool

if TYPE_CHECKING:
    from mentorai.core.engine import Engine


@dataclass(frozen=True, slots=True)
class RegistrationDocument:
    """The document of one family of LMS. title: what the family is called."""

    family: str
    title: str
    content: Mapping[str, Any]

    @property
    def is_form(self) -> bool:
        """Whether it is the fields of a form, each with its text; else it is pasted as JSON."""
        return all(isinstance(value, str) for value in self.content.values())


def find_document(engine: "Engine", family: str) -> RegistrationDocument | None:
    """The document of this family, or None if no plugin has one."""
    tool = describe_tool(engine.room(Tool))
    content = engine.plugins.ask_first("registration_document", platform=family, tool=tool)
    if content is None:
        return None
    profiles = engine.plugins.ask_all("platform_profile")
    title = next((each.title for each in profiles if each.family == family), family)
    return RegistrationDocument(family, title, content)


def list_documents(engine: "Engine") -> Sequence[RegistrationDocument]:
    """The documents of all families that have one, by title."""
    families = [each.family for each in engine.plugins.ask_all("platform_profile")]
    found = [find_document(engine, family) for family in families]
    return sorted((each for each in found if each), key=lambda each: each.title)
