"""What was begun goes to its end, whoever leaves meanwhile."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from apps.core.asgi import aside as asides
from apps.core.asgi.aside import aside, surely

pytestmark = pytest.mark.unit


async def work(log: list[str], seconds: float = 0.0) -> int:
    log.append("begun")
    await asyncio.sleep(seconds)
    log.append("done")
    return 7


def test_surely_answers_what_the_work_came_to() -> None:
    log: list[str] = []

    assert asyncio.run(surely(work(log))) == 7
    assert (log, asides._ending) == (["begun", "done"], set())


def test_surely_raises_what_the_work_raised() -> None:
    async def fail() -> None:
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        asyncio.run(surely(fail()))

    assert asides._ending == set()


def test_whoever_waits_may_be_cancelled_and_the_work_is_done() -> None:
    log: list[str] = []

    async def story() -> None:
        caller = asyncio.create_task(surely(work(log, 0.05)))
        await asyncio.sleep(0.01)
        caller.cancel()
        with pytest.raises(asyncio.CancelledError):
            await caller
        log.append("left")
        await asyncio.gather(*asides._ending)

    asyncio.run(story())

    assert log == ["begun", "left", "done"]


def test_what_nobody_waits_for_is_held_until_it_is_done() -> None:
    log: list[str] = []

    async def story() -> tuple[bool, set[Any]]:
        task = aside(work(log, 0.01))
        is_held = task in asides._ending
        await task
        return is_held, asides._ending

    assert (asyncio.run(story()), log) == ((True, set()), ["begun", "done"])
