"""Many at once, on real clocks: never one hit too many, never one too few."""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Barrier

import pytest

from apps.core.limits.memory import MemoryLimitStore
from apps.core.limits.rates import Rate
from apps.core.limits.redis import RedisLimitStore
from apps.core.limits.store import Check, LimitStore

pytestmark = pytest.mark.integration

ROOT = Path(__file__).parents[3]
THREADS = 50
TASKS = 500
HIT_FROM_A_PROCESS = """
import sys
from apps.core.limits.rates import Rate
from apps.core.limits.redis import RedisLimitStore
from apps.core.limits.store import Check

url, prefix, limit, attempts = sys.argv[1:]
store = RedisLimitStore(url, prefix=prefix, timeout=30)
checks = [Check("shared", Rate(int(limit), 3600))]
store.peek_now(checks)
print("ready", flush=True)
sys.stdin.readline()
print(sum(store.hit_now(checks)[0].allowed for _ in range(int(attempts))))
"""


@pytest.fixture(params=["memory", "redis"])
def store(request: pytest.FixtureRequest) -> LimitStore:
    if request.param == "memory":
        return MemoryLimitStore()
    redis_store: RedisLimitStore = request.getfixturevalue("redis_store")
    return redis_store


def hit_from_threads(hit: Callable[[int], bool], attempts: int) -> int:
    """Let every thread make its attempts from the same moment on; return how many got in."""
    barrier = Barrier(THREADS)

    def make_attempts(thread: int) -> int:
        barrier.wait()
        return sum(hit(thread) for _ in range(attempts))

    with ThreadPoolExecutor(THREADS) as pool:
        return sum(pool.map(make_attempts, range(THREADS)))


def test_hit_now_from_50_threads_admits_exactly_the_limit(store: LimitStore) -> None:
    checks = [Check("shared", Rate(333, 3600))]

    admitted = hit_from_threads(lambda _: store.hit_now(checks)[0].allowed, attempts=20)

    assert admitted == 333
    assert store.peek_now(checks)[0].remaining == 0


def test_hit_now_from_50_threads_below_the_limit_admits_everyone(store: LimitStore) -> None:
    checks = [Check("shared", Rate(THREADS * 20, 3600))]

    admitted = hit_from_threads(lambda _: store.hit_now(checks)[0].allowed, attempts=20)

    assert admitted == THREADS * 20


def test_hit_from_500_tasks_admits_exactly_the_limit(store: LimitStore) -> None:
    checks = [Check("shared", Rate(333, 3600))]

    async def hit_at_once() -> int:
        verdicts = await asyncio.gather(*(store.hit(checks) for _ in range(TASKS)))
        await store.close()
        return sum(verdict.allowed for [verdict] in verdicts)

    assert asyncio.run(hit_at_once()) == 333


def test_hit_from_threads_and_loops_together_admits_exactly_the_limit(store: LimitStore) -> None:
    checks = [Check("shared", Rate(200, 3600))]

    async def hit_in_a_loop() -> int:
        verdicts = await asyncio.gather(*(store.hit(checks) for _ in range(50)))
        await store.close()
        return sum(verdict.allowed for [verdict] in verdicts)

    def hit_in_a_thread() -> int:
        return sum(store.hit_now(checks)[0].allowed for _ in range(50))

    with ThreadPoolExecutor(8) as pool:
        loops = [pool.submit(asyncio.run, hit_in_a_loop()) for _ in range(4)]
        threads = [pool.submit(hit_in_a_thread) for _ in range(4)]
        admitted = sum(future.result() for future in loops + threads)

    assert admitted == 200


def test_hit_of_two_checks_at_once_is_all_or_nothing(store: LimitStore) -> None:
    shared = Check("shared", Rate(120, 3600))

    def hit_own_and_shared(thread: int) -> bool:
        return all(v.allowed for v in store.hit_now([own_check(thread), shared]))

    admitted = hit_from_threads(hit_own_and_shared, attempts=6)

    charged = [5 - store.peek_now([own_check(thread)])[0].remaining for thread in range(THREADS)]
    assert admitted == 120
    assert sum(charged) == 120


def own_check(thread: int) -> Check:
    return Check(f"own {thread}", Rate(5, 3600))


@pytest.mark.parametrize(("limit", "admitted"), [(777, 777), (5000, 2000)])
def test_hit_now_from_4_processes_admits_exactly_the_limit(
    valkey_url: str, redis_store: RedisLimitStore, limit: int, admitted: int
) -> None:
    arguments = [valkey_url, redis_store._prefix, str(limit), "500"]

    counts = run_processes([sys.executable, "-c", HIT_FROM_A_PROCESS, *arguments], number=4)

    assert sum(counts) == admitted
    assert len(counts) == 4
    left = redis_store.peek_now([Check("shared", Rate(limit, 3600))])[0].remaining
    assert left == limit - admitted


def run_processes(command: Sequence[str], *, number: int) -> list[int]:
    """Start them all, let them go at the same moment, and return what each printed."""
    children = [
        subprocess.Popen(
            command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        for _ in range(number)
    ]
    for child in children:
        assert child.stdout is not None
        assert child.stdout.readline() == "ready\n"
    for child in children:
        assert child.stdin is not None
        child.stdin.write("go\n")
        child.stdin.flush()
    return [int(json.loads(child.communicate(timeout=60)[0])) for child in children]
