"""The ledger's rules for one organization, on plain values: what is spent, what is held, who waits. No clock, no lock.

Instants are seconds of any clock that does not go back.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from math import ceil
from typing import Final

from apps.providers.domain.budgets import NOTHING, Amount, Bound, Meter, Standing

FOREVER: Final = float("inf")


@dataclass(slots=True)
class Count:
    """One meter. What was spent in former lives of the ledger stands apart from what this one has seen."""

    former: Amount = NOTHING
    present: Amount = NOTHING
    held: Amount = NOTHING
    touched_at: float = 0.0
    is_loaded: bool = False
    """Whether the rows of former lives were read. Until then it is only good to be held on."""

    @property
    def spent(self) -> Amount:
        return self.former.plus(self.present)


@dataclass(slots=True)
class Want:
    """What a call asks for: to hold `most`, or at least `likely`, under every one of the bounds."""

    id: str
    bounds: Sequence[Bound]
    most: Amount
    likely: Amount
    lasts: float

    @property
    def meters(self) -> tuple[Meter, ...]:
        return tuple(bound.meter for bound in self.bounds)


@dataclass(slots=True)
class Room:
    """What the bounds leave for a want. `amount` is what it would hold; `short` the bound in the way."""

    amount: Amount
    is_spent: bool = False
    """What is spent alone is in the way: waiting does not help."""
    short: Bound | None = None

    @property
    def fits(self) -> bool:
        return self.short is None


@dataclass(slots=True)
class Hold:
    meters: tuple[Meter, ...]
    amount: Amount
    ends_at: float


@dataclass(slots=True)
class Waiting:
    want: Want
    short: set[Meter] = field(default_factory=set)


class Book:
    """Callers load every meter they ask about first (`unknown`, `take_in`)."""

    def __init__(self) -> None:
        self.counts: dict[Meter, Count] = {}
        self.holds: dict[str, Hold] = {}
        self._ends: dict[int, dict[str, None]] = {}
        """Holds by the second they end in: the next to end is found without looking at all."""
        self._soonest: float = FOREVER
        self._waiting: dict[str, Waiting] = {}

    def unknown(self, bounds: Iterable[Bound]) -> list[Meter]:
        counts = self.counts
        return [b.meter for b in bounds if b.meter not in counts or not counts[b.meter].is_loaded]

    def take_in(self, meter: Meter, former: Amount, present: Amount, now: float) -> None:
        """Learn what rows say. They never know more than was spent, and may lag: the larger number is the true one."""
        count = self.counts.get(meter)
        if count is None:
            count = self.counts[meter] = Count(touched_at=now)
        count.is_loaded = True
        count.former = _larger(count.former, former)
        count.present = _larger(count.present, present)

    def reserve(self, want: Want, now: float) -> Room:
        """Hold, unless there is no room or somebody waits for the same room already."""
        self.expire(now)
        claimed = set().union(*(waiting.short for waiting in self._waiting.values()))
        room = self._room_behind(want, claimed)
        if room.fits:
            self._hold(want, room.amount, now)
        return room

    def wait(self, want: Want) -> None:
        """Stand in the queue; `admit` says when the turn has come."""
        self._waiting[want.id] = Waiting(want, self._short_meters(want))

    def leave(self, reservation: str) -> None:
        self._waiting.pop(reservation, None)

    def admit(self, now: float) -> Iterator[tuple[Want, Room]]:
        """Go along the queue: those who have room now hold it, those for whom all is spent are told. Both leave."""
        self.expire(now)
        claimed: set[Meter] = set()
        for waiting in list(self._waiting.values()):
            room = self._room_behind(waiting.want, claimed)
            if not room.fits and not room.is_spent:
                waiting.short = self._short_meters(waiting.want)
                claimed |= waiting.short
                continue
            del self._waiting[waiting.want.id]
            if room.fits:
                self._hold(waiting.want, room.amount, now)
            yield waiting.want, room

    def take_rest(self, want: Want, now: float) -> Room:
        """At the end of its patience a call takes what is free, if it is enough for what such calls come to."""
        self.leave(want.id)
        self.expire(now)
        room = self._room(want)
        if room.fits or room.is_spent:
            if room.fits:
                self._hold(want, room.amount, now)
            return room
        amount = _within(want.most, [self._free(bound) for bound in want.bounds])
        if not _covers(amount, _least(want)):
            return room
        self._hold(want, amount, now)
        return Room(amount)

    def settle(self, reservation: str, spent: Amount, now: float) -> bool:
        """Count what it came to instead of what it held. False when it holds nothing (any more): then rows tell."""
        hold = self._drop(reservation)
        if hold is None:
            return False
        for meter in hold.meters:
            count = self.counts[meter]
            count.present = count.present.plus(spent)
            count.touched_at = now
        return True

    def release(self, reservation: str) -> bool:
        return self._drop(reservation) is not None

    def renew(self, reservation: str, ends_at: float) -> None:
        hold = self.holds.get(reservation)
        if hold is not None:
            self._ends[ceil(hold.ends_at)].pop(reservation, None)
            hold.ends_at = ends_at
            self._note_end(reservation, ends_at)

    def restore(self, reservation: str, hold: Hold) -> None:
        """Hold what was granted in a former life, room or not: it is on its way upstream."""
        if reservation not in self.holds:
            self._add(reservation, hold)

    def expire(self, now: float) -> None:
        """Give back what dead calls held."""
        if now < self._soonest:
            return
        for second in [second for second in self._ends if second <= now]:
            for reservation in list(self._ends[second]):
                self._drop(reservation)
            del self._ends[second]
        self._soonest = min(self._ends, default=FOREVER)

    def forget_idle(self, before: float) -> None:
        """Drop meters that nobody touched since; they are loaded again when they are asked about."""
        kept = {meter for hold in self.holds.values() for meter in hold.meters}
        kept |= {meter for waiting in self._waiting.values() for meter in waiting.want.meters}
        for meter in [m for m, count in self.counts.items() if count.touched_at < before]:
            if meter not in kept:
                del self.counts[meter]

    def standing(self, bound: Bound) -> Standing:
        count = self.counts[bound.meter]
        return Standing(bound, count.spent, count.held)

    @property
    def is_idle(self) -> bool:
        return not (self.holds or self._waiting or self.counts)

    @property
    def has_waiting(self) -> bool:
        return bool(self._waiting)

    def _room_behind(self, want: Want, claimed: set[Meter]) -> Room:
        """First come, first served: nobody overtakes who waits for the same room."""
        room = self._room(want)
        if not room.fits or not claimed:
            return room
        in_the_way = next((bound for bound in want.bounds if bound.meter in claimed), None)
        return Room(room.amount, short=in_the_way)

    def _room(self, want: Want) -> Room:
        """Where a bound has less left than `most`, that is what the call may cost; less than `likely` is none."""
        lefts = [self._left(bound) for bound in want.bounds]
        least = _least(want)
        for bound, left in zip(want.bounds, lefts, strict=True):
            if not _covers(left, least):
                return Room(NOTHING, is_spent=True, short=bound)
        amount = _within(want.most, lefts)
        for bound in want.bounds:
            if not _covers(self._free(bound), amount):
                return Room(amount, short=bound)
        return Room(amount)

    def _short_meters(self, want: Want) -> set[Meter]:
        amount = _within(want.most, [self._left(bound) for bound in want.bounds])
        return {b.meter for b in want.bounds if not _covers(self._free(b), amount)}

    def _left(self, bound: Bound) -> tuple[float, float]:
        return _minus(bound, self.counts[bound.meter].spent)

    def _free(self, bound: Bound) -> tuple[float, float]:
        count = self.counts[bound.meter]
        return _minus(bound, count.spent.plus(count.held))

    def _hold(self, want: Want, amount: Amount, now: float) -> None:
        self._add(want.id, Hold(want.meters, amount, now + want.lasts))
        for meter in want.meters:
            self.counts[meter].touched_at = now

    def _add(self, reservation: str, hold: Hold) -> None:
        self.holds[reservation] = hold
        self._note_end(reservation, hold.ends_at)
        for meter in hold.meters:
            count = self.counts.setdefault(meter, Count())
            count.held = count.held.plus(hold.amount)

    def _note_end(self, reservation: str, ends_at: float) -> None:
        second = ceil(ends_at)
        self._ends.setdefault(second, {})[reservation] = None
        self._soonest = min(self._soonest, second)

    def _drop(self, reservation: str) -> Hold | None:
        hold = self.holds.pop(reservation, None)
        if hold is None:
            return None
        self._ends.get(ceil(hold.ends_at), {}).pop(reservation, None)
        for meter in hold.meters:
            count = self.counts[meter]
            count.held = count.held.minus(hold.amount)
        return hold


def _least(want: Want) -> Amount:
    """The likely cost; of a call that costs anything, at least something must be left."""
    most, likely = want.most, want.likely
    return Amount(
        min(max(likely.nano, 1), most.nano),
        min(max(likely.tokens, 1), most.tokens),
    )


def _within(most: Amount, lefts: Iterable[tuple[float, float]]) -> Amount:
    """The most that every bound affords. Bounds are whole numbers or infinite, so nothing is rounded."""
    nano, tokens = most
    for left_nano, left_tokens in lefts:
        nano = nano if left_nano >= nano else int(left_nano)
        tokens = tokens if left_tokens >= tokens else int(left_tokens)
    return Amount(nano, tokens)


def _covers(left: tuple[float, float], amount: Amount) -> bool:
    return left[0] >= amount.nano and left[1] >= amount.tokens


def _minus(bound: Bound, used: Amount) -> tuple[float, float]:
    """What is left on either side: never below nothing, infinite without a bound."""
    return (
        FOREVER if bound.nano is None else max(0, bound.nano - used.nano),
        FOREVER if bound.tokens is None else max(0, bound.tokens - used.tokens),
    )


def _larger(one: Amount, other: Amount) -> Amount:
    return Amount(max(one.nano, other.nano), max(one.tokens, other.tokens))
