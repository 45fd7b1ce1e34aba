"""What deeds that begin answers have in common: they count as chats."""

from __future__ import annotations

from apps.core.actor import Actor
from apps.core.asgi.request import request_id_from
from apps.core.errors import Limited
from apps.core.limits import policy
from apps.core.tenancy import enter_organization


async def admit(actor: Actor) -> Actor:
    """Count a chat, once: the model call that follows is not counted again. Raises `Limited`.

    Several answers of one document or socket are requests of their own in usage and logs.
    """
    enter_organization(actor.organization_id)
    verdict = await policy.hit_identity(actor.identity, "chat")
    if not verdict.allowed:
        raise Limited(retry_after=verdict.retry_after)
    return Actor(actor.identity, request_id_from(None), actor.address)
