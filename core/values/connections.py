"""An LMS's own API, beside LTI: how it is set up, what is kept of it, and what it lets us do."""

from dataclasses import dataclass
from datetime import datetime
from typing import Literal

# new: set up and not tried. needs_sign_in: a person must sign in at the LMS, again maybe.
ConnectionState = Literal["new", "ready", "needs_sign_in", "refused"]


@dataclass(frozen=True, slots=True)
class Connection:
    """One registration's access to its LMS's own API; its secrets are kept apart, sealed.

    kind: a plugin's word for the API. account: who we are there (a client id, a key, or empty).
    scopes: what it is asked for. reason: why it is not ready, a sentence for campus IT.
    checked_at: when `state` was last found to be so.
    """

    id: str
    organization_id: str
    registration_id: str
    kind: str
    base_url: str
    account: str
    scopes: tuple[str, ...]
    state: ConnectionState
    reason: str
    checked_at: datetime | None
    created_at: datetime
    created_by: str
    changed_at: datetime


@dataclass(frozen=True, slots=True)
class ApiTokens:
    """What an LMS's API gave us to call it with.

    refresh_token: empty where there is none. owner: the name of who signed in, as the LMS has it.
    """

    access_token: str
    expires_at: datetime
    refresh_token: str = ""
    scopes: tuple[str, ...] = ()
    owner: str = ""

    def __repr__(self) -> str:
        return f"ApiTokens(expires_at={self.expires_at})"


@dataclass(frozen=True, slots=True)
class ConnectionField:
    """Something that campus IT enters: which of a connection's facts, and what the LMS calls it.

    A field that is left out of a form stays empty.
    """

    name: Literal["base_url", "account", "secret"]
    label: str
    help: str = ""
    is_secret: bool = False
    is_required: bool = True


@dataclass(frozen=True, slots=True)
class ConnectionForm:
    """How a family's own API is set up.

    purpose: what it is good for, a sentence. screen: where in the LMS its values are made.
    gives: values of ours to enter there, each with the LMS's name for it. scopes: what the
    connection asks for. signs_in: whether a person must sign in at the LMS then. may_sign_in:
    whether one may, to have us act as them, where it works without that too.
    """

    kind: str
    title: str
    purpose: str
    screen: str
    fields: tuple[ConnectionField, ...]
    gives: tuple[tuple[str, str], ...] = ()
    scopes: tuple[str, ...] = ()
    signs_in: bool = False
    may_sign_in: bool = False


@dataclass(frozen=True, slots=True)
class ConnectionBegun:
    """Where a browser goes to sign in at an LMS for its API.

    kept: a text that the browser keeps until it is back, a verifier say.
    """

    url: str
    kept: str = ""

    def __repr__(self) -> str:
        return "ConnectionBegun()"


@dataclass(frozen=True, slots=True)
class Ability:
    """Something that a connection is for, and whether the LMS allows it.

    missing: the permission that is not there, in the LMS's words. screen: where it is given.
    is_tried: False while nothing could be tried, as in a course while none has opened a mentor.
    """

    purpose: str
    is_allowed: bool
    missing: str = ""
    screen: str = ""
    is_tried: bool = True


@dataclass(frozen=True, slots=True)
class ConnectionReport:
    """What an LMS's API said when it was tried. account_name: as whom we act there."""

    account_name: str
    lms_version: str = ""
    abilities: tuple[Ability, ...] = ()
