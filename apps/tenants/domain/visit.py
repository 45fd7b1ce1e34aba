"""Where a call comes from that has no actor yet: login, refresh, an accepted invitation."""

from __future__ import annotations

from dataclasses import dataclass
from ipaddress import IPv6Address, ip_address, ip_network

IPV6_HOME = 64
"""A household gets a whole /64, so counting single IPv6 addresses would count nothing."""


@dataclass(frozen=True, slots=True)
class Visit:
    address: str = ""
    user_agent: str = ""
    request_id: str = ""

    @property
    def place(self) -> str:
        """What attempts are counted against: the address, or the network of an IPv6 one."""
        try:
            parsed = ip_address(self.address)
        except ValueError:
            return self.address
        if isinstance(parsed, IPv6Address) and parsed.ipv4_mapped is None:
            return str(ip_network((parsed, IPV6_HOME), strict=False))
        return self.address
