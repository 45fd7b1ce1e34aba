"""What every store promises, told to each of them from a thread and from a loop."""

from __future__ import annotations

import pytest

from apps.core.limits.domain import Verdict
from apps.core.limits.rates import parse_rate
from apps.core.limits.store import Check
from tests.core.limits.conftest import START, Bench

pytestmark = pytest.mark.integration

MINUTE = parse_rate("3/m")
HOUR = parse_rate("5/h")


def allowed(limit: int, remaining: int, reset_at: int) -> Verdict:
    return Verdict(True, limit, remaining, START + reset_at, 0)


def refused(limit: int, reset_at: int, retry_after: int, remaining: int = 0) -> Verdict:
    return Verdict(False, limit, remaining, START + reset_at, retry_after)


def test_hit_counts_down_and_then_refuses(bench: Bench) -> None:
    verdicts = [bench.hit(Check("a", MINUTE)) for _ in range(4)]

    assert verdicts == [
        [allowed(3, 2, 60)],
        [allowed(3, 1, 60)],
        [allowed(3, 0, 60)],
        [refused(3, 60, 60)],
    ]


def test_hit_counts_for_one_window_to_the_microsecond(bench: Bench) -> None:
    bench.hit(Check("a", MINUTE, cost=3))
    bench.advance(59.999999)
    just_before = bench.hit(Check("a", MINUTE))
    bench.advance(0.000001)
    at_the_edge = bench.hit(Check("a", MINUTE))

    assert just_before == [refused(3, 60, 1)]
    assert at_the_edge == [allowed(3, 2, 120)]


def test_hit_frees_room_one_by_one_as_the_window_slides(bench: Bench) -> None:
    for _ in range(3):
        bench.hit(Check("a", MINUTE))
        bench.advance(10)
    told = [bench.peek(Check("a", MINUTE))]
    for _ in range(3):
        bench.advance(10 if len(told) > 1 else 30)
        told.append(bench.peek(Check("a", MINUTE)))

    assert told == [
        [refused(3, 60, 30)],
        [allowed(3, 1, 70)],
        [allowed(3, 2, 80)],
        [allowed(3, 3, 80)],
    ]


def test_hit_refused_is_not_charged(bench: Bench) -> None:
    bench.hit(Check("a", MINUTE, cost=3))
    for _ in range(50):
        bench.advance(1)
        assert not bench.hit(Check("a", MINUTE))[0].allowed
    bench.advance(10)

    assert bench.hit(Check("a", MINUTE)) == [allowed(3, 2, 120)]


def test_hit_keeps_keys_apart(bench: Bench) -> None:
    bench.hit(Check("a", MINUTE, cost=3))

    assert bench.hit(Check("b", MINUTE)) == [allowed(3, 2, 60)]
    assert bench.hit(Check("A", MINUTE)) == [allowed(3, 2, 60)]


def test_hit_of_two_windows_charges_both(bench: Bench) -> None:
    verdicts = bench.hit(Check("a", MINUTE), Check("a", HOUR))

    assert verdicts == [allowed(3, 2, 60), allowed(5, 4, 3600)]


@pytest.mark.parametrize("order", [(0, 1), (1, 0)])
def test_hit_with_one_refusal_charges_none(bench: Bench, order: tuple[int, int]) -> None:
    bench.hit(Check("full", MINUTE, cost=3))
    checks = [Check("full", MINUTE), Check("free", HOUR)]

    verdicts = bench.hit(*(checks[place] for place in order))

    assert [verdicts[place] for place in order] == [refused(3, 60, 60), allowed(5, 5, 0)]
    assert bench.peek(Check("free", HOUR)) == [allowed(5, 5, 0)]


def test_hit_of_the_longer_window_refuses_while_the_shorter_has_room(bench: Bench) -> None:
    both = (Check("a", MINUTE), Check("a", HOUR))
    for _ in range(5):
        bench.hit(*both)
        bench.advance(30)

    assert bench.hit(*both) == [allowed(3, 2, 180), refused(5, 3600, 3450)]


def test_hit_twice_on_one_log_adds_up(bench: Bench) -> None:
    twice = (Check("a", MINUTE), Check("a", MINUTE))

    first, second = bench.hit(*twice), bench.hit(*twice)

    assert first == [allowed(3, 1, 60), allowed(3, 1, 60)]
    assert second == [allowed(3, 1, 60), refused(3, 60, 60, remaining=1)]


def test_hit_twice_on_one_log_that_can_never_hold_both(bench: Bench) -> None:
    one = parse_rate("1/m")

    verdicts = bench.hit(Check("a", one), Check("a", one))

    assert verdicts == [allowed(1, 1, 0), refused(1, 60, 60, remaining=1)]


def test_hit_of_a_cost_waits_for_as_much_room(bench: Bench) -> None:
    for _ in range(5):
        bench.hit(Check("a", HOUR))
        bench.advance(100)

    assert bench.hit(Check("a", HOUR, cost=3)) == [refused(5, 3800, 3300)]
    bench.advance(3300)
    assert bench.hit(Check("a", HOUR, cost=3)) == [allowed(5, 0, 3900)]


def test_hit_of_a_cost_above_the_limit_never_passes(bench: Bench) -> None:
    assert bench.hit(Check("a", MINUTE, cost=4)) == [refused(3, 60, 60, remaining=3)]
    assert bench.hit(Check("a", MINUTE, cost=3)) == [allowed(3, 0, 60)]


def test_hit_of_a_large_cost_counts_each_unit(bench: Bench) -> None:
    wide = parse_rate("10000/m")

    assert bench.hit(Check("a", wide, cost=4321)) == [allowed(10_000, 5679, 60)]
    bench.advance(1)
    assert bench.hit(Check("a", wide, cost=5679)) == [allowed(10_000, 0, 60)]
    bench.advance(59)
    assert bench.hit(Check("a", wide)) == [allowed(10_000, 4320, 61)]


@pytest.mark.parametrize("cost", [0, -1])
def test_hit_of_no_cost_is_an_error_and_charges_nothing(bench: Bench, cost: int) -> None:
    with pytest.raises(ValueError, match=f"A check costs at least 1, not {cost}."):
        bench.hit(Check("b", MINUTE), Check("a", MINUTE, cost=cost))
    with pytest.raises(ValueError, match=f"A check costs at least 1, not {cost}."):
        bench.peek(Check("a", MINUTE, cost=cost))

    assert bench.peek(Check("b", MINUTE)) == [allowed(3, 3, 0)]


def test_hit_of_nothing_is_nothing(bench: Bench) -> None:
    assert bench.hit() == []
    assert bench.peek() == []


@pytest.mark.parametrize("key", ["", "a b\r\n", "ключ", "\x00", "\ud800", "k" * 100_000, "{a}:60"])
def test_hit_takes_any_key(bench: Bench, key: str) -> None:
    bench.hit(Check(key, MINUTE))

    assert bench.hit(Check(key, MINUTE)) == [allowed(3, 1, 60)]


def test_hit_after_the_limit_was_changed_counts_the_same_log(bench: Bench) -> None:
    bench.hit(Check("a", MINUTE, cost=3))

    assert bench.hit(Check("a", parse_rate("1/m"))) == [refused(1, 60, 60)]
    assert bench.hit(Check("a", parse_rate("5/m"))) == [allowed(5, 1, 60)]


def test_hit_hammering_is_told_to_stay_away_longer(bench: Bench) -> None:
    bench.hit(Check("a", MINUTE, cost=3))

    told = []
    for _ in range(5):
        told += bench.hit(Check("a", MINUTE))
        bench.advance(1)

    assert told == [refused(3, 60, retry_after) for retry_after in (60, 65, 70, 75, 80)]


def test_hit_hammering_is_let_in_when_there_is_room_and_forgiven(bench: Bench) -> None:
    bench.hit(Check("a", MINUTE, cost=3))
    for _ in range(500):
        told = bench.hit(Check("a", MINUTE))
    assert told == [refused(3, 60, 600)]

    bench.advance(60)
    assert bench.hit(Check("a", MINUTE, cost=3)) == [allowed(3, 0, 120)]
    assert bench.hit(Check("a", MINUTE)) == [refused(3, 120, 60)]


def test_hit_refused_by_another_check_neither_counts_nor_forgives(bench: Bench) -> None:
    bench.hit(Check("full", MINUTE, cost=3))
    bench.hit(Check("other", HOUR, cost=5))
    bench.hit(Check("other", HOUR))
    bench.hit(Check("full", MINUTE), Check("free", HOUR))

    assert bench.hit(Check("other", HOUR)) == [refused(5, 3600, 3630)]
    assert bench.hit(Check("full", MINUTE)) == [refused(3, 60, 66)]


def test_peek_charges_nothing_and_counts_no_refusal(bench: Bench) -> None:
    for _ in range(10):
        assert bench.peek(Check("a", MINUTE), Check("a", MINUTE)) == [allowed(3, 3, 0)] * 2
    bench.hit(Check("a", MINUTE, cost=3))
    for _ in range(10):
        assert bench.peek(Check("a", MINUTE)) == [refused(3, 60, 60)]

    assert bench.hit(Check("a", MINUTE)) == [refused(3, 60, 60)]


def test_reset_forgets_hits_and_refusals_of_one_key_in_every_window(bench: Bench) -> None:
    bench.hit(Check("a", MINUTE, cost=3), Check("a", HOUR, cost=5), Check("b", HOUR, cost=5))
    for _ in range(5):
        bench.hit(Check("a", MINUTE), Check("a", HOUR))
    bench.reset("a")

    assert bench.hit(Check("a", MINUTE, cost=3)) == [allowed(3, 0, 60)]
    assert bench.hit(Check("a", MINUTE)) == [refused(3, 60, 60)]
    assert bench.hit(Check("a", HOUR)) == [allowed(5, 4, 3600)]
    assert bench.hit(Check("b", HOUR)) == [refused(5, 3600, 3600)]


def test_reset_of_an_unknown_key_is_quiet(bench: Bench) -> None:
    bench.reset("nobody")

    assert bench.hit(Check("nobody", MINUTE)) == [allowed(3, 2, 60)]


def test_clock_going_back_an_hour_freezes_no_window(bench: Bench) -> None:
    bench.hit(Check("a", MINUTE))
    bench.advance(20)
    bench.hit(Check("a", MINUTE, cost=2))
    bench.advance(-3600)

    assert bench.hit(Check("a", MINUTE)) == [refused(3, 60 - 3600, 40)]
    bench.advance(40)
    assert bench.hit(Check("a", MINUTE)) == [allowed(3, 0, 80 - 3600)]
    bench.advance(20)
    assert bench.hit(Check("a", MINUTE)) == [allowed(3, 1, 120 - 3600)]


def test_clock_leaping_ahead_an_hour_starts_a_fresh_window(bench: Bench) -> None:
    bench.hit(Check("a", MINUTE, cost=3))
    bench.advance(3600)

    assert bench.hit(Check("a", MINUTE, cost=3)) == [allowed(3, 0, 3660)]
    assert bench.hit(Check("a", MINUTE)) == [refused(3, 3660, 60)]


def test_close_keeps_the_store_usable(bench: Bench) -> None:
    bench.hit(Check("a", MINUTE))
    bench.close()

    assert bench.hit(Check("a", MINUTE)) == [allowed(3, 1, 60)]
