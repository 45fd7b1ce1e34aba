"""The ledger of a worker beside a server: the server's own, asked over its socket.

While the server is away calls under a budget are told that the ledger is rebuilding, and the others go on. A server
that was started anew is met as an emptied Redis is: the worker brings its records into the rows, then tells what its
calls hold.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from datetime import UTC, datetime
from typing import Any, Final

from apps.core.asgi.pool import in_pool
from apps.core.limits.errors import LimitStoreUnavailable
from apps.core.rpc.client import ANSWER_SECONDS, Away, Client, Refused
from apps.core.spool import process as spool
from apps.providers.domain.budgets import Amount, Bound, Meter, Standing
from apps.providers.errors import LedgerRebuilding
from apps.providers.ledger import wire
from apps.providers.ledger.protocol import (
    LASTS_SECONDS,
    Ask,
    Busy,
    Outcome,
    Reservation,
    Settled,
    Slot,
    SlotLimits,
)

AWAY: Final = (Away, Refused)


class RemoteLedger:
    """On any loop and thread of a worker."""

    def __init__(self, client: Client, *, bring: Callable[[], object] = spool.drain_whole) -> None:
        self.epoch = ""
        self._client = client
        self._bring = bring
        self._met = 0
        """The number of the connection on which the server was told what is held here."""
        self._meeting = threading.Lock()
        self._under_way: dict[str, tuple[Reservation, float]] = {}
        """With the moment each ends, on this process's clock."""

    async def reserve(self, ask: Ask) -> Reservation:
        try:
            await self._meet()
            seconds = ask.patience + ANSWER_SECONDS
            written = await self._client.ask("ledger.reserve", wire.write_ask(ask), seconds)
        except AWAY:
            outcome = Outcome.REBUILDING if ask.bounds else Outcome.GRANTED
            at = ask.at or datetime.now(UTC)
            return Reservation(outcome, ask.organization, epoch=self.epoch, at=at)
        reservation = wire.read_reservation(written)
        if reservation.id:
            self._under_way[reservation.id] = (reservation, time.monotonic() + ask.lasts)
        return reservation

    async def settle(self, reservation: Reservation, spent: Amount) -> None:
        await self._end(
            reservation, [reservation.organization, reservation.id, self.epoch, list(spent)]
        )

    async def release(self, reservation: Reservation) -> None:
        await self._end(reservation, [reservation.organization, reservation.id, "", [0, 0]])

    async def renew(self, reservation: Reservation, lasts: float = LASTS_SECONDS) -> None:
        if reservation.id not in self._under_way:
            return
        self._under_way[reservation.id] = (reservation, time.monotonic() + lasts)
        with suppress(*AWAY):
            await self._client.ask("ledger.renew", [wire.write_reservation(reservation), lasts])

    async def peek(self, organization: int, bounds: Sequence[Bound]) -> tuple[Standing, ...]:
        return await in_pool(self.peek_now, organization, bounds)

    def peek_now(self, organization: int, bounds: Sequence[Bound]) -> tuple[Standing, ...]:
        try:
            self._meet_now()
            asked = [organization, [wire.write_bound(bound) for bound in bounds]]
            told = self._client.call("ledger.peek", asked)
        except AWAY:
            raise LedgerRebuilding from None
        return tuple(wire.read_standing(standing) for standing in told)

    async def take_slot(self, limits: SlotLimits, tokens: int, lasts: float) -> Slot | Busy:
        try:
            await self._meet()
            asked = [wire.write_limits(limits), tokens, lasts]
            return wire.read_slot(await self._client.ask("ledger.take_slot", asked))
        except AWAY as error:
            raise LimitStoreUnavailable(f"The server did not answer: {error}") from error

    async def free_slot(self, slot: Slot, tokens: int) -> None:
        with suppress(*AWAY):
            await self._client.ask("ledger.free_slot", [wire.write_slot(slot), tokens])

    def reconcile_now(
        self, organization: int, meters: Sequence[Meter], settled: Sequence[Settled]
    ) -> None:
        # Never meets the server first: that drains the spool, and here it is being drained.
        asked = [organization, list(map(wire.write_meter, meters))]
        try:
            self._client.connect()
            self._client.call("ledger.reconcile", [*asked, list(map(wire.write_settled, settled))])
        except AWAY as error:
            raise LimitStoreUnavailable(f"The server did not answer: {error}") from error

    async def begin(self) -> None:
        """Nothing: the server is met with the first call."""

    def look(self) -> None:
        with suppress(*AWAY):
            self._meet_now()

    async def close(self) -> None:
        """Keep the connection: it belongs to no loop."""

    async def _end(self, reservation: Reservation, told: list[Any]) -> None:
        if self._under_way.pop(reservation.id, None) is None:
            return
        with suppress(*AWAY):
            await self._meet()
            await self._client.ask("ledger.end", told)

    async def _meet(self) -> None:
        if not self._is_met:
            await in_pool(self._meet_now)

    @property
    def _is_met(self) -> bool:
        return self._client.is_connected and self._met == self._client.connections

    def _meet_now(self) -> None:
        with self._meeting:
            self._client.connect()
            if self._is_met:
                return
            number = self._client.connections
            epoch = str(self._client.call("ledger.hello", None))
            if epoch != self.epoch:
                self.epoch = epoch
                self._bring()
            self._client.call("ledger.restore", self._held())
            self._met = number

    def _held(self) -> list[Any]:
        now = time.monotonic()
        return [
            [
                reservation.organization,
                reservation.id,
                [wire.write_meter(meter) for meter in reservation.meters],
                list(reservation.held),
                max(1.0, ends_at - now),
            ]
            for reservation, ends_at in list(self._under_way.values())
        ]
