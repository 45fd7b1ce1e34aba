"""Micro-batches: what came together goes together, what came meanwhile goes next, one bad row is alone with it."""

from __future__ import annotations

import asyncio

import pytest

from apps.models.errors import ScoringFailed
from apps.models.serving.batching import MOST_ROWS, Batcher
from tests.models.serving.fakes import FakeExecutor

pytestmark = pytest.mark.unit


def test_rows_that_come_within_one_turn_of_the_loop_are_one_batch() -> None:
    async def scene() -> FakeExecutor:
        executor = FakeExecutor()
        batcher = Batcher(executor)
        scored = await asyncio.gather(*(batcher.score((float(n),)) for n in range(5)))
        assert [one.prediction for one in scored] == [0.0, 1.0, 2.0, 3.0, 4.0]
        return executor

    assert asyncio.run(scene()).batches == [[0.0, 1.0, 2.0, 3.0, 4.0]]


def test_what_comes_while_the_model_is_busy_is_its_next_batch() -> None:
    async def scene() -> FakeExecutor:
        executor = FakeExecutor()
        batcher = Batcher(executor)
        executor.gate.clear()
        tasks = [asyncio.create_task(batcher.score((0.0,)))]
        await asyncio.sleep(0.01)
        tasks += [asyncio.create_task(batcher.score((float(n),))) for n in (1, 2, 3)]
        await asyncio.sleep(0.01)
        executor.gate.set()
        await asyncio.gather(*tasks)
        return executor

    assert asyncio.run(scene()).batches == [[0.0], [1.0, 2.0, 3.0]]


def test_a_batch_is_bounded() -> None:
    async def scene() -> FakeExecutor:
        executor = FakeExecutor()
        batcher = Batcher(executor)
        await asyncio.gather(*(batcher.score((float(n),)) for n in range(MOST_ROWS + 3)))
        return executor

    assert [len(batch) for batch in asyncio.run(scene()).batches] == [MOST_ROWS, 3]


def test_one_row_that_cannot_be_scored_does_not_spoil_the_others() -> None:
    async def scene() -> list[object]:
        batcher = Batcher(FakeExecutor(poison=1.0))
        waiting = (batcher.score((float(n),)) for n in range(3))
        return list(await asyncio.gather(*waiting, return_exceptions=True))

    first, second, third = asyncio.run(scene())
    assert (first.prediction, third.prediction) == (0.0, 2.0)  # type: ignore[attr-defined]  # scored
    assert isinstance(second, ScoringFailed)


def test_whoever_left_is_not_scored() -> None:
    async def scene() -> FakeExecutor:
        executor = FakeExecutor()
        batcher = Batcher(executor)
        executor.gate.clear()
        first = asyncio.create_task(batcher.score((0.0,)))
        await asyncio.sleep(0.01)
        left, stayed = (asyncio.create_task(batcher.score((n,))) for n in (1.0, 2.0))
        await asyncio.sleep(0.01)
        left.cancel()
        await asyncio.sleep(0)
        executor.gate.set()
        await asyncio.gather(first, stayed)
        return executor

    assert asyncio.run(scene()).batches == [[0.0], [2.0]]
