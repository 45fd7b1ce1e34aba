"""What older messages come to in short, said by the model that will read it, once."""

from __future__ import annotations

import structlog

from apps.conversations.domain import context
from apps.conversations.domain.context import Window
from apps.conversations.domain.texts import storable
from apps.conversations.queries.briefs import Brief
from apps.conversations.services import generations
from apps.core.actor import Actor
from apps.core.asgi.pool import in_pool
from apps.core.errors import AppError
from apps.core.tenancy import organization_scope
from apps.providers.domain import forms
from apps.providers.gateway import engine
from apps.providers.gateway.trace import Trace

log = structlog.get_logger(__name__)
MOST_TOKENS = 600


async def sum_up(
    actor: Actor, *, model: str, conversation_pk: int, brief: Brief, window: Window
) -> str | None:
    """The summary of what the window leaves out, kept for the turns to come. None when the model gives none: then
    the answer goes without.
    """
    body = {
        "model": model,
        "messages": context.summary_request(window.left_out, brief.summary),
        "max_tokens": MOST_TOKENS,
    }
    call = forms.read_body(body, forms.CHAT)
    try:
        reply = await engine.complete(actor, call, Trace(actor, call, is_counted=True))
    except AppError as error:
        log.warning("not_summed_up", request_id=actor.request_id, error=error.code)
        return None
    text = storable(reply.answer.text).strip()
    if not text:
        return None
    await in_pool(_keep, actor.organization_id, conversation_pk, window.left_out[-1].pk, text)
    return text


def _keep(organization_id: int, conversation_pk: int, until: int, text: str) -> None:
    with organization_scope(organization_id):
        generations.keep_summary(
            conversation_pk=conversation_pk,
            organization_id=organization_id,
            until=until,
            text=text,
        )
