"""The end of a server: whoever still works hears of it while they can say so."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from typing import Any

import pytest

from apps.core.asgi import ending
from apps.core.asgi.ending import Stopping, until_the_end
from apps.core.asgi.presence import while_present


@pytest.fixture(autouse=True)
def afterwards() -> Iterator[None]:
    yield
    asyncio.run(ending.begin())


async def wait(log: list[str]) -> None:
    try:
        with until_the_end():
            await asyncio.sleep(5)
    except Stopping:
        log.append("told")
        await asyncio.sleep(0)  # there is still time for what belongs to the end
        log.append("said")


def test_whoever_works_is_told_and_can_still_speak() -> None:
    log: list[str] = []

    async def main() -> None:
        task = asyncio.create_task(wait(log))
        await asyncio.sleep(0.01)
        ending.come()
        await task
        assert task.cancelling() == 0

    asyncio.run(main())

    assert log == ["told", "said"]


def test_whoever_begins_afterwards_is_told_at_once() -> None:
    log: list[str] = []

    async def main() -> None:
        ending.come()
        async with asyncio.timeout(1):
            await wait(log)

    asyncio.run(main())

    assert log == ["told", "said"]


def test_what_is_done_is_left_alone() -> None:
    async def main() -> str:
        with until_the_end():
            await asyncio.sleep(0)
        ending.come()
        await asyncio.sleep(0)
        return "whole"

    assert asyncio.run(main()) == "whole"


def test_another_cancellation_stays_one() -> None:
    log: list[str] = []

    async def main() -> None:
        task = asyncio.create_task(wait(log))
        await asyncio.sleep(0.01)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    asyncio.run(main())

    assert log == []


def test_work_somebody_waits_for_ends_with_the_server() -> None:
    class Caller:
        async def receive(self) -> dict[str, Any]:
            await asyncio.Event().wait()
            raise AssertionError

    async def main() -> None:
        asyncio.get_running_loop().call_later(0.01, ending.come)
        await while_present(Caller(), asyncio.sleep(5))  # type: ignore[arg-type]  # all it needs of a request

    with pytest.raises(Stopping):
        asyncio.run(main())


def test_the_end_comes_before_the_grace_is_over(settings: Any) -> None:
    settings.SIGNALBOX_SHUTDOWN_GRACE = 0.1
    log: list[str] = []

    async def main() -> None:
        task = asyncio.create_task(wait(log))
        await ending.announce()
        async with asyncio.timeout(0.09):
            await task

    asyncio.run(main())

    assert log == ["told", "said"]
