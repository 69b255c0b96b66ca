"""A small LTI 1.3 platform to try everything without an LMS; it runs only when asked for."""

from collections.abc import Sequence
from typing import Any

from mentorai.core import hookimpl
from mentorai.core.values import PlatformProfile
from mentorai.plugins.sandbox.school import FAMILY_CODE

FAMILY = "sandbox"


@hookimpl
def platform_profile() -> PlatformProfile:
    """Nothing special: it keeps to the specifications."""
    return PlatformProfile(family=FAMILY, title="Sandbox LMS")


@hookimpl
def recognise_platform(family_code: str) -> str | None:
    """Known by the product family code in its launches."""
    return FAMILY if family_code == FAMILY_CODE else None


@hookimpl
def commands() -> Sequence[Any]:
    """`mentorai sandbox serve` and `mentorai sandbox describe`."""
    from mentorai.plugins.sandbox.command_line import sandbox

    return [sandbox]
