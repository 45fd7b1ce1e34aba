"""Guarding an answer while it is written: what a match might still reach into is held back.

So a word that comes in two pieces is found all the same, and nothing that was let through has to be called back.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from apps.providers.domain.calls import Event
from apps.providers.domain.guardrails.protocol import Guard


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
    """Guards the events of one stream, in either dialect. Raises what a guardrail raises."""

    def __init__(self, guards: Sequence[Guard]) -> None:
        self._guards = guards
        self._texts: dict[int, GuardedText] = {}
        self._last: dict[int, Event] = {}

    def events(self, events: Sequence[Event]) -> list[Event]:
        """What may go on by now; often nothing."""
        passed: list[Event] = []
        for event in events:
            said = said_in(event.data)
            if said is not None:
                passed += self._say(event, *said)
            else:
                passed += [*self._flush(), event] if _ends_text(event) else [event]
        return passed

    def _say(self, event: Event, index: int, text: str) -> list[Event]:
        guarded = self._texts.get(index)
        if guarded is None:
            guarded = self._texts[index] = GuardedText(self._guards)
        self._last[index] = event
        let_through = guarded.take(text)
        if _ends_text(event):
            let_through += guarded.rest()
            return [*self._flush(), with_text(event, let_through)]
        is_needed = bool(let_through or event.usage)
        return [with_text(event, let_through)] if is_needed else []

    def _flush(self) -> list[Event]:
        rests = [
            with_text(replace(self._last[index], finish_reason=None, usage=None), rest)
            for index, guarded in self._texts.items()
            if (rest := guarded.rest())
        ]
        self._texts.clear()
        return rests


def said_in(data: dict[str, Any]) -> tuple[int, str] | None:
    """Which of the answers an event adds visible text to, and what; None when it adds none."""
    delta = data.get("delta")
    if data.get("type") == "content_block_delta" and isinstance(delta, dict):
        text = delta.get("text")
        return (int(data.get("index") or 0), text) if isinstance(text, str) and text else None
    choices = data.get("choices")
    if not isinstance(choices, list) or not choices or not isinstance(choices[0], dict):
        return None
    choice = choices[0]
    text = choice.get("text") or (choice.get("delta") or {}).get("content")
    return (int(choice.get("index") or 0), text) if isinstance(text, str) and text else None


def with_text(event: Event, text: str) -> Event:
    """The event saying something else."""
    data = dict(event.data)
    if data.get("type") == "content_block_delta":
        data["delta"] = {**data["delta"], "text": text}
    else:
        choice = dict(data["choices"][0])
        if choice.get("text"):
            choice["text"] = text
        else:
            choice["delta"] = {**choice["delta"], "content": text}
        if event.finish_reason is None and "finish_reason" in choice:
            choice["finish_reason"] = None
        data["choices"] = [choice, *data["choices"][1:]]
    return replace(event, data=data, text=text, raw=b"")


def _ends_text(event: Event) -> bool:
    kind = event.data.get("type")
    return bool(event.finish_reason or event.is_last) or kind in (
        "content_block_stop",
        "message_delta",
    )
