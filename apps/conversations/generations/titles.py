"""A title by the conversation's own model: one short call of the actor's, booked as any other."""

from __future__ import annotations

from apps.conversations.domain import short_titles
from apps.conversations.models import Conversation
from apps.conversations.services import titles
from apps.core.actor import Actor
from apps.core.asgi.pool import in_pool
from apps.providers.domain import forms
from apps.providers.gateway import engine
from apps.providers.gateway.trace import Trace


async def make_title(
    actor: Actor, *, conversation_id: str, force: bool = False, is_counted: bool = False
) -> Conversation:
    """Give it a title. `is_counted`: the call was counted against the rate of calls already.

    Raises what `services.titles` and the model call raise; then the title stays as it was.
    """
    found = await in_pool(
        titles.untitled, actor=actor, conversation_id=conversation_id, force=force
    )
    if found.is_kept:
        return found.conversation
    body = {
        "model": found.conversation.model,
        "messages": short_titles.request_for(found.asked, found.answered),
        "max_tokens": short_titles.MOST_TOKENS,
    }
    call = forms.read_body(body, forms.CHAT)
    reply = await engine.complete(actor, call, Trace(actor, call, is_counted=is_counted))
    return await in_pool(
        titles.keep_title,
        actor=actor,
        conversation_id=conversation_id,
        title=short_titles.title_of(reply.answer.text),
        asked=found.asked,
        force=force,
    )
