"""A stream of OpenAI's chunks, told on as Anthropic's events: each block begun, filled and ended in its turn."""

from __future__ import annotations

from typing import Any

from apps.providers.domain.calls import Event, Usage
from apps.providers.domain.dialects import words
from apps.providers.domain.dialects.answers import thought_of


class ToAnthropic:
    """The events that each chunk makes. What it adds to the answer is told beside the last of them."""

    def __init__(self) -> None:
        self._id = ""
        self._has_begun = False
        self._kind = ""
        """Of the block that is open: `text`, `thinking`, a tool call's number; empty when none is."""
        self._next = 0
        self._index = 0
        self._tools: dict[Any, int] = {}
        self._finish: str | None = None
        self._usage: Usage | None = None

    def read(self, event: Event) -> list[Event]:
        if event.usage is not None:
            self._usage = event.usage
        if event.is_last:
            return self._end()
        made: list[dict[str, Any]] = []
        if not self._has_begun:
            made.append(self._start(event.data))
        choices = event.data.get("choices")
        choice = choices[0] if isinstance(choices, list) and choices else None
        if isinstance(choice, dict) and choice.get("index", 0) == 0:
            self._read_delta(choice.get("delta"), made)
            self._finish = event.finish_reason or self._finish
        events = [Event(data) for data in made]
        if events:
            events[-1].text, events[-1].hidden = event.text, event.hidden
            events[-1].usage = event.usage
        return events

    def _start(self, data: dict[str, Any]) -> dict[str, Any]:
        self._has_begun = True
        known = data.get("id")
        self._id = str(known).removeprefix("chatcmpl-") if isinstance(known, str) else "stream"
        model = data.get("model")
        message: dict[str, Any] = {
            "id": self._id if self._id.startswith("msg_") else f"msg_{self._id}",
            "type": "message",
            "role": "assistant",
            "model": model if isinstance(model, str) else "",
            "content": [],
            "stop_reason": None,
            "stop_sequence": None,
            "usage": words.usage_to_anthropic(self._usage),
        }
        return {"type": "message_start", "message": message}

    def _read_delta(self, delta: Any, made: list[dict[str, Any]]) -> None:
        if not isinstance(delta, dict):
            return
        if isinstance(thought := thought_of(delta), str) and thought:
            self._open("thinking", {"type": "thinking", "thinking": "", "signature": ""}, made)
            self._add({"type": "thinking_delta", "thinking": thought}, made)
        for name in ("content", "refusal"):
            if isinstance(text := delta.get(name), str) and text:
                self._open("text", {"type": "text", "text": ""}, made)
                self._add({"type": "text_delta", "text": text}, made)
        calls = delta.get("tool_calls")
        for call in calls if isinstance(calls, list) else ():
            if isinstance(call, dict):
                self._read_call(call, made)

    def _read_call(self, call: dict[str, Any], made: list[dict[str, Any]]) -> None:
        number = call.get("index", len(self._tools))
        function = call.get("function")
        function = function if isinstance(function, dict) else {}
        number = number if isinstance(number, int) else len(self._tools)
        if number not in self._tools:
            known = call.get("id")
            block: dict[str, Any] = {
                "type": "tool_use",
                "id": known if isinstance(known, str) and known else f"toolu_{self._id}_{number}",
                "name": function.get("name") or "",
                "input": {},
            }
            self._open(f"tool {number}", block, made)
            self._tools[number] = self._index
        if isinstance(arguments := function.get("arguments"), str) and arguments:
            # A call that was ended by the next one may still get its rest: its block is known by its number.
            delta = {"type": "input_json_delta", "partial_json": arguments}
            made.append(
                {"type": "content_block_delta", "index": self._tools[number], "delta": delta}
            )

    def _open(self, kind: str, block: dict[str, Any], made: list[dict[str, Any]]) -> None:
        if self._kind == kind:
            return
        self._shut(made)
        self._kind, self._index = kind, self._next
        self._next += 1
        made.append({"type": "content_block_start", "index": self._index, "content_block": block})

    def _add(self, delta: dict[str, Any], made: list[dict[str, Any]]) -> None:
        made.append({"type": "content_block_delta", "index": self._index, "delta": delta})

    def _shut(self, made: list[dict[str, Any]]) -> None:
        if self._kind:
            made.append({"type": "content_block_stop", "index": self._index})
            self._kind = ""

    def _end(self) -> list[Event]:
        made: list[dict[str, Any]] = []
        if not self._has_begun:
            made.append(self._start({}))
        self._shut(made)
        made.append(
            {
                "type": "message_delta",
                "delta": {"stop_reason": words.stop_of(self._finish), "stop_sequence": None},
                "usage": words.usage_to_anthropic(self._usage),
            }
        )
        events = [Event(data) for data in made]
        events[-1].finish_reason, events[-1].usage = self._finish or "stop", self._usage
        return [*events, Event({"type": "message_stop"}, is_last=True)]
