"""The ledger of several processes: a call's limits and budgets in one Lua script, one round trip, atomic.

An emptied Redis begins a new epoch. Each process that meets it brings its own records into the rows and tells what its
calls under way hold; meanwhile, and for `CLOSED_SECONDS`, calls under a budget are told to wait.
"""

from __future__ import annotations

import asyncio
import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from hashlib import blake2b
from itertools import count
from typing import Any, Final

import structlog

from apps.core.asgi.pool import in_pool
from apps.core.limits import factory as limits
from apps.core.limits.errors import LimitStoreUnavailable
from apps.core.limits.link import TIMEOUT_SECONDS, RedisLink
from apps.core.limits.redis import PREFIX as LIMIT_PREFIX
from apps.core.limits.redis import encode
from apps.core.limits.script import CLOCK, LIMITS, compose
from apps.core.spool import process as spool
from apps.providers.domain.budgets import NOTHING, Amount, Bound, Meter, Standing
from apps.providers.errors import LedgerRebuilding
from apps.providers.ledger import rows, script
from apps.providers.ledger.attempt import Attempt, standing
from apps.providers.ledger.lines import Lines
from apps.providers.ledger.memory import Load, new_epoch
from apps.providers.ledger.protocol import (
    LASTS_SECONDS,
    Ask,
    Busy,
    Former,
    Outcome,
    Reservation,
    Settled,
    Slot,
    SlotLimits,
)

log = structlog.get_logger(__name__)
PREFIX: Final = "signalbox:ledger:"
MICROSECONDS: Final = 1_000_000
CLOSED_SECONDS: Final = 3.0
"""Three looks of every process: by then each has met the new epoch and told what it holds."""
MOST_OWED: Final = 10_000


class RedisLedger:
    """Coroutines for the loop; what is told to threads goes by the link's other client."""

    def __init__(
        self,
        url: str,
        *,
        prefix: str = PREFIX,
        limit_prefix: str = LIMIT_PREFIX,
        timeout: float = TIMEOUT_SECONDS,
        clock: str = CLOCK,
        load: Load = rows.read_rows,
        bring: Callable[[], object] = spool.drain_whole,
        closed_seconds: float = CLOSED_SECONDS,
    ) -> None:
        self.epoch = ""
        self._link = RedisLink(url, timeout=timeout)
        self._prefix, self._limit_prefix = prefix, limit_prefix
        self._load, self._bring = load, bring
        self._closed_for = round(closed_seconds * MICROSECONDS)
        book = (clock, script.BOOK)
        self._reserve = compose(clock, LIMITS, script.BOOK, script.RESERVE)
        self._settle, self._renew = compose(*book, script.SETTLE), compose(*book, script.RENEW)
        self._announce, self._take_in = (
            compose(*book, script.ANNOUNCE),
            compose(*book, script.TAKE_IN),
        )
        self._peek, self._epoch = compose(*book, script.PEEK), compose(*book, script.EPOCH)
        self._take = compose(clock, script.TAKE_SLOT)
        self._free = compose(script.FREE_SLOT)
        self._under_way: dict[str, Reservation] = {}
        """What calls of this process hold, to be told again to a Redis that forgot."""
        self._ends: dict[str, float] = {}
        self._owed: deque[tuple[int, list[int | str]]] = deque(maxlen=MOST_OWED)
        """What Redis could not be told when it was away. Telling it twice does no harm."""
        self._adopting = threading.Lock()
        self._lines: dict[asyncio.AbstractEventLoop, Lines] = {}
        self._name = new_epoch()
        self._numbers = count(1)

    async def reserve(self, ask: Ask) -> Reservation:
        at = ask.at or datetime.now(UTC)
        if not ask.bounds:
            verdicts = await limits.get_store().hit(ask.checks) if ask.checks else []
            fits = all(verdict.allowed for verdict in verdicts)
            outcome = Outcome.GRANTED if fits else Outcome.LIMITED
            return Reservation(
                outcome, ask.organization, epoch=self.epoch, verdicts=verdicts, at=at
            )
        attempt = Attempt(self, ask, f"{self._name}-{next(self._numbers)}", at)
        try:
            reservation = await attempt.run()
        except BaseException:
            await asyncio.shield(self._tell_end(ask.organization, attempt.id, "", NOTHING))
            raise
        if reservation.is_granted:
            self._under_way[reservation.id] = reservation
            self._ends[reservation.id] = time.monotonic() + ask.lasts
        return reservation

    async def settle(self, reservation: Reservation, spent: Amount) -> None:
        await self._end(reservation, self.epoch, spent)

    async def release(self, reservation: Reservation) -> None:
        await self._end(reservation, "", NOTHING)

    async def renew(self, reservation: Reservation, lasts: float = LASTS_SECONDS) -> None:
        if not reservation.id:
            return
        self._ends[reservation.id] = time.monotonic() + lasts
        keys = self.place(reservation.organization)
        try:
            await self._link.run(self._renew, keys, [reservation.id, round(lasts * MICROSECONDS)])
        except LimitStoreUnavailable as error:
            log.warning("ledger_renew_failed", error=str(error))

    async def peek(self, organization: int, bounds: Sequence[Bound]) -> tuple[Standing, ...]:
        return await in_pool(self.peek_now, organization, bounds)

    def peek_now(self, organization: int, bounds: Sequence[Bound]) -> tuple[Standing, ...]:
        if not bounds:
            return ()
        if not self.look_now():
            raise LedgerRebuilding
        meters = [bound.meter for bound in bounds]
        keys = [*self.place(organization), *self.meter_keys(organization, meters)]
        reply = self._link.run_now(self._peek, keys, [])
        unknown = [meter for i, meter in enumerate(meters) if not reply[5 * i]]
        if unknown:
            self.load_now(organization, unknown)
            reply = self._link.run_now(self._peek, keys, [])
        return tuple(
            standing(bound, reply[5 * i + 1 : 5 * i + 5]) for i, bound in enumerate(bounds)
        )

    async def take_slot(self, limits: SlotLimits, tokens: int, lasts: float) -> Slot | Busy:
        most = limits.tokens_per_minute
        cost = max(0, tokens if most is None else min(tokens, most))
        name = f"{self._name}-{next(self._numbers)}"
        bounds = [_or_none(limits.parallel), _or_none(limits.requests_per_minute), _or_none(most)]
        args = [name, round(lasts * MICROSECONDS), cost, *bounds]
        word, number = await self._link.run(self._take, self._slot_keys(limits), args)
        if word == b"taken":
            return Slot(limits, name, cost, number)
        return Busy(number / MICROSECONDS, word.decode())

    async def free_slot(self, slot: Slot, tokens: int) -> None:
        most = slot.limits.tokens_per_minute
        used = max(0, tokens if most is None else min(tokens, most))
        args: list[int | str] = [slot.id, slot.second, used - slot.tokens]
        try:
            await self._link.run(self._free, self._slot_keys(slot.limits), args)
        except LimitStoreUnavailable as error:
            log.warning("ledger_slot_kept", error=str(error))

    def reconcile_now(
        self, organization: int, meters: Sequence[Meter], settled: Sequence[Settled]
    ) -> None:
        place = self.place(organization)
        args: list[int | str] = []
        for each in settled:
            args += (each.id, each.epoch, *each.spent)
        if args:
            self._link.run_now(self._settle, place, args)
        # The present epoch, met by this process or not: meeting it drains the spool, and here it is being drained.
        epoch, _ = self._ask_epoch()
        found = self._load(organization, meters, epoch)
        self._take_in_now(organization, found, epoch, is_load=False)

    async def begin(self) -> None:
        try:
            await in_pool(self.look_now)
        except LimitStoreUnavailable as error:
            log.warning("ledger_away", error=str(error))

    async def close(self) -> None:
        self._lines.pop(asyncio.get_running_loop(), None)
        await self._link.close()

    def look_now(self) -> bool:
        """Meet the present epoch, and answer whether it is open. The ticker's call, and of whoever finds a new one."""
        epoch, is_open = self._ask_epoch()
        if epoch != self.epoch:
            with self._adopting:
                if epoch != self.epoch:
                    self._adopt(epoch)
        self._pay_owed()
        return is_open

    def look(self) -> None:
        self.look_now()

    def load_now(self, organization: int, meters: Sequence[Meter]) -> None:
        epoch = self.epoch
        found = self._load(organization, meters, epoch)
        self._take_in_now(organization, found, epoch, is_load=True)

    async def try_now(self, ask: Ask, name: str, mode: str, *, is_first: bool) -> list[Any]:
        """One look: the reply as the script gives it."""
        checks = ask.checks if is_first else ()
        keys, args = encode(checks, self._limit_prefix)
        keys += [
            *self.place(ask.organization),
            *self.meter_keys(ask.organization, [bound.meter for bound in ask.bounds]),
        ]
        lasts = round(ask.lasts * MICROSECONDS)
        args += [self.epoch, new_epoch(), self._closed_for, name, lasts, *ask.most, *ask.likely]
        args.append(mode)
        for bound in ask.bounds:
            args += (_or_none(bound.nano), _or_none(bound.tokens))
        args.append(len(checks))
        reply: list[Any] = await self._link.run(self._reserve, keys, args)
        return reply

    def lines(self) -> Lines:
        loop = asyncio.get_running_loop()
        return self._lines.get(loop) or self._lines.setdefault(loop, Lines())

    def place(self, organization: int) -> list[str]:
        """The epoch and what belongs to an organization, in the scripts' order."""
        own = f"{self._prefix}{{{organization}}}:"
        names = ("holds", "ends", "queue", "waits", "tickets")
        return [f"{self._prefix}epoch", *(own + name for name in names)]

    def meter_keys(self, organization: int, meters: Sequence[Meter]) -> list[str]:
        return [f"{self._prefix}{{{organization}}}:m:{_digest(meter)}" for meter in meters]

    def _slot_keys(self, limits: SlotLimits) -> list[str]:
        own = f"{self._prefix}{{{limits.name}}}:"
        return [f"{own}taken", f"{own}minute"]

    async def _end(self, reservation: Reservation, epoch: str, spent: Amount) -> None:
        if not reservation.id:
            return
        self._under_way.pop(reservation.id, None)
        self._ends.pop(reservation.id, None)
        await self._tell_end(reservation.organization, reservation.id, epoch, spent)

    async def _tell_end(self, organization: int, name: str, epoch: str, spent: Amount) -> None:
        args: list[int | str] = [name, epoch, *spent]
        try:
            await self._link.run(self._settle, self.place(organization), args)
        except LimitStoreUnavailable as error:
            log.warning("ledger_settle_failed", error=str(error))
            self._owed.append((organization, args))
        self.lines().tell(organization)

    def _ask_epoch(self) -> tuple[str, bool]:
        epoch, is_open = self._link.run_now(
            self._epoch, self.place(0)[:1], [new_epoch(), self._closed_for]
        )
        return epoch.decode(), bool(is_open)

    def _adopt(self, epoch: str) -> None:
        """From here on records bear the new epoch; those that bear an older one are brought into the rows."""
        is_first, self.epoch = not self.epoch, epoch
        self._bring()
        by_organization: dict[int, list[Reservation]] = {}
        for reservation in list(self._under_way.values()):
            by_organization.setdefault(reservation.organization, []).append(reservation)
        for organization, reservations in by_organization.items():
            self._announce_now(organization, reservations)
        log.info("ledger_epoch", epoch=epoch, is_first=is_first, under_way=len(self._under_way))

    def _pay_owed(self) -> None:
        while self._owed:
            organization, args = self._owed[0]
            self._link.run_now(self._settle, self.place(organization), args)
            self._owed.popleft()

    def _announce_now(self, organization: int, reservations: Sequence[Reservation]) -> None:
        keys = self.place(organization)
        args: list[int | str] = [self.epoch]
        now = time.monotonic()
        for reservation in reservations:
            keys += self.meter_keys(organization, reservation.meters)
            lasts = round(max(1.0, self._ends.get(reservation.id, now) - now) * MICROSECONDS)
            args += (reservation.id, lasts, *reservation.held, len(reservation.meters))
        self._link.run_now(self._announce, keys, args)

    def _take_in_now(
        self, organization: int, found: Sequence[Former], epoch: str, *, is_load: bool
    ) -> None:
        """Redis ignores it when a newer epoch has begun meanwhile."""
        if not found:
            return
        keys = self.place(organization)[:1]
        keys += self.meter_keys(organization, [row.meter for row in found])
        args: list[int | str] = [epoch, int(is_load)]
        for row in found:
            args += (*row.former, *row.present)
        self._link.run_now(self._take_in, keys, args)


def _digest(meter: Meter) -> str:
    text = f"{meter.scope}|{meter.period}|{meter.begins.isoformat()}|{meter.subject}"
    return blake2b(text.encode(errors="surrogatepass"), digest_size=16).hexdigest()


def _or_none(number: int | None) -> int | str:
    return "" if number is None else number
