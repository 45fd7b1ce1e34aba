"""Sending an answer: whole, or piece by piece for as long as somebody listens.

A stream may bring a `beat`: bytes that mean nothing, sent when it has been silent for long, so that nobody on the way
takes it for dead.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from typing import Any

from django.conf import settings
from django.http import HttpResponse, HttpResponseBase, StreamingHttpResponse

from apps.core.asgi.headers import raw_headers
from apps.core.asgi.pool import in_pool
from apps.core.asgi.request import GateRequest

LOOKS = 3
"""How often a stream is looked at until its silence is long."""
Send = Callable[[dict[str, Any]], Awaitable[None]]
Receive = Callable[[], Awaitable[dict[str, Any]]]


async def deliver(
    request: GateRequest, response: HttpResponseBase, receive: Receive, send: Send
) -> int:
    """Send the answer; returns the bytes of body sent."""
    try:
        if isinstance(response, HttpResponse):
            return await _send_whole(request, response, send)
        return await _send_stream(request, response, receive, send)
    finally:
        # Not close(): it would also send the signal of per-request teardown.
        for close in response._resource_closers:  # type: ignore[attr-defined]  # noqa: SLF001 - private to Django
            close()


async def _send_whole(request: GateRequest, response: HttpResponse, send: Send) -> int:
    content = response.content
    headers = raw_headers(request, response)
    if not response.has_header("Content-Length") and response.status_code not in (204, 304):
        headers.append((b"content-length", b"%d" % len(content)))
    if request.META["REQUEST_METHOD"] == "HEAD":
        content = b""
    await send({"type": "http.response.start", "status": response.status_code, "headers": headers})
    await send({"type": "http.response.body", "body": content})
    return len(content)


async def _send_stream(request: GateRequest, response: Any, receive: Receive, send: Send) -> int:
    headers = raw_headers(request, response)
    await send({"type": "http.response.start", "status": response.status_code, "headers": headers})
    if request.META["REQUEST_METHOD"] == "HEAD":
        await send({"type": "http.response.body", "body": b""})
        return 0
    progress = _Progress()
    pump = asyncio.create_task(_pump(response, send, progress))
    gone = asyncio.create_task(_until_gone(receive))
    try:
        await _until_either({pump, gone}, getattr(response, "beat", b""), progress, send)
    finally:
        for task in (pump, gone):
            task.cancel()
        await asyncio.gather(pump, gone, return_exceptions=True)
        # What the view holds for the stream ends now, not when it is collected.
        if (aclose := getattr(response._iterator, "aclose", None)) is not None:  # noqa: SLF001 - private to Django
            await aclose()
    if not pump.cancelled():
        pump.result()  # what it raised is for the gate
    return progress.size


class _Progress:
    """How far a stream has come."""

    __slots__ = ("is_sending", "size")

    def __init__(self) -> None:
        self.size = 0
        self.is_sending = False
        """Whether it waits for its reader, and not for what there is to send."""


async def _pump(response: StreamingHttpResponse, send: Send, progress: _Progress) -> None:
    async for part in _parts(response):
        progress.size += len(part)
        progress.is_sending = True
        await send({"type": "http.response.body", "body": part, "more_body": True})
        progress.is_sending = False
    progress.is_sending = True
    await send({"type": "http.response.body", "body": b""})


async def _until_either(
    tasks: set[asyncio.Task[None]], beat: bytes, progress: _Progress, send: Send
) -> None:
    """Until one is done. Looks now and then, so that beats cost the pieces nothing."""
    pause = settings.SIGNALBOX_KEEP_ALIVE_SECONDS / LOOKS if beat else None
    seen = quiet = 0
    while True:
        done, _ = await asyncio.wait(tasks, timeout=pause, return_when=asyncio.FIRST_COMPLETED)
        if done:
            return
        if progress.size != seen or progress.is_sending:
            seen, quiet = progress.size, 0
            continue
        quiet += 1
        if quiet == LOOKS:
            quiet = 0
            progress.size += len(beat)
            seen = progress.size
            await send({"type": "http.response.body", "body": beat, "more_body": True})


async def _parts(response: StreamingHttpResponse) -> AsyncIterator[bytes]:
    if response.is_async:
        async for part in response:
            yield part
        return
    iterator = iter(response)
    while (piece := await in_pool(_next_part, iterator)) is not None:
        yield piece


def _next_part(iterator: Iterator[bytes]) -> bytes | None:
    return next(iterator, None)


async def _until_gone(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass
