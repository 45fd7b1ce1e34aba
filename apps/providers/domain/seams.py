"""Two streams told as one: what the caller has seen begun goes on under the same name, in either dialect. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from apps.providers.domain.calls import Answer, Event, Usage
from apps.providers.domain.continuation import MOST_SAID, Overlap
from apps.providers.domain.guardrails.streams import VISIBLE, Place, said_in, with_said

HEAD = ("id", "object", "created", "model", "system_fingerprint")


@dataclass(slots=True)
class Begun:
    """What a caller has seen of a stream."""

    parts: list[str] = field(default_factory=list)
    size: int = 0
    head: dict[str, Any] = field(default_factory=dict)
    """What all of OpenAI's chunks of one stream have in common."""
    is_begun: bool = False
    block: int | None = None
    """Of Anthropic's blocks, the text that is open."""
    next_block: int = 0
    is_text: bool = True
    """Whether nothing but text came until now, and not the reason why it ended."""

    @property
    def said(self) -> str:
        return "".join(self.parts)

    def note(self, events: Sequence[Event]) -> None:
        for event in events:
            if event.hidden or event.finish_reason:
                self.is_text = False
            if event.text:
                self.size += len(event.text)
                if self.size <= MOST_SAID:
                    self.parts.append(event.text)
                else:
                    self.is_text = False
                    self.parts.clear()
            if event.data:
                self._note(event.data)

    def _note(self, data: dict[str, Any]) -> None:
        match data.get("type"):
            case "message_start":
                self.is_begun = True
            case "content_block_start":
                index = int(data.get("index") or 0)
                is_text = (data.get("content_block") or {}).get("type") == "text"
                self.block, self.next_block = (index if is_text else None), index + 1
            case "content_block_stop":
                self.block = None
            case None if not self.is_begun and data.get(
                "choices"
            ):  # Azure begins with one of no name
                self.is_begun = True
                self.head = {name: data[name] for name in HEAD if name in data}


class Seam:
    """Makes the events of a further stream go on with one that was begun."""

    def __init__(self, begun: Begun, overlap: Overlap, past: Usage | None) -> None:
        self._begun = begun
        self._overlap = overlap
        self._past = past or Usage()
        self._blocks: dict[int, int] = {}
        """Numbers of this stream's blocks, to those that the caller sees."""
        self._open, self._next = begun.block, begun.next_block
        self._goes_on = begun.is_begun
        self._last: tuple[Place, Event] | None = None
        """The last that said something; what was held back is said in its form."""

    def events(self, events: Sequence[Event]) -> list[Event]:
        made: list[Event] = []
        for event in events:
            self._add(self._trimmed(event, made), made)
        return made

    def _trimmed(self, event: Event, made: list[Event]) -> Event:
        said = said_in(event.data)
        visible = [place for place in said if place.name in VISIBLE]
        if visible:
            self._last = (visible[0], event)
            event = with_said(
                event, said | {place: self._overlap.take(said[place]) for place in visible}
            )
        is_end = (
            event.finish_reason or event.is_last or event.data.get("type") == "content_block_stop"
        )
        if is_end and self._last is not None and (rest := self._overlap.rest()):
            place, form = self._last
            said_last = replace(form, finish_reason=None, usage=None)
            self._add(with_said(said_last, {place: rest}), made)
        return event

    def _add(self, event: Event, made: list[Event]) -> None:
        if not self._goes_on or not event.data:
            made.append(event)
        elif "type" in event.data:
            self._go_on_anthropic(event, made)
        else:
            self._go_on_openai(event, made)

    def _go_on_openai(self, event: Event, made: list[Event]) -> None:
        data = {**event.data, **self._begun.head}
        if isinstance(choices := data.get("choices"), list):
            data["choices"] = [_without_role(choice) for choice in choices]
        if event.usage is not None and isinstance(told := data.get("usage"), dict):
            data["usage"] = {**told, **_openai_sum(event.usage, self._past)}
        if event.text or event.hidden or event.finish_reason or event.usage or event.is_last:
            made.append(replace(event, data=data, raw=b""))

    def _go_on_anthropic(self, event: Event, made: list[Event]) -> None:
        data = event.data
        match data["type"]:
            case "message_start":
                return
            case "content_block_start":
                if self._begin_block(data, made):
                    return
                event = self._numbered(event)
            case "content_block_delta":
                delta = data.get("delta") or {}
                if delta.get("type") == "text_delta" and not event.text:
                    return
                event = self._numbered(event)
            case "content_block_stop":
                event = self._numbered(event)
                self._open = None
            case "message_delta":
                self._shut(made)
                usage = {**(data.get("usage") or {})}
                if event.usage is not None:
                    usage |= _anthropic_sum(event.usage, self._past)
                event = replace(event, data={**data, "usage": usage}, raw=b"")
        made.append(event)

    def _begin_block(self, data: dict[str, Any], made: list[Event]) -> bool:
        """Whether the caller sees this block open already."""
        index = int(data.get("index") or 0)
        if self._open is not None and (data.get("content_block") or {}).get("type") == "text":
            self._blocks[index] = self._open
            return True
        self._shut(made)
        self._blocks[index] = self._open = self._next
        self._next += 1
        return False

    def _shut(self, made: list[Event]) -> None:
        if self._open is not None:
            made.append(Event({"type": "content_block_stop", "index": self._open}))
            self._open = None

    def _numbered(self, event: Event) -> Event:
        index = int(event.data.get("index") or 0)
        data = {**event.data, "index": self._blocks.get(index, index)}
        return replace(event, data=data, raw=b"")


def summed(one: Usage, other: Usage) -> Usage:
    return Usage(
        one.prompt_tokens + other.prompt_tokens,
        one.completion_tokens + other.completion_tokens,
        one.cached_tokens + other.cached_tokens,
        one.is_estimated or other.is_estimated,
    )


def _openai_sum(usage: Usage, past: Usage) -> dict[str, int]:
    both = summed(usage, past)
    return {
        "prompt_tokens": both.prompt_tokens,
        "completion_tokens": both.completion_tokens,
        "total_tokens": both.total_tokens,
    }


def _anthropic_sum(usage: Usage, past: Usage) -> dict[str, int]:
    """Those read from its cache are told apart, and are no part of `input_tokens`."""
    both = summed(usage, past)
    return {
        "input_tokens": both.prompt_tokens - usage.cached_tokens,
        "output_tokens": both.completion_tokens,
    }


def _without_role(choice: Any) -> Any:
    if not isinstance(choice, dict) or not isinstance(delta := choice.get("delta"), dict):
        return choice
    return {**choice, "delta": {name: value for name, value in delta.items() if name != "role"}}


def trimmed_answer(answer: Answer, overlap: Overlap) -> Answer:
    """A whole answer without what was said before it."""
    text = overlap.take(answer.text) + overlap.rest()
    many = len(answer.text) - len(text)
    if not many:
        return answer
    body = _shortened(answer.body, answer.text[:many])
    return replace(answer, body=body, text=text, raw=b"")


def _shortened(body: dict[str, Any], said: str) -> dict[str, Any]:
    match body:
        case {"choices": [{"message": {"content": str(text)} as message} as choice, *rest]}:
            shorter = {**message, "content": text.removeprefix(said)}
            return {**body, "choices": [{**choice, "message": shorter}, *rest]}
        case {"choices": [{"text": str(text)} as choice, *rest]}:
            return {**body, "choices": [{**choice, "text": text.removeprefix(said)}, *rest]}
        case {"content": [{"type": "text", "text": str(text)} as block, *rest]}:
            return {**body, "content": [{**block, "text": text.removeprefix(said)}, *rest]}
    return body
