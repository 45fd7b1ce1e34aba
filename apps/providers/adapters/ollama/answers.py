"""What Ollama says, in OpenAI's words."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any

import orjson

from apps.providers.adapters import refusals, wire
from apps.providers.adapters.openai_wire import made
from apps.providers.adapters.openai_wire.made import Said
from apps.providers.adapters.protocol import UpstreamFailed
from apps.providers.adapters.streams import Reader
from apps.providers.domain.calls import Answer, Event, UpstreamCall, Usage
from apps.providers.domain.sse import NdjsonParser
from apps.providers.enums import Operation
from apps.providers.errors import UpstreamInvalid


def whole(body: dict[str, Any], call: UpstreamCall, overflow: re.Pattern[str]) -> Answer:
    _refuse_error(body, overflow)
    if call.operation is Operation.EMBEDDINGS:
        vectors = body.get("embeddings")
        if not isinstance(vectors, list):
            raise UpstreamInvalid("The provider's answer has no readable 'embeddings'.")
        usage = wire.usage_of(body.get("prompt_eval_count"), 0)
        return made.embeddings(_model_of(body, call), vectors, usage, call.body)
    said = _said(body, call)
    said.finish_reason = said.finish_reason or "stop"
    return made.answer(
        call.operation, _id_of(body, call), _model_of(body, call), [said], _usage(body)
    )


class OllamaReader(Reader[bytes]):
    """`done` ends it, and tells the usage."""

    def __init__(self, call: UpstreamCall, overflow: re.Pattern[str]) -> None:
        super().__init__(NdjsonParser())
        self._call = call
        self._overflow = overflow
        self._chunks = made.Chunks(call.operation)
        self._id = ""
        self._has_called = False

    def read(self, item: bytes) -> Iterable[Event]:
        body = wire.read_object(item)
        _refuse_error(body, self._overflow)
        self._id = self._id or _id_of(body, self._call)
        said = _said(body, self._call)
        self._has_called = self._has_called or bool(said.tool_calls)
        if said.finish_reason == "stop" and self._has_called:
            said.finish_reason = "tool_calls"  # the call came in an earlier line
        model = _model_of(body, self._call)
        events = [self._chunks.chunk(self._id, model, [said])]
        if body.get("done") is True:
            events += self._chunks.end(self._id, model, _usage(body))
        return events


def _said(body: dict[str, Any], call: UpstreamCall) -> Said:
    said = Said()
    if call.operation is Operation.CHAT:
        message = wire.read_dict(body.get("message"), "message")
        said.text = wire.read_text(message.get("content"), "content")
        said.reasoning = wire.read_text(message.get("thinking"), "thinking")
        calls = wire.read_list(message.get("tool_calls") or [], "tool_calls")
        said.tool_calls = [_call(one, index, body) for index, one in enumerate(calls)]
    else:
        said.text = wire.read_text(body.get("response"), "response")
        if not said.text and "response" not in body:
            raise UpstreamInvalid("The provider's answer has no readable 'response'.")
    if body.get("done") is True:
        reason = body.get("done_reason")
        said.finish_reason = (
            "length" if reason == "length" else "tool_calls" if said.tool_calls else "stop"
        )
    return said


def _call(call: dict[str, Any], index: int, body: dict[str, Any]) -> dict[str, Any]:
    function = wire.read_dict(call.get("function"), "function")
    name = wire.read_text(function.get("name"), "name")
    arguments = orjson.dumps(function.get("arguments") or {}).decode()
    known = call.get("id")
    made_up = made.call_id_of(body.get("created_at"), index, name, arguments)
    return made.tool_call(known if isinstance(known, str) and known else made_up, name, arguments)


def _usage(body: dict[str, Any]) -> Usage | None:
    """Older versions leave the prompt out when they had all of it in the cache: then nobody has counted it."""
    return wire.usage_of(body.get("prompt_eval_count"), body.get("eval_count", 0))


def _refuse_error(body: dict[str, Any], overflow: re.Pattern[str]) -> None:
    if error := body.get("error"):
        status = refusals.status_of(error, 500)
        if isinstance(error, str) and overflow.search(error):
            status = 400
        raise UpstreamFailed(refusals.spoken(error, status=status, overflow=overflow))


def _id_of(body: dict[str, Any], call: UpstreamCall) -> str:
    prefix = "chatcmpl" if call.operation is Operation.CHAT else "cmpl"
    return made.call_id_of(body.get("created_at"), call.model).replace("call_", f"{prefix}-", 1)


def _model_of(body: dict[str, Any], call: UpstreamCall) -> str:
    known = body.get("model")
    return known if isinstance(known, str) and known else call.model
