"""What is special about Lyceum, as data: most of a plugin needs no code."""

from mentorai.core.errors import CourseConcluded, GradeLocked
from mentorai.core.values import PlatformProfile, Refusal

FAMILY = "lyceum"
PROFILE = PlatformProfile(
    family=FAMILY,
    title="Lyceum LMS",
    # Its token address and its keys lie here, whatever the school's own host is called.
    vendor_domains=("lyceum-lms.com",),
    # Empty: its token address is the audience of our assertions.
    token_audience="",
    # Where campus IT changes things there, for `mentorai doctor` and the launch log.
    screens={
        "tool": "Office, Connections, LTI tools: this tool",
        "addresses": "Office, Connections, LTI tools, this tool: Addresses",
        "services": "Office, Connections, LTI tools, this tool: Grade book and class list",
    },
    # What its refusals of a score mean: the status, a word in the answer, the error, and what an
    # instructor reads beside the grade.
    refusals=(
        Refusal(403, "term is over", CourseConcluded, "The term is over in Lyceum."),
        Refusal(422, "mark is sealed", GradeLocked, "A teacher sealed this mark in Lyceum."),
    ),
)
