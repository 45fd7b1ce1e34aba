"""Rows and their call together: what begins answers goes to its end, whoever leaves meanwhile.

Rows whose call never began would stand there as being written until their lease runs out.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any, TypeVar

from apps.conversations.generations import hub
from apps.conversations.generations.running import Generation
from apps.conversations.services.messages import Begun
from apps.core.actor import Actor
from apps.core.asgi.pool import in_pool

T = TypeVar("T")

_under_way: set[asyncio.Task[Any]] = set()


async def say(actor: Actor, deed: Callable[[], Begun]) -> tuple[Begun, Generation]:
    """Begin an answer whose chat was counted at the door. The deed runs in the pool."""

    async def begin() -> tuple[Begun, Generation]:
        begun, brief = await in_pool(hub.prepare, actor, deed)
        return begun, hub.start(actor, begun, brief=brief, is_counted=True)

    return await whole(begin())


async def whole(work: Coroutine[Any, Any, T]) -> T:
    """To its end, though its caller be cancelled."""
    task = asyncio.create_task(work)
    _under_way.add(task)
    task.add_done_callback(_under_way.discard)
    return await asyncio.shield(task)
