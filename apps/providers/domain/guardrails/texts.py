"""What is said in a body, of whichever dialect: each text handed to a function and put back, the body copied."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

Change = Callable[[str], str]


def change_request(body: dict[str, Any], change: Change) -> dict[str, Any]:
    """Messages, system words, prompts and inputs. Unchanged texts leave the body as it is."""
    changed = dict(body)
    for name in ("system", "prompt", "input", "instruction", "suffix"):
        if name in changed:
            changed[name] = _said(changed[name], change)
    if isinstance(changed.get("messages"), list):
        changed["messages"] = [_message(message, change) for message in changed["messages"]]
    return body if changed == body else changed


def change_answer(body: dict[str, Any], change: Change) -> dict[str, Any]:
    """The choices of OpenAI's answers, the blocks of Anthropic's."""
    changed = dict(body)
    if isinstance(changed.get("choices"), list):
        changed["choices"] = [_choice(choice, change) for choice in changed["choices"]]
    if isinstance(changed.get("content"), list):
        changed["content"] = _said(changed["content"], change)
    return body if changed == body else changed


def _choice(choice: Any, change: Change) -> Any:
    if not isinstance(choice, dict):
        return choice
    changed = dict(choice)
    if isinstance(choice.get("text"), str):
        changed["text"] = change(choice["text"])
    if isinstance(choice.get("message"), dict):
        changed["message"] = _message(choice["message"], change)
    return changed


def _message(message: Any, change: Change) -> Any:
    if not isinstance(message, dict):
        return message
    changed = {**message}
    for name in ("content", "reasoning_content", "refusal"):
        if name in message:
            changed[name] = _said(message[name], change)
    calls = message.get("tool_calls")
    if isinstance(calls, list):
        changed["tool_calls"] = [_tool_call(call, change) for call in calls]
    return changed


def _tool_call(call: Any, change: Change) -> Any:
    function = call.get("function") if isinstance(call, dict) else None
    if not isinstance(function, dict) or not isinstance(function.get("arguments"), str):
        return call
    return {**call, "function": {**function, "arguments": change(function["arguments"])}}


def _said(value: Any, change: Change) -> Any:
    """A text, a list of texts, or parts and blocks that hold texts."""
    match value:
        case str():
            return change(value)
        case list():
            return [_said(item, change) for item in value]
        case {"type": "tool_result", "content": content}:
            return {**value, "content": _said(content, change)}
        case {"text": str(text)}:
            return {**value, "text": change(text)}
        case {"thinking": str(text)}:
            return {**value, "thinking": change(text)}
    return value
