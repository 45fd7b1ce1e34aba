"""Reading a request's body, with its limit held while the bytes arrive and not after."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from io import BytesIO
from tempfile import SpooledTemporaryFile
from typing import Any, BinaryIO

from apps.core.asgi.pool import in_pool
from apps.core.asgi.request import GateRequest
from apps.core.errors import Malformed, TooLarge

IN_MEMORY = 2 * 1024 * 1024
SILENCE_SECONDS = 30.0

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
    request.take_body(await _collect(receive, limit))


async def _collect(receive: Receive, limit: int) -> BinaryIO:
    message = await _next(receive)
    body: bytes = message.get("body", b"")
    if not message.get("more_body"):
        _check(len(body), limit)
        return BytesIO(body)
    return await _collect_long(receive, limit, body)


async def _collect_long(receive: Receive, limit: int, first: bytes) -> BinaryIO:
    file: Any = SpooledTemporaryFile(max_size=IN_MEMORY)  # noqa: SIM115 - the request owns and closes it
    size, chunk, more = 0, first, True
    while True:
        size += len(chunk)
        _check(size, limit)
        if size > IN_MEMORY:
            await in_pool(file.write, chunk)
        else:
            file.write(chunk)
        if not more:
            file.seek(0)
            return file  # type: ignore[no-any-return]  # SpooledTemporaryFile is a BinaryIO in all but name
        message = await _next(receive)
        chunk, more = message.get("body", b""), bool(message.get("more_body"))


async def _next(receive: Receive) -> dict[str, Any]:
    try:
        message = await asyncio.wait_for(receive(), SILENCE_SECONDS)
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
    if not text.isdecimal():
        raise Malformed("Content-Length is not a number.")
    return int(text)
