"""What a platform means by an answer that refuses a score, by the words of its family of LMS.

The table is the plugin's (PlatformProfile.refusals); here it is read.
"""

from collections.abc import Sequence

from mentorai.core.errors import MentorAIError, PluginFailed
from mentorai.core.values import PlatformProfile, Refusal
from mentorai.lti.platform_http import Reply

# Where the words are, if they are anywhere; a page of a proxy may be of any length.
READ_BYTES = 8_000


def read_refusal(profile: PlatformProfile, reply: Reply) -> MentorAIError | None:
    """The error that an answer means, by the first refusal that fits; None if none does.

    Nothing of the answer itself is in the error: a platform may repeat what was sent.
    """
    found = find_refusal(profile.refusals, reply)
    if found is None:
        return None
    error = found.error(found.sentence)
    return error if isinstance(error, MentorAIError) else PluginFailed(profile.family, "refusals")


def find_refusal(refusals: Sequence[Refusal], reply: Reply) -> Refusal | None:
    """The first refusal of the table that fits the answer, or None."""
    body = reply.body[:READ_BYTES].decode("utf-8", "replace")
    said = f"{reply.reason[:READ_BYTES]} {body}".lower()
    return next((r for r in refusals if r.status == reply.status and r.words in said), None)
