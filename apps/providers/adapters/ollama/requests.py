"""A chat, a completion or embeddings in OpenAI's words, as Ollama takes them."""

from __future__ import annotations

import re
from typing import Any

from apps.core.errors import Invalid
from apps.providers.adapters.openai_wire import made
from apps.providers.domain.calls import UpstreamCall
from apps.providers.domain.dialects import words
from apps.providers.domain.dialects.parts import arguments_of
from apps.providers.errors import NotOffered

SAMPLING = (
    "temperature",
    "top_p",
    "top_k",
    "min_p",
    "seed",
    "presence_penalty",
    "frequency_penalty",
    "repeat_penalty",
)
THINKING: dict[str, bool | str] = {"none": False, "low": "low", "medium": "medium", "high": "high"}
ROLES = ("system", "developer", "user", "assistant", "tool")
_DATA_URL = re.compile(r"data:[\w.+-]+/[\w.+-]+;base64,(.*)", re.DOTALL)


def chat(call: UpstreamCall) -> dict[str, Any]:
    body = call.body
    called: dict[str, str] = {}
    messages = [
        _message(message, f"messages.{index}", called)
        for index, message in enumerate(words.objects(body.get("messages"), "messages"))
    ]
    asked = {**_around(call), "messages": messages}
    if (offered := body.get("tools")) and body.get("tool_choice") != "none":
        asked["tools"] = offered
    effort = THINKING.get(str(body.get("reasoning_effort")))
    if effort is not None:
        asked["think"] = effort
    return asked


def generate(call: UpstreamCall) -> dict[str, Any]:
    prompt = call.body.get("prompt")
    if isinstance(prompt, list) and len(prompt) == 1:
        prompt = prompt[0]
    if not isinstance(prompt, str):
        raise Invalid.field("prompt", "must be one text for this provider")
    asked = {**_around(call), "prompt": prompt}
    if isinstance(suffix := call.body.get("suffix"), str) and suffix:
        asked["suffix"] = suffix
    return asked


def embed(call: UpstreamCall) -> dict[str, Any]:
    texts = made.inputs_of(call.body)
    if texts is None:
        raise NotOffered("input: Ollama embeds texts, not token ids.")
    asked: dict[str, Any] = {"model": call.model, "input": texts, "truncate": False}
    for name in ("dimensions", "keep_alive", "options"):
        if call.body.get(name) is not None:
            asked[name] = call.body[name]
    return asked


def _around(call: UpstreamCall) -> dict[str, Any]:
    body = call.body
    given = body.get("options")
    options = dict(given) if isinstance(given, dict) else {}
    options.update({name: body[name] for name in SAMPLING if body.get(name) is not None})
    if (bound := made.bound_of(body)) is not None:
        options["num_predict"] = bound
    if stops := made.stops_of(body):
        options["stop"] = stops
    # Unasked, it cuts a prompt that is too long and answers the rest; a refusal can fall back to a larger context.
    asked = {"model": call.model, "stream": call.is_stream, "truncate": False}
    if options:
        asked["options"] = options
    if body.get("keep_alive") is not None:
        asked["keep_alive"] = body["keep_alive"]
    match body.get("response_format"):
        case {"type": "json_object"}:
            asked["format"] = "json"
        case {"type": "json_schema", "json_schema": {"schema": dict(schema)}}:
            asked["format"] = schema
    return asked


def _message(message: dict[str, Any], name: str, called: dict[str, str]) -> dict[str, Any]:
    role = message.get("role")
    if role not in ROLES:
        raise Invalid.field(f"{name}.role", "must be system, developer, user, assistant or tool")
    text, pictures = _content(message.get("content"), f"{name}.content")
    made_one: dict[str, Any] = {"role": "system" if role == "developer" else role, "content": text}
    if pictures:
        made_one["images"] = pictures
    if role == "tool" and (function := called.get(str(message.get("tool_call_id")))):
        made_one["tool_name"] = function
    if calls := words.objects(message.get("tool_calls") or [], f"{name}.tool_calls"):
        made_one["tool_calls"] = [_call(call, name, called) for call in calls]
    return made_one


def _call(call: dict[str, Any], name: str, called: dict[str, str]) -> dict[str, Any]:
    function = words.an_object(call.get("function"), f"{name}.tool_calls.function")
    function_name = words.text(function.get("name"), f"{name}.tool_calls.function.name")
    called[str(call.get("id"))] = function_name
    arguments = arguments_of(function.get("arguments"))
    return {"function": {"name": function_name, "arguments": arguments}}


def _content(content: Any, name: str) -> tuple[str, list[str]]:
    if content is None or isinstance(content, str):
        return content or "", []
    texts: list[str] = []
    pictures: list[str] = []
    for index, part in enumerate(words.objects(content, name)):
        match part:
            case {"type": "text", "text": str(text)}:
                texts.append(text)
            case {"type": "image_url", "image_url": {"url": str(url)} | str(url)}:
                pictures.append(_picture(url, f"{name}.{index}"))
            case _:
                kind = str(part.get("type"))[:40]
                raise NotOffered(f"{name}.{index}: parts of type {kind!r} are not taken by Ollama.")
    return "\n".join(texts), pictures


def _picture(url: str, name: str) -> str:
    if (found := _DATA_URL.fullmatch(url)) is None:
        raise NotOffered(f"{name}: Ollama takes pictures as data: URLs alone.")
    return found[1]
