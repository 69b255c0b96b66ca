"""What Blackboard's launches say in their own way."""

import re
from dataclasses import replace

from mentorai.core.values import Launch

# Its own variables (@X@user.role@X@) arrive as they were entered where it knows none of the name.
_TEMPLATE = re.compile(r"\s*@X@[\w.]+@X@\s*")


def refine(launch: Launch) -> Launch | None:
    """The launch without custom parameters that nobody filled in, its language as the web writes
    it (en-US, not en_US); None as it is.
    """
    custom = {n: text for n, text in launch.custom.items() if not _TEMPLATE.fullmatch(text)}
    locale = launch.locale and launch.locale.replace("_", "-")
    if (len(custom), locale) == (len(launch.custom), launch.locale):
        return None
    return replace(launch, custom=custom, locale=locale)
