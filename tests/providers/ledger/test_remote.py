"""A worker whose server goes away, comes back, or is a real one; and a worker that dies."""

from __future__ import annotations

import asyncio
import stat
from pathlib import Path

import pytest

from apps.core.limits.errors import LimitStoreUnavailable
from apps.core.limits.rates import Rate
from apps.core.limits.remote import RemoteLimitStore
from apps.core.limits.store import Check
from apps.core.rpc.client import Client
from apps.providers.domain.budgets import NOTHING, Amount, Bound, Standing
from apps.providers.errors import LedgerRebuilding
from apps.providers.ledger import serving
from apps.providers.ledger.protocol import Ask, Outcome, SlotLimits
from apps.providers.ledger.remote import RemoteLedger
from tests.providers.ledger.conftest import KEY, ORGANIZATION, RemoteBench, ask, close_after
from tests.rig.site import Site

pytestmark = pytest.mark.integration
BOUND = Bound(KEY, 1000)


@pytest.fixture
def bench(request: pytest.FixtureRequest, tmp_path: Path) -> RemoteBench:
    bench = RemoteBench(tmp_path / "server.sock")
    close_after(request, bench.close)
    return bench


async def test_the_socket_is_its_owners_alone(bench: RemoteBench) -> None:
    assert stat.S_IMODE(bench.path.stat().st_mode) == 0o600


async def test_without_a_server_budgeted_calls_wait_and_others_go_on(bench: RemoteBench) -> None:
    await asyncio.to_thread(bench.stop)

    budgeted = await bench.ledger.reserve(ask(100))
    free = await bench.ledger.reserve(Ask(ORGANIZATION, checks=[Check("a", Rate(1, 60))]))

    assert (budgeted.outcome, free.outcome, free.verdict) == (
        Outcome.REBUILDING,
        Outcome.GRANTED,
        None,
    )
    with pytest.raises(LedgerRebuilding):
        await bench.ledger.peek(ORGANIZATION, [BOUND])
    with pytest.raises(LimitStoreUnavailable):
        await bench.ledger.take_slot(SlotLimits("dep", parallel=1), 1, 60)
    with pytest.raises(LimitStoreUnavailable):
        await asyncio.to_thread(bench.ledger.reconcile_now, ORGANIZATION, [KEY], [])


async def test_a_server_started_anew_is_told_what_is_held(bench: RemoteBench) -> None:
    held = await bench.ledger.reserve(ask(600))
    before = bench.ledger.epoch
    await asyncio.to_thread(bench.stop)
    bench.rows[KEY] = Amount(100)
    await asyncio.to_thread(bench.start)

    refused = await bench.ledger.reserve(ask(400))

    assert (bench.ledger.epoch != before, bench.brought) == (True, 2)
    assert refused.outcome is Outcome.GRANTED  # 100 spent, 600 held: 300 are left, enough to begin
    assert refused.held == Amount(300)
    await bench.ledger.settle(held, Amount(50))
    assert await bench.ledger.peek(ORGANIZATION, [BOUND]) == (
        Standing(BOUND, Amount(150), Amount(300)),
    )


async def test_holds_of_a_worker_that_died_are_given_back(
    bench: RemoteBench, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(serving, "GRACE_SECONDS", 0.1)
    await bench.ledger.reserve(ask(600))

    bench.clients[0].close()
    await asyncio.sleep(1.0)

    assert bench.memory.peek_now(ORGANIZATION, [BOUND]) == (Standing(BOUND, NOTHING, NOTHING),)


async def test_holds_of_a_worker_that_came_back_stay(
    bench: RemoteBench, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(serving, "GRACE_SECONDS", 2.0)
    await bench.ledger.reserve(ask(600))
    bench.clients[0].close()

    await asyncio.to_thread(bench.ledger.look)
    await asyncio.sleep(2.5)

    assert bench.memory.peek_now(ORGANIZATION, [BOUND])[0].held == Amount(600)


async def test_a_deep_folder_is_reached(
    request: pytest.FixtureRequest, tmp_path: Path, bench: RemoteBench
) -> None:
    deep = tmp_path / ("d" * 60) / ("e" * 60)
    deep.mkdir(parents=True)
    await asyncio.to_thread(bench.stop)
    other = RemoteBench(deep / "server.sock")

    try:
        assert (await other.ledger.reserve(ask(600))).outcome is Outcome.GRANTED
    finally:
        await other.close()


async def test_a_real_server_shares_its_limits_and_its_ledger(site: Site) -> None:
    embedded = {"REDIS_URL": ""}
    server = await asyncio.to_thread(site.start, env=embedded)
    client = Client(site.data_dir / "server.sock")
    store, ledger = RemoteLimitStore(client), RemoteLedger(client, bring=lambda: None)
    checks = [Check("worker", Rate(2, 60))]
    try:
        assert [(await store.hit(checks))[0].remaining for _ in range(2)] == [1, 0]
        assert store.hit_now(checks)[0].allowed is False
        assert store.peek_now(checks)[0].remaining == 0
        store.reset_now("worker")
        assert (await store.peek(checks))[0].remaining == 2
        assert (await ledger.reserve(ask(600))).held == Amount(600)

        await asyncio.to_thread(server.kill)
        away = await ledger.reserve(ask(1))
        with pytest.raises(LimitStoreUnavailable):
            await store.hit(checks)
        await asyncio.to_thread(site.start, env=embedded)
        back = await ledger.reserve(ask(1))

        assert (away.outcome, back.outcome) == (Outcome.REBUILDING, Outcome.GRANTED)
        (standing,) = await ledger.peek(ORGANIZATION, [BOUND])
        assert standing.held == Amount(601)
    finally:
        client.close()
