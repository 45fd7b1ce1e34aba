"""Messages an actor may read: the active branch in pages, the whole tree, or one of them.

A page costs the same number of queries however long the conversation: the tree is read as pairs of numbers and walked
in memory, texts are read for the page alone.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime

from django.utils import timezone

from apps.conversations.domain.tree import Tree
from apps.conversations.enums import MessageStatus
from apps.conversations.models import Conversation, Feedback, Generation, Message
from apps.conversations.queries import conversations
from apps.conversations.queries.shown import MessageView, Siblings
from apps.core.actor import Actor
from apps.core.errors import NotFound
from apps.core.pagination import DEFAULT_LIMIT, Page

END = "end"
"""As `before`: the last ones of the branch, wherever it ends."""


def branch_page(
    *,
    actor: Actor,
    conversation_id: str,
    page: int = 1,
    limit: int = DEFAULT_LIMIT,
    before: str | None = None,
) -> Page:
    """The active branch, oldest first; rows are `MessageView`s. Six queries.

    With `before`, a message's id or `end`: the last `limit` before it; `meta.before` then names where the next page
    ends, None at the beginning. Raises `NotFound`, also for a message that is not on the branch.
    """
    conversation = conversations.conversation_of(actor=actor, conversation_id=conversation_id)
    tree = tree_of(conversation)
    path = tree.path(conversation.head_id)
    if before is None:
        return _numbered(actor, tree, path, page, limit)
    ends = len(path) if before == END else _index(conversation, path, before)
    begins = max(0, ends - limit)
    rows = _views(actor, tree, path[begins:ends])
    earlier = rows[0].message.public_id if begins else None
    return Page(rows, {"limit": limit, "total": len(path), "before": earlier})


def tree_page(
    *, actor: Actor, conversation_id: str, page: int = 1, limit: int = DEFAULT_LIMIT
) -> Page:
    """Every message of every branch, in the order they were written."""
    conversation = conversations.conversation_of(actor=actor, conversation_id=conversation_id)
    tree = tree_of(conversation)
    return _numbered(actor, tree, tree.numbers, page, limit)


def message_of(*, actor: Actor, conversation_id: str, message_id: str) -> Message:
    """Raises `NotFound`."""
    conversation = conversations.conversation_of(actor=actor, conversation_id=conversation_id)
    return message_in(conversation, message_id)


def open_message(*, actor: Actor, conversation_id: str, message_id: str) -> MessageView:
    """One message as lists show it. Raises `NotFound`."""
    message = message_of(actor=actor, conversation_id=conversation_id, message_id=message_id)
    return view_of(actor=actor, message=message)


def view_of(*, actor: Actor, message: Message) -> MessageView:
    """The same of a row somebody holds already, and may see; read anew. Raises `NotFound`."""
    views = _views(actor, tree_of(message.conversation), [message.pk])
    if not views:
        raise NotFound  # removed since
    return views[0]


def find_message(*, actor: Actor, message_id: str) -> Message:
    """A message by its id alone, its conversation beside it; for who attaches to an answer. Raises `NotFound`."""
    found = Message.objects.select_related("conversation").filter(public_id=message_id).first()
    if found is None:
        raise NotFound
    conversations.conversation_of(actor=actor, conversation_id=found.conversation.public_id)
    return found


def message_in(conversation: Conversation, message_id: str) -> Message:
    """For services, which have asked already. Raises `NotFound`."""
    found = Message.objects.filter(conversation=conversation, public_id=message_id).first()
    if found is None:
        raise NotFound
    found.conversation = conversation
    return found


def tree_of(conversation: Conversation) -> Tree:
    rows = Message.objects.filter(conversation=conversation).order_by("pk")
    return Tree(rows.values_list("pk", "parent_id"))


def branch_of(conversation: Conversation, last: int | None) -> list[Message]:
    """The branch that ends at a message (its primary key), whole, its first message first: for who builds a context
    or writes an export, having asked already. Two queries.
    """
    path = tree_of(conversation).path(last)
    rows = Message.objects.in_bulk(path)
    return [rows[number] for number in path if number in rows]


def running(conversation: Conversation, now: datetime | None = None) -> list[Generation]:
    """Answers being written there by processes that are alive, each with its message."""
    alive = Generation.objects.filter(
        message__conversation=conversation, lease_until__gt=now or timezone.now()
    )
    return list(alive.select_related("message"))


def status_now(message: Message, generation: Generation | None, now: datetime) -> str:
    """What is so, whoever has written it down: an answer without a living process is interrupted."""
    if message.status != MessageStatus.GENERATING:
        return message.status
    is_alive = generation is not None and generation.lease_until > now
    return MessageStatus.GENERATING if is_alive else MessageStatus.INTERRUPTED


def _numbered(actor: Actor, tree: Tree, numbers: Sequence[int], page: int, limit: int) -> Page:
    start, total = (page - 1) * limit, len(numbers)
    rows = _views(actor, tree, numbers[start : start + limit])
    meta = {"page": page, "limit": limit, "total": total, "total_pages": -(-total // limit)}
    return Page(rows, meta)


def _index(conversation: Conversation, path: list[int], message_id: str) -> int:
    message = message_in(conversation, message_id)
    if message.pk not in path:
        raise NotFound
    return path.index(message.pk)


def _views(actor: Actor, tree: Tree, numbers: Sequence[int]) -> list[MessageView]:
    """In the order of the numbers."""
    now = timezone.now()
    rows = {row.pk: row for row in Message.objects.filter(pk__in=numbers)}
    standings = {number: tree.standing(number) for number in rows}
    named = {near for standing in standings.values() for near in standing.near}
    names = _names(named | {parent for number in rows if (parent := tree.parent(number))})
    alive = {each.message_id: each for each in Generation.objects.filter(message__in=rows)}
    said = {
        each.message_id: each
        for each in Feedback.objects.filter(message__in=rows, principal=actor.principal)
    }
    found = []
    for number in numbers:
        if (row := rows.get(number)) is None:
            continue  # removed since the tree was read
        standing, thought, parent = standings[number], said.get(number), tree.parent(number)
        ids = tuple(names[near] for near in standing.near if near in names)
        found.append(
            MessageView(
                row,
                names.get(parent) if parent else None,
                Siblings(standing.count, standing.position, ids),
                status_now(row, alive.get(number), now),
                thought.value if thought else None,
                thought.comment if thought else "",
            )
        )
    return found


def _names(numbers: Iterable[int]) -> dict[int, str]:
    return dict(Message.objects.filter(pk__in=numbers).values_list("pk", "public_id"))
