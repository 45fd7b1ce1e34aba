"""`Idempotency-Key` on the hot doors: one row for whoever sends it, nothing for anybody else.

A stream is kept as it went out, to its end, and replayed all at once; one that was cut frees the key.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import Self

from django.http import HttpResponse, HttpResponseBase, StreamingHttpResponse

from apps.core import idempotency
from apps.core.asgi.aside import surely
from apps.core.asgi.pool import in_pool
from apps.core.asgi.request import GateRequest
from apps.core.models import StoredAnswer
from apps.providers.views.frames import Frames

LASTS = timedelta(minutes=30)
"""A call may take its time; a claim older than this belongs to a dead process."""
MOST_KEPT = 8 * 1024 * 1024


async def run_once(
    request: GateRequest, key: str, run: Callable[[], Awaitable[HttpResponseBase]]
) -> HttpResponseBase:
    """Run it unless this caller already got an answer to this key; then give that answer again."""
    claim = await in_pool(idempotency.claim_key, request, key, LASTS)
    if isinstance(claim, HttpResponse):
        return claim
    try:
        response = await run()
    except BaseException:
        await surely(_free(claim))
        raise
    content_type = response.headers["Content-Type"]
    if isinstance(response, StreamingHttpResponse):
        kept = KeptStream(response._iterator, claim, content_type)  # type: ignore[attr-defined]  # noqa: SLF001 - private to Django
        response.streaming_content = kept  # an async iterator is taken as well
        return response
    assert isinstance(response, HttpResponse)
    await surely(_keep(claim, response.status_code, content_type, response.content))
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
            await surely(_keep(claim, 200, self._content_type, b"".join(self._parts)))
        else:
            await surely(_free(claim))


async def _keep(claim: StoredAnswer, status: int, content_type: str, body: bytes) -> None:
    await in_pool(idempotency.keep_answer, claim, status, content_type, body)


async def _free(claim: StoredAnswer) -> None:
    await in_pool(idempotency.free_key, claim)
