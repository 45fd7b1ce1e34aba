"""Models in memory: opened when first asked for, once for however many ask, unloaded when unused or in others' way."""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from time import monotonic

from apps.core.errors import AppError
from apps.models.domain.schema import Row
from apps.models.domain.scoring import Executor, Explanation, Scored
from apps.models.domain.tables import VersionView
from apps.models.serving.batching import Batcher

Opener = Callable[[int, VersionView], Awaitable[Executor]]
"""Given an organization's number and a version."""
FAILED_SECONDS = 5.0
"""How long a version that could not be opened is not tried again: each time costs a pass over its bytes."""


@dataclass(slots=True)
class Loaded:
    """One version in memory. It is closed once nobody asks it any more."""

    view: VersionView
    executor: Executor
    batcher: Batcher = field(init=False)
    used_at: float = field(default_factory=monotonic)
    active: int = 0
    is_retired: bool = False

    def __post_init__(self) -> None:
        self.batcher = Batcher(self.executor)

    async def score_row(self, row: Row) -> Scored:
        if self.executor.is_instant:
            return (await self.executor.score((row,)))[0]
        self.active += 1  # as `held` does, at a tenth of its cost
        try:
            return await self.batcher.score(row)
        finally:
            await self._release()

    async def score_rows(self, rows: Sequence[Row]) -> list[Scored]:
        async with self.held():
            return await self.executor.score(rows)

    async def explain(self, row: Row) -> Explanation:
        async with self.held():
            return await self.executor.explain(row)

    @asynccontextmanager
    async def held(self) -> AsyncIterator[None]:
        """It stays open meanwhile: between two questions of one call, others may want its place."""
        self.active += 1
        try:
            yield
        finally:
            await self._release()

    async def retire(self) -> None:
        self.is_retired = True
        if not self.active:
            await self.executor.close()

    async def _release(self) -> None:
        self.active -= 1
        if self.is_retired and not self.active:
            await self.executor.close()


@dataclass(frozen=True, slots=True)
class _Failure:
    error: AppError
    until: float


class Shelf:
    """Serves one event loop. The version used longest ago goes when memory runs short."""

    def __init__(self, open_executor: Opener, memory: int, idle_seconds: float) -> None:
        self._open = open_executor
        self._memory = memory
        self._idle_seconds = idle_seconds
        self._loaded: OrderedDict[int, Loaded] = OrderedDict()
        self._loading: dict[int, asyncio.Task[Loaded]] = {}
        self._failures: dict[int, _Failure] = {}

    def recall(self, key: int) -> Loaded | None:
        loaded = self._loaded.get(key)
        if loaded is not None:
            loaded.used_at = monotonic()
            self._loaded.move_to_end(key)
        return loaded

    async def get(self, organization_id: int, view: VersionView) -> Loaded:
        """Raises what opening it raises: `ArtifactChanged`, `RuntimeMissing`, `ModelUnavailable` and their kin."""
        if (loaded := self.recall(view.key)) is not None:
            return loaded
        failure = self._failures.get(view.key)
        if failure is not None and failure.until > monotonic():
            raise failure.error.with_traceback(
                None
            )  # or it would keep the frames of all who heard it
        task = self._loading.get(view.key)
        if task is None:
            task = asyncio.create_task(self._load(organization_id, view))
            self._loading[view.key] = task
            task.add_done_callback(lambda _: self._loading.pop(view.key, None))
        return await asyncio.shield(task)  # the first caller may hang up; the others still wait

    def is_loaded(self, key: int) -> bool:
        return key in self._loaded

    def has_room(self, more: int) -> bool:
        """Whether so many bytes more would unload nothing."""
        return sum(each.executor.memory for each in self._loaded.values()) + more <= self._memory

    def standing(self) -> list[Loaded]:
        """Used longest ago first."""
        return list(self._loaded.values())

    async def unload(self, key: int) -> None:
        loaded = self._loaded.pop(key, None)
        if loaded is not None:
            await loaded.retire()

    async def unload_idle(self) -> None:
        before = monotonic() - self._idle_seconds
        for key, loaded in list(self._loaded.items()):
            if loaded.used_at < before and not loaded.active:
                await self.unload(key)
        now = monotonic()
        self._failures = {k: each for k, each in self._failures.items() if each.until > now}

    async def close(self) -> None:
        for task in list(self._loading.values()):
            task.cancel()
        for key in list(self._loaded):
            await self.unload(key)

    async def _load(self, organization_id: int, view: VersionView) -> Loaded:
        try:
            executor = await self._open(organization_id, view)
        except AppError as error:
            self._failures[view.key] = _Failure(error, monotonic() + FAILED_SECONDS)
            raise
        loaded = self._loaded[view.key] = Loaded(view, executor)
        await self._make_room(keep=view.key)
        return loaded

    async def _make_room(self, *, keep: int) -> None:
        taken = sum(each.executor.memory for each in self._loaded.values())
        for key, loaded in list(self._loaded.items()):
            if taken <= self._memory:
                return
            if key != keep:
                taken -= loaded.executor.memory
                await self.unload(key)
