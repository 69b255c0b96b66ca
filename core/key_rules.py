"""What may be asked of a new API key: its name, scopes, last day, addresses and limits."""

import ipaddress
import unicodedata
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from mentorai.core.clock import now
from mentorai.core.errors import InputRejected
from mentorai.core.key_policies import KeyPolicy
from mentorai.core.scopes import PROVISIONING_SCOPES, SCOPES

NAME_LENGTH = 100
ADDRESSES = 50
NUMBER_LIMIT = 2_000_000_000
Network = ipaddress.IPv4Network | ipaddress.IPv6Network
# An IPv4 address as IPv6 writes it.
MAPPED = ipaddress.IPv6Network("::ffff:0:0/96")
# They show nothing by themselves, but scripts and emoji are written with them.
JOINERS = "\u200c\u200d\ufe0f"


@dataclass(frozen=True, slots=True)
class KeyRequest:
    """A new key as it is asked for.

    expires_at: None for the usual number of days, or with `never` for no end.
    allowed_ips: addresses and networks (IPv4, IPv6, CIDR) it works from; none: anywhere.
    rate_limit: calls a minute, None as the setting says. monthly_quota: calls a month of UTC.
    """

    name: str
    scopes: Sequence[str]
    expires_at: datetime | None = None
    never: bool = False
    allowed_ips: Sequence[str] = ()
    rate_limit: int | None = None
    monthly_quota: int | None = None


def check_request(policy: KeyPolicy, kind: str, asked: KeyRequest) -> KeyRequest:
    """The request in its kept form, its expiry filled in.

    Raises InputRejected with all that is wrong.
    """
    known = PROVISIONING_SCOPES if kind == "provisioning" else SCOPES
    problems = {
        "name": _judge_name(asked.name),
        "scopes": _judge_scopes(asked.scopes, known, policy),
        "expires_at": _judge_expiry(policy, asked.expires_at, asked.never),
        "allowed_ips": _judge_addresses(asked.allowed_ips),
        "rate_limit": _judge_number(asked.rate_limit),
        "monthly_quota": _judge_number(asked.monthly_quota),
    }
    errors = {field: [sentence] for field, sentence in problems.items() if sentence}
    if errors:
        raise InputRejected(errors)
    expires_at = asked.expires_at
    if expires_at is None and not asked.never:
        expires_at = now() + timedelta(days=policy.usual_days)
    networks = dict.fromkeys(str(read_network(text)) for text in asked.allowed_ips)
    return replace(
        asked,
        name=asked.name.strip(),
        scopes=_in_order(asked.scopes, known),
        expires_at=expires_at,
        allowed_ips=tuple(networks),
    )


def read_network(text: str) -> Network:
    """Read an address or a network, `192.0.2.7` or `2001:db8::/32`. Raises ValueError.

    One of IPv4 that is written as of IPv6, `::ffff:192.0.2.7`, is one of IPv4.
    """
    if "%" in text:
        raise ValueError("an interface of ours says nothing about callers")
    network = ipaddress.ip_network(text.strip(), strict=False)
    if network.version == 6 and network.subnet_of(MAPPED):
        return ipaddress.ip_network((int(network[0]) & 0xFFFFFFFF, network.prefixlen - 96))
    return network


def is_inside(address: str, networks: Iterable[Network]) -> bool:
    """Whether a caller's address lies in one of the networks; what is no address does not."""
    try:
        found = ipaddress.ip_address(address)
    except ValueError:
        return False
    # A server that listens on IPv6 sees an IPv4 caller as ::ffff:192.0.2.7.
    mapped = found.ipv4_mapped if isinstance(found, ipaddress.IPv6Address) else None
    return any((mapped or found) in network for network in networks)


def fold_name(name: str) -> str:
    """What two names share when they differ in case only (Unicode's canonical caseless match)."""
    folded = unicodedata.normalize("NFD", name).casefold()
    return unicodedata.normalize("NFC", unicodedata.normalize("NFD", folded).casefold())


def is_name(typed: str, name: str) -> bool:
    """Whether somebody typed this name: any dash and any space will do for one like it."""
    return fold_name(_plain(typed)) == fold_name(_plain(name))


def _plain(name: str) -> str:
    kinds = {"Pd": "-", "Zs": " "}
    return "".join(kinds.get(unicodedata.category(one), one) for one in name).strip()


def _judge_name(name: str) -> str:
    name = name.strip()
    if not 1 <= len(name) <= NAME_LENGTH:
        return f"1 to {NAME_LENGTH} characters, please."
    if not all(_is_printable(character) for character in name):
        return "Only characters that can be seen, please."
    if all(character in JOINERS or unicodedata.category(character) == "Zs" for character in name):
        return "Only characters that can be seen, please."
    return ""


def _is_printable(character: str) -> bool:
    # str.isprintable() refuses the non-breaking space, which people paste without knowing.
    category = unicodedata.category(character)
    return character in JOINERS or not (category.startswith("C") or category in ("Zl", "Zp"))


def _judge_scopes(scopes: Sequence[str], known: Mapping[str, str], policy: KeyPolicy) -> str:
    if not scopes:
        return "At least one scope, please."
    if any(scope not in known for scope in scopes):
        return "There is no such scope; there are: " + ", ".join(known) + "."
    held_back = [scope for scope in known if scope in scopes and scope not in policy.scopes]
    if held_back:
        return "Keys may not have this here: " + ", ".join(held_back) + "."
    return ""


def _judge_expiry(policy: KeyPolicy, expires_at: datetime | None, never: bool) -> str:
    if never:
        if expires_at is not None:
            return "Either a date or never, please."
        return "" if policy.may_never_expire else "Here every key must have a last day."
    if expires_at is None:
        return ""
    if expires_at.tzinfo is None:
        return "A time zone is missing."
    if expires_at <= now():
        return "This lies in the past."
    # A person means a day, up to its end; hence the one day more.
    if expires_at - now() > timedelta(days=policy.max_days + 1):
        return f"At most {policy.max_days} days from now, please."
    return ""


def _judge_addresses(texts: Sequence[str]) -> str:
    if len(texts) > ADDRESSES:
        return f"At most {ADDRESSES} addresses, please."
    for number, text in enumerate(texts, start=1):
        try:
            read_network(text)
        except ValueError:
            return (
                f"Number {number} is no address or network, such as "
                "192.0.2.7, 10.0.0.0/8 or 2001:db8::/32."
            )
    return ""


def _judge_number(number: int | None) -> str:
    if number is None or 1 <= number <= NUMBER_LIMIT:
        return ""
    return f"1 to {NUMBER_LIMIT:,}, or nothing, please."


def _in_order(scopes: Iterable[str], allowed: Mapping[str, str]) -> tuple[str, ...]:
    wanted = set(scopes)
    return tuple(scope for scope in allowed if scope in wanted)
