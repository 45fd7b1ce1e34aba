"""Single words: why an answer ended, what it used; and readers that name the field when a body is not what it must be."""

from __future__ import annotations

from typing import Any

from apps.core.errors import Invalid
from apps.providers.domain.calls import Usage

FINISH_OF_STOP = {
    "end_turn": "stop",
    "stop_sequence": "stop",
    "pause_turn": "stop",
    "max_tokens": "length",
    "model_context_window_exceeded": "length",
    "tool_use": "tool_calls",
    "refusal": "content_filter",
}
STOP_OF_FINISH = {
    "stop": "end_turn",
    "length": "max_tokens",
    "tool_calls": "tool_use",
    "function_call": "tool_use",
    "content_filter": "refusal",
}


def finish_of(stop_reason: Any) -> str | None:
    """OpenAI's word for Anthropic's; null stays null, a word nobody knows is an ordinary end."""
    return FINISH_OF_STOP.get(stop_reason, "stop") if isinstance(stop_reason, str) else None


def stop_of(finish_reason: str | None) -> str:
    return STOP_OF_FINISH.get(finish_reason or "stop", "end_turn")


def usage_to_openai(usage: Usage | None) -> dict[str, Any] | None:
    if usage is None:
        return None
    return {
        "prompt_tokens": usage.prompt_tokens,
        "completion_tokens": usage.completion_tokens,
        "total_tokens": usage.total_tokens,
        "prompt_tokens_details": {"cached_tokens": usage.cached_tokens},
    }


def usage_to_anthropic(usage: Usage | None) -> dict[str, Any]:
    """Anthropic's clients do sums with these, so there is always a number. Its `input_tokens` leaves out the cached."""
    usage = usage or Usage()
    return {
        "input_tokens": usage.prompt_tokens - usage.cached_tokens,
        "cache_creation_input_tokens": 0,
        "cache_read_input_tokens": usage.cached_tokens,
        "output_tokens": usage.completion_tokens,
    }


def objects(value: Any, name: str) -> list[dict[str, Any]]:
    if not isinstance(value, list) or not all(isinstance(item, dict) for item in value):
        raise Invalid.field(name, "must be a list of objects", "type")
    return value


def text(value: Any, name: str) -> str:
    if value is None:
        return ""
    if not isinstance(value, str):
        raise Invalid.field(name, "must be a string", "type")
    return value


def an_object(value: Any, name: str) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise Invalid.field(name, "must be an object", "type")
    return value
