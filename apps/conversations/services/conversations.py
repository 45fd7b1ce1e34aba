"""Conversations: begun, changed, archived, removed. Their owner alone does any of it.

Facts of them carry no texts: administrators read the trail, and a title is a text too.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from django.db import connection, transaction
from django.utils import timezone

from apps.conversations import topics
from apps.conversations.domain import terms
from apps.conversations.enums import Trimming, Visibility
from apps.conversations.models import (
    Contender,
    Conversation,
    Feedback,
    Generation,
    Share,
    Summary,
)
from apps.conversations.permissions import ConversationsPermission
from apps.conversations.queries import conversations as queries
from apps.core import bus
from apps.core.actor import Actor
from apps.core.errors import Invalid, NotFound, Stale, WrongFields
from apps.core.permissions import require
from apps.providers.gateway import table
from apps.providers.queries import routing

DEFAULTS: Mapping[str, Any] = {
    "title": None,
    "system_prompt": "",
    "parameters": {},
    "trimming": Trimming.OLDEST,
    "context_tokens": None,
    "visibility": Visibility.PRIVATE,
    "tags": [],
    "archived": False,
}
"""What a conversation has unless told otherwise; a replacement begins from these again."""


def create_conversation(*, actor: Actor, model: str, **new: Any) -> Conversation:
    """`new` may name what stands in `DEFAULTS`. Raises `PermissionDenied` and `Invalid`."""
    require(actor, ConversationsPermission.CREATE)
    columns = _checked(actor, {**DEFAULTS, **new, "model": model})
    conversation = Conversation(
        organization_id=actor.organization_id,
        owner=actor.principal,
        owner_name=actor.identity.name,
        **columns,
    )
    with transaction.atomic():
        conversation.save(force_insert=True)
        tell(topics.CONVERSATION_CREATED, actor, conversation, after=values(conversation))
    return conversation


def update_conversation(
    *, actor: Actor, conversation_id: str, expected_revision: int | None = None, **new: Any
) -> Conversation:
    """Change what is named; a title of None is made up anew by the next message.

    Raises `NotFound`, `PermissionDenied`, `Stale`, `Invalid`.
    """
    with transaction.atomic():
        conversation = lock_own(actor=actor, conversation_id=conversation_id)
        if expected_revision not in (None, conversation.revision):
            raise Stale
        before = values(conversation)
        # A model that was closed to its owner since is no reason to refuse a new title.
        kept = "model" in new and new["model"] == conversation.model
        columns = _checked(actor, {k: v for k, v in new.items() if not (kept and k == "model")})
        if "archived_at" in columns and columns["archived_at"] and conversation.archived_at:
            del columns["archived_at"]  # it was archived when it was
        for column, value in columns.items():
            setattr(conversation, column, value)
        conversation.revision += 1
        conversation.updated_at = timezone.now()
        conversation.save(update_fields=[*columns, "revision", "updated_at"])
        after = {**values(conversation), "changed": sorted(new)}
        tell(topics.CONVERSATION_CHANGED, actor, conversation, before, after)
    return conversation


def replace_conversation(
    *, actor: Actor, conversation_id: str, expected_revision: int | None = None, **new: Any
) -> Conversation:
    """The same, and what is not named becomes what it is by default; `model` is to be named."""
    return update_conversation(
        actor=actor,
        conversation_id=conversation_id,
        expected_revision=expected_revision,
        **{**DEFAULTS, **new},
    )


def remove_conversation(
    *, actor: Actor, conversation_id: str, expected_revision: int | None = None
) -> None:
    """With all its messages, and by its fact the files attached to them; an answer that is being written there loses
    its row, and ends by that.

    Raises `NotFound`, `PermissionDenied`, `Stale`.
    """
    with transaction.atomic():
        conversation = lock_own(actor=actor, conversation_id=conversation_id)
        if expected_revision not in (None, conversation.revision):
            raise Stale
        tell(topics.CONVERSATION_REMOVED, actor, conversation, before=values(conversation))
        _delete(conversation)


def lock_own(*, actor: Actor, conversation_id: str) -> Conversation:
    """The actor's own conversation, kept from other writers until the transaction ends. Rows that point at it may still
    be written: who writes answers holds those, and is waited for.

    Raises `PermissionDenied` (also for one that is another's and shown), `NotFound`.
    """
    require(actor, ConversationsPermission.CREATE)
    rows = queries.visible(actor).select_for_update(no_key=True)
    conversation = rows.filter(public_id=conversation_id).first()
    if conversation is None:
        raise NotFound
    queries.require_owner(actor, conversation)
    return conversation


def check_model(actor: Actor, value: Any) -> str:
    """A route the actor may call; what is closed to them looks as if it were not there."""
    if isinstance(value, str) and table.may_use(actor.identity, value):
        known = table.known.recall(actor.identity.organization)
        if known is not None and value in known.routes:
            return value  # the table of calls knows it, and the call itself will look again
        try:
            route = routing.route_at(value)
        except NotFound:
            route = None
        if route is not None and route.is_enabled and route.name == value:
            return value
    said = "must name a model that exists and that you may use"
    raise Invalid.field("model", said, "model_not_found")


def values(conversation: Conversation) -> dict[str, Any]:
    """What the audit trail keeps: how it is set, and nothing that anybody wrote."""
    return {
        "owner": conversation.owner,
        "model": conversation.model,
        "visibility": str(conversation.visibility),
        "trimming": str(conversation.trimming),
        "context_tokens": conversation.context_tokens,
        "archived": conversation.archived_at is not None,
        "messages": conversation.message_count,
    }


def tell(
    topic: str,
    actor: Actor,
    conversation: Conversation,
    before: Mapping[str, Any] | None = None,
    after: Mapping[str, Any] | None = None,
) -> None:
    bus.publish(
        bus.Fact(
            topic,
            organization_id=conversation.organization_id,
            actor=actor,
            object_id=conversation.public_id,
            before=before,
            after=after,
        )
    )


def _delete(conversation: Conversation) -> None:
    """What hangs on messages first, then they in one statement: Django would read all of them to find that out."""
    Conversation.objects.filter(pk=conversation.pk).update(head=None)
    Generation.objects.filter(message__conversation=conversation).delete()
    Feedback.objects.filter(message__conversation=conversation).delete()
    for rows in (Summary.objects, Share.objects, Contender.objects):
        rows.filter(conversation=conversation).delete()
    with connection.cursor() as cursor:
        cursor.execute(
            "DELETE FROM conversations_message WHERE conversation_id = %s", [conversation.pk]
        )
    conversation.delete()


def _checked(actor: Actor, given: Mapping[str, Any]) -> dict[str, Any]:
    """The columns of these terms. `Invalid` names all that is wrong."""
    columns: dict[str, Any] = {}
    wrong = WrongFields()
    for name, value in given.items():
        with wrong.gathered():
            if name == "model":
                columns["model"] = check_model(actor, value)
            else:
                columns |= _CHECKS[name](value)
    wrong.refuse()
    return columns


def _title(value: Any) -> dict[str, Any]:
    title = terms.check_title(value)
    return {"title": title, "is_title_given": bool(title)}


def _archived(value: Any) -> dict[str, Any]:
    is_archived = terms.check_flag(value, "archived")
    return {"archived_at": timezone.now() if is_archived else None}


def _prompt(value: Any) -> dict[str, Any]:
    longest = terms.LONGEST_PROMPT
    text = terms.check_text(
        "" if value is None else value, "system_prompt", longest=longest, may_be_empty=True
    )
    return {"system_prompt": text}


_CHECKS: Mapping[str, Callable[[Any], dict[str, Any]]] = {
    "title": _title,
    "system_prompt": _prompt,
    "parameters": lambda value: {"parameters": terms.check_parameters(value)},
    "trimming": lambda value: {"trimming": terms.check_word(value, "trimming", Trimming)},
    "context_tokens": lambda value: {"context_tokens": terms.check_context_tokens(value)},
    "visibility": lambda value: {"visibility": terms.check_word(value, "visibility", Visibility)},
    "tags": lambda value: {"tags": terms.check_tags(value)},
    "archived": _archived,
}
