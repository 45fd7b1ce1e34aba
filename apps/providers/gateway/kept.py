"""Answers kept for those who ask the same: in this process, or in Redis where there are several."""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass
from functools import cache
from time import time
from typing import Any, Protocol

import orjson
from django.conf import settings
from django.core.cache import caches

from apps.core.asgi.pool import in_pool
from apps.core.flights import Flights
from apps.providers.domain.calls import Answer, Event, Usage

MOST_BYTES = 1024 * 1024
"""Of one answer; a longer one is not kept."""
CAPACITY = 64 * 1024 * 1024
OVERHEAD = 512
"""What an answer takes beside its bytes."""
WAIT_SECONDS = 30.0
"""How long a call waits for another that asks the same: a stream goes at the pace of who reads it."""
PREFIX = "answer:"


@dataclass(frozen=True, slots=True)
class Kept:
    """One answer as it went out, whole or as the events of its stream."""

    at: float
    payload: bytes

    @classmethod
    def of_answer(cls, answer: Answer) -> Kept:
        raw = answer.raw or orjson.dumps(answer.body)
        value = {"raw": raw.decode(), "usage": _plain(answer.usage), "text": answer.text}
        return cls(time(), orjson.dumps(value | {"finish": answer.finish_reason}))

    @classmethod
    def of_events(cls, events: list[Event]) -> Kept:
        rows = [
            [event.data, event.text, event.hidden, event.finish_reason, event.is_last, _plain(event.usage)]
            for event in events
        ]  # fmt: skip
        return cls(time(), orjson.dumps(rows))

    def answer(self) -> Answer:
        value = orjson.loads(self.payload)
        raw = value["raw"].encode()
        usage = _usage(value["usage"])
        return Answer(orjson.loads(raw), usage, value["finish"], value["text"], raw=raw)

    def events(self) -> list[Event]:
        return [
            Event(data, text, hidden, _usage(usage), finish, is_last)
            for data, text, hidden, finish, is_last, usage in orjson.loads(self.payload)
        ]


class Shelf(Protocol):
    """Where answers are kept. A shelf that is away has nothing and takes nothing."""

    async def get(self, key: str) -> Kept | None: ...

    async def put(self, key: str, kept: Kept, seconds: int) -> None: ...


class MemoryShelf:
    """Bounded by bytes; the answer used longest ago goes. Serves one event loop."""

    def __init__(self, capacity: int = CAPACITY) -> None:
        self._capacity = capacity
        self._size = 0
        self._kept: OrderedDict[str, tuple[float, Kept]] = OrderedDict()

    async def get(self, key: str) -> Kept | None:
        found = self._kept.get(key)
        if found is None:
            return None
        ends_at, kept = found
        if ends_at <= time():
            self._drop(key)
            return None
        self._kept.move_to_end(key)
        return kept

    async def put(self, key: str, kept: Kept, seconds: int) -> None:
        self._drop(key)
        self._kept[key] = (time() + seconds, kept)
        self._size += len(kept.payload) + OVERHEAD
        while self._size > self._capacity:
            self._drop(next(iter(self._kept)))

    def _drop(self, key: str) -> None:
        _, kept = self._kept.pop(key, (0.0, None))
        if kept is not None:
            self._size -= len(kept.payload) + OVERHEAD


class SharedShelf:
    """Django's cache on Redis."""

    async def get(self, key: str) -> Kept | None:
        found = await self._try(caches["default"].get, PREFIX + key)
        return None if found is None else Kept(*found)

    async def put(self, key: str, kept: Kept, seconds: int) -> None:
        await self._try(caches["default"].set, PREFIX + key, (kept.at, kept.payload), seconds)

    async def _try(self, deed: Any, *arguments: Any) -> Any:
        try:
            return await in_pool(deed, *arguments)
        except Exception:  # noqa: BLE001 - whatever Redis has: the model is asked instead
            return None


@cache
def shelf() -> Shelf:
    return SharedShelf() if settings.SIGNALBOX_REDIS_URL else MemoryShelf()


flights: Flights[Kept] = Flights(WAIT_SECONDS)
"""Calls under way that others wait for, by what they ask."""


def _plain(usage: Usage | None) -> list[Any] | None:
    if usage is None:
        return None
    return [usage.prompt_tokens, usage.completion_tokens, usage.cached_tokens, usage.is_estimated]


def _usage(plain: list[Any] | None) -> Usage | None:
    return None if plain is None else Usage(*plain)
