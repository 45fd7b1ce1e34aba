"""The simulated model's answers as bodies and events, in OpenAI's words."""

from __future__ import annotations

import base64
import struct
import time
from collections.abc import Iterator
from typing import Any

import orjson

from apps.providers.adapters.simulated import model, words
from apps.providers.adapters.simulated.settings import Settings
from apps.providers.adapters.wire import count
from apps.providers.domain.tokens import estimate_text

FINGERPRINT = "simulated"
MOST_DIMENSIONS = 4096


def whole(spoken: model.Spoken, *, is_chat: bool) -> bytes:
    make = _chat_choice if is_chat else _text_choice
    return orjson.dumps(
        {
            **_head(spoken, "chat.completion" if is_chat else "text_completion", is_chat=is_chat),
            "choices": [make(index, choice) for index, choice in enumerate(spoken.choices)],
            "usage": spoken.usage,
        }
    )


def pieces(
    spoken: model.Spoken, *, is_chat: bool, tells_usage: bool
) -> Iterator[tuple[bytes, bool]]:
    """The stream's pieces; whether each is a token, which takes time."""
    head = _head(spoken, "chat.completion.chunk" if is_chat else "text_completion", is_chat=is_chat)
    for index, choice in enumerate(spoken.choices):
        deltas = _chat_deltas(choice) if is_chat else _text_deltas(choice)
        for delta, is_token in deltas:
            body = {**head, "choices": [{"index": index, "logprobs": None, **delta}]}
            if tells_usage:
                body["usage"] = None
            yield _event(body), is_token
    if tells_usage:
        yield _event({**head, "choices": [], "usage": spoken.usage}), False
    yield b"data: [DONE]\n\n", False


def embeddings(body: dict[str, Any], settings: Settings) -> bytes:
    texts = _inputs(body.get("input"))
    asked = count(body.get("dimensions"))
    dimensions = min(asked, MOST_DIMENSIONS) if asked else settings.dimensions
    vectors = [words.embed(text, dimensions, settings.seed) for text in texts]
    is_packed = body.get("encoding_format") == "base64"
    tokens = sum(map(estimate_text, texts))
    return orjson.dumps(
        {
            "object": "list",
            "model": model.name_of(body.get("model")),
            "data": [
                {
                    "object": "embedding",
                    "index": index,
                    "embedding": _packed(vector) if is_packed else vector,
                }
                for index, vector in enumerate(vectors)
            ],
            "usage": {"prompt_tokens": tokens, "total_tokens": tokens},
        }
    )


def models() -> bytes:
    return orjson.dumps(
        {
            "object": "list",
            "data": [
                {
                    "id": name,
                    "object": "model",
                    "created": 0,
                    "owned_by": "signalbox-simulated",
                    "context_length": model.CONTEXT_TOKENS,
                }
                for name in model.MODELS
            ],
        }
    )


def error(status: int, message: str) -> bytes:
    kind = "rate_limit_error" if status == 429 else "simulated_error"
    return orjson.dumps(
        {"error": {"message": message, "type": kind, "param": None, "code": "simulated_error"}}
    )


def _head(spoken: model.Spoken, name: str, *, is_chat: bool) -> dict[str, Any]:
    return {
        "id": f"{'chatcmpl' if is_chat else 'cmpl'}-simulated-{spoken.id}",
        "object": name,
        "created": int(time.time()),
        "model": spoken.model,
        "system_fingerprint": FINGERPRINT,
    }


def _chat_choice(index: int, choice: model.Choice) -> dict[str, Any]:
    text = "".join(choice.tokens)
    message: dict[str, Any] = {"role": "assistant", "content": None if choice.tool else text}
    if choice.tool:
        function = {"name": choice.tool, "arguments": text}
        message["tool_calls"] = [{"id": choice.call_id, "type": "function", "function": function}]
    return {
        "index": index,
        "message": message,
        "logprobs": None,
        "finish_reason": choice.finish_reason,
    }


def _text_choice(index: int, choice: model.Choice) -> dict[str, Any]:
    return {
        "index": index,
        "text": "".join(choice.tokens),
        "logprobs": None,
        "finish_reason": choice.finish_reason,
    }


def _chat_deltas(choice: model.Choice) -> Iterator[tuple[dict[str, Any], bool]]:
    if choice.tool:
        function = {"name": choice.tool, "arguments": ""}
        call = {"index": 0, "id": choice.call_id, "type": "function", "function": function}
        yield _delta({"role": "assistant", "content": None, "tool_calls": [call]}), False
        for token in choice.tokens:
            yield _delta({"tool_calls": [{"index": 0, "function": {"arguments": token}}]}), True
    else:
        yield _delta({"role": "assistant", "content": ""}), False
        for token in choice.tokens:
            yield _delta({"content": token}), True
    yield _delta({}, choice.finish_reason), False


def _text_deltas(choice: model.Choice) -> Iterator[tuple[dict[str, Any], bool]]:
    for token in choice.tokens:
        yield {"text": token, "finish_reason": None}, True
    yield {"text": "", "finish_reason": choice.finish_reason}, False


def _delta(delta: dict[str, Any], finish_reason: str | None = None) -> dict[str, Any]:
    return {"delta": delta, "finish_reason": finish_reason}


def _event(body: dict[str, Any]) -> bytes:
    return b"data: " + orjson.dumps(body) + b"\n\n"


def _inputs(value: Any) -> list[str]:
    """A text, a list of texts, a list of token ids, or a list of such lists."""
    if isinstance(value, str):
        return [value]
    if not isinstance(value, list) or not value:
        return [""]
    if isinstance(value[0], int):
        return [" ".join(map(str, value))]
    return [item if isinstance(item, str) else " ".join(map(str, item)) for item in value]


def _packed(vector: list[float]) -> str:
    return base64.b64encode(struct.pack(f"<{len(vector)}f", *vector)).decode()
