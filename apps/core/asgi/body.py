"""Reading a request's body, with its limit held while the bytes arrive and not after."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Coroutine
from io import BytesIO
from tempfile import SpooledTemporaryFile
from time import monotonic
from typing import Any, cast

from apps.core.asgi.begun import Begun
from apps.core.asgi.pool import in_pool
from apps.core.asgi.request import GateRequest
from apps.core.errors import Malformed, TooLarge

IN_MEMORY = 2 * 1024 * 1024
SILENCE_SECONDS = 30.0
SLOWEST = 1024
"""Bytes a second that a body must come to, past its first thirty seconds: a drip would hold its place for days."""

Receive = Callable[[], Awaitable[dict[str, Any]]]


class ClientGone(Exception):
    """The caller hung up before the request was whole; there is nobody to answer."""


async def read_body(request: GateRequest, receive: Receive, limit: int) -> None:
    """Give the request its body, in memory when small and on disk when not."""
    declared = _declared_length(request)
    if declared is None and "HTTP_TRANSFER_ENCODING" not in request.META:
        if request.META["REQUEST_METHOD"] in ("GET", "HEAD", "DELETE", "OPTIONS"):
            return
    elif declared is not None and declared > limit:
        raise TooLarge(f"The body may have {limit} bytes at most.", limit=limit)
    message = await _next(receive, SILENCE_SECONDS)
    body: bytes = message.get("body", b"")
    _check(len(body), limit)
    if message.get("more_body"):
        await _take_long(request, receive, limit, body)
    else:
        request.take_body(BytesIO(body), len(body))


async def _take_long(request: GateRequest, receive: Receive, limit: int, first: bytes) -> None:
    file: Any = SpooledTemporaryFile(max_size=IN_MEMORY)  # noqa: SIM115 - the request owns and closes it
    request.take_body(file, 0)
    size, chunk, more = 0, first, True
    ends = monotonic() + SILENCE_SECONDS
    while True:
        size += len(chunk)
        _check(size, limit)
        if size > IN_MEMORY:
            await in_pool(file.write, chunk)
        else:
            file.write(chunk)
        if not more:
            break
        message = await _next(receive, min(SILENCE_SECONDS, ends + size / SLOWEST - monotonic()))
        chunk, more = message.get("body", b""), bool(message.get("more_body"))
    file.seek(0)
    request.take_body(file, size)


async def _next(receive: Receive, seconds: float) -> dict[str, Any]:
    message: dict[str, Any]
    waiting = cast("Coroutine[Any, Any, dict[str, Any]]", receive())
    try:
        if (
            seconds <= 0
        ):  # a timeout strikes only while waiting, and a drip may keep just ahead of us
            waiting.close()
            raise TimeoutError
        try:
            first = waiting.send(None)
        except StopIteration as done:  # it is here already, as most bodies are: no timer is set
            message = done.value
        else:
            async with asyncio.timeout(seconds):
                message = await Begun(waiting, first)
    except TimeoutError:
        raise Malformed("The body stopped arriving.", code="body_timeout") from None
    if message["type"] == "http.disconnect":
        raise ClientGone
    return message


def _check(size: int, limit: int) -> None:
    if size > limit:
        raise TooLarge(f"The body may have {limit} bytes at most.", limit=limit)


def _declared_length(request: GateRequest) -> int | None:
    text = request.META.get("CONTENT_LENGTH")
    if not text:
        return None
    if not text.isdecimal() or len(text) > 18:
        raise Malformed("Content-Length is not a number.")
    return int(text)
