"""Both ledgers behind one face, with rows that are a dictionary and a clock that a test moves by hand."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Awaitable, Callable, Coroutine, Iterator, Sequence
from datetime import UTC, datetime
from functools import wraps
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
import redis

from apps.core.limits.factory import get_store
from apps.core.rpc.client import Client
from apps.core.rpc.server import Server
from apps.providers.domain.budgets import NOTHING, Amount, Bound, Meter, meter_of
from apps.providers.enums import BudgetScope, Period
from apps.providers.ledger.factory import set_ledger
from apps.providers.ledger.memory import MemoryLedger
from apps.providers.ledger.protocol import Ask, Former, LedgerStore
from apps.providers.ledger.redis import RedisLedger
from apps.providers.ledger.remote import RemoteLedger
from tests.rig.valkey import Valkey

NOW = datetime(2026, 3, 31, 12, tzinfo=UTC)
ORGANIZATION = 7
KEY = meter_of(BudgetScope.KEY, "key_a", Period.DAY, NOW)
OTHER_KEY = meter_of(BudgetScope.KEY, "key_b", Period.DAY, NOW)
ORG = meter_of(BudgetScope.ORGANIZATION, "", Period.MONTH, NOW)


class Bench:
    """`rows` is what the database knows; `now` what the ledger's clock shows, in seconds."""

    def __init__(self, make: Callable[[Bench], LedgerStore]) -> None:
        self.rows: dict[Meter, Amount] = {}
        self.present: dict[Meter, Amount] = {}
        self.loads = 0
        self.now = 1_800_000_000.0
        self._make = make
        self.ledger = make(self)
        self._others: list[LedgerStore] = []

    def another(self) -> LedgerStore:
        """A second process on the same books (in memory: the same one)."""
        if isinstance(self.ledger, MemoryLedger):
            return self.ledger
        self._others.append(self._make(self))
        return self._others[-1]

    async def close(self) -> None:
        for ledger in (self.ledger, *self._others):
            await ledger.close()
        await get_store().close()

    def advance(self, seconds: float) -> None:
        self.now += seconds

    def load(self, organization: int, meters: Sequence[Meter], epoch: str) -> list[Former]:
        assert organization == ORGANIZATION
        self.loads += 1
        return [Former(m, self.rows.get(m, NOTHING), self.present.get(m, NOTHING)) for m in meters]


class RedisBench(Bench):
    def __init__(self, url: str, client: redis.Redis) -> None:
        self.prefix = f"test:{uuid4().hex}:"
        self.client = client
        clock = f"local now = tonumber(redis.call('GET', '{self.prefix}clock'))"

        def make(bench: Bench) -> LedgerStore:
            self._set_clock()
            return RedisLedger(
                url,
                prefix=self.prefix,
                timeout=30,
                clock=clock,
                load=bench.load,
                bring=lambda: None,
                closed_seconds=0,
            )

        super().__init__(make)

    def advance(self, seconds: float) -> None:
        super().advance(seconds)
        self._set_clock()

    def _set_clock(self) -> None:
        self.client.set(f"{self.prefix}clock", round(self.now * 1_000_000))


class Listening:
    """A server's loop in a thread of its own, with its memory ledger, as a worker meets it."""

    def __init__(self, path: Path, ledger: MemoryLedger) -> None:
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._thread.start()
        self._before = set_ledger(ledger)
        self._server = Server(path)
        self._run(self._server.start())

    def close(self) -> None:
        self._run(self._server.close())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()
        set_ledger(self._before)

    def _run(self, work: Coroutine[Any, Any, None]) -> None:
        asyncio.run_coroutine_threadsafe(work, self._loop).result(10)


class RemoteBench(Bench):
    """The memory ledger of a server, asked over its socket."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.brought = 0
        self.listening: Listening | None = None
        self.clients: list[Client] = []
        super().__init__(RemoteBench._worker)
        self.start()

    def start(self) -> None:
        self.memory = MemoryLedger(load=self.load, clock=lambda: self.now)
        self.listening = Listening(self.path, self.memory)

    def stop(self) -> None:
        if self.listening is not None:
            self.listening.close()
        self.listening = None

    async def close(self) -> None:
        for client in self.clients:
            client.close()
        await asyncio.to_thread(self.stop)

    def _worker(self) -> LedgerStore:
        self.clients.append(Client(self.path))
        return RemoteLedger(self.clients[-1], bring=self._bring)

    def _bring(self) -> None:
        self.brought += 1


@pytest.fixture(scope="session")
def valkey_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    server = Valkey(tmp_path_factory.mktemp("valkey") / "ledger")
    yield server.url()
    server.close()


@pytest.fixture
def client(valkey_url: str) -> Iterator[redis.Redis]:
    with redis.Redis.from_url(valkey_url) as client:
        yield client


@pytest.fixture(params=["memory", "redis", "remote"])
def bench(request: pytest.FixtureRequest) -> Bench:
    bench = make_bench(request.param, request)
    close_after(request, bench.close)
    return bench


def close_after(request: pytest.FixtureRequest, close: Callable[[], Awaitable[None]]) -> None:
    """Let go of connections on the loop that the test runs on."""
    test = request.node.obj

    @wraps(test)
    async def wrapped(**fixtures: Any) -> None:
        try:
            await test(**fixtures)
        finally:
            await close()

    request.node.obj = wrapped


def make_bench(kind: str, request: pytest.FixtureRequest) -> Bench:
    if kind == "redis":
        return RedisBench(request.getfixturevalue("valkey_url"), request.getfixturevalue("client"))
    if kind == "remote":
        return RemoteBench(request.getfixturevalue("tmp_path") / "server.sock")
    return Bench(lambda bench: MemoryLedger(load=bench.load, clock=lambda: bench.now))


def ask(
    nano: int = 100,
    *,
    limit: int | None = 1000,
    meter: Meter = KEY,
    likely: int = 10,
    patience: float = 0.0,
    lasts: float = 60.0,
    tokens: int | None = None,
    most_tokens: int = 0,
    bounds: Sequence[Bound] | None = None,
) -> Ask:
    return Ask(
        ORGANIZATION,
        bounds=[Bound(meter, limit, tokens)] if bounds is None else bounds,
        most=Amount(nano, most_tokens),
        likely=Amount(likely, min(1, most_tokens)),
        patience=patience,
        lasts=lasts,
        at=NOW,
    )
