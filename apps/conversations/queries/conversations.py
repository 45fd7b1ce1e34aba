"""Conversations an actor may see: their own, and those shown to the organization. Nobody sees another's private ones.

Lists read no message and no system prompt.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from django.db.models import BooleanField, Count, F, Func, Max, Q, QuerySet, Sum, Value

from apps.conversations.enums import Visibility
from apps.conversations.models import Conversation, Message
from apps.conversations.permissions import ConversationsPermission
from apps.conversations.queries.shown import ConversationView, OwnerStats, Rollup
from apps.core.actor import Actor
from apps.core.errors import Invalid, NotFound, PermissionDenied
from apps.core.pagination import Page
from apps.core.permissions import require
from apps.core.text import is_misleading

ARCHIVED = ("false", "true", "all")
_SUMS = {
    "prompt_tokens": Sum("prompt_tokens"),
    "completion_tokens": Sum("completion_tokens"),
    "cost_nano": Sum("cost_nano"),
}


def list_conversations(
    *,
    actor: Actor,
    archived: str | None = None,
    tag: str | None = None,
    model: str | None = None,
    visibility: str | None = None,
    mine: bool | None = None,
) -> QuerySet[Conversation]:
    """Last used first. Archived ones stay away unless asked for: `true` for them alone, `all` for both."""
    require(actor, ConversationsPermission.VIEW)
    found = visible(actor).defer("system_prompt")
    if mine is not None:
        own = Q(owner=actor.principal)
        found = found.filter(own if mine else ~own)
    if archived != "all":
        found = found.filter(archived_at__isnull=archived != "true")
    if visibility:
        found = found.filter(visibility=_choice(visibility))
    if any(is_misleading(word) for word in (tag, model) if word):
        return found.none()  # no name holds such characters, and one of them no database takes
    if tag:
        found = found.filter(HasTag(F("tags"), Value(tag)))
    if model:
        found = found.filter(model=model)
    return found.order_by("-updated_at", "-pk")


def last_model(*, actor: Actor) -> str:
    """What the actor last talked to; empty before their first conversation."""
    require(actor, ConversationsPermission.VIEW)
    own = visible(actor).filter(owner=actor.principal).order_by("-updated_at", "-pk")
    return own.values_list("model", flat=True).first() or ""


def conversation_of(*, actor: Actor, conversation_id: str) -> Conversation:
    """Raises `NotFound`, also for what is another's and private, whoever asks."""
    require(actor, ConversationsPermission.VIEW)
    found = visible(actor).filter(public_id=conversation_id).first()
    if found is None:
        raise NotFound
    return found


def open_conversation(*, actor: Actor, conversation_id: str) -> ConversationView:
    """With what its answers used and where its active branch ends, in two queries. Raises `NotFound`."""
    require(actor, ConversationsPermission.VIEW)
    rows = visible(actor).annotate(head_public_id=F("head__public_id"))
    found: Any = rows.filter(public_id=conversation_id).first()
    if found is None:
        raise NotFound
    return ConversationView(found, found.head_public_id, usage_of(found))


def view_of(conversation: Conversation) -> ConversationView:
    """The same of a row somebody holds already, and may see."""
    head = conversation.head.public_id if conversation.head else None
    return ConversationView(conversation, head, usage_of(conversation))


def usage_of(conversation: Conversation) -> Rollup:
    rows = Message.objects.filter(conversation=conversation).order_by()
    return _rollup(rows.aggregate(**_SUMS))


def visible(actor: Actor) -> QuerySet[Conversation]:
    """For queries that have asked for the permission already."""
    own = Q(owner=actor.principal)
    return Conversation.objects.filter(own | Q(visibility=Visibility.ORGANIZATION))


def require_owner(actor: Actor, conversation: Conversation) -> None:
    """What others may read they may still not write."""
    if conversation.owner != actor.principal:
        raise PermissionDenied("Only its owner writes in this conversation.", code="not_the_owner")


def stats_page(*, actor: Actor, page: int, limit: int) -> Page:
    """Owners by the number of their conversations, for administrators: counts and costs. Three queries."""
    require(actor, ConversationsPermission.STATS)
    owners = (
        Conversation.objects.order_by()
        .values("owner")
        .annotate(
            name=Max("owner_name"),
            held=Count("pk"),
            archived=Count("pk", filter=Q(archived_at__isnull=False)),
            said=Sum("message_count"),
            last_at=Max("updated_at"),
        )
        .order_by("-held", "owner")
    )
    total = owners.count()
    start = (page - 1) * limit
    rows: list[dict[str, Any]] = list(map(dict, owners[start : start + limit]))
    used = _usage_by_owner([row["owner"] for row in rows])
    meta = {"page": page, "limit": limit, "total": total, "total_pages": -(-total // limit)}
    return Page([OwnerStats(**row, usage=used.get(row["owner"], Rollup())) for row in rows], meta)


def _usage_by_owner(owners: list[str]) -> dict[str, Rollup]:
    rows = Message.objects.filter(conversation__owner__in=owners).order_by()
    found: Iterable[dict[str, Any]] = map(
        dict, rows.values("conversation__owner").annotate(**_SUMS)
    )
    return {row.pop("conversation__owner"): _rollup(row) for row in found}


def _rollup(sums: dict[str, Any]) -> Rollup:
    return Rollup(**{name: value or 0 for name, value in sums.items()})


def _choice(word: str) -> Visibility:
    try:
        return Visibility(word)
    except ValueError:
        said = f"must be one of {', '.join(Visibility)}"
        raise Invalid.field("visibility", said, "choice") from None


class HasTag(Func):
    """Whether a list in JSON holds a text. Django's own `contains` knows no SQLite."""

    function = "jsonb_exists"
    output_field = BooleanField()
    conditional = True

    def as_sqlite(self, compiler: Any, connection: Any, **context: Any) -> Any:
        return self.as_sql(
            compiler,
            connection,
            template="EXISTS (SELECT 1 FROM json_each(%(expressions)s))",
            arg_joiner=") AS tag WHERE (tag.value = ",
            **context,
        )
