"""Who is admitted to a mentor, and who is not."""

from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from mentorai.core.values.people import Role


@dataclass(frozen=True, slots=True)
class Denial:
    """One plugin's "no", with the reason a person may read."""

    reason: str
    code: str = "denied"


@dataclass(frozen=True, slots=True)
class Session:
    """One person admitted to one mentor until `expires_at`.

    start: where in the session's pages the person lands, a path after /s/<id>/; None: as the
    role has it. frame_origins: whose pages may frame it, besides those that plugins name.
    """

    id: str
    organization_id: str
    mentor_id: str
    person_id: str
    role: Role
    expires_at: datetime
    context_id: str | None = None
    resource_link_id: str | None = None
    registration_id: str | None = None
    quiz_id: str | None = None
    locale: str | None = None
    return_url: str | None = None
    way: str = "cookie"
    start: str | None = None
    frame_origins: tuple[str, ...] = ()


EndReason = Literal["signed_out", "logged_out", "expired"]
"""Why a session ended: the person said so, their campus signed them out, or its time was up."""


@dataclass(frozen=True, slots=True)
class RequestFacts:
    """What a policy plugin may know of the request that uses a session."""

    method: str
    path: str
    remote_address: str
