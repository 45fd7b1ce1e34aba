from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from apps.core.limits.log import Shelves
from apps.core.limits.memory import MemoryLimitStore
from apps.core.limits.rates import parse_rate
from apps.core.limits.store import Check

pytestmark = pytest.mark.unit

SECOND = 1_000_000_000
EPOCH = 1_800_000_000
MINUTE = parse_rate("3/m")


class Clocks:
    def __init__(self) -> None:
        self.monotonic = 0.0
        self.epoch = float(EPOCH)

    def advance(self, seconds: float) -> None:
        self.monotonic += seconds
        self.epoch += seconds


@pytest.fixture
def clocks() -> Clocks:
    return Clocks()


def make_store(clocks: Clocks, **bounds: int) -> MemoryLimitStore:
    return MemoryLimitStore(
        monotonic_ns=lambda: round(clocks.monotonic * SECOND),
        epoch_ns=lambda: round(clocks.epoch * SECOND),
        **bounds,
    )


def count_kept(shelves: Shelves) -> tuple[int, int]:
    logs = [log for shelf in shelves._shelves.values() for log in shelf.values()]
    return len(logs), sum(map(len, logs))


@pytest.mark.parametrize("jump", [-3600, 3600])
def test_hit_after_the_wall_clock_jumped_moves_the_reset_and_no_window(
    clocks: Clocks, jump: int
) -> None:
    store = make_store(clocks)
    store.hit_now([Check("a", MINUTE, cost=3)])
    clocks.epoch += jump
    clocks.advance(59)
    before = store.hit_now([Check("a", MINUTE)])
    clocks.advance(1)
    after = store.hit_now([Check("a", MINUTE)])

    assert before == [(False, 3, 0, EPOCH + jump + 60, 1)]
    assert after == [(True, 3, 2, EPOCH + jump + 120, 0)]


def test_hit_of_a_new_key_drops_two_idle_ones(clocks: Clocks) -> None:
    store = make_store(clocks)
    for number in range(10):
        store.hit_now([Check(f"old {number}", MINUTE)])
    clocks.advance(60)

    kept = []
    for number in range(6):
        store.hit_now([Check(f"new {number}", MINUTE)])
        kept.append(store._shelves.keys)

    assert kept == [9, 8, 7, 6, 5, 6]
    assert count_kept(store._shelves) == (6, 6)


def test_hit_of_a_new_key_keeps_those_still_counting(clocks: Clocks) -> None:
    store = make_store(clocks)
    for number in range(10):
        store.hit_now([Check(f"old {number}", MINUTE)])
    clocks.advance(59)
    store.hit_now([Check("old 0", MINUTE)])
    clocks.advance(1)
    store.hit_now([Check("new", MINUTE)])

    assert store.peek_now([Check("old 0", MINUTE)])[0].remaining == 2
    assert store._shelves.keys == 9


def test_hit_above_max_keys_drops_the_key_unused_for_longest(clocks: Clocks) -> None:
    store = make_store(clocks, max_keys=3)
    hour = parse_rate("3/h")
    for key, rate in (("a", hour), ("b", MINUTE), ("c", hour)):
        store.hit_now([Check(key, rate)])
        clocks.advance(1)
    store.hit_now([Check("a", hour)])
    clocks.advance(1)
    store.hit_now([Check("d", MINUTE)])

    left = [
        store.peek_now([Check(key, rate)])[0].remaining
        for key, rate in (("a", hour), ("b", MINUTE), ("c", hour), ("d", MINUTE))
    ]
    assert left == [1, 3, 2, 2]
    assert count_kept(store._shelves) == (3, 4)


def test_hit_above_max_instants_drops_the_logs_unused_for_longest(clocks: Clocks) -> None:
    store = make_store(clocks, max_instants=10)
    wide = parse_rate("8/m")
    for key in "abc":
        store.hit_now([Check(key, wide, cost=4)])
        clocks.advance(1)

    left = [store.peek_now([Check(key, wide)])[0].remaining for key in "abc"]
    assert left == [8, 4, 4]
    assert count_kept(store._shelves) == (2, 8)


def test_hit_of_more_keys_than_fit_still_answers(clocks: Clocks) -> None:
    store = make_store(clocks, max_keys=1)

    verdicts = store.hit_now([Check("a", MINUTE), Check("b", MINUTE), Check("c", MINUTE)])

    assert [verdict.remaining for verdict in verdicts] == [2, 2, 2]
    assert store._shelves.keys == 1


def test_peek_of_strangers_takes_no_memory(clocks: Clocks) -> None:
    store = make_store(clocks)
    for number in range(100):
        store.peek_now([Check(f"{number}", MINUTE)])

    assert count_kept(store._shelves) == (0, 0)


wanted = st.lists(
    st.builds(
        Check,
        st.sampled_from("abcdef"),
        st.sampled_from([MINUTE, parse_rate("5/s"), parse_rate("20/h")]),
        st.integers(1, 6),
    ),
    max_size=3,
)


@given(
    st.lists(st.tuples(wanted, st.integers(-90, 90), st.sampled_from(["hit", "peek", "reset"]))),
    st.integers(1, 6),
    st.integers(1, 30),
)
def test_bounds_hold_and_the_counts_stay_true(
    steps: list[tuple[list[Check], int, str]], max_keys: int, max_instants: int
) -> None:
    clocks = Clocks()
    store = make_store(clocks, max_keys=max_keys, max_instants=max_instants)
    for checks, seconds, deed in steps:
        clocks.advance(seconds)
        if deed == "reset":
            store.reset_now(checks[0].key if checks else "a")
        elif deed == "peek":
            store.peek_now(checks)
        else:
            store.hit_now(checks)

        assert count_kept(store._shelves) == (store._shelves.keys, store._shelves.instants)
        assert store._shelves.keys <= max_keys
        assert store._shelves.instants <= max_instants
