"""What a ledger promises; `memory`, `redis` and `remote` keep it, `factory` picks one.

A call reserves the most it can cost together with its rate limits in one step, and settles what it did cost at its end.
What is held and what is spent never exceed a bound together. A call that does not fit only because others hold the
room waits for them, first come, first served; it is refused when what is truly spent leaves nothing for it.

How it survives: the usage record is written to the spool before the ledger is told (`booking.book` does both), and
carries the ledger's `epoch`, its present life. A ledger that lost its memory begins a new epoch, and starts from the
rows of all former ones. Settling is told again when the record is drained, and counts once.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from typing import Final, Protocol

from apps.core.errors import Limited
from apps.core.limits.domain import Verdict
from apps.core.limits.policy import tightest
from apps.core.limits.store import Check
from apps.providers.domain.budgets import NOTHING, Amount, Bound, Meter, Standing
from apps.providers.errors import BudgetExceeded, BudgetHeld, LedgerRebuilding

PATIENCE_SECONDS: Final = 10.0
"""How long a call waits for room that others hold."""
LASTS_SECONDS: Final = 900.0
"""How long a reservation holds when nobody settles, releases or renews it."""


class Outcome(StrEnum):
    GRANTED = "granted"
    LIMITED = "limited"
    """By a rate; the verdicts say which."""
    EXHAUSTED = "exhausted"
    """What is spent leaves no room for the likely cost of this call."""
    HELD = "held"
    """Others held the room for as long as the call was ready to wait."""
    REBUILDING = "rebuilding"
    """The ledger does not know yet what was spent."""


@dataclass(slots=True)
class Ask:
    """What a call wants before it goes upstream.

    Without bounds nothing is held and only the checks are charged; without checks only the bounds are asked.
    """

    organization: int
    """The row's number (`Identity.organization_id`)."""
    checks: Sequence[Check] = ()
    """Charged once, whether the call waits for room or not."""
    bounds: Sequence[Bound] = ()
    """From `bounds.recall(...)`."""
    most: Amount = NOTHING
    """The most it can cost and use: a bound on the prompt and `max_tokens`."""
    likely: Amount = NOTHING
    """What such calls come to as a rule: less than this is not worth beginning."""
    at: datetime | None = None
    """The moment the bounds were recalled for, so that no midnight comes in between; None is now."""
    lasts: float = LASTS_SECONDS
    """Seconds until the room is given back if nothing more is heard of the call: at least its time-out."""
    patience: float = PATIENCE_SECONDS


@dataclass(slots=True)
class Reservation:
    """What was answered to an `Ask`; `demand()` raises unless it was granted."""

    outcome: Outcome
    organization: int
    id: str = ""
    """Empty when nothing is held."""
    epoch: str = ""
    """The life of the ledger it was made in."""
    verdicts: Sequence[Verdict] = ()
    """In the order of the checks; empty when there were none, or when a worker could not ask."""
    held: Amount = NOTHING
    """May be less than `most`, never less than `likely`: where a bound has no more left, `max_tokens` must come down
    to what this affords (`is_clamped`)."""
    is_clamped: bool = False
    meters: tuple[Meter, ...] = ()
    standings: tuple[Standing, ...] = ()
    """Of the bounds, in their order, with this reservation's own hold among what is held."""
    short: Standing | None = None
    """The bound that had no room, when one had not."""
    at: datetime = datetime(1970, 1, 1, tzinfo=UTC)
    """When it was asked for: its usage record bears the same moment, so that both fall into one period."""

    @property
    def verdict(self) -> Verdict | None:
        """The one whose headers the caller should see."""
        return tightest(list(self.verdicts)) if self.verdicts else None

    @property
    def is_granted(self) -> bool:
        return self.outcome is Outcome.GRANTED

    @property
    def left(self) -> tuple[int | None, int | None]:
        """The least that is left of any bound, in billionths of a dollar and in tokens. None: no such bound."""
        if not self.standings:
            return None, None
        nanos, tokens = zip(*(each.left for each in self.standings), strict=True)
        return (
            min((nano for nano in nanos if nano is not None), default=None),
            min((count for count in tokens if count is not None), default=None),
        )

    def demand(self) -> None:
        """Raise what the outcome amounts to for the caller."""
        match self.outcome:
            case Outcome.GRANTED:
                return
            case Outcome.LIMITED:
                verdict = self.verdict
                raise Limited(retry_after=verdict.retry_after if verdict else 1)
            case Outcome.EXHAUSTED:
                raise BudgetExceeded(_say(self.short))
            case Outcome.HELD:
                raise BudgetHeld
            case Outcome.REBUILDING:
                raise LedgerRebuilding


@dataclass(frozen=True, slots=True)
class SlotLimits:
    """How much at once, and in any minute, one deployment takes."""

    name: str
    """The deployment's public id."""
    parallel: int | None = None
    requests_per_minute: int | None = None
    tokens_per_minute: int | None = None

    @property
    def is_unlimited(self) -> bool:
        return (
            self.parallel is None
            and self.requests_per_minute is None
            and self.tokens_per_minute is None
        )


@dataclass(frozen=True, slots=True)
class Slot:
    """A place at a deployment. Free it when the attempt has ended, however it ended."""

    limits: SlotLimits
    id: str = ""
    tokens: int = 0
    """As estimated when it was taken."""
    second: int = 0
    """The second it was counted in."""


@dataclass(frozen=True, slots=True)
class Busy:
    """No place: try another deployment, or this one after so many seconds."""

    retry_after: float
    by: str
    """`parallel`, `requests` or `tokens`."""


@dataclass(frozen=True, slots=True)
class Former:
    """What the rows say of one meter: spent in former lives of the ledger, and in the present one as far as drained."""

    meter: Meter
    former: Amount
    present: Amount


@dataclass(frozen=True, slots=True)
class Settled:
    """A reservation and what it came to, as a drained record tells it."""

    organization: int
    id: str
    epoch: str
    spent: Amount


class LedgerStore(Protocol):
    """Serves the event loop; methods with `_now` serve threads. Only those that say so raise."""

    @property
    def epoch(self) -> str:
        """The present life, as far as this process knows; empty before anything is known."""

    async def reserve(self, ask: Ask) -> Reservation:
        """Charge the checks and hold room for the call. Raises `LimitStoreUnavailable`."""

    async def settle(self, reservation: Reservation, spent: Amount) -> None:
        """Count what the call came to and give the rest back. Never raises: a drained record tells it again."""

    async def release(self, reservation: Reservation) -> None:
        """Give everything back: nothing went upstream. Never raises."""

    async def renew(self, reservation: Reservation, lasts: float = LASTS_SECONDS) -> None:
        """Hold on for so many seconds from now: for streams that outlast the reservation. Never raises."""

    async def peek(self, organization: int, bounds: Sequence[Bound]) -> tuple[Standing, ...]:
        """Where bounds stand. Raises `LimitStoreUnavailable` and `LedgerRebuilding`."""

    def peek_now(self, organization: int, bounds: Sequence[Bound]) -> tuple[Standing, ...]:
        """The same from a thread."""

    async def take_slot(self, limits: SlotLimits, tokens: int, lasts: float) -> Slot | Busy:
        """A place for an attempt that uses about so many tokens. Raises `LimitStoreUnavailable`."""

    async def free_slot(self, slot: Slot, tokens: int) -> None:
        """Give it back and correct the minute by the tokens truly used. Never raises."""

    def reconcile_now(
        self, organization: int, meters: Sequence[Meter], settled: Sequence[Settled]
    ) -> None:
        """After a drain: read the rows of these meters, and count what was recorded but never settled. In any order
        and any number of times. Raises `LimitStoreUnavailable`.
        """

    async def begin(self) -> None:
        """Called when the process starts to serve; what was spent is learned in the background."""

    def look(self) -> None:
        """Called every second from a thread: meet a new epoch, let go of what is over. May raise."""

    async def close(self) -> None:
        """Let go of what belongs to the running loop."""


def _say(short: Standing | None) -> str | None:
    if short is None:
        return None
    meter = short.bound.meter
    whose = {"organization": "organization's", "key": "key's", "end_user": "user's"}[meter.scope]
    period = "" if meter.period == "total" else f" for this {meter.period}"
    budget = f"The {whose} budget{period}"
    return f"{budget} {'is used up' if 0 in short.left else 'has too little left for this call'}."
