"""Which addresses we may call on somebody else's word. Pure: names are resolved elsewhere, each answer judged here.

Public addresses only, unless exactly this `host:port` stands in the operator's list. Addresses that carry another one
inside (IPv4-mapped, NAT64, 6to4, Teredo) are judged by that one too.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from ipaddress import (
    IPv4Address,
    IPv4Network,
    IPv6Address,
    IPv6Network,
    ip_address,
)
from urllib.parse import SplitResult, urlsplit

from apps.core.http_client.errors import Forbidden

SCHEMES = {"http": 80, "https": 443}
MOST_CHARACTERS = 2000

_FORBIDDEN_4 = tuple(
    IPv4Network(block)
    for block in (
        "0.0.0.0/8",  # this network: Linux connects 0.0.0.0 to itself
        "10.0.0.0/8",
        "100.64.0.0/10",  # carrier-grade NAT, and some clouds' own services
        "127.0.0.0/8",
        "169.254.0.0/16",  # link-local, and the metadata address of most clouds
        "172.16.0.0/12",
        "192.0.0.0/24",
        "192.0.2.0/24",
        "192.31.196.0/24",
        "192.52.193.0/24",
        "192.88.99.0/24",  # 6to4 relays
        "192.168.0.0/16",
        "192.175.48.0/24",
        "198.18.0.0/15",
        "198.51.100.0/24",
        "203.0.113.0/24",
        "224.0.0.0/4",
        "240.0.0.0/4",  # reserved, and broadcast
        "168.63.129.16/32",  # a cloud's wire server: public to look at, private in what it tells
    )
)
_ALLOWED_6 = IPv6Network("2000::/3")
_FORBIDDEN_6 = tuple(
    IPv6Network(block) for block in ("2001::/23", "2001:db8::/32", "2620:4f:8000::/48", "3fff::/20")
)
_NAT64 = tuple(IPv6Network(block) for block in ("64:ff9b::/96", "64:ff9b:1::/48"))
_NUMBERS_ALONE = re.compile(r"(0[xX][0-9a-fA-F]*|[0-9]+)(\.(0[xX][0-9a-fA-F]*|[0-9]+))*\.?")
_NAME = re.compile(r"(?!-)[a-z0-9_-]{1,63}(?<!-)(\.(?!-)[a-z0-9_-]{1,63}(?<!-))*")


@dataclass(frozen=True, slots=True)
class Target:
    """Where a URL leads, in one spelling. `address` when the host is one and nothing is to be resolved."""

    url: str
    host: str
    port: int
    address: IPv4Address | IPv6Address | None


def read_target(url: str) -> Target:
    """What a URL names, or `Forbidden` when it is none we call: odd spellings are refused, not guessed at."""
    if len(url) > MOST_CHARACTERS or not url.isascii() or not url.isprintable() or " " in url:
        raise Forbidden("must be a plain URL; write international names in their xn-- form")
    if "\\" in url:
        raise Forbidden("must not hold a backslash")
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        raise Forbidden("is no URL") from None
    if parts.scheme not in SCHEMES:
        raise Forbidden("must begin with http:// or https://")
    if parts.username is not None or parts.password is not None or "@" in parts.netloc:
        raise Forbidden("must not hold a user name or password")
    if port == 0 or not parts.hostname:
        raise Forbidden("names no host and port")
    host = parts.hostname
    address = _read_address(host, parts)
    return Target(url, host, port or SCHEMES[parts.scheme], address)


def read_allowed(entries: Iterable[str]) -> frozenset[str]:
    """The operator's list, `host:port` each, in the spelling that is compared."""
    return frozenset(entry.lower() for entry in entries)


def is_allowed(host: str, port: int, allowed: frozenset[str]) -> bool:
    return f"[{host}]:{port}" in allowed if ":" in host else f"{host}:{port}" in allowed


def is_public(address: IPv4Address | IPv6Address) -> bool:
    """Whether it lies in the open network, and so does every address it carries inside."""
    if isinstance(address, IPv4Address):
        return not any(address in block for block in _FORBIDDEN_4)
    inner = carried_address(address)
    if inner is not None:
        return False if address in _NAT64[1] else is_public(inner)
    return (
        address.scope_id is None
        and address in _ALLOWED_6
        and not any(address in block for block in _FORBIDDEN_6)
    )


def carried_address(address: IPv6Address) -> IPv4Address | None:
    """The IPv4 address that a translator or the system itself would make of it."""
    if address.ipv4_mapped is not None:
        return address.ipv4_mapped
    if any(address in block for block in _NAT64):
        return IPv4Address(int(address) & 0xFFFFFFFF)
    if address.sixtofour is not None:
        return address.sixtofour
    if int(address) >> 32 == 0:  # ::a.b.c.d, long out of use and still understood
        return IPv4Address(int(address))
    return None


def _read_address(host: str, parts: SplitResult) -> IPv4Address | IPv6Address | None:
    is_bracketed = "[" in parts.netloc
    if is_bracketed or _NUMBERS_ALONE.fullmatch(host):
        if "%" in host:
            raise Forbidden("must not hold a zone")
        try:
            return ip_address(host)
        except ValueError:
            # 2130706433, 0x7f.1, 127.1 and 127.0.0.1. are 127.0.0.1 to some that read them.
            raise Forbidden("must write its address in the usual way") from None
    if not _NAME.fullmatch(host) or len(host) > 253:
        raise Forbidden("names no host we could look up")
    return None
