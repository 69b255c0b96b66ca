"""A small LTI 1.3 platform to try everything without an LMS; it runs only when asked for."""

from collections.abc import Sequence
from typing import Any

from mentorai.core import hookimpl
from mentorai.core.values import PlatformProfile
from mentorai.plugins.sandbox.school import FAMILY_CODE

FAMILY = "sandbox"
SCREENS = {
    "tool": "the sandbox has one tool: the options of `mentorai sandbox serve`",
    "addresses": "the option --tool-url of `mentorai sandbox serve`",
    "deployments": "the sandbox has one deployment; `mentorai sandbox describe` prints it",
    "services": "the sandbox grants every scope; /control/ may hold a fault",
    "clock": "the page /control/ of the sandbox, “Clock offset”",
    "platform_facts": "`mentorai sandbox describe` prints them",
}


@hookimpl
def platform_profile() -> PlatformProfile:
    """It keeps to the specifications; only its screens are its own."""
    return PlatformProfile(family=FAMILY, title="Sandbox LMS", screens=SCREENS)


@hookimpl
def recognise_platform(family_code: str) -> str | None:
    """Known by the product family code in its launches."""
    return FAMILY if family_code.strip().lower() == FAMILY_CODE else None


@hookimpl
def commands() -> Sequence[Any]:
    """`mentorai sandbox serve` and `mentorai sandbox describe`."""
    from mentorai.plugins.sandbox.command_line import sandbox

    return [sandbox]
