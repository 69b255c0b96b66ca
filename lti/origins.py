"""Addresses of platforms: which are acceptable, and what their origin is."""

import ipaddress
import re
from functools import lru_cache
from urllib.parse import SplitResult, urldefrag, urljoin, urlsplit

URL_LENGTH = 2000
NO_ADDRESS = "This must be a full address such as https://lms.example.edu/path."
ENDS_IN_NUMBER = re.compile(r"\.([0-9]+|0x[0-9a-f]*)$")
DEFAULT_PORTS = {"http": 80, "https": 443}
# Addresses of IPv6 that lead to the address of IPv4 which they hold, and how many bits follow it:
# mapped, compatible, translated (RFC 4291, 2765), NAT64 (RFC 6052), 6to4 (RFC 3056).
HOLDERS = tuple(
    (ipaddress.IPv6Network(network), bits)
    for network, bits in (
        ("::ffff:0:0/96", 0),
        ("::/96", 0),
        ("::ffff:0:0:0/96", 0),
        ("64:ff9b::/96", 0),
        ("2002::/16", 80),
    )
)
# Private ones that Python took for public ones for long: NAT64 of a site's own, and site-local.
OF_A_SITE = (ipaddress.IPv6Network("64:ff9b:1::/48"), ipaddress.IPv6Network("fec0::/10"))


def find_url_fault(url: object, *, allow_loopback: bool, longest: int = URL_LENGTH) -> str | None:
    """Say in one sentence what is wrong with a platform's address, or None.

    https and a public host are asked for; allow_loopback also lets this machine itself pass, by
    http too, and no other private host. A host name is looked up only when it is called
    (PlatformHttp), since names move.
    """
    if not isinstance(url, str) or len(url) > longest:
        return NO_ADDRESS
    return _find_fault(url, allow_loopback)


# A platform's scores all go to a few.
@lru_cache(maxsize=256)
def _find_fault(url: str, allow_loopback: bool) -> str | None:
    parts = _split(url)
    if parts is None:
        return NO_ADDRESS
    if parts.username is not None or parts.password is not None or parts.fragment:
        return "This address must not hold a name, a password or a #fragment."
    if allow_loopback and is_loopback(parts.hostname or ""):
        return None
    if parts.scheme != "https":
        return "This address must begin with https://."
    if not is_public_host(parts.hostname or ""):
        return "This address is not reachable from the public internet."
    return None


def find_origin(url: object) -> str | None:
    """The origin of a full http or https address: scheme, host and a port that is not the usual.

    None if it has none: relative, of another scheme, or broken.
    """
    return _find_origin(url) if isinstance(url, str) else None


# Every launch asks for the same few.
@lru_cache(maxsize=256)
def _find_origin(url: str) -> str | None:
    parts = _split(url)
    if parts is None:
        return None
    host = (parts.hostname or "").lower()
    host = f"[{host}]" if ":" in host else host
    usual = parts.port in (None, DEFAULT_PORTS[parts.scheme])
    return f"{parts.scheme}://{host}" + ("" if usual else f":{parts.port}")


def join_url(base_url: str, address: str) -> str:
    """An address that may be relative, made whole; one that is broken becomes an empty text."""
    try:
        return urljoin(base_url, address)
    except ValueError:
        return ""


def find_next(url: str, location: str) -> str:
    """Where a redirect leads, made whole; empty if that is broken.

    A fragment is for who asked and is not part of a request (RFC 9110, section 10.2.2).
    """
    return urldefrag(join_url(url, location)).url


def is_loopback(host: str) -> bool:
    """Whether a host, by name or address, is this machine itself."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host.lower() == "localhost"


def is_public_host(host: str) -> bool:
    """Whether a host is not plainly a private one: a private literal address or localhost."""
    host = host.lower().rstrip(".")
    if host == "localhost" or host.endswith((".localhost", ".internal", ".local")):
        return False
    try:
        return is_public_address(host)
    except ValueError:
        # Some resolvers take 0x7f.1 and 0177.0.0.1 for 127.0.0.1; no name ends in a number.
        return "." in host and ENDS_IN_NUMBER.search(host) is None


def is_public_address(address: str) -> bool:
    """Whether an IP address belongs to the public internet. Raises ValueError if it is none."""
    found = ipaddress.ip_address(address.partition("%")[0])
    if isinstance(found, ipaddress.IPv6Address):
        for network, bits in HOLDERS:
            if found in network:
                return _is_public(ipaddress.IPv4Address(int(found) >> bits & 0xFFFF_FFFF))
        if any(found in network for network in OF_A_SITE):
            return False
    return _is_public(found)


def _is_public(address: ipaddress.IPv4Address | ipaddress.IPv6Address) -> bool:
    return address.is_global and not address.is_multicast


def _split(url: object) -> SplitResult | None:
    if not isinstance(url, str) or not url.isascii() or not url.isprintable():
        return None
    if " " in url or "\\" in url:
        return None
    try:
        parts = urlsplit(url)
        usable = parts.scheme in DEFAULT_PORTS and bool(parts.hostname) and parts.port != 0
    except ValueError:
        return None
    return parts if usable else None
