"""Open connections of one event loop, kept for the next exchange with the same place, and made under the guard."""

from __future__ import annotations

import asyncio
import socket
import ssl
from dataclasses import dataclass
from functools import cache, lru_cache
from ipaddress import ip_address
from time import monotonic
from typing import Any
from weakref import WeakKeyDictionary

from django.conf import settings
from yarl import URL

from apps.core.http_client.addresses import is_allowed, is_public
from apps.core.http_client.errors import CallFailed, CallTimedOut, Forbidden
from apps.core.http_client.guard import NOT_PUBLIC, judge_url
from apps.core.http_client.wire import Connection

CONNECT_SECONDS = 10.0
KEEP_SECONDS = 30.0


@dataclass(frozen=True, slots=True)
class Place:
    """A URL as requests to it need it; judged, and written once for all of them."""

    name: str
    """Scheme, host and port: what shares connections."""
    host: str
    port: int
    is_tls: bool
    host_header: str
    target: str


@lru_cache(maxsize=4096)
def place_of(url: str, allowed: frozenset[str]) -> Place:
    """Judging is a matter of text alone, so it may be remembered; addresses are judged at connect."""
    target = judge_url(url, allowed)
    parsed = URL(url, encoded=True)
    is_tls = parsed.scheme == "https"
    host = f"[{target.host}]" if ":" in target.host else target.host
    is_usual = target.port == (443 if is_tls else 80)
    return Place(
        name=f"{parsed.scheme}://{host}:{target.port}",
        host=target.host,
        port=target.port,
        is_tls=is_tls,
        host_header=host if is_usual else f"{host}:{target.port}",
        target=parsed.raw_path_qs or "/",
    )


class Pool:
    def __init__(self, allowed: frozenset[str]) -> None:
        self.allowed = allowed
        self._idle: dict[str, list[Connection]] = {}
        self._sweep: asyncio.TimerHandle | None = None
        self._is_closed = False

    def recall(self, place: Place) -> Connection | None:
        """An open connection that nobody uses: the one used last, so that those too many grow old."""
        idle = self._idle.get(place.name)
        while idle:
            connection = idle.pop()
            if connection.is_open and monotonic() - connection.idle_since < KEEP_SECONDS:
                return connection
            connection.abort()
        return None

    async def connect(self, place: Place) -> Connection:
        """A new one. Raises `Forbidden`, `CallFailed` and `CallTimedOut`."""
        try:
            async with asyncio.timeout(CONNECT_SECONDS):
                return await self._connect(place)
        except TimeoutError:
            raise CallTimedOut("The server took no connection in time.") from None
        except socket.gaierror as error:
            raise CallFailed("unknown_host", "The host's name is unknown.") from error
        except ssl.SSLError as error:
            raise CallFailed("tls", "The server's certificate does not hold.") from error
        except OSError as error:
            raise CallFailed("refused", "The server took no connection.") from error

    def keep(self, place: Place, connection: Connection) -> None:
        if self._is_closed:
            connection.abort()
            return
        self._idle.setdefault(place.name, []).append(connection)
        if self._sweep is None:
            self._sweep = asyncio.get_running_loop().call_later(KEEP_SECONDS, self._tidy)

    def close(self) -> None:
        self._is_closed = True
        if self._sweep is not None:
            self._sweep.cancel()
            self._sweep = None
        for idle in self._idle.values():
            for connection in idle:
                connection.abort()
        self._idle.clear()

    async def _connect(self, place: Place) -> Connection:
        loop = asyncio.get_running_loop()
        refused: OSError = ConnectionRefusedError()
        for family, kind, protocol, _, address in await self._resolve(place):
            opened = socket.socket(family, kind, protocol)
            try:
                opened.setblocking(False)
                await loop.sock_connect(opened, address)
                _, connection = await loop.create_connection(
                    Connection,
                    sock=opened,
                    ssl=_tls() if place.is_tls else None,
                    server_hostname=place.host if place.is_tls else None,
                )
            except OSError as error:
                opened.close()
                refused = error
            except BaseException:
                opened.close()
                raise
            else:
                return connection
        raise refused

    async def _resolve(self, place: Place) -> list[Any]:
        """Addresses that may be connected to, and the connection is made to none but these.

        One bad address among good ones refuses them all.
        """
        loop = asyncio.get_running_loop()
        found = await loop.getaddrinfo(place.host, place.port, type=socket.SOCK_STREAM)
        if not is_allowed(place.host, place.port, self.allowed) and not all(
            is_public(ip_address(address[0])) for *_, address in found
        ):
            raise Forbidden(NOT_PUBLIC)
        return list(found)

    def _tidy(self) -> None:
        """Close what has been idle for too long."""
        self._sweep = None
        limit = monotonic() - KEEP_SECONDS
        for name, idle in list(self._idle.items()):
            for connection in [one for one in idle if one.idle_since < limit or not one.is_open]:
                idle.remove(connection)
                connection.abort()
            if not idle:
                del self._idle[name]
        if self._idle:
            self._sweep = asyncio.get_running_loop().call_later(KEEP_SECONDS, self._tidy)


_pools: WeakKeyDictionary[asyncio.AbstractEventLoop, Pool] = WeakKeyDictionary()


def pool() -> Pool:
    """This loop's. The operator's list of allowed hosts is a setting: with another list no connection is shared."""
    allowed: frozenset[str] = settings.SIGNALBOX_ALLOWED_PRIVATE_HOSTS
    loop = asyncio.get_running_loop()
    known = _pools.get(loop)
    if known is None or known.allowed != allowed:
        close_pool()
        known = _pools[loop] = Pool(allowed)
    return known


def close_pool() -> None:
    """Close this loop's connections; the next exchange opens new ones."""
    known = _pools.pop(asyncio.get_running_loop(), None)
    if known is not None:
        known.close()


@cache
def _tls() -> ssl.SSLContext:
    context = ssl.create_default_context()
    context.set_alpn_protocols(["http/1.1"])
    return context
