"""Micro-batches: the rows that came while the model was busy are its next batch. Nobody waits for company.

An idle model is given what came within one turn of the loop, so alone one waits for nothing.
"""

from __future__ import annotations

import asyncio

from apps.models.domain.schema import Row
from apps.models.domain.scoring import Executor, Scored
from apps.models.errors import ScoringFailed

MOST_ROWS = 256

Waiting = tuple[Row, "asyncio.Future[Scored]"]


class Batcher:
    """Of one loaded model. Serves one event loop."""

    def __init__(self, executor: Executor) -> None:
        self._executor = executor
        self._waiting: list[Waiting] = []
        self._running: asyncio.Task[None] | None = None

    async def score(self, row: Row) -> Scored:
        future: asyncio.Future[Scored] = asyncio.get_running_loop().create_future()
        self._waiting.append((row, future))
        if self._running is None:
            self._running = asyncio.create_task(self._run())
        return await future

    async def _run(self) -> None:
        try:
            while self._waiting:
                batch, self._waiting = self._waiting[:MOST_ROWS], self._waiting[MOST_ROWS:]
                # Whoever hung up or ran out of patience needs no answer.
                await self._answer([each for each in batch if not each[1].done()])
        finally:
            self._running = None

    async def _answer(self, batch: list[Waiting]) -> None:
        if not batch:
            return
        try:
            scored = await self._executor.score([row for row, _ in batch])
        except ScoringFailed as error:
            if len(batch) == 1:
                _fail(batch, error)
                return
            for each in batch:  # one row must not spoil the others'
                await self._answer([each])
        except BaseException as error:  # noqa: BLE001 - whatever it is, those who wait are to hear it
            _fail(batch, error)
        else:
            for (_, future), one in zip(batch, scored, strict=True):
                if not future.done():
                    future.set_result(one)


def _fail(batch: list[Waiting], error: BaseException) -> None:
    for _, future in batch:
        if not future.done():
            future.set_exception(error)
