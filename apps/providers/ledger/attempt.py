"""One call on its way to a reservation in Redis: asks, learns what has to be known first, waits for its turn."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any, Final

from apps.core.asgi.pool import in_pool
from apps.core.limits.domain import Verdict
from apps.core.limits.redis import ANSWERS_PER_CHECK, decode
from apps.providers.domain.budgets import Amount, Bound, Standing
from apps.providers.ledger.lines import Line
from apps.providers.ledger.protocol import Ask, Outcome, Reservation

if TYPE_CHECKING:
    from apps.providers.ledger.redis import RedisLedger

POLL_SECONDS: Final = 0.02
LONGEST_POLL_SECONDS: Final = 0.2


class Attempt:
    """One call on its way to a reservation."""

    def __init__(self, ledger: RedisLedger, ask: Ask, name: str, at: datetime) -> None:
        self._ledger = ledger
        self._ask = ask
        self._at = at
        self._verdicts: list[Verdict] | None = None
        self.id = name

    async def run(self) -> Reservation:
        ends_at = time.monotonic() + self._ask.patience
        is_patient = self._ask.patience > 0
        reservation = await self._try("first" if is_patient else "last")
        if reservation.outcome is not Outcome.HELD or not is_patient:
            return reservation
        what = tuple(bound.meter for bound in self._ask.bounds)
        async with self._ledger.lines().turn(
            self._ask.organization, what, self._ask.patience
        ) as line:
            if line is not None:
                reservation = await self._poll(line, ends_at)
                if reservation.outcome is not Outcome.HELD:
                    return reservation
            return await self._try("last")

    async def _poll(self, line: Line, ends_at: float) -> Reservation:
        pause = POLL_SECONDS
        while True:
            line.news.clear()
            reservation = await self._try("wait")
            rest = ends_at - time.monotonic()
            if reservation.outcome is not Outcome.HELD or rest <= 0:
                return reservation
            try:
                async with asyncio.timeout(min(pause, rest)):
                    await line.news.wait()
            except TimeoutError:
                pause = min(pause * 1.5, LONGEST_POLL_SECONDS)

    async def _try(self, mode: str) -> Reservation:
        """Ask, after learning whatever has to be known first."""
        has_adopted = False
        while True:
            is_first = self._verdicts is None
            reply = await self._ledger.try_now(self._ask, self.id, mode, is_first=is_first)
            read = len(self._ask.checks) * ANSWERS_PER_CHECK + 1 if is_first else 1
            if self._verdicts is None:
                self._verdicts = decode(self._ask.checks, reply[:read])
            word = reply[read].decode()
            if word == "unknown":
                meters = [bound.meter for bound in self._ask.bounds]
                await in_pool(self._ledger.load_now, self._ask.organization, meters)
            elif word == "epoch" and not has_adopted:
                has_adopted = True
                await in_pool(self._ledger.look_now)
            else:
                return self._answer(word, reply[read + 1 :])

    def _answer(self, word: str, reply: Sequence[Any]) -> Reservation:
        outcome = OUTCOMES[word]
        nano, tokens, short, *numbers = reply
        standings = tuple(
            standing(bound, numbers[4 * i : 4 * i + 4])
            for i, bound in enumerate(self._ask.bounds)
            if numbers
        )
        is_granted = outcome is Outcome.GRANTED
        held = Amount(int(nano), int(tokens))
        return Reservation(
            outcome,
            self._ask.organization,
            id=self.id if is_granted else "",
            epoch=self._ledger.epoch,
            verdicts=self._verdicts or (),
            held=held,
            is_clamped=is_granted and held != self._ask.most,
            meters=tuple(bound.meter for bound in self._ask.bounds),
            standings=standings,
            short=standings[short - 1] if short and standings else None,
            at=self._at,
        )


OUTCOMES: Final = {
    "granted": Outcome.GRANTED,
    "limited": Outcome.LIMITED,
    "exhausted": Outcome.EXHAUSTED,
    "held": Outcome.HELD,
    "closed": Outcome.REBUILDING,
    "epoch": Outcome.REBUILDING,
}


def standing(bound: Bound, numbers: Sequence[Any]) -> Standing:
    spent_nano, spent_tokens, held_nano, held_tokens = (int(number) for number in numbers)
    return Standing(bound, Amount(spent_nano, spent_tokens), Amount(held_nano, held_tokens))
