"""Models in memory: opened once, unloaded by memory and by idleness, never under those who ask them."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from traceback import walk_tb

import pytest

from apps.models.domain.scoring import Executor
from apps.models.domain.tables import VersionView
from apps.models.errors import ArtifactChanged
from apps.models.serving import loaded
from apps.models.serving.loaded import Shelf
from tests.models.serving.fakes import FakeExecutor, view

pytestmark = pytest.mark.unit


def shelf_of(
    make: Callable[[], FakeExecutor], *, memory: int = 10, idle: float = 60.0
) -> tuple[Shelf, list[int]]:
    opened: list[int] = []

    async def open_executor(organization_id: int, version: VersionView) -> Executor:
        opened.append(version.key)
        await asyncio.sleep(0)
        return make()

    return Shelf(open_executor, memory, idle), opened


def test_many_who_ask_at_once_open_it_once() -> None:
    async def scene() -> list[int]:
        shelf, opened = shelf_of(FakeExecutor)
        await asyncio.gather(*(shelf.get(1, view()) for _ in range(20)))
        await shelf.get(1, view())
        return opened

    assert asyncio.run(scene()) == [1]


def test_the_one_used_longest_ago_goes_when_memory_runs_short() -> None:
    async def scene() -> list[int]:
        shelf, _ = shelf_of(lambda: FakeExecutor(memory=4), memory=10)
        for key in (1, 2):
            await shelf.get(1, view(key))
        shelf.recall(1)
        await shelf.get(1, view(3))
        return [each.view.key for each in shelf.standing()]

    assert asyncio.run(scene()) == [1, 3]


def test_one_that_is_larger_than_all_memory_is_served_alone() -> None:
    async def scene() -> list[int]:
        shelf, _ = shelf_of(lambda: FakeExecutor(memory=99), memory=10)
        await shelf.get(1, view(1))
        await shelf.get(1, view(2))
        return [each.view.key for each in shelf.standing()]

    assert asyncio.run(scene()) == [2]


def test_a_model_is_not_closed_under_those_who_ask_it() -> None:
    async def scene() -> None:
        made = FakeExecutor()
        made.gate.clear()
        shelf, _ = shelf_of(lambda: made)
        standing = await shelf.get(1, view())
        asking = asyncio.create_task(standing.score_row((1.0,)))
        await asyncio.sleep(0.01)
        await shelf.unload(1)
        assert not made.is_closed
        made.gate.set()
        assert (await asking).prediction == 1.0
        assert made.is_closed

    asyncio.run(scene())


def test_what_nobody_uses_is_unloaded(monkeypatch: pytest.MonkeyPatch) -> None:
    async def scene() -> tuple[int, int]:
        shelf, _ = shelf_of(FakeExecutor, idle=60.0)
        await shelf.get(1, view())
        await shelf.unload_idle()
        before = len(shelf.standing())
        later = loaded.monotonic() + 61
        monkeypatch.setattr(loaded, "monotonic", lambda: later)
        await shelf.unload_idle()
        return before, len(shelf.standing())

    assert asyncio.run(scene()) == (1, 0)


def test_one_that_cannot_be_opened_is_left_alone_for_a_while(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    tries: list[int] = []

    async def refuse(organization_id: int, version: VersionView) -> Executor:
        tries.append(version.key)
        raise ArtifactChanged

    async def scene() -> None:
        shelf = Shelf(refuse, 10, 60)
        for _ in range(3):
            with pytest.raises(ArtifactChanged):
                await shelf.get(1, view())
        later = loaded.monotonic() + loaded.FAILED_SECONDS + 1
        monkeypatch.setattr(loaded, "monotonic", lambda: later)
        with pytest.raises(ArtifactChanged):
            await shelf.get(1, view())

    asyncio.run(scene())
    assert tries == [1, 1]


def test_who_hears_of_a_failure_leaves_no_trace_in_it() -> None:
    """The frames of thousands of callers would stay for as long as the failure is remembered."""

    async def refuse(organization_id: int, version: VersionView) -> Executor:
        raise ArtifactChanged

    async def scene() -> list[int]:
        shelf = Shelf(refuse, 10, 60)
        depths = []
        for _ in range(4):
            with pytest.raises(ArtifactChanged) as failed:
                await shelf.get(1, view())
            depths.append(len(list(walk_tb(failed.value.__traceback__))))
        return depths

    assert len(set(asyncio.run(scene())[1:])) == 1


def test_one_that_is_held_stays_open_between_two_questions() -> None:
    async def scene() -> tuple[float, bool]:
        made = FakeExecutor()
        shelf, _ = shelf_of(lambda: made)
        standing = await shelf.get(1, view())
        async with standing.held():
            await standing.score_row((1.0,))
            await shelf.unload(1)
            await standing.score_rows([(1.0,)])
            assert not made.is_closed
            told = await standing.explain((1.0,))
        return told.values[0], made.is_closed

    assert asyncio.run(scene()) == (1.0, True)
