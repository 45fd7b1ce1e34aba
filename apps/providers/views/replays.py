"""`Idempotency-Key` where the answer may be a stream.

It is kept as it went out, to its end, and replayed all at once; one that was cut frees the key.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Self

from django.http import HttpResponse, HttpResponseBase, StreamingHttpResponse

from apps.core.asgi import replays
from apps.core.asgi.request import GateRequest
from apps.core.models import StoredAnswer
from apps.providers.views.frames import Frames

MOST_KEPT = 8 * 1024 * 1024


async def run_once(
    request: GateRequest, key: str, run: Callable[[], Awaitable[HttpResponseBase]]
) -> HttpResponseBase:
    """Run it unless this caller already got an answer to this key; then give that answer again."""
    claim = await replays.claim_key(request, key)
    if isinstance(claim, HttpResponse):
        return claim
    response = await replays.run_claimed(claim, run)
    if isinstance(response, StreamingHttpResponse):
        kept = KeptStream(response._iterator, claim, response.headers["Content-Type"])  # type: ignore[attr-defined]  # noqa: SLF001 - private to Django
        response.streaming_content = kept  # an async iterator is taken as well
        return response
    assert isinstance(response, HttpResponse)
    await replays.settle(claim, response)
    return response


class KeptStream:
    """Passes a stream on and remembers it until it has ended well."""

    def __init__(self, frames: Frames, claim: StoredAnswer, content_type: str) -> None:
        self._frames = frames
        self._claim: StoredAnswer | None = claim
        self._content_type = content_type
        self._parts: list[bytes] = []
        self._size = 0

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> bytes:
        try:
            part = await anext(self._frames)
        except StopAsyncIteration:
            await self._end()
            raise
        self._size += len(part)
        if self._size <= MOST_KEPT:
            self._parts.append(part)
        return part

    async def aclose(self) -> None:
        await self._frames.aclose()
        await self._end()

    async def _end(self) -> None:
        claim, self._claim = self._claim, None
        if claim is None:
            return
        if self._frames.is_whole and self._size <= MOST_KEPT:
            await replays.keep(claim, 200, self._content_type, b"".join(self._parts))
        else:
            await replays.free(claim)
