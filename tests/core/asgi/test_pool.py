"""The one hop from the loop to code that blocks: contexts go along, connections are fresh, a crowd is refused."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator
from contextvars import ContextVar
from typing import Any

import pytest
from django.db import connection

from apps.core.asgi import pool as pools
from apps.core.asgi.pool import InlinePool, Pool, in_pool, shared_pool, use_pool
from apps.core.errors import Unavailable
from apps.core.tenancy import current_organization_id, enter_organization, organization_scope

word: ContextVar[str] = ContextVar("word", default="nothing")


@pytest.fixture
def pool() -> Iterator[Pool]:
    made = Pool(2, max_waiting=3)
    yield made
    made.close()


@pytest.fixture
def shared(pool: Pool) -> Iterator[Pool]:
    before = use_pool(pool)
    yield pool
    use_pool(before)


def test_a_call_runs_in_another_thread_and_answers(shared: Pool) -> None:
    async def go() -> tuple[str, int]:
        return threading.current_thread().name, await in_pool(divmod_of, 7, by=2)

    def divmod_of(number: int, *, by: int) -> int:
        assert threading.current_thread().name.startswith("pool")
        return number // by

    assert asyncio.run(go())[1] == 3


def test_a_failure_comes_back_as_it_was(shared: Pool) -> None:
    async def go() -> None:
        await in_pool(int, "x")

    with pytest.raises(ValueError, match="invalid literal"):
        asyncio.run(go())

    assert shared.waiting == 0


def test_the_context_goes_along_but_not_back(shared: Pool) -> None:
    def look() -> tuple[str, int]:
        seen = word.get()
        word.set("changed in the thread")
        return seen, current_organization_id()

    async def go() -> tuple[tuple[str, int], str]:
        word.set("from the loop")
        enter_organization(7)
        return await in_pool(look), word.get()

    assert asyncio.run(go()) == (("from the loop", 7), "from the loop")


def test_neighbours_do_not_see_each_other(shared: Pool) -> None:
    async def one(number: int) -> int:
        enter_organization(number)
        await asyncio.sleep(0)
        return await in_pool(current_organization_id)

    async def go() -> list[int]:
        return await asyncio.gather(*(one(number) for number in (1, 2, 3)))

    assert asyncio.run(go()) == [1, 2, 3]


def test_a_crowd_is_refused(pool: Pool) -> None:
    gate = threading.Event()

    async def go() -> Unavailable:
        waiting = [asyncio.create_task(pool.run(gate.wait)) for _ in range(3)]
        await asyncio.sleep(0)
        with pytest.raises(Unavailable) as caught:
            await pool.run(gate.wait)
        gate.set()
        await asyncio.gather(*waiting)
        return caught.value

    refused = asyncio.run(go())

    assert (refused.code, refused.retry_after, pool.waiting) == ("overloaded", 1, 0)


def test_a_caller_who_is_cancelled_leaves_no_place_taken(pool: Pool) -> None:
    gate = threading.Event()

    async def go() -> None:
        task = asyncio.create_task(pool.run(gate.wait))
        await asyncio.sleep(0)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        gate.set()

    asyncio.run(go())

    assert pool.waiting == 0


@pytest.fixture
def one_thread(transactional_db: None) -> Iterator[Pool]:
    made = Pool(1, max_waiting=1)
    yield made
    asyncio.run(made.run(close))
    made.close()


def close() -> None:
    connection.close()  # the thread's own: the name stands for another connection in each


def ask() -> int:
    with connection.cursor() as cursor:
        cursor.execute("SELECT 1")
        return int(cursor.fetchone()[0])


def test_a_broken_connection_is_replaced(one_thread: Pool) -> None:
    def break_it() -> None:
        ask()
        connection.errors_occurred = True
        connection.is_usable = lambda: False  # type: ignore[method-assign]  # as a server that went away

    def look() -> bool:
        return connection.connection is None

    async def go() -> tuple[bool, int]:
        await one_thread.run(break_it)
        return await one_thread.run(look), await one_thread.run(ask)

    assert asyncio.run(go()) == (True, 1)


def test_a_good_connection_is_kept(one_thread: Pool) -> None:
    def which() -> int:
        ask()
        return id(connection.connection)

    async def go() -> bool:
        return await one_thread.run(which) == await one_thread.run(which)

    assert asyncio.run(go()) is True


def test_an_unfinished_transaction_is_not_handed_on(one_thread: Pool) -> None:
    def leave_it_open() -> None:
        connection.set_autocommit(False)

    def look() -> bool:
        return connection.get_autocommit()

    async def go() -> bool:
        await one_thread.run(leave_it_open)
        return await one_thread.run(look)

    assert asyncio.run(go()) is True


def test_the_inline_pool_runs_here_and_off_the_loop() -> None:
    def look() -> tuple[str, bool]:
        try:
            asyncio.get_running_loop()
        except RuntimeError:
            return threading.current_thread().name, True
        return "", False

    async def go() -> tuple[tuple[str, bool], bool]:
        found = await InlinePool().run(look)
        return found, asyncio.get_running_loop().is_running()

    assert asyncio.run(go()) == ((threading.current_thread().name, True), True)


def test_the_shared_pool_is_made_on_first_use(settings: Any) -> None:
    settings.SIGNALBOX_POOL_THREADS = 3
    before = use_pool(None)
    try:
        made = shared_pool()
        assert isinstance(made, Pool)
        assert (made is shared_pool(), pools.pool_load()) == (True, {"waiting": 0, "threads": 3})
        made.close()
    finally:
        use_pool(before)


def test_a_scope_around_the_hop_holds_inside(shared: Pool) -> None:
    async def go() -> int:
        with organization_scope(5):
            return await in_pool(current_organization_id)

    assert asyncio.run(go()) == 5


def test_run_longer_than_its_seconds_is_unavailable() -> None:
    pool = Pool(threads=1, max_waiting=10, seconds=0.05)
    released = threading.Event()

    try:
        with pytest.raises(Unavailable, match="took too long"):
            asyncio.run(pool.run(lambda: released.wait(5)))
    finally:
        released.set()
        pool.close()


def test_run_passes_on_a_timeout_of_the_call_itself() -> None:
    pool = Pool(threads=1, max_waiting=10, seconds=5)

    def give_up() -> None:
        raise TimeoutError("of the call")

    try:
        with pytest.raises(TimeoutError, match="of the call"):
            asyncio.run(pool.run(give_up))
    finally:
        pool.close()
