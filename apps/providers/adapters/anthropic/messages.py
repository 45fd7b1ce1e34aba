"""Anthropic's messages read, whole and as they stream: far enough to count, to know the end, and to be sure."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any

import orjson

from apps.providers.adapters import refusals, wire
from apps.providers.adapters.protocol import UpstreamFailed
from apps.providers.adapters.streams import Reader
from apps.providers.domain.calls import Answer, Event, Usage
from apps.providers.domain.dialects.words import finish_of
from apps.providers.domain.sse import SseParser
from apps.providers.errors import UpstreamInvalid

STATUS_OF_ERROR = {
    "invalid_request_error": 400,
    "authentication_error": 401,
    "billing_error": 402,
    "permission_error": 403,
    "not_found_error": 404,
    "request_too_large": 413,
    "rate_limit_error": 429,
    "api_error": 500,
    "timeout_error": 504,
    "overloaded_error": 529,
}
_CACHE_NAMES = ("cache_creation_input_tokens", "cache_read_input_tokens")


def read(raw: bytes, overflow: re.Pattern[str]) -> Answer:
    """Raises `UpstreamInvalid`; `UpstreamFailed` for an error in the place of an answer."""
    body = wire.read_object(raw)
    if body.get("type") == "error":
        raise _failure(body, overflow)
    texts, hidden = [], []
    for block in wire.read_list(body.get("content"), "content"):
        text, other = _block_texts(block)
        texts.append(text)
        hidden.append(other)
    return Answer(
        body,
        usage=read_usage(body.get("usage")),
        finish_reason=finish_of(body.get("stop_reason")),
        text="".join(texts),
        hidden="".join(hidden),
        raw=raw,
    )


def read_usage(usage: Any) -> Usage | None:
    """Input is told in three parts that add up: fresh, written to the cache, and read from it."""
    if not isinstance(usage, dict):
        return None
    fresh = wire.count(usage.get("input_tokens"))
    if fresh is None:
        return None
    written, cached = (wire.count(usage.get(name)) or 0 for name in _CACHE_NAMES)
    return wire.usage_of(fresh + written + cached, usage.get("output_tokens"), cached)


class MessagesReader(Reader[tuple[bytes, bytes]]):
    def __init__(self, overflow: re.Pattern[str]) -> None:
        super().__init__(SseParser())
        self._overflow = overflow
        self._usage: dict[str, Any] = {}
        """Input is told at the beginning, output at the end, some of both in either."""

    def read(self, item: tuple[bytes, bytes]) -> Iterable[Event]:
        name, data = item
        body = wire.read_object(data)
        kind = body.get("type") or name.decode("utf-8", "replace")
        event = Event(body, raw=b"" if b"\n" in data else data)
        match kind:
            case "content_block_delta":
                _read_delta(wire.read_dict(body.get("delta"), "delta"), event)
            case "content_block_start":
                block = wire.read_dict(body.get("content_block"), "content_block")
                event.text, event.hidden = _block_texts(block)
            case "message_start":
                self._note_usage(wire.read_dict(body.get("message"), "message").get("usage"))
            case "message_delta":
                self._end(body, event)
            case "message_stop":
                event.is_last = True
            case "ping":
                pass  # goes on: it keeps the caller's connection open as well
            case "error":
                raise _failure(body, self._overflow)
        return (event,)

    def _end(self, body: dict[str, Any], event: Event) -> None:
        self._note_usage(body.get("usage"))
        event.usage = read_usage(self._usage)
        delta = wire.read_dict(body.get("delta"), "delta")
        event.finish_reason = finish_of(delta.get("stop_reason"))

    def _note_usage(self, usage: Any) -> None:
        if isinstance(usage, dict):
            self._usage.update({name: value for name, value in usage.items() if value is not None})


def _read_delta(delta: dict[str, Any], event: Event) -> None:
    match delta.get("type"):
        case "text_delta":
            event.text = wire.read_text(delta.get("text"), "text")
        case "input_json_delta":
            event.hidden = wire.read_text(delta.get("partial_json"), "partial_json")
        case "thinking_delta":
            event.hidden = wire.read_text(delta.get("thinking"), "thinking")
        case kind if not isinstance(kind, str):
            raise UpstreamInvalid("The provider's answer has no readable 'delta'.")


def _block_texts(block: dict[str, Any]) -> tuple[str, str]:
    """A block's visible text, and what it holds beside."""
    match block.get("type"):
        case "text":
            return wire.read_text(block.get("text"), "text"), ""
        case "thinking":
            return "", wire.read_text(block.get("thinking"), "thinking")
        case "tool_use":
            written = orjson.dumps(block["input"]).decode() if block.get("input") else ""
            return "", wire.read_text(block.get("name"), "name") + written
    return "", ""


def _failure(body: dict[str, Any], overflow: re.Pattern[str]) -> UpstreamFailed:
    error = body.get("error")
    kind = error.get("type") if isinstance(error, dict) else None
    status = STATUS_OF_ERROR.get(str(kind), 502)
    return UpstreamFailed(refusals.spoken(error, status=status, overflow=overflow))
