"""Of many who want the same one does it, and nobody waits for ever."""

from __future__ import annotations

import asyncio

import pytest

from apps.core.flights import Flights

pytestmark = pytest.mark.unit


@pytest.fixture
def flights() -> Flights[str]:
    return Flights(wait_seconds=5.0)


async def test_one_begins_and_the_others_join(flights: Flights[str]) -> None:
    begun = [flights.begin("a") for _ in range(3)]
    waiting = [asyncio.create_task(flights.join("a")) for _ in range(2)]
    await asyncio.sleep(0)

    flights.end("a", "word")

    assert begun == [True, False, False]
    assert [await each for each in waiting] == ["word", "word"]


async def test_what_has_ended_may_begin_again(flights: Flights[str]) -> None:
    flights.begin("a")
    flights.end("a", "word")

    assert (await flights.join("a"), flights.begin("a")) == (None, True)


async def test_another_key_is_not_waited_for(flights: Flights[str]) -> None:
    flights.begin("a")

    assert (await flights.join("b"), flights.begin("b")) == (None, True)


async def test_what_failed_is_told_as_nothing(flights: Flights[str]) -> None:
    flights.begin("a")
    waiting = asyncio.create_task(flights.join("a"))
    await asyncio.sleep(0)

    flights.end("a", None)

    assert await waiting is None


async def test_who_leaves_takes_nobody_along(flights: Flights[str]) -> None:
    flights.begin("a")
    leaves, stays = [asyncio.create_task(flights.join("a")) for _ in range(2)]
    await asyncio.sleep(0)
    leaves.cancel()
    await asyncio.sleep(0)

    flights.end("a", "word")

    assert (await stays, leaves.cancelled()) == ("word", True)


async def test_what_takes_too_long_is_waited_for_no_more() -> None:
    flights: Flights[str] = Flights(wait_seconds=0.01)
    flights.begin("a")

    async with asyncio.timeout(1):
        assert await flights.join("a") is None


def test_a_loop_does_not_wait_for_another_one(flights: Flights[str]) -> None:
    async def begin() -> bool:
        return flights.begin("a")

    async def join() -> str | None:
        async with asyncio.timeout(1):
            return await flights.join("a")

    assert (asyncio.run(begin()), asyncio.run(join())) == (True, None)


async def test_an_end_without_a_beginning_is_nothing(flights: Flights[str]) -> None:
    flights.end("a", "word")

    assert await flights.join("a") is None
