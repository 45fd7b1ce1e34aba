"""Streams in OpenAI's words: chunks, a last one with the usage, `[DONE]`."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any

from apps.providers.adapters import wire
from apps.providers.adapters.openai_wire import answers
from apps.providers.adapters.streams import Reader
from apps.providers.domain.calls import Event
from apps.providers.domain.sse import SseParser
from apps.providers.enums import Operation
from apps.providers.errors import UpstreamInvalid

DONE = b"[DONE]"


class OpenAIReader(Reader[tuple[bytes, bytes]]):
    def __init__(
        self, operation: Operation, overflow: re.Pattern[str], *, done_is_optional: bool = False
    ) -> None:
        super().__init__(SseParser())
        self._is_chat = operation is Operation.CHAT
        self._overflow = overflow
        self._done_is_optional = done_is_optional
        self._open: set[Any] = set()
        """Choices that have begun and told no finish reason yet."""
        self._has_finished = False

    def read(self, item: tuple[bytes, bytes]) -> Iterable[Event]:
        name, data = item
        if data == DONE or data.strip() == DONE:
            return (Event({}, is_last=True),)
        body = wire.read_object(data)
        if name == b"error":
            body = {"error": body.get("error") or body}
        if "error" in body or body.get("object") == "error":
            answers.refuse_error(body, self._overflow)
        event = Event(body, raw=b"" if b"\n" in data else data)
        if (usage := body.get("usage")) is not None:
            event.usage = answers.read_usage(usage)
        if (choices := body.get("choices")) is not None:
            for choice in wire.read_list(choices, "choices"):
                self._read_choice(choice, event)
        return (event,)

    def close(self) -> list[Event]:
        events = super().close()
        is_whole = self._has_finished and not self._open and not self._is_over
        if self._done_is_optional and is_whole:
            self._is_over = True
            events.append(Event({}, is_last=True))
        return events

    def _read_choice(self, choice: dict[str, Any], event: Event) -> None:
        if self._is_chat:
            delta = choice.get("delta")
            if delta is not None:
                self._read_delta(wire.read_dict(delta, "delta"), event)
        elif (text := choice.get("text")) is not None:
            event.text += wire.read_text(text, "text")
        reason = choice.get("finish_reason")
        if reason is not None and not isinstance(reason, str):
            raise UpstreamInvalid("The provider's answer has no readable 'finish_reason'.")
        if self._done_is_optional:
            self._note(choice.get("index", 0), has_ended=bool(reason))
        if reason:
            event.finish_reason = reason

    def _read_delta(self, delta: dict[str, Any], event: Event) -> None:
        content = delta.get("content")
        if isinstance(content, str):
            event.text += content
        elif content is not None:
            event.text += answers.text_of(content)
        if len(delta) > 1 or content is None:
            event.hidden += answers.hidden_of(delta)

    def _note(self, index: Any, *, has_ended: bool) -> None:
        if not isinstance(index, int):
            return
        if has_ended:
            self._has_finished = True
            self._open.discard(index)
        else:
            self._open.add(index)
