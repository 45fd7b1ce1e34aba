"""What Gemini says, in OpenAI's words: candidates, calls of functions, what its safety filters held back, usage."""

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
from apps.providers.domain.sse import SseParser
from apps.providers.errors import UpstreamInvalid

BLOCKED = frozenset(
    {"SAFETY", "RECITATION", "BLOCKLIST", "PROHIBITED_CONTENT", "SPII", "IMAGE_SAFETY", "LANGUAGE"}
)
MOST_CANDIDATES = 64


def whole(body: dict[str, Any], call: UpstreamCall, overflow: re.Pattern[str]) -> Answer:
    _refuse_error(body, overflow)
    said = _candidates(body) or _blocked(body)
    if not said:
        raise UpstreamInvalid("The provider's answer has no readable 'candidates'.")
    for one in said:
        one.finish_reason = one.finish_reason or "stop"
    usage = read_usage(body.get("usageMetadata"))
    return made.answer(call.operation, _id_of(body), _model_of(body, call), said, usage)


def embeddings(body: dict[str, Any], call: UpstreamCall) -> Answer:
    listed = wire.read_list(body.get("embeddings"), "embeddings")
    vectors = [item.get("values") for item in listed]
    return made.embeddings(call.model, vectors, read_usage(body.get("usageMetadata")), call.body)


def read_usage(usage: Any) -> Usage | None:
    """Thoughts are output and paid as such; what tools read is input."""
    if not isinstance(usage, dict):
        return None
    prompt = wire.count(usage.get("promptTokenCount", 0))
    if prompt is None:
        return None
    prompt += wire.count(usage.get("toolUsePromptTokenCount")) or 0
    written = wire.count(usage.get("candidatesTokenCount")) or 0
    thought = wire.count(usage.get("thoughtsTokenCount")) or 0
    return wire.usage_of(prompt, written + thought, usage.get("cachedContentTokenCount"))


class GeminiReader(Reader[tuple[bytes, bytes]]):
    """There is no word for the end but each candidate's finish reason."""

    def __init__(self, call: UpstreamCall, overflow: re.Pattern[str]) -> None:
        super().__init__(SseParser())
        self._call = call
        self._overflow = overflow
        self._chunks = made.Chunks(call.operation)
        wanted = call.body.get("n")
        self._wanted = wanted if isinstance(wanted, int) and wanted > 0 else 1
        self._ended: set[int] = set()
        self._has_called: set[int] = set()

    def read(self, item: tuple[bytes, bytes]) -> Iterable[Event]:
        body = wire.read_object(item[1])
        _refuse_error(body, self._overflow)
        said = _candidates(body)
        blocked = [] if said else _blocked(body)
        for one in said:
            self._note(one)
        answer_id, model = _id_of(body), _model_of(body, self._call)
        events = [self._chunks.chunk(answer_id, model, said or blocked)] if said or blocked else []
        if blocked or len(self._ended) >= self._wanted:
            events += self._chunks.end(answer_id, model, read_usage(body.get("usageMetadata")))
        return events

    def _note(self, said: Said) -> None:
        if said.tool_calls:
            self._has_called.add(said.index)
        if said.finish_reason:
            self._ended.add(said.index)
            if said.index in self._has_called and said.finish_reason == "stop":
                said.finish_reason = "tool_calls"  # the call may have come in an earlier piece


def _candidates(body: dict[str, Any]) -> list[Said]:
    if body.get("candidates") is None:
        return []
    listed = wire.read_list(body["candidates"], "candidates")[:MOST_CANDIDATES]
    return [_candidate(candidate, index, body) for index, candidate in enumerate(listed)]


def _candidate(candidate: dict[str, Any], index: int, body: dict[str, Any]) -> Said:
    number = wire.count(candidate.get("index"))
    said = Said(index=index if number is None else number)
    content = candidate.get("content")
    if content is not None:
        parts = wire.read_dict(content, "content").get("parts")
        for part in wire.read_list(parts or [], "parts"):
            _read_part(part, said, body)
    said.finish_reason = _finish_of(candidate.get("finishReason"), said)
    return said


def _read_part(part: dict[str, Any], said: Said, body: dict[str, Any]) -> None:
    match part:
        case {"functionCall": dict(function)}:
            name = wire.read_text(function.get("name"), "name")
            arguments = orjson.dumps(function.get("args") or {}).decode()
            known = function.get("id")
            number = len(said.tool_calls)
            made_up = made.call_id_of(_id_of(body), said.index, number, name, arguments)
            call = made.tool_call(known if isinstance(known, str) else made_up, name, arguments)
            if isinstance(signature := part.get("thoughtSignature"), str):
                call["extra_content"] = {"google": {"thought_signature": signature}}
            said.tool_calls.append(call)
        case {"inlineData": {"mimeType": str(kind), "data": str(data)}}:
            url = f"data:{kind};base64,{data}"
            said.images.append({"type": "image_url", "image_url": {"url": url}})
        case {"text": text, "thought": True}:
            said.reasoning += wire.read_text(text, "text")
        case {"text": text}:
            said.text += wire.read_text(text, "text")


def _finish_of(reason: Any, said: Said) -> str | None:
    if not isinstance(reason, str) or reason == "FINISH_REASON_UNSPECIFIED":
        return None
    if reason == "MAX_TOKENS":
        return "length"
    if reason in BLOCKED:
        return "content_filter"
    return "tool_calls" if said.tool_calls else "stop"


def _blocked(body: dict[str, Any]) -> list[Said]:
    """The prompt was held back: an answer all the same, as OpenAI tells it."""
    feedback = body.get("promptFeedback")
    reason = feedback.get("blockReason") if isinstance(feedback, dict) else None
    if not isinstance(reason, str):
        return []
    refusal = f"The provider's safety filter held the prompt back ({reason[:40]})."
    return [Said(refusal=refusal, finish_reason="content_filter")]


def _refuse_error(body: dict[str, Any], overflow: re.Pattern[str]) -> None:
    if error := body.get("error"):
        status = refusals.status_of(error)
        raise UpstreamFailed(refusals.spoken(error, status=status, overflow=overflow))


def _id_of(body: dict[str, Any]) -> str:
    known = body.get("responseId")
    return f"chatcmpl-{known}" if isinstance(known, str) and known else "chatcmpl-gemini"


def _model_of(body: dict[str, Any], call: UpstreamCall) -> str:
    known = body.get("modelVersion")
    return known if isinstance(known, str) and known else call.model
