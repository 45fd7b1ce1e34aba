"""A chat, a completion or embeddings in OpenAI's words, as Gemini takes them."""

from __future__ import annotations

import mimetypes
import re
from typing import Any
from urllib.parse import urlsplit

import orjson

from apps.core.errors import Invalid
from apps.providers.adapters.openai_wire import made
from apps.providers.domain.calls import UpstreamCall
from apps.providers.domain.dialects import words
from apps.providers.domain.dialects.parts import arguments_of
from apps.providers.domain.dialects.translation import as_chat
from apps.providers.enums import Operation
from apps.providers.errors import NotOffered

PASSED_ON = {
    "safety_settings": "safetySettings",
    "safetySettings": "safetySettings",
    "cached_content": "cachedContent",
    "cachedContent": "cachedContent",
    "labels": "labels",
}
SAMPLING = {
    "temperature": "temperature",
    "top_p": "topP",
    "top_k": "topK",
    "n": "candidateCount",
    "seed": "seed",
    "presence_penalty": "presencePenalty",
    "frequency_penalty": "frequencyPenalty",
}
THINKING = {"none": 0, "minimal": 512, "low": 1024, "medium": 8192, "high": 24_576}
MODES = {"auto": "AUTO", "none": "NONE", "required": "ANY"}
_DATA_URL = re.compile(r"data:([\w.+-]+/[\w.+-]+);base64,(.*)", re.DOTALL)


def generation(call: UpstreamCall) -> dict[str, Any]:
    body = as_chat(call.body) if call.operation is Operation.COMPLETION else call.body
    system, contents = _conversation(words.objects(body.get("messages"), "messages"))
    asked: dict[str, Any] = {"contents": contents}
    if system:
        asked["systemInstruction"] = {"parts": system}
    if config := _config(body):
        asked["generationConfig"] = config
    if declared := _declared(body):
        asked["tools"] = [{"functionDeclarations": declared}]
        if (choice := body.get("tool_choice")) is not None:
            asked["toolConfig"] = {"functionCallingConfig": _calling(choice)}
    asked.update({name: body[given] for given, name in PASSED_ON.items() if given in body})
    return asked


def embeddings(body: dict[str, Any], model: str) -> dict[str, Any]:
    texts = made.inputs_of(body)
    if texts is None:
        raise NotOffered("input: Gemini embeds texts, not token ids.")
    one: dict[str, Any] = {"model": model}
    if body.get("dimensions") is not None:
        one["outputDimensionality"] = body["dimensions"]
    return {"requests": [{**one, "content": {"parts": [{"text": text}]}} for text in texts]}


def _config(body: dict[str, Any]) -> dict[str, Any]:
    config = {name: body[given] for given, name in SAMPLING.items() if body.get(given) is not None}
    if (bound := made.bound_of(body)) is not None:
        config["maxOutputTokens"] = bound
    if stops := made.stops_of(body):
        config["stopSequences"] = stops
    if body.get("logprobs") is True:
        config["responseLogprobs"] = True
        if body.get("top_logprobs") is not None:
            config["logprobs"] = body["top_logprobs"]
    match body.get("response_format"):
        case {"type": "json_object"}:
            config["responseMimeType"] = "application/json"
        case {"type": "json_schema", "json_schema": {"schema": dict(schema)}}:
            config["responseMimeType"] = "application/json"
            config["responseJsonSchema"] = schema
    budget = THINKING.get(str(body.get("reasoning_effort")))
    if budget is not None:
        config["thinkingConfig"] = {"thinkingBudget": budget}
    return config


def _declared(body: dict[str, Any]) -> list[dict[str, Any]]:
    declared = []
    for index, tool in enumerate(words.objects(body.get("tools") or [], "tools")):
        function = words.an_object(tool.get("function"), f"tools.{index}.function")
        one = {"name": function.get("name"), "description": function.get("description")}
        # An empty schema is refused there; no schema is a function without arguments.
        schema = function.get("parameters")
        if isinstance(schema, dict) and schema.get("properties"):
            one["parametersJsonSchema"] = schema
        declared.append({name: value for name, value in one.items() if value is not None})
    return declared


def _calling(choice: Any) -> dict[str, Any]:
    match choice:
        case str() if choice in MODES:
            return {"mode": MODES[choice]}
        case {"function": {"name": str(name)}}:
            return {"mode": "ANY", "allowedFunctionNames": [name]}
    raise Invalid.field("tool_choice", "must be auto, none, required or name a function")


def _conversation(
    messages: list[dict[str, Any]],
) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    system: list[dict[str, Any]] = []
    contents: list[dict[str, Any]] = []
    called: dict[str, str] = {}
    """The function behind each call's id: results are told under its name."""
    for index, message in enumerate(messages):
        name = f"messages.{index}"
        match message.get("role"):
            case "system" | "developer":
                system += _parts(message.get("content"), f"{name}.content")
            case "user":
                _add(contents, "user", _parts(message.get("content"), f"{name}.content"))
            case "assistant":
                _add(contents, "model", _spoken(message, name, called))
            case "tool":
                _add(contents, "user", [_result(message, name, called)])
            case _:
                raise Invalid.field(
                    f"{name}.role", "must be system, developer, user, assistant or tool"
                )
    return system, contents


def _add(contents: list[dict[str, Any]], role: str, parts: list[dict[str, Any]]) -> None:
    """Turns alternate there: what one side says in several messages is one turn."""
    if contents and contents[-1]["role"] == role:
        contents[-1]["parts"] += parts
    else:
        contents.append({"role": role, "parts": parts})


def _parts(content: Any, name: str) -> list[dict[str, Any]]:
    if content is None or isinstance(content, str):
        return [{"text": content or ""}]
    return [
        _part(part, f"{name}.{index}") for index, part in enumerate(words.objects(content, name))
    ]


def _part(part: dict[str, Any], name: str) -> dict[str, Any]:
    match part:
        case {"type": "text", "text": str(text)}:
            return {"text": text}
        case {"type": "image_url", "image_url": {"url": str(url)} | str(url)}:
            return _picture(url)
        case {"type": "input_audio", "input_audio": {"data": str(data), "format": str(form)}}:
            return {"inlineData": {"mimeType": f"audio/{form}", "data": data}}
        case {"type": "file", "file": {"file_data": str(url)}}:
            return _picture(url)
    raise NotOffered(
        f"{name}: parts of type {str(part.get('type'))[:40]!r} are not taken by Gemini."
    )


def _picture(url: str) -> dict[str, Any]:
    if (found := _DATA_URL.fullmatch(url)) is not None:
        return {"inlineData": {"mimeType": found[1], "data": found[2]}}
    kind, _ = mimetypes.guess_type(urlsplit(url).path)
    place = {"fileUri": url}
    return {"fileData": {**place, "mimeType": kind} if kind else place}


def _spoken(message: dict[str, Any], name: str, called: dict[str, str]) -> list[dict[str, Any]]:
    calls = words.objects(message.get("tool_calls") or [], f"{name}.tool_calls")
    parts = [
        part
        for part in _parts(message.get("content"), f"{name}.content")
        if part != {"text": ""} or not calls
    ]
    for index, call in enumerate(calls):
        function = words.an_object(call.get("function"), f"{name}.tool_calls.{index}.function")
        function_name = words.text(function.get("name"), f"{name}.tool_calls.{index}.function.name")
        called[str(call.get("id"))] = function_name
        arguments = arguments_of(function.get("arguments"))
        part: dict[str, Any] = {"functionCall": {"name": function_name, "args": arguments}}
        match call.get("extra_content"):
            case {"google": {"thought_signature": str(signature)}}:
                part["thoughtSignature"] = signature
        parts.append(part)
    return parts


def _result(message: dict[str, Any], name: str, called: dict[str, str]) -> dict[str, Any]:
    content = message.get("content")
    if isinstance(content, list):
        content = "\n".join(
            words.text(part.get("text"), f"{name}.content")
            for part in words.objects(content, f"{name}.content")
        )
    text = words.text(content, f"{name}.content")
    try:
        value = orjson.loads(text)
    except orjson.JSONDecodeError:
        value = text
    response = value if isinstance(value, dict) else {"result": value}
    function = called.get(str(message.get("tool_call_id"))) or message.get("name") or "unknown"
    return {"functionResponse": {"name": function, "response": response}}
