"""Work that somebody waits for: it ends when they hang up, and when the server does."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Coroutine
from typing import Any, TypeVar

from apps.core.asgi.begun import Begun
from apps.core.asgi.body import ClientGone
from apps.core.asgi.ending import until_the_end
from apps.core.asgi.request import GateRequest

T = TypeVar("T")

LOOK_SECONDS = 0.25
"""Most work is done by then; to watch for the caller's leaving costs more than such a call does."""


async def while_present(request: GateRequest, work: Coroutine[Any, Any, T]) -> T:
    """What the work comes to. It is cancelled when the caller hangs up, and `ClientGone` raised; or `Stopping`."""
    try:
        first = work.send(None)
    except StopIteration as done:  # it waited for nothing, so there was nothing to leave
        return done.value  # type: ignore[no-any-return]  # what the work comes to
    rest: Awaitable[T] = Begun(work, first)
    receive = request.receive
    if receive is None:
        with until_the_end():
            return await rest
    task = asyncio.current_task()
    assert task is not None
    is_gone = False
    watch: asyncio.Task[None] | None = None

    async def look() -> None:
        nonlocal is_gone
        while (await receive())["type"] != "http.disconnect":
            pass
        is_gone = True
        task.cancel()

    def begin() -> None:
        nonlocal watch
        watch = asyncio.create_task(look())

    timer = asyncio.get_running_loop().call_later(LOOK_SECONDS, begin)
    try:
        with until_the_end():
            return await rest
    except asyncio.CancelledError:
        if not is_gone:
            raise
        task.uncancel()
        raise ClientGone from None
    finally:
        timer.cancel()
        if watch is not None:
            watch.cancel()
