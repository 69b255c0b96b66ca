"""What an API key can be allowed to do."""

from collections.abc import Mapping
from types import MappingProxyType

SCOPES: Mapping[str, str] = MappingProxyType(
    {
        "mentor:read": "See the mentor's settings and prompts",
        "mentor:write": "Change the mentor's settings and prompts",
        "chat:write": "Ask the mentor",
        "sessions:read": "Read conversations",
        "sessions:write": "Start and delete conversations",
        "datasets:read": "See and search the course material",
        "datasets:write": "Add, change and remove course material",
        "quizzes:read": "See quizzes, their answers and attempts",
        "quizzes:write": "Make, change and delete quizzes",
        "grades:read": "See grades",
        "grades:write": "Change grades and send them to the gradebook again",
        "enrollments:read": "See who is enrolled",
        "enrollments:write": "Enroll people and take them out",
        "analytics:read": "See how the mentor is used, in numbers",
        "webhooks:manage": "Have events sent to other systems, and see what was sent",
        "sso:validate": "See whose session or campus sign-on it is, with name and e-mail address",
        "sso:embed": "Let people of a portal into the mentor, as learners",
    }
)
"""The scopes of a mentor key, each with what it allows in plain words."""

PROVISIONING_SCOPES: Mapping[str, str] = MappingProxyType(
    {
        "mentors:provision": "Make, change and list the mentors of this organization",
        **{
            scope: SCOPES[scope]
            for scope in (
                *("mentor:read", "mentor:write", "datasets:read", "datasets:write"),
                *("enrollments:read", "enrollments:write", "analytics:read", "sso:validate"),
            )
        },
    }
)
"""The scopes of a provisioning key: of every mentor of its organization what a semester's start
needs. Nothing that a student wrote is among them: no conversation, no attempt, no grade.
"""

TEMPLATES: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        "Read grades": ("quizzes:read", "grades:read"),
        "Chat": ("mentor:read", "chat:write", "sessions:read", "sessions:write"),
        "Manage content": ("mentor:read", "mentor:write", "datasets:read", "datasets:write"),
        "Enrollment": ("enrollments:read", "enrollments:write"),
        "Portal": ("mentor:read", "sso:validate", "sso:embed"),
        "Grade sync": ("quizzes:read", "grades:read", "grades:write"),
        "Read only": tuple(scope for scope in SCOPES if scope.endswith(":read")),
        "Everything": tuple(SCOPES),
    }
)
"""Sets of scopes that go together, by the name a person chooses them by; the safest first."""

PROVISIONING_TEMPLATES: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {"Everything": tuple(PROVISIONING_SCOPES)}
)
"""The same for provisioning keys."""
