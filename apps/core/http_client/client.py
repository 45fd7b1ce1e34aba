"""One exchange with another server, bounded in time and size. One session per event loop keeps connections open."""

from __future__ import annotations

import asyncio
import zlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from time import perf_counter
from types import MappingProxyType
from typing import Any, Protocol
from weakref import WeakKeyDictionary

import aiohttp
from aiohttp import ClientSession, ClientTimeout, DummyCookieJar, TCPConnector
from django.conf import settings
from yarl import URL

from apps.core.http_client.errors import CallFailed, CallTimedOut, Forbidden
from apps.core.http_client.guard import judge_url
from apps.core.http_client.pool import close_pool
from apps.core.http_client.resolver import GuardedResolver

CONNECT_SECONDS = 10.0
KEEP_SECONDS = 30.0
CHUNK = 64 * 1024


@dataclass(frozen=True, slots=True)
class Limits:
    """`seconds` for all of it, from the name's lookup to the last byte; `body` bytes of the answer, unpacked."""

    seconds: float = 15.0
    body: int = 1024 * 1024


@dataclass(frozen=True, slots=True)
class Reply:
    """What came back, whatever its status. `is_cut`: there was more than the limit, and it was not read."""

    status: int
    headers: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))
    body: bytes = b""
    is_cut: bool = False
    milliseconds: float = 0.0


_sessions: WeakKeyDictionary[asyncio.AbstractEventLoop, tuple[frozenset[str], ClientSession]] = (
    WeakKeyDictionary()
)


async def call(
    method: str,
    url: str,
    *,
    headers: Mapping[str, str] | None = None,
    body: bytes = b"",
    limits: Limits = Limits(),
) -> Reply:
    """Call a URL that somebody named. Raises `Forbidden`, `CallFailed` or `CallTimedOut`; follows no redirect."""
    judge_url(url, settings.SIGNALBOX_ALLOWED_PRIVATE_HOSTS)
    started = perf_counter()
    try:
        async with asyncio.timeout(limits.seconds):
            session = await _session()
            async with session.request(
                method,
                URL(url, encoded=True),
                headers={"Accept-Encoding": "gzip, deflate", **(headers or {})},
                data=body or None,
                allow_redirects=False,
            ) as response:
                content, is_cut = await _read(response, limits.body)
                return Reply(
                    response.status,
                    {name.lower(): value for name, value in response.headers.items()},
                    content,
                    is_cut,
                    round((perf_counter() - started) * 1000, 2),
                )
    except TimeoutError:
        raise CallTimedOut(f"No whole answer came within {limits.seconds:g} s.") from None
    except (aiohttp.ClientError, OSError, ValueError, zlib.error) as error:
        raise _translate(error) from error


async def close_session() -> None:
    """Close this loop's connections; the next call opens new ones."""
    close_pool()
    _, session = _sessions.pop(asyncio.get_running_loop(), (None, None))
    if session is not None:
        await session.close()


async def _session() -> ClientSession:
    allowed: frozenset[str] = settings.SIGNALBOX_ALLOWED_PRIVATE_HOSTS
    loop = asyncio.get_running_loop()
    known, session = _sessions.get(loop, (allowed, None))
    if session is not None and known == allowed and not session.closed:
        return session
    await close_session()
    session = _open_session(allowed)
    _sessions[loop] = allowed, session
    return session


def _open_session(allowed: frozenset[str]) -> ClientSession:
    resolver = GuardedResolver(allowed)
    connector = TCPConnector(
        resolver=resolver,
        use_dns_cache=False,  # the connection pool is cache enough, and a cache would outlive the judgement
        socket_factory=resolver.open_socket,
        limit=0,  # callers bound themselves; one bound for all would let a slow server hold up the rest
        keepalive_timeout=KEEP_SECONDS,
    )
    return ClientSession(
        connector=connector,
        timeout=ClientTimeout(total=None, connect=None, sock_connect=CONNECT_SECONDS),
        cookie_jar=DummyCookieJar(),
        auto_decompress=False,  # unpacked here, within the limit
        trust_env=False,
        headers={"User-Agent": f"Signalbox/{settings.SIGNALBOX_VERSION}"},
    )


async def _read(response: aiohttp.ClientResponse, most: int) -> tuple[bytes, bool]:
    unpack = _unpacker(response.headers.get("Content-Encoding", ""))
    parts: list[bytes] = []
    size = 0
    async for chunk in response.content.iter_chunked(CHUNK):
        # One byte more than wanted, to know whether there was more.
        part = unpack(chunk, most - size + 1)
        parts.append(part)
        size += len(part)
        if size > most:
            response.close()  # the rest is not read, so this connection serves nobody else
            return b"".join(parts)[:most], True
    return b"".join(parts), False


class _Unpack(Protocol):
    def __call__(self, chunk: bytes, most: int, /) -> bytes: ...


def _unpacker(encoding: str) -> _Unpack:
    """Unpacks up to a length; what is packed in a way we did not ask for stays as it came."""
    bits = {"gzip": 16 + zlib.MAX_WBITS, "deflate": zlib.MAX_WBITS}.get(encoding.strip().lower())
    if bits is None:
        return lambda chunk, most: chunk[:most]
    return zlib.decompressobj(bits).decompress


def _translate(error: Exception) -> Exception:
    cause: Any = error
    while cause is not None:  # the guard's word, however the library wrapped it
        if isinstance(cause, Forbidden):
            return cause
        cause = cause.__cause__
    match error:
        case aiohttp.ClientConnectorDNSError():
            return CallFailed("unknown_host", "The host's name is unknown.")
        case aiohttp.ClientSSLError() | aiohttp.ServerFingerprintMismatch():
            return CallFailed("tls", "The server's certificate does not hold.")
        case aiohttp.ClientConnectorError():
            return CallFailed("refused", "The server took no connection.")
        case aiohttp.ClientPayloadError() | aiohttp.ServerDisconnectedError() | OSError():
            return CallFailed("reset", "The server broke off.")
    return CallFailed("garbage", "The server's answer is no HTTP we can read.")
