"""Between a caller's dialect and an adapter's: nothing at all in most calls."""

from __future__ import annotations

from typing import Any, Protocol

from apps.providers.adapters.protocol import Adapter
from apps.providers.domain.calls import Answer, Call, Event
from apps.providers.enums import Operation


class Translation(Protocol):
    """One call's, made anew for each attempt: a stream's keeps where it is."""

    body: dict[str, Any]
    operation: Operation

    def answer(self, answer: Answer) -> Answer: ...

    def events(self, events: list[Event]) -> list[Event]: ...


def translation_for(call: Call, adapter: Adapter) -> Translation | None:
    """None where caller and adapter speak the same."""
    if call.dialect is adapter.dialect:
        return None
    raise NotImplementedError
