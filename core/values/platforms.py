"""An LMS, and what is special about its family."""

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class PlatformProfile:
    """What is special about one family of LMS, as data and not as branches.

    vendor_domains: domains of the vendor where addresses of any of its platforms may lie, besides
        the platform's own domain (dynamic registration looks at it).
    token_audience: what its token address wants as `aud` of our assertions; empty: the address
        itself; None: what the platform's configuration names as authorization_server, else empty.
    registration_errors: words with which it refuses a registration -> what to do about it.
    screens: where things are changed there, in its own words, by the keys of
        core/explanations.py SCREENS; a key that is left out keeps the general words.
    """

    family: str
    title: str
    vendor_domains: tuple[str, ...] = ()
    token_audience: str | None = None
    registration_errors: Mapping[str, str] = field(default_factory=dict)
    screens: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Platform:
    """One registered LMS installation: a registration and the family it was recognised as."""

    registration_id: str
    organization_id: str
    family: str
    issuer: str
    client_id: str
