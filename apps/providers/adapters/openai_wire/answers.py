"""Whole answers in OpenAI's words: read far enough to be sure that they are one, and passed on as they came."""

from __future__ import annotations

import re
from typing import Any

from apps.providers.adapters import refusals, wire
from apps.providers.adapters.protocol import UpstreamFailed
from apps.providers.domain.calls import Answer, Usage
from apps.providers.enums import Operation
from apps.providers.errors import UpstreamInvalid


def read(operation: Operation, raw: bytes, overflow: re.Pattern[str]) -> Answer:
    """Raises `UpstreamInvalid`; `UpstreamFailed` for an error in the place of an answer."""
    body = wire.read_object(raw)
    refuse_error(body, overflow)
    answer = Answer(body, usage=read_usage(body.get("usage")), raw=raw)
    match operation:
        case Operation.CHAT:
            _read_chat(body, answer)
        case Operation.COMPLETION:
            _read_completion(body, answer)
        case Operation.EMBEDDINGS:
            _check_embeddings(body)
        case Operation.IMAGES:
            wire.read_list(body.get("data"), "data")
    return answer


def refuse_error(body: dict[str, Any], overflow: re.Pattern[str]) -> None:
    """Some tell an error with status 200, or within a stream: as `error`, or as an object of that name."""
    error = body.get("error") or (body if body.get("object") == "error" else None)
    if error:
        if isinstance(error, str):
            error = {"message": error, "type": body.get("error_type")}
        status = refusals.status_of(error)
        raise UpstreamFailed(refusals.spoken(error, status=status, overflow=overflow))


def read_usage(usage: Any) -> Usage | None:
    """The chat and completion names, or those of images."""
    if not isinstance(usage, dict):
        return None
    prompt = usage.get("prompt_tokens", usage.get("input_tokens"))
    completion = usage.get("completion_tokens", usage.get("output_tokens"))
    if completion is None:
        completion = 0  # embeddings make none, and some leave the name out
    details = usage.get("prompt_tokens_details")
    cached = details.get("cached_tokens") if isinstance(details, dict) else None
    return wire.usage_of(prompt, completion, cached)


def text_of(content: Any) -> str:
    """A message's content: text, nothing, or parts of which some are text."""
    if content is None:
        return ""
    if isinstance(content, str):
        return content
    if not isinstance(content, list):
        raise UpstreamInvalid("The provider's answer has no readable 'content'.")
    parts = (part.get("text") for part in content if isinstance(part, dict))
    return "".join(part for part in parts if isinstance(part, str))


def hidden_of(message: dict[str, Any]) -> str:
    """What a message or delta holds beside its text: reasoning, and the calls of tools."""
    parts = [
        value
        for name in ("reasoning_content", "reasoning", "refusal")
        if isinstance(value := message.get(name), str)
    ]
    calls = message.get("tool_calls")
    for call in calls if isinstance(calls, list) else ():
        parts += _function_texts(call.get("function") if isinstance(call, dict) else None)
    parts += _function_texts(message.get("function_call"))
    return "".join(parts)


def reason_of(choice: dict[str, Any]) -> str | None:
    reason = choice.get("finish_reason")
    return reason if isinstance(reason, str) and reason else None


def _read_chat(body: dict[str, Any], answer: Answer) -> None:
    messages = []
    for choice in _choices(body):
        messages.append(wire.read_dict(choice.get("message"), "message"))
        answer.finish_reason = reason_of(choice) or answer.finish_reason
    answer.text = "\n".join(text_of(message.get("content")) for message in messages)
    answer.hidden = "\n".join(filter(None, map(hidden_of, messages)))


def _read_completion(body: dict[str, Any], answer: Answer) -> None:
    texts = []
    for choice in _choices(body):
        texts.append(wire.read_text(choice.get("text"), "text"))
        answer.finish_reason = reason_of(choice) or answer.finish_reason
    answer.text = "\n".join(texts)


def _choices(body: dict[str, Any]) -> list[dict[str, Any]]:
    choices = wire.read_list(body.get("choices"), "choices")
    if not choices:
        raise UpstreamInvalid("The provider's answer has no readable 'choices'.")
    return choices


def _check_embeddings(body: dict[str, Any]) -> None:
    for item in wire.read_list(body.get("data"), "data"):
        # A list of numbers, or their bytes in base64. Each number is looked at by whoever uses it.
        if not isinstance(item.get("embedding"), list | str):
            raise UpstreamInvalid("The provider's answer has no readable 'embedding'.")


def _function_texts(function: Any) -> list[str]:
    if not isinstance(function, dict):
        return []
    found = (function.get("name"), function.get("arguments"))
    return [value for value in found if isinstance(value, str)]
