"""Both stores behind one face, with a clock that a test moves by hand."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from uuid import uuid4

import pytest
import redis

from apps.core.limits.domain import Verdict
from apps.core.limits.memory import MemoryLimitStore
from apps.core.limits.redis import RedisLimitStore
from apps.core.limits.store import Check, LimitStore
from tests.rig.valkey import Valkey

START = 1_800_000_000  # epoch seconds at which every bench's clock stands


class Bench:
    """A store, a clock in microseconds, and one way of calling: from a thread or from a loop."""

    def __init__(self, store: LimitStore, *, runner: asyncio.Runner | None) -> None:
        self.store = store
        self.now = START * 1_000_000
        self._runner = runner

    def hit(self, *checks: Check) -> list[Verdict]:
        self.set_clock()
        if self._runner is None:
            return self.store.hit_now(checks)
        return self._runner.run(self.store.hit(checks))

    def peek(self, *checks: Check) -> list[Verdict]:
        self.set_clock()
        if self._runner is None:
            return self.store.peek_now(checks)
        return self._runner.run(self.store.peek(checks))

    def reset(self, key: str) -> None:
        if self._runner is None:
            self.store.reset_now(key)
        else:
            self._runner.run(self.store.reset(key))

    def close(self) -> None:
        if self._runner is None:
            asyncio.run(self.store.close())
        else:
            self._runner.run(self.store.close())

    def advance(self, seconds: float) -> None:
        self.now += round(seconds * 1_000_000)

    def set_clock(self) -> None:
        """Tell a store that cannot call back what time it is."""


class RedisBench(Bench):
    def __init__(self, client: redis.Redis, url: str, *, runner: asyncio.Runner | None) -> None:
        self.prefix = f"test:{uuid4().hex}:"
        clock = f"local now = tonumber(redis.call('GET', '{self.prefix}clock'))"
        store = RedisLimitStore(url, prefix=self.prefix, timeout=30, clock=clock)
        super().__init__(store, runner=runner)
        self._client = client

    def set_clock(self) -> None:
        self._client.set(f"{self.prefix}clock", self.now)


@pytest.fixture(scope="session")
def valkey_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    server = Valkey(tmp_path_factory.mktemp("valkey") / "limits")
    yield server.url()
    server.close()


@pytest.fixture
def client(valkey_url: str) -> Iterator[redis.Redis]:
    with redis.Redis.from_url(valkey_url) as client:
        yield client


@pytest.fixture
def redis_store(valkey_url: str) -> Iterator[RedisLimitStore]:
    """A store on Redis' own clock; patient, because the machine under test may be busy."""
    store = RedisLimitStore(valkey_url, prefix=f"test:{uuid4().hex}:", timeout=30)
    yield store
    asyncio.run(store.close())


@pytest.fixture(params=["memory", "memory-loop", "redis", "redis-loop"])
def bench(request: pytest.FixtureRequest) -> Iterator[Bench]:
    with asyncio.Runner() as runner:
        bench = make_bench(request, runner if request.param.endswith("loop") else None)
        yield bench
        bench.close()


def make_bench(request: pytest.FixtureRequest, runner: asyncio.Runner | None) -> Bench:
    if request.param.startswith("redis"):
        client = request.getfixturevalue("client")
        return RedisBench(client, request.getfixturevalue("valkey_url"), runner=runner)
    store = MemoryLimitStore(
        monotonic_ns=lambda: bench.now * 1000, epoch_ns=lambda: bench.now * 1000
    )
    bench = Bench(store, runner=runner)
    return bench
