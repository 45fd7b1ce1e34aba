"""Guarding an answer while it is written: what a match might still reach into is held back.

So a word that comes in two pieces is found all the same, and nothing that was let through has to be called back.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from apps.providers.domain.calls import Event
from apps.providers.domain.guardrails.protocol import Guard

Way = tuple[str | int, ...]
VISIBLE = ("text", "content")
DELTAS = ("content", "reasoning_content", "reasoning", "refusal")


@dataclass(frozen=True, slots=True)
class Place:
    """Which text grows; `way` is where one event holds what it adds."""

    index: Any
    name: str
    way: Way = field(compare=False)


class GuardedText:
    """One text that grows. `take` gives what may go on by now, `rest` what is left at its end."""

    def __init__(self, guards: Sequence[Guard]) -> None:
        self._guards = guards
        self._reach = max(guard.guardrail.reach for guard in guards)
        self._held = ""
        self._wait_for = 2 * self._reach
        """How much must be held before it is worth looking."""

    def take(self, text: str) -> str:
        self._held += text
        if len(self._held) < self._wait_for:
            return ""
        whole = self._checked(self._held)
        cut = self._place_to_cut(len(self._held) - self._reach)
        while cut > 0:
            # A match that lies across the cut, or one longer than the reach, reads differently in two halves.
            before = self._checked(self._held[:cut])
            if before + self._checked(self._held[cut:]) == whole:
                self._held = self._held[cut:]
                self._wait_for = 2 * self._reach
                return before
            cut = self._place_to_cut(cut - 1)
        self._wait_for = 2 * len(self._held)
        return ""

    def rest(self) -> str:
        held, self._held = self._held, ""
        return self._checked(held)

    def _place_to_cut(self, most: int) -> int:
        """Behind white space, so that no word loses its beginning."""
        for place in range(most, 0, -1):
            if self._held[place - 1].isspace():
                return place
        return 0

    def _checked(self, text: str) -> str:
        for guard in self._guards:
            text = guard.guardrail.check(text)
        return text


class StreamGuard:
    """Guards the events of one stream, in either dialect: what is said, thought, and handed to tools. Raises what a
    guardrail raises.
    """

    def __init__(self, guards: Sequence[Guard]) -> None:
        self._guards = guards
        self._texts: dict[Place, GuardedText] = {}
        self._last: dict[Place, Event] = {}

    def events(self, events: Sequence[Event]) -> list[Event]:
        """What may go on by now; often nothing."""
        passed: list[Event] = []
        for event in events:
            said = said_in(event.data)
            if said:
                passed += self._say(event, said)
            else:
                passed += [*self._flush(), event] if _ends_text(event) else [event]
        return passed

    def _say(self, event: Event, said: Mapping[Place, str]) -> list[Event]:
        is_end = _ends_text(event)
        let_through = {}
        for place, text in said.items():
            guarded = self._texts.get(place)
            if guarded is None:
                guarded = self._texts[place] = GuardedText(self._guards)
            self._last[place] = event
            let_through[place] = guarded.take(text) + (guarded.rest() if is_end else "")
        if is_end:
            return [*self._flush(), with_said(event, let_through)]
        is_needed = any(let_through.values()) or event.usage or _begins_call(event.data)
        return [with_said(event, let_through)] if is_needed else []

    def _flush(self) -> list[Event]:
        rests = []
        for place, guarded in self._texts.items():
            if rest := guarded.rest():
                event = replace(self._last[place], finish_reason=None, usage=None)
                others = dict.fromkeys(said_in(event.data), "")
                rests.append(without_names(with_said(event, {**others, place: rest})))
        self._texts.clear()
        return rests


def said_in(data: Mapping[str, Any]) -> dict[Place, str]:
    """What an event adds, by its place: which of the answers or blocks, and the way to the text within the event."""
    if data.get("type") == "content_block_delta":
        index = int(data.get("index") or 0)
        return _texts_at(data, index, ("delta",), ("text", "thinking", "partial_json"))
    choices = data.get("choices")
    if not isinstance(choices, list):
        return {}
    found: dict[Place, str] = {}
    for number, choice in enumerate(choices):
        if not isinstance(choice, dict):
            continue
        index = int(choice.get("index") or 0)
        root: Way = ("choices", number)
        found |= _texts_at(data, index, root, ("text",))
        found |= _texts_at(data, index, (*root, "delta"), DELTAS)
        calls = (choice.get("delta") or {}).get("tool_calls")
        for position, call in enumerate(calls if isinstance(calls, list) else ()):
            if isinstance(call, dict):
                way = (*root, "delta", "tool_calls", position, "function")
                found |= _texts_at(data, (index, call.get("index")), way, ("arguments",))
    return found


def with_said(event: Event, texts: Mapping[Place, str]) -> Event:
    """The event saying something else."""
    data: Any = event.data
    for place, text in texts.items():
        data = _put(data, place.way, text)
    for number, choice in enumerate(data.get("choices") or ()):
        if event.finish_reason is None and isinstance(choice, dict) and "finish_reason" in choice:
            data = _put(data, ("choices", number, "finish_reason"), None)
    visible = "".join(text for place, text in texts.items() if place.name in VISIBLE)
    hidden = "".join(text for place, text in texts.items() if place.name not in VISIBLE)
    return replace(event, data=data, text=visible, hidden=hidden, raw=b"")


def without_names(event: Event) -> Event:
    """A tool's call is named once: what is said of it later only adds to its arguments."""
    data: Any = event.data
    for number, choice in enumerate(data.get("choices") or ()):
        calls = (choice.get("delta") or {}).get("tool_calls")
        for position, call in enumerate(calls or ()):
            function = {"arguments": (call.get("function") or {}).get("arguments") or ""}
            bare = {"index": call.get("index") or 0, "function": function}
            data = _put(data, ("choices", number, "delta", "tool_calls", position), bare)
    return event if data is event.data else replace(event, data=data)


def _texts_at(data: Any, index: Any, root: Way, names: Sequence[str]) -> dict[Place, str]:
    for step in root:
        data = data.get(step) if isinstance(data, dict) else data[step]
        if not isinstance(data, dict | list):
            return {}
    return {
        Place(index, name, (*root, name)): text
        for name in names
        if isinstance(text := data.get(name), str) and text
    }


def _put(data: Any, way: Way, value: Any) -> Any:
    """A copy with something else at that place."""
    if not way:
        return value
    copied: Any = dict(data) if isinstance(data, dict) else list(data)
    copied[way[0]] = _put(copied[way[0]], way[1:], value)
    return copied


def _begins_call(data: Mapping[str, Any]) -> bool:
    """Whether a tool's call is named here: that is told though nothing of its arguments may pass yet."""
    return any(
        call.get("id")
        for choice in data.get("choices") or ()
        for call in (choice.get("delta") or {}).get("tool_calls") or ()
    )


def _ends_text(event: Event) -> bool:
    kind = event.data.get("type")
    return bool(event.finish_reason or event.is_last) or kind in (
        "content_block_stop",
        "message_delta",
    )
