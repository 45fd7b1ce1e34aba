"""`Idempotency-Key` on doors that run on the loop: one row for whoever sends it, nothing for anybody else.

What a door raises frees the key; the gate makes an answer of it afterwards, which is not kept.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import TypeVar

from django.http import HttpResponse, HttpResponseBase

from apps.core import idempotency
from apps.core.asgi.aside import surely
from apps.core.asgi.pool import in_pool
from apps.core.asgi.request import GateRequest
from apps.core.models import StoredAnswer

R = TypeVar("R", bound=HttpResponseBase)

LASTS = timedelta(minutes=30)
"""A call may take its time; a claim older than this belongs to a dead process."""


async def run_once(
    request: GateRequest, key: str, run: Callable[[], Awaitable[HttpResponse]]
) -> HttpResponse:
    """Run it unless this caller already got an answer to this key; then give that answer again."""
    claim = await claim_key(request, key)
    if isinstance(claim, HttpResponse):
        return claim
    response = await run_claimed(claim, run)
    await settle(claim, response)
    return response


async def claim_key(request: GateRequest, key: str) -> StoredAnswer | HttpResponse:
    """A claim to be settled, kept or freed by whoever runs the deed, or the answer to replay."""
    return await in_pool(idempotency.claim_key, request, key, LASTS)


async def run_claimed(claim: StoredAnswer, run: Callable[[], Awaitable[R]]) -> R:
    """Run it; when it fails the key may be used again."""
    try:
        return await run()
    except BaseException:
        await free(claim)
        raise


async def settle(claim: StoredAnswer, response: HttpResponse) -> None:
    """Let the key stand for this answer, if it is one to stand for."""
    if idempotency.is_final(response.status_code):
        content_type = response.headers["Content-Type"]
        await keep(claim, response.status_code, content_type, response.content)
    else:
        await free(claim)


async def keep(claim: StoredAnswer, status: int, content_type: str, body: bytes) -> None:
    await surely(in_pool(idempotency.keep_answer, claim, status, content_type, body))


async def free(claim: StoredAnswer) -> None:
    await surely(in_pool(idempotency.free_key, claim))
