"""Whole answers from one dialect into the other. What is no answer is `UpstreamInvalid`: an upstream made it."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from apps.providers.domain.calls import Answer
from apps.providers.domain.dialects import parts, words
from apps.providers.errors import UpstreamInvalid


def to_openai(answer: Answer, *, created: int) -> Answer:
    """A chat completion from Anthropic's message."""
    body = answer.body
    message: dict[str, Any] = {"role": "assistant", "content": answer.text or None}
    _add_blocks(message, _dicts(body.get("content")))
    if message["content"] is None and "tool_calls" not in message:
        message["content"] = ""
    made = {
        "id": _text(body.get("id")),
        "object": "chat.completion",
        "created": created,
        "model": _text(body.get("model")),
        "choices": [
            {
                "index": 0,
                "message": message,
                "logprobs": None,
                "finish_reason": words.finish_of(body.get("stop_reason")) or "stop",
            }
        ],
    }
    if (usage := words.usage_to_openai(answer.usage)) is not None:
        made["usage"] = usage
    return replace(answer, body=made, raw=b"")


def to_anthropic(answer: Answer) -> Answer:
    """Anthropic's message from a chat completion: from its first choice."""
    body = answer.body
    choices = _dicts(body.get("choices"))
    choice = choices[0] if choices else {"message": None}
    message = _dict(choice.get("message"))
    finish = choice.get("finish_reason")
    made = {
        "id": _message_id(body.get("id")),
        "type": "message",
        "role": "assistant",
        "model": _text(body.get("model")),
        "content": _blocks(message),
        "stop_reason": words.stop_of(finish if isinstance(finish, str) else None),
        "stop_sequence": None,
        "usage": words.usage_to_anthropic(answer.usage),
    }
    if isinstance(message.get("refusal"), str):
        made["stop_reason"] = "refusal"
    return replace(answer, body=made, raw=b"")


def to_completion(answer: Answer) -> Answer:
    """A text completion from a chat completion."""
    choices = [
        {
            "index": choice.get("index", index),
            "text": _dict(choice.get("message")).get("content") or "",
            "logprobs": None,
            "finish_reason": choice.get("finish_reason"),
        }
        for index, choice in enumerate(_dicts(answer.body.get("choices")))
    ]
    made = {**answer.body, "object": "text_completion", "choices": choices}
    return replace(answer, body=made, raw=b"")


def _add_blocks(message: dict[str, Any], blocks: list[dict[str, Any]]) -> None:
    calls, thoughts = [], []
    for block in blocks:
        match block.get("type"):
            case "tool_use":
                calls.append(_call(block))
            case "thinking" | "redacted_thinking":
                thoughts.append(block)
    if calls:
        message["tool_calls"] = calls
    if thoughts:
        message["reasoning_content"] = "".join(_text(block.get("thinking")) for block in thoughts)
        message["thinking_blocks"] = thoughts


def _call(block: dict[str, Any]) -> dict[str, Any]:
    function = {
        "name": _text(block.get("name")),
        "arguments": parts.arguments_text(block.get("input")),
    }
    return {"id": _text(block.get("id")), "type": "function", "function": function}


def _blocks(message: dict[str, Any]) -> list[dict[str, Any]]:
    blocks: list[dict[str, Any]] = []
    if isinstance(thoughts := message.get("thinking_blocks"), list):
        blocks += _dicts(thoughts)
    elif isinstance(thought := thought_of(message), str) and thought:
        blocks.append({"type": "thinking", "thinking": thought, "signature": ""})
    for name in ("content", "refusal"):
        if isinstance(text := message.get(name), str) and text:
            blocks.append({"type": "text", "text": text})
    if isinstance(content := message.get("content"), list):
        blocks += [
            {"type": "text", "text": text}
            for part in content
            if isinstance(part, dict) and isinstance(text := part.get("text"), str)
        ]
    calls = message.get("tool_calls")
    for index, call in enumerate(_dicts(calls) if calls else []):
        function = _dict(call.get("function"))
        blocks.append(
            {
                "type": "tool_use",
                "id": _text(call.get("id")) or f"toolu_{index}",
                "name": _text(function.get("name")),
                "input": parts.arguments_of(function.get("arguments")),
            }
        )
    return blocks


def thought_of(message: dict[str, Any]) -> Any:
    """Reasoning under the names that servers give it."""
    return message.get("reasoning_content") or message.get("reasoning")


def _message_id(value: Any) -> str:
    known = _text(value)
    return known if known.startswith("msg_") else f"msg_{known.removeprefix('chatcmpl-')}"


def _text(value: Any) -> str:
    return value if isinstance(value, str) else ""


def _dict(value: Any) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise UpstreamInvalid
    return value


def _dicts(value: Any) -> list[dict[str, Any]]:
    if not isinstance(value, list) or not value:
        return []
    return [_dict(item) for item in value]
