"""Tools in both dialects: what is offered, and whether one must be called."""

from __future__ import annotations

from typing import Any

from apps.core.errors import Invalid
from apps.providers.domain.dialects import words
from apps.providers.domain.dialects.parts import EMPTY_SCHEMA
from apps.providers.errors import NotOffered


def offered_to_anthropic(body: dict[str, Any]) -> list[dict[str, Any]]:
    """`tools`, and the older `functions`."""
    tools = []
    for index, tool in enumerate(words.objects(body.get("tools") or [], "tools")):
        if "function" not in tool:
            raise NotOffered(f"tools.{index}: only functions can be offered to Anthropic.")
        function = words.an_object(tool["function"], f"tools.{index}.function")
        tools.append(_tool_of(function, tool))
    tools += [
        _tool_of(function, {})
        for function in words.objects(body.get("functions") or [], "functions")
    ]
    return tools


def offered_to_openai(value: Any) -> list[dict[str, Any]]:
    tools = []
    for index, tool in enumerate(words.objects(value, "tools")):
        if tool.get("type") not in (None, "custom"):
            raise NotOffered(f"tools.{index}: Anthropic's own tools have no form in OpenAI's API.")
        function = {
            "name": tool.get("name"),
            "description": tool.get("description"),
            "parameters": tool.get("input_schema") or EMPTY_SCHEMA,
            "strict": tool.get("strict"),
        }
        told = {name: item for name, item in function.items() if item is not None}
        tools.append({"type": "function", "function": told})
    return tools


def choice_to_anthropic(body: dict[str, Any]) -> dict[str, Any] | None:
    choice = body.get("tool_choice", body.get("function_call"))
    chosen = _choice_to_anthropic(choice)
    if body.get("parallel_tool_calls") is False and (chosen or {}).get("type") != "none":
        chosen = {**(chosen or {"type": "auto"}), "disable_parallel_tool_use": True}
    return chosen


def choice_to_openai(value: Any) -> dict[str, Any]:
    """The fields of an OpenAI body that an Anthropic `tool_choice` makes."""
    choice = words.an_object(value, "tool_choice")
    match choice.get("type"):
        case "auto":
            fields: dict[str, Any] = {"tool_choice": "auto"}
        case "any":
            fields = {"tool_choice": "required"}
        case "none":
            fields = {"tool_choice": "none"}
        case "tool":
            function = {"name": words.text(choice.get("name"), "tool_choice.name")}
            fields = {"tool_choice": {"type": "function", "function": function}}
        case _:
            raise Invalid.field("tool_choice.type", "must be auto, any, tool or none")
    if choice.get("disable_parallel_tool_use"):
        fields["parallel_tool_calls"] = False
    return fields


def _tool_of(function: dict[str, Any], tool: dict[str, Any]) -> dict[str, Any]:
    made = {
        "name": function.get("name"),
        "input_schema": function.get("parameters") or EMPTY_SCHEMA,
    }
    if function.get("description") is not None:
        made["description"] = function["description"]
    if "cache_control" in tool:
        made["cache_control"] = tool["cache_control"]
    return made


def _choice_to_anthropic(choice: Any) -> dict[str, Any] | None:
    match choice:
        case None:
            return None
        case "auto" | "none":
            return {"type": choice}
        case "required":
            return {"type": "any"}
        case {"function": {"name": str(name)}} | {"name": str(name)}:
            return {"type": "tool", "name": name}
    raise Invalid.field("tool_choice", "must be auto, none, required or name a function")
