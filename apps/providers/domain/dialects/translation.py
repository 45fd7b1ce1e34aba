"""One call between two dialects: its body on the way there, its answer or its events on the way back."""

from __future__ import annotations

from typing import Any, Protocol

from apps.core.errors import Invalid
from apps.providers.domain.calls import Answer, Call, Event
from apps.providers.domain.dialects import (
    answers,
    anthropic_requests,
    openai_requests,
    to_openai_stream,
)
from apps.providers.domain.dialects.to_anthropic_stream import ToAnthropic
from apps.providers.domain.dialects.to_openai_stream import ToOpenAI
from apps.providers.enums import Dialect, Operation
from apps.providers.errors import NotOffered


class Translation(Protocol):
    """Made anew for each attempt: a stream's keeps where it is."""

    body: dict[str, Any]
    operation: Operation

    def answer(self, answer: Answer) -> Answer: ...

    def events(self, events: list[Event]) -> list[Event]: ...


def translate(
    call: Call, dialect: Dialect, *, created: int, max_tokens: int | None = None
) -> Translation | None:
    """How the call is put to an adapter of that dialect; None when it speaks the caller's.

    `created`: seconds since 1970, for answers that must tell. `max_tokens`: the bound where the caller names none and
    the dialect wants one. Raises `Invalid` and `NotOffered`.
    """
    if call.dialect is dialect:
        return None
    if dialect is Dialect.OPENAI:
        return FromAnthropic(call.body)
    if call.operation is Operation.CHAT:
        return FromOpenAI(call.body, created=created, max_tokens=max_tokens)
    if call.operation is Operation.COMPLETION:
        return FromCompletion(call.body, created=created, max_tokens=max_tokens)
    raise NotOffered(f"Anthropic has no {call.operation.value}.")


class FromAnthropic:
    """An Anthropic caller at an adapter that speaks OpenAI's language."""

    operation = Operation.CHAT

    def __init__(self, body: dict[str, Any]) -> None:
        self.body = anthropic_requests.translate(body)
        self._stream = ToAnthropic()

    def answer(self, answer: Answer) -> Answer:
        return answers.to_anthropic(answer)

    def events(self, events: list[Event]) -> list[Event]:
        return [made for event in events for made in self._stream.read(event)]


class FromOpenAI:
    """An OpenAI caller at Anthropic."""

    operation = Operation.CHAT

    def __init__(
        self, body: dict[str, Any], *, created: int, max_tokens: int | None = None
    ) -> None:
        self.body = openai_requests.translate(body, max_tokens=max_tokens)
        self._created = created
        self._stream = ToOpenAI(created=created)

    def answer(self, answer: Answer) -> Answer:
        return answers.to_openai(answer, created=self._created)

    def events(self, events: list[Event]) -> list[Event]:
        return [made for event in events for made in self._stream.read(event)]


class FromCompletion(FromOpenAI):
    """The older completions at Anthropic: the prompt becomes what a user says."""

    def __init__(
        self, body: dict[str, Any], *, created: int, max_tokens: int | None = None
    ) -> None:
        super().__init__(as_chat(body), created=created, max_tokens=max_tokens)

    def answer(self, answer: Answer) -> Answer:
        return answers.to_completion(super().answer(answer))

    def events(self, events: list[Event]) -> list[Event]:
        return [to_openai_stream.to_completion(event) for event in super().events(events)]


def as_chat(body: dict[str, Any]) -> dict[str, Any]:
    """A completion's body as a chat's, for models that know nothing else."""
    prompt = body.get("prompt")
    if isinstance(prompt, list) and len(prompt) == 1:
        prompt = prompt[0]
    if not isinstance(prompt, str):
        raise Invalid.field("prompt", "must be one text for this model")
    left_out = {"prompt", "suffix", "echo", "best_of", "logprobs"}
    chat = {name: value for name, value in body.items() if name not in left_out}
    return {**chat, "messages": [{"role": "user", "content": prompt}]}
