"""Whether the addresses that a platform names are its own: on its domain, or on its vendor's.

A configuration comes from whoever sends it, so nothing in it is called, and nothing kept, before
it was looked at here.
"""

import ipaddress
from collections.abc import Sequence
from functools import cache
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from mentorai.lti.origins import find_url_fault

if TYPE_CHECKING:
    from publicsuffixlist import PublicSuffixList

NOT_ITS_OWN = "This address lies on another domain than the LMS itself."


def find_platform_url_fault(
    url: object, beside: str, vendor_domains: Sequence[str], *, allow_loopback: bool
) -> str | None:
    """Say in one sentence why this cannot be an address of the platform at `beside`, or None.

    beside: another address of the platform, of which this one must share the registrable domain
        (the part that its owner registered) or, if both lie in one of vendor_domains, the vendor.
    allow_loopback: let http and loopback hosts pass, and no other private host.
    """
    fault = find_url_fault(url, allow_loopback=allow_loopback)
    if fault or not isinstance(url, str):
        return fault or NOT_ITS_OWN
    return None if _is_one_owner(_host(url), _host(beside), vendor_domains) else NOT_ITS_OWN


def find_endpoint_fault(
    url: object, issuer: str, vendor_domains: Sequence[str], *, allow_loopback: bool
) -> str | None:
    """The same for an endpoint that the platform names: the vendor's domains are its own, too."""
    if isinstance(url, str) and _is_within(_host(url), vendor_domains):
        return find_url_fault(url, allow_loopback=False)
    return find_platform_url_fault(url, issuer, (), allow_loopback=allow_loopback)


def is_host_or_beneath(host: str, domain: str) -> bool:
    """Whether a host is this domain or lies in it."""
    return host == domain or host.endswith(f".{domain}")


def _is_one_owner(host: str, other: str, vendor_domains: Sequence[str]) -> bool:
    if _is_within(host, vendor_domains) and _is_within(other, vendor_domains):
        return True
    return bool(host) and _registrable(host) == _registrable(other)


def _is_within(host: str, domains: Sequence[str]) -> bool:
    return any(is_host_or_beneath(host, domain) for domain in domains)


def is_owned(domain: str) -> bool:
    """Whether a domain has one owner: it is no public suffix, such as `edu` or `co.uk`."""
    return _suffixes().privatesuffix(domain) is not None


def _registrable(host: str) -> str:
    try:
        return str(ipaddress.ip_address(host))
    except ValueError:
        return _suffixes().privatesuffix(host) or host


def _host(url: object) -> str:
    try:
        return (urlsplit(url).hostname or "").rstrip(".") if isinstance(url, str) else ""
    except ValueError:
        return ""


@cache
def _suffixes() -> "PublicSuffixList":
    from publicsuffixlist import PublicSuffixList

    return PublicSuffixList()
