"""Answers in GraphQL: begun, followed token by token, stopped. Coroutines, one hop each for their rows.

A mutation answers at once with the message that is being written; `answerTokens` follows it from any position, on any
process. An answer belongs to the server: whoever leaves does not end it.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import suppress
from functools import partial
from typing import Any

import graphene
from django.conf import settings

from apps.conversations.domain.positions import Position, read_position
from apps.conversations.generations import hub
from apps.conversations.generations.beginning import say
from apps.conversations.generations.presenting import message_values
from apps.conversations.generations.running import Generation
from apps.conversations.generations.viewing import Told
from apps.conversations.graphql.admitting import admit
from apps.conversations.graphql.types import MessageError, MessageType
from apps.conversations.permissions import ConversationsPermission
from apps.conversations.queries import answers as queries
from apps.conversations.queries.messages import find_message
from apps.conversations.services import chats, messages
from apps.conversations.services.messages import Begun
from apps.core.actor import Actor
from apps.core.asgi.pool import in_pool
from apps.core.errors import Invalid
from apps.core.graphql.context import actor_of
from apps.core.graphql.fields import LiveField
from apps.core.graphql.mutations import HouseMutation
from apps.core.graphql.types import JSON
from apps.core.tenancy import enter_organization

VIEW, CREATE = ConversationsPermission.VIEW, ConversationsPermission.CREATE
WAIT = "Answer when the answer is whole, or when this field may take no longer; at once by default."
ATTACHMENTS = graphene.List(graphene.NonNull(graphene.ID), description="Ids of uploads.")
MODEL = "Another route for this answer alone."


class AnswerUsage(graphene.ObjectType):
    prompt = graphene.Int(required=True)
    completion = graphene.Int(required=True)
    cost = graphene.Float(description="Dollars.")


class AnswerEvent(graphene.ObjectType):
    """A step of an answer: `position` is what `after` takes to go on behind it."""

    position = graphene.String(required=True)
    type = graphene.String(
        required=True, description="start, reasoning, token, toolCalls, usage, done or error"
    )
    message_id = graphene.ID(required=True)
    content = graphene.String(required=True, description="Of token and reasoning.")
    offset = graphene.Int(
        description="Of start and error: how many characters stand; cut back to them."
    )
    context = JSON(description="Of start: what the model is given.")
    status = graphene.String(description="Of done and error.")
    tool_calls = JSON()
    usage = graphene.Field(AnswerUsage)
    total_tokens = graphene.Int(description="Of done.")
    finish_reason = graphene.String(description="Of done.")
    error = graphene.Field(MessageError)
    done = graphene.Boolean(required=True, description="Nothing comes after it.")


class AnswerMutation(HouseMutation):
    """The payload of whatever begins an answer or ends one."""

    class Meta:
        abstract = True

    conversation_id = graphene.ID(required=True)
    message = graphene.Field(MessageType, required=True, description="The answer.")


class WriteMessage(AnswerMutation):
    """Say something and begin its answer."""

    class Meta:
        permission = CREATE

    class Arguments:
        conversation_id = graphene.ID(required=True)
        content = graphene.String(required=True)
        parent_id = graphene.ID(description="By default the end of the active branch.")
        attachments = ATTACHMENTS
        model = graphene.String(description=MODEL)
        wait = graphene.Boolean(description=WAIT)

    @classmethod
    async def perform(cls, actor: Actor, **arguments: Any) -> Any:
        arguments["attachments"] = arguments.get("attachments") or ()
        return await _say(cls, actor, messages.write_message, arguments)


class EditMessage(AnswerMutation):
    """Say it differently: a message beside the old one, and a new answer."""

    class Meta:
        permission = CREATE

    class Arguments:
        conversation_id = graphene.ID(required=True)
        id = graphene.ID(required=True)
        content = graphene.String(required=True)
        attachments = ATTACHMENTS
        model = graphene.String(description=MODEL)
        wait = graphene.Boolean(description=WAIT)

    @classmethod
    async def perform(cls, actor: Actor, **arguments: Any) -> Any:
        return await _say(cls, actor, messages.edit_message, arguments)


class RegenerateMessage(AnswerMutation):
    """Another answer beside the old one."""

    class Meta:
        permission = CREATE

    class Arguments:
        conversation_id = graphene.ID(required=True)
        id = graphene.ID(required=True)
        model = graphene.String(description=MODEL)
        wait = graphene.Boolean(description=WAIT)

    @classmethod
    async def perform(cls, actor: Actor, **arguments: Any) -> Any:
        return await _say(cls, actor, messages.regenerate_message, arguments)


class ContinueMessage(AnswerMutation):
    """Go on with an answer that broke off, in the same message."""

    class Meta:
        permission = CREATE

    class Arguments:
        conversation_id = graphene.ID(required=True)
        id = graphene.ID(required=True)
        wait = graphene.Boolean(description=WAIT)

    @classmethod
    async def perform(cls, actor: Actor, **arguments: Any) -> Any:
        return await _say(cls, actor, messages.continue_message, arguments)


class Chat(AnswerMutation):
    """A message in one call: without a conversation one is begun, and then `model` is needed."""

    class Meta:
        permission = CREATE

    class Arguments:
        message = graphene.String(required=True)
        conversation_id = graphene.ID()
        model = graphene.String()
        wait = graphene.Boolean(description=WAIT)

    @classmethod
    async def perform(cls, actor: Actor, **arguments: Any) -> Any:
        return await _say(cls, actor, chats.say, arguments)


class StopAnswer(AnswerMutation):
    """End the call upstream, wherever it runs; what has ended already is answered as it is."""

    class Meta:
        permission = CREATE

    class Arguments:
        conversation_id = graphene.ID(required=True)
        id = graphene.ID(required=True)

    @classmethod
    async def perform(cls, actor: Actor, **arguments: Any) -> Any:
        enter_organization(actor.organization_id)
        conversation, message = arguments["conversation_id"], arguments["id"]
        await hub.stop(actor, conversation_id=conversation, message_id=message)
        shown = await in_pool(_shown, actor, message)
        return cls(conversation_id=conversation, message=shown)


class Mutation(graphene.ObjectType):
    write_message = WriteMessage.Field()
    edit_message = EditMessage.Field()
    regenerate_message = RegenerateMessage.Field()
    continue_message = ContinueMessage.Field()
    chat = Chat.Field()
    stop_answer = StopAnswer.Field()


class Subscription(graphene.ObjectType):
    answer_tokens = LiveField(
        AnswerEvent,
        required=True,
        permission=VIEW,
        message_id=graphene.ID(required=True),
        after=graphene.String(description="The last `position` that was seen."),
        description="An answer from a position to its end, as it comes. Leaving does not end it.",
    )

    @staticmethod
    async def subscribe_answer_tokens(
        root: Any, info: Any, *, message_id: str, after: str | None = None
    ) -> AsyncIterator[dict[str, Any]]:
        actor = actor_of(info)
        enter_organization(actor.organization_id)
        position = _position(after, message_id)
        message = await in_pool(find_message, actor=actor, message_id=message_id)
        viewer = await hub.attach(message, position)
        try:
            while (told := await viewer.next()) is not None:
                yield _event(told)
        finally:
            viewer.close()


async def _say(
    payload: type[AnswerMutation],
    actor: Actor,
    deed: Callable[..., Begun],
    arguments: dict[str, Any],
) -> AnswerMutation:
    actor = await admit(actor)
    waits = arguments.pop("wait", None)
    if (name := arguments.pop("id", None)) is not None:
        arguments["message_id"] = name
    begun, generation = await say(actor, partial(deed, actor=actor, **arguments))
    if waits:
        await _until_whole(generation)
    shown = await in_pool(_shown, actor, generation.message)
    return payload(conversation_id=begun.conversation.public_id, message=shown)


async def _until_whole(generation: Generation) -> None:
    """Raises what the call failed of, where there is nothing to show for it."""
    seconds: float = settings.SIGNALBOX_GRAPHQL_CALL_SECONDS
    with suppress(TimeoutError):
        async with asyncio.timeout(max(seconds - 1, seconds / 2)):
            await generation.transcript.ended()
    if generation.error is not None and not generation.transcript.content:
        raise generation.error


def _shown(actor: Actor, message_id: str) -> dict[str, Any]:
    return message_values(queries.answer_shown(actor=actor, message_id=message_id))


def _position(after: str | None, message_id: str) -> Position | None:
    try:
        position = read_position(after)
    except Invalid:
        position, after = None, after or "?"
    if after and (position is None or position.message != message_id):
        raise Invalid.field("after", "is no position in this answer", "format")
    return position


def _event(told: Told) -> dict[str, Any]:
    data = told.data
    event: dict[str, Any] = {
        "position": str(told.position),
        "type": "toolCalls" if told.name == "tool_calls" else told.name,
        "message_id": told.position.message,
        "content": data.get("content", ""),
        "done": told.position.is_end,
    }
    match told.name:
        case "start":
            event |= {"offset": data["offset"], "context": data.get("context")}
        case "tool_calls":
            event["tool_calls"] = data["tool_calls"]
        case "usage":
            event["usage"] = data
        case "done":
            event |= {
                "status": data["status"],
                "total_tokens": data["totalTokens"],
                "finish_reason": data["finishReason"],
            }
        case "error":
            event |= {
                "status": data["status"],
                "offset": data["offset"],
                "error": {"code": data["code"], "message": data["message"]},
            }
    return event
