"""A chat in Anthropic's words, as OpenAI takes it."""

from __future__ import annotations

from typing import Any

from apps.core.errors import Invalid
from apps.providers.domain.dialects import parts, tool_calls, words

NO_PLACE = frozenset(
    {
        "anthropic_beta", "anthropic_version", "betas", "cache_control", "container", "context_management", "inference_geo",
        "mcp_servers", "metadata", "output_config", "output_format", "service_tier", "speed", "stop_sequences", "system", "thinking",
        "tool_choice", "tools",
    }
)  # fmt: skip
THOUGHTS = ("thinking", "redacted_thinking")
MOST_STOPS = 4
"""OpenAI's own bound."""


def translate(body: dict[str, Any]) -> dict[str, Any]:
    """Raises `Invalid` for what is no chat, `NotOffered` for blocks and tools that only Anthropic has."""
    made = {name: value for name, value in body.items() if name not in NO_PLACE}
    messages = _system(body.get("system"))
    for index, message in enumerate(words.objects(body.get("messages"), "messages")):
        messages += _turn(message, f"messages.{index}")
    made["messages"] = messages
    if offered := body.get("tools"):
        made["tools"] = tool_calls.offered_to_openai(offered)
        if (choice := body.get("tool_choice")) is not None:
            made.update(tool_calls.choice_to_openai(choice))
    if isinstance(stops := body.get("stop_sequences"), list) and stops:
        made["stop"] = stops[:MOST_STOPS]
    match body.get("metadata"):
        case {"user_id": str(user)}:
            made["user"] = user
    _set_shape(made, body)
    return made


def _set_shape(made: dict[str, Any], body: dict[str, Any]) -> None:
    config = body.get("output_config")
    wanted = config.get("format") if isinstance(config, dict) else body.get("output_format")
    match wanted:
        case {"type": "json_schema", "schema": dict(schema)}:
            made["response_format"] = {
                "type": "json_schema",
                "json_schema": {"name": "answer", "schema": schema},
            }


def _system(system: Any) -> list[dict[str, Any]]:
    if not system:
        return []
    if isinstance(system, str):
        return [{"role": "system", "content": system}]
    blocks = words.objects(system, "system")
    told = [
        words.text(block.get("text"), f"system.{index}.text") for index, block in enumerate(blocks)
    ]
    return [{"role": "system", "content": "\n\n".join(told)}]


def _turn(message: dict[str, Any], name: str) -> list[dict[str, Any]]:
    content = message.get("content")
    role = message.get("role")
    if role not in ("user", "assistant"):
        raise Invalid.field(f"{name}.role", "must be user or assistant")
    if isinstance(content, str):
        return [{"role": role, "content": content}]
    blocks = words.objects(content, f"{name}.content")
    if role == "assistant":
        return [_assistant(blocks, f"{name}.content")]
    return _user(blocks, f"{name}.content")


def _user(blocks: list[dict[str, Any]], name: str) -> list[dict[str, Any]]:
    """Results of tools are messages of their own, before whatever else the turn says."""
    results: list[dict[str, Any]] = []
    said: list[dict[str, Any]] = []
    for index, block in enumerate(blocks):
        path = f"{name}.{index}"
        if block.get("type") == "tool_result":
            text, pictures = _result(block.get("content"), path)
            call_id = words.text(block.get("tool_use_id"), f"{path}.tool_use_id")
            results.append({"role": "tool", "tool_call_id": call_id, "content": text})
            said += pictures
        else:
            said.append(parts.part_to_openai(block, path))
    if said or not results:
        results.append({"role": "user", "content": parts.content_to_openai(said) if said else ""})
    return results


def _result(content: Any, name: str) -> tuple[str, list[dict[str, Any]]]:
    """A result's text, and its pictures: OpenAI takes those from users alone."""
    if content is None or isinstance(content, str):
        return content or "", []
    made = [
        parts.part_to_openai(block, f"{name}.content.{index}")
        for index, block in enumerate(words.objects(content, f"{name}.content"))
    ]
    texts = [part["text"] for part in made if part["type"] == "text"]
    return "\n".join(texts), [part for part in made if part["type"] != "text"]


def _assistant(blocks: list[dict[str, Any]], name: str) -> dict[str, Any]:
    texts: list[str] = []
    calls: list[dict[str, Any]] = []
    for index, block in enumerate(blocks):
        path = f"{name}.{index}"
        match block.get("type"):
            case "tool_use":
                calls.append(_call(block, path))
            case "text":
                texts.append(words.text(block.get("text"), f"{path}.text"))
            case kind if kind in THOUGHTS:
                pass  # thoughts are signed for Anthropic; nobody else could check them
            case _:
                parts.part_to_openai(block, path)  # says what has no form
    message: dict[str, Any] = {"role": "assistant", "content": "".join(texts) or None}
    if calls:
        message["tool_calls"] = calls
    elif not texts:
        message["content"] = ""
    return message


def _call(block: dict[str, Any], name: str) -> dict[str, Any]:
    function = {
        "name": words.text(block.get("name"), f"{name}.name"),
        "arguments": parts.arguments_text(block.get("input")),
    }
    return {
        "id": words.text(block.get("id"), f"{name}.id"),
        "type": "function",
        "function": function,
    }
