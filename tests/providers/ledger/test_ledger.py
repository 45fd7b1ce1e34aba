"""What both ledgers promise: nothing overspent, nobody refused early, first come, first served."""

from __future__ import annotations

import asyncio
from datetime import timedelta

import pytest

from apps.core.errors import Limited
from apps.core.limits.factory import set_store
from apps.core.limits.memory import MemoryLimitStore
from apps.core.limits.rates import Rate
from apps.core.limits.redis import RedisLimitStore
from apps.core.limits.store import Check
from apps.providers.domain.budgets import NOTHING, Amount, Bound, Standing, meter_of
from apps.providers.enums import BudgetScope, Period
from apps.providers.errors import BudgetExceeded, BudgetHeld
from apps.providers.ledger.protocol import Ask, Busy, Outcome, Settled, Slot, SlotLimits
from tests.providers.ledger.conftest import (
    KEY,
    NOW,
    ORG,
    ORGANIZATION,
    OTHER_KEY,
    Bench,
    RedisBench,
    ask,
)

pytestmark = pytest.mark.integration


async def test_reserve_without_bounds_holds_nothing(bench: Bench):
    reservation = await bench.ledger.reserve(Ask(ORGANIZATION))

    assert (reservation.outcome, reservation.id, bench.loads) == (Outcome.GRANTED, "", 0)
    await bench.ledger.settle(reservation, Amount(5, 5))
    await bench.ledger.release(reservation)


async def test_reserve_holds_the_most_and_tells_what_is_left(bench: Bench):
    reservation = await bench.ledger.reserve(ask(300, limit=1000))

    assert reservation.outcome is Outcome.GRANTED
    assert (reservation.held, reservation.is_clamped) == (Amount(300), False)
    assert reservation.standings == (Standing(Bound(KEY, 1000), NOTHING, Amount(300)),)
    assert (reservation.left[0], reservation.at) == (700, NOW)
    reservation.demand()


async def test_settle_counts_what_it_came_to_and_gives_the_rest_back(bench: Bench):
    reservation = await bench.ledger.reserve(ask(300))

    await bench.ledger.settle(reservation, Amount(40, 7))

    assert await bench.ledger.peek(ORGANIZATION, [Bound(KEY, 1000, 50)]) == (
        Standing(Bound(KEY, 1000, 50), Amount(40, 7), NOTHING),
    )


async def test_settle_twice_counts_once(bench: Bench):
    reservation = await bench.ledger.reserve(ask(300))

    await bench.ledger.settle(reservation, Amount(40))
    await bench.ledger.settle(reservation, Amount(40))

    (standing,) = await bench.ledger.peek(ORGANIZATION, [Bound(KEY, 1000)])
    assert standing.spent == Amount(40)


async def test_settle_counts_more_than_was_held_when_it_cost_more(bench: Bench):
    reservation = await bench.ledger.reserve(ask(300, limit=300))

    await bench.ledger.settle(reservation, Amount(310))

    assert (await bench.ledger.peek(ORGANIZATION, [Bound(KEY, 300)]))[0].left == (0, None)


async def test_release_gives_everything_back(bench: Bench):
    reservation = await bench.ledger.reserve(ask(300))

    await bench.ledger.release(reservation)
    await bench.ledger.release(reservation)

    assert await bench.ledger.peek(ORGANIZATION, [Bound(KEY, 1000)]) == (
        Standing(Bound(KEY, 1000), NOTHING, NOTHING),
    )


async def test_reserve_starts_from_what_rows_say(bench: Bench):
    bench.rows[KEY], bench.present[KEY] = Amount(900), Amount(60)

    reservation = await bench.ledger.reserve(ask(100, likely=40))

    assert (reservation.outcome, reservation.held) == (Outcome.GRANTED, Amount(40))
    assert reservation.is_clamped
    assert bench.loads == 1


async def test_reserve_refuses_when_what_is_spent_leaves_less_than_likely(bench: Bench):
    bench.rows[KEY] = Amount(961)

    reservation = await bench.ledger.reserve(ask(100, likely=40))

    assert (reservation.outcome, reservation.id) == (Outcome.EXHAUSTED, "")
    assert reservation.short == Standing(Bound(KEY, 1000), Amount(961), NOTHING)
    with pytest.raises(BudgetExceeded) as error:
        reservation.demand()
    said = "The key's budget for this day has too little left for this call."
    assert error.value.message == said
    assert error.value.data["should_retry"] is False


async def test_reserve_refuses_a_call_that_costs_anything_when_nothing_is_left(bench: Bench):
    bench.rows[KEY] = Amount(1000)

    refused = await bench.ledger.reserve(ask(1, likely=0))

    assert refused.outcome is Outcome.EXHAUSTED
    with pytest.raises(BudgetExceeded, match=r"^The key's budget for this day is used up\.$"):
        refused.demand()
    assert (await bench.ledger.reserve(ask(0, likely=0))).outcome is Outcome.GRANTED


async def test_reserve_counts_tokens_beside_money(bench: Bench):
    bench.rows[KEY] = Amount(0, 95)

    granted = await bench.ledger.reserve(ask(10, tokens=100, most_tokens=30))
    bench.rows[OTHER_KEY] = Amount(0, 100)
    refused = await bench.ledger.reserve(ask(10, meter=OTHER_KEY, tokens=100, most_tokens=30))

    assert (granted.outcome, granted.held) == (Outcome.GRANTED, Amount(10, 5))
    assert refused.outcome is Outcome.EXHAUSTED


async def test_reserve_holds_under_every_bound_or_none(bench: Bench):
    bench.rows[ORG] = Amount(5000)
    bounds = [Bound(ORG, 5000), Bound(KEY, 1000)]

    refused = await bench.ledger.reserve(ask(100, bounds=bounds))

    assert refused.short is not None
    assert (refused.outcome, refused.short.bound.meter) == (Outcome.EXHAUSTED, ORG)
    assert (await bench.ledger.peek(ORGANIZATION, [Bound(KEY, 1000)]))[0].held == NOTHING


async def test_reserve_that_others_hold_the_room_of_is_held_after_its_patience(bench: Bench):
    await bench.ledger.reserve(ask(1000))

    reservation = await bench.ledger.reserve(ask(100))

    assert (reservation.outcome, reservation.id) == (Outcome.HELD, "")
    with pytest.raises(BudgetHeld) as error:
        reservation.demand()
    assert isinstance(error.value, Limited)


async def test_reserve_waits_for_room_that_others_hold(bench: Bench):
    first = await bench.ledger.reserve(ask(1000))
    waiting = asyncio.create_task(bench.another().reserve(ask(900, patience=60)))
    await asyncio.sleep(0.05)
    assert not waiting.done()

    await bench.ledger.settle(first, Amount(100))

    reservation = await asyncio.wait_for(waiting, 5)
    assert (reservation.outcome, reservation.held) == (Outcome.GRANTED, Amount(900))


async def test_reserve_that_waits_is_refused_when_the_room_was_spent(bench: Bench):
    first = await bench.ledger.reserve(ask(1000))
    waiting = asyncio.create_task(bench.ledger.reserve(ask(900, patience=60)))
    await asyncio.sleep(0.05)

    await bench.ledger.settle(first, Amount(995))

    assert (await asyncio.wait_for(waiting, 5)).outcome is Outcome.EXHAUSTED


async def test_reserve_that_waited_takes_what_is_free_when_it_is_enough(bench: Bench):
    await bench.ledger.reserve(ask(950))
    waiting = asyncio.create_task(bench.ledger.reserve(ask(100, likely=40, patience=0.3)))
    await asyncio.sleep(0.05)
    bench.advance(1)

    reservation = await asyncio.wait_for(waiting, 5)

    assert (reservation.outcome, reservation.held) == (Outcome.GRANTED, Amount(50))
    assert reservation.is_clamped


async def test_reserve_serves_those_who_wait_in_their_order(bench: Bench):
    first = await bench.ledger.reserve(ask(1000))
    order: list[int] = []

    async def reserve(number: int) -> None:
        reservation = await bench.ledger.reserve(ask(600, patience=60))
        order.append(number)
        await bench.ledger.settle(reservation, Amount(10))

    waiting = []
    for number in range(5):
        waiting.append(asyncio.create_task(reserve(number)))
        await asyncio.sleep(0.02)
    small = await bench.ledger.reserve(ask(1))
    await bench.ledger.settle(first, Amount(0))
    await asyncio.wait_for(asyncio.gather(*waiting), 10)

    assert order == [0, 1, 2, 3, 4]
    assert small.outcome is Outcome.HELD


async def test_reserve_does_not_wait_for_those_who_wait_for_something_else(bench: Bench):
    await bench.ledger.reserve(ask(1000))
    waiting = asyncio.create_task(bench.ledger.reserve(ask(900, patience=60)))
    await asyncio.sleep(0.05)

    other = await bench.ledger.reserve(ask(900, meter=OTHER_KEY))

    assert other.outcome is Outcome.GRANTED
    waiting.cancel()
    await asyncio.gather(waiting, return_exceptions=True)


async def test_reserve_of_a_caller_who_left_holds_nothing(bench: Bench):
    first = await bench.ledger.reserve(ask(1000))
    waiting = asyncio.create_task(bench.ledger.reserve(ask(900, patience=60)))
    await asyncio.sleep(0.05)

    waiting.cancel()
    await asyncio.gather(waiting, return_exceptions=True)
    await bench.ledger.release(first)

    assert (await bench.ledger.reserve(ask(1000))).outcome is Outcome.GRANTED


async def test_reservation_of_a_dead_call_expires(bench: Bench):
    await bench.ledger.reserve(ask(1000, lasts=60))

    bench.advance(62)

    assert (await bench.ledger.reserve(ask(1000))).outcome is Outcome.GRANTED


async def test_renew_holds_on(bench: Bench):
    reservation = await bench.ledger.reserve(ask(1000, lasts=60))
    bench.advance(59)

    await bench.ledger.renew(reservation, 60)
    bench.advance(59)

    assert (await bench.ledger.reserve(ask(1000))).outcome is Outcome.HELD
    bench.advance(3)
    assert (await bench.ledger.reserve(ask(1000))).outcome is Outcome.GRANTED


async def test_settle_after_the_reservation_expired_leaves_the_counting_to_rows(bench: Bench):
    reservation = await bench.ledger.reserve(ask(1000, lasts=60))
    bench.advance(62)
    await bench.ledger.reserve(ask(1))

    await bench.ledger.settle(reservation, Amount(500))
    bench.present[KEY] = Amount(500)
    await asyncio.to_thread(bench.ledger.reconcile_now, ORGANIZATION, [KEY], [])
    await asyncio.to_thread(bench.ledger.reconcile_now, ORGANIZATION, [KEY], [])

    (standing,) = await bench.ledger.peek(ORGANIZATION, [Bound(KEY, 1000)])
    assert standing == Standing(Bound(KEY, 1000), Amount(500), Amount(1))


async def test_reconcile_settles_what_a_dead_process_only_recorded(bench: Bench):
    reservation = await bench.ledger.reserve(ask(1000))
    record = Settled(ORGANIZATION, reservation.id, bench.ledger.epoch, Amount(30))

    bench.rows[KEY], bench.present[KEY] = Amount(5), Amount(30)
    for _ in range(2):
        await asyncio.to_thread(bench.ledger.reconcile_now, ORGANIZATION, [KEY], [record])

    (standing,) = await bench.ledger.peek(ORGANIZATION, [Bound(KEY, 1000)])
    assert standing == Standing(Bound(KEY, 1000), Amount(35), NOTHING)


async def test_reconcile_ignores_meters_nobody_asked_for(bench: Bench):
    await bench.ledger.reserve(ask(1))

    bench.present[OTHER_KEY] = Amount(30)
    await asyncio.to_thread(bench.ledger.reconcile_now, ORGANIZATION, [OTHER_KEY], [])
    bench.present[OTHER_KEY] = Amount(7)

    (standing,) = await bench.ledger.peek(ORGANIZATION, [Bound(OTHER_KEY, 1000)])
    assert standing.spent == Amount(7)


async def test_period_begins_anew(bench: Bench):
    tomorrow = meter_of(BudgetScope.KEY, "key_a", Period.DAY, NOW + timedelta(days=1))
    late = await bench.ledger.reserve(ask(1000))

    new = await bench.ledger.reserve(ask(1000, meter=tomorrow))
    await bench.ledger.settle(late, Amount(999))

    assert new.outcome is Outcome.GRANTED
    assert [s.spent for s in await bench.ledger.peek(ORGANIZATION, [Bound(KEY, 1000)])] == [
        Amount(999)
    ]


async def test_budget_changed_while_calls_run_holds_at_once(bench: Bench):
    first = await bench.ledger.reserve(ask(600, limit=1000))

    lowered = await bench.ledger.reserve(ask(100, limit=500))
    raised = await bench.ledger.reserve(ask(900, limit=2000))
    await bench.ledger.settle(first, Amount(500))
    spent = await bench.ledger.reserve(ask(100, limit=500))

    assert [r.outcome for r in (lowered, raised, spent)] == [
        Outcome.HELD,
        Outcome.GRANTED,
        Outcome.EXHAUSTED,
    ]


async def test_two_hundred_calls_at_once_neither_overspend_nor_are_refused_early(bench: Bench):
    """Each may cost 50 and costs 5: together they just fit, though only twenty may be under way at once."""
    others = [bench.ledger, bench.another()]
    under_way = worst = 0

    async def call(number: int) -> Outcome:
        nonlocal under_way, worst
        ledger = others[number % 2]
        reservation = await ledger.reserve(ask(50, limit=1000, likely=5, patience=60))
        if reservation.is_granted:
            under_way += reservation.held.nano
            worst = max(worst, under_way)
            await asyncio.sleep(0.001)
            under_way -= reservation.held.nano
            await ledger.settle(reservation, Amount(5))
        return reservation.outcome

    outcomes = await asyncio.wait_for(asyncio.gather(*(call(n) for n in range(210))), 60)

    (standing,) = await bench.ledger.peek(ORGANIZATION, [Bound(KEY, 1000)])
    assert standing == Standing(Bound(KEY, 1000), Amount(1000), NOTHING)
    assert sorted(outcomes) == [Outcome.EXHAUSTED] * 10 + [Outcome.GRANTED] * 200
    assert worst <= 1000


async def test_amounts_are_exact(bench: Bench):
    limit = 9_000_000 * 10**9
    bench.rows[KEY] = Amount(limit - 3)

    for _ in range(3):
        reservation = await bench.ledger.reserve(ask(1, limit=limit, likely=1))
        assert reservation.outcome is Outcome.GRANTED
        await bench.ledger.settle(reservation, Amount(1))

    assert (await bench.ledger.reserve(ask(1, limit=limit, likely=1))).outcome is Outcome.EXHAUSTED


async def test_checks_are_charged_once_though_the_call_waits(bench: Bench, own_limits: None):
    first = await bench.ledger.reserve(ask(1000))
    wanted = ask(900, patience=60)
    check = Check("waits", Rate(5, 60))
    waiting = asyncio.create_task(
        bench.ledger.reserve(
            Ask(
                ORGANIZATION,
                checks=[check],
                bounds=wanted.bounds,
                most=wanted.most,
                likely=wanted.likely,
                patience=60,
            )
        )
    )
    await asyncio.sleep(0.2)
    await bench.ledger.release(first)

    reservation = await asyncio.wait_for(waiting, 5)
    assert reservation.verdict is not None
    assert (reservation.outcome, reservation.verdict.remaining) == (Outcome.GRANTED, 4)


async def test_checks_that_refuse_hold_nothing(bench: Bench, own_limits: None):
    wanted = ask(100)
    limited = Ask(
        ORGANIZATION, checks=[Check("once", Rate(1, 60))], bounds=wanted.bounds, most=wanted.most
    )

    first = await bench.ledger.reserve(limited)
    second = await bench.ledger.reserve(limited)

    assert [first.outcome, second.outcome] == [Outcome.GRANTED, Outcome.LIMITED]
    assert (await bench.ledger.peek(ORGANIZATION, [Bound(KEY, 1000)]))[0].held == Amount(100)
    with pytest.raises(Limited) as error:
        second.demand()
    assert (error.value.code, 59 <= error.value.retry_after <= 60) == ("rate_limited", True)


@pytest.fixture
def own_limits(bench: Bench, valkey_url: str):
    """Where the memory ledger keeps its limits; the Redis one has them in its own script."""
    is_redis = isinstance(bench, RedisBench)
    set_store(RedisLimitStore(valkey_url) if is_redis else MemoryLimitStore())
    yield
    set_store(None)


async def test_slot_is_refused_when_as_many_as_allowed_are_in(bench: Bench):
    limits = SlotLimits("dep_parallel", parallel=1)
    first = await bench.ledger.take_slot(limits, 10, 60)
    second = await bench.another().take_slot(limits, 10, 60)
    assert isinstance(first, Slot)
    await bench.ledger.free_slot(first, 10)

    assert second == Busy(0.25, "parallel")
    assert isinstance(await bench.ledger.take_slot(limits, 10, 60), Slot)
    bench.advance(61)
    assert isinstance(await bench.ledger.take_slot(limits, 10, 60), Slot)


async def test_slot_counts_requests_of_the_minute(bench: Bench):
    limits = SlotLimits("dep_requests", requests_per_minute=2)
    await bench.ledger.take_slot(limits, 10, 60)
    bench.advance(20)
    await bench.ledger.take_slot(limits, 10, 60)

    assert await bench.ledger.take_slot(limits, 10, 60) == Busy(41.0, "requests")
    bench.advance(40)
    assert isinstance(await bench.ledger.take_slot(limits, 10, 60), Busy)
    bench.advance(1)
    assert isinstance(await bench.ledger.take_slot(limits, 10, 60), Slot)


async def test_slot_counts_tokens_as_used_in_the_end(bench: Bench):
    limits = SlotLimits("dep_tokens", tokens_per_minute=100)
    first = await bench.ledger.take_slot(limits, 80, 60)
    busy = await bench.ledger.take_slot(limits, 30, 60)
    assert isinstance(first, Slot)
    await bench.ledger.free_slot(first, 20)

    assert busy == Busy(61.0, "tokens")
    assert isinstance(await bench.ledger.take_slot(limits, 80, 60), Slot)
    assert await bench.ledger.take_slot(limits, 1, 60) == Busy(61.0, "tokens")


async def test_slot_lets_one_call_larger_than_the_minute_through(bench: Bench):
    limits = SlotLimits("dep_large", tokens_per_minute=100)

    assert isinstance(await bench.ledger.take_slot(limits, 5000, 60), Slot)
    assert isinstance(await bench.ledger.take_slot(limits, 1, 60), Busy)
