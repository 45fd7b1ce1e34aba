"""The simulated model: a body in OpenAI's words to the parts of an answer. Pure; the same question and seed, the same answer."""

from __future__ import annotations

import hashlib
import random
from dataclasses import dataclass, replace
from typing import Any

import orjson

from apps.providers.adapters.simulated import words
from apps.providers.adapters.simulated.settings import Settings
from apps.providers.adapters.simulated.shapes import Shape
from apps.providers.domain.tokens import estimate_prompt

MODELS = ("simulated", "simulated-fast", "simulated-embedding")
CONTEXT_TOKENS = 32_768
MOST_TOKENS = 4096
MOST_CHOICES = 16
_BOUNDS = ("max_completion_tokens", "max_tokens")
_TOPICS = ("messages", "prompt", "input", "tools", "response_format", "seed", "model")


@dataclass(frozen=True, slots=True)
class Choice:
    """One answer: text in tokens, or a call of a tool (its arguments in tokens)."""

    tokens: list[str]
    finish_reason: str
    tool: str = ""
    call_id: str = ""


@dataclass(frozen=True, slots=True)
class Spoken:
    id: str
    model: str
    choices: list[Choice]
    prompt_tokens: int

    @property
    def completion_tokens(self) -> int:
        return sum(len(choice.tokens) for choice in self.choices)

    @property
    def usage(self) -> dict[str, int]:
        return {
            "prompt_tokens": self.prompt_tokens,
            "completion_tokens": self.completion_tokens,
            "total_tokens": self.prompt_tokens + self.completion_tokens,
        }


def name_of(model: Any) -> str:
    """The model's name in an answer: whatever a deployment calls it, it says what it is."""
    name = model if isinstance(model, str) and model else "simulated"
    return name if "simulated" in name else f"simulated/{name}"


def answer(body: dict[str, Any], settings: Settings) -> Spoken:
    begun = _begun_in(body)
    if begun:
        question = {**body, "messages": body["messages"][:-1]}
        for name in _BOUNDS:
            question.pop(name, None)
        if (rest := _rest_of(answer(question, settings), begun, body)) is not None:
            return rest
    key = digest_of(body, settings)
    lot = random.Random(key)  # noqa: S311  # made up on purpose
    count = body.get("n")
    count = min(count, MOST_CHOICES) if isinstance(count, int) and count > 0 else 1
    choices = [_choice(body, settings, lot) for _ in range(count)]
    return Spoken(
        f"{key[:24]}", name_of(body.get("model")), choices, min(estimate_prompt(body), 10**9)
    )


def _begun_in(body: dict[str, Any]) -> str:
    """What the assistant has said last, if nobody has said anything since."""
    messages = body.get("messages")
    last = messages[-1] if isinstance(messages, list) and messages else None
    if not isinstance(last, dict) or last.get("role") != "assistant":
        return ""
    return content if isinstance(content := last.get("content"), str) else ""


def _rest_of(spoken: Spoken, begun: str, body: dict[str, Any]) -> Spoken | None:
    """What is missing of an answer that was begun before; None where it would have been another."""
    text = "".join(spoken.choices[0].tokens)
    if len(spoken.choices) > 1 or spoken.choices[0].tool or not text.startswith(begun):
        return None
    tokens, bound = words.split(text[len(begun) :]), _bound_of(body)
    reason = "length" if len(tokens) > bound else spoken.choices[0].finish_reason
    read = min(estimate_prompt(body), 10**9)
    return replace(spoken, choices=[Choice(tokens[:bound], reason)], prompt_tokens=read)


def digest_of(body: dict[str, Any], settings: Settings) -> str:
    topic = {name: body[name] for name in _TOPICS if name in body}
    text = orjson.dumps([topic, settings.seed], option=orjson.OPT_SORT_KEYS)
    return hashlib.blake2b(text, digest_size=16).hexdigest()


def _choice(body: dict[str, Any], settings: Settings, lot: random.Random) -> Choice:
    bound = _bound_of(body)
    if (tool := _tool_wanted(body)) is not None:
        arguments = orjson.dumps(Shape(tool.get("parameters"), lot).value()).decode()
        call_id = f"call_{lot.getrandbits(96):024x}"
        return Choice(words.split(arguments), "tool_calls", str(tool.get("name")), call_id)
    wanted = settings.completion_tokens or lot.randint(12, 48)
    if (shaped := _shaped_answer(body, lot)) is not None:
        tokens = words.split(shaped)
        wanted = len(tokens)
    else:
        tokens = words.say(lot, min(wanted, bound, MOST_TOKENS * 5))
    reason = "length" if wanted > bound else "stop"
    return _stopped(Choice(tokens[:bound], reason), body.get("stop"))


def _bound_of(body: dict[str, Any]) -> int:
    for name in _BOUNDS:
        if isinstance(bound := body.get(name), int) and bound > 0:
            return bound
    return MOST_TOKENS * 5


def _tool_wanted(body: dict[str, Any]) -> dict[str, Any] | None:
    """The tool to call: the one that must be, or the one the last message names."""
    offered = body.get("tools")
    tools: list[dict[str, Any]] = [
        tool["function"]
        for tool in (offered if isinstance(offered, list) else ())
        if isinstance(tool, dict) and isinstance(tool.get("function"), dict)
    ]
    choice = body.get("tool_choice", "auto")
    if not tools or choice == "none":
        return None
    if isinstance(choice, dict):
        function = choice.get("function")
        name = function.get("name") if isinstance(function, dict) else None
        return next((tool for tool in tools if tool.get("name") == name), tools[0])
    if choice == "required":
        return tools[0]
    role, text = _last_message(body)
    if role == "tool":
        return None  # it has its result: now it speaks
    named = (tool for tool in tools if tool.get("name") and str(tool["name"]).lower() in text)
    return next(named, tools[0] if "tool" in text else None)


def _last_message(body: dict[str, Any]) -> tuple[str, str]:
    messages = body.get("messages")
    last = messages[-1] if isinstance(messages, list) and messages else None
    if not isinstance(last, dict):
        return "", ""
    return str(last.get("role")), orjson.dumps(last.get("content")).decode().lower()


def _shaped_answer(body: dict[str, Any], lot: random.Random) -> str | None:
    """JSON, when it was asked for."""
    wanted = body.get("response_format")
    if not isinstance(wanted, dict):
        return None
    if wanted.get("type") == "json_schema":
        schema = wanted.get("json_schema")
        shape = Shape(schema.get("schema") if isinstance(schema, dict) else None, lot)
        return orjson.dumps(shape.value()).decode()
    if wanted.get("type") == "json_object":
        return orjson.dumps({"simulated": True, "answer": Shape({}, lot).value()}).decode()
    return None


def _stopped(choice: Choice, stop: Any) -> Choice:
    """Broken off before the first of the words that the caller said to stop at."""
    text = "".join(choice.tokens)
    stops = [stop] if isinstance(stop, str) else stop if isinstance(stop, list) else []
    found = [
        at for word in stops if isinstance(word, str) and word and (at := text.find(word)) >= 0
    ]
    return Choice(words.split(text[: min(found)]), "stop") if found else choice
