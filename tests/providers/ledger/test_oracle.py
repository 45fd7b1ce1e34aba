"""Both ledgers, driven at random, against the plainest ledger that can be written."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule, run_state_machine_as_test

from apps.providers.domain.budgets import NOTHING, Amount, Bound, Meter
from apps.providers.ledger.protocol import Ask, Outcome, Reservation, Settled
from tests.providers.ledger.conftest import (
    KEY,
    NOW,
    ORG,
    ORGANIZATION,
    OTHER_KEY,
    Bench,
    make_bench,
)

pytestmark = pytest.mark.integration

# Shrinking over a network takes minutes; what fails is short anyway.
PHASES = [Phase.explicit, Phase.reuse, Phase.generate]
METERS = [ORG, KEY, OTHER_KEY]
limits = st.one_of(st.none(), st.integers(0, 120))
bounds = st.lists(
    st.builds(Bound, st.sampled_from(METERS), limits, limits),
    min_size=1,
    max_size=3,
    unique_by=lambda bound: bound.meter,
)
amounts = st.builds(Amount, st.integers(0, 60), st.integers(0, 60))


class Oracle:
    """Every hold and every amount spent, for ever, added up anew at each question."""

    def __init__(self) -> None:
        self.former: dict[Meter, Amount] = {}
        self.spent: list[tuple[Meter, Amount]] = []
        self.holds: dict[str, tuple[tuple[Meter, ...], Amount, float]] = {}

    def expire(self, now: float) -> None:
        """The memory ledger is late by less than a second, so the test never looks in between."""
        self.holds = {name: hold for name, hold in self.holds.items() if hold[2] > now}

    def spent_of(self, meter: Meter) -> Amount:
        total = self.former.get(meter, NOTHING)
        for other, amount in self.spent:
            total = total.plus(amount) if other == meter else total
        return total

    def held_of(self, meter: Meter) -> Amount:
        total = NOTHING
        for meters, amount, _ in self.holds.values():
            total = total.plus(amount) if meter in meters else total
        return total

    def decide(self, ask: Ask) -> tuple[Outcome, Amount]:
        held = list(ask.most)
        for bound in ask.bounds:
            for side, (limit, spent, most, likely) in enumerate(
                zip(
                    (bound.nano, bound.tokens),
                    self.spent_of(bound.meter),
                    ask.most,
                    ask.likely,
                    strict=True,
                )
            ):
                if limit is None:
                    continue
                left = max(0, limit - spent)
                if left < min(max(likely, 1), most):
                    return Outcome.EXHAUSTED, NOTHING
                held[side] = min(held[side], left)
        for bound in ask.bounds:
            spent, holds = self.spent_of(bound.meter), self.held_of(bound.meter)
            for side, limit in enumerate((bound.nano, bound.tokens)):
                if limit is not None and max(0, limit - spent[side] - holds[side]) < held[side]:
                    return self.take_rest(ask, held)
        return Outcome.GRANTED, Amount(*held)

    def take_rest(self, ask: Ask, wanted: list[int]) -> tuple[Outcome, Amount]:
        """Without patience a call takes what is free, if it is enough."""
        rest = list(wanted)
        for bound in ask.bounds:
            spent, holds = self.spent_of(bound.meter), self.held_of(bound.meter)
            for side, limit in enumerate((bound.nano, bound.tokens)):
                if limit is not None:
                    rest[side] = min(rest[side], max(0, limit - spent[side] - holds[side]))
        for free, most, likely in zip(rest, ask.most, ask.likely, strict=True):
            if free < min(max(likely, 1), most):
                return Outcome.HELD, NOTHING
        return Outcome.GRANTED, Amount(*rest)


class LedgerMachine(RuleBasedStateMachine):
    """A fresh ledger for each run, all on one loop."""

    bench: Bench
    runner: asyncio.Runner
    request: Any
    kind = ""

    def __init__(self) -> None:
        super().__init__()
        self.bench = make_bench(self.kind, self.request)
        self.oracle = Oracle()
        self.granted: list[Reservation] = []

    def run(self, work: Any) -> Any:
        return self.runner.run(work)

    @rule(wanted=bounds, most=amounts, likely=amounts, lasts=st.sampled_from([10, 60]))
    def reserve(self, wanted: list[Bound], most: Amount, likely: Amount, lasts: int) -> None:
        ask = Ask(
            ORGANIZATION, bounds=wanted, most=most, likely=likely, lasts=lasts, patience=0, at=NOW
        )
        expected, held = self.oracle.decide(ask)

        reservation = self.run(self.bench.ledger.reserve(ask))

        assert reservation.outcome is expected
        if expected is Outcome.GRANTED:
            assert reservation.held == held
            meters = tuple(bound.meter for bound in wanted)
            self.oracle.holds[reservation.id] = (meters, held, self.bench.now + lasts)
            self.granted.append(reservation)

    @rule(data=st.data(), spent=amounts)
    def settle(self, data: st.DataObject, spent: Amount) -> None:
        """Also twice, and after it expired: then it changes nothing, for rows will tell."""
        if not self.granted:
            return
        reservation = data.draw(st.sampled_from(self.granted))
        hold = self.oracle.holds.pop(reservation.id, None)
        for meter in hold[0] if hold else ():
            self.oracle.spent.append((meter, spent))

        self.run(self.bench.ledger.settle(reservation, spent))

    @rule(data=st.data())
    def release(self, data: st.DataObject) -> None:
        if not self.granted:
            return
        reservation = data.draw(st.sampled_from(self.granted))
        self.oracle.holds.pop(reservation.id, None)

        self.run(self.bench.ledger.release(reservation))

    @rule(data=st.data(), spent=amounts)
    def drain(self, data: st.DataObject, spent: Amount) -> None:
        """A record of a call whose process died before it could settle."""
        if not self.granted:
            return
        reservation = data.draw(st.sampled_from(self.granted))
        hold = self.oracle.holds.pop(reservation.id, None)
        for meter in hold[0] if hold else ():
            self.oracle.spent.append((meter, spent))

        record = Settled(ORGANIZATION, reservation.id, self.bench.ledger.epoch, spent)
        self.bench.ledger.reconcile_now(ORGANIZATION, [], [record])

    @rule(meter=st.sampled_from(METERS), more=amounts)
    def learn_of_a_former_life(self, meter: Meter, more: Amount) -> None:
        total = self.oracle.former.get(meter, NOTHING).plus(more)
        self.oracle.former[meter] = self.bench.rows[meter] = total

        self.bench.ledger.reconcile_now(ORGANIZATION, [meter], [])

    @rule(seconds=st.sampled_from([1, 9, 51]))
    def advance(self, seconds: int) -> None:
        self.bench.advance(seconds)
        self.oracle.expire(self.bench.now)

    @invariant()
    def every_number_agrees(self) -> None:
        wanted = [Bound(meter, 0, 0) for meter in METERS]

        told = self.bench.ledger.peek_now(ORGANIZATION, wanted)

        assert [(s.spent, s.held) for s in told] == [
            (self.oracle.spent_of(meter), self.oracle.held_of(meter)) for meter in METERS
        ]


@pytest.mark.parametrize(("kind", "examples"), [("memory", 150), ("redis", 25)])
def test_ledger_agrees_with_the_oracle(
    kind: str, examples: int, request: pytest.FixtureRequest
) -> None:
    with asyncio.Runner() as runner:
        machine = type(
            "Machine", (LedgerMachine,), {"kind": kind, "request": request, "runner": runner}
        )
        benches: list[Bench] = []
        machine.teardown = lambda self: benches.append(self.bench)  # type: ignore[attr-defined]
        run_state_machine_as_test(
            machine,
            settings=settings(
                max_examples=examples,
                stateful_step_count=30,
                deadline=None,
                suppress_health_check=list(HealthCheck),
                phases=PHASES,
            ),
        )
        for bench in benches:
            runner.run(bench.close())
