"""Comparisons in GraphQL: one prompt to several models, and which answer was the better one."""

from __future__ import annotations

from typing import Any

import graphene
from django.db.models import QuerySet

from apps.conversations.enums import MessageStatus
from apps.conversations.generations import hub
from apps.conversations.graphql.admitting import admit
from apps.conversations.graphql.types import ConversationUsage, MessageError, used
from apps.conversations.models import Comparison
from apps.conversations.permissions import ConversationsPermission
from apps.conversations.queries import comparisons as queries
from apps.conversations.queries.comparisons import ComparisonView, Side
from apps.conversations.queries.shown import Rollup
from apps.conversations.services import comparisons
from apps.core.actor import Actor
from apps.core.asgi.aside import surely
from apps.core.asgi.pool import in_pool
from apps.core.graphql.connections import ConnectionField
from apps.core.graphql.context import actor_of
from apps.core.graphql.fields import HouseField
from apps.core.graphql.mutations import HouseMutation
from apps.core.graphql.types import DateTime, HouseType, public_id

VIEW, CREATE = ConversationsPermission.VIEW, ConversationsPermission.CREATE


class ContenderType(graphene.ObjectType):
    """One model's answer as it stands."""

    class Meta:
        name = "Contender"

    model = graphene.String(required=True)
    conversation_id = graphene.ID(required=True)
    message_id = graphene.ID(required=True, description="For `answerTokens`.")
    status = graphene.String(required=True)
    content = graphene.String(required=True)
    usage = graphene.Field(ConversationUsage)
    error = graphene.Field(MessageError)


class ComparisonType(HouseType):
    """As lists have it."""

    class Meta:
        name = "Comparison"

    id = public_id()
    prompt = graphene.String(
        required=True, source="short_prompt", description=f"Its first {queries.SHORT} characters."
    )
    models = graphene.List(graphene.NonNull(graphene.String), required=True)
    chosen = graphene.String()
    chosen_at = DateTime()
    created_at = DateTime(required=True)

    @staticmethod
    def resolve_models(row: Comparison, info: Any) -> list[str]:
        return [contender.model for contender in row.contenders.all()]

    @staticmethod
    def resolve_chosen(row: Comparison, info: Any) -> str | None:
        return row.chosen or None


class OpenComparison(HouseType):
    """One comparison with its answers. Made of plain values, so that the loop may show it."""

    id = graphene.ID(required=True)
    prompt = graphene.String(required=True)
    status = graphene.String(required=True, description="generating or complete")
    chosen = graphene.String(description="A model, or `tie`.")
    chosen_at = DateTime()
    created_at = DateTime(required=True)
    contenders = graphene.List(graphene.NonNull(ContenderType), required=True)


class Query(graphene.ObjectType):
    comparisons = ConnectionField(ComparisonType, permission=VIEW)
    comparison = HouseField(
        OpenComparison, required=True, permission=VIEW, id=graphene.ID(required=True)
    )

    @staticmethod
    def resolve_comparisons(root: Any, info: Any) -> QuerySet[Comparison]:
        return queries.comparisons(actor=actor_of(info))

    @staticmethod
    def resolve_comparison(root: Any, info: Any, *, id: str) -> dict[str, Any]:  # noqa: A002 - the schema's word
        return _values(queries.comparison_of(actor=actor_of(info), comparison_id=id))


class CreateComparison(HouseMutation):
    """Ask several models the same, each in a conversation of its own."""

    class Meta:
        permission = CREATE

    class Arguments:
        prompt = graphene.String(required=True)
        models = graphene.List(
            graphene.NonNull(graphene.String), required=True, description="Routes, each once."
        )
        system_prompt = graphene.String(default_value="")

    comparison = graphene.Field(OpenComparison, required=True)

    @classmethod
    async def perform(cls, actor: Actor, **arguments: Any) -> CreateComparison:
        arguments["system_prompt"] = arguments.get("system_prompt") or ""
        return cls(comparison=await surely(_begin(await admit(actor), arguments)))


class ChooseContender(HouseMutation):
    """Say whose answer was the better one, or `tie`; for a day another may be said."""

    class Meta:
        permission = CREATE

    class Arguments:
        id = graphene.ID(required=True)
        model = graphene.String(required=True)

    comparison = graphene.Field(OpenComparison, required=True)

    @classmethod
    def perform(cls, actor: Actor, **arguments: Any) -> ChooseContender:
        chosen = comparisons.choose(
            actor=actor, comparison_id=arguments["id"], model=arguments["model"]
        )
        return cls(comparison=_values(chosen))


class Mutation(graphene.ObjectType):
    create_comparison = CreateComparison.Field()
    choose_contender = ChooseContender.Field()


async def _begin(actor: Actor, arguments: dict[str, Any]) -> dict[str, Any]:
    compared = await in_pool(comparisons.begin_comparison, actor=actor, **arguments)
    for index, begun in enumerate(compared.begun):
        # One call has been counted; the others count as they are made.
        hub.start(actor, begun, is_counted=index == 0)
    return _values(await in_pool(queries.view_of, compared.comparison))


def _values(view: ComparisonView) -> dict[str, Any]:
    row = view.comparison
    return {
        "id": row.public_id,
        "prompt": row.prompt,
        "status": "complete" if view.is_complete else "generating",
        "chosen": row.chosen or None,
        "chosen_at": row.chosen_at,
        "created_at": row.created_at,
        "contenders": [_side(side) for side in view.sides],
    }


def _side(side: Side) -> dict[str, Any]:
    ending = side.standing.ending
    usage = error = None
    if ending is not None and ending.completion_tokens is not None:
        spent = Rollup(ending.prompt_tokens or 0, ending.completion_tokens, ending.cost_nano or 0)
        usage = used(spent)
    if ending is not None and ending.error_code:
        error = {"code": ending.error_code, "message": ending.error_message}
    return {
        "model": side.model,
        "conversation_id": side.conversation,
        "message_id": side.message.public_id,
        "status": str(ending.status if ending is not None else MessageStatus.GENERATING),
        "content": side.standing.content,
        "usage": usage,
        "error": error,
    }
