"""What a launch from Lyceum says in its own way."""

from dataclasses import replace

from mentorai.core.values import Launch

PREVIEW = "https://lyceum-lms.com/claim/preview"


def mend(launch: Launch) -> Launch:
    """The launch in the words of the specification.

    What is in a vendor's claim may be of any type, whatever its documentation says.
    """
    locale = launch.locale.replace("_", "-") if launch.locale else None
    preview = launch.other_claims.get(PREVIEW)
    is_preview = isinstance(preview, dict) and preview.get("as") == "student"
    return replace(launch, locale=locale, is_test_user=launch.is_test_user or is_preview)
