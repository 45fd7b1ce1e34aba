"""The five dialects: whole answers, the pieces of streams, errors. Pure; every piece is the bytes that go out."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Literal

from tests.fakes.llm.modes import Mode, words_of

Name = Literal[
    "chat",
    "completion",
    "embeddings",
    "messages",
    "ollama",
    "ollama_text",
    "ollama_embed",
    "tgi",
    "gemini",
    "gemini_embed",
]
CREATED = 1_760_000_000


@dataclass(frozen=True)
class Asked:
    """One request, read as far as any dialect needs."""

    name: Name
    model: str
    mode: Mode
    body: dict[str, Any]
    is_stream: bool

    @property
    def prompt_tokens(self) -> int:
        if "prompt_tokens" in self.mode.options:
            return self.mode.count("prompt_tokens")
        return max(1, len(json.dumps(_prompt_of(self.body)).split()))

    @property
    def completion_tokens(self) -> int:
        if "completion_tokens" in self.mode.options:
            return self.mode.count("completion_tokens")
        return len(self.words)

    @property
    def words(self) -> list[str]:
        words = self.all_words
        limit = self.body.get("max_tokens") or self.body.get("max_completion_tokens")
        return (
            words[:limit]
            if isinstance(limit, int) and self.mode.text("obey", "1") == "1"
            else words
        )

    @property
    def all_words(self) -> list[str]:
        """As many as there would be without a bound."""
        return self._rest() if self.mode.text("goes_on") else words_of(self.mode)

    def _rest(self) -> list[str]:
        """What is missing of the text, after as much of it as the request has begun."""
        words = words_of(self.mode)
        text, begun = "".join(words), _begun_in(self.body)
        said = next((at for at in range(len(text), 0, -1) if begun.endswith(text[:at])), 0)
        return re.findall(r"\s*\S+|\s+$", text[said:])

    @property
    def tells_usage(self) -> bool:
        return self.mode.text("usage", "1") == "1"

    @property
    def tool(self) -> str | None:
        tools = self.body.get("tools")
        if not tools or not (self.mode.name == "tools" or self.mode.text("tool")):
            return None
        return str(tools[0].get("name") or tools[0].get("function", {}).get("name"))


def _begun_in(body: dict[str, Any]) -> str:
    """What the assistant has said last, or the prompt."""
    if not isinstance(messages := body.get("messages"), list):
        return str(body.get("prompt") or body.get("inputs") or "")
    last = messages[-1]
    content = last.get("content") if last.get("role") == "assistant" else ""
    return content if isinstance(content, str) else "".join(part["text"] for part in content)


def _prompt_of(body: dict[str, Any]) -> Any:
    for name in ("messages", "contents", "prompt", "input", "inputs"):
        if name in body:
            return body[name]
    return ""


def whole(asked: Asked) -> bytes:
    return json.dumps(_WHOLE[asked.name](asked)).encode()


def pieces(asked: Asked) -> Iterator[bytes]:
    """A good stream, the last piece being the dialect's word for the end."""
    return _PIECES[asked.name](asked)


def content_type(asked: Asked) -> str:
    if not asked.is_stream:
        return "application/json"
    return "application/x-ndjson" if asked.name.startswith("ollama") else "text/event-stream"


def error_body(name: Name, status: int, message: str, code: str) -> bytes:
    if name == "messages":
        kind = {429: "rate_limit_error", 401: "authentication_error", 529: "overloaded_error"}.get(
            status, "invalid_request_error" if status < 500 else "api_error"
        )
        body: Any = {"type": "error", "error": {"type": kind, "message": message}}
    elif name.startswith("ollama"):
        body = {"error": message}
    elif name == "tgi":
        body = {"error": message, "error_type": code or "generation"}
    elif name == "gemini":
        body = {"error": {"code": status, "message": message, "status": code or "INTERNAL"}}
    else:
        body = {
            "error": {"message": message, "type": "api_error", "param": None, "code": code or None}
        }
    return json.dumps(body).encode()


def error_piece(name: Name, message: str) -> bytes:
    body = error_body(name, 500, message, "server_error")
    if name == "messages":
        return b"event: error\n" + _sse(body)
    return body + b"\n" if name.startswith("ollama") else _sse(body)


OVERFLOW: dict[str, tuple[int, str, str]] = {
    "chat": (
        400,
        "This model's maximum context length is 4096 tokens. However, your messages resulted in 9000 tokens.",
        "context_length_exceeded",
    ),
    "messages": (400, "prompt is too long: 212345 tokens > 200000 maximum", ""),
    "tgi": (
        422,
        "Input validation error: `inputs` must have less than 1024 tokens. Given: 9000",
        "validation",
    ),
    "gemini": (
        400,
        "The input token count (9000) exceeds the maximum number of tokens allowed (4096).",
        "INVALID_ARGUMENT",
    ),
    "ollama": (400, "the input length exceeds the context length", ""),
}


def models(path: str) -> bytes:
    names = ["ok", "tools"]
    if path.startswith("/api/tags"):
        body: Any = {"models": [{"name": name, "model": name, "size": 1} for name in names]}
    elif path.startswith("/v1beta/models"):
        body = {
            "models": [
                {"name": f"models/{name}", "inputTokenLimit": 8192, "outputTokenLimit": 1024}
                for name in names
            ]
        }
    elif path.startswith("/info"):
        body = {
            "model_id": "ok",
            "max_input_tokens": 1024,
            "max_total_tokens": 2048,
            "version": "3.3.5",
        }
    else:
        body = {
            "object": "list",
            "data": [
                {"id": name, "object": "model", "created": CREATED, "owned_by": "fake"}
                for name in names
            ],
        }
    return json.dumps(body).encode()


# ---- OpenAI


def _usage(asked: Asked) -> dict[str, int]:
    prompt, completion = asked.prompt_tokens, asked.completion_tokens
    return {
        "prompt_tokens": prompt,
        "completion_tokens": completion,
        "total_tokens": prompt + completion,
    }


def _finish(asked: Asked) -> str:
    if asked.tool:
        return "tool_calls"
    is_short = asked.mode.name == "length" or len(asked.words) < len(asked.all_words)
    return "length" if is_short else "stop"


def _chat(asked: Asked) -> dict[str, Any]:
    message: dict[str, Any] = {"role": "assistant", "content": "".join(asked.words)}
    if asked.tool:
        message = {"role": "assistant", "content": None, "tool_calls": [_tool_call(asked.tool)]}
    body = {
        "id": "chatcmpl-fake",
        "object": "chat.completion",
        "created": CREATED,
        "model": asked.model,
        "choices": [
            {"index": 0, "message": message, "finish_reason": _finish(asked), "logprobs": None}
        ],
        "system_fingerprint": "fp_fake",
    }
    return body | ({"usage": _usage(asked)} if asked.tells_usage else {})


def _tool_call(name: str) -> dict[str, Any]:
    return {
        "id": "call_fake",
        "type": "function",
        "function": {"name": name, "arguments": '{"city": "Paris"}'},
    }


def _chat_chunk(asked: Asked, choices: list[Any], **more: Any) -> bytes:
    body = {
        "id": "chatcmpl-fake",
        "object": "chat.completion.chunk",
        "created": CREATED,
        "model": asked.model,
        "choices": choices,
        **more,
    }
    return _sse(json.dumps(body).encode())


def _chat_pieces(asked: Asked) -> Iterator[bytes]:
    def delta(value: dict[str, Any], finish: str | None = None) -> bytes:
        return _chat_chunk(asked, [{"index": 0, "delta": value, "finish_reason": finish}])

    yield delta({"role": "assistant", "content": ""})
    if asked.tool:
        call = _tool_call(asked.tool)
        yield delta(
            {
                "tool_calls": [
                    {"index": 0, **call, "function": {"name": asked.tool, "arguments": ""}}
                ]
            }
        )
        for part in ('{"city": ', '"Paris"}'):
            yield delta({"tool_calls": [{"index": 0, "function": {"arguments": part}}]})
    else:
        for word in asked.words:
            yield delta({"content": word})
    yield delta({}, _finish(asked))
    wants = (asked.body.get("stream_options") or {}).get("include_usage")
    if wants and asked.tells_usage:
        yield _chat_chunk(asked, [], usage=_usage(asked))
    yield b"data: [DONE]\n\n"


def _completion(asked: Asked) -> dict[str, Any]:
    return {
        "id": "cmpl-fake",
        "object": "text_completion",
        "created": CREATED,
        "model": asked.model,
        "choices": [
            {
                "index": 0,
                "text": "".join(asked.words),
                "finish_reason": _finish(asked),
                "logprobs": None,
            }
        ],
        **({"usage": _usage(asked)} if asked.tells_usage else {}),
    }


def _completion_pieces(asked: Asked) -> Iterator[bytes]:
    base = _completion(asked) | {"choices": []}
    base.pop("usage", None)
    for word in asked.words:
        choice = {"index": 0, "text": word, "finish_reason": None, "logprobs": None}
        yield _sse(json.dumps(base | {"choices": [choice]}).encode())
    last = {"index": 0, "text": "", "finish_reason": _finish(asked), "logprobs": None}
    yield _sse(json.dumps(base | {"choices": [last]}).encode())
    if (asked.body.get("stream_options") or {}).get("include_usage") and asked.tells_usage:
        yield _sse(json.dumps(base | {"usage": _usage(asked)}).encode())
    yield b"data: [DONE]\n\n"


def _embeddings(asked: Asked) -> dict[str, Any]:
    given = asked.body.get("input", "")
    inputs = (
        given if isinstance(given, list) and given and not isinstance(given[0], int) else [given]
    )
    return {
        "object": "list",
        "model": asked.model,
        "data": [
            {"object": "embedding", "index": index, "embedding": [0.25, -0.5, float(index)]}
            for index, _ in enumerate(inputs)
        ],
        "usage": {"prompt_tokens": asked.prompt_tokens, "total_tokens": asked.prompt_tokens},
    }


# ---- Anthropic


def _stop(asked: Asked) -> str:
    return {"stop": "end_turn", "length": "max_tokens", "tool_calls": "tool_use"}[_finish(asked)]


def _messages(asked: Asked) -> dict[str, Any]:
    content: list[Any] = [{"type": "text", "text": "".join(asked.words)}]
    if asked.tool:
        content = [
            {"type": "tool_use", "id": "toolu_fake", "name": asked.tool, "input": {"city": "Paris"}}
        ]
    return {
        "id": "msg_fake",
        "type": "message",
        "role": "assistant",
        "model": asked.model,
        "content": content,
        "stop_reason": _stop(asked),
        "stop_sequence": None,
        "usage": {"input_tokens": asked.prompt_tokens, "output_tokens": asked.completion_tokens},
    }


def _named(data: dict[str, Any]) -> bytes:
    return f"event: {data['type']}\n".encode() + _sse(json.dumps(data).encode())


def _messages_pieces(asked: Asked) -> Iterator[bytes]:
    start = _messages(asked) | {"content": [], "stop_reason": None}
    start["usage"] = {"input_tokens": asked.prompt_tokens, "output_tokens": 1}
    yield _named({"type": "message_start", "message": start})
    block: dict[str, Any] = {"type": "text", "text": ""}
    deltas = [{"type": "text_delta", "text": word} for word in asked.words]
    if asked.tool:
        block = {"type": "tool_use", "id": "toolu_fake", "name": asked.tool, "input": {}}
        deltas = [
            {"type": "input_json_delta", "partial_json": part} for part in ('{"city": ', '"Paris"}')
        ]
    yield _named({"type": "content_block_start", "index": 0, "content_block": block})
    for delta in deltas:
        yield _named({"type": "content_block_delta", "index": 0, "delta": delta})
    yield _named({"type": "content_block_stop", "index": 0})
    yield _named(
        {
            "type": "message_delta",
            "delta": {"stop_reason": _stop(asked), "stop_sequence": None},
            "usage": {"output_tokens": asked.completion_tokens},
        }
    )
    yield _named({"type": "message_stop"})


# ---- Ollama, TGI, Gemini


def _ollama(asked: Asked, words: str, *, is_done: bool) -> dict[str, Any]:
    body: dict[str, Any] = {
        "model": asked.model,
        "created_at": "2026-01-15T10:30:00Z",
        "done": is_done,
    }
    if asked.name == "ollama":
        body["message"] = {"role": "assistant", "content": words}
        if asked.tool and is_done:
            function = {"name": asked.tool, "arguments": {"city": "Paris"}}
            body["message"] = {
                "role": "assistant",
                "content": "",
                "tool_calls": [{"function": function}],
            }
    else:
        body["response"] = words
    if is_done:
        body |= {
            "done_reason": "length" if _finish(asked) == "length" else "stop",
            "prompt_eval_count": asked.prompt_tokens,
            "eval_count": asked.completion_tokens,
        }
    return body


def _ollama_whole(asked: Asked) -> dict[str, Any]:
    return _ollama(asked, "".join(asked.words), is_done=True)


def _ollama_pieces(asked: Asked) -> Iterator[bytes]:
    for word in [] if asked.tool else asked.words:
        yield json.dumps(_ollama(asked, word, is_done=False)).encode() + b"\n"
    yield json.dumps(_ollama(asked, "", is_done=True)).encode() + b"\n"


def _tgi_details(asked: Asked) -> dict[str, Any]:
    reason = "length" if _finish(asked) == "length" else "eos_token"
    return {
        "finish_reason": reason,
        "generated_tokens": asked.completion_tokens,
        "input_length": asked.prompt_tokens,
        "prefill": [{} for _ in range(asked.prompt_tokens)],
    }


def _tgi(asked: Asked) -> dict[str, Any]:
    return {"generated_text": "".join(asked.words), "details": _tgi_details(asked)}


def _tgi_pieces(asked: Asked) -> Iterator[bytes]:
    words = asked.words
    for index, word in enumerate(words):
        is_last = index == len(words) - 1
        body = {
            "index": index + 1,
            "token": {"id": index, "text": word, "logprob": -0.1, "special": False},
            "generated_text": "".join(words) if is_last else None,
            "details": _tgi_details(asked) if is_last else None,
        }
        yield _sse(json.dumps(body).encode())


def _gemini(asked: Asked, text: str, *, is_done: bool) -> dict[str, Any]:
    parts: list[Any] = [{"text": text}]
    if asked.mode.name == "tools" and asked.body.get("tools"):
        declared = asked.body["tools"][0].get("functionDeclarations", [{}])[0]
        parts = [{"functionCall": {"name": declared.get("name", ""), "args": {"city": "Paris"}}}]
    candidate: dict[str, Any] = {"content": {"role": "model", "parts": parts}, "index": 0}
    body: dict[str, Any] = {"candidates": [candidate], "modelVersion": asked.model}
    if is_done:
        candidate["finishReason"] = "MAX_TOKENS" if _finish(asked) == "length" else "STOP"
        body["usageMetadata"] = {
            "promptTokenCount": asked.prompt_tokens,
            "candidatesTokenCount": asked.completion_tokens,
            "totalTokenCount": asked.prompt_tokens + asked.completion_tokens,
        }
    return body


def _gemini_whole(asked: Asked) -> dict[str, Any]:
    return _gemini(asked, "".join(asked.words), is_done=True)


def _gemini_pieces(asked: Asked) -> Iterator[bytes]:
    words = asked.words[-1:] if asked.mode.name == "tools" else asked.words
    for index, word in enumerate(words):
        body = _gemini(asked, word, is_done=index == len(words) - 1)
        yield _sse(json.dumps(body).encode())


def _ollama_embed(asked: Asked) -> dict[str, Any]:
    vectors = [row["embedding"] for row in _embeddings(asked)["data"]]
    return {"model": asked.model, "embeddings": vectors, "prompt_eval_count": asked.prompt_tokens}


def _gemini_embed(asked: Asked) -> dict[str, Any]:
    requests = asked.body.get("requests")
    if requests is None:
        return {"embedding": {"values": [0.25, -0.5, 0.0]}}
    return {"embeddings": [{"values": [0.25, -0.5, float(n)]} for n, _ in enumerate(requests)]}


def _sse(data: bytes) -> bytes:
    return b"data: " + data + b"\n\n"


_WHOLE = {
    "chat": _chat,
    "completion": _completion,
    "embeddings": _embeddings,
    "messages": _messages,
    "ollama": _ollama_whole,
    "ollama_text": _ollama_whole,
    "ollama_embed": _ollama_embed,
    "tgi": _tgi,
    "gemini": _gemini_whole,
    "gemini_embed": _gemini_embed,
}
_PIECES = {
    "chat": _chat_pieces,
    "completion": _completion_pieces,
    "messages": _messages_pieces,
    "ollama": _ollama_pieces,
    "ollama_text": _ollama_pieces,
    "tgi": _tgi_pieces,
    "gemini": _gemini_pieces,
}
