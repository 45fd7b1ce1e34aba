"""Answers in OpenAI's words, made from those of providers with words of their own."""

from __future__ import annotations

import base64
import hashlib
import math
import struct
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from apps.providers.adapters.wire import count
from apps.providers.domain.calls import Answer, Event, Usage
from apps.providers.domain.dialects.words import usage_to_openai
from apps.providers.enums import Operation
from apps.providers.errors import UpstreamInvalid


@dataclass(slots=True)
class Said:
    """What one choice says: of a whole answer all of it, of a stream's event what is new."""

    index: int = 0
    text: str = ""
    reasoning: str = ""
    tool_calls: list[dict[str, Any]] = field(default_factory=list)
    refusal: str = ""
    images: list[dict[str, Any]] = field(default_factory=list)
    finish_reason: str | None = None

    @property
    def hidden(self) -> str:
        functions = (call["function"] for call in self.tool_calls)
        calls = (f"{function['name']}{function['arguments']}" for function in functions)
        return self.reasoning + "".join(calls) + self.refusal

    def fields(self) -> dict[str, Any]:
        named = {
            "content": self.text,
            "reasoning_content": self.reasoning,
            "tool_calls": self.tool_calls,
            "refusal": self.refusal,
            "images": self.images,
        }
        return {name: value for name, value in named.items() if value}


def answer(
    operation: Operation, answer_id: str, model: str, said: Sequence[Said], usage: Usage | None
) -> Answer:
    """A chat completion or a text completion."""
    is_chat = operation is Operation.CHAT
    head = _head(answer_id, "chat.completion" if is_chat else "text_completion", model)
    body = {**head, "choices": [_choice(one, is_chat=is_chat) for one in said]}
    if (told := usage_to_openai(usage)) is not None:
        body["usage"] = told
    return Answer(
        body,
        usage=usage,
        finish_reason=said[-1].finish_reason if said else None,
        text="\n".join(one.text for one in said),
        hidden="\n".join(filter(None, (one.hidden for one in said))),
    )


class Chunks:
    """Makes the chunks of one stream: the first of each choice names the role."""

    def __init__(self, operation: Operation) -> None:
        self._is_chat = operation is Operation.CHAT
        self._created = now()
        self._begun: set[int] = set()
        self._calls: dict[int, int] = {}

    def chunk(self, answer_id: str, model: str, said: Sequence[Said]) -> Event:
        choices = [
            self._delta(one) if self._is_chat else _choice(one, is_chat=False) for one in said
        ]
        return Event(
            {**self._head(answer_id, model), "choices": choices},
            text="".join(one.text for one in said),
            hidden="".join(one.hidden for one in said),
            finish_reason=next((one.finish_reason for one in said if one.finish_reason), None),
        )

    def end(self, answer_id: str, model: str, usage: Usage | None) -> list[Event]:
        told = usage_to_openai(usage)
        last = Event({}, is_last=True)
        if told is None:
            return [last]
        body = {**self._head(answer_id, model), "choices": [], "usage": told}
        return [Event(body, usage=usage), last]

    def _head(self, answer_id: str, model: str) -> dict[str, Any]:
        name = "chat.completion.chunk" if self._is_chat else "text_completion"
        return {**_head(answer_id, name, model), "created": self._created}

    def _delta(self, said: Said) -> dict[str, Any]:
        delta = said.fields()
        if said.index not in self._begun:
            self._begun.add(said.index)
            delta = {"role": "assistant", "content": "", **delta}
        if said.tool_calls:
            first = self._calls.get(said.index, 0)
            self._calls[said.index] = first + len(said.tool_calls)
            delta["tool_calls"] = [
                {"index": first + number, **call} for number, call in enumerate(said.tool_calls)
            ]
        return {
            "index": said.index,
            "delta": delta,
            "logprobs": None,
            "finish_reason": said.finish_reason,
        }


def embeddings(
    model: str, vectors: Sequence[Any], usage: Usage | None, asked: Mapping[str, Any]
) -> Answer:
    """Vectors as numbers, or packed when the caller asked so (OpenAI's own clients do, silently)."""
    is_packed = asked.get("encoding_format") == "base64"
    body: dict[str, Any] = {
        "object": "list",
        "model": model,
        "data": [
            {
                "object": "embedding",
                "index": index,
                "embedding": _packed(vector) if is_packed else vector,
            }
            for index, vector in enumerate(map(_numbers, vectors))
        ],
    }
    if usage is not None:
        body["usage"] = {"prompt_tokens": usage.prompt_tokens, "total_tokens": usage.total_tokens}
    return Answer(body, usage=usage)


def now() -> int:
    return int(time.time())


def tool_call(call_id: str, name: str, arguments: str) -> dict[str, Any]:
    return {
        "id": call_id,
        "type": "function",
        "function": {"name": name, "arguments": arguments},
    }


def call_id_of(*parts: object) -> str:
    """An id for a tool call that came without: the same for the same words, so that a reader is pure."""
    digest = hashlib.blake2b(repr(parts).encode("utf-8", "replace"), digest_size=12)
    return f"call_{digest.hexdigest()}"


def inputs_of(body: Mapping[str, Any]) -> list[str] | None:
    """An embedding's texts; None when they came as token ids, which mean nothing to another tokenizer."""
    value = body.get("input")
    if isinstance(value, str):
        return [value]
    if isinstance(value, list) and all(isinstance(item, str) for item in value):
        return value
    return None


def _head(answer_id: str, name: str, model: str) -> dict[str, Any]:
    return {"id": answer_id, "object": name, "created": now(), "model": model}


def _choice(said: Said, *, is_chat: bool) -> dict[str, Any]:
    head: dict[str, Any] = {"index": said.index}
    if is_chat:
        content = said.text or (None if said.tool_calls else "")
        head["message"] = {"role": "assistant", **said.fields(), "content": content}
    else:
        head["text"] = said.text
    return {**head, "logprobs": None, "finish_reason": said.finish_reason}


def _numbers(vector: Any) -> list[float]:
    if not isinstance(vector, list) or not all(
        isinstance(part, int | float) and not isinstance(part, bool) and math.isfinite(part)
        for part in vector
    ):
        raise UpstreamInvalid("The provider's answer has no readable 'embedding'.")
    return vector


def _packed(vector: list[float]) -> str:
    try:
        return base64.b64encode(struct.pack(f"<{len(vector)}f", *vector)).decode()
    except (OverflowError, struct.error):
        raise UpstreamInvalid("The provider's answer has no readable 'embedding'.") from None


def bound_of(body: Mapping[str, Any]) -> int | None:
    return count(body.get("max_completion_tokens")) or count(body.get("max_tokens"))


def stops_of(body: Mapping[str, Any]) -> list[str]:
    stop = body.get("stop")
    stops = [stop] if isinstance(stop, str) else stop if isinstance(stop, list) else []
    return [word for word in stops if isinstance(word, str) and word]
