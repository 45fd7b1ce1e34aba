"""Calling models through GraphQL: a whole completion, or its tokens as they come."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import graphene

from apps.core.actor import Actor
from apps.core.errors import Invalid
from apps.core.graphql.context import actor_of
from apps.core.graphql.fields import LiveField
from apps.core.graphql.mutations import HouseMutation
from apps.core.graphql.types import JSON
from apps.providers.domain import forms
from apps.providers.domain.calls import Call, Event, Usage
from apps.providers.gateway import engine
from apps.providers.gateway.trace import NANO, Trace
from apps.providers.permissions import ProvidersPermission

CALL = ProvidersPermission.CALL
NAMES = frozenset(
    {"max_tokens", "temperature", "top_p", "stop", "seed", "user", "provider", "prompt_variables"}
)
"""Of the input's fields, those that stand in a body as they are."""


class CompletionMessage(graphene.InputObjectType):
    role = graphene.String(required=True, description="system, developer, user or assistant")
    content = graphene.String(required=True)


class CompletionInput(graphene.InputObjectType):
    """One of `prompt` and `messages`."""

    model = graphene.String(required=True)
    provider = graphene.String(description="A provider's name or kind: a deployment of it answers.")
    prompt = graphene.String()
    messages = graphene.List(graphene.NonNull(CompletionMessage))
    max_tokens = graphene.Int()
    temperature = graphene.Float()
    top_p = graphene.Float()
    stop = graphene.List(graphene.NonNull(graphene.String))
    seed = graphene.Int()
    user = graphene.String(description="Your end user: their budget, their part of the usage.")
    prompt_variables = JSON(description="For the variables of the route's prompt.")


class CompletionUsage(graphene.ObjectType):
    prompt_tokens = graphene.Int(required=True)
    completion_tokens = graphene.Int(required=True)
    total_tokens = graphene.Int(required=True)


class CompletionResult(graphene.ObjectType):
    id = graphene.ID(required=True)
    model = graphene.String(required=True)
    text = graphene.String(required=True)
    finish_reason = graphene.String()
    usage = graphene.Field(CompletionUsage, required=True)
    cost = graphene.Float(required=True, description="Dollars.")
    deployment = graphene.String(description="None where the answer was there already.")
    provider = graphene.String()
    attempts = graphene.Int(required=True)
    fallback = graphene.Boolean(required=True)
    cached = graphene.Boolean(required=True)
    request_id = graphene.String(required=True)


class CompletionToken(graphene.ObjectType):
    """A piece of the answer; the last one has no text but says how it ended."""

    id = graphene.ID(required=True)
    text = graphene.String(required=True)
    finish_reason = graphene.String()
    usage = graphene.Field(CompletionUsage)
    cost = graphene.Float(description="Dollars; of the last alone.")
    deployment = graphene.String()
    done = graphene.Boolean(required=True)


class CreateCompletion(HouseMutation):
    """Ask a model and wait for the whole answer, longer than other fields may take."""

    class Meta:
        permission = CALL

    class Arguments:
        input = CompletionInput(required=True)

    Output = CompletionResult

    @classmethod
    async def perform(cls, actor: Actor, **arguments: Any) -> dict[str, Any]:
        reply = await engine.complete(actor, read_input(arguments["input"]))
        trace, body = reply.trace, reply.answer.body
        return {
            "id": str(body.get("id") or actor.request_id),
            "model": trace.call.model,
            "text": reply.answer.text,
            "finish_reason": reply.answer.finish_reason,
            "usage": _usage(reply.answer.usage or trace.usage),
            **_facts(trace),
            "provider": trace.deployment.provider.name if trace.deployment else None,
            "attempts": trace.attempts,
            "fallback": trace.is_fallback,
            "cached": trace.is_cached,
            "request_id": actor.request_id,
        }


class Mutation(graphene.ObjectType):
    create_completion = CreateCompletion.Field(required=True)


class Subscription(graphene.ObjectType):
    completion_tokens = LiveField(
        CompletionToken,
        required=True,
        permission=CALL,
        input=CompletionInput(required=True),
        description="The answer as it comes. Leaving ends the call upstream.",
    )

    @staticmethod
    async def subscribe_completion_tokens(
        root: Any,
        info: Any,
        *,
        input: Any,  # noqa: A002 - the schema's word
    ) -> AsyncIterator[dict[str, Any]]:
        actor = actor_of(info)
        stream = await engine.stream(actor, read_input(input, is_stream=True))
        name, ended = actor.request_id, None
        try:
            async for events in stream:
                name = _id_in(events) or name
                ended = next((e.finish_reason for e in events if e.finish_reason), ended)
                if text := "".join(event.text for event in events):
                    yield {"id": name, "text": text, "done": False}
            yield {
                "id": name,
                "text": "",
                "finish_reason": ended,
                "usage": _usage(stream.trace.usage),
                **_facts(stream.trace),
                "done": True,
            }
        finally:
            await stream.aclose()


def read_input(given: Any, *, is_stream: bool = False) -> Call:
    """Raises `Invalid`."""
    values = {name: value for name, value in given.items() if value is not None}
    if ("prompt" in values) == ("messages" in values):
        raise Invalid.field("prompt", "or messages: give one of the two", "choice")
    body = {name: value for name, value in values.items() if name in NAMES}
    body |= {"model": values["model"], "stream": is_stream}
    if "prompt" in values:
        return forms.read_body({**body, "prompt": values["prompt"]}, forms.COMPLETION)
    messages = [dict(message) for message in values["messages"]]
    return forms.read_body({**body, "messages": messages}, forms.CHAT)


def _facts(trace: Trace) -> dict[str, Any]:
    deployment = trace.deployment
    return {
        "cost": trace.cost_nano / NANO,
        "deployment": deployment.name if deployment else None,
    }


def _usage(usage: Usage | None) -> Usage:
    return usage or Usage()


def _id_in(events: list[Event]) -> str:
    return next((str(event.data["id"]) for event in events if event.data.get("id")), "")
