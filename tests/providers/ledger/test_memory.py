"""How the memory ledger begins: nothing under a budget passes before what was spent is known."""

from __future__ import annotations

import asyncio
from datetime import timedelta

import pytest

from apps.providers.domain.budgets import NOTHING, Amount, Bound, Standing
from apps.providers.errors import LedgerRebuilding
from apps.providers.ledger import memory
from apps.providers.ledger.memory import MemoryLedger
from apps.providers.ledger.protocol import Ask, Former, Outcome
from tests.providers.ledger.conftest import KEY, NOW, ORGANIZATION, ask

pytestmark = pytest.mark.integration
BOUND = Bound(KEY, 1000)


class Opening:
    """Stands for a database that is away at first."""

    def __init__(self, failures: int) -> None:
        self.failures = failures
        self.tries = 0

    def __call__(self) -> bool:
        self.tries += 1
        if self.tries <= self.failures:
            raise ConnectionError("away")
        return True


def make_ledger(opening: Opening) -> MemoryLedger:
    return MemoryLedger(
        load=lambda _, meters, epoch: [Former(m, Amount(100), NOTHING) for m in meters],
        open_up=opening,
    )


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(memory, "OPENING_SECONDS", 0.1)
    monkeypatch.setattr(memory, "RETRY_SECONDS", 0.2)


async def test_budgeted_calls_wait_for_the_opening_and_others_do_not() -> None:
    ledger = make_ledger(Opening(failures=0))

    free = await ledger.reserve(Ask(ORGANIZATION))
    first = await ledger.reserve(ask(900))

    assert [free.outcome, first.outcome] == [Outcome.GRANTED, Outcome.GRANTED]
    assert first.standings == (Standing(BOUND, Amount(100), Amount(900)),)


async def test_ledger_that_cannot_open_says_that_it_is_rebuilding() -> None:
    opening = Opening(failures=2)
    ledger = make_ledger(opening)
    await ledger.begin()

    refused = await ledger.reserve(ask(1))
    with pytest.raises(LedgerRebuilding):
        refused.demand()
    with pytest.raises(LedgerRebuilding):
        ledger.peek_now(ORGANIZATION, [BOUND])
    await asyncio.sleep(0.6)
    granted = await ledger.reserve(ask(1))

    assert [refused.outcome, granted.outcome] == [Outcome.REBUILDING, Outcome.GRANTED]
    assert opening.tries == 3


async def test_look_forgets_what_is_over_and_keeps_what_is_held() -> None:
    now = 1000.0
    loads: list[int] = []
    ledger = MemoryLedger(
        load=lambda _, meters, epoch: (
            loads.append(1) or [Former(m, NOTHING, NOTHING) for m in meters]
        ),  # type: ignore[func-returns-value]  # counted on the way
        clock=lambda: now,
    )
    held = await ledger.reserve(ask(1, lasts=10_000))
    now += timedelta(hours=2).total_seconds()

    ledger.look()
    await ledger.settle(held, Amount(5))
    still = await ledger.peek(ORGANIZATION, [BOUND])
    now += timedelta(hours=2).total_seconds()
    ledger.look()
    anew = await ledger.peek(ORGANIZATION, [BOUND])

    assert (still[0].spent, anew[0].spent, len(loads)) == (Amount(5), NOTHING, 2)


async def test_reservation_bears_the_moment_it_was_asked_for() -> None:
    ledger = make_ledger(Opening(failures=0))

    assert (await ledger.reserve(ask(1))).at == NOW
