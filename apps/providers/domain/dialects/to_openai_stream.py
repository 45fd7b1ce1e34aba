"""A stream of Anthropic's events, told on as OpenAI's chunks."""

from __future__ import annotations

from typing import Any

from apps.providers.domain.calls import Event, Usage
from apps.providers.domain.dialects import words


class ToOpenAI:
    """The chunks that each event makes. What it adds to the answer stays told beside the first of them."""

    def __init__(self, *, created: int) -> None:
        self._created = created
        self._id = ""
        self._model = ""
        self._tools: dict[int, int] = {}
        """Which tool call a block of Anthropic's is."""
        self._thoughts: dict[int, str] = {}
        self._usage: Usage | None = None

    def read(self, event: Event) -> list[Event]:
        data = event.data
        if event.usage is not None:
            self._usage = event.usage
        match data.get("type"):
            case "message_start":
                message = _dict(data.get("message"))
                self._id, self._model = _text(message.get("id")), _text(message.get("model"))
                return [self._chunk(event, {"role": "assistant", "content": ""})]
            case "content_block_start":
                return self._begin(
                    event, _number(data.get("index")), _dict(data.get("content_block"))
                )
            case "content_block_delta":
                return self._go_on(event, _number(data.get("index")), _dict(data.get("delta")))
            case "message_delta":
                if event.finish_reason is None:
                    return []
                return [self._chunk(event, {}, event.finish_reason)]
            case "message_stop":
                return self._end()
        return []

    def _begin(self, event: Event, index: int, block: dict[str, Any]) -> list[Event]:
        match block.get("type"):
            case "tool_use":
                number = self._tools[index] = len(self._tools)
                function = {"name": _text(block.get("name")), "arguments": ""}
                call = {
                    "index": number,
                    "id": _text(block.get("id")),
                    "type": "function",
                    "function": function,
                }
                return [self._chunk(event, {"tool_calls": [call]})]
            case "text" if event.text:
                return [self._chunk(event, {"content": event.text})]
            case "thinking":
                self._thoughts[index] = ""
            case "redacted_thinking":
                return [self._chunk(event, {"thinking_blocks": [block]})]
        return []

    def _go_on(self, event: Event, index: int, delta: dict[str, Any]) -> list[Event]:
        match delta.get("type"):
            case "text_delta":
                return [self._chunk(event, {"content": event.text})]
            case "input_json_delta" if index in self._tools:
                function = {"arguments": _text(delta.get("partial_json"))}
                call = {"index": self._tools[index], "function": function}
                return [self._chunk(event, {"tool_calls": [call]})]
            case "thinking_delta":
                thought = _text(delta.get("thinking"))
                self._thoughts[index] = self._thoughts.get(index, "") + thought
                return [self._chunk(event, {"reasoning_content": thought})]
            case "signature_delta":
                # Whole once signed: who sends it back with the next turn needs it so.
                signed = {
                    "type": "thinking",
                    "thinking": self._thoughts.pop(index, ""),
                    "signature": _text(delta.get("signature")),
                }
                return [self._chunk(event, {"thinking_blocks": [signed]})]
        return []

    def _end(self) -> list[Event]:
        events = [Event({}, is_last=True)]
        if (usage := words.usage_to_openai(self._usage)) is not None:
            events.insert(
                0, Event({**self._head(), "choices": [], "usage": usage}, usage=self._usage)
            )
        return events

    def _chunk(self, event: Event, delta: dict[str, Any], finish: str | None = None) -> Event:
        choice = {"index": 0, "delta": delta, "logprobs": None, "finish_reason": finish}
        return Event(
            {**self._head(), "choices": [choice]},
            text=event.text,
            hidden=event.hidden,
            finish_reason=finish,
        )

    def _head(self) -> dict[str, Any]:
        return {
            "id": self._id,
            "object": "chat.completion.chunk",
            "created": self._created,
            "model": self._model,
        }


def to_completion(event: Event) -> Event:
    """A chunk of a text completion from one of a chat."""
    if not event.data:
        return event
    choices = [
        {
            "index": choice.get("index", 0),
            "text": _text(_dict(choice.get("delta")).get("content")),
            "logprobs": None,
            "finish_reason": choice.get("finish_reason"),
        }
        for choice in event.data.get("choices") or ()
        if isinstance(choice, dict)
    ]
    event.data = {**event.data, "object": "text_completion", "choices": choices}
    event.raw = b""
    return event


def _number(value: Any) -> int:
    return value if isinstance(value, int) else -1


def _dict(value: Any) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


def _text(value: Any) -> str:
    return value if isinstance(value, str) else ""
