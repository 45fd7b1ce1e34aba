"""Callers that go on while something breaks, and remember every answer they got."""

from __future__ import annotations

import asyncio
import itertools
import threading
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from typing import Any

import aiohttp

PATIENCE = 30.0
PAUSE = 0.02
NO_ANSWER = 0
"""The status of a call whose connection broke: its deed may stand or not."""


@dataclass(frozen=True, eq=False)
class Call:
    """One thing to ask again and again; `{n}` in the body's texts becomes the number of the call."""

    method: str
    path: str
    body: dict[str, Any] | None = None

    def numbered(self, number: int) -> dict[str, Any] | None:
        return None if self.body is None else _numbered(self.body, number)


def _numbered(value: Any, number: int) -> Any:
    if isinstance(value, dict):
        return {name: _numbered(one, number) for name, one in value.items()}
    return value.replace("{n}", str(number)) if isinstance(value, str) else value


@dataclass(frozen=True)
class Reply:
    call: Call
    began: float
    ended: float
    status: int
    retry_after: str | None = None
    body: Any = None

    @property
    def seconds(self) -> float:
        return self.ended - self.began


@dataclass
class Crowd:
    """`callers` of them at once, taking the calls in turn, for as long as the block lasts."""

    url: str
    key: str
    calls: Sequence[Call]
    callers: int = 8
    replies: list[Reply] = field(default_factory=list)

    @contextmanager
    def calling(self) -> Iterator[Crowd]:
        self._is_over = threading.Event()
        thread = threading.Thread(target=lambda: asyncio.run(self._run()), name="crowd")
        thread.start()
        try:
            yield self
        finally:
            self._is_over.set()
            thread.join()

    def statuses(self) -> dict[int, int]:
        return dict(Counter(reply.status for reply in self.replies))

    def count(self, status: int) -> int:
        return sum(reply.status == status for reply in self.replies)

    def answered(self, call: Call, status: int) -> list[Any]:
        """The bodies of all answers of this status to this call."""
        return [one.body for one in self.replies if one.call is call and one.status == status]

    def since(self, moment: float) -> list[Reply]:
        return [reply for reply in self.replies if reply.began >= moment]

    async def _run(self) -> None:
        self._numbers = itertools.count()
        self._turns = itertools.cycle(self.calls)
        timeout = aiohttp.ClientTimeout(total=PATIENCE)
        headers = {"Authorization": f"Bearer {self.key}"}
        async with (
            aiohttp.ClientSession(self.url, timeout=timeout, headers=headers) as session,
            asyncio.TaskGroup() as group,
        ):
            for _ in range(self.callers):
                group.create_task(self._go_on(session))

    async def _go_on(self, session: aiohttp.ClientSession) -> None:
        while not self._is_over.is_set():
            self.replies.append(await self._ask(session, next(self._turns)))
            await asyncio.sleep(PAUSE)

    async def _ask(self, session: aiohttp.ClientSession, call: Call) -> Reply:
        began = time.monotonic()
        body = call.numbered(next(self._numbers))
        try:
            async with session.request(call.method, call.path, json=body) as answer:
                content = await answer.json(content_type=None)
                retry_after = answer.headers.get("Retry-After")
                return Reply(call, began, time.monotonic(), answer.status, retry_after, content)
        except (aiohttp.ClientError, OSError, TimeoutError, ValueError):
            with suppress(Exception):
                await asyncio.sleep(PAUSE)
            return Reply(call, began, time.monotonic(), NO_ANSWER)
