"""Everything that is said: written, edited, asked for again, gone on with, chosen.

What begins an answer writes the message it will stand in and who writes it, in one transaction, and answers `Begun`;
the answer itself is `generations`' to get. Each deed holds the conversation's row, so of two at once one is first.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from django.db import transaction
from django.utils import timezone

from apps.conversations.domain import terms
from apps.conversations.domain.titles import title_from
from apps.conversations.domain.tree import Tree
from apps.conversations.enums import MessageRole, MessageStatus
from apps.conversations.errors import BranchBusy, NotContinuable
from apps.conversations.models import Conversation, Generation, Message
from apps.conversations.queries import messages as queries
from apps.conversations.services import conversations, leases, uploads
from apps.core.actor import Actor
from apps.core.errors import Invalid, NotFound

CONTINUABLE = (MessageStatus.INTERRUPTED, MessageStatus.STOPPED, MessageStatus.FAILED)

_RESUMED = ("status", "finished_at", "finish_reason", "error_code", "error_message", "model")


@dataclass(frozen=True, slots=True)
class Begun:
    """An answer that is to be written now: `message` is where, `asked` what it answers."""

    conversation: Conversation
    message: Message
    asked: Message
    generation: Generation
    offset: int = 0
    """Characters of the answer that stand already; more than none when it is gone on with."""


def write_message(
    *,
    actor: Actor,
    conversation_id: str,
    content: str,
    parent_id: str | None = None,
    attachments: Sequence[str] = (),
    model: str | None = None,
    process: str = "",
) -> Begun:
    """Say something under a message, the end of the active branch by default, and begin its answer.

    `attachments` are ids of uploads; `model` is for this answer, the conversation's by default; `process` is who will
    write it, this one by default.

    Raises `NotFound` (also the parent), `PermissionDenied`, `Invalid`, `BranchBusy`.
    """
    content = check_content(content, attachments)
    with transaction.atomic():
        conversation = conversations.lock_own(actor=actor, conversation_id=conversation_id)
        chosen = _model(actor, conversation, model)
        parent = _parent(conversation, parent_id)
        _refuse_busy(conversation, parent)
        if not conversation.title:
            conversation.title = title_from(content)
        files = uploads.attach(actor=actor, conversation=conversation, file_ids=attachments)
        asked = _say(conversation, parent, content, files)
        return _begin(conversation, asked, chosen, process)


def edit_message(
    *,
    actor: Actor,
    conversation_id: str,
    message_id: str,
    content: str,
    attachments: Sequence[str] | None = None,
    model: str | None = None,
    process: str = "",
) -> Begun:
    """Say it differently: a message beside the old one, and a new answer. Attachments stay unless others are named.

    Raises as `write_message`, and `Invalid` for what a model said.
    """
    with transaction.atomic():
        conversation = conversations.lock_own(actor=actor, conversation_id=conversation_id)
        old = queries.message_in(conversation, message_id)
        if old.role != MessageRole.USER:
            raise Invalid.field("id", "names an answer; only what was asked can be edited", "role")
        kept = [file["id"] for file in old.files] if attachments is None else attachments
        content = check_content(content, kept)
        chosen = _model(actor, conversation, model)
        _refuse_busy(conversation, old.parent_id)
        files = (
            old.files
            if attachments is None
            else uploads.attach(actor=actor, conversation=conversation, file_ids=attachments)
        )
        asked = _say(conversation, old.parent_id, content, files)
        return _begin(conversation, asked, chosen, process)


def regenerate_message(
    *,
    actor: Actor,
    conversation_id: str,
    message_id: str,
    model: str | None = None,
    process: str = "",
) -> Begun:
    """Another answer beside this one; of what was asked, one more answer to it. Raises as `write_message`."""
    with transaction.atomic():
        conversation = conversations.lock_own(actor=actor, conversation_id=conversation_id)
        chosen = _model(actor, conversation, model)
        asked = queries.message_in(conversation, message_id)
        if asked.role == MessageRole.ASSISTANT:
            asked = _asked(asked)
        _refuse_busy(conversation, asked.pk)
        return _begin(conversation, asked, chosen, process)


def continue_message(
    *,
    actor: Actor,
    conversation_id: str,
    message_id: str,
    process: str = "",
) -> Begun:
    """Go on with an answer that broke off, in the same message. Its branch becomes the active one.

    Raises as `write_message`, and `NotContinuable` for what is whole, has no text yet, or was gone on from.
    """
    with transaction.atomic():
        conversation = conversations.lock_own(actor=actor, conversation_id=conversation_id)
        message = queries.message_in(conversation, message_id)
        _refuse_busy(conversation, message.parent_id)  # neither beside an answer under way
        message.refresh_from_db()  # what was written by a process that died is interrupted by now
        message.conversation = conversation
        if message.status not in CONTINUABLE or not message.content:
            raise NotContinuable
        if Message.objects.filter(parent=message).exists():
            raise NotContinuable("The conversation went on from there; ask for a new answer.")
        chosen = _model(actor, conversation, message.model or None)
        message.status, message.finished_at = MessageStatus.GENERATING, None
        message.finish_reason = message.error_code = message.error_message = ""
        message.model = chosen
        message.save(update_fields=_RESUMED)
        _go_to(conversation, message)
        generation = leases.begin(message, process=process)
        return Begun(conversation, message, _asked(message), generation, len(message.content))


def select_message(*, actor: Actor, conversation_id: str, message_id: str) -> Conversation:
    """Make the branch through this message the active one: its end is the message written last under it.

    Raises `NotFound`, `PermissionDenied`.
    """
    with transaction.atomic():
        conversation = conversations.lock_own(actor=actor, conversation_id=conversation_id)
        message = queries.message_in(conversation, message_id)
        leaf = queries.tree_of(conversation).newest_leaf(message.pk)
        if leaf != conversation.head_id:
            conversation.head_id = leaf
            conversation.save(update_fields=["head"])
    return conversation


def check_content(content: Any, attachments: Sequence[str] = ()) -> str:
    """Words, or files in their place."""
    return terms.check_text(
        content, "content", longest=terms.LONGEST_MESSAGE, may_be_empty=bool(attachments)
    )


def _model(actor: Actor, conversation: Conversation, asked: str | None) -> str:
    return conversations.check_model(actor, asked or conversation.model)


def _parent(conversation: Conversation, parent_id: str | None) -> int | None:
    if parent_id is None:
        return conversation.head_id
    try:
        return queries.message_in(conversation, parent_id).pk
    except NotFound:
        said = "parent_id: there is no message by that id here."
        raise NotFound(said, field="parent_id") from None


def _asked(answer: Message) -> Message:
    asked = answer.parent
    if asked is None:  # an import may begin with an answer
        raise Invalid.field("id", "names an answer to nothing", "orphan")
    return asked


def _refuse_busy(conversation: Conversation, base: int | None) -> None:
    """Nothing is written at, or branches off from, a branch whose end is being written.

    `base` is what the new message will stand under. Most conversations have no answer under way, and then the tree
    is not read. Answers of processes that died are written down as interrupted.
    """
    now = timezone.now()
    rows = Generation.objects.filter(message__conversation=conversation)
    alive = {
        generation.message_id
        for generation in rows
        if generation.lease_until > now or not leases.let_go(generation, now)
    }
    if alive and _is_busy(queries.tree_of(conversation), conversation.head_id, base, alive):
        raise BranchBusy


def _is_busy(tree: Tree, head: int | None, base: int | None, alive: set[int]) -> bool:
    if base in alive or alive.intersection(tree.children(base)):
        return True
    return head in alive and (base is None or base in tree.path(head))


def _say(
    conversation: Conversation, parent: int | None, content: str, files: list[dict[str, Any]]
) -> Message:
    conversation.message_count += 1
    return Message.objects.create(
        organization_id=conversation.organization_id,
        conversation=conversation,
        parent_id=parent,
        role=MessageRole.USER,
        content=content,
        files=files,
    )


def _begin(conversation: Conversation, asked: Message, model: str, process: str) -> Begun:
    conversation.message_count += 1
    message = Message.objects.create(
        organization_id=conversation.organization_id,
        conversation=conversation,
        parent=asked,
        role=MessageRole.ASSISTANT,
        status=MessageStatus.GENERATING,
        model=model,
    )
    _go_to(conversation, message)
    return Begun(conversation, message, asked, leases.begin(message, process=process))


def _go_to(conversation: Conversation, head: Message) -> None:
    """The active branch ends there now."""
    conversation.head = head
    conversation.updated_at = timezone.now()
    conversation.save(update_fields=["head", "message_count", "updated_at", "title"])
