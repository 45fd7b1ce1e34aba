"""What becomes of the shared ledger when Redis forgets, goes away, or a process dies."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Callable

import pytest
import redis

from apps.core.limits.errors import LimitStoreUnavailable
from apps.providers.domain.budgets import NOTHING, Amount, Bound, Standing
from apps.providers.errors import LedgerRebuilding
from apps.providers.ledger.protocol import Ask, Outcome
from apps.providers.ledger.redis import RedisLedger
from tests.providers.ledger.conftest import (
    KEY,
    ORGANIZATION,
    RedisBench,
    ask,
    close_after,
)
from tests.rig.valkey import Valkey

pytestmark = pytest.mark.integration
BOUND = Bound(KEY, 1000)


class Processes(RedisBench):
    """Several ledgers on one Redis that is closed for a while after it was emptied."""

    def __init__(self, url: str, client: redis.Redis) -> None:
        self.url = url
        self.brought: list[str] = []
        super().__init__(url, client)

    def process(
        self, name: str, *, closed_seconds: float = 3.0, timeout: float = 30
    ) -> RedisLedger:
        ledger = RedisLedger(
            self.url,
            prefix=self.prefix,
            timeout=timeout,
            clock=f"local now = tonumber(redis.call('GET', '{self.prefix}clock'))",
            load=self.load,
            bring=lambda: self.brought.append(name),
            closed_seconds=closed_seconds,
        )
        self._others.append(ledger)
        return ledger

    def empty(self) -> None:
        for key in self.client.keys(f"{self.prefix}*"):
            self.client.delete(key)
        self._set_clock()


@pytest.fixture
def processes(request: pytest.FixtureRequest, valkey_url: str, client: redis.Redis) -> Processes:
    made = Processes(valkey_url, client)
    close_after(request, made.close)
    return made


async def in_thread(work: Callable[[], object]) -> None:
    await asyncio.to_thread(work)


async def test_emptied_redis_is_closed_until_the_processes_have_told_what_they_hold(
    processes: Processes,
) -> None:
    one, two = processes.process("one"), processes.process("two")
    await in_thread(one.look)
    processes.advance(4)
    held = [await ledger.reserve(ask(300)) for ledger in (one, two)]
    spent = await one.reserve(ask(300))
    await one.settle(spent, Amount(100))
    before = one.epoch
    processes.brought.clear()

    processes.empty()
    refused = await one.reserve(ask(1))
    unbudgeted = await one.reserve(Ask(ORGANIZATION))
    with pytest.raises(LedgerRebuilding):
        refused.demand()
    with pytest.raises(LedgerRebuilding):
        await one.peek(ORGANIZATION, [BOUND])
    processes.rows[KEY] = Amount(100)  # what `bring` drained
    processes.advance(2)
    await in_thread(two.look)
    still = await two.reserve(ask(1))
    processes.advance(1.5)

    assert [refused.outcome, unbudgeted.outcome, still.outcome] == [
        Outcome.REBUILDING,
        Outcome.GRANTED,
        Outcome.REBUILDING,
    ]
    assert processes.brought == ["one", "two"]
    assert one.epoch == two.epoch != before
    assert await one.peek(ORGANIZATION, [BOUND]) == (Standing(BOUND, Amount(100), Amount(600)),)
    await one.settle(held[0], Amount(50))
    await two.release(held[1])
    assert await two.peek(ORGANIZATION, [BOUND]) == (Standing(BOUND, Amount(150), NOTHING),)


async def test_settled_before_the_process_noticed_is_left_to_the_rows(
    processes: Processes,
) -> None:
    """Its record bears the old epoch, so the rows count it among the former ones."""
    ledger = processes.process("one", closed_seconds=0)
    reservation = await ledger.reserve(ask(300))
    processes.empty()

    await ledger.settle(reservation, Amount(100))
    await in_thread(ledger.look)

    assert await ledger.peek(ORGANIZATION, [BOUND]) == (Standing(BOUND, NOTHING, NOTHING),)


async def test_announced_holds_end_when_they_would_have_ended(processes: Processes) -> None:
    ledger = processes.process("one", closed_seconds=0)
    await ledger.reserve(ask(300, lasts=60))
    processes.empty()
    await in_thread(ledger.look)

    processes.advance(62)
    await ledger.reserve(ask(1, lasts=1))

    (standing,) = await ledger.peek(ORGANIZATION, [BOUND])
    assert standing.held == Amount(1)


async def test_processes_share_exactly(processes: Processes) -> None:
    ledgers = [processes.process(name, closed_seconds=0) for name in "abc"]

    async def call(number: int) -> Outcome:
        reservation = await ledgers[number % 3].reserve(ask(7, limit=700, likely=7, patience=30))
        if reservation.is_granted:
            await ledgers[number % 3].settle(reservation, Amount(7))
        return reservation.outcome

    outcomes = await asyncio.wait_for(asyncio.gather(*(call(n) for n in range(120))), 30)

    assert sorted(outcomes) == [Outcome.EXHAUSTED] * 20 + [Outcome.GRANTED] * 100


async def test_waiting_process_that_died_is_not_waited_for(processes: Processes) -> None:
    one, two = (processes.process(name, closed_seconds=0) for name in ("one", "two"))
    first = await one.reserve(ask(1000))
    dead = await one.try_now(ask(900), "dead-1", "wait", is_first=True)
    await one.release(first)
    await two.reserve(ask(0))
    behind = await two.try_now(ask(800), "live-1", "first", is_first=True)

    processes.advance(4)
    after = await two.try_now(ask(800), "live-1", "first", is_first=True)

    assert [reply[1] for reply in (dead, behind, after)] == [b"held", b"held", b"granted"]


async def test_what_redis_could_not_be_told_is_told_when_it_is_back(
    tmp_path_factory: pytest.TempPathFactory, request: pytest.FixtureRequest
) -> None:
    server = await asyncio.to_thread(Valkey, tmp_path_factory.mktemp("valkey"))
    client = redis.Redis.from_url(server.url())
    processes = Processes(server.url(), client)
    ledger = processes.process("one", closed_seconds=0, timeout=0.2)
    try:
        reservation = await ledger.reserve(ask(300))
        server.signal(signal.SIGSTOP)
        await ledger.settle(reservation, Amount(100))
        with pytest.raises(LimitStoreUnavailable):
            await ledger.reserve(ask(1))
        server.signal(signal.SIGCONT)
        await asyncio.sleep(0.3)

        await in_thread(ledger.look)

        assert await ledger.peek(ORGANIZATION, [BOUND]) == (Standing(BOUND, Amount(100), NOTHING),)
    finally:
        await processes.close()
        client.close()
        await asyncio.to_thread(server.close)
