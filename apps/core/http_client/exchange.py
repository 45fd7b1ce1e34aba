"""An answer that is read as it arrives: guarded, bounded in time and bytes, let go of at once.

One timer watches an exchange, however many pieces it has: each wait leaves a note of when it would be too long, and
the timer looks at the note when it strikes.
"""

from __future__ import annotations

import asyncio
import zlib
from collections.abc import AsyncIterator, Iterator, Mapping
from functools import lru_cache

import aiohttp
from aiohttp import ClientTimeout
from django.conf import settings
from multidict import CIMultiDictProxy
from yarl import URL

from apps.core.http_client.client import open_session, translate
from apps.core.http_client.errors import CallFailed, CallTimedOut
from apps.core.http_client.guard import judge_url

PIECE = 256 * 1024
"""The most that one piece unpacks to: a bomb is noticed before it has gone off."""
_NO_TIMEOUT = ClientTimeout(total=None, sock_connect=10.0)
_BITS = {"gzip": 16 + zlib.MAX_WBITS, "deflate": zlib.MAX_WBITS}
_PLAIN = frozenset({"", "identity"})


class HttpExchange:
    """`status` and `headers` are here; the body comes by `pieces()`. Whoever opened it closes it."""

    def __init__(
        self,
        response: aiohttp.ClientResponse,
        *,
        first_byte_at: float,
        idle_seconds: float,
        ends_at: float,
        most_bytes: int,
    ) -> None:
        self._response = response
        self.status = response.status
        self.headers: Mapping[str, str] = _LowerCase(response.headers)
        self._loop = asyncio.get_running_loop()
        self._first_byte_at = first_byte_at
        self._idle_seconds = idle_seconds
        self._ends_at = ends_at
        self._most_bytes = most_bytes
        self._due = 0.0
        self._watch: asyncio.TimerHandle | None = None

    async def pieces(self) -> AsyncIterator[bytes]:
        """Pieces as they come, unpacked. Raises `CallFailed` and `CallTimedOut`."""
        encoding = self.headers.get("content-encoding", "").strip().lower()
        if encoding not in _PLAIN and encoding not in _BITS:
            raise CallFailed("garbage", "The server's answer is packed in a way nobody asked for.")
        unpack = _Unpacker(encoding) if encoding in _BITS else None
        left = self._most_bytes
        content = self._response.content
        due = self._first_byte_at
        try:
            while True:
                data = content.read_nowait()
                if not data:
                    if content.at_eof():
                        break
                    data = await self._wait(content, due)
                    if not data:
                        continue
                due = 0.0
                for piece in unpack.feed(data) if unpack else (data,):
                    left -= len(piece)
                    if left < 0:
                        raise CallFailed("too_large", "The server's answer is larger than we take.")
                    yield piece
            if unpack is not None:
                unpack.end()
        except (aiohttp.ClientError, OSError, ValueError, zlib.error) as error:
            raise translate(error) from error
        finally:
            self._unwatch()

    async def close(self) -> None:
        """Let go at once: unless the answer was whole, the upstream sees the connection end."""
        self._unwatch()
        self._response.close()

    async def _wait(self, content: aiohttp.StreamReader, due: float) -> bytes:
        self._due = min(due or self._loop.time() + self._idle_seconds, self._ends_at)
        if self._watch is None or self._watch.when() > self._due:
            self._unwatch()
            self._watch = self._loop.call_at(self._due, self._look)
        data: bytes = await content.readany()
        self._due = 0.0
        return data

    def _look(self) -> None:
        self._watch = None
        if not self._due:
            return  # nobody waits; the next wait sets a timer of its own
        if self._loop.time() < self._due:
            self._watch = self._loop.call_at(self._due, self._look)
            return
        self._response.content.set_exception(CallTimedOut("The server fell silent."))
        self._response.close()

    def _unwatch(self) -> None:
        if self._watch is not None:
            self._watch.cancel()
            self._watch = None


async def open_exchange(
    method: str,
    url: str,
    *,
    headers: Mapping[str, str],
    body: bytes = b"",
    first_byte_seconds: float,
    idle_seconds: float,
    total_seconds: float,
    most_bytes: int,
) -> HttpExchange:
    """Send a request and wait for the head of its answer.

    Raises `Forbidden`, `CallFailed` and `CallTimedOut`. A redirect is a failure: what the request carries is for the
    host it was made for.
    """
    place = _place(url, settings.SIGNALBOX_ALLOWED_PRIVATE_HOSTS)
    now = asyncio.get_running_loop().time()
    first_byte_at = now + min(first_byte_seconds, total_seconds)
    session = await open_session()
    try:
        async with asyncio.timeout_at(first_byte_at):
            response = await session.request(
                method,
                place,
                headers={**headers, "Accept-Encoding": "identity"},
                data=body or None,
                allow_redirects=False,
                timeout=_NO_TIMEOUT,
            )
    except TimeoutError:
        raise CallTimedOut(f"No answer began within {first_byte_at - now:g} s.") from None
    except (aiohttp.ClientError, OSError, ValueError) as error:
        raise translate(error) from error
    if 300 <= response.status < 400:
        response.close()
        raise CallFailed("redirect", "The server sends elsewhere, and that is not followed.")
    return HttpExchange(
        response,
        first_byte_at=first_byte_at,
        idle_seconds=idle_seconds,
        ends_at=now + total_seconds,
        most_bytes=most_bytes,
    )


@lru_cache(maxsize=4096)
def _place(url: str, allowed: frozenset[str]) -> URL:
    """The judged URL. Judging is a matter of text alone, so it may be remembered; addresses are judged at connect."""
    judge_url(url, allowed)
    return URL(url, encoded=True)


class _LowerCase(Mapping[str, str]):
    """An answer's headers by their names in lower case, without making a copy for every call."""

    __slots__ = ("_headers",)

    def __init__(self, headers: CIMultiDictProxy[str]) -> None:
        self._headers = headers

    def __getitem__(self, name: str) -> str:
        return self._headers[name]

    def __iter__(self) -> Iterator[str]:
        return iter({name.lower() for name in self._headers})

    def __len__(self) -> int:
        return len({name.lower() for name in self._headers})


class _Unpacker:
    def __init__(self, encoding: str) -> None:
        self._bits = _BITS[encoding]
        self._unpack = zlib.decompressobj(self._bits)

    def feed(self, data: bytes) -> Iterator[bytes]:
        while data:
            if self._unpack.eof:  # packed in several members, one after the other
                self._unpack = zlib.decompressobj(self._bits)
            piece = self._unpack.decompress(data, PIECE)
            data = self._unpack.unconsumed_tail or self._unpack.unused_data
            if piece:
                yield piece

    def end(self) -> None:
        if not self._unpack.eof:
            raise CallFailed("reset", "The server broke off.")
