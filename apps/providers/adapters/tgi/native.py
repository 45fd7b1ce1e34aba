"""TGI's native words for a completion, from OpenAI's and back."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any

from apps.core.errors import Invalid
from apps.providers.adapters import refusals, wire
from apps.providers.adapters.openai_wire import made
from apps.providers.adapters.openai_wire.made import Said
from apps.providers.adapters.protocol import UpstreamFailed
from apps.providers.adapters.streams import Reader
from apps.providers.domain.calls import Answer, Event, UpstreamCall, Usage
from apps.providers.domain.sse import SseParser
from apps.providers.domain.tokens import estimate_text
from apps.providers.errors import UpstreamInvalid

SAMPLING = (
    "top_k",
    "typical_p",
    "seed",
    "repetition_penalty",
    "frequency_penalty",
    "best_of",
    "watermark",
    "truncate",
    "grammar",
)
USUAL_BOUND = 16
"""OpenAI's own, where a completion names none."""
STATUS_OF_ERROR = {
    "overloaded": 429,
    "validation": 422,
    "generation": 424,
    "incomplete_generation": 500,
    "template": 422,
    "tool_error": 422,
}


def request(call: UpstreamCall) -> dict[str, Any]:
    body = call.body
    prompt = prompt_of(body)
    parameters = {name: body[name] for name in SAMPLING if body.get(name) is not None}
    parameters["details"] = True
    parameters["max_new_tokens"] = made.bound_of(body) or USUAL_BOUND
    parameters["return_full_text"] = bool(body.get("echo"))
    temperature = body.get("temperature")
    if isinstance(temperature, int | float) and temperature > 0:  # 0 is refused; unsaid is greedy
        parameters["temperature"] = temperature
        parameters["do_sample"] = True
    top_p = body.get("top_p")
    if isinstance(top_p, int | float) and 0 < top_p < 1:  # and so is 1
        parameters["top_p"] = top_p
    if stops := made.stops_of(body):
        parameters["stop"] = stops
    return {"inputs": prompt, "parameters": parameters}


def prompt_of(body: dict[str, Any]) -> str:
    prompt = body.get("prompt")
    if isinstance(prompt, list) and len(prompt) == 1:
        prompt = prompt[0]
    if not isinstance(prompt, str):
        raise Invalid.field("prompt", "must be one text for this provider")
    return prompt


def whole(body: dict[str, Any], call: UpstreamCall, overflow: re.Pattern[str]) -> Answer:
    refuse_error(body, overflow)
    if not isinstance(body.get("generated_text"), str):
        raise UpstreamInvalid("The provider's answer has no readable 'generated_text'.")
    details = body.get("details")
    said = Said(text=body["generated_text"], finish_reason=_finish_of(details))
    return made.answer(call.operation, _id_of(call), call.model, [said], _usage(details, call))


class TGIReader(Reader[tuple[bytes, bytes]]):
    """The event that holds the whole text is the last."""

    def __init__(self, call: UpstreamCall, overflow: re.Pattern[str]) -> None:
        super().__init__(SseParser())
        self._call = call
        self._overflow = overflow
        self._chunks = made.Chunks(call.operation)

    def read(self, item: tuple[bytes, bytes]) -> Iterable[Event]:
        body = wire.read_object(item[1])
        refuse_error(body, self._overflow)
        token = wire.read_dict(body.get("token"), "token")
        text = "" if token.get("special") else wire.read_text(token.get("text"), "text")
        is_last = body.get("generated_text") is not None
        details = body.get("details")
        said = Said(text=text, finish_reason=_finish_of(details) if is_last else None)
        answer_id = _id_of(self._call)
        events = [self._chunks.chunk(answer_id, self._call.model, [said])]
        if is_last:
            usage = _usage(details, self._call)
            events += self._chunks.end(answer_id, self._call.model, usage)
        return events


def refuse_error(body: dict[str, Any], overflow: re.Pattern[str]) -> None:
    if error := body.get("error"):
        status = STATUS_OF_ERROR.get(str(body.get("error_type")), 502)
        raise UpstreamFailed(refusals.spoken(error, status=status, overflow=overflow))


def _finish_of(details: Any) -> str:
    reason = details.get("finish_reason") if isinstance(details, dict) else None
    return "length" if reason == "length" else "stop"


def _usage(details: Any, call: UpstreamCall) -> Usage | None:
    """It counts what it wrote. What it read it tells in streams, and else only when asked for at a price."""
    if not isinstance(details, dict):
        return None
    written = wire.count(details.get("generated_tokens"))
    if written is None:
        return None
    prefill = details.get("prefill")
    told = wire.count(details.get("input_length")) or (
        len(prefill) if isinstance(prefill, list) and prefill else None
    )
    if told is not None:
        return Usage(told, written)
    return Usage(estimate_text(prompt_of(call.body)), written, is_estimated=True)


def _id_of(call: UpstreamCall) -> str:
    return made.call_id_of(call.model, call.body.get("prompt")).replace("call_", "cmpl-", 1)
