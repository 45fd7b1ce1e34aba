"""Rows and their call together: what begins answers goes to its end, whoever leaves meanwhile.

Rows whose call never began would stand there as being written until their lease runs out.
"""

from __future__ import annotations

from collections.abc import Callable

from apps.conversations.generations import hub
from apps.conversations.generations.running import Generation
from apps.conversations.services.messages import Begun
from apps.core.actor import Actor
from apps.core.asgi.aside import surely
from apps.core.asgi.pool import in_pool


async def say(actor: Actor, deed: Callable[[], Begun]) -> tuple[Begun, Generation]:
    """Begin an answer whose chat was counted at the door. The deed runs in the pool."""

    async def begin() -> tuple[Begun, Generation]:
        begun, brief = await in_pool(hub.prepare, actor, deed)
        return begun, hub.start(actor, begun, brief=brief, is_counted=True)

    return await surely(begin())
