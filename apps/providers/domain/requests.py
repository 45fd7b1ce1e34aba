"""What a caller's body must be: known fields of the right type, nothing that would lead a call elsewhere. Pure.

Fields nobody here knows pass through to the upstream, which may know them. Those that other gateways take for orders
(where to send the call, with which credential, through which proxy) are refused by name.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from math import isfinite
from typing import Any

from apps.core.errors import FieldError, Invalid, Malformed

Check = Callable[[Any], str | None]

LONGEST_MODEL = 200
LONGEST_USER = 255
MOST_STOPS = 16
MOST_CHOICES = 128
MOST_INPUTS = 2048
MOST_WRONG = 10
"""Named at once; a body with more wrong is not read on."""
FORBIDDEN = frozenset(
    {
        "api_base", "api_key", "api_type", "api_version", "aws_access_key_id", "aws_secret_access_key",
        "azure_ad_token", "azure_endpoint", "base_url", "custom_llm_provider", "default_headers", "endpoint",
        "extra_body", "extra_headers", "extra_query", "headers", "host", "http_client", "litellm_params", "organization",
        "proxies", "proxy", "url", "vertex_credentials",
    }
)  # fmt: skip
ROLES = frozenset({"system", "developer", "user", "assistant", "tool", "function"})


def text(value: Any) -> str | None:
    return None if isinstance(value, str) else "must be a string"


def flag(value: Any) -> str | None:
    return None if isinstance(value, bool) else "must be true or false"


def mapping(value: Any) -> str | None:
    return None if isinstance(value, dict) else "must be an object"


def whole(least: int, most: int | None = None) -> Check:
    def check(value: Any) -> str | None:
        if not isinstance(value, int) or isinstance(value, bool):
            return "must be a whole number"
        if value < least or (most is not None and value > most):
            return f"must be {least} or more" if most is None else f"must be {least} to {most}"
        return None

    return check


def number(least: float, most: float) -> Check:
    def check(value: Any) -> str | None:
        if not isinstance(value, int | float) or isinstance(value, bool) or not isfinite(value):
            return "must be a number"
        return None if least <= value <= most else f"must be {least:g} to {most:g}"

    return check


def line(longest: int) -> Check:
    def check(value: Any) -> str | None:
        if not isinstance(value, str):
            return "must be a string"
        return None if 0 < len(value) <= longest else f"must have 1 to {longest} characters"

    return check


def texts(most: int) -> Check:
    def check(value: Any) -> str | None:
        if not isinstance(value, list) or not all(isinstance(item, str) for item in value):
            return "must be a list of strings"
        return None if len(value) <= most else f"may have {most} entries"

    return check


def either(one: Check, other: Check, said: str) -> Check:
    def check(value: Any) -> str | None:
        return None if one(value) is None or other(value) is None else said

    return check


def inputs(value: Any) -> str | None:
    """A text, several, or the same as tokens."""
    if isinstance(value, str):
        return None if value else "must not be empty"
    if not isinstance(value, list) or not value:
        return "must be a string or a list of strings or tokens"
    kind = type(value[0])
    if kind is list:
        good = all(
            isinstance(item, list) and item and all(type(token) is int for token in item)
            for item in value
        )
    else:
        good = kind in (str, int) and all(type(item) is kind for item in value)
    if not good:
        return "must be a string or a list of strings or tokens"
    return None if kind is int or len(value) <= MOST_INPUTS else f"may have {MOST_INPUTS} entries"


def tools(value: Any) -> str | None:
    if not isinstance(value, list) or not all(isinstance(item, dict) for item in value):
        return "must be a list of objects"
    for item in value:
        function = item.get("function")
        if item.get("type") == "function" and (
            not isinstance(function, dict) or not isinstance(function.get("name"), str)
        ):
            return "must name each function"
    return None


def typed(value: Any) -> str | None:
    """An object that says what it is."""
    if isinstance(value, dict) and isinstance(value.get("type"), str):
        return None
    return "must be an object with a type"


stops = either(text, texts(MOST_STOPS), f"must be a string or a list of {MOST_STOPS} at most")
choice = either(text, mapping, "must be a string or an object")

SHARED: Mapping[str, Check] = {
    "model": line(LONGEST_MODEL),
    "provider": line(100),
    "stream": flag,
    "stream_options": mapping,
    "temperature": number(0, 2),
    "top_p": number(0, 1),
    "n": whole(1, MOST_CHOICES),
    "max_tokens": whole(1),
    "stop": stops,
    "presence_penalty": number(-2, 2),
    "frequency_penalty": number(-2, 2),
    "logit_bias": mapping,
    "seed": whole(-(2**63), 2**63 - 1),
    "user": line(LONGEST_USER),
}
CHAT: Mapping[str, Check] = {
    **SHARED,
    "max_completion_tokens": whole(1),
    "tools": tools,
    "tool_choice": choice,
    "parallel_tool_calls": flag,
    "response_format": typed,
    "logprobs": flag,
    "top_logprobs": whole(0, 20),
    "functions": tools,
    "function_call": choice,
    "metadata": mapping,
    "store": flag,
    "reasoning_effort": text,
}
COMPLETION: Mapping[str, Check] = {
    **SHARED,
    "prompt": inputs,
    "suffix": text,
    "echo": flag,
    "best_of": whole(1, MOST_CHOICES),
    "logprobs": whole(0, 20),
}
EMBEDDINGS: Mapping[str, Check] = {
    "model": line(LONGEST_MODEL),
    "provider": line(100),
    "input": inputs,
    "dimensions": whole(1),
    "encoding_format": lambda value: (
        None if value in ("float", "base64") else "must be float or base64"
    ),
    "user": line(LONGEST_USER),
}
IMAGES: Mapping[str, Check] = {
    "model": line(LONGEST_MODEL),
    "provider": line(100),
    "prompt": line(32_000),
    "n": whole(1, 10),
    "size": text,
    "quality": text,
    "style": text,
    "response_format": text,
    "user": line(LONGEST_USER),
}
MESSAGES: Mapping[str, Check] = {
    "model": line(LONGEST_MODEL),
    "max_tokens": whole(1),
    "system": either(
        text,
        lambda value: None if isinstance(value, list) else "",
        "must be a string or a list of blocks",
    ),
    "stream": flag,
    "temperature": number(0, 2),
    "top_p": number(0, 1),
    "top_k": whole(0),
    "stop_sequences": texts(MOST_STOPS),
    "tools": tools,
    "tool_choice": typed,
    "metadata": mapping,
}


def check_body(body: Any, known: Mapping[str, Check], required: tuple[str, ...]) -> dict[str, Any]:
    """The body, when every field we know is what it must be. Raises `Malformed` and `Invalid` with all that is wrong."""
    if not isinstance(body, dict):
        raise Malformed("The body must be a JSON object.")
    wrong = [
        FieldError(name, "is required", "required") for name in required if body.get(name) is None
    ]
    if FORBIDDEN & body.keys():
        wrong += [
            FieldError(name, "may not be set by a caller", "forbidden")
            for name in body
            if name in FORBIDDEN
        ]
    for name, value in body.items():
        check = known.get(name)
        if check is not None and value is not None and (said := check(value)) is not None:
            wrong.append(FieldError(name, said))
    if not wrong and known is CHAT:
        wrong = _wrong_messages(body["messages"])
    elif not wrong and known is MESSAGES:
        wrong = _wrong_turns(body["messages"])
    if wrong:
        raise Invalid(fields=wrong[:MOST_WRONG])
    return body


def _wrong_messages(messages: Any) -> list[FieldError]:
    """OpenAI's list of messages."""
    if (wrong := _wrong_list(messages)) is not None:
        return [wrong]
    found = []
    for index, message in enumerate(messages):
        where = f"messages.{index}"
        role = message.get("role")
        if not isinstance(role, str) or role not in ROLES:
            found.append(FieldError(f"{where}.role", "must be one of " + ", ".join(sorted(ROLES))))
            continue
        content = message.get("content")
        if isinstance(content, str):
            continue
        if content is None:
            if role != "assistant":
                found.append(FieldError(f"{where}.content", "is required", "required"))
        elif (said := _wrong_parts(content)) is not None:
            found.append(FieldError(f"{where}.content", said))
        calls = message.get("tool_calls")
        if calls is not None and not (isinstance(calls, list) and all(map(_is_object, calls))):
            found.append(FieldError(f"{where}.tool_calls", "must be a list of objects"))
    return found


def _wrong_turns(messages: Any) -> list[FieldError]:
    """Anthropic's."""
    if (wrong := _wrong_list(messages)) is not None:
        return [wrong]
    found = []
    for index, message in enumerate(messages):
        where = f"messages.{index}"
        if message.get("role") not in ("user", "assistant", "system"):
            found.append(FieldError(f"{where}.role", "must be user or assistant"))
        content = message.get("content")
        if content is None:
            found.append(FieldError(f"{where}.content", "is required", "required"))
        elif not isinstance(content, str) and (said := _wrong_parts(content)) is not None:
            found.append(FieldError(f"{where}.content", said))
    return found


def _wrong_list(messages: Any) -> FieldError | None:
    if not isinstance(messages, list):
        return FieldError("messages", "must be a list")
    if not messages:
        return FieldError("messages", "must not be empty")
    for index, message in enumerate(messages):
        if not isinstance(message, dict):
            return FieldError(f"messages.{index}", "must be an object")
    return None


def _wrong_parts(content: Any) -> str | None:
    if not isinstance(content, list) or not content:
        return "must be a string or a list of parts"
    if not all(isinstance(part, dict) and isinstance(part.get("type"), str) for part in content):
        return "must be parts that each have a type"
    for part in content:
        if part["type"] == "text" and not isinstance(part.get("text"), str):
            return "must have a text in each part of type text"
    return None


def _is_object(value: Any) -> bool:
    return isinstance(value, dict)
