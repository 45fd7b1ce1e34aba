"""Between a caller's words and a deployment's: nothing at all in most calls."""

from __future__ import annotations

from time import time
from typing import Any

from apps.providers.adapters.protocol import Adapter
from apps.providers.domain.calls import Answer, Call, Event
from apps.providers.domain.continuation import Way, way_of
from apps.providers.domain.dialects import answers, to_openai_stream
from apps.providers.domain.dialects.translation import Translation, as_chat, translate
from apps.providers.domain.tables import DeploymentView
from apps.providers.enums import Dialect, Operation
from apps.providers.gateway.upstreams import adapter_of


def translation_for(call: Call, adapter: Adapter, deployment: DeploymentView) -> Translation | None:
    """None where both speak the same. Raises `Invalid` and `NotOffered` for what cannot be said there."""
    if call.dialect is not adapter.dialect:
        return translate(
            call, adapter.dialect, created=int(time()), max_tokens=deployment.max_output_tokens
        )
    if call.operation is Operation.COMPLETION and not does(adapter, deployment, call.operation):
        return ChatForCompletion(call.body)
    return None


def does(adapter: Adapter, deployment: DeploymentView, operation: Operation) -> bool:
    """Whether a deployment serves an operation as such; one that names no capabilities is tried for all."""
    capabilities = deployment.capabilities
    return operation in adapter.operations and (
        not capabilities or operation.value in capabilities or not capabilities & OPERATIONS
    )


def way_at(call: Call, deployment: DeploymentView) -> Way | None:
    """How a deployment is asked to go on with an answer; None where it cannot."""
    kind, operation = deployment.provider.kind, call.operation
    if operation is Operation.COMPLETION and not does(adapter_of(kind), deployment, operation):
        operation = Operation.CHAT
    return way_of(kind, operation)


OPERATIONS = frozenset(operation.value for operation in Operation)


class ChatForCompletion:
    """A completion asked of a model that only chats: the prompt becomes what a user says."""

    operation = Operation.CHAT
    dialect = Dialect.OPENAI

    def __init__(self, body: dict[str, Any]) -> None:
        self.body = as_chat(body)

    def answer(self, answer: Answer) -> Answer:
        return answers.to_completion(answer)

    def events(self, events: list[Event]) -> list[Event]:
        return [to_openai_stream.to_completion(event) for event in events]
