"""Both stores, driven at random, against the plainest limiter that can be written."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import count
from typing import NamedTuple

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, rule, run_state_machine_as_test

from apps.core.limits.rates import Rate
from apps.core.limits.store import Check
from tests.core.limits.conftest import Bench

pytestmark = pytest.mark.integration

SECOND = 1_000_000
machines = count()

rates = st.sampled_from([Rate(1, 1), Rate(3, 1), Rate(2, 60), Rate(5, 60), Rate(9, 3600)])
checks = st.builds(Check, st.sampled_from("abc"), rates, st.integers(1, 4))
hits = st.lists(checks, min_size=1, max_size=3)
# Whole windows, and a microsecond to either side, are where mistakes live.
steps = st.one_of(
    st.integers(0, 90 * SECOND),
    st.sampled_from([window * SECOND + off for window in (1, 60, 3600) for off in (-1, 0, 1)]),
)


class Expected(NamedTuple):
    allowed: bool
    remaining: int
    reset_at: int
    refusals: int


class Oracle:
    """Every accepted instant for ever, counted anew at each question."""

    def __init__(self) -> None:
        self.accepted: dict[tuple[str, int], list[int]] = {}
        self.refusals: dict[tuple[str, int], int] = {}

    def hit(self, wanted: Sequence[Check], now: int) -> list[Expected]:
        fits = []
        pending: dict[tuple[str, int], int] = {}
        for check in wanted:
            log = (check.key, check.rate.window_seconds)
            used = len(self.live(check, now)) + pending.get(log, 0)
            fits.append(used + check.cost <= check.rate.limit)
            pending[log] = pending.get(log, 0) + check.cost * fits[-1]
        for check, fit in zip(wanted, fits, strict=True):
            self.write_down(check, now, fit=fit, charge=all(fits))
        return [self.tell(check, now, fit) for check, fit in zip(wanted, fits, strict=True)]

    def write_down(self, check: Check, now: int, *, fit: bool, charge: bool) -> None:
        log = (check.key, check.rate.window_seconds)
        if charge:
            self.accepted.setdefault(log, []).extend([now] * check.cost)
            self.refusals[log] = 0
        elif not fit:
            self.refusals[log] = self.refusals.get(log, 0) + 1

    def live(self, check: Check, now: int) -> list[int]:
        instants = self.accepted.get((check.key, check.rate.window_seconds), [])
        return [then for then in instants if now - then < check.rate.window_seconds * SECOND]

    def tell(self, check: Check, now: int, fit: bool) -> Expected:
        live, window = self.live(check, now), check.rate.window_seconds * SECOND
        if fit:
            change = live[0] + window if live else now
        else:
            excess = max(1, len(live) + check.cost - check.rate.limit)
            change = live[excess - 1] + window if excess <= len(live) else now + window
        return Expected(
            allowed=fit,
            remaining=max(0, check.rate.limit - len(live)),
            reset_at=-(-change // SECOND),
            refusals=0 if fit else self.refusals[check.key, check.rate.window_seconds],
        )


class Comparison(RuleBasedStateMachine):
    def __init__(self, bench: Bench) -> None:
        super().__init__()
        self.bench = bench
        self.oracle = Oracle()
        self.name = f"machine {next(machines)}: "

    def named(self, wanted: Sequence[Check]) -> list[Check]:
        return [check._replace(key=self.name + check.key) for check in wanted]

    @rule(wanted=hits)
    def hit(self, wanted: list[Check]) -> None:
        verdicts = self.bench.hit(*self.named(wanted))
        expected = self.oracle.hit(wanted, self.bench.now)

        for check, verdict, right in zip(wanted, verdicts, expected, strict=True):
            honest = max(1, right.reset_at - -(-self.bench.now // SECOND))
            assert verdict[1:4] == (check.rate.limit, right.remaining, right.reset_at)
            assert verdict.allowed is right.allowed
            assert (verdict.retry_after == 0) is right.allowed
            assert right.allowed or verdict.retry_after >= honest

    @rule(wanted=hits)
    def peek(self, wanted: list[Check]) -> None:
        verdicts = self.bench.peek(*self.named(wanted))

        for check, verdict in zip(wanted, verdicts, strict=True):
            used = len(self.oracle.live(check, self.bench.now))
            assert verdict.remaining == max(0, check.rate.limit - used)
            assert verdict.allowed is (used + check.cost <= check.rate.limit)

    @rule(microseconds=steps)
    def wait(self, microseconds: int) -> None:
        self.bench.now += microseconds

    @rule(key=st.sampled_from("abc"))
    def reset(self, key: str) -> None:
        self.bench.reset(self.name + key)
        for log in [log for log in self.oracle.accepted if log[0] == key]:
            del self.oracle.accepted[log]


@pytest.mark.parametrize("bench", ["memory", "redis"], indirect=True)
def test_hit_agrees_with_the_oracle(bench: Bench) -> None:
    run_state_machine_as_test(
        lambda: Comparison(bench),
        settings=settings(
            max_examples=100,
            stateful_step_count=40,
            deadline=None,
            suppress_health_check=[HealthCheck.too_slow],
        ),
    )
