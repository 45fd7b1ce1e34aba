"""What calls without an identity are counted against: the address, or the network of an IPv6 one."""

from __future__ import annotations

from functools import lru_cache
from ipaddress import IPv6Address, ip_address, ip_network

IPV6_HOME = 64
"""A household gets a whole /64, so counting single IPv6 addresses would count nothing."""


@lru_cache(maxsize=4096)
def place_of(address: str) -> str:
    try:
        parsed = ip_address(address)
    except ValueError:
        return address
    if isinstance(parsed, IPv6Address) and parsed.ipv4_mapped is None:
        return str(ip_network((parsed, IPV6_HOME), strict=False))
    return address
