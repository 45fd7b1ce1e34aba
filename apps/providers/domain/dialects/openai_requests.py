"""A chat in OpenAI's words, as Anthropic takes it."""

from __future__ import annotations

from typing import Any

from apps.core.errors import Invalid
from apps.providers.domain.dialects import parts, tool_calls, words
from apps.providers.errors import NotOffered

DEFAULT_MAX_TOKENS = 4096
"""Anthropic wants a bound; OpenAI's callers mostly name none."""
LEAST_THINKING = 1024
THINKING = {"low": 1024, "medium": 4096, "high": 16_384, "xhigh": 32_768}
"""Tokens to think, for OpenAI's word of how hard."""
NO_PLACE = frozenset(
    {
        "audio", "best_of", "frequency_penalty", "function_call", "functions", "logit_bias", "logprobs", "max_completion_tokens",
        "modalities", "n", "parallel_tool_calls", "prediction", "presence_penalty", "prompt_cache_key",
        "prompt_cache_retention", "reasoning_effort", "response_format", "safety_identifier", "seed", "service_tier", "stop", "store",
        "stream_options", "top_logprobs", "user", "verbosity", "web_search_options",
    }
)  # fmt: skip
JSON_PLEASE = "Answer with one JSON object and nothing else."


def translate(body: dict[str, Any], *, max_tokens: int | None = None) -> dict[str, Any]:
    """Raises `Invalid` for what is no chat, `NotOffered` for what Anthropic cannot do at all."""
    if (count := body.get("n")) not in (None, 1):
        raise NotOffered(f"n: Anthropic gives one answer, not {str(count)[:20]}.")
    made = {name: value for name, value in body.items() if name not in NO_PLACE}
    made.pop("metadata", None)
    system, made["messages"] = _conversation(words.objects(body.get("messages"), "messages"))
    bound = body.get("max_completion_tokens") or body.get("max_tokens")
    made["max_tokens"] = bound or max_tokens or DEFAULT_MAX_TOKENS
    _set_tools(made, body)
    _set_sampling(made, body)
    _set_shape(made, system, body.get("response_format"))
    if system:
        made["system"] = _joined(system)
    if isinstance(user := body.get("user"), str):
        made["metadata"] = {"user_id": user}
    _set_thinking(made, body)
    return made


def _set_tools(made: dict[str, Any], body: dict[str, Any]) -> None:
    made.pop("tools", None)
    made.pop("tool_choice", None)
    if offered := tool_calls.offered_to_anthropic(body):
        made["tools"] = offered
        if (choice := tool_calls.choice_to_anthropic(body)) is not None:
            made["tool_choice"] = choice


def _set_sampling(made: dict[str, Any], body: dict[str, Any]) -> None:
    temperature = body.get("temperature")
    if temperature is None:
        made.pop("temperature", None)
    elif isinstance(temperature, int | float):
        made["temperature"] = min(temperature, 1)  # up to 2 there, up to 1 here
    if made.get("top_p") is None:
        made.pop("top_p", None)
    stop = body.get("stop")
    stops = [stop] if isinstance(stop, str) else stop
    if stops := [word for word in stops or () if isinstance(word, str) and word.strip()]:
        made["stop_sequences"] = stops


def _set_shape(made: dict[str, Any], system: list[dict[str, Any]], wanted: Any) -> None:
    match wanted:
        case {"type": "json_schema", "json_schema": {"schema": dict(schema)}}:
            shape = {"format": {"type": "json_schema", "schema": schema}}
            given = made.get("output_config")
            made["output_config"] = {**(given if isinstance(given, dict) else {}), **shape}
        case {"type": "json_object"}:
            system.append({"type": "text", "text": JSON_PLEASE})


def _set_thinking(made: dict[str, Any], body: dict[str, Any]) -> None:
    budget = THINKING.get(str(body.get("reasoning_effort")))
    bound = made["max_tokens"]
    if budget is None or "thinking" in made or not isinstance(bound, int):
        return
    # It must fit below the bound; a turn that used a tool must have begun with thoughts of Anthropic's own; and nobody
    # may be made to call a tool and think.
    budget = min(budget, bound - 1)
    is_forced = (made.get("tool_choice") or {}).get("type") in ("any", "tool")
    if budget < LEAST_THINKING or is_forced or _has_unthought_tools(made["messages"]):
        return
    made["thinking"] = {"type": "enabled", "budget_tokens": budget}
    made.pop("temperature", None)


def _has_unthought_tools(messages: list[dict[str, Any]]) -> bool:
    return any(
        message["role"] == "assistant"
        and isinstance(blocks := message["content"], list)
        and any(block.get("type") == "tool_use" for block in blocks)
        and blocks[0].get("type") not in ("thinking", "redacted_thinking")
        for message in messages
    )


def _joined(system: list[dict[str, Any]]) -> str | list[dict[str, Any]]:
    if any(set(block) != {"type", "text"} for block in system):
        return system  # some of it is to be cached: the blocks matter
    return "\n\n".join(block["text"] for block in system)


def _conversation(
    messages: list[dict[str, Any]],
) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """The system's blocks, and the turns. All results of one turn's tools stand in the one message after it."""
    system: list[dict[str, Any]] = []
    turns: list[dict[str, Any]] = []
    takes_results = False
    for index, message in enumerate(messages):
        name = f"messages.{index}"
        match message.get("role"):
            case "system" | "developer":
                system += _blocks(message.get("content"), f"{name}.content")
                continue
            case "user":
                content = parts.content_to_anthropic(message.get("content"), f"{name}.content")
                _add_user(turns, content, takes_results=takes_results)
                takes_results = False
            case "assistant":
                turns.append({"role": "assistant", "content": _assistant(message, name)})
                takes_results = False
            case "tool" | "function":
                _add_user(turns, [_result(message, name)], takes_results=takes_results)
                takes_results = True
            case _:
                raise Invalid.field(
                    f"{name}.role", "must be system, developer, user, assistant or tool"
                )
    return system, turns


def _add_user(
    turns: list[dict[str, Any]], content: str | list[dict[str, Any]], *, takes_results: bool
) -> None:
    if takes_results:
        blocks = [{"type": "text", "text": content}] if isinstance(content, str) else content
        turns[-1]["content"] = [*turns[-1]["content"], *blocks]
    else:
        turns.append({"role": "user", "content": content})


def _blocks(content: Any, name: str) -> list[dict[str, Any]]:
    made = parts.content_to_anthropic(content, name)
    if isinstance(made, str):
        return [{"type": "text", "text": made}] if made else []
    return made


def _assistant(message: dict[str, Any], name: str) -> str | list[dict[str, Any]]:
    calls = words.objects(message.get("tool_calls") or [], f"{name}.tool_calls")
    thoughts = words.objects(message.get("thinking_blocks") or [], f"{name}.thinking_blocks")
    if not calls and not thoughts and not message.get("function_call"):
        return parts.content_to_anthropic(message.get("content"), f"{name}.content")
    blocks = [*thoughts, *_blocks(message.get("content"), f"{name}.content")]
    for index, call in enumerate(calls):
        path = f"{name}.tool_calls.{index}"
        function = words.an_object(call.get("function"), f"{path}.function")
        blocks.append(_use(words.text(call.get("id"), f"{path}.id"), function))
    if isinstance(older := message.get("function_call"), dict):
        blocks.append(_use(f"call_{older.get('name')}", older))
    return blocks


def _use(call_id: str, function: dict[str, Any]) -> dict[str, Any]:
    return {
        "type": "tool_use",
        "id": call_id,
        "name": function.get("name"),
        "input": parts.arguments_of(function.get("arguments")),
    }


def _result(message: dict[str, Any], name: str) -> dict[str, Any]:
    call_id = message.get("tool_call_id") or f"call_{message.get('name')}"
    return {
        "type": "tool_result",
        "tool_use_id": words.text(call_id, f"{name}.tool_call_id"),
        "content": parts.content_to_anthropic(message.get("content"), f"{name}.content"),
    }
