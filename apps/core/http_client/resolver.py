"""The guard at connect: every name is resolved here, each address judged, and the connection made to that address.

So what a name resolves to at save does not matter, nor what it would resolve to a moment later.
"""

from __future__ import annotations

import asyncio
import socket
from ipaddress import ip_address
from typing import Any

from aiohttp.abc import AbstractResolver, ResolveResult

from apps.core.http_client.addresses import is_allowed, is_public
from apps.core.http_client.errors import Forbidden
from apps.core.http_client.guard import NOT_PUBLIC


class GuardedResolver(AbstractResolver):
    """Answers with addresses that may be connected to, or refuses. One bad address among good ones refuses them all."""

    def __init__(self, allowed: frozenset[str]) -> None:
        self._allowed = allowed
        self._granted: set[tuple[str, int]] = set()
        """Private addresses that an allowed name led to, each with its port."""

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_UNSPEC
    ) -> list[ResolveResult]:
        loop = asyncio.get_running_loop()
        found = await loop.getaddrinfo(host, port, family=family, type=socket.SOCK_STREAM)
        addresses = [str(entry[4][0]) for entry in found]
        if is_allowed(host, port, self._allowed):
            self._granted |= {(address, port) for address in addresses}
        elif not all(is_public(ip_address(address)) for address in addresses):
            raise Forbidden(NOT_PUBLIC)
        return [
            ResolveResult(
                hostname=host,
                host=address,
                port=port,
                family=entry[0],
                proto=entry[2],
                flags=socket.AI_NUMERICHOST | socket.AI_NUMERICSERV,
            )
            for address, entry in zip(addresses, found, strict=True)
        ]

    async def close(self) -> None:
        self._granted.clear()

    def open_socket(self, info: tuple[Any, ...]) -> socket.socket:
        """The last look, at the very address that is about to be connected to, however it was come by."""
        family, kind, protocol, _, place = info
        address, port = str(place[0]), int(place[1])
        if not (
            is_public(ip_address(address))
            or is_allowed(address, port, self._allowed)
            or (address, port) in self._granted
        ):
            raise Forbidden(NOT_PUBLIC)
        opened = socket.socket(family=family, type=kind, proto=protocol)
        opened.setblocking(False)
        return opened
